use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use tokio::time::{Instant, sleep};
use tower::retry::budget::{Budget as _, TpsBudget};
use tracing::debug;

use crate::error::ClientError;

/// What the calls of one connection may send again, all together: one in five of the last ten seconds' calls, and 20 besides.
/// Clients that all repeat themselves would keep a service that has too much to do from ever catching up.
pub(crate) fn allowance() -> TpsBudget {
    const SECONDS: u64 = 10;
    const A_SECOND: u32 = 2;
    const SHARE: f32 = 0.2;
    TpsBudget::new(Duration::from_secs(SECONDS), A_SECOND, SHARE)
}

/// How often, and for how long, the same bytes are sent again while the reason may pass.
///
/// The pause before the next try is drawn evenly between nothing and a bound that doubles from `base` to `cap` (full
/// jitter: Brooker, "Exponential Backoff and Jitter", 2015), so that clients which failed together do not return together;
/// it is never shorter than what the service asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all; 0 and 1 both mean a single one.
    pub attempts: u32,
    /// No pause is begun that would end later than this after the first try.
    pub budget: Duration,
    /// Longest pause after the first try.
    pub base: Duration,
    /// Longest pause of all.
    pub cap: Duration,
}

impl Default for Retry {
    /// Four tries within ten seconds: a live request, which expires after thirty, is still fresh at the last one.
    fn default() -> Self {
        Self {
            attempts: 4,
            budget: Duration::from_secs(10),
            base: Duration::from_millis(50),
            cap: Duration::from_secs(2),
        }
    }
}

impl Retry {
    /// A single try: for measurements, and for callers with a schedule of their own.
    #[must_use]
    pub const fn none() -> Self {
        Self { attempts: 1, budget: Duration::ZERO, base: Duration::ZERO, cap: Duration::ZERO }
    }

    /// Calls until it succeeds, fails for good, or the schedule ends; returns the last outcome. So it does where the
    /// connection's `allowance` has no retry left.
    pub(crate) async fn run<T, C, F>(&self, allowance: &TpsBudget, mut call: C) -> Result<T, ClientError>
    where
        C: FnMut() -> F,
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut rng: StdRng = rand::make_rng();
        let begun = Instant::now();
        let mut tried = 0;
        allowance.deposit();
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            tried += 1;
            let Some(pause) = self.pause(tried, begun.elapsed(), &error, &mut rng) else { return Err(error) };
            if !allowance.withdraw() {
                debug!(tried, %error, "not sent again: too many of this connection's calls fail");
                return Err(error);
            }
            debug!(tried, pause_ms = pause.as_millis(), %error, "sending the same bytes again");
            sleep(pause).await;
        }
    }

    /// How long to wait after the try number `tried`, `spent` after the first began; `None` to give up.
    fn pause<R: Rng>(
        &self,
        tried: u32,
        spent: Duration,
        error: &ClientError,
        rng: &mut R,
    ) -> Option<Duration> {
        if !error.retryable() || tried >= self.attempts {
            return None;
        }
        let bound = self.base.saturating_mul(1 << (tried - 1).min(20)).min(self.cap);
        let drawn = bound.mul_f64(rng.random_range(0.0..=1.0));
        let pause = drawn.max(error.retry_after().unwrap_or(Duration::ZERO));
        (spent.saturating_add(pause) <= self.budget).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use tonic::Code;

    use super::*;
    use crate::error::{Refusal, TransportError};

    fn lost() -> ClientError {
        ClientError::Transport(TransportError { code: Code::Unavailable, message: String::new() })
    }

    fn overloaded(retry_after: Duration) -> ClientError {
        ClientError::Refused(Refusal {
            code: Code::ResourceExhausted,
            reason: Some(plinth_identity::Reason::Overloaded),
            message: String::new(),
            violations: Vec::new(),
            server_time: None,
            retry_after: Some(retry_after),
            quota: None,
        })
    }

    #[test]
    fn a_pause_stays_below_a_bound_that_doubles_up_to_the_cap() {
        let retry = Retry { attempts: 100, budget: Duration::MAX, ..Retry::default() };
        let mut rng = StdRng::seed_from_u64(1);
        for tried in 1..60 {
            let bound = (retry.base * 2_u32.pow((tried - 1).min(10))).min(retry.cap);
            for _ in 0..50 {
                let pause = retry.pause(tried, Duration::ZERO, &lost(), &mut rng).unwrap();
                assert!(pause <= bound, "{pause:?} after try {tried}");
            }
        }
    }

    #[test]
    fn the_service_is_given_the_time_it_asked_for() {
        let mut rng = StdRng::seed_from_u64(2);
        let asked = Duration::from_millis(700);
        let pause = Retry::default().pause(1, Duration::ZERO, &overloaded(asked), &mut rng).unwrap();
        assert_eq!(pause, asked);
    }

    #[test]
    fn tries_are_counted_and_the_budget_is_kept() {
        let mut rng = StdRng::seed_from_u64(3);
        let retry = Retry::default();
        assert!(retry.pause(3, Duration::ZERO, &lost(), &mut rng).is_some());
        assert_eq!(retry.pause(4, Duration::ZERO, &lost(), &mut rng), None);
        assert_eq!(retry.pause(1, retry.budget + Duration::from_millis(1), &lost(), &mut rng), None);
        assert_eq!(retry.pause(1, Duration::ZERO, &overloaded(Duration::from_secs(11)), &mut rng), None);
        assert_eq!(Retry::none().pause(1, Duration::ZERO, &lost(), &mut rng), None);
    }

    #[tokio::test]
    async fn a_service_that_fails_everybody_is_not_asked_twice_by_everybody() {
        const CALLS: u32 = 1_000;
        let at_once = Retry { cap: Duration::ZERO, ..Retry::default() };
        let allowance = allowance();
        let mut asked = 0;
        for _ in 0..CALLS {
            let outcome: Result<(), _> = at_once
                .run(&allowance, || {
                    asked += 1;
                    std::future::ready(Err(lost()))
                })
                .await;
            assert!(outcome.is_err());
        }
        assert!((1_150..=1_250).contains(&asked), "{asked} of {CALLS}");
        // One that fails now and then is asked again each time.
        let allowance = super::allowance();
        for _ in 0..20 {
            let mut tries = 0;
            let outcome: Result<(), _> = at_once
                .run(&allowance, || {
                    tries += 1;
                    std::future::ready(if tries == 1 { Err(lost()) } else { Ok(()) })
                })
                .await;
            assert!(outcome.is_ok());
        }
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        let mut rng = StdRng::seed_from_u64(4);
        let forged = ClientError::Answer(crate::verify::VerifyError::Signature);
        assert_eq!(Retry::default().pause(1, Duration::ZERO, &forged, &mut rng), None);
    }
}
