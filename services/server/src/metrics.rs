//! What the service counts while it works, for its operators' eyes: no names, no numbers, no parties.
//!
//! Every label has a fixed set of values, none of which says who took part. Whether an attempt failed because nobody
//! holds the number is not counted anywhere: the answer hides it, and so must the page. Recording costs an atomic addition,
//! or a short lock for durations; nothing is recorded per person. `docs/metrics.md` says how to read the page.

mod page;
mod refused;
mod scores;

pub(crate) use page::MetricsPage;
pub(crate) use refused::CountRefusals;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use plinth_biometrics::calibration::PersonScore;
use plinth_identity::authentication::{FingerFinding, Verdict};
use plinth_identity::statement::EnrolmentOutcome;
use plinth_identity::time::Timestamp;
use plinth_proto::status::Refusal;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tonic::Status;

use crate::core::Core;
use scores::Scores;

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// A number that only this file sets.
type Level = Gauge<u64, AtomicU64>;

/// Everything that is counted. One for the whole service, made before the store opens.
pub(crate) struct Metrics {
    registry: Registry,
    enrolments: Family<Label, Counter>,
    authentications: Family<Label, Counter>,
    refusals: Family<Label, Counter>,
    search_seconds: Histogram,
    search_candidates: Histogram,
    commit_seconds: Histogram,
    commit_decisions: Histogram,
    /// By the number of fingers compared.
    people: Arc<Scores>,
    /// By what was made of it.
    fingers: Arc<Scores>,
    serving: Level,
    queue: Level,
    gallery: Level,
    young: Level,
    segments: Level,
}

impl Metrics {
    /// Nothing counted yet; every label that can come is there from the start, at nought.
    pub(crate) fn new() -> Self {
        // From a tenth of a millisecond to 13 seconds, doubling.
        let seconds = || Histogram::new(exponential_buckets(1e-4, 2.0, 18));
        let counts = || Histogram::new(exponential_buckets(1.0, 2.0, 13));
        let mut metrics = Self {
            registry: Registry::with_prefix("plinth"),
            enrolments: Family::default(),
            authentications: Family::default(),
            refusals: Family::default(),
            search_seconds: seconds(),
            search_candidates: counts(),
            commit_seconds: seconds(),
            commit_decisions: counts(),
            people: Arc::new(Scores::new(
                "search_person_llr",
                "Summed log10 likelihood ratios of the people whom enrolments were verified against, by fingers compared",
                "fingers",
                &FINGERS,
            )),
            fingers: Arc::new(Scores::new(
                "authentication_finger_llr",
                "Summed log10 likelihood ratios of the fingers of authentications, by finding",
                "finding",
                &FINDINGS,
            )),
            serving: Level::default(),
            queue: Level::default(),
            gallery: Level::default(),
            young: Level::default(),
            segments: Level::default(),
        };
        metrics.name_labels();
        metrics.register();
        metrics
    }

    fn name_labels(&self) {
        for outcome in ["issued", "duplicate", "pending", "refused"] {
            drop(self.enrolments.get_or_create(&[("outcome", outcome)]));
        }
        for verdict in ["yes", "no"] {
            drop(self.authentications.get_or_create(&[("verdict", verdict)]));
        }
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("enrolments", "Enrolments decided, by outcome", self.enrolments.clone());
        registry.register(
            "authentications",
            "Answers about people given to relying parties, by verdict",
            self.authentications.clone(),
        );
        registry.register("refusals", "Requests refused, by reason", self.refusals.clone());
        registry.register(
            "search_seconds",
            "Time of a search of the gallery, candidates and their verification included",
            self.search_seconds.clone(),
        );
        registry.register(
            "search_candidates",
            "People whom one search verified",
            self.search_candidates.clone(),
        );
        registry.register(
            "commit_seconds",
            "Time of one commit, its fsync included",
            self.commit_seconds.clone(),
        );
        registry.register(
            "commit_decisions",
            "Decisions that shared one commit",
            self.commit_decisions.clone(),
        );
        registry.register("serving", "1 while requests are let in", self.serving.clone());
        registry.register("queue_length", "Decisions that wait for the committer", self.queue.clone());
        registry.register("gallery_people", "People in the gallery", self.gallery.clone());
        registry.register("index_young_people", "People searched in memory", self.young.clone());
        registry.register("index_segments", "Segments of the index on disk", self.segments.clone());
        registry.register_collector(Box::new(Arc::clone(&self.people)));
        registry.register_collector(Box::new(Arc::clone(&self.fingers)));
    }

    /// An enrolment was decided. A commit that then fails stops the service, so nothing is counted that did not happen
    /// in a service that runs on.
    pub(crate) fn enrolled(&self, outcome: &EnrolmentOutcome) {
        let outcome = match outcome {
            EnrolmentOutcome::Issued { .. } => "issued",
            EnrolmentOutcome::Duplicate => "duplicate",
            EnrolmentOutcome::Pending { .. } => "pending",
            EnrolmentOutcome::Refused => "refused",
        };
        self.enrolments.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A relying party got its yes or no.
    pub(crate) fn answered(&self, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Yes => "yes",
            Verdict::No => "no",
        };
        self.authentications.get_or_create(&[("verdict", verdict)]).inc();
    }

    /// A call ended with a status: counted by the reason inside, or by the gRPC code where there is none.
    fn refused(&self, status: &Status) {
        match Refusal::from_status(status) {
            Some(refusal) => self.refused_because(&refusal),
            None if status.code() == tonic::Code::Ok => {}
            None => self.count_refusal("NONE"),
        }
    }

    /// One request of a stream was refused.
    pub(crate) fn refused_because(&self, refusal: &Refusal) {
        self.count_refusal(refusal.reason.name());
    }

