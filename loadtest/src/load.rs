use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use plinth_client::identity::authentication::Verdict;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use crate::measurement::Measurement;
use crate::question::Question;
use crate::stopwatch::tick;
use crate::target::{Outcome, Target};

/// Time to get ready before the first arrival.
const HEAD_START: Duration = Duration::from_millis(100);

/// One load: how fast, and how many may be unanswered.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Arrivals a second, on average.
    pub(crate) rate: u32,
    pub(crate) in_flight: u32,
    pub(crate) seed: u64,
}

/// What a load came to.
pub(crate) struct Driven {
    pub(crate) measurement: Measurement,
    /// From the first arrival to the last answer.
    pub(crate) elapsed: Duration,
}

enum Event {
    Answered { outcome: Outcome, truth: Verdict, latency: Duration },
    Unsent,
}

/// Sends every question at its moment, whatever became of those before, and waits for all answers. Requests have deadlines,
/// so this ends.
pub(crate) async fn drive(
    target: Arc<Target>,
    questions: Vec<Question>,
    load: Load,
) -> anyhow::Result<Driven> {
    let (events, mut happened) = mpsc::unbounded_channel();
    let begin = tick() + HEAD_START;
    let arrivals = arrivals(load.rate, questions.len(), load.seed);
    let runtime = Handle::current();
    // A thread of its own: the timers of an event loop are a millisecond coarse, and this one must not wait for the loop.
    let sender = std::thread::spawn(move || {
        send(&runtime, &target, questions, arrivals, begin, load.in_flight, &events)
    });

    let mut measurement = Measurement::new()?;
    while let Some(event) = happened.recv().await {
        match event {
            Event::Answered { outcome, truth, latency } => measurement.record(outcome, truth, latency),
            Event::Unsent => measurement.unsent(),
        }
    }
    let elapsed = tick().saturating_duration_since(begin);
    sender.join().ok().context("the sending thread panicked")?;
    Ok(Driven { measurement, elapsed })
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
    for (turn, (question, arrival)) in questions.into_iter().zip(arrivals).enumerate() {
        let intended = begin + arrival;
        std::thread::sleep(intended.saturating_duration_since(tick()));
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            drop(events.send(Event::Unsent));
            continue;
        };
        let (target, events) = (Arc::clone(target), events.clone());
        runtime.spawn(async move {
            let outcome = target.ask(turn, &question).await;
            let latency = tick().saturating_duration_since(intended);
            // The receiver outlives every sender.
            drop(events.send(Event::Answered { outcome, truth: question.truth, latency }));
            drop(place);
        });
    }
}

/// The moments of a Poisson process, from its beginning: independent customers, with the bursts that those have.
fn arrivals(rate: u32, count: usize, seed: u64) -> Vec<Duration> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut moment = 0.0;
    (0..count)
        .map(|_| {
            let uniform: f64 = rng.random_range(0.0..1.0);
            moment -= (1.0 - uniform).ln() / f64::from(rate);
            Duration::from_secs_f64(moment)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_in_order_at_the_rate_asked_for() {
        let arrivals = arrivals(1_000, 50_000, 1);
        assert!(arrivals.is_sorted());
        // 50 seconds, within four standard deviations of the sum of 50,000 exponential gaps.
        let last = arrivals[arrivals.len() - 1].as_secs_f64();
        assert!((49.1..50.9).contains(&last), "{last}");
    }

    #[test]
    fn gaps_between_arrivals_vary_as_those_of_independent_customers_do() {
        let arrivals = arrivals(1_000, 50_000, 2);
        let gaps: Vec<f64> = arrivals.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / 49_999.0;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 49_999.0;
        // An exponential distribution's standard deviation is its mean.
        assert!((0.97..1.03).contains(&(variance.sqrt() / mean)));
    }
}
