//! The courier: reads the outbox, has every message sent, and every row removed.
//!
//! *At least once, and always under the same id.* A row is removed only after its sender has taken the message, so a crash
//! loses nothing; what was sent just before the crash is sent once more and recognised by its id.
//!
//! *Nobody waits for somebody else's gateway.* Each channel has attempts of its own in hand, at most [`ATTEMPTS`]. What
//! fails waits outside, longer after each failure, until its code is too old to be of use.
//!
//! *Codes are not kept in memory.* What waits is known by its row alone and is read again when its turn comes.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use plinth_identity::dsse::SigningKey;
use plinth_identity::otp::{Delivery, Destination};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{DeliverySettings, Routes, Sender};
use crate::ServeError;
use crate::clock::Clock;

/// Attempts that one channel has in hand at most.
const ATTEMPTS: usize = 16;

/// Rows that are known and not done at most, 24 bytes each; the rest waits in the store. That is ten minutes, the life of
/// a code, at 1,700 codes a second with every gateway down.
const MOST_KNOWN: usize = 1 << 20;

/// Rows that one look at the outbox takes in.
const PAGE: usize = 64;

/// Rows that wait to be delivered.
pub(crate) trait Outbox: Send + Sync + 'static {
    /// The rows after row `after` in ascending order, at most `limit`. Rows are numbered from 1 in the order of their
    /// commits, and a number is never used again. May block for as long as a read takes.
    fn due(&self, after: u64, limit: usize) -> Result<Vec<(u64, Delivery)>, OutboxError>;

    /// Removes a row. Returns when that is durable; a row that is gone already is a success.
    fn done(&self, row: u64) -> impl Future<Output = Result<(), OutboxError>> + Send;
}

/// Why the outbox could not be read or a row not removed. For logs: it holds nothing personal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OutboxError(pub(crate) String);

/// How fast things happen.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Wait after the first failure; each further one doubles it.
    first: Duration,
    /// The longest wait.
    longest: Duration,
    /// How often the outbox is looked at without being told to, and how often counts are logged.
    look: Duration,
    /// How long attempts in hand may go on after a stop.
    grace: Duration,
}

impl Pace {
    const USUAL: Self = Self {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        look: Duration::from_secs(5),
        grace: Duration::from_secs(1),
    };

    /// The wait after so many failures of a row. Rows differ by up to a half, so that what failed together does not come
    /// back together.
    fn wait(self, failures: u32, row: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest);
        let share = u32::try_from(row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).unwrap_or(0);
        doubled + doubled * share / 512
    }
}

/// Takes messages from the outbox to the senders.
pub(crate) struct Courier {
    routes: Routes,
    pace: Pace,
}

impl Courier {
    /// A courier with the senders of the settings. `key` signs webhooks; see [`plinth_identity::keys::KeyRing`].
    ///
    /// # Errors
    /// [`ServeError`] if a file of the settings cannot be read, or a setting does not fit.
    pub(crate) fn open(
        settings: &DeliverySettings,
        key: &SigningKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        Ok(Self { routes: Routes::open(settings, key, clock)?, pace: Pace::USUAL })
    }

    /// Delivers until `stop`, and returns within a second after it. `wake` (by `notify_one`) says that a row was added;
    /// without it a row is found within five seconds. `clock` says which codes are too old.
    pub(crate) async fn run<O: Outbox>(
        self,
        outbox: O,
        wake: Arc<Notify>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        let mut round = Round::new(self, Arc::new(outbox), clock);
        let mut look = tokio::time::interval(round.pace.look);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Each turn does a bounded piece of work, so that a stop is never far away.
        loop {
            round.hand_out().await;
            let (next, busy) = (round.next_retry(), round.has_work());
            tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick() => {
                    round.tally.log();
                    round.behind = true;
                }
                () = wake.notified() => round.behind = true,
                Some(attempt) = round.attempts.join_next() => round.settle(attempt),
                () = at(next) => round.promote(),
                () = std::future::ready(()), if busy => round.read_on().await,
            }
        }
        round.finish().await;
    }
}

/// Waits until a moment, or for ever.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Channels do not share attempts. Messages to nobody have a lane of their own: whether it is busy is seen by no one.
const LANES: usize = 3;

fn lane(delivery: &Delivery) -> usize {
    match delivery.to {
        Some(Destination::Sms(_)) => 0,
        Some(Destination::Email(_)) => 1,
        None => 2,
    }
}

/// A row that is known and not done.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    row: u64,
    lane: usize,
    failures: u32,
}

