use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use plinth_client::identity::authentication::Verdict;
use serde::Serialize;

use crate::target::Outcome;

/// Latencies beyond a minute count as a minute.
const LONGEST_US: u64 = 60_000_000;

/// What happened at one rate.
pub(crate) struct Measurement {
    latencies: Histogram<u64>,
    tally: Tally,
}

/// Counts of one rate.
#[derive(Serialize, Clone, Default)]
pub(crate) struct Tally {
    /// Answers with a verified yes.
    pub(crate) yes: u64,
    /// Answers with a verified no.
    pub(crate) no: u64,
    /// Verdicts that are not the truth: a genuine finger that did not match, for example.
    pub(crate) untrue: u64,
    /// Answers of an echo.
    pub(crate) echoed: u64,
    /// Requests that came to no verdict, by kind.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Requests that were not sent because too many were unanswered.
    pub(crate) unsent: u64,
}

/// Latencies in microseconds, from the moment at which the request was to be sent to the verified answer.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    pub(crate) max_us: u64,
}

impl Measurement {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { latencies: Histogram::new_with_bounds(1, LONGEST_US, 3)?, tally: Tally::default() })
    }

    pub(crate) fn record(&mut self, outcome: Outcome, truth: Verdict, latency: Duration) {
        match outcome {
            Outcome::Verdict(verdict) => {
                match verdict {
                    Verdict::Yes => self.tally.yes += 1,
                    Verdict::No => self.tally.no += 1,
                }
                self.tally.untrue += u64::from(verdict != truth);
            }
            Outcome::Echoed => self.tally.echoed += 1,
            Outcome::Failed(kind) => *self.tally.errors.entry(kind).or_default() += 1,
        }
        let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
        // Errors count as well: waiting for one is waiting.
        self.latencies.saturating_record(micros);
    }

    pub(crate) fn unsent(&mut self) {
        self.tally.unsent += 1;
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn latency(&self) -> Latency {
        let at = |quantile| self.latencies.value_at_quantile(quantile);
        Latency { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999), max_us: self.latencies.max() }
    }
}

impl Tally {
    /// Requests that were answered.
    pub(crate) fn answered(&self) -> u64 {
        self.yes + self.no + self.echoed
    }

    /// Requests that were sent and came to nothing.
    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_errors_and_untruths_are_told_apart() {
        let mut measurement = Measurement::new().unwrap();
        let millisecond = Duration::from_millis(1);
        measurement.record(Outcome::Verdict(Verdict::Yes), Verdict::Yes, millisecond);
        measurement.record(Outcome::Verdict(Verdict::No), Verdict::Yes, millisecond);
        measurement.record(Outcome::Failed("OVERLOADED".to_owned()), Verdict::Yes, 3 * millisecond);
        measurement.unsent();
        let tally = measurement.tally();
        assert_eq!((tally.yes, tally.no, tally.untrue, tally.unsent), (1, 1, 1, 1));
        assert_eq!((tally.answered(), tally.failed()), (2, 1));
        assert!((1_000..1_010).contains(&measurement.latency().p50_us));
        assert!((3_000..3_010).contains(&measurement.latency().max_us));
    }
}
