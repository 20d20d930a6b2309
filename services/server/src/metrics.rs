//! What the service counts while it works, for its operators' eyes: no people, no numbers, no stations.
//!
//! Every label has a fixed set of values, or those of the registry: parties whose signature verified. None says about whom
//! anybody asked. Whether an attempt failed because nobody holds the number is not counted anywhere: the answer hides it,
//! and so must the page. Recording costs an atomic addition, or a short lock for durations; nothing is recorded per person.
//! `docs/metrics.md` says how to read the page.

mod calls;
mod methods;
mod page;
mod parties;
mod scores;

pub(crate) use calls::{Call, WatchCalls};
pub(crate) use page::MetricsPage;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use plinth_biometrics::calibration::PersonScore;
use plinth_identity::authentication::{FingerFinding, Verdict};
use plinth_identity::id::PartyId;
use plinth_identity::party::PartyKind;
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

use crate::budget::Budget;
use crate::core::Core;
use methods::Methods;
use parties::Parties;
use scores::Scores;

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// Labels whose values are known only when the service runs. Made once for each row, and not for each count.
type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// A number that only this file sets.
type Level = Gauge<u64, AtomicU64>;

/// Everything that is counted. One for the whole service, made before the store opens.
pub(crate) struct Metrics {
    registry: Registry,
    methods: Methods,
    parties: Parties,
    enrolments: Family<Label, Counter>,
    authentications: Family<Label, Counter>,
    refusals: Family<Label, Counter>,
    budget_refusals: Family<Label, Counter>,
    abandoned: Counter,
    roots_signed: Counter,
    proved_by_path: Counter,
    search_seconds: Histogram,
    search_candidates: Histogram,
    commit_seconds: Histogram,
    commit_decisions: Histogram,
    /// By the number of fingers compared.
    people: Arc<Scores>,
    /// By what was made of it.
    fingers: Arc<Scores>,
    serving: Level,
    in_flight: Level,
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
        let mut registry = Registry::with_prefix("plinth");
        let mut metrics = Self {
            methods: Methods::new(&mut registry),
            parties: Parties::new(&mut registry),
            registry,
            enrolments: Family::default(),
            authentications: Family::default(),
            refusals: Family::default(),
            budget_refusals: Family::default(),
            abandoned: Counter::default(),
            roots_signed: Counter::default(),
            proved_by_path: Counter::default(),
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
            in_flight: Level::default(),
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
        for budget in Budget::ALL {
            drop(self.budget_refusals.get_or_create(&[("budget", budget.name())]));
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
            "budget_refusals",
            "Requests refused because a budget was used up, by budget",
            self.budget_refusals.clone(),
        );
        registry.register(
            "abandoned",
            "Requests not worked on any further because the caller had gone",
            self.abandoned.clone(),
        );
        registry.register(
            "roots_signed",
            "Signatures over the root of a batch of verdicts",
            self.roots_signed.clone(),
        );
        registry.register(
            "verdicts_proved_by_path",
            "Verdicts answered with a path to a signed root",
            self.proved_by_path.clone(),
        );
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
        registry.register("requests_in_flight", "Requests in hand", self.in_flight.clone());
        registry.register("queue_length", "Decisions that wait for the committer", self.queue.clone());
        registry.register("gallery_people", "People in the gallery", self.gallery.clone());
        registry.register("index_young_people", "People searched in memory", self.young.clone());
        registry.register("index_segments", "Segments of the index on disk", self.segments.clone());
        registry.register_collector(Box::new(Arc::clone(&self.people)));
        registry.register_collector(Box::new(Arc::clone(&self.fingers)));
    }

    /// An enrolment was decided. A commit that then fails stops the service, so nothing is counted that did not happen
    /// in a service that runs on.
    pub(crate) fn enrolled(&self, agency: &PartyId, outcome: &EnrolmentOutcome) {
        let outcome = match outcome {
            EnrolmentOutcome::Issued { .. } => "issued",
            EnrolmentOutcome::Duplicate => "duplicate",
            EnrolmentOutcome::Pending { .. } => "pending",
            EnrolmentOutcome::Refused => "refused",
        };
        self.enrolments.get_or_create(&[("outcome", outcome)]).inc();
        self.parties.of(PartyKind::Agency, agency).answered(outcome);
    }

