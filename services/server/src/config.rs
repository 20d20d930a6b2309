//! What an operator can set, with the defaults that a ministry could start from.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use plinth_identity::attempts::AttemptPolicy;
use plinth_identity::batch::MAX_REQUESTS;
use plinth_identity::policy::{AuthenticationPolicy, DeduplicationPolicy};
use plinth_identity::request::Freshness;
use serde::Deserialize;

use crate::ServeError;
use crate::delivery::DeliverySettings;
use crate::traces;

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
    /// Where metrics are read over plain HTTP: a loopback address, for a collector on this machine. Nowhere, if absent.
    #[serde(default)]
    pub metrics_listen: Option<SocketAddr>,
    /// Traces of calls. None, if absent.
    #[serde(default)]
    pub tracing: TracingSettings,
    /// TLS with client certificates. Without it both listeners must be on loopback.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// Bounds on what is in hand at once.
    #[serde(default)]
    pub limits: Limits,
    /// False match rates at which enrolments are called duplicates, or sent to a human.
    #[serde(default)]
    pub deduplication: DeduplicationSettings,
    /// How old requests may be.
    #[serde(default)]
    pub freshness: FreshnessSettings,
    /// What failed attempts cost.
    #[serde(default)]
    pub attempts: AttemptSettings,
    /// Duplicates that agencies may be told about in a day.
    #[serde(default)]
    pub quotas: EnrolmentQuotas,
    /// Limits of relying parties whose policies state none of their own.
    #[serde(default)]
    pub relying_parties: RelyingPartyDefaults,
    /// How one-time codes reach people.
    #[serde(default)]
    pub delivery: DeliverySettings,
    /// Memory and background work of the 1:N index.
    #[serde(default)]
    pub index: IndexSettings,
}

/// Traces of calls, for a collector on this machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracingSettings {
    /// Where a collector takes OTLP over gRPC, for example `http://127.0.0.1:4317`: a loopback address. Every call is one
    /// span: method, gRPC code, and the party that signed. No spans, if absent.
    pub otlp_endpoint: Option<String>,
}

/// Memory and background work of the 1:N index.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexSettings {
    /// Mebibytes of opened index blocks that are kept; two fifths of the memory there is, if nothing is said. A search
    /// reads some thousands of blocks all over the index, so it is fastest when all of it fits: about 1 GiB for each
    /// 100,000 people with ten fingers. What does not fit is read and opened again for each search. Beside it, every block
    /// takes some 50 bytes, open or not.
    pub cache_mib: Option<u32>,
    /// The newest people are made into a segment when there are so many: 1 to 65,536. Each of them costs about 30 KiB of
    /// memory until then, and a millisecond when the service starts.
    pub newest: u32,
    /// Whether people who were imported are compared with each other while the service runs, on cores that nobody wants
    /// just then. What was not compared waits until a service with this setting runs.
    pub sweep: bool,
}

impl IndexSettings {
    pub(crate) fn cache_bytes(self) -> u64 {
        self.cache_mib.map_or_else(|| memory_bytes() / 5 * 2, |mib| u64::from(mib) << 20)
    }
}

/// The memory of the machine, or of the container if that has less. 4 GiB where the system does not say.
fn memory_bytes() -> u64 {
    const UNKNOWN: u64 = 4 << 30;
    let machine = procfs::Current::current().map_or(UNKNOWN, |memory: procfs::Meminfo| memory.mem_total);
    // "max" where there is no limit.
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    limit.and_then(|limit| limit.trim().parse().ok()).map_or(machine, |limit: u64| limit.min(machine))
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self { cache_mib: None, newest: 4_096, sweep: true }
    }
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
    /// Milliseconds that commits of a busy service are apart at least, so that more decisions share one fsync; 0 to 100.
    /// An idle service commits at once.
    pub commit_interval_ms: u64,
    /// Largest message, in bytes.
    pub message_bytes: usize,
    /// Enrolments of one stream that may be in hand at once.
    pub stream_window: usize,
    /// Authentications of one stream that may be in hand at once; at least 256, which is a whole batch.
    pub authentication_window: usize,
    /// Seconds that a drain may take before connections are cut. At most 8.
    pub drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 1024,
            queue: 1024,
            batch: 256,
            commit_interval_ms: 4,
            message_bytes: 1 << 20,
            stream_window: 64,
            authentication_window: 1024,
            drain_seconds: 7,
        }
    }
}

/// How alike two people must be to be one; see [`DeduplicationPolicy`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeduplicationSettings {
    /// Of new people, the share that may be kept from a number because strangers resemble them. At most 0.5.
    pub target_fpir: f64,
    /// How many times rarer a stranger called a duplicate must be than one whom a human looks at. At least 1.
    pub certainty: f64,
}

