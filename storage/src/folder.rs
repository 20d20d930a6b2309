//! The folder of a store: its description, its lock, and files that appear whole or not at all.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use plinth_identity::id::DeploymentId;

use crate::error::StoreError;

/// The layout that this program writes.
pub(crate) const FORMAT: u32 = 4;

/// The oldest layout that this program reads, and turns into [`FORMAT`] when it opens it.
const OLDEST: u32 = 1;

const DESCRIPTION: &str = "PLINTH";
/// Name of the folder of unfinished files of segments.
pub(crate) const BUILDING: &str = "building";
/// Far longer than any description.
const LONGEST: u64 = 4096;

/// Paths within a store's folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A folder that is empty, made if need be.
    pub(crate) fn empty(path: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(StoreError::io("the store's folder"))?;
        let mut entries = fs::read_dir(path).map_err(StoreError::io("the store's folder"))?;
        match entries.next() {
            None => Ok(Self::new(path)),
            Some(_) => Err(StoreError::NotEmpty),
        }
    }

    pub(crate) fn tables(&self) -> PathBuf {
        self.0.join("rocksdb")
    }

    /// Where files of segments are written. On the same file system as the tables, which take them over.
    pub(crate) fn building(&self) -> PathBuf {
        self.0.join(BUILDING)
    }

    /// Writes a file so that it is, after a power cut too, either complete and durable or not there.
    pub(crate) fn put(&self, name: &'static str, content: &[u8]) -> Result<(), StoreError> {
        drop(self.write_new(name, content)?);
        self.publish(name)
    }

    /// Writes the new content of a file beside it.
    fn write_new(&self, name: &'static str, content: &[u8]) -> Result<File, StoreError> {
        let fail = StoreError::io(name);
        let mut file = File::create(unfinished(&self.0, name)).map_err(&fail)?;
        file.write_all(content).map_err(&fail)?;
        file.sync_all().map_err(&fail)?;
        Ok(file)
    }

    /// Puts what stands beside a file in its place.
    fn publish(&self, name: &'static str) -> Result<(), StoreError> {
        fs::rename(unfinished(&self.0, name), self.0.join(name)).map_err(StoreError::io(name))?;
        sync(&self.0)
    }

    /// The content of a file, nothing if it is not there.
    pub(crate) fn get(&self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.0.join(name);
        match fs::metadata(&path) {
            Ok(file) if file.len() > LONGEST => Err(StoreError::corrupt(name, "far too long")),
            Ok(_) => fs::read(&path).map(Some).map_err(StoreError::io(name)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(StoreError::io(name)(error)),
        }
    }

    pub(crate) fn describe(&self, description: &Description) -> Result<(), StoreError> {
        self.put(DESCRIPTION, description.to_text().as_bytes())
    }

    pub(crate) fn description(&self) -> Result<Description, StoreError> {
        let bytes = self.get(DESCRIPTION)?.ok_or(StoreError::NotInitialised)?;
        let text = String::from_utf8(bytes).map_err(|_| StoreError::corrupt(DESCRIPTION, "not text"))?;
        Description::parse(&text)
    }

    /// Replaces the description of a store that this process holds, and gives the lock that holds it from now on: the
    /// new file is locked before it takes the old one's place, so that at no moment the store looks free.
    pub(crate) fn describe_again(&self, description: &Description) -> Result<File, StoreError> {
        let file = self.write_new(DESCRIPTION, description.to_text().as_bytes())?;
        let file = locked(file)?;
        self.publish(DESCRIPTION)?;
        Ok(file)
    }

    /// Takes the store for this process until the returned file is dropped, even by a crash.
    pub(crate) fn lock(&self) -> Result<File, StoreError> {
        locked(File::open(self.0.join(DESCRIPTION)).map_err(StoreError::io(DESCRIPTION))?)
    }

    /// Copies a folder and everything below it, each file durable on return.
    pub(crate) fn copy_tables(&self, to: &Self) -> Result<(), StoreError> {
        let fail = StoreError::io("rocksdb");
        fs::create_dir(to.tables()).map_err(&fail)?;
        for entry in fs::read_dir(self.tables()).map_err(&fail)? {
            let entry = entry.map_err(&fail)?;
            let target = to.tables().join(entry.file_name());
            fs::copy(entry.path(), &target).map_err(&fail)?;
            File::open(&target).and_then(|file| file.sync_all()).map_err(&fail)?;
        }
        sync(&to.tables())?;
        sync(&to.0)
    }
}

fn unfinished(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.new"))
}

fn locked(file: File) -> Result<File, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(StoreError::io(DESCRIPTION)(error)),
    }
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io("the store's folder"))
}

/// What a store says of itself before any key is known.
///
/// ```text
/// plinth store
/// format 3
/// deployment <32 hexadecimal digits>
/// commitment <64 hexadecimal digits>
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    /// The layout of the tables, from the oldest that is read to [`FORMAT`].
    pub(crate) format: u32,
    pub(crate) deployment: DeploymentId,
    /// Commitment to the root key; safe to publish.
    pub(crate) commitment: [u8; 32],
}

impl Description {
    fn to_text(&self) -> String {
        let (format, deployment) = (self.format, self.deployment);
        let mut text = format!("plinth store\nformat {format}\ndeployment {deployment}\ncommitment ");
        for byte in self.commitment {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        text
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let damaged = |field: &'static str| StoreError::corrupt(DESCRIPTION, field);
        let rest = text
            .strip_prefix("plinth store\nformat ")
            .ok_or_else(|| damaged("not a description of a store"))?;
        let (format, rest) = rest.split_once('\n').ok_or_else(|| damaged("format"))?;
        // The format comes first and alone, so that every later layout can still be told apart.
        let found = format.parse().map_err(|_| damaged("format"))?;
        if !(OLDEST..=FORMAT).contains(&found) {
            return Err(StoreError::OtherVersion { found, supported: FORMAT });
        }
        let (deployment, rest) = rest
            .strip_prefix("deployment ")
            .and_then(|rest| rest.split_once('\n'))
            .ok_or_else(|| damaged("deployment"))?;
        let commitment = rest
            .strip_prefix("commitment ")
            .and_then(|rest| rest.strip_suffix('\n'))
            .and_then(commitment_from_hex)
            .ok_or_else(|| damaged("commitment"))?;
        Ok(Self {
            format: found,
            deployment: DeploymentId::from_str(deployment).map_err(|_| damaged("deployment"))?,
            commitment,
        })
    }
}

fn commitment_from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut commitment = [0; 32];
    for (byte, pair) in commitment.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = (*byte << 4) | value;
        }
    }
    Some(commitment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_description_reads_as_it_was_written(
            format in OLDEST..=FORMAT, deployment in any::<[u8; 16]>(), commitment in any::<[u8; 32]>(),
        ) {
            let deployment = DeploymentId::from_bytes(deployment);
            let description = Description { format, deployment, commitment };
            prop_assert_eq!(Description::parse(&description.to_text()), Ok(description));
        }

        #[test]
        fn any_text_gives_a_description_or_a_reason(text in ".{0,200}") {
            let _ = Description::parse(&text);
        }
    }

    #[test]
    fn another_format_is_named_whatever_follows_it() {
        assert_eq!(
            Description::parse("plinth store\nformat 5\nanything at all"),
            Err(StoreError::OtherVersion { found: 5, supported: 4 })
        );
    }
}