    fn count_refusal(&self, reason: &'static str) {
        self.refusals.get_or_create(&[("reason", reason)]).inc();
    }

    /// A search of the gallery ended, with so many people verified.
    pub(crate) fn searched(&self, elapsed: Duration, candidates: usize) {
        self.search_seconds.observe(elapsed.as_secs_f64());
        self.search_candidates.observe(real(candidates));
    }

    /// A person was verified against an applicant.
    pub(crate) fn compared(&self, score: &PersonScore) {
        let class = match score.fingers {
            0 => return,
            1 => 0,
            2 => 1,
            3 | 4 => 2,
            _ => 3,
        };
        self.people.observe(class, score.llr);
    }

    /// Fingers of an authentication were compared with those of a record, or of whoever stands in for nobody.
    pub(crate) fn authenticated(&self, finding: FingerFinding, score: &PersonScore) {
        match finding {
            FingerFinding::Match => self.fingers.observe(0, score.llr),
            FingerFinding::Mismatch => self.fingers.observe(1, score.llr),
            FingerFinding::NotSent | FingerFinding::NoneRecorded => {}
        }
    }

    /// A batch of decisions was made durable.
    pub(crate) fn committed(&self, elapsed: Duration, decisions: usize) {
        self.commit_seconds.observe(elapsed.as_secs_f64());
        self.commit_decisions.observe(real(decisions));
    }

    /// The index has so many people in memory and so many segments on disk.
    fn indexed(&self, young: u32, segments: usize) {
        self.young.set(young.into());
        self.segments.set(u64::try_from(segments).unwrap_or(u64::MAX));
    }

    /// The page in the OpenMetrics text format, as it may be shown at this moment.
    fn page(&self, now: Timestamp, core: Option<&Core>) -> Result<String, std::fmt::Error> {
        self.people.publish(now);
        self.fingers.publish(now);
        self.serving.set(u64::from(core.is_some()));
        if let Some(core) = core {
            self.queue.set(core.registrar.waiting());
            self.gallery.set(core.reader.head().gallery);
            self.indexed(core.index.newest(), core.index.settled().manifest.segments.len());
        }
        let mut page = String::new();
        encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// Numbers of fingers that are counted together.
const FINGERS: [&str; 4] = ["1", "2", "3-4", "5-10"];

/// What fingers of an authentication can be found to be.
const FINDINGS: [&str; 2] = ["match", "no_match"];

/// Measures how long something takes. No decision depends on it.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "durations for operators; no decision depends on them")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Counts of one search or batch are far below the numbers that a float cannot hold.
fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use plinth_identity::reason::Reason;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    #[test]
    fn every_label_but_the_reasons_is_there_before_anything_happens() {
        let page = Metrics::new().page(START, None).unwrap();
        for line in [
            "plinth_enrolments_total{outcome=\"issued\"} 0",
            "plinth_authentications_total{verdict=\"no\"} 0",
            "plinth_search_seconds_count 0",
            "plinth_search_person_llr_count{fingers=\"5-10\"} 0",
            "plinth_authentication_finger_llr_count{finding=\"match\"} 0",
            "plinth_serving 0",
            "plinth_gallery_people 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(page.ends_with("# EOF\n"), "complete by the rules of OpenMetrics");
    }

    #[test]
    fn what_happens_is_counted_under_its_label() {
        let metrics = Metrics::new();
        metrics.enrolled(&EnrolmentOutcome::Duplicate);
        metrics.answered(Verdict::No);
        metrics.refused(&Status::from(Refusal::from(Reason::Expired)));
        metrics.refused(&Status::out_of_range("too large, says the transport"));
        metrics.refused(&Status::ok(""));
        metrics.searched(Duration::from_millis(3), 7);
        metrics.committed(Duration::from_millis(1), 4);
        metrics.indexed(5, 2);
        let page = metrics.page(START, None).unwrap();
        for line in [
            "plinth_enrolments_total{outcome=\"duplicate\"} 1",
            "plinth_authentications_total{verdict=\"no\"} 1",
            "plinth_refusals_total{reason=\"EXPIRED\"} 1",
            "plinth_refusals_total{reason=\"NONE\"} 1",
            "plinth_search_candidates_bucket{le=\"4.0\"} 0",
            "plinth_search_candidates_bucket{le=\"8.0\"} 1",
            "plinth_commit_decisions_sum 4.0",
            "plinth_index_young_people 5",
            "plinth_index_segments 2",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn scores_are_counted_by_fingers_and_by_finding() {
        let metrics = Metrics::new();
        drop(metrics.page(START, None).unwrap());
        for fingers in [0, 1, 2, 3, 4, 5, 10] {
            for _ in 0..10 {
                metrics.compared(&PersonScore::new(2.0, fingers));
            }
        }
        for finding in [FingerFinding::Match, FingerFinding::NoneRecorded, FingerFinding::NotSent] {
            for _ in 0..10 {
                metrics.authenticated(finding, &PersonScore::new(9.0, 1));
            }
        }
        let page = metrics.page(Timestamp::from_millis(START.millis() + 60_000), None).unwrap();
        for (label, count) in
            [("fingers=\"1\"", 10), ("fingers=\"2\"", 10), ("fingers=\"3-4\"", 20), ("fingers=\"5-10\"", 20)]
        {
            let line = format!("plinth_search_person_llr_count{{{label}}} {count}");
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(page.contains("plinth_authentication_finger_llr_count{finding=\"match\"} 10\n"), "{page}");
        assert!(page.contains("plinth_authentication_finger_llr_count{finding=\"no_match\"} 0\n"), "{page}");
    }
}