impl Default for DeduplicationSettings {
    fn default() -> Self {
        let policy = DeduplicationPolicy::default();
        Self { target_fpir: policy.target_fpir, certainty: policy.certainty }
    }
}

/// How old requests may be on arrival. Enrolments carry their own end of validity instead.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FreshnessSettings {
    /// Seconds that a live request may be old. At most 300.
    pub live_seconds: u64,
    /// Seconds that a request's clock may be ahead. At most 60.
    pub ahead_seconds: u64,
    /// Hours that an authentication captured offline ("buffered") may be old. At most 168.
    pub buffered_hours: u64,
}

impl Default for FreshnessSettings {
    fn default() -> Self {
        Self {
            live_seconds: Freshness::LIVE.max_age_ms / 1000,
            ahead_seconds: Freshness::LIVE.max_ahead_ms / 1000,
            buffered_hours: Freshness::BUFFERED.max_age_ms / 3_600_000,
        }
    }
}

/// What failed attempts cost; see [`AttemptPolicy`]. The defaults are those of NIST SP 800-63B-4, and counters are for
/// life: only a one-time code that fits gives a person their fingers back.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttemptSettings {
    /// Failures in a row at one relying party before the next attempt there has to wait. 1 to 10.
    pub consecutive: u16,
    /// Seconds of the first wait; each further failure doubles it. At least 30.
    pub wait_seconds: u64,
    /// Failed finger attempts at one relying party before fingers are no longer accepted there. At most 50, and fewer
    /// than `person_fingers`.
    pub pair_fingers: u16,
    /// Failed finger attempts in all before fingers are no longer accepted anywhere. At most 50.
    pub person_fingers: u16,
}

impl Default for AttemptSettings {
    fn default() -> Self {
        let AttemptPolicy { consecutive, wait_ms, pair_fingers, person_fingers, .. } =
            AttemptPolicy::default();
        Self { consecutive, wait_seconds: wait_ms / 1000, pair_fingers, person_fingers }
    }
}

/// How many duplicates an agency, one of its stations and one of its operators may be told about on one day (UTC),
/// adjudications included; 0 is no limit. "Duplicate" answers a question about a template, so whoever invents templates must run out of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnrolmentQuotas {
    /// Duplicates of one operator in a day.
    pub operator_duplicates_per_day: u32,
    /// Duplicates of one station in a day.
    pub station_duplicates_per_day: u32,
    /// Duplicates of one agency in a day.
    pub agency_duplicates_per_day: u32,
    /// Duplicates among a hundred enrolments in a day, of an operator from the 20th duplicate on, of a station from the
    /// 50th, of an agency from the 500th.
    pub duplicate_percent: u8,
}

impl EnrolmentQuotas {
    /// No limits: for demonstrations and trials.
    #[must_use]
    pub fn none() -> Self {
        Self {
            operator_duplicates_per_day: 0,
            station_duplicates_per_day: 0,
            agency_duplicates_per_day: 0,
            duplicate_percent: 0,
        }
    }
}

impl Default for EnrolmentQuotas {
    fn default() -> Self {
        Self {
            operator_duplicates_per_day: 100,
            station_duplicates_per_day: 300,
            agency_duplicates_per_day: 10_000,
            duplicate_percent: 60,
        }
    }
}

/// Limits of relying parties whose policies state none of their own.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelyingPartyDefaults {
    /// Requests a second.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub burst: u32,
    /// Different numbers asked about in a day.
    pub numbers_per_day: u32,
    /// Percentage of failed authentications in a day, looked at from the 200th on, beyond which the party is blocked for
    /// the rest of the day.
    pub failure_percent: u8,
}

