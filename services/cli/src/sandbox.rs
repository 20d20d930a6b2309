//! The sandbox of `plinth serve --sandbox`: a service with ten made-up people whose fingers, codes and expected answers
//! are files, for whoever writes a program that calls one.

mod calls;
mod files;
mod founding;
mod parties;
mod people;

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use plinth_server::Running;
use plinth_server::config::ServeConfig;
use tempfile::NamedTempFile;
use toml::{Table, Value};

use crate::config::{self, Settings};
use founding::Founder;

/// Where a sandbox is made unless something else is said.
pub(crate) const FOLDER: &str = "./plinth-sandbox";

/// A folder that is a sandbox, or becomes one.
pub(crate) struct Sandbox {
    folder: PathBuf,
    is_new: bool,
}

/// What is still to be done to a sandbox once its service runs.
pub(crate) struct Opened<'a> {
    sandbox: &'a Sandbox,
    founder: Option<Founder>,
}

impl Sandbox {
    /// Looks at a folder, and changes nothing.
    ///
    /// # Errors
    /// If it holds something else.
    pub(crate) fn at(folder: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot use {}", folder.display());
        // Whatever is written down must hold wherever it is read; and without a slash at the end.
        let absolute: PathBuf = std::path::absolute(folder).with_context(cannot)?.components().collect();
        let is_new = match std::fs::read_dir(&absolute) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(cannot),
        };
        ensure!(
            is_new || absolute.join(files::EXPECTED).exists(),
            "{} holds something else, or a sandbox that was not finished; name an empty or absent folder, or delete this one",
            folder.display()
        );
        Ok(Self { folder: absolute, is_new })
    }

    /// The settings of its service: those of a sandbox, and over them what was given.
    ///
    /// # Errors
    /// If others could reach it, or codes would not stay on this machine.
    pub(crate) fn config(&self, given: &Settings) -> anyhow::Result<ServeConfig> {
        let mut file = NamedTempFile::new().context("cannot make a temporary file")?;
        file.write_all(self.settings()?.as_bytes()).context("cannot write a temporary file")?;
        let config = config::load(Some(file.path()), given)?;
        for (name, address) in [("--listen", config.listen), ("--admin-listen", config.admin_listen)] {
            ensure!(
                address.ip().is_loopback(),
                "{name}: a sandbox listens on loopback addresses only, for its keys lie open; not on {address}"
            );
        }
        ensure!(
            config.tls.is_none(),
            "--tls-certificate: a sandbox is on this machine only and speaks without TLS"
        );
        let delivery = &config.delivery;
        ensure!(
            delivery.smtp.is_none()
                && delivery.webhook.is_none()
                && delivery.directory.as_deref() == Some(self.folder.join(files::OUTBOX).as_path()),
            "delivery: the messages of a sandbox go into its own folder and nowhere else"
        );
        Ok(config)
    }

    /// Says loudly what this is, and founds the deployment if there is none.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn open(&self) -> anyhow::Result<Opened<'_>> {
        eprintln!("\n{WARNING}\n");
        let founder = if self.is_new {
            tell(format_args!("making a sandbox in {}", self.folder.display()));
            let keys = self.folder.join("keys");
            files::make(&keys)?;
            Some(Founder::found(&keys, &self.data(), &self.root_key())?)
        } else {
            tell(format_args!("serving the sandbox in {}", self.folder.display()));
            None
        };
        Ok(Opened { sandbox: self, founder })
    }

    /// Says what to try.
    pub(crate) fn say_what_next(&self) {
        let folder = self.folder.display();
        let text = format!(
            "\nIn another terminal:\n  . '{folder}/environment'\n  plinth authenticate --name 'Asha Verma' < \
             '{folder}/people/01/number.txt'\n\nWhat is here, and more to paste:       {folder}/README.md\nCalls and the \
             answers they must get:  {folder}/{}\n",
            files::EXPECTED
        );
        // Nobody may be reading; that is no reason not to serve.
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn settings(&self) -> anyhow::Result<String> {
        let path =
            |path: PathBuf| path.to_str().map(Value::from).context("the path of a sandbox must be UTF-8");
        let mut settings = Table::new();
        settings.insert("data".to_owned(), path(self.data())?);
        settings.insert("root_key".to_owned(), path(self.root_key())?);
        let directory = path(self.folder.join(files::OUTBOX))?;
        settings
            .insert("delivery".to_owned(), Table::from_iter([("directory".to_owned(), directory)]).into());
        // Whoever tries out duplicates must not be stopped by a quota.
        let quotas = [
            "operator_duplicates_per_day",
            "station_duplicates_per_day",
            "agency_duplicates_per_day",
            "duplicate_percent",
        ];
        let none = quotas.map(|quota| (quota.to_owned(), Value::from(0)));
        settings.insert("quotas".to_owned(), Table::from_iter(none).into());
        Ok(settings.to_string())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn root_key(&self) -> PathBuf {
        self.folder.join("root.key")
    }
}

impl Opened<'_> {
    /// Brings in the people of a new sandbox, and writes down where the service is.
    ///
    /// # Errors
    /// If the service does not do as it should, or the folder cannot be written.
    pub(crate) async fn furnish(&self, running: &Running) -> anyhow::Result<()> {
        let folder = &self.sandbox.folder;
        if let Some(founder) = &self.founder {
            let unfinished =
                || format!("the sandbox is not finished; delete {} before the next try", folder.display());
            founder.furnish(running, folder).await.with_context(unfinished)?;
        }
        files::write_environment(folder, running)
    }
}

