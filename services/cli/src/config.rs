//! Settings of `plinth serve`: flags over environment over file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use plinth_server::config::ServeConfig;
use serde::Serialize;
use toml::{Table, Value};

/// Every setting, each as a flag or an environment variable. The names are those of the file.
#[derive(clap::Args, Serialize, Default)]
#[command(next_help_heading = "Settings (flag over environment over file)")]
pub(crate) struct Settings {
    /// The data directory that `plinth init` made.
    #[arg(long, env = "PLINTH_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The root key file that `plinth init` made. Keep it on another device than the data.
    #[arg(long, env = "PLINTH_ROOT_KEY", value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// Where agencies and relying parties connect [default: 127.0.0.1:7770]. Port 0 takes a free one.
    #[arg(long, env = "PLINTH_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where administrators connect [default: 127.0.0.1:7771].
    #[arg(long, env = "PLINTH_ADMIN_LISTEN", value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// Where metrics are read over HTTP, on this machine only, such as 127.0.0.1:9464 [default: nowhere].
    #[arg(long, env = "PLINTH_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
    #[command(flatten)]
    tracing: Tracing,
    #[command(flatten)]
    tls: Tls,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    deduplication: Deduplication,
    #[command(flatten)]
    freshness: Freshness,
    #[command(flatten)]
    attempts: Attempts,
    #[command(flatten)]
    quotas: Quotas,
    #[command(flatten)]
    relying_parties: RelyingParties,
    #[command(flatten)]
    delivery: Delivery,
    #[command(flatten)]
    index: Index,
}

/// The `[tracing]` section.
#[derive(clap::Args, Serialize, Default)]
struct Tracing {
    /// (`tracing`) Where a collector on this machine takes spans over OTLP (gRPC), such as http://127.0.0.1:4317
    /// [default: nowhere].
    #[arg(long, env = "PLINTH_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
}

/// The `[tls]` section. Without it the service listens on loopback addresses only.
#[derive(clap::Args, Serialize, Default)]
struct Tls {
    /// (`tls`) The service's certificate chain (PEM).
    #[arg(long = "tls-certificate", env = "PLINTH_TLS_CERTIFICATE", value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// (`tls`) The service's private key (PEM, PKCS#8).
    #[arg(long = "tls-key", env = "PLINTH_TLS_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// (`tls`) The authority whose client certificates are let in (PEM).
    #[arg(long = "tls-client-ca", env = "PLINTH_TLS_CLIENT_CA", value_name = "FILE")]
    client_ca: Option<PathBuf>,
}

/// The `[limits]` section.
#[derive(clap::Args, Serialize, Default)]
struct Limits {
    /// (`limits`) Requests in hand at once over all connections.
    #[arg(long, env = "PLINTH_IN_FLIGHT", value_name = "N")]
    in_flight: Option<u32>,
    /// (`limits`) Decisions waiting to be written.
    #[arg(long, env = "PLINTH_QUEUE", value_name = "N")]
    queue: Option<u32>,
    /// (`limits`) Decisions that share one fsync at most.
    #[arg(long, env = "PLINTH_BATCH", value_name = "N")]
    batch: Option<u32>,
    /// (`limits`) How far commits of a busy service are apart at least, up to 100 [default: 4].
    #[arg(long, env = "PLINTH_COMMIT_INTERVAL_MS", value_name = "MILLISECONDS")]
    commit_interval_ms: Option<u32>,
    /// (`limits`) The largest message.
    #[arg(long, env = "PLINTH_MESSAGE_BYTES", value_name = "BYTES")]
    message_bytes: Option<u32>,
    /// (`limits`) Enrolments of one stream in hand at once.
    #[arg(long, env = "PLINTH_STREAM_WINDOW", value_name = "N")]
    stream_window: Option<u32>,
    /// (`limits`) Authentications of one stream in hand at once, at least 256.
    #[arg(long, env = "PLINTH_AUTHENTICATION_WINDOW", value_name = "N")]
    authentication_window: Option<u32>,
    /// (`limits`) How long a drain may take, 1 to 8.
    #[arg(long, env = "PLINTH_DRAIN_SECONDS", value_name = "SECONDS")]
    drain_seconds: Option<u32>,
}

