//! A folder of fingerprint records in the layout of the Fingerprint Verification Competition.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Largest record that is read; the service takes no larger one either.
const MAX_RECORD_BYTES: u64 = 64 * 1024;

/// What the name of a record ends in.
const EXTENSION: &str = "iso";

/// Records laid out as `<set>/<finger>_<impression>.iso`, one capture a file, as exact bytes.
pub(crate) struct TemplateFolder {
    /// The sets by name. At least one.
    pub(crate) sets: Vec<TemplateSet>,
    /// Files of other kinds that stood among them and were left alone: licences, read-me files, images.
    pub(crate) others: usize,
}

/// One set: fingers that were captured with the same sensor.
pub(crate) struct TemplateSet {
    /// The folder's name.
    pub(crate) name: String,
    /// The fingers, in the order of their numbers (or names). At least one.
    pub(crate) fingers: Vec<TemplateFinger>,
}

/// One finger and its captures.
pub(crate) struct TemplateFinger {
    /// The captures by impression number. At least one; the first one enrols.
    pub(crate) impressions: Vec<Template>,
}

/// One capture.
pub(crate) struct Template {
    /// Where it was read.
    pub(crate) path: PathBuf,
    /// The exact bytes of a finger record, not yet looked at.
    pub(crate) record: Vec<u8>,
}

/// Why a folder cannot be used as it is. Each message names the file and what to do.
#[derive(Debug)]
pub(crate) enum FolderError {
    /// The system refused a file or folder.
    Read {
        /// Which one.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A record whose name does not say which finger and impression it is.
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Two records that claim to be the same impression, such as `7_1.iso` and `7_01.iso`.
    Twice {
        /// The second of them.
        path: PathBuf,
    },
    /// A record beside the sets instead of in one.
    OutsideSet {
        /// The file.
        path: PathBuf,
    },
    /// More bytes than a record may have.
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// No set with a record in it.
    NoSets {
        /// The folder that was given.
        path: PathBuf,
    },
}

impl TemplateFolder {
    /// Reads every record below `folder`. Hidden files and files of other kinds are left alone.
    ///
    /// # Errors
    /// [`FolderError`] at the first file that does not fit the layout. What is *in* a record is not looked at.
    pub(crate) fn read(folder: &Path) -> Result<Self, FolderError> {
        let (mut sets, mut others) = (Vec::new(), 0);
        for path in entries(folder)? {
            if path.is_dir() {
                let set = TemplateSet::read(&path, &mut others)?;
                sets.extend((!set.fingers.is_empty()).then_some(set));
            } else if is_record(&path) {
                return Err(FolderError::OutsideSet { path });
            } else {
                others += 1;
            }
        }
        if sets.is_empty() {
            return Err(FolderError::NoSets { path: folder.to_owned() });
        }
        Ok(Self { sets, others })
    }

    /// All fingers of all sets, set by set.
    pub(crate) fn fingers(&self) -> impl Iterator<Item = &TemplateFinger> {
        self.sets.iter().flat_map(|set| &set.fingers)
    }
}

impl TemplateSet {
    fn read(folder: &Path, others: &mut usize) -> Result<Self, FolderError> {
        // Numbered fingers in the order of their numbers, named ones after them.
        let mut fingers: BTreeMap<(u64, String), BTreeMap<u32, Template>> = BTreeMap::new();
        for path in entries(folder)? {
            if !is_record(&path) {
                *others += 1;
                continue;
            }
            let Some((finger, impression)) = parse_name(&path) else {
                return Err(FolderError::Name { path });
            };
            let record = read_record(&path)?;
            let key = (finger.parse().unwrap_or(u64::MAX), finger);
            let impressions = fingers.entry(key).or_default();
            if impressions.contains_key(&impression) {
                return Err(FolderError::Twice { path });
            }
            impressions.insert(impression, Template { path, record });
        }
        let fingers = fingers
            .into_values()
            .map(|impressions| TemplateFinger { impressions: impressions.into_values().collect() });
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, fingers: fingers.collect() })
    }
}

/// What stands in a folder, by name, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let failed = |source| FolderError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION)) && !path.is_dir()
}

