//! The report directory: every request as it was signed, every answer as it was received, and the report itself.
//!
//! ```text
//! <report>/requests/<application>.request   the signed request; written, and durable, before it is sent
//! <report>/requests/<application>.answer    the first answer
//! <report>/requests/<application>.outcome   what administrators decided later
//! <report>/requests/<application>.rejected  a request that the service does not take; a corrected one takes its place
//! <report>/report.jsonl                     the outcome of every application of the last run, one line each
//! ```

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::outcome::Outcome;

/// A report directory. Only its owner can read it, for it holds names and numbers.
pub(crate) struct ReportFolder {
    folder: PathBuf,
    requests: PathBuf,
}

impl ReportFolder {
    /// Opens the directory, making it if need be.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let requests = folder.join("requests");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&requests);
        made.with_context(|| format!("cannot make the report directory {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), requests })
    }

    /// What is kept of one application.
    pub(crate) fn entry(&self, application: &str) -> Entry<'_> {
        Entry { requests: &self.requests, application: application.to_owned() }
    }

    /// Writes the report of a run, and says where it is.
    pub(crate) fn finish(&self, outcomes: &[Outcome]) -> anyhow::Result<PathBuf> {
        let mut lines = Vec::new();
        for outcome in outcomes {
            serde_json::to_writer(&mut lines, outcome)?;
            lines.push(b'\n');
        }
        let path = self.folder.join("report.jsonl");
        put(&self.folder, &path, &lines)?;
        Ok(path)
    }
}

/// What is kept of one application.
pub(crate) struct Entry<'a> {
    requests: &'a Path,
    application: String,
}

impl Entry<'_> {
    pub(crate) fn request(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.get("request")
    }

    pub(crate) fn answer(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.get("answer")
    }

    pub(crate) fn outcome(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.get("outcome")
    }

    /// Keeps a request. On return it is durable, so that whatever is sent can be sent again.
    pub(crate) fn put_request(&self, bytes: &[u8]) -> anyhow::Result<()> {
        put(self.requests, &self.path("request"), bytes)
    }

    pub(crate) fn put_answer(&self, bytes: &[u8]) -> anyhow::Result<()> {
        put(self.requests, &self.path("answer"), bytes)
    }

    pub(crate) fn put_outcome(&self, bytes: &[u8]) -> anyhow::Result<()> {
        put(self.requests, &self.path("outcome"), bytes)
    }

    /// Sets a request aside that decided nothing and never will, so that another can take its place.
    pub(crate) fn set_aside(&self) -> anyhow::Result<()> {
        let (from, to) = (self.path("request"), self.path("rejected"));
        fs::rename(&from, &to).with_context(|| format!("cannot rename {}", from.display()))
    }

    fn get(&self, extension: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let path = self.path(extension);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.requests.join(format!("{}.{extension}", self.application))
    }
}

/// Writes a file that is, after a power cut too, either whole or not there.
fn put(folder: &Path, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
        unfinished.write_all(bytes)?;
        unfinished.as_file().sync_all()?;
        unfinished.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_request_is_kept_until_it_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let report = ReportFolder::open(&folder.path().join("report")).unwrap();
        let entry = report.entry("ada");
        assert_eq!(entry.request().unwrap(), None);
        entry.put_request(b"signed").unwrap();
        assert_eq!(report.entry("ada").request().unwrap().as_deref(), Some(&b"signed"[..]));
        assert_eq!(report.entry("grace").request().unwrap(), None);
        entry.set_aside().unwrap();
        assert_eq!(entry.request().unwrap(), None);
        assert!(folder.path().join("report/requests/ada.rejected").exists());
    }

    #[test]
    fn only_the_owner_reads_a_report() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let report = ReportFolder::open(&path).unwrap();
        let file = report.finish(&[]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o077, 0);
    }
}
