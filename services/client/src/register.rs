//! Registers as files: written by their keeper, read by whoever loads them.
//!
//! The form is described in [`plinth_identity::register`] and, to the byte, in the contract's `register.proto`. Writing and
//! reading are synchronous and hold one part in memory at a time.

mod reader;
mod writer;

use std::path::PathBuf;

use plinth_identity::dsse::EnvelopeError;
use plinth_identity::field::FieldViolation;

pub use reader::{Part, Register};
pub use writer::{EncodedRecord, RegisterDraft, RegisterWriter};

/// Why a register cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// A file or the folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder holds a finished register, which is not written to.
    #[error("{}: holds a register already", .0.display())]
    Finished(PathBuf),
    /// Nobody known owns the key that the manifest claims to be signed with.
    #[error("the manifest is signed by nobody known here")]
    Signer,
    /// The manifest's envelope does not verify.
    #[error("the manifest cannot be trusted: {0}")]
    Envelope(EnvelopeError),
    /// The manifest is malformed, or what was to be written would be.
    #[error("the manifest is wrong: {0}")]
    Manifest(FieldViolation),
    /// The manifest has no such part.
    #[error("the register has no part {0}")]
    NoPart(usize),
    /// A part has not the length or the digest of the manifest: it was altered, or belongs to another register.
    #[error("part {0} is not the part that the manifest was signed for")]
    PartAltered(usize),
    /// A part is what was signed, but is no list of as many records as the manifest says.
    #[error("part {part} is malformed: {violation}")]
    Part {
        /// Which, counted from 0.
        part: usize,
        /// What is wrong; the path begins with `records`.
        violation: FieldViolation,
    },
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use plinth_identity::application::Fingers;
    use plinth_identity::dsse::{PublicKey, SigningKey};
    use plinth_identity::register::{ExternalId, RegisterManifest, RegisterPart, RegisterRecord};

    use super::*;
    use crate::fixture::{NOW, deployment, enrolment_draft, number, party};

    fn record(external_id: &str) -> RegisterRecord {
        let draft = enrolment_draft();
        let (id, fingers) = (ExternalId::parse(external_id).unwrap(), Fingers::new(draft.fingers).unwrap());
        RegisterRecord::new(id, Some(number()), draft.demographics, fingers, NOW).unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::from_seed([9; 32])
    }

    fn draft() -> RegisterDraft {
        let (name, party) = ("Old register".to_owned(), party("town-hall"));
        RegisterDraft { name, party, audience: Some(deployment()), created_at: NOW }
    }

    /// A folder of this test's own, gone at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("plinth-register-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn part(&self, index: usize) -> PathBuf {
            self.0.join(RegisterManifest::part_file(index))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Writes people `from..to`, three to a part.
    fn write(folder: &Path, from: u32, to: u32) -> RegisterWriter {
        let mut writer = RegisterWriter::open(folder).unwrap().people_a_part(3);
        for n in from..to {
            writer.push(EncodedRecord::from(&record(&format!("P-{n}")))).unwrap();
        }
        writer
    }

    fn known(key: PublicKey) -> impl FnOnce(&plinth_identity::PartyId) -> Option<PublicKey> {
        move |id| (*id == party("town-hall")).then_some(key)
    }

    #[test]
    fn what_was_written_is_read_in_order() {
        let folder = Folder::new("order");
        let manifest = write(&folder.0, 0, 8).finish(draft(), &key()).unwrap();
        assert_eq!((manifest.people(), manifest.parts().len()), (8, 3));

        let register = Register::open(&folder.0, known(key().public())).unwrap();
        assert_eq!(register.manifest(), &manifest);
        assert_eq!(register.signer(), key().public().key_id());
        let mut read = Vec::new();
        for index in 0..3 {
            let part = register.part(index).unwrap();
            read.extend((0..part.len()).map(|record| part.record(record).unwrap().unwrap()));
        }
        assert_eq!(read, (0..8).map(|n| record(&format!("P-{n}"))).collect::<Vec<_>>());
        assert!(register.part(2).unwrap().record(2).is_none());
        assert!(matches!(register.part(3), Err(RegisterError::NoPart(3))));
    }

    #[test]
    fn an_interrupted_writer_goes_on_after_its_last_whole_part() {
        let (folder, whole) = (Folder::new("resume"), Folder::new("whole"));
        drop(write(&folder.0, 0, 5)); // people 3 and 4 were in no whole part
        let writer = RegisterWriter::open(&folder.0).unwrap();
        assert_eq!(writer.people(), 3);
        drop(writer);
        let resumed = write(&folder.0, 3, 8).finish(draft(), &key()).unwrap();
        assert_eq!(resumed, write(&whole.0, 0, 8).finish(draft(), &key()).unwrap());
        let manifest = |folder: &Folder| fs::read(folder.0.join(RegisterManifest::FILE)).unwrap();
        assert_eq!(manifest(&folder), manifest(&whole), "byte for byte");
    }

    #[test]
    fn a_finished_register_is_not_written_to() {
        let folder = Folder::new("finished");
        write(&folder.0, 0, 1).finish(draft(), &key()).unwrap();
        assert!(matches!(RegisterWriter::open(&folder.0), Err(RegisterError::Finished(_))));
    }

    #[test]
    fn an_empty_register_is_not_signed() {
        let folder = Folder::new("empty");
        let error = RegisterWriter::open(&folder.0).unwrap().finish(draft(), &key()).unwrap_err();
        assert!(matches!(error, RegisterError::Manifest(violation) if violation.field == "parts"));
    }

    #[test]
    fn a_register_of_somebody_else_is_not_opened() {
        let folder = Folder::new("signer");
        write(&folder.0, 0, 1).finish(draft(), &key()).unwrap();
        assert!(matches!(Register::open(&folder.0, |_| None), Err(RegisterError::Signer)));
        let other = SigningKey::from_seed([1; 32]).public();
        let error = Register::open(&folder.0, known(other)).unwrap_err();
        assert!(matches!(error, RegisterError::Envelope(EnvelopeError::KeyId)));
    }

    #[test]
    fn an_altered_part_is_refused_as_a_whole() {
        let folder = Folder::new("altered");
        write(&folder.0, 0, 4).finish(draft(), &key()).unwrap();
        let register = Register::open(&folder.0, known(key().public())).unwrap();
        let bytes = fs::read(folder.part(0)).unwrap();

        let mut flipped = bytes.clone();
        flipped[40] ^= 1;
        let longer = [&bytes[..], &[0]].concat();
        for altered in [&flipped[..], &bytes[1..], &longer] {
            fs::write(folder.part(0), altered).unwrap();
            assert!(matches!(register.part(0), Err(RegisterError::PartAltered(0))));
        }
        fs::remove_file(folder.part(0)).unwrap();
        assert!(matches!(register.part(0), Err(RegisterError::File { .. })));
        assert!(register.part(1).is_ok(), "the others are as they were");
    }

    #[test]
    fn a_part_that_was_signed_with_a_wrong_count_is_malformed() {
        use plinth_identity::dsse::payload_type;
        use plinth_identity::register::PartDigest;
        use plinth_proto::convert::register::encode_register_manifest;

        let folder = Folder::new("count");
        write(&folder.0, 0, 3).finish(draft(), &key()).unwrap();
        let bytes = fs::read(folder.part(0)).unwrap();
        let length = bytes.len().try_into().unwrap();
        let part = RegisterPart::new(length, 2, PartDigest::of(&bytes)).unwrap();
        let manifest =
            RegisterManifest::new("Old register".to_owned(), party("town-hall"), None, NOW, vec![part])
                .unwrap();
        let envelope = key().sign(payload_type::REGISTER_MANIFEST, encode_register_manifest(&manifest));
        fs::write(folder.0.join(RegisterManifest::FILE), crate::envelope_to_bytes(&envelope)).unwrap();
        let register = Register::open(&folder.0, known(key().public())).unwrap();
        assert!(matches!(register.part(0), Err(RegisterError::Part { part: 0, .. })));
    }

    #[test]
    fn one_bad_record_does_not_hide_the_others() {
        let folder = Folder::new("bad-record");
        let mut writer = RegisterWriter::open(&folder.0).unwrap();
        writer.push(EncodedRecord::from(&record("P-0"))).unwrap();
        writer.push(EncodedRecord::forged(&[1, 0xff])).unwrap(); // a record of one byte, which is no message
        writer.push(EncodedRecord::from(&record("P-2"))).unwrap();
        writer.finish(draft(), &key()).unwrap();
        let part = Register::open(&folder.0, known(key().public())).unwrap().part(0).unwrap();
        let read: Vec<_> = (0..part.len()).map(|index| part.record(index).unwrap().is_ok()).collect();
        assert_eq!(read, [true, false, true]);
    }
}
