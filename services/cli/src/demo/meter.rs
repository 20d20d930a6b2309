//! How long answers took.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// A minute in microseconds: no answer of a demonstration takes longer, and one that did would count as this.
const LONGEST_US: u64 = 60_000_000;

/// The times of many answers.
pub(crate) struct Meter {
    latencies: Histogram<u64>,
    elapsed: Duration,
}

impl Meter {
    /// A meter that has seen nothing.
    ///
    /// # Errors
    /// Never, in practice: the bounds are constants that the histogram accepts.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { latencies: Histogram::new_with_bounds(1, LONGEST_US, 3)?, elapsed: Duration::ZERO })
    }

    /// One answer came this long after its request was sent.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// Requests were in hand for this long.
    pub(crate) fn add_elapsed(&mut self, elapsed: Duration) {
        self.elapsed += elapsed;
    }

    /// Answers a second while requests were in hand.
    #[expect(clippy::cast_precision_loss, reason = "a rate for the eye")]
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The latency that a share of the answers stayed within, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "at most a minute of microseconds")]
    pub(crate) fn milliseconds(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// The moment, for measuring only.
#[expect(clippy::disallowed_methods, reason = "a demonstration reads the time to state its speed")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_quantiles_are_of_what_was_recorded() {
        let mut meter = Meter::new().unwrap();
        for millis in 1..=100 {
            meter.record(Duration::from_millis(millis));
        }
        meter.add_elapsed(Duration::from_secs(4));
        meter.record(Duration::from_secs(3600));
        assert!((meter.rate() - 25.25).abs() < 1e-9);
        assert!((meter.milliseconds(0.5) - 51.0).abs() < 1.0);
        assert!((meter.milliseconds(1.0) - 60_000.0).abs() < 100.0);
    }
}
