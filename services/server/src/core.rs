//! What every handler shares: the store's reader, the registrar, the directory, the clock and the bounds.

use std::sync::Arc;
use std::time::Duration;

use plinth_identity::dsse::Envelope;
use plinth_identity::keys::KeyRing;
use plinth_identity::policy::{AuthenticationPolicy, DeduplicationPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::time::Timestamp;
use plinth_storage::{Reader, Writer};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::ServeError;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::directory::Directory;
use crate::index::{Foreman, Index};
use crate::metrics::Metrics;
use crate::rates::Rates;
use crate::refusal::Refusal;
use crate::registrar::{Answer, Ask, Proposal, Registrar, Settled, time_of};
use crate::signing::{Durable, sign_again};

/// The open service. Handlers hold it by `Arc` for the length of one request.
pub(crate) struct Core {
    pub(crate) reader: Reader,
    pub(crate) registrar: Registrar,
    pub(crate) index: Arc<Index>,
    /// Orders an index of another generation; nobody to order it from in a trial.
    pub(crate) foreman: Option<Foreman>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) deduplication: DeduplicationPolicy,
    pub(crate) authentication: AuthenticationPolicy,
    pub(crate) config: ServeConfig,
    /// Requests a second of each relying party.
    pub(crate) rates: Rates,
    /// Wakes the courier: a one-time code waits to be delivered.
    pub(crate) letters: Arc<Notify>,
    /// Cancelled when the service starts to drain: streams stop taking new requests.
    pub(crate) draining: CancellationToken,
    /// Cancelled when a drain has lasted long enough: whoever still waits for a peer lets go.
    pub(crate) cut: CancellationToken,
    in_flight: Arc<Semaphore>,
    cores: Arc<Semaphore>,
}

impl Core {
    /// Puts an opened store to work. The thread handle ends when the last `Core` is gone and the queue is empty.
    pub(crate) fn start(
        config: &ServeConfig,
        (reader, writer): (Reader, Writer),
        (clock, metrics): (Arc<dyn Clock>, Arc<Metrics>),
        draining: CancellationToken,
    ) -> Result<(Self, std::thread::JoinHandle<()>), ServeError> {
        let directory = Arc::new(Directory::load(&reader)?);
        let index = Arc::new(Index::open(&reader, config.index.cache_bytes())?);
        let (registrar, foreman, committer) = Registrar::start(
            writer,
            reader.clone(),
            Arc::clone(&directory),
            config,
            Arc::clone(&clock),
            Arc::clone(&metrics),
            Arc::clone(&index),
        )
        .map_err(|source| ServeError::Io { what: "starting the threads that decide and index", source })?;
        let stores = (reader, registrar, index);
        let mut core = Self::new(config, stores, directory, (clock, metrics), draining);
        core.foreman = Some(foreman);
        Ok((core, committer))
    }