/// One line of progress, beside the logs: standard output is for the line that scripts read.
fn tell(line: fmt::Arguments<'_>) {
    eprintln!("sandbox: {line}");
}

const WARNING: &str = "\
*******************************************************************************
**  A SANDBOX, NOT FOR REAL PEOPLE. Its keys lie open, its one-time codes    **
**  are written to files, and everyone in it is made up.                     **
*******************************************************************************";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn config(folder: &Path, arguments: &[&str]) -> anyhow::Result<ServeConfig> {
        let line = ["test"].into_iter().chain(arguments.iter().copied());
        Sandbox::at(folder)?.config(&Line::try_parse_from(line)?.settings)
    }

    #[test]
    fn a_sandbox_has_settings_of_its_own_and_takes_ports() {
        let folder = tempfile::tempdir().unwrap();
        let config =
            config(folder.path(), &["--listen", "127.0.0.1:0", "--admin-listen", "[::1]:0"]).unwrap();
        assert_eq!(config.data, folder.path().join("data"));
        assert_eq!(config.delivery.directory, Some(folder.path().join("outbox")));
        assert_eq!(config.quotas, plinth_server::config::EnrolmentQuotas::none());
        config.check().unwrap();
    }

    #[test]
    fn nobody_else_can_reach_it_and_nothing_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        for arguments in [
            &["--listen", "0.0.0.0:7770"][..],
            &["--admin-listen", "10.0.0.1:7771"],
            &["--tls-certificate", "a", "--tls-key", "b", "--tls-client-ca", "c"],
            &["--delivery-directory", "elsewhere"],
            &["--webhook-url", "https://sms.example"],
        ] {
            assert!(config(folder.path(), arguments).is_err(), "{arguments:?}");
        }
        assert!(
            std::fs::read_dir(folder.path()).unwrap().next().is_none(),
            "a refusal leaves nothing behind"
        );
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Sandbox::at(folder.path()).unwrap().is_new);
        assert!(Sandbox::at(&folder.path().join("absent")).unwrap().is_new);
        std::fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        assert!(Sandbox::at(folder.path()).is_err());
        std::fs::write(folder.path().join(files::EXPECTED), "{}").unwrap();
        assert!(!Sandbox::at(folder.path()).unwrap().is_new);
    }
}