/// How an attempt ended.
struct Attempt {
    waiting: Waiting,
    end: End,
}

/// What became of a row. All but the last have removed it.
enum End {
    /// A sender took it, or it was addressed to nobody: no log tells these apart.
    Delivered,
    /// Its code had become useless.
    Expired,
    /// It will never be taken.
    Refused(String),
    /// It may be taken later.
    Failed(String),
}

/// What the courier knows while it runs.
struct Round<O> {
    routes: Routes,
    pace: Pace,
    outbox: Arc<O>,
    clock: Arc<dyn Clock>,
    /// Every row up to this one was read.
    reached: u64,
    /// Rows may wait behind `reached`: one was added, the last page was full, or there was no room for another.
    behind: bool,
    /// Whose turn it is, by lane.
    ready: [VecDeque<Waiting>; LANES],
    /// Who waits after a failure, by the moment at which that ends.
    later: BTreeMap<(Instant, u64), Waiting>,
    hands: [Arc<Semaphore>; LANES],
    attempts: JoinSet<Attempt>,
    tally: Tally,
}

impl<O: Outbox> Round<O> {
    fn new(courier: Courier, outbox: Arc<O>, clock: Arc<dyn Clock>) -> Self {
        let Courier { routes, pace } = courier;
        Self {
            routes,
            pace,
            outbox,
            clock,
            reached: 0,
            behind: false,
            ready: Default::default(),
            later: BTreeMap::new(),
            hands: std::array::from_fn(|_| Arc::new(Semaphore::new(ATTEMPTS))),
            attempts: JoinSet::new(),
            tally: Tally::default(),
        }
    }

    /// Reads a page of what was added to the outbox, and starts what there are hands for.
    async fn read_on(&mut self) {
        if !(self.behind && self.has_room()) {
            return;
        }
        let page = self.read(self.reached, PAGE).await.unwrap_or_default();
        self.behind = page.len() == PAGE;
        for (row, delivery) in page {
            self.reached = self.reached.max(row);
            let waiting = Waiting { row, lane: lane(&delivery), failures: 0 };
            let first = self.ready[waiting.lane].is_empty();
            match first.then(|| self.hand(waiting.lane)).flatten() {
                Some(hand) => self.start(waiting, delivery, hand),
                None => self.ready[waiting.lane].push_back(waiting),
            }
        }
    }

    /// Starts whoever is ready while there are hands. What has waited is read again.
    async fn hand_out(&mut self) {
        while let Some(attempt) = self.attempts.try_join_next() {
            self.settle(attempt);
        }
        for lane in 0..LANES {
            for _ in 0..ATTEMPTS {
                let Some(hand) = self.hand(lane) else { break };
                let Some(waiting) = self.ready[lane].pop_front() else { break };
                match self.read(waiting.row.saturating_sub(1), 1).await.map(|page| page.into_iter().next()) {
                    Some(Some((row, delivery))) if row == waiting.row => self.start(waiting, delivery, hand),
                    Some(_) => {} // Somebody else has removed it.
                    None => self.put_off(waiting),
                }
            }
        }
    }

    fn has_room(&self) -> bool {
        let ready: usize = self.ready.iter().map(VecDeque::len).sum();
        self.later.len() + ready + PAGE <= MOST_KNOWN
    }

    /// Whether there is something to do at once.
    fn has_work(&self) -> bool {
        let startable =
            |lane: usize| !self.ready[lane].is_empty() && self.hands[lane].available_permits() > 0;
        self.behind && self.has_room() || (0..LANES).any(startable)
    }

