use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use plinth_biometrics::synthetic;

use crate::people::Stored;
use crate::process::output_of;

/// Counts up whenever `plinth populate` begins to write other rows, so that a dataset of an older one is made again.
const VERSION: u32 = 1;

/// A deployment whose store holds made-up people without fingers, kept to be copied: filling one takes longer than
/// measuring on it.
///
/// ```text
/// <cache>/dataset-v<people>.<rows>-seed<S>-<N>/data, root.key, keys/   the deployment, as `plinth init` made it
/// <cache>/dataset-v<people>.<rows>-seed<S>-<N>/numbers                 everyone's number, one a line; written last
/// ```
pub(crate) struct Dataset {
    folder: PathBuf,
    seed: u64,
}

impl Dataset {
    /// The dataset of a seed and a size below `cache`, made with the program `plinth` if it is not there. What an
    /// interrupted making has left is gone on with.
    pub(crate) fn open(plinth: &Path, cache: &Path, seed: u64, people: u64) -> anyhow::Result<Self> {
        let name = format!("dataset-v{}.{VERSION}-seed{seed}-{people}", synthetic::VERSION);
        let dataset = Self { folder: cache.join(name), seed };
        if !dataset.numbers().try_exists()? {
            dataset.make(plinth, people).with_context(|| {
                format!("cannot make the dataset {}; remove it to begin again", dataset.folder.display())
            })?;
        }
        let there = dataset.stored()?.count();
        ensure!(
            u64::try_from(there)? == people,
            "{} holds {there} numbers, not {people}: remove it, to be made again",
            dataset.folder.display()
        );
        Ok(dataset)
    }

    /// Whom it holds.
    pub(crate) fn stored(&self) -> anyhow::Result<Stored> {
        let file = self.numbers();
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Stored::read(&text, self.seed).with_context(|| file.display().to_string())
    }

    /// Puts a copy of the deployment into a folder, which changes nothing here. Table files of RocksDB are never written
    /// again once they are complete, so they are shared by name where the file system can; whatever else is there is copied.
    pub(crate) fn copy_to(&self, folder: &Path) -> anyhow::Result<()> {
        for part in ["data", "keys"] {
            copy_folder(&self.folder.join(part), &folder.join(part))?;
        }
        copy_file(&self.folder.join("root.key"), &folder.join("root.key"))
    }

    fn make(&self, plinth: &Path, people: u64) -> anyhow::Result<()> {
        eprintln!("making a dataset of {people} people in {}", self.folder.display());
        let (data, root_key) = (self.folder.join("data"), self.folder.join("root.key"));
        // Written last by `plinth init`: with it the deployment is whole.
        if !self.folder.join("keys").join("service.pem").try_exists()? {
            if self.folder.try_exists()? {
                fs::remove_dir_all(&self.folder)?;
            }
            fs::create_dir_all(&self.folder)?;
            let mut init = Command::new(plinth);
            init.arg("init").arg("--data").arg(&data).arg("--root-key").arg(&root_key);
            output_of(init.arg("--admin-keys").arg(self.folder.join("keys")))?;
        }
        let mut populate = Command::new(plinth);
        populate.arg("populate").arg("--data").arg(&data).arg("--root-key").arg(&root_key);
        populate.args(["--people", &people.to_string(), "--seed", &self.seed.to_string()]);
        populate.arg("--numbers").arg(self.numbers()).stdout(Stdio::null());
        let status = populate.status().with_context(|| format!("cannot run {}", plinth.display()))?;
        ensure!(status.success(), "plinth populate failed: {status}");
        Ok(())
    }

    fn numbers(&self) -> PathBuf {
        self.folder.join("numbers")
    }
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot make {}", to.display()))?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    let sealed = from.extension().is_some_and(|extension| extension == "sst");
    // On another file system there is no such link, and a copy does as well.
    if sealed && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_shares_only_what_nobody_writes_again() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tables = from.path().join("data").join("rocksdb");
        fs::create_dir_all(&tables).unwrap();
        fs::create_dir(from.path().join("keys")).unwrap();
        for file in [tables.join("1.sst"), tables.join("2.log"), from.path().join("root.key")] {
            fs::write(file, "as it was").unwrap();
        }
        Dataset { folder: from.path().to_owned(), seed: 1 }.copy_to(to.path()).unwrap();
        let copied = to.path().join("data").join("rocksdb");
        fs::write(copied.join("2.log"), "written on").unwrap();
        fs::remove_file(copied.join("1.sst")).unwrap();
        for file in ["1.sst", "2.log"] {
            assert_eq!(fs::read_to_string(tables.join(file)).unwrap(), "as it was");
        }
        assert!(to.path().join("root.key").exists() && to.path().join("keys").exists());
    }
}
