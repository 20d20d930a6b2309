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
    #[command(flatten)]
    tls: Tls,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    deduplication: Deduplication,
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
    /// (`limits`) The largest message.
    #[arg(long, env = "PLINTH_MESSAGE_BYTES", value_name = "BYTES")]
    message_bytes: Option<u32>,
    /// (`limits`) Enrolments of one stream in hand at once.
    #[arg(long, env = "PLINTH_STREAM_WINDOW", value_name = "N")]
    stream_window: Option<u32>,
    /// (`limits`) How long a drain may take, 1 to 8.
    #[arg(long, env = "PLINTH_DRAIN_SECONDS", value_name = "SECONDS")]
    drain_seconds: Option<u32>,
}

/// The `[deduplication]` section.
#[derive(clap::Args, Serialize, Default)]
struct Deduplication {
    /// (`deduplication`) False match rate from which on two people are called one.
    #[arg(long, env = "PLINTH_DUPLICATE_FMR", value_name = "RATE")]
    duplicate_fmr: Option<f64>,
    /// (`deduplication`) False match rate from which on administrators decide.
    #[arg(long, env = "PLINTH_ADJUDICATE_FMR", value_name = "RATE")]
    adjudicate_fmr: Option<f64>,
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
            // A section of which nothing was given is not a section.
            (None, Value::Table(above)) if above.is_empty() => {}
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
            ..Settings::default()
        };
        let config = load(Some(file.path()), &given).unwrap();
        assert_eq!(config.data, PathBuf::from("elsewhere"));
        assert_eq!(config.root_key, PathBuf::from("k"));
        assert_eq!((config.limits.queue, config.limits.batch), (7, 9));
        assert_eq!(config.limits.drain_seconds, plinth_server::config::Limits::default().drain_seconds);
        assert!(config.tls.is_none());
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