    /// A free hand of a lane.
    fn hand(&self, lane: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.hands[lane]).try_acquire_owned().ok()
    }

    /// Rows of the outbox; nothing if it cannot be read now.
    async fn read(&self, after: u64, limit: usize) -> Option<Vec<(u64, Delivery)>> {
        let outbox = Arc::clone(&self.outbox);
        let read = tokio::task::spawn_blocking(move || outbox.due(after, limit)).await;
        read.unwrap_or_else(|_| Err(OutboxError("the read ended abnormally".to_owned())))
            .inspect_err(|reason| error!(%reason, "the outbox cannot be read; one-time codes wait"))
            .ok()
    }

    fn start(&mut self, waiting: Waiting, delivery: Delivery, hand: OwnedSemaphorePermit) {
        let route = delivery.to.as_ref().and_then(|to| self.routes.to(to));
        let (outbox, clock, pace) = (Arc::clone(&self.outbox), Arc::clone(&self.clock), self.pace);
        self.attempts.spawn(async move {
            let end = attempt(clock.as_ref(), route, &delivery).await;
            drop(delivery);
            if !matches!(end, End::Failed(_)) {
                remove(outbox.as_ref(), waiting.row, pace).await;
            }
            drop(hand);
            Attempt { waiting, end }
        });
    }

    /// Takes note of how an attempt ended.
    fn settle(&mut self, attempt: Result<Attempt, tokio::task::JoinError>) {
        match attempt {
            Ok(Attempt { waiting, end }) => {
                if matches!(end, End::Failed(_)) {
                    self.put_off(waiting);
                }
                self.tally.count(end);
            }
            Err(failure) => error!(%failure, "an attempt ended abnormally; it is made again after a restart"),
        }
    }

    /// Puts a row aside, longer after each failure.
    fn put_off(&mut self, waiting: Waiting) {
        let failures = waiting.failures.saturating_add(1);
        let until = Instant::now() + self.pace.wait(failures, waiting.row);
        self.later.insert((until, waiting.row), Waiting { failures, ..waiting });
    }

    fn next_retry(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((until, _), _)| *until)
    }

    /// Makes ready whoever has waited long enough.
    fn promote(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let waiting = first.remove();
            self.ready[waiting.lane].push_back(waiting);
        }
    }

    /// Lets attempts in hand end for a moment, so that a restart repeats little, and cuts the rest.
    async fn finish(mut self) {
        let grace = tokio::time::sleep(self.pace.grace);
        tokio::pin!(grace);
        loop {
            tokio::select! {
                attempt = self.attempts.join_next() => match attempt {
                    Some(attempt) => self.settle(attempt),
                    None => break,
                },
                () = &mut grace => break,
            }
        }
        self.tally.log();
    }
}

/// One attempt to send. A message to nobody takes the same way and is sent by nobody.
async fn attempt(clock: &dyn Clock, route: Option<Arc<dyn Sender>>, delivery: &Delivery) -> End {
    if clock.now() >= delivery.expires_at {
        return End::Expired;
    }
    match (&delivery.to, route) {
        (None, _) => {
            // Somewhere a gateway would have taken a moment; the commit that removes the row must not come at once.
            tokio::time::sleep(a_moment(delivery)).await;
            End::Delivered
        }
        (Some(_), None) => End::Refused("its channel is not configured any more".to_owned()),
        (Some(_), Some(sender)) => match sender.send(delivery).await {
            Ok(()) => End::Delivered,
            Err(refused) if refused.permanent => End::Refused(refused.to_string()),
            Err(failed) => End::Failed(failed.to_string()),
        },
    }
}

/// About as long as a gateway nearby takes: from 20 to 275 milliseconds, by the random id of the message.
fn a_moment(delivery: &Delivery) -> Duration {
    let [byte, ..] = delivery.id;
    Duration::from_millis(20 + u64::from(byte))
}

/// Removes a row, however often that takes: a row that stays would be sent again. Keeps its hand meanwhile, so that
/// nothing more is sent than can be recorded.
async fn remove<O: Outbox>(outbox: &O, row: u64, pace: Pace) {
    let mut failures = 0;
    while let Err(reason) = outbox.done(row).await {
        failures += 1;
        warn!(%reason, "a row of the outbox cannot be removed yet");
        tokio::time::sleep(pace.wait(failures, row)).await;
    }
}

/// What happened since the last line of the log.
#[derive(Default)]
struct Tally {
    delivered: u64,
    expired: u64,
    refused: u64,
    failed: u64,
    /// Why the last one was refused or failed.
    reason: String,
}

impl Tally {
    fn count(&mut self, end: End) {
        match end {
            End::Delivered => self.delivered += 1,
            End::Expired => self.expired += 1,
            End::Refused(reason) => (self.refused, self.reason) = (self.refused + 1, reason),
            End::Failed(reason) => (self.failed, self.reason) = (self.failed + 1, reason),
        }
    }

    fn log(&mut self) {
        let Self { delivered, expired, refused, failed, reason } = std::mem::take(self);
        if delivered > 0 {
            info!(delivered, "one-time codes were handed over");
        }
        if expired > 0 {
            warn!(expired, "one-time codes could not be delivered in time and were dropped");
        }
        if refused > 0 {
            warn!(refused, %reason, "one-time codes were refused for good and dropped");
        }
        if failed > 0 {
            warn!(failed, %reason, "attempts to deliver one-time codes failed and will be made again");
        }
    }
}

#[cfg(test)]
mod tests;