/// The `[deduplication]` section.
#[derive(clap::Args, Serialize, Default)]
struct Deduplication {
    /// (`deduplication`) False positive identification rate: new people who may be kept from a number because strangers
    /// resemble them. How alike is alike follows from it and from the size of the gallery.
    #[arg(long, env = "PLINTH_TARGET_FPIR", value_name = "RATE")]
    target_fpir: Option<f64>,
    /// (`deduplication`) How many times rarer a stranger called a duplicate is than one whom administrators look at.
    #[arg(long, env = "PLINTH_CERTAINTY", value_name = "TIMES")]
    certainty: Option<f64>,
}

/// The `[freshness]` section.
#[derive(clap::Args, Serialize, Default)]
struct Freshness {
    /// (`freshness`) How old a live request may be, at most 300.
    #[arg(long, env = "PLINTH_LIVE_SECONDS", value_name = "SECONDS")]
    live_seconds: Option<u32>,
    /// (`freshness`) How far a sender's clock may be ahead, at most 60.
    #[arg(long, env = "PLINTH_AHEAD_SECONDS", value_name = "SECONDS")]
    ahead_seconds: Option<u32>,
    /// (`freshness`) How old an authentication that was captured offline may be, at most 168.
    #[arg(long, env = "PLINTH_BUFFERED_HOURS", value_name = "HOURS")]
    buffered_hours: Option<u32>,
}

/// The `[attempts]` section.
#[derive(clap::Args, Serialize, Default)]
struct Attempts {
    /// (`attempts`) Failures in a row at one relying party before the next attempt there has to wait.
    #[arg(long = "attempts-consecutive", env = "PLINTH_ATTEMPTS_CONSECUTIVE", value_name = "N")]
    consecutive: Option<u16>,
    /// (`attempts`) The first wait; each further failure doubles it.
    #[arg(long = "attempts-wait-seconds", env = "PLINTH_ATTEMPTS_WAIT_SECONDS", value_name = "SECONDS")]
    wait_seconds: Option<u32>,
    /// (`attempts`) Failed finger attempts at one relying party before it may send no more of that person's.
    #[arg(long = "attempts-pair-fingers", env = "PLINTH_ATTEMPTS_PAIR_FINGERS", value_name = "N")]
    pair_fingers: Option<u16>,
    /// (`attempts`) Failed finger attempts in all before nobody may send that person's.
    #[arg(long = "attempts-person-fingers", env = "PLINTH_ATTEMPTS_PERSON_FINGERS", value_name = "N")]
    person_fingers: Option<u16>,
}

/// The `[quotas]` section: duplicates that agencies are told about.
#[derive(clap::Args, Serialize, Default)]
struct Quotas {
    /// (`quotas`) Duplicates of one operator in a day; 0 is no limit.
    #[arg(long, env = "PLINTH_OPERATOR_DUPLICATES_PER_DAY", value_name = "N")]
    operator_duplicates_per_day: Option<u32>,
    /// (`quotas`) Duplicates of one station in a day; 0 is no limit.
    #[arg(long, env = "PLINTH_STATION_DUPLICATES_PER_DAY", value_name = "N")]
    station_duplicates_per_day: Option<u32>,
    /// (`quotas`) Duplicates of one agency in a day; 0 is no limit.
    #[arg(long, env = "PLINTH_AGENCY_DUPLICATES_PER_DAY", value_name = "N")]
    agency_duplicates_per_day: Option<u32>,
    /// (`quotas`) Duplicates among a hundred enrolments of one operator in a day; 0 is no limit.
    #[arg(long, env = "PLINTH_DUPLICATE_PERCENT", value_name = "PERCENT")]
    duplicate_percent: Option<u8>,
}

