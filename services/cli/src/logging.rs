//! Logs: to standard error, so that standard output holds results only.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How much is logged, and in which form.
#[derive(clap::Args)]
#[command(next_help_heading = "Logging (to standard error)")]
pub(crate) struct Logging {
    /// The form of log lines.
    #[arg(
        long = "log",
        global = true,
        value_enum,
        default_value_t,
        env = "PLINTH_LOG_FORMAT",
        value_name = "FORM"
    )]
    form: Form,
    /// What is logged: error, warn, info, debug or trace, or filters such as `info,plinth_storage=debug`.
    ///
    /// Without it a service logs from `info` on, any other command from `warn` on. Numbers, names, templates and keys
    /// are in no log at any level.
    #[arg(long = "log-level", global = true, env = "PLINTH_LOG", value_name = "LEVEL", value_parser = filter)]
    level: Option<String>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Form {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object a line, for machines.
    Json,
}

impl Logging {
    /// Starts logging, for a service or for any other command.
    pub(crate) fn start(&self, service: bool) {
        let usual = if service { "info" } else { "warn" };
        let filter = EnvFilter::new(self.level.as_deref().unwrap_or(usual));
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        match self.form {
            Form::Human => lines.init(),
            Form::Json => lines.json().flatten_event(true).init(),
        }
    }
}

/// A misspelt level is refused, not ignored.
fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
