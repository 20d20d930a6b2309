//! What an operator can set, with the defaults that a ministry could start from.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use plinth_identity::policy::{AuthenticationPolicy, DeduplicationPolicy};
use serde::Deserialize;

use crate::ServeError;

/// Settings of one running service. Unknown keys are refused, so that a misspelt setting is never silently ignored.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeConfig {
    /// The data directory that `init` made.
    pub data: PathBuf,
    /// The root key file that `init` made. It belongs on another device than the data directory.
    pub root_key: PathBuf,
    /// Where agencies and relying parties connect. Port 0 takes a free one.
    #[serde(default = "public_address")]
    pub listen: SocketAddr,
    /// Where administrators connect: the registry, cases, reflection.
    #[serde(default = "admin_address")]
    pub admin_listen: SocketAddr,
    /// TLS with client certificates. Without it both listeners must be on loopback.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// Bounds on what is in hand at once.
    #[serde(default)]
    pub limits: Limits,
    /// False match rates at which enrolments are called duplicates, or sent to a human.
    #[serde(default)]
    pub deduplication: DeduplicationSettings,
}

/// PEM files of the mutual TLS that both listeners speak.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// The server's private key (PKCS#8).
    pub key: PathBuf,
    /// The authority that signed the clients' certificates; a client without one is turned away.
    pub client_ca: PathBuf,
}

/// Bounds. Everything that can grow has one.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests in hand at once over all connections; one more is answered `RESOURCE_EXHAUSTED` with a retry delay.
    pub in_flight: usize,
    /// Decisions waiting for the committer; one more is answered the same way.
    pub queue: usize,
    /// Decisions that may share one fsync.
    pub batch: usize,
    /// Largest message, in bytes.
    pub message_bytes: usize,
    /// Enrolments of one stream that may be in hand at once.
    pub stream_window: usize,
    /// Seconds that a drain may take before connections are cut. At most 8.
    pub drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 1024,
            queue: 1024,
            batch: 256,
            message_bytes: 1 << 20,
            stream_window: 64,
            drain_seconds: 7,
        }
    }
}

/// The two false match rates of deduplication; see [`DeduplicationPolicy`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeduplicationSettings {
    /// At or beyond the evidence of this false match rate an enrolment is a duplicate.
    pub duplicate_fmr: f64,
    /// At or beyond the evidence of this one, and short of the other, a human decides.
    pub adjudicate_fmr: f64,
}

impl Default for DeduplicationSettings {
    fn default() -> Self {
        let policy = DeduplicationPolicy::default();
        Self { duplicate_fmr: policy.duplicate_fmr, adjudicate_fmr: policy.adjudicate_fmr }
    }
}

impl ServeConfig {
    /// Settings for a data directory and root key, everything else by default.
    #[must_use]
    pub fn new(data: PathBuf, root_key: PathBuf) -> Self {
        Self {
            data,
            root_key,
            listen: public_address(),
            admin_listen: admin_address(),
            tls: None,
            limits: Limits::default(),
            deduplication: DeduplicationSettings::default(),
        }
    }

    /// Both listeners on free loopback ports: for tests, demonstrations and a first try.
    #[must_use]
    pub fn on_free_ports(mut self) -> Self {
        self.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.admin_listen = self.listen;
        self
    }

    /// Refuses settings that would be unsafe or that contradict each other.
    ///
    /// # Errors
    /// [`ServeError::Config`] names the setting and what to do.
    pub fn check(&self) -> Result<(), ServeError> {
        let complaint = |text: &str| Err(ServeError::Config(text.to_owned()));
        if self.tls.is_none() && !(self.listen.ip().is_loopback() && self.admin_listen.ip().is_loopback()) {
            return complaint(
                "listen: without TLS only loopback addresses are allowed; set [tls] certificate, key and client_ca",
            );
        }
        let DeduplicationSettings { duplicate_fmr, adjudicate_fmr } = self.deduplication;
        if !(duplicate_fmr > 0.0 && duplicate_fmr <= adjudicate_fmr && adjudicate_fmr < 1.0) {
            return complaint(
                "deduplication: needs 0 < duplicate_fmr <= adjudicate_fmr < 1 (a duplicate takes stronger evidence than a doubt)",
            );
        }
        let limits = self.limits;
        if [limits.in_flight, limits.queue, limits.batch, limits.stream_window].contains(&0) {
            return complaint("limits: in_flight, queue, batch and stream_window must be at least 1");
        }
        if limits.in_flight > 1 << 20 || limits.queue > 1 << 20 || limits.batch > 1 << 14 {
            return complaint("limits: in_flight and queue are at most 1048576, batch at most 16384");
        }
        if !(1 << 14..=64 << 20).contains(&limits.message_bytes) {
            return complaint("limits.message_bytes: from 16384 to 67108864");
        }
        if limits.drain_seconds == 0 || limits.drain_seconds > 8 {
            return complaint(
                "limits.drain_seconds: from 1 to 8, so that a stop always ends within 10 seconds",
            );
        }
        Ok(())
    }

    /// The deduplication policy that these settings state.
    #[must_use]
    pub fn deduplication_policy(&self) -> DeduplicationPolicy {
        DeduplicationPolicy {
            duplicate_fmr: self.deduplication.duplicate_fmr,
            adjudicate_fmr: self.deduplication.adjudicate_fmr,
            ..DeduplicationPolicy::default()
        }
    }

    /// The policy of 1:1 comparisons.
    #[must_use]
    pub fn authentication_policy(&self) -> AuthenticationPolicy {
        AuthenticationPolicy::default()
    }
}

fn public_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 7770))
}

fn admin_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 7771))
}
