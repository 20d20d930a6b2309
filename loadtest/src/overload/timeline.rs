use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::{Event, Load, What};
use crate::measurement::{Latency, histogram, micros};
use crate::target::Outcome;

/// What happened second by second, and phase by phase.
pub(super) struct Timeline {
    /// Ends of the phases, seconds from the beginning.
    ends: Vec<u32>,
    seconds: Vec<Bucket>,
    phases: Vec<Bucket>,
    /// Refusals and failures of the middle phase, by kind.
    pub(super) refusals: BTreeMap<String, Refusals>,
}

/// What happened within a stretch of time.
pub(super) struct Bucket {
    /// Questions that were due in it.
    pub(super) offered: u64,
    /// Of those, what was not sent.
    pub(super) unsent: u64,
    /// Verdicts that came in it (of a phase: to questions that were due in it).
    pub(super) verdicts: Histogram<u64>,
    /// Refusals and failures, in the same way.
    pub(super) refused: Histogram<u64>,
}

/// Refusals of one kind.
pub(super) struct Refusals {
    pub(super) latency: Histogram<u64>,
    /// How many said when to come again; nothing where that is not to be expected, because nobody answered at all.
    pub(super) said_when: Option<u64>,
}

/// One second, for people and programs.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Second {
    pub(super) second: u32,
    pub(super) offered: u64,
    pub(super) unsent: u64,
    pub(super) verdicts: u64,
    pub(super) refused: u64,
    pub(super) latency: Latency,
    pub(super) refusal_latency: Latency,
}

impl Bucket {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { offered: 0, unsent: 0, verdicts: histogram()?, refused: histogram()? })
    }

    fn offer(&mut self, unsent: bool) {
        self.offered += 1;
        self.unsent += u64::from(unsent);
    }

    fn answer(&mut self, verdict: bool, latency: Duration) {
        let latencies = if verdict { &mut self.verdicts } else { &mut self.refused };
        latencies.saturating_record(micros(latency));
    }
}

impl Timeline {
    pub(super) fn new(load: &Load) -> anyhow::Result<Self> {
        let ends = load.phases.iter().scan(0, |end, phase| {
            *end += phase.seconds;
            Some(*end)
        });
        Ok(Self {
            ends: ends.collect(),
            seconds: (0..load.seconds()).map(|_| Bucket::new()).collect::<anyhow::Result<_>>()?,
            phases: load.phases.iter().map(|_| Bucket::new()).collect::<anyhow::Result<_>>()?,
            refusals: BTreeMap::new(),
        })
    }

    pub(super) fn note(&mut self, event: &Event) {
        let due = whole(event.due);
        let unsent = matches!(event.what, What::Unsent);
        let phase = self.ends.iter().position(|end| due < *end).unwrap_or(self.ends.len() - 1);
        for bucket in [bucket(&mut self.seconds, due), self.phases.get_mut(phase)].into_iter().flatten() {
            bucket.offer(unsent);
        }
        let What::Answered { outcome, latency, .. } = &event.what else { return };
        let verdict = matches!(outcome, Outcome::Verdict(_) | Outcome::Unchecked(_) | Outcome::Echoed);
        // An answer that comes after the last second has no place in the row of seconds; its phase counts it.
        for bucket in [bucket(&mut self.seconds, whole(event.due + *latency)), self.phases.get_mut(phase)]
            .into_iter()
            .flatten()
        {
            bucket.answer(verdict, *latency);
        }
        // The load in the middle is what is too much.
        if phase == 1 {
            self.refuse(outcome, *latency);
        }
    }

    fn refuse(&mut self, outcome: &Outcome, latency: Duration) {
        let (kind, said_when) = match outcome {
            Outcome::Verdict(_) | Outcome::Unchecked(_) | Outcome::Echoed => return,
            Outcome::Refused { reason, says_when } => (reason, Some(u64::from(*says_when))),
            Outcome::Failed(kind) => (kind, None),
        };
        if !self.refusals.contains_key(kind) {
            let Ok(latency) = histogram() else { return };
            self.refusals.insert(kind.clone(), Refusals { latency, said_when: said_when.map(|_| 0) });
        }
        if let Some(refusals) = self.refusals.get_mut(kind) {
            refusals.latency.saturating_record(micros(latency));
            refusals.said_when = refusals.said_when.map(|count| count + said_when.unwrap_or(0));
        }
    }

    /// What was due in a phase, and what became of it.
    pub(super) fn phase(&self, number: usize) -> &Bucket {
        &self.phases[number]
    }

    /// Every second, as it was.
    pub(super) fn seconds(&self) -> Vec<Second> {
        let second = |(second, bucket): (u32, &Bucket)| Second {
            second,
            offered: bucket.offered,
            unsent: bucket.unsent,
            verdicts: bucket.verdicts.len(),
            refused: bucket.refused.len(),
            latency: Latency::of(&bucket.verdicts),
            refusal_latency: Latency::of(&bucket.refused),
        };
        (0..).zip(&self.seconds).map(second).collect()
    }

    /// The seconds of a phase.
    pub(super) fn seconds_of(&self, phase: usize) -> Vec<Second> {
        let begin = phase.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.seconds()
            .into_iter()
            .filter(|second| (begin..self.ends[phase]).contains(&second.second))
            .collect()
    }
}

fn bucket(buckets: &mut [Bucket], second: u32) -> Option<&mut Bucket> {
    buckets.get_mut(usize::try_from(second).ok()?)
}

/// The second that a moment lies in.
fn whole(moment: Duration) -> u32 {
    u32::try_from(moment.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use plinth_client::identity::authentication::Verdict;

    use super::*;
    use crate::load::Phase;

    #[test]
    fn questions_count_when_they_are_due_and_verdicts_when_they_come() {
        let phases = [1, 2, 1].map(|seconds| Phase { rate: 1, seconds }).to_vec();
        let load = Load { phases, in_flight: 1, seed: 1 };
        let mut timeline = Timeline::new(&load).unwrap();
        let mut note = |due: u64, answered: Option<(u64, Outcome)>| {
            let due = Duration::from_millis(due);
            let what = match answered {
                None => What::Unsent,
                Some((latency, outcome)) => {
                    What::Answered { outcome, truth: Verdict::Yes, latency: Duration::from_millis(latency) }
                }
            };
            timeline.note(&Event { due, what });
        };
        let refused = |says_when| Outcome::Refused { reason: "OVERLOADED".to_owned(), says_when };
        note(500, Some((100, Outcome::Verdict(Verdict::Yes))));
        note(1_500, Some((1_000, Outcome::Unchecked(Verdict::Yes))));
        note(1_600, Some((5, refused(true))));
        note(1_700, Some((5, refused(false))));
        note(2_900, None);
        note(2_950, Some((9_000, Outcome::Failed("transport".to_owned()))));
        let seconds = timeline.seconds();
        let counts: Vec<_> = seconds
            .iter()
            .map(|second| (second.offered, second.unsent, second.verdicts, second.refused))
            .collect();
        assert_eq!(counts, [(1, 0, 1, 0), (3, 0, 0, 2), (2, 1, 1, 0), (0, 0, 0, 0)]);
        let flood = timeline.phase(1);
        assert_eq!((flood.offered, flood.unsent, flood.verdicts.len(), flood.refused.len()), (5, 1, 1, 3));
        assert_eq!(timeline.refusals["OVERLOADED"].said_when, Some(1));
        assert_eq!(timeline.refusals["transport"].said_when, None);
        let places: Vec<_> = timeline.seconds_of(1).iter().map(|second| second.second).collect();
        assert_eq!(places, [1, 2]);
    }
}