/// The `[relying_parties]` section: limits of those whose policies state none of their own.
#[derive(clap::Args, Serialize, Default)]
struct RelyingParties {
    /// (`relying_parties`) Requests a second.
    #[arg(long = "party-requests-per-second", env = "PLINTH_PARTY_REQUESTS_PER_SECOND", value_name = "N")]
    requests_per_second: Option<u32>,
    /// (`relying_parties`) Requests that may come at once.
    #[arg(long = "party-burst", env = "PLINTH_PARTY_BURST", value_name = "N")]
    burst: Option<u32>,
    /// (`relying_parties`) Different numbers in a day.
    #[arg(long = "party-numbers-per-day", env = "PLINTH_PARTY_NUMBERS_PER_DAY", value_name = "N")]
    numbers_per_day: Option<u32>,
    /// (`relying_parties`) The share of a day's answers that may be no.
    #[arg(long = "party-failure-percent", env = "PLINTH_PARTY_FAILURE_PERCENT", value_name = "PERCENT")]
    failure_percent: Option<u8>,
}

/// The `[index]` section: whom a search looks through.
#[derive(clap::Args, Serialize, Default)]
struct Index {
    /// (`index`) Memory for opened blocks of the index: about 1 GiB for each 100,000 people, so that none is read twice
    /// [default: two fifths of the machine's or the container's].
    #[arg(long = "index-cache-mib", env = "PLINTH_INDEX_CACHE_MIB", value_name = "MIB")]
    cache_mib: Option<u32>,
    /// (`index`) The newest people, who are in memory only, at 30 KiB each.
    #[arg(long = "index-newest", env = "PLINTH_INDEX_NEWEST", value_name = "N")]
    newest: Option<u32>,
    /// (`index`) Whether imported people are compared with each other on idle cores [default: true].
    #[arg(long, env = "PLINTH_SWEEP", value_name = "BOOL")]
    sweep: Option<bool>,
}

/// The `[delivery]` section: how one-time codes reach people.
#[derive(clap::Args, Serialize, Default)]
struct Delivery {
    /// (`delivery`) For developers: print messages to standard error.
    #[arg(long = "delivery-print", env = "PLINTH_DELIVERY_PRINT", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    print: Option<bool>,
    /// (`delivery`) For sandboxes: write each message to a file of this folder.
    #[arg(long = "delivery-directory", env = "PLINTH_DELIVERY_DIRECTORY", value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    smtp: Smtp,
    #[command(flatten)]
    webhook: Webhook,
}