    /// What every handler shares, around a registrar.
    pub(crate) fn new(
        config: &ServeConfig,
        (reader, registrar, index): (Reader, Registrar, Arc<Index>),
        directory: Arc<Directory>,
        (clock, metrics): (Arc<dyn Clock>, Arc<Metrics>),
        draining: CancellationToken,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            reader,
            registrar,
            index,
            foreman: None,
            directory,
            clock,
            metrics,
            deduplication: config.deduplication_policy(),
            authentication: config.authentication_policy(),
            rates: Rates::new(config.relying_parties),
            letters: Arc::new(Notify::new()),
            config: config.clone(),
            draining,
            cut: CancellationToken::new(),
            in_flight: Arc::new(Semaphore::new(config.limits.in_flight)),
            cores: Arc::new(Semaphore::new(cores)),
        }
    }

    /// The key ring of the open store.
    pub(crate) fn keys(&self) -> &KeyRing {
        self.reader.keys()
    }

    /// The present moment, never before anything that was decided already.
    pub(crate) fn now(&self) -> Result<Timestamp, Refusal> {
        time_of(self.clock.as_ref(), &self.reader.head())
    }

    /// A core that nobody wants just now, for work that can wait.
    pub(crate) fn idle_core(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.cores).try_acquire_owned().ok()
    }

    /// A place among the requests in hand, or a refusal that says when to come back.
    pub(crate) fn enter(&self) -> Result<Place, Refusal> {
        let place = Arc::clone(&self.in_flight).try_acquire_owned();
        place.map(Arc::new).map_err(|_| Refusal::overloaded())
    }

    /// Requests in hand.
    pub(crate) fn in_hand(&self) -> u64 {
        let free = self.in_flight.available_permits();
        u64::try_from(self.config.limits.in_flight.saturating_sub(free)).unwrap_or(u64::MAX)
    }

    /// Runs CPU work beside the event loop, on as many threads as there are cores. Work that has begun cannot be called
    /// back, so it keeps its core, and its request's place, to its own end even when the caller has gone.
    pub(crate) async fn on_a_core<T: Send + 'static>(
        &self,
        place: &Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| Reason::ShuttingDown)?;
        let place = Arc::clone(place);
        let worker = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((core, place));
            result
        });
        worker.await.map_err(|failure| {
            error!(%failure, "a worker ended abnormally");
            Refusal::of(Reason::Internal)
        })
    }

    /// Has a decision made, made durable, and signed. A proposal that too many people have overtaken in the queue is
    /// brought up to date here, on any core, and submitted again: the committer has one core, and everyone waits for it.
    pub(crate) async fn decide(
        self: &Arc<Self>,
        place: &Place,
        ask: Ask,
        proposal: Box<dyn Proposal>,
    ) -> Result<Envelope, Refusal> {
        Ok(self.settle(place, ask, proposal).await?.sign(self.keys()))
    }

    /// The same, not yet signed.
    pub(crate) async fn settle(
        self: &Arc<Self>,
        place: &Place,
        ask: Ask,
        mut proposal: Box<dyn Proposal>,
    ) -> Result<Durable, Refusal> {
        for _ in 0..MOST_ROUNDS {
            match self.registrar.submit(ask.clone(), proposal).await? {
                Settled::Committed(durable) => return Ok(durable),
                Settled::Overtaken(returned) => {
                    let core = Arc::clone(self);
                    proposal = self.on_a_core(place, move || returned.catch_up(&core)).await??;
                }
            }
        }
        Err(Refusal::overloaded())
    }

    /// Signs a stored answer again, byte for byte as it was.
    pub(crate) fn replay(&self, answer: Answer) -> Envelope {
        sign_again(self.keys(), answer)
    }
}

/// What the edge holds before and while the store is open: empty means NOT_SERVING.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<std::sync::RwLock<Option<Arc<Core>>>>);

impl Door {
    /// Lets requests in.
    pub(crate) fn open(&self, core: Arc<Core>) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(core);
    }

    /// Lets no further request in, and hands back the core so that its end can be awaited.
    pub(crate) fn close(&self) -> Option<Arc<Core>> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Whether the open core has met a failed commit.
    pub(crate) fn has_failed(&self) -> bool {
        let core = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        core.as_ref().is_some_and(|core| core.registrar.has_failed())
    }

    /// The core, if the service is serving.
    pub(crate) fn core(&self) -> Result<Arc<Core>, Refusal> {
        let core = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        match core {
            Some(core) if core.draining.is_cancelled() => Err(Refusal::of(Reason::ShuttingDown)),
            Some(core) if core.registrar.has_failed() => Err(Refusal::of(Reason::NotServing)),
            Some(core) => Ok(core),
            None => Err(Refusal::of(Reason::NotServing)),
        }
    }
}

/// A place among the requests in hand, given back when the last holder lets go.
pub(crate) type Place = Arc<OwnedSemaphorePermit>;

/// How often a proposal may be overtaken before its caller is asked to come back.
const MOST_ROUNDS: usize = 4;

/// How long a caller that met a full queue should wait.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(250);
