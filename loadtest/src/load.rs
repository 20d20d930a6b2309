use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use plinth_client::identity::authentication::Verdict;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use crate::question::Question;
use crate::stopwatch::tick;
use crate::target::{Outcome, Target};

/// Time to get ready before the first arrival.
const HEAD_START: Duration = Duration::from_millis(100);

/// One load: how fast and for how long, and how many may be unanswered.
#[derive(Clone)]
pub(crate) struct Load {
    /// One after the other, without a pause.
    pub(crate) phases: Vec<Phase>,
    pub(crate) in_flight: u32,
    pub(crate) seed: u64,
}

/// A stretch of one rate.
#[derive(Clone, Copy)]
pub(crate) struct Phase {
    /// Arrivals a second.
    pub(crate) rate: u32,
    pub(crate) seconds: u32,
}

/// What became of one question.
pub(crate) struct Event {
    /// When it was to be sent, from the beginning of the load.
    pub(crate) due: Duration,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// It was sent, and something came back so long after it was due.
    Answered { outcome: Outcome, truth: Verdict, latency: Duration },
    /// It was not sent because too many were unanswered.
    Unsent,
}

impl Load {
    pub(crate) fn seconds(&self) -> u32 {
        self.phases.iter().map(|phase| phase.seconds).sum()
    }

    /// The moments of a Poisson process, from its beginning: independent customers, with the bursts that those have. Given
    /// how many come in a phase, their moments are independent and even over it, so each phase has exactly the arrivals of
    /// its rate.
    pub(crate) fn arrivals(&self) -> Vec<Duration> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let (mut arrivals, mut begin) = (Vec::new(), 0.0);
        for Phase { rate, seconds } in &self.phases {
            let length = f64::from(*seconds);
            let moment = |_| Duration::from_secs_f64(begin + length * rng.random_range(0.0..1.0));
            let mut phase: Vec<Duration> = (0..u64::from(*rate) * u64::from(*seconds)).map(moment).collect();
            phase.sort_unstable();
            arrivals.append(&mut phase);
            begin += length;
        }
        arrivals
    }
}

/// Sends every question at its moment, whatever became of those before, waits for all answers, and shows what became of
/// each. Requests have deadlines, so this ends. Returns the time from the beginning of the load to the last answer.
pub(crate) async fn drive(
    target: Arc<Target>,
    questions: Vec<Question>,
    arrivals: Vec<Duration>,
    in_flight: u32,
    mut see: impl FnMut(Event),
) -> anyhow::Result<Duration> {
    let (events, mut happened) = mpsc::unbounded_channel();
    let begin = tick() + HEAD_START;
    let runtime = Handle::current();
    // A thread of its own: the timers of an event loop are a millisecond coarse, and this one must not wait for the loop.
    let sender = std::thread::spawn(move || {
        send(&runtime, &target, questions, arrivals, begin, in_flight, &events);
    });
    while let Some(event) = happened.recv().await {
        see(event);
    }
    let elapsed = tick().saturating_duration_since(begin);
    sender.join().ok().context("the sending thread panicked")?;
    Ok(elapsed)
}

fn send(
    runtime: &Handle,
    target: &Arc<Target>,
    questions: Vec<Question>,
    arrivals: Vec<Duration>,
    begin: Instant,
    in_flight: u32,
    events: &mpsc::UnboundedSender<Event>,
) {
    let places = Arc::new(Semaphore::new(usize::try_from(in_flight).unwrap_or(usize::MAX)));
    for (turn, (question, due)) in questions.into_iter().zip(arrivals).enumerate() {
        let intended = begin + due;
        std::thread::sleep(intended.saturating_duration_since(tick()));
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            drop(events.send(Event { due, what: What::Unsent }));
            continue;
        };
        let (target, events) = (Arc::clone(target), events.clone());
        runtime.spawn(async move {
            let outcome = target.ask(turn, &question).await;
            let latency = tick().saturating_duration_since(intended);
            let what = What::Answered { outcome, truth: question.truth, latency };
            // The receiver outlives every sender.
            drop(events.send(Event { due, what }));
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_in_order_and_each_phase_has_those_of_its_rate() {
        let phases = vec![Phase { rate: 100, seconds: 5 }, Phase { rate: 1_000, seconds: 3 }];
        let arrivals = Load { phases, in_flight: 1, seed: 1 }.arrivals();
        assert!(arrivals.is_sorted());
        let within = |from: u64, until: u64| {
            let within = Duration::from_secs(from)..Duration::from_secs(until);
            arrivals.iter().filter(|arrival| within.contains(arrival)).count()
        };
        assert_eq!((within(0, 5), within(5, 8), arrivals.len()), (500, 3_000, 3_500));
    }

    #[test]
    fn gaps_between_arrivals_vary_as_those_of_independent_customers_do() {
        let phases = vec![Phase { rate: 1_000, seconds: 50 }];
        let arrivals = Load { phases, in_flight: 1, seed: 2 }.arrivals();
        let gaps: Vec<f64> = arrivals.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / 49_999.0;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 49_999.0;
        // An exponential distribution's standard deviation is its mean.
        assert!((0.97..1.03).contains(&(variance.sqrt() / mean)));
    }
}
