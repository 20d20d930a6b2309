//! How long the committer gathers: a busy service shares each fsync among more decisions, and nobody waits in an idle one.

use std::time::Duration;

use crate::metrics::Stopwatch;

/// Of the waits that were tried last, the share in vain from which no more are tried.
const VAIN: f32 = 0.5;

/// How much the newest wait counts against those before it.
const NEWEST: f32 = 0.125;

/// While waiting is given up, one batch in so many tries it again.
const TRY_AGAIN: u32 = 64;

/// Keeps commits apart while requests come from many callers.
///
/// A batch that is at hand sooner than the interval after the last one began waits for the rest of it: a service that is
/// not busy never waits. A caller that sends one request after the other is told from many callers by what waiting brings:
/// where nobody else comes meanwhile, it is given up.
pub(crate) struct Pace {
    interval: Duration,
    last: Option<Stopwatch>,
    /// How often waiting brought nobody, 0 to 1: a mean that forgets.
    vain: f32,
    /// Batches since waiting was given up.
    untried: u32,
}

impl Pace {
    /// Commits that begin at least `interval` apart under load; zero never waits.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, last: None, vain: 0.0, untried: 0 }
    }

    /// How long to gather before the batch at hand is settled.
    pub(crate) fn wait(&mut self) -> Duration {
        let since = self.last.as_ref().map_or(Duration::MAX, Stopwatch::elapsed);
        let wait = self.interval.saturating_sub(since);
        if self.vain < VAIN || wait.is_zero() {
            return wait;
        }
        self.untried += 1;
        if self.untried < TRY_AGAIN {
            return Duration::ZERO;
        }
        self.untried = 0;
        wait
    }

    /// What a wait brought.
    pub(crate) fn waited(&mut self, brought_more: bool) {
        let vain = if brought_more { 0.0 } else { 1.0 };
        self.vain += NEWEST * (vain - self.vain);
    }

    /// A batch is settled from now on.
    pub(crate) fn begin(&mut self) {
        self.last = Some(Stopwatch::start());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn the_first_batch_and_one_after_a_pause_do_not_wait() {
        let mut pace = Pace::new(HOUR);
        assert_eq!(pace.wait(), Duration::ZERO);
        pace.begin();
        assert!(pace.wait() > Duration::ZERO);
        let mut pace = Pace::new(Duration::ZERO);
        pace.begin();
        assert_eq!(pace.wait(), Duration::ZERO);
    }

    #[test]
    fn waits_that_bring_nobody_are_given_up_and_tried_again_now_and_then() {
        let mut pace = Pace::new(HOUR);
        pace.begin();
        let waits = |pace: &mut Pace, brings: bool, batches: usize| {
            let mut waits = 0;
            for _ in 0..batches {
                if pace.wait() > Duration::ZERO {
                    waits += 1;
                    pace.waited(brings);
                }
            }
            waits
        };
        assert!(waits(&mut pace, false, 100) < 10);
        assert!((9..=11).contains(&waits(&mut pace, false, 640)));
        // Many callers again: every batch gathers once a few tries have shown it.
        waits(&mut pace, true, 640);
        assert_eq!(waits(&mut pace, true, 100), 100);
        // A wait in vain now and then changes nothing.
        for _ in 0..100 {
            assert_eq!(waits(&mut pace, true, 3), 3);
            assert_eq!(waits(&mut pace, false, 1), 1);
        }
    }
}