    /// A relying party got its yes or no.
    pub(crate) fn answered(&self, relying_party: &PartyId, verdict: Verdict) {
        let verdict = match verdict {
            Verdict::Yes => "yes",
            Verdict::No => "no",
        };
        self.authentications.get_or_create(&[("verdict", verdict)]).inc();
        self.parties.of(PartyKind::RelyingParty, relying_party).answered(verdict);
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
        if let Some(budget) = refusal.quota.as_deref().and_then(Budget::named) {
            self.budget_refusals.get_or_create(&[("budget", budget.name())]).inc();
        }
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
            self.in_flight.set(core.in_hand());
            self.queue.set(core.registrar.waiting());
            self.gallery.set(core.reader.head().gallery);
            self.indexed(core.index.newest(), core.index.settled().manifest.segments.len());
        }
        let mut page = String::new();
        encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

impl Metrics {
    /// A request is not worked on any further: its caller has gone, and nobody waits for the answer.
    pub(crate) fn abandoned(&self) {
        self.abandoned.inc();
    }

    /// The root of a batch of verdicts was signed.
    pub(crate) fn root_signed(&self) {
        self.roots_signed.inc();
    }

    /// A verdict went out with a path to a root that is signed, instead of a signature of its own.
    pub(crate) fn proved_by_path(&self) {
        self.proved_by_path.inc();
    }
}

/// Numbers of fingers that are counted together.
const FINGERS: [&str; 4] = ["1", "2", "3-4", "5-10"];

/// What fingers of an authentication can be found to be.
const FINDINGS: [&str; 2] = ["match", "no_match"];

/// Measures how long something takes. No decision depends on it.
#[derive(Clone, Copy)]
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
    fn every_label_with_fixed_values_but_the_reasons_is_there_before_anything_happens() {
        let page = Metrics::new().page(START, None).unwrap();
        for line in [
            "plinth_enrolments_total{outcome=\"issued\"} 0",
            "plinth_authentications_total{verdict=\"no\"} 0",
            "plinth_search_seconds_count 0",
            "plinth_search_person_llr_count{fingers=\"5-10\"} 0",
            "plinth_authentication_finger_llr_count{finding=\"match\"} 0",
            "plinth_budget_refusals_total{budget=\"requests_per_second\"} 0",
            "plinth_abandoned_total 0",
            "plinth_requests_in_flight 0",
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
        let party = PartyId::parse("north").unwrap();
        metrics.enrolled(&party, &EnrolmentOutcome::Duplicate);
        metrics.answered(&party, Verdict::No);
        metrics.refused(&Status::from(Refusal::from(Reason::Expired)));
        metrics.refused(&Status::out_of_range("too large, says the transport"));
        metrics.refused(&Status::ok(""));
        metrics.searched(Duration::from_millis(3), 7);
        metrics.committed(Duration::from_millis(1), 4);
        metrics.indexed(5, 2);
        metrics.abandoned();
        metrics.root_signed();
        metrics.proved_by_path();
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
            "plinth_abandoned_total 1",
            "plinth_roots_signed_total 1",
            "plinth_verdicts_proved_by_path_total 1",
            "plinth_party_answers_total{kind=\"agency\",party=\"north\",answer=\"duplicate\"} 1",
            "plinth_party_answers_total{kind=\"relying_party\",party=\"north\",answer=\"no\"} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn a_budget_that_is_used_up_is_counted_by_its_name_and_a_stranger_to_us_is_not() {
        let metrics = Metrics::new();
        for budget in Budget::ALL {
            let limit = crate::refusal::Refusal::limit(Reason::QuotaExceeded, budget, Duration::from_secs(1));
            metrics.refused(&limit.into());
        }
        let unheard_of = Refusal::from(Reason::QuotaExceeded).with_quota("unheard_of");
        metrics.refused_because(&unheard_of);
        let page = metrics.page(START, None).unwrap();
        for budget in Budget::ALL {
            let line = format!("plinth_budget_refusals_total{{budget=\"{}\"}} 1\n", budget.name());
            assert!(page.contains(&line), "{line}{page}");
        }
        assert!(!page.contains("unheard_of"), "{page}");
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
