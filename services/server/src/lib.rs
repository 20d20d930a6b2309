//! The Plinth service: gRPC edge, registrar and wiring.
//!
//! A request flows downwards: [`edge`](self) accepts it, `gate` verifies and admits it, `enrolment` or
//! `authentication` prepares it beside the event loop, `registrar` decides and commits it, and what was committed is
//! signed and sent. Nothing else writes.

mod authenticate_many;
mod authentication;
mod budget;
mod capture;
mod cases;
pub mod clock;
pub mod config;
mod core;
pub mod delivery;
mod directory;
mod edge;
mod enrolment;
mod evidence;
mod gate;
mod gathered;
pub mod import;
mod index;
mod init;
mod metrics;
mod otp;
mod outbox;
mod pace;
mod pages;
mod person;
mod rates;
mod recent;
mod refusal;
mod registrar;
mod registry;
mod resident;
mod search;
mod signing;
mod sweep;
mod touched;
mod traces;
#[doc(hidden)]
pub mod trial;
mod verdict;

pub use init::{Initialised, accept_clock, init, write_secret};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use plinth_identity::keys::RootKey;
use plinth_storage::{NonceSource, StoreError, StoreOptions};
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::core::{Core, Door};
use crate::delivery::Courier;
use crate::edge::{Listener, admin_router, public_router, report_health};
use crate::metrics::{Metrics, MetricsPage, WatchCalls};
use crate::outbox::StoredOutbox;
use crate::traces::Traces;

/// Why the service could not start or stop cleanly. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting is unsafe or contradicts another.
    #[error("configuration: {0}")]
    Config(String),
    /// A file that the settings name could not be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The root key file holds no root key.
    #[error("{} is not a root key file: {reason}; give the file that `plinth init` wrote", path.display())]
    RootKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The store refused to open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}; is another server running, or is the port reserved?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate files do not make a TLS configuration.
    #[error("tls: {0}; certificate, key and client_ca must be PEM files that belong together")]
    Tls(String),
    /// The gRPC transport failed.
    #[error("transport: {0}")]
    Transport(String),
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A service that is up. Dropping it without [`Running::stop`] leaves its tasks to the runtime.
pub struct Running {
    /// Where agencies and relying parties connect.
    pub address: SocketAddr,
    /// Where administrators connect.
    pub admin_address: SocketAddr,
    /// Where metrics are read, if they are.
    pub metrics_address: Option<SocketAddr>,
    door: Door,
    draining: CancellationToken,
    health: HealthReporter,
    listeners: Vec<tokio::task::JoinHandle<Result<(), ServeError>>>,
    courier: tokio::task::JoinHandle<()>,
    metrics: Option<tokio::task::JoinHandle<()>>,
    traces: Option<Traces>,
    committer: JoinHandle<()>,
    grace: Duration,
}

/// Starts a service: binds, answers health checks with NOT_SERVING, opens and checks the store, then serves.
///
/// # Errors
/// [`ServeError`] if the settings, files, addresses or the store do not allow it; nothing is left running then.
pub async fn start(config: ServeConfig, clock: Arc<dyn Clock>) -> Result<Running, ServeError> {
    config.check()?;
    let root_key = read_root_key(&config.root_key)?;
    let (door, draining, health) = (Door::default(), CancellationToken::new(), HealthReporter::new());
    let metrics = Arc::new(Metrics::new());
    let traces = Traces::start(&config.tracing)?;
    let watch = WatchCalls { metrics: Arc::clone(&metrics), tracer: traces.as_ref().map(Traces::tracer) };
    report_health(&health, false).await;

    let public = Listener::bind(config.listen).await?;
    let admin = Listener::bind(config.admin_listen).await?;
    let page = match config.metrics_listen {
        None => None,
        Some(at) => {
            Some(MetricsPage::bind(at, Arc::clone(&metrics), door.clone(), Arc::clone(&clock)).await?)
        }
    };
    let metrics_address = page.as_ref().map(|page| page.address);
    let (address, admin_address) = (public.address, admin.address);
    let public = public.serve(public_router(&config, &door, &watch, &health)?, draining.clone());
    let admin = admin.serve(admin_router(&config, &door, &watch, &health)?, draining.clone());
    let listeners = vec![tokio::spawn(public), tokio::spawn(admin)];
    let page = page.map(|page| tokio::spawn(page.serve(draining.clone())));

    let grace = Duration::from_secs(config.limits.drain_seconds);
    let opened = open(config, root_key, (clock, metrics), draining.clone()).await;
    let (core, committer) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            draining.cancel();
            return Err(error);
        }
    };
    let courier = Courier::open(&core.config.delivery, core.keys().delivery_key(), Arc::clone(&core.clock));
    let courier = match courier {
        Ok(courier) => courier,
        Err(error) => {
            draining.cancel();
            return Err(error);
        }
    };
    let outbox = StoredOutbox { reader: core.reader.clone(), registrar: core.registrar.clone() };
    let (letters, clock) = (Arc::clone(&core.letters), Arc::clone(&core.clock));
    let courier = tokio::spawn(courier.run(outbox, letters, clock, draining.clone()));
    let core = Arc::new(core);
    if core.config.index.sweep {
        sweep::start(&core)
            .map_err(|source| ServeError::Io { what: "starting the thread that sweeps imports", source })?;
    }
    door.open(core);
    report_health(&health, true).await;
    info!(%address, %admin_address, "serving");
    Ok(Running {
        address,
        admin_address,
        metrics_address,
        door,
        draining,
        health,
        listeners,
        courier,
        metrics: page,
        traces,
        committer,
        grace,
    })
}