/// The `[delivery.smtp]` section.
#[derive(clap::Args, Serialize, Default)]
struct Smtp {
    /// (`delivery.smtp`) The relay that takes e-mail.
    #[arg(long = "smtp-host", env = "PLINTH_SMTP_HOST", value_name = "NAME")]
    host: Option<String>,
    /// (`delivery.smtp`) Its port, usually 587 or 465.
    #[arg(long = "smtp-port", env = "PLINTH_SMTP_PORT", value_name = "PORT")]
    port: Option<u16>,
    /// (`delivery.smtp`) The sender that people see.
    #[arg(long = "smtp-from", env = "PLINTH_SMTP_FROM", value_name = "ADDRESS")]
    from: Option<String>,
    /// (`delivery.smtp`) Who we are to the relay.
    #[arg(long = "smtp-user", env = "PLINTH_SMTP_USER", value_name = "NAME")]
    user: Option<String>,
    /// (`delivery.smtp`) The file that holds the password.
    #[arg(long = "smtp-password-file", env = "PLINTH_SMTP_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// (`delivery.smtp`) starttls, tls, or none (to this machine only).
    #[arg(long = "smtp-tls", env = "PLINTH_SMTP_TLS", value_name = "KIND")]
    tls: Option<String>,
    /// (`delivery.smtp`) The authorities that may vouch for the relay (PEM).
    #[arg(long = "smtp-ca-file", env = "PLINTH_SMTP_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// The `[delivery.webhook]` section.
#[derive(clap::Args, Serialize, Default)]
struct Webhook {
    /// (`delivery.webhook`) Where messages are posted.
    #[arg(long = "webhook-url", env = "PLINTH_WEBHOOK_URL", value_name = "URL")]
    url: Option<String>,
    /// (`delivery.webhook`) The authorities that may vouch for the gateway (PEM).
    #[arg(long = "webhook-ca-file", env = "PLINTH_WEBHOOK_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// The settings of a service: those given, over those of the file, over the defaults. A key that no setting has is
/// refused, so that a misspelt one is never silently ignored.
pub(crate) fn load(file: Option<&Path>, given: &Settings) -> anyhow::Result<ServeConfig> {
    let mut table = file.map_or_else(|| Ok(Table::new()), read)?;
    lay_over(&mut table, Table::try_from(given)?);
    for (key, flag) in
        [("data", "--data DIR (PLINTH_DATA)"), ("root_key", "--root-key FILE (PLINTH_ROOT_KEY)")]
    {
        anyhow::ensure!(
            table.contains_key(key),
            "`{key}` is not set: give {flag}, or set {key} in the configuration file"
        );
    }
    let from = file.map_or_else(|| "flags and environment".to_owned(), |file| file.display().to_string());
    Value::Table(table).try_into().with_context(|| format!("configuration from {from}"))
}

fn read(file: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    text.parse().with_context(|| format!("{} is not a TOML file", file.display()))
}

/// Puts each value of `upper` over the one of the same name in `lower`, section by section.
fn lay_over(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            // A section of which nothing was given is not a section, and neither is one of nothing but such.
            (None, Value::Table(above)) => {
                let mut section = Table::new();
                lay_over(&mut section, above);
                if !section.is_empty() {
                    lower.insert(key, Value::Table(section));
                }
            }
            (_, value) => drop(lower.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn complaint(file: &tempfile::NamedTempFile, given: &Settings) -> String {
        load(Some(file.path()), given).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn what_is_given_lies_over_the_file_and_the_file_over_the_defaults() {
        let file = file("data = \"d\"\nroot_key = \"k\"\n[limits]\nqueue = 7\nbatch = 8\n");
        let given = Settings {
            data: Some("elsewhere".into()),
            limits: Limits { batch: Some(9), ..Limits::default() },
            tracing: Tracing { otlp_endpoint: Some("http://127.0.0.1:4317".to_owned()) },
            ..Settings::default()
        };
        let config = load(Some(file.path()), &given).unwrap();
        assert_eq!(config.data, PathBuf::from("elsewhere"));
        assert_eq!(config.root_key, PathBuf::from("k"));
        assert_eq!((config.limits.queue, config.limits.batch), (7, 9));
        assert_eq!(config.tracing.otlp_endpoint.as_deref(), Some("http://127.0.0.1:4317"));
        assert_eq!(config.limits.drain_seconds, plinth_server::config::Limits::default().drain_seconds);
        assert!(config.tls.is_none());
    }

    #[test]
    fn a_section_within_a_section_is_there_once_something_in_it_is_given() {
        let file = file("data = \"d\"\nroot_key = \"k\"\n[delivery]\nprint = true\n");
        let without = load(Some(file.path()), &Settings::default()).unwrap();
        assert!(
            without.delivery.print && without.delivery.smtp.is_none() && without.delivery.webhook.is_none()
        );
        let url = Some("https://sms.example/codes".to_owned());
        let webhook = Webhook { url, ..Webhook::default() };
        let delivery = Delivery { print: Some(false), webhook, ..Delivery::default() };
        let with = load(Some(file.path()), &Settings { delivery, ..Settings::default() }).unwrap();
        assert!(!with.delivery.print && with.delivery.smtp.is_none());
        assert_eq!(with.delivery.webhook.unwrap().url, "https://sms.example/codes");
        let half = Smtp { host: Some("mail.example".to_owned()), ..Smtp::default() };
        let delivery = Delivery { smtp: half, ..Delivery::default() };
        assert!(complaint(&file, &Settings { delivery, ..Settings::default() }).contains("port"));
    }

    #[test]
    fn a_misspelt_key_is_refused_by_name_at_every_level() {
        assert!(
            complaint(&file("data = \"d\"\nroot_key = \"k\"\nlisten_on = \"x\"\n"), &Settings::default())
                .contains("listen_on")
        );
        assert!(
            complaint(&file("data = \"d\"\nroot_key = \"k\"\n[limits]\nqeue = 7\n"), &Settings::default())
                .contains("qeue")
        );
    }

    #[test]
    fn a_missing_setting_is_named_with_its_flag() {
        assert!(complaint(&file("data = \"d\"\n"), &Settings::default()).contains("--root-key"));
    }
}