impl Default for RelyingPartyDefaults {
    fn default() -> Self {
        Self { requests_per_second: 5_000, burst: 10_000, numbers_per_day: 200_000, failure_percent: 50 }
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
            metrics_listen: None,
            tracing: TracingSettings::default(),
            tls: None,
            limits: Limits::default(),
            deduplication: DeduplicationSettings::default(),
            freshness: FreshnessSettings::default(),
            attempts: AttemptSettings::default(),
            quotas: EnrolmentQuotas::default(),
            relying_parties: RelyingPartyDefaults::default(),
            delivery: DeliverySettings::default(),
            index: IndexSettings::default(),
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
        let DeduplicationSettings { target_fpir, certainty } = self.deduplication;
        if !(target_fpir > 0.0 && target_fpir <= 0.5) {
            return complaint("deduplication.target_fpir: above 0, and at most 0.5");
        }
        if !(1.0..=1e12).contains(&certainty) {
            return complaint(
                "deduplication.certainty: from 1 to 1e12 (a duplicate takes no weaker evidence than a doubt)",
            );
        }
        if self.metrics_listen.is_some_and(|address| !address.ip().is_loopback()) {
            return complaint(
                "metrics_listen: only a loopback address: the page has no TLS and asks nobody who they are; let a collector on this machine pass it on",
            );
        }
        if self.tracing.otlp_endpoint.as_deref().is_some_and(|endpoint| !traces::is_local(endpoint)) {
            return complaint(
                "tracing.otlp_endpoint: http:// and a loopback address with a port, such as http://127.0.0.1:4317: spans go out without TLS; let a collector on this machine pass them on",
            );
        }
        if !(1..=65_536).contains(&self.index.newest) {
            return complaint("index.newest: 1 to 65,536 people");
        }
        let limits = self.limits;
        if [limits.in_flight, limits.queue, limits.batch, limits.stream_window].contains(&0) {
            return complaint("limits: in_flight, queue, batch and stream_window must be at least 1");
        }
        if limits.in_flight > 1 << 20 || limits.queue > 1 << 20 || limits.batch > 1 << 14 {
            return complaint("limits: in_flight and queue are at most 1048576, batch at most 16384");
        }
        if !(MAX_REQUESTS..=1 << 16).contains(&limits.authentication_window) {
            return complaint("limits.authentication_window: from 256 to 65536");
        }
        if limits.commit_interval_ms > 100 {
            return complaint("limits.commit_interval_ms: up to 100");
        }
        if !(1 << 14..=64 << 20).contains(&limits.message_bytes) {
            return complaint("limits.message_bytes: from 16384 to 67108864");
        }
        if limits.drain_seconds == 0 || limits.drain_seconds > 8 {
            return complaint(
                "limits.drain_seconds: from 1 to 8, so that a stop always ends within 10 seconds",
            );
        }
        let FreshnessSettings { live_seconds, ahead_seconds, buffered_hours } = self.freshness;
        if !(1..=300).contains(&live_seconds) || ahead_seconds > 60 || !(1..=168).contains(&buffered_hours) {
            return complaint(
                "freshness: live_seconds from 1 to 300, ahead_seconds up to 60, buffered_hours from 1 to 168",
            );
        }
        let AttemptSettings { consecutive, wait_seconds, pair_fingers, person_fingers } = self.attempts;
        if !(1..=10).contains(&consecutive) || !(30..=3600).contains(&wait_seconds) {
            return complaint("attempts: consecutive from 1 to 10, wait_seconds from 30 to 3600");
        }
        if pair_fingers == 0 || pair_fingers >= person_fingers || person_fingers > 50 {
            return complaint(
                "attempts: 1 <= pair_fingers < person_fingers <= 50, so that no single relying party can use up a person's attempts everywhere",
            );
        }
        let RelyingPartyDefaults { requests_per_second, burst, numbers_per_day, failure_percent } =
            self.relying_parties;
        if [requests_per_second, burst, numbers_per_day].contains(&0) || !(1..=100).contains(&failure_percent)
        {
            return complaint("relying_parties: every limit at least 1, failure_percent from 1 to 100");
        }
        if self.quotas.duplicate_percent > 100 {
            return complaint("quotas.duplicate_percent: at most 100 (0 is no limit)");
        }
        self.delivery.check().map_err(|text| ServeError::Config(format!("delivery: {text}")))
    }

    /// How old a live request may be.
    #[must_use]
    pub fn live(&self) -> Freshness {
        let FreshnessSettings { live_seconds, ahead_seconds, .. } = self.freshness;
        Freshness { max_age_ms: live_seconds * 1000, max_ahead_ms: ahead_seconds * 1000 }
    }

    /// How old a buffered request may be.
    #[must_use]
    pub fn buffered(&self) -> Freshness {
        Freshness { max_age_ms: self.freshness.buffered_hours * 3_600_000, ..self.live() }
    }

    /// The budgets of failed attempts.
    #[must_use]
    pub fn attempt_policy(&self) -> AttemptPolicy {
        let AttemptSettings { consecutive, wait_seconds, pair_fingers, person_fingers } = self.attempts;
        AttemptPolicy {
            consecutive,
            wait_ms: wait_seconds * 1000,
            pair_fingers,
            person_fingers,
            ..AttemptPolicy::default()
        }
    }

    /// The deduplication policy that these settings state.
    #[must_use]
    pub fn deduplication_policy(&self) -> DeduplicationPolicy {
        DeduplicationPolicy {
            target_fpir: self.deduplication.target_fpir,
            certainty: self.deduplication.certainty,
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