impl Running {
    /// Drains and stops: new requests are refused, those in hand are answered, streams end with a status, and what does
    /// not end within the grace period is cut. Returns when every decision is durable and the store is closed.
    pub async fn stop(self) {
        report_health(&self.health, false).await;
        self.draining.cancel();
        let core = self.door.close();
        let deadline = tokio::time::sleep(self.grace);
        tokio::pin!(deadline);
        for mut listener in self.listeners {
            tokio::select! {
                _ = &mut listener => {}
                () = &mut deadline => {
                    warn!("a connection did not close in time and is cut");
                    listener.abort();
                    if let Some(core) = &core {
                        core.cut.cancel();
                    }
                }
            }
        }
        drop(core);
        if let Some(page) = self.metrics {
            // It ends with the drain; a collector of metrics that is cut asks again.
            page.abort();
        }
        // The last spans go out while the courier finishes; a collector that does not take them is not waited for.
        let traces = self.traces;
        let spans = tokio::task::spawn_blocking(move || traces.as_ref().map(Traces::stop));
        // It ends by itself within a second of the drain; what it had in hand is found in the outbox by the next one.
        let courier = tokio::time::timeout(Duration::from_secs(1), self.courier);
        let (courier, _) = tokio::join!(courier, tokio::time::timeout(traces::LAST, spans));
        if courier.is_err() {
            warn!("a message was still being delivered; it will be sent again under the same id");
        }
        // The committer ends when the last request in hand lets go of it; a request that is stuck past the deadline
        // must not hold up the stop, for it was never answered.
        let committer = self.committer;
        let ended = tokio::task::spawn_blocking(move || committer.join());
        if tokio::time::timeout(Duration::from_secs(1), ended).await.is_err() {
            warn!("requests were still in hand at the deadline; they were not answered");
        }
        info!("stopped");
    }

    /// Whether a commit has failed: nothing is written any more, and the service should be stopped and opened anew.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.door.has_failed()
    }
}

/// Reads a root key file.
///
/// # Errors
/// [`ServeError::File`] if it cannot be read, [`ServeError::RootKey`] if it is not one.
pub fn read_root_key(path: &Path) -> Result<RootKey, ServeError> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| ServeError::File { path: path.to_owned(), source })?;
    RootKey::parse(&text)
        .map_err(|error| ServeError::RootKey { path: path.to_owned(), reason: error.to_string() })
}

/// Nonces for sealing rows: 192 bits from a generator seeded by the operating system, so that two never meet.
fn nonce_source() -> NonceSource {
    let mut rng: StdRng = rand::make_rng();
    Box::new(move || {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        nonce
    })
}

/// Opens the store and puts it to work, beside the event loop since recovery may take a while.
async fn open(
    config: ServeConfig,
    root_key: RootKey,
    watching: (Arc<dyn Clock>, Arc<Metrics>),
    draining: CancellationToken,
) -> Result<(Core, JoinHandle<()>), ServeError> {
    let opening = tokio::task::spawn_blocking(move || {
        let store = plinth_storage::open(&config.data, &root_key, &StoreOptions::default(), nonce_source())?;
        Core::start(&config, store, watching, draining)
    });
    opening.await.map_err(|failure| ServeError::Transport(failure.to_string()))?
}
