use std::fmt;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use plinth_identity::dsse::{KeyId, PublicKey, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{PartyId, RequestDigest};
use plinth_identity::register::{RegisterManifest, RegisterPart, RegisterRecord};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::envelope::MAX_PAYLOAD_BYTES;
use plinth_proto::convert::register::{
    decode_register_manifest, decode_register_record, register_records, unverified_register_party,
};

use super::RegisterError;
use crate::answer::envelope_from_bytes;
use crate::error::ClientError;

/// A register whose manifest was verified.
#[derive(Debug, Clone)]
pub struct Register {
    folder: PathBuf,
    manifest: RegisterManifest,
    signer: KeyId,
    digest: RequestDigest,
}

impl Register {
    /// Opens the register in `folder`. `key_of` gives the key of a party that may answer for a register, or none for anyone
    /// else. Parts are not looked at yet.
    ///
    /// The caller still has to compare [`RegisterManifest::audience`] with the deployment that loads.
    ///
    /// # Errors
    /// [`RegisterError::File`], [`RegisterError::Signer`], [`RegisterError::Envelope`] or [`RegisterError::Manifest`].
    pub fn open(
        folder: &Path,
        key_of: impl FnOnce(&PartyId) -> Option<PublicKey>,
    ) -> Result<Self, RegisterError> {
        // An envelope is its payload, its type and a signature: far less than another payload.
        let bytes = read_at_most(&folder.join(RegisterManifest::FILE), 2 * MAX_PAYLOAD_BYTES)?;
        let envelope = envelope_from_bytes(&bytes).map_err(|error| match error {
            ClientError::Request(violation) => RegisterError::Manifest(violation),
            other => RegisterError::Manifest(FieldViolation::malformed("envelope", other.to_string())),
        })?;
        let party = unverified_register_party(envelope.payload()).map_err(RegisterError::Manifest)?;
        let key = key_of(&party).ok_or(RegisterError::Signer)?;
        let verified =
            envelope.verify(payload_type::REGISTER_MANIFEST, &key).map_err(RegisterError::Envelope)?;
        let manifest = decode_register_manifest(&verified).map_err(RegisterError::Manifest)?;
        let (signer, digest) = (verified.key_id(), verified.digest());
        Ok(Self { folder: folder.to_path_buf(), manifest, signer, digest })
    }

    /// What was signed. Its party owns the key, by the word of whoever gave the key to [`Register::open`].
    #[must_use]
    pub fn manifest(&self) -> &RegisterManifest {
        &self.manifest
    }

    /// The key that signed.
    #[must_use]
    pub fn signer(&self) -> KeyId {
        self.signer
    }

    /// SHA-256 of the manifest's signed bytes: the register's own name, the same for every copy of it.
    #[must_use]
    pub fn digest(&self) -> RequestDigest {
        self.digest
    }

    /// Reads the part at `index`, counted from 0, and checks it as a whole. At most [`RegisterPart::MAX_BYTES`] of memory.
    ///
    /// # Errors
    /// [`RegisterError::NoPart`], [`RegisterError::File`], [`RegisterError::PartAltered`] or [`RegisterError::Part`].
    pub fn part(&self, index: usize) -> Result<Part, RegisterError> {
        let listed = self.manifest.parts().get(index).ok_or(RegisterError::NoPart(index))?;
        let path = self.folder.join(RegisterManifest::part_file(index));
        let bytes = read_at_most(&path, usize::try_from(listed.bytes()).unwrap_or(usize::MAX))?;
        if !listed.is(&bytes) {
            return Err(RegisterError::PartAltered(index));
        }
        let records =
            records(&bytes, listed).map_err(|violation| RegisterError::Part { part: index, violation })?;
        Ok(Part { bytes, records, as_of: self.manifest.created_at() })
    }
}

/// A part that is what was signed. Its records are parsed one by one, in any order and by any thread.
pub struct Part {
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
    as_of: Timestamp,
}

impl Part {
    /// How many records there are, 1 to [`RegisterPart::MAX_PEOPLE`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record, which [`Register::part`] never returns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The record at `index`, counted from 0; nothing beyond the last. A record that is refused says nothing about the
    /// others.
    #[must_use]
    pub fn record(&self, index: usize) -> Option<Result<RegisterRecord, FieldViolation>> {
        let range = self.records.get(index)?.clone();
        Some(decode_register_record(self.bytes.get(range)?, self.as_of))
    }

    /// The records from the one at `first` on, in order.
    pub fn records(&self, first: usize) -> impl Iterator<Item = Result<RegisterRecord, FieldViolation>> + '_ {
        (first..self.records.len()).filter_map(|index| self.record(index))
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("bytes", &self.bytes.len())
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// Where the records of a part stand, if there are as many as the manifest says.
pub(super) fn records(bytes: &[u8], listed: &RegisterPart) -> Result<Vec<Range<usize>>, FieldViolation> {
    let records = register_records(bytes)?;
    if u32::try_from(records.len()) == Ok(listed.people()) {
        Ok(records)
    } else {
        Err(FieldViolation::malformed("records", "must be as many as the manifest says"))
    }
}

/// A whole file; of a longer one `most + 1` bytes, so that the caller sees that it is longer.
pub(super) fn read_at_most(path: &Path, most: usize) -> Result<Vec<u8>, RegisterError> {
    let failed = |source| RegisterError::File { path: path.to_path_buf(), source };
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}
