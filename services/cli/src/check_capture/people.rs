//! Whose fingers are checked: people's files as `plinth enrol` takes them, and bare records.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use plinth_biometrics::FingerPosition;
use plinth_biometrics::record::MAX_RECORD_BYTES;
use plinth_identity::application::FingerSample;

use crate::enrol::application;

/// One person's samples, and what the person is called on the screen.
pub(super) struct CapturedPerson {
    pub(super) name: String,
    pub(super) samples: Vec<FingerSample>,
}

/// Reads everybody that the paths stand for. Records that are named one by one belong to one person.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<CapturedPerson>> {
    let (mut people, mut records) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            people.extend(folder(path)?);
        } else if is_application(path) {
            people.push(person(path)?);
        } else {
            records.push(record(path)?);
        }
    }
    if !records.is_empty() {
        people.push(CapturedPerson { name: "records".to_owned(), samples: records });
    }
    Ok(people)
}

/// A folder of people's files, or, if there is none, one person's records.
fn folder(path: &Path) -> anyhow::Result<Vec<CapturedPerson>> {
    let cannot = || format!("cannot read {}", path.display());
    let entries =
        std::fs::read_dir(path).with_context(cannot)?.collect::<Result<Vec<_>, _>>().with_context(cannot)?;
    let mut files: Vec<PathBuf> =
        entries.iter().map(std::fs::DirEntry::path).filter(|file| file.is_file()).collect();
    files.sort();
    if files.iter().any(|file| is_application(file)) {
        return files.iter().filter(|file| is_application(file)).map(|file| person(file)).collect();
    }
    if files.is_empty() {
        bail!(
            "{} holds neither people's files nor records; see `plinth check-capture --help`",
            path.display()
        );
    }
    let samples = files.iter().map(|file| record(file)).collect::<anyhow::Result<_>>()?;
    Ok(vec![CapturedPerson { name: path.display().to_string(), samples }])
}

fn is_application(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("json"))
}

fn person(file: &Path) -> anyhow::Result<CapturedPerson> {
    let name = file.display().to_string();
    let samples = application::read_fingers(file).with_context(|| name.clone())?;
    Ok(CapturedPerson { name, samples })
}

/// A record as `POSITION=FILE`, or as a file that may be named by its position.
fn record(path: &Path) -> anyhow::Result<FingerSample> {
    let declared = path.to_str().and_then(|text| text.split_once('='));
    let (position, file) = match declared {
        Some((position, file)) if !path.exists() => {
            let position = position.parse().with_context(|| format!("{position:?} in {}", path.display()))?;
            (position, Path::new(file))
        }
        _ => {
            let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
            (stem.parse().unwrap_or(FingerPosition::Unknown), path)
        }
    };
    let cannot = || format!("cannot read {}", file.display());
    let size = std::fs::metadata(file).with_context(cannot)?.len();
    if usize::try_from(size).is_ok_and(|size| size <= MAX_RECORD_BYTES) {
        let record = std::fs::read(file).with_context(cannot)?;
        return Ok(FingerSample { position, record });
    }
    bail!("{} is larger than any record: {size} bytes", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(people: &[CapturedPerson]) -> Vec<(usize, Vec<FingerPosition>)> {
        people
            .iter()
            .map(|person| {
                (person.samples.len(), person.samples.iter().map(|sample| sample.position).collect())
            })
            .collect()
    }

    #[test]
    fn a_folder_of_records_is_one_person_whose_files_name_the_fingers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["right-thumb.iso", "left-ring.iso", "7.iso"] {
            std::fs::write(folder.path().join(name), b"record").unwrap();
        }
        let people = read(&[folder.path().to_owned()]).unwrap();
        let fingers = vec![FingerPosition::Unknown, FingerPosition::LeftRing, FingerPosition::RightThumb];
        assert_eq!(names(&people), [(3, fingers)]);
    }

    #[test]
    fn records_one_by_one_are_one_person_and_may_be_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.iso");
        std::fs::write(&file, b"record").unwrap();
        let named = PathBuf::from(format!("left-index={}", file.display()));
        let people = read(&[named, file.clone()]).unwrap();
        assert_eq!(names(&people), [(2, vec![FingerPosition::LeftIndex, FingerPosition::Unknown])]);
        let wrong = PathBuf::from(format!("third-thumb={}", file.display()));
        assert!(read(&[wrong]).is_err());
        assert!(read(&[folder.path().join("lost.iso")]).is_err());
    }

    #[test]
    fn a_folder_of_people_is_as_many_people_as_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thumb.iso"), b"record").unwrap();
        for name in ["ada", "grace"] {
            let json = r#"{"name":"Ada Lovelace","date_of_birth":"1985-12-10","gender":"F",
                "fingers":[{"position":"right-thumb","file":"thumb.iso"}]}"#;
            std::fs::write(folder.path().join(name).with_extension("json"), json).unwrap();
        }
        let people = read(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(&people), vec![(1, vec![FingerPosition::RightThumb]); 2]);
        let empty = tempfile::tempdir().unwrap();
        assert!(read(&[empty.path().to_owned()]).is_err());
    }
}
