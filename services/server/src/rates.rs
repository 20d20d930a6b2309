//! How many requests a second a relying party may send: the generic cell rate algorithm (ITU-T I.371), one cell a party.
//!
//! The counters live in memory: a restart forgives at most one burst. What must outlive a restart is counted in the store.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use plinth_identity::id::PartyId;
use plinth_identity::party::Party;
use plinth_identity::reason::Reason;

use crate::budget::Budget;
use crate::config::RelyingPartyDefaults;
use crate::refusal::Refusal;

/// The request rates of all relying parties.
pub(crate) struct Rates {
    defaults: RelyingPartyDefaults,
    cells: RwLock<HashMap<PartyId, Cell>>,
}

/// One party's limiter, and the rate and burst that it was made for: a policy that changes makes a new one.
struct Cell {
    rate: (u32, u32),
    limiter: Arc<DefaultDirectRateLimiter>,
}

impl Rates {
    /// No request has been counted.
    pub(crate) fn new(defaults: RelyingPartyDefaults) -> Self {
        Self { defaults, cells: RwLock::default() }
    }

    /// Counts a request, or refuses it and says when there is room.
    pub(crate) fn admit(&self, party: &Party) -> Result<(), Refusal> {
        let limiter = self.limiter(party);
        limiter.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Refusal::limit(
                Reason::QuotaExceeded,
                Budget::RequestsPerSecond,
                wait.max(Duration::from_millis(1)),
            )
        })
    }

    fn limiter(&self, party: &Party) -> Arc<DefaultDirectRateLimiter> {
        let rate = self.rate(party);
        let found = |cells: &HashMap<PartyId, Cell>| {
            cells.get(&party.id).filter(|cell| cell.rate == rate).map(|cell| Arc::clone(&cell.limiter))
        };
        if let Some(limiter) = found(&self.cells.read().unwrap_or_else(PoisonError::into_inner)) {
            return limiter;
        }
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have made it between the two locks.
        if let Some(limiter) = found(&cells) {
            return limiter;
        }
        let count = |value: u32| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(count(rate.0)).allow_burst(count(rate.1));
        let limiter = Arc::new(RateLimiter::direct(quota));
        cells.insert(party.id.clone(), Cell { rate, limiter: Arc::clone(&limiter) });
        limiter
    }

    /// Requests a second and burst of a party: its policy's own, or the service's.
    fn rate(&self, party: &Party) -> (u32, u32) {
        let own = party.policy.quotas;
        let or = |own: u32, default: u32| if own == 0 { default } else { own };
        let rate = or(own.requests_per_second, self.defaults.requests_per_second);
        let burst = match (own.requests_per_second, own.burst) {
            // A rate of its own without a burst of its own: one second's worth.
            (1.., 0) => rate,
            (_, burst) => or(burst, self.defaults.burst),
        };
        (rate, burst)
    }
}