/// `<finger>_<impression>`: the finger is any name, the impression a number.
fn parse_name(path: &Path) -> Option<(String, u32)> {
    let (finger, impression) = path.file_stem()?.to_str()?.rsplit_once('_')?;
    let digits = !impression.is_empty() && impression.bytes().all(|byte| byte.is_ascii_digit());
    if finger.is_empty() || !digits {
        return None;
    }
    Some((finger.to_owned(), impression.parse().ok()?))
}

fn read_record(path: &Path) -> Result<Vec<u8>, FolderError> {
    let failed = |source| FolderError::Read { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > MAX_RECORD_BYTES {
        return Err(FolderError::TooLarge { path: path.to_owned(), bytes });
    }
    fs::read(path).map_err(failed)
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Name { path } => write!(
                f,
                "{}: a record is named <finger>_<impression>.iso, such as 101_1.iso; rename it or take it out",
                path.display()
            ),
            Self::Twice { path } => write!(
                f,
                "{}: another file of this set is the same impression of the same finger; keep one",
                path.display()
            ),
            Self::OutsideSet { path } => write!(
                f,
                "{}: records stand one folder deeper, as <set>/<finger>_<impression>.iso; give the folder that \
                 contains the sets",
                path.display()
            ),
            Self::TooLarge { path, bytes } => write!(
                f,
                "{}: {bytes} bytes, and a record has at most {MAX_RECORD_BYTES}; is it an image?",
                path.display()
            ),
            Self::NoSets { path } => write!(
                f,
                "{}: no <set>/<finger>_<impression>.iso below this folder; give the folder that contains the sets",
                path.display()
            ),
        }
    }
}

impl Error for FolderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn error(files: &[(&str, &[u8])]) -> FolderError {
        TemplateFolder::read(folder(files).path()).err().unwrap()
    }

    #[test]
    fn fingers_and_impressions_come_in_the_order_of_their_numbers() {
        let folder = folder(&[
            ("b/10_2.iso", b"x"),
            ("b/10_10.iso", b"z"),
            ("b/10_1.iso", b"y"),
            ("b/9_1.iso", b"w"),
            ("a/left_thumb_1.ISO", b"v"),
            ("LICENSE", b"free"),
            ("b/notes.txt", b"none"),
            ("b/.hidden", b"none"),
        ]);
        let read = TemplateFolder::read(folder.path()).unwrap();
        let sets: Vec<&str> = read.sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(sets, ["a", "b"]);
        let first = |finger: &TemplateFinger| finger.impressions[0].record.clone();
        assert_eq!(read.fingers().map(first).collect::<Vec<_>>(), [b"v", b"w", b"y"]);
        let ten: Vec<&[u8]> =
            read.sets[1].fingers[1].impressions.iter().map(|template| template.record.as_slice()).collect();
        assert_eq!(ten, [b"y", b"x", b"z"]);
        assert_eq!(read.others, 2);
    }

    #[test]
    fn odd_files_are_refused_by_name() {
        assert!(matches!(error(&[("a/101.iso", b"x")]), FolderError::Name { .. }));
        assert!(matches!(error(&[("a/101_one.iso", b"x")]), FolderError::Name { .. }));
        assert!(matches!(error(&[("a/_1.iso", b"x")]), FolderError::Name { .. }));
        assert!(matches!(error(&[("a/1_99999999999.iso", b"x")]), FolderError::Name { .. }));
        assert!(matches!(error(&[("a/1_1.iso", b"x"), ("a/1_01.iso", b"x")]), FolderError::Twice { .. }));
        assert!(matches!(error(&[("1_1.iso", b"x")]), FolderError::OutsideSet { .. }));
        assert!(matches!(error(&[("a/1_1.iso", &[0; 65_537])]), FolderError::TooLarge { bytes: 65_537, .. }));
        assert!(matches!(error(&[("a/readme", b"x")]), FolderError::NoSets { .. }));
        let missing = TemplateFolder::read(Path::new("no such folder")).err().unwrap();
        assert!(matches!(missing, FolderError::Read { .. }));
        assert!(missing.to_string().contains("no such folder"));
    }
}
