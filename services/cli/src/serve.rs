//! `plinth serve`: runs the service until it is told to stop.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use plinth_server::Running;
use plinth_server::clock::SystemClock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::config::{self, Settings};
use crate::sandbox::{self, Sandbox};

/// How often the running service is asked whether a commit has failed.
const WATCH: Duration = Duration::from_millis(100);

/// Run the service.
///
/// Settings come from flags, then from the environment, then from the file; a key that does not exist is refused. When
/// the service is up it prints one line, `listening public=ADDRESS admin=ADDRESS`, and ` metrics=ADDRESS` after it if
/// metrics are on.
///
/// SIGTERM or SIGINT drains it: no new requests, those in hand are answered, and it ends within 10 seconds; a second
/// signal ends it at once. If the disk fails it stops with status 1, to be started again by its supervisor: everything
/// that was answered is on disk.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth serve --data ./data --root-key ./root.key
  plinth serve --config /etc/plinth.toml --log json
  plinth serve --sandbox

A configuration file, every key but the first two optional:
  data = \"/var/lib/plinth\"
  root_key = \"/etc/plinth/root.key\"
  listen = \"[::]:7770\"
  admin_listen = \"10.0.0.5:7771\"
  metrics_listen = \"127.0.0.1:9464\"
  [tls]
  certificate = \"/etc/plinth/service.pem\"
  key = \"/etc/plinth/service.key\"
  client_ca = \"/etc/plinth/clients.pem\"
  [tracing]
  otlp_endpoint = \"http://127.0.0.1:4317\"
  [limits]
  in_flight = 4096
  [deduplication]
  target_fpir = 0.01
  certainty = 100.0")]
pub(crate) struct Args {
    /// The configuration file (TOML).
    #[arg(long, env = "PLINTH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the line that says where the service listens to this file too, once it is up.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Serve ten made-up people, for whoever writes a program that calls the service [default DIR: ./plinth-sandbox].
    ///
    /// Makes DIR if it is absent or empty: a deployment, its parties with all their keys, the people with their fingers,
    /// and the answers that calls must get. DIR/README.md says what is there. On this machine only, and not for real people.
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        default_missing_value = sandbox::FOLDER,
        conflicts_with_all = ["data", "root_key", "config"]
    )]
    sandbox: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let sandbox = args.sandbox.as_deref().map(Sandbox::at).transpose()?;
    let config = match &sandbox {
        None => config::load(args.config.as_deref(), &args.settings)?,
        Some(sandbox) => sandbox.config(&args.settings)?,
    };
    let opened = sandbox.as_ref().map(Sandbox::open).transpose()?;
    // Caught from the first moment, so that a stop during recovery is not lost.
    let mut stop = Stop::new()?;
    let running = tokio::select! {
        running = plinth_server::start(config, Arc::new(SystemClock)) => running?,
        () = stop.asked() => return Ok(ExitCode::SUCCESS),
    };
    if let Some(opened) = &opened {
        let furnished = tokio::select! {
            furnished = Box::pin(opened.furnish(&running)) => furnished,
            () = stop.asked() => Err(anyhow!("stopped before the sandbox was ready")),
        };
        if let Err(error) = furnished {
            running.stop().await;
            return Err(error);
        }
    }
    announce(&running, args.ready_file.as_deref())?;
    if let Some(sandbox) = &sandbox {
        sandbox.say_what_next();
    }
    let code = tokio::select! {
        () = stop.asked() => {
            info!("draining");
            ExitCode::SUCCESS
        }
        () = failure(&running) => {
            error!("a commit failed: stopping, to be started again; every answer that was given is on disk");
            ExitCode::FAILURE
        }
    };
    tokio::select! {
        () = running.stop() => Ok(code),
        () = stop.asked() => {
            warn!("told to stop again: not waiting for the drain");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Says where the service listens, to people, scripts and supervisors alike.
fn announce(running: &Running, ready_file: Option<&Path>) -> anyhow::Result<()> {
    let metrics = running.metrics_address.map(|address| format!(" metrics={address}")).unwrap_or_default();
    let line = format!("listening public={} admin={}{metrics}\n", running.address, running.admin_address);
    if let Some(file) = ready_file {
        put(file, line.as_bytes()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut out = std::io::stdout().lock();
    // Nobody may be reading; that is no reason not to serve.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

/// Writes a file that appears whole or not at all.
fn put(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
    unfinished.write_all(content)?;
    unfinished.persist(file)?;
    Ok(())
}

/// Returns when a commit has failed.
async fn failure(running: &Running) {
    let mut watch = tokio::time::interval(WATCH);
    while !running.has_failed() {
        watch.tick().await;
    }
}

/// The two signals that ask a service to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Returns each time one of them arrives.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
