//! What every handler shares: the store's reader, the registrar, the directory, the clock and the bounds.

use std::sync::Arc;
use std::time::Duration;

use plinth_identity::dsse::Envelope;
use plinth_identity::keys::KeyRing;
use plinth_identity::policy::{AuthenticationPolicy, DeduplicationPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::request::Freshness;
use plinth_storage::{Reader, Writer};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::ServeError;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::directory::Directory;
use crate::refusal::Refusal;
use crate::registrar::{Answer, Ask, Proposal, Registrar, sign, sign_again};

/// The open service. Handlers hold it by `Arc` for the length of one request.
pub(crate) struct Core {
    pub(crate) reader: Reader,
    pub(crate) registrar: Registrar,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) deduplication: DeduplicationPolicy,
    pub(crate) authentication: AuthenticationPolicy,
    pub(crate) config: ServeConfig,
    /// Cancelled when the service starts to drain: streams stop taking new requests.
    pub(crate) draining: CancellationToken,
    in_flight: Semaphore,
    cores: Semaphore,
}

impl Core {
    /// Puts an opened store to work. The thread handle ends when the last `Core` is gone and the queue is empty.
    pub(crate) fn start(
        config: &ServeConfig,
        (reader, writer): (Reader, Writer),
        clock: Arc<dyn Clock>,
        draining: CancellationToken,
    ) -> Result<(Self, std::thread::JoinHandle<()>), ServeError> {
        let directory = Arc::new(Directory::load(&reader)?);
        let deduplication = config.deduplication_policy();
        let (registrar, committer) = Registrar::start(
            writer,
            reader.clone(),
            Arc::clone(&directory),
            deduplication.clone(),
            Arc::clone(&clock),
            (config.limits.queue, config.limits.batch),
        )
        .map_err(|source| ServeError::Io { what: "starting the committer's thread", source })?;
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let core = Self {
            reader,
            registrar,
            directory,
            clock,
            deduplication,
            authentication: config.authentication_policy(),
            config: config.clone(),
            draining,
            in_flight: Semaphore::new(config.limits.in_flight),
            cores: Semaphore::new(cores),
        };
        Ok((core, committer))
    }

    /// The key ring of the open store.
    pub(crate) fn keys(&self) -> &KeyRing {
        self.reader.keys()
    }

    /// How old and how far ahead a live request may be.
    pub(crate) fn live(&self) -> Freshness {
        Freshness::LIVE
    }

    /// A place among the requests in hand, or a refusal that says when to come back.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.in_flight.try_acquire().map_err(|_| Refusal::overloaded())
    }

    /// Runs CPU work beside the event loop, on as many threads as there are cores.
    pub(crate) async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let _core = self.cores.acquire().await.map_err(|_| Refusal::of(Reason::ShuttingDown))?;
        tokio::task::spawn_blocking(work).await.map_err(|failure| {
            error!(%failure, "a worker ended abnormally");
            Refusal::of(Reason::Internal)
        })
    }

    /// Has a decision made, made durable, and signed.
    pub(crate) async fn decide(&self, ask: Ask, proposal: Box<dyn Proposal>) -> Result<Envelope, Refusal> {
        let committed = self.registrar.submit(ask, proposal).await?;
        Ok(sign(self.keys(), committed))
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

/// How long a caller that met a full queue should wait.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(250);
