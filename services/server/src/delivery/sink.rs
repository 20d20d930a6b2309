//! Where codes go on a developer's machine and in a sandbox: to standard error, or into files.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use plinth_identity::otp::Delivery;
use tracing::warn;
use zeroize::Zeroizing;

use super::{DeliverySettings, SendError, Sender, address, message};
use crate::ServeError;

/// Longest name of a file before its ending: every file system takes 255 bytes.
const LONGEST_NAME: usize = 200;

/// Shows codes to whoever is at the machine. Never for real people.
pub(super) struct Sink {
    printer: Option<Mutex<Box<dyn Write + Send>>>,
    directory: Option<Arc<PathBuf>>,
}

impl Sink {
    /// The sink of the settings, if they ask for one. Says so loudly.
    ///
    /// # Errors
    /// [`ServeError::Io`] if the folder cannot be made.
    pub(super) fn open(settings: &DeliverySettings) -> Result<Option<Self>, ServeError> {
        if !settings.print && settings.directory.is_none() {
            return Ok(None);
        }
        if let Some(directory) = &settings.directory {
            std::fs::create_dir_all(directory).map_err(|source| ServeError::Io {
                what: "making the folder of delivery.directory",
                source,
            })?;
            warn!(directory = %directory.display(), "ONE-TIME CODES ARE WRITTEN TO FILES: for sandboxes only");
        }
        if settings.print {
            warn!("ONE-TIME CODES ARE PRINTED HERE: for developers only, never for real people");
        }
        let printer = settings.print.then(|| Mutex::new(Box::new(io::stderr()) as Box<dyn Write + Send>));
        Ok(Some(Self { printer, directory: settings.directory.clone().map(Arc::new) }))
    }
}

#[tonic::async_trait]
impl Sender for Sink {
    async fn send(&self, delivery: &Delivery) -> Result<(), SendError> {
        let Some(to) = &delivery.to else {
            return Err(SendError::permanent("there is no destination"));
        };
        let (channel, to) = address(to);
        let text = page(delivery, channel, to);
        if let Some(printer) = &self.printer {
            let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
            write!(printer, "\n*** DEVELOPER'S SINK: this would have been sent ***\n{}\n", *text)
                .and_then(|()| printer.flush())
                .map_err(|_| SendError::temporary("standard error cannot be written"))?;
        }
        if let Some(directory) = &self.directory {
            let (directory, name, id) = (Arc::clone(directory), file_name(to), HEXLOWER.encode(&delivery.id));
            let written = tokio::task::spawn_blocking(move || {
                // Whoever reads the file sees one whole message.
                let draft = directory.join(format!(".{id}.draft"));
                std::fs::write(&draft, text.as_bytes())?;
                std::fs::rename(&draft, directory.join(name))
            });
            let written = written.await.unwrap_or_else(|failure| Err(io::Error::other(failure)));
            written.map_err(|error| {
                SendError::temporary(format!("the folder cannot be written: {}", error.kind()))
            })?;
        }
        Ok(())
    }
}

/// One message for people and for programs: `name: value` lines, an empty line, and the text.
fn page(delivery: &Delivery, channel: &str, to: &str) -> Zeroizing<String> {
    let (code, text) = (message::code(delivery), message::short(delivery));
    Zeroizing::new(format!(
        "channel: {channel}\nto: {to}\ncode: {}\nvalid until: {}\nid: {}\n\n{}\n",
        code.as_str(),
        message::valid_until(delivery),
        message::id(delivery),
        *text,
    ))
}

/// The file of a destination: the digits of a number, or an address with `_` for whatever is not a letter, a digit or one
/// of `@.+-`. Never a hidden file, never another folder.
fn file_name(to: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "@.+-_".contains(c) { c } else { '_' };
    let name: String = to.trim_start_matches('+').chars().map(kept).take(LONGEST_NAME).collect();
    let name = if name.starts_with('.') { name.replacen('.', "_", 1) } else { name };
    format!("{name}.txt")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::delivery::trial::{ADDRESS, CODE, PHONE, email, sms};

    /// A printer that a test can read.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_newest_message_of_a_destination_is_the_content_of_its_file() {
        let folder = TempDir::new().unwrap();
        let directory = folder.path().join("a/b");
        let settings = DeliverySettings { directory: Some(directory.clone()), ..DeliverySettings::default() };
        let sink = Sink::open(&settings).unwrap().unwrap();
        for message in [sms("Older"), sms("Newer"), email("Bank of Examples")] {
            sink.send(&message).await.unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["4915112345678.txt", "mira.example@mail.example.txt"]);
        let text = std::fs::read_to_string(directory.join("4915112345678.txt")).unwrap();
        assert!(text.starts_with(&format!(
            "channel: sms\nto: {PHONE}\ncode: {CODE}\nvalid until: 2026-01-01T00:10:00Z\n"
        )));
        assert!(text.contains("for Newer, valid until"), "{text}");
    }

    #[tokio::test]
    async fn the_printer_shows_the_code_under_a_warning() {
        let paper = Paper::default();
        let sink = Sink { printer: Some(Mutex::new(Box::new(paper.clone()))), directory: None };
        sink.send(&email("Bank of Examples")).await.unwrap();
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        for part in ["DEVELOPER'S SINK", CODE, ADDRESS, "Bank of Examples"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn no_destination_names_a_file_elsewhere_or_a_hidden_one() {
        for (to, name) in [
            ("../../etc/passwd@mail.example", "_._.._etc_passwd@mail.example.txt"),
            (".hidden@mail.example", "_hidden@mail.example.txt"),
            ("a/b\\c\0d@mail.example", "a_b_c_d@mail.example.txt"),
            ("ü@mail.example", "_@mail.example.txt"),
            ("+4915112345678", "4915112345678.txt"),
        ] {
            assert_eq!(file_name(to), name, "{to}");
            assert!(!file_name(to).contains(['/', '\\']));
        }
        assert_eq!(file_name(&"x".repeat(300)).len(), LONGEST_NAME + 4);
    }

    #[tokio::test]
    async fn a_folder_that_has_gone_is_no_reason_to_lose_a_message() {
        let folder = TempDir::new().unwrap();
        let directory = folder.path().join("codes");
        let settings = DeliverySettings { directory: Some(directory.clone()), ..DeliverySettings::default() };
        let sink = Sink::open(&settings).unwrap().unwrap();
        std::fs::remove_dir(&directory).unwrap();
        assert!(!sink.send(&sms("A")).await.unwrap_err().permanent);
    }

    #[test]
    fn without_being_asked_for_there_is_no_sink() {
        assert!(Sink::open(&DeliverySettings::default()).unwrap().is_none());
    }
}
