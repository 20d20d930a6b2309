use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use plinth_client::identity::authentication::Verdict;
use serde::Serialize;

use crate::load::What;
use crate::target::{NOT_VERIFIED, Outcome};

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
    /// Of the verdicts, those whose signature was not looked at.
    pub(crate) unchecked: u64,
    /// Answers of an echo.
    pub(crate) echoed: u64,
    /// Requests that came to no verdict, by kind, refusals by their reason among them.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Of those, the refusals that did not say when to come again.
    pub(crate) refused_without_delay: u64,
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
        Ok(Self { latencies: histogram()?, tally: Tally::default() })
    }

    /// Counts what became of a question.
    pub(crate) fn note(&mut self, what: &What) {
        match what {
            What::Answered { outcome, truth, latency } => self.record(outcome, *truth, *latency),
            What::Unsent => self.tally.unsent += 1,
        }
    }

    fn record(&mut self, outcome: &Outcome, truth: Verdict, latency: Duration) {
        match outcome {
            Outcome::Verdict(verdict) => self.verdict(*verdict, truth),
            Outcome::Unchecked(verdict) => {
                self.tally.unchecked += 1;
                self.verdict(*verdict, truth);
            }
            Outcome::Echoed => self.tally.echoed += 1,
            Outcome::Refused { reason, says_when } => {
                self.error(reason);
                self.tally.refused_without_delay += u64::from(!says_when);
            }
            Outcome::Failed(kind) => self.error(kind),
        }
        // Errors count as well: waiting for one is waiting.
        self.latencies.saturating_record(micros(latency));
    }

    fn verdict(&mut self, verdict: Verdict, truth: Verdict) {
        match verdict {
            Verdict::Yes => self.tally.yes += 1,
            Verdict::No => self.tally.no += 1,
        }
        self.tally.untrue += u64::from(verdict != truth);
    }

    fn error(&mut self, kind: &str) {
        *self.tally.errors.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn latency(&self) -> Latency {
        Latency::of(&self.latencies)
    }
}

impl Latency {
    pub(crate) fn of(latencies: &Histogram<u64>) -> Self {
        let at = |quantile| latencies.value_at_quantile(quantile);
        Self { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999), max_us: latencies.max() }
    }
}

/// A histogram of latencies in microseconds, to three digits.
pub(crate) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST_US, 3)?)
}

pub(crate) fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US)
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

    /// Answers that were looked at and could not be trusted.
    pub(crate) fn not_verified(&self) -> u64 {
        self.errors.get(NOT_VERIFIED).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_refusals_and_untruths_are_told_apart() {
        let mut measurement = Measurement::new().unwrap();
        let mut answered = |outcome, milliseconds| {
            let latency = Duration::from_millis(milliseconds);
            measurement.note(&What::Answered { outcome, truth: Verdict::Yes, latency });
        };
        answered(Outcome::Verdict(Verdict::Yes), 1);
        answered(Outcome::Unchecked(Verdict::No), 1);
        answered(Outcome::Refused { reason: "OVERLOADED".to_owned(), says_when: true }, 1);
        answered(Outcome::Refused { reason: "OVERLOADED".to_owned(), says_when: false }, 1);
        answered(Outcome::Failed(NOT_VERIFIED.to_owned()), 3);
        measurement.note(&What::Unsent);
        let tally = measurement.tally();
        assert_eq!((tally.yes, tally.no, tally.untrue, tally.unchecked, tally.unsent), (1, 1, 1, 1, 1));
        assert_eq!((tally.answered(), tally.failed(), tally.not_verified()), (2, 3, 1));
        assert_eq!((tally.errors["OVERLOADED"], tally.refused_without_delay), (2, 1));
        assert!((1_000..1_010).contains(&measurement.latency().p50_us));
        assert!((3_000..3_010).contains(&measurement.latency().max_us));
    }
}
