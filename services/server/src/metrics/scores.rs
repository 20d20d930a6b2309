//! Histograms of comparison scores that show the shape of a tail and no single comparison.
//!
//! A score that could be read one by one would be worth stealing: whoever sees the score of each attempt can climb
//! towards minutiae that match (Uludag, Jain, "Attacks on biometric systems: a case study in fingerprints", *Proc. SPIE*
//! 5306, 2004). So what is shown moves at most once a minute, and only when at least ten comparisons have come since;
//! the buckets are half a decade of likelihood wide; and the sum that a histogram carries stays nought.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use plinth_identity::time::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Milliseconds that must lie between two changes of what is shown.
const INTERVAL_MS: u64 = 60_000;

/// New comparisons that must have come before what is shown changes.
const FEWEST: u64 = 10;

/// Buckets: every half from -2 to 12 log10 likelihood ratios, where thresholds lie, wider ones beyond, and one above all.
const BUCKETS: usize = EDGES.len() + 1;

/// Upper edges of all buckets but the last, log10 of the likelihood ratio, ascending. An edge belongs to its bucket.
const EDGES: [f64; 42] = [
    -15.0, -10.0, -8.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0,
    3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0, 14.0,
    16.0, 20.0, 25.0, 30.0, 40.0,
];

/// One label and its values, each with a histogram.
#[derive(Debug)]
pub(super) struct Scores {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    value: &'static str,
    /// Everything that was compared so far.
    counts: [AtomicU64; BUCKETS],
    shown: Mutex<Shown>,
}

/// What a scrape sees.
#[derive(Debug)]
struct Shown {
    /// When it last changed; nothing before the first scrape.
    at: Option<Timestamp>,
    counts: [u64; BUCKETS],
}

impl Scores {
    /// Histograms under `name`, one for every value of the label.
    pub(super) fn new(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: &[&'static str],
    ) -> Self {
        let members = values.iter().map(|&value| Member::new(value)).collect();
        Self { name, help, label, members }
    }

    /// Counts one comparison under the value at `index`. Any thread may call it; it costs one atomic addition.
    pub(super) fn observe(&self, index: usize, llr: f32) {
        let bucket = EDGES.partition_point(|edge| *edge < f64::from(llr));
        if let Some(count) = self.members.get(index).and_then(|member| member.counts.get(bucket)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Brings what is shown up to date, where enough time has passed and enough comparisons have come.
    pub(super) fn publish(&self, now: Timestamp) {
        self.members.iter().for_each(|member| member.publish(now));
    }
}

impl Member {
    fn new(value: &'static str) -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self { value, counts, shown: Mutex::new(Shown { at: None, counts: [0; BUCKETS] }) }
    }

    fn publish(&self, now: Timestamp) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = shown.at else {
            // The first minute begins with the first scrape.
            shown.at = Some(now);
            return;
        };
        let counts: [u64; BUCKETS] =
            std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed));
        let new = counts.iter().sum::<u64>().saturating_sub(shown.counts.iter().sum());
        if now.since(at) >= INTERVAL_MS && new >= FEWEST {
            *shown = Shown { at: Some(now), counts };
        }
    }
}

impl Collector for Scores {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let mut family = encoder.encode_descriptor(self.name, self.help, None, MetricType::Histogram)?;
        for member in &self.members {
            let shown = member.shown.lock().unwrap_or_else(PoisonError::into_inner).counts;
            let edges = EDGES.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = edges.zip(shown).collect();
            let labels = [(self.label, member.value)];
            let mut one = family.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(0.0, shown.iter().sum(), &buckets, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn after(millis: u64) -> Timestamp {
        Timestamp::from_millis(START.millis() + millis)
    }

    fn page(scores: &Arc<Scores>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(scores)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    fn scores() -> Arc<Scores> {
        Arc::new(Scores::new("score", "How alike", "kind", &["a", "b"]))
    }

    #[test]
    fn what_is_shown_moves_once_a_minute_and_never_by_fewer_than_ten() {
        let scores = scores();
        let count = |scores: &Arc<Scores>| {
            let page = page(scores);
            let line = page.lines().find(|line| line.starts_with("score_count{kind=\"a\"}")).unwrap();
            line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
        };
        scores.publish(START);
        (0..9).for_each(|_| scores.observe(0, 1.0));
        scores.publish(after(60_000));
        assert_eq!(count(&scores), 0, "nine comparisons are too few to hide in");
        scores.observe(0, 1.0);
        scores.publish(after(59_999));
        assert_eq!(count(&scores), 0, "a minute has not passed");
        scores.publish(after(60_000));
        assert_eq!(count(&scores), 10);
        (0..10).for_each(|_| scores.observe(0, 1.0));
        scores.publish(after(119_999));
        assert_eq!(count(&scores), 10);
        scores.publish(after(120_000));
        assert_eq!(count(&scores), 20);
    }

    #[test]
    fn a_score_falls_into_the_bucket_whose_edge_it_does_not_exceed() {
        let scores = scores();
        scores.publish(START);
        for llr in [-90.0, -15.0, 0.0, 0.1, 0.5, 6.0, 39.0, 40.5, f32::INFINITY, f32::NAN] {
            scores.observe(1, llr);
        }
        scores.publish(after(60_000));
        let page = page(&scores);
        for (edge, expected) in [("-15.0", 3), ("0.0", 4), ("0.5", 6), ("5.5", 6), ("6.0", 7), ("40.0", 8)] {
            let line = format!("score_bucket{{le=\"{edge}\",kind=\"b\"}} {expected}\n");
            assert!(page.contains(&line), "{line}{page}");
        }
        assert!(page.contains("score_bucket{le=\"+Inf\",kind=\"b\"} 10\n"), "{page}");
        assert!(page.contains("score_sum{kind=\"b\"} 0.0\n"), "a sum would tell single scores apart\n{page}");
    }

    #[test]
    fn the_edges_ascend() {
        assert!(EDGES.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
