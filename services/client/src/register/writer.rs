use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use plinth_identity::dsse::{SigningKey, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{DeploymentId, PartyId};
use plinth_identity::register::{PartDigest, RegisterManifest, RegisterPart, RegisterRecord};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::register::{encode_register_manifest, encode_register_record, register_records};

use super::RegisterError;
use super::reader::read_at_most;
use crate::answer::envelope_to_bytes;

/// A part is closed when it has this many bytes: a good unit to read, to check and to go on from.
const BYTES_A_PART: usize = 32 << 20;

/// A part is closed when it has this many people, unless the writer was told otherwise.
const PEOPLE_A_PART: u32 = 8_192;

/// A record as it stands in a part. Made apart from the writer, so that many threads can make them.
pub struct EncodedRecord(Vec<u8>);

impl From<&RegisterRecord> for EncodedRecord {
    fn from(record: &RegisterRecord) -> Self {
        Self(encode_register_record(record))
    }
}

#[cfg(test)]
impl EncodedRecord {
    /// A length and bytes that are no record.
    pub(super) fn forged(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

/// What a manifest says besides the parts.
#[derive(Debug, Clone)]
pub struct RegisterDraft {
    /// What the register is called: 1 to 64 characters without control characters.
    pub name: String,
    /// The party that answers for it, and owns the key.
    pub party: PartyId,
    /// The one deployment that may load it; `None` if any may.
    pub audience: Option<DeploymentId>,
    /// When the register was made.
    pub created_at: Timestamp,
}

/// Writes a register into a folder, part by part.
///
/// A part that stands under its name is whole and durable; the one in progress is in memory, and lost with the process.
/// So a writer that is opened again goes on after the last whole part: [`RegisterWriter::people`] says after whom.
/// Nothing keeps two writers out of one folder; the folder belongs to one.
pub struct RegisterWriter {
    folder: PathBuf,
    parts: Vec<RegisterPart>,
    bytes: Vec<u8>,
    people: u32,
    people_a_part: u32,
}

impl RegisterWriter {
    /// Opens `folder`, which is made if there is none, and counts the parts that are whole already.
    ///
    /// # Errors
    /// [`RegisterError::Finished`] if there is a manifest; [`RegisterError::File`]; [`RegisterError::Part`] if a part that is
    /// there is no list of records.
    pub fn open(folder: &Path) -> Result<Self, RegisterError> {
        fs::create_dir_all(folder).map_err(failed(folder))?;
        if folder.join(RegisterManifest::FILE).try_exists().map_err(failed(folder))? {
            return Err(RegisterError::Finished(folder.to_path_buf()));
        }
        let mut parts = Vec::new();
        loop {
            let path = folder.join(RegisterManifest::part_file(parts.len()));
            if !path.try_exists().map_err(failed(&path))? {
                break;
            }
            let most = usize::try_from(RegisterPart::MAX_BYTES).unwrap_or(usize::MAX);
            let part = whole_part(&read_at_most(&path, most)?)
                .map_err(|violation| RegisterError::Part { part: parts.len(), violation })?;
            parts.push(part);
        }
        let folder = folder.to_path_buf();
        Ok(Self { folder, parts, bytes: Vec::new(), people: 0, people_a_part: PEOPLE_A_PART })
    }

    /// The same writer, closing a part after so many people: 1 to [`RegisterPart::MAX_PEOPLE`].
    #[must_use]
    pub fn people_a_part(self, people: u32) -> Self {
        Self { people_a_part: people.clamp(1, RegisterPart::MAX_PEOPLE), ..self }
    }

    /// How many people the register has so far.
    #[must_use]
    pub fn people(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.people())).sum::<u64>() + u64::from(self.people)
    }

    /// Appends a person. Durable with the part, not yet on return.
    ///
    /// # Errors
    /// [`RegisterError::File`] if a part was full and cannot be written; nothing of it is under its name then.
    pub fn push(&mut self, record: EncodedRecord) -> Result<(), RegisterError> {
        self.bytes.extend_from_slice(&record.0);
        self.people += 1;
        if self.people >= self.people_a_part || self.bytes.len() >= BYTES_A_PART {
            self.close_part()?;
        }
        Ok(())
    }

    /// Writes the last part, signs the manifest and writes it. All of it is durable on return.
    ///
    /// # Errors
    /// [`RegisterError::Manifest`] for a bad name, or if nobody is in the register; [`RegisterError::File`].
    pub fn finish(
        mut self,
        draft: RegisterDraft,
        key: &SigningKey,
    ) -> Result<RegisterManifest, RegisterError> {
        if self.people > 0 {
            self.close_part()?;
        }
        let RegisterDraft { name, party, audience, created_at } = draft;
        let manifest = RegisterManifest::new(name, party, audience, created_at, self.parts)
            .map_err(RegisterError::Manifest)?;
        let envelope = key.sign(payload_type::REGISTER_MANIFEST, encode_register_manifest(&manifest));
        write_durably(&self.folder, RegisterManifest::FILE, &envelope_to_bytes(&envelope))?;
        Ok(manifest)
    }

    fn close_part(&mut self) -> Result<(), RegisterError> {
        let index = self.parts.len();
        let part =
            whole_part(&self.bytes).map_err(|violation| RegisterError::Part { part: index, violation })?;
        write_durably(&self.folder, &RegisterManifest::part_file(index), &self.bytes)?;
        self.parts.push(part);
        self.bytes.clear();
        self.people = 0;
        Ok(())
    }
}

impl fmt::Debug for RegisterWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterWriter")
            .field("parts", &self.parts.len())
            .field("people", &self.people())
            .finish_non_exhaustive()
    }
}

/// What the manifest says of a part.
fn whole_part(bytes: &[u8]) -> Result<RegisterPart, FieldViolation> {
    let people = u32::try_from(register_records(bytes)?.len()).unwrap_or(u32::MAX);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    RegisterPart::new(length, people, PartDigest::of(bytes))
}

/// Writes a file under another name, and gives it its own when it is on disk: it is there as a whole, or not at all.
fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), RegisterError> {
    let (unfinished, path) = (folder.join(format!("{name}.unfinished")), folder.join(name));
    File::create(&unfinished)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(failed(&unfinished))?;
    fs::rename(&unfinished, &path).map_err(failed(&path))?;
    // A new name is durable with its folder.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> RegisterError {
    let path = path.to_path_buf();
    move |source| RegisterError::File { path, source }
}
