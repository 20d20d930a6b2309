//! A register of people as files: what an agency hands over when a country moves an existing register to Plinth.
//!
//! A register is a folder with a manifest and parts. The manifest is a DSSE envelope of type
//! [`REGISTER_MANIFEST`](crate::dsse::payload_type::REGISTER_MANIFEST), signed by the party that answers for the
//! register; it lists every part with its length, its count of people and its SHA-256. A part holds a few thousand
//! people, one record after the other. So one signature covers everybody, a part is checked as a whole before any of it
//! is used, and a loader that was interrupted goes on at a part and a record.
//!
//! The files carry fingerprints and names in clear: they belong on an encrypted medium, and are wiped after the load.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::application::Fingers;
use crate::demographics::Demographics;
use crate::field::FieldViolation;
use crate::id::{DeploymentId, PartyId, RequestDigest};
use crate::number::IdentityNumber;
use crate::reason::Reason;
use crate::time::Timestamp;

/// A person's name in the register that they come from: 1 to 64 characters, none of them a control character.
///
/// It may be the number of an identity card, so it is personal: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// Longest id in characters.
    pub const MAX_CHARS: usize = 64;

    /// Reads an id.
    ///
    /// # Errors
    /// [`Reason::Malformed`]; the violation's field is empty.
    pub fn parse(text: &str) -> Result<Self, FieldViolation> {
        if (1..=Self::MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldViolation::malformed("", "must be 1 to 64 characters without control characters"))
        }
    }

    /// The text. Personal data: for records and for the register's own people only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(..)")
    }
}

/// One person of a register. Only [`RegisterRecord::new`] makes one, so the parts are as valid as those of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisterRecord {
    /// The person's name in the register that they come from.
    pub external_id: ExternalId,
    /// The number to keep, if the register has given out numbers of this form; otherwise one is drawn.
    pub number: Option<IdentityNumber>,
    /// Who the person is.
    pub demographics: Demographics,
    /// The person's fingers.
    pub fingers: Fingers,
}

impl RegisterRecord {
    /// Checks and keeps the parts. `as_of` is the moment at which the register was made.
    ///
    /// # Errors
    /// [`Reason::BadDate`] at `demographics.date_of_birth` if the person was born after `as_of`.
    pub fn new(
        external_id: ExternalId,
        number: Option<IdentityNumber>,
        demographics: Demographics,
        fingers: Fingers,
        as_of: Timestamp,
    ) -> Result<Self, FieldViolation> {
        demographics
            .date_of_birth
            .check_not_future(as_of)
            .map_err(|violation| violation.at("demographics.date_of_birth"))?;
        Ok(Self { external_id, number, demographics, fingers })
    }
}

/// SHA-256 of a part's bytes, as `sha256sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PartDigest([u8; 32]);

impl PartDigest {
    /// The digest with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of a part.
    #[must_use]
    pub fn of(part: &[u8]) -> Self {
        Self(Sha256::digest(part).into())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PartDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartDigest({})", HEXLOWER.encode(&self.0))
    }
}

/// One part of a register, as the manifest lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterPart {
    bytes: u32,
    people: u32,
    digest: PartDigest,
}

impl RegisterPart {
    /// Bytes of a part at most: a loader holds one part in memory, so that what was checked is what is used.
    pub const MAX_BYTES: u32 = 64 << 20;
    /// People of a part at most.
    pub const MAX_PEOPLE: u32 = 65_536;

    /// Checks and keeps the parts.
    ///
    /// # Errors
    /// [`Reason::Malformed`] at `bytes` (not 1 to 64 MiB) or `people` (not 1 to 65,536).
    pub fn new(bytes: u64, people: u32, digest: PartDigest) -> Result<Self, FieldViolation> {
        let bytes = u32::try_from(bytes)
            .ok()
            .filter(|bytes| (1..=Self::MAX_BYTES).contains(bytes))
            .ok_or_else(|| FieldViolation::malformed("bytes", "must be 1 to 67,108,864"))?;
        if !(1..=Self::MAX_PEOPLE).contains(&people) {
            return Err(FieldViolation::malformed("people", "must be 1 to 65,536"));
        }
        Ok(Self { bytes, people, digest })
    }

    /// Length in bytes, 1 to [`RegisterPart::MAX_BYTES`].
    #[must_use]
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// People in the part, 1 to [`RegisterPart::MAX_PEOPLE`].
    #[must_use]
    pub fn people(&self) -> u32 {
        self.people
    }

    /// SHA-256 of the part.
    #[must_use]
    pub fn digest(&self) -> PartDigest {
        self.digest
    }

    /// Whether these bytes are the part.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        u32::try_from(bytes.len()) == Ok(self.bytes) && PartDigest::of(bytes) == self.digest
    }
}

/// What a record of a register is known by: BLAKE3's key derivation over the digest of the register's manifest (32 bytes),
/// the part (u32) and the place of the record in it (u64), big-endian, both counted from 0.
#[must_use]
pub fn record_digest(register: RequestDigest, part: u32, place: u64) -> [u8; 32] {
    const CONTEXT: &str = "plinth 2026-11-22 record of a register v1";
    let mut material = [0; 44];
    material[..32].copy_from_slice(register.as_bytes());
    material[32..36].copy_from_slice(&part.to_be_bytes());
    material[36..].copy_from_slice(&place.to_be_bytes());
    blake3::derive_key(CONTEXT, &material)
}

/// What a register is, and what it consists of. Only [`RegisterManifest::new`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterManifest {
    name: String,
    party: PartyId,
    audience: Option<DeploymentId>,
    created_at: Timestamp,
    parts: Vec<RegisterPart>,
}

impl RegisterManifest {
    /// Longest name of a register in characters.
    pub const MAX_NAME_CHARS: usize = 64;
    /// Parts of a register at most: a manifest of so many fits an envelope. At 25,000 ten-finger people a part that is
    /// 400 million; a larger register comes as several.
    pub const MAX_PARTS: usize = 16_384;

    /// Checks and keeps the parts. `audience` is the one deployment that may load the register; none for a register that
    /// any may load, as a test population is.
    ///
    /// # Errors
    /// [`Reason::Malformed`] at `name` (not 1 to 64 characters, or a control character among them) or `parts` (none);
    /// [`Reason::TooLarge`] at `parts` (more than 16,384).
    pub fn new(
        name: String,
        party: PartyId,
        audience: Option<DeploymentId>,
        created_at: Timestamp,
        parts: Vec<RegisterPart>,
    ) -> Result<Self, FieldViolation> {
        let chars = name.chars().count();
        if !(1..=Self::MAX_NAME_CHARS).contains(&chars) || name.chars().any(char::is_control) {
            let description = "must be 1 to 64 characters without control characters";
            return Err(FieldViolation::malformed("name", description));
        }
        if parts.is_empty() {
            return Err(FieldViolation::malformed("parts", "must be one part or more"));
        }
        if parts.len() > Self::MAX_PARTS {
            return Err(FieldViolation::new("parts", Reason::TooLarge, "must be at most 16,384 parts"));
        }
        Ok(Self { name, party, audience, created_at, parts })
    }

    /// What the register is called, in its keeper's words.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The party that answers for the register, and must own the key that signed.
    #[must_use]
    pub fn party(&self) -> &PartyId {
        &self.party
    }

    /// The one deployment that may load the register; `None` if any may.
    #[must_use]
    pub fn audience(&self) -> Option<DeploymentId> {
        self.audience
    }

    /// When the register was made.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// The parts, in order: 1 to [`RegisterManifest::MAX_PARTS`].
    #[must_use]
    pub fn parts(&self) -> &[RegisterPart] {
        &self.parts
    }

    /// Everybody in the register.
    #[must_use]
    pub fn people(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.people)).sum()
    }

    /// The file of the manifest in the register's folder.
    pub const FILE: &str = "manifest";

    /// The file of the part at `index`, counted from 0: `part-00000`, `part-00001` and so on. Names are not in the
    /// manifest, so that no manifest can lead a loader out of the folder.
    #[must_use]
    pub fn part_file(index: usize) -> String {
        format!("part-{index:05}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(people: u32) -> RegisterPart {
        RegisterPart::new(10, people, PartDigest::of(b"0123456789")).unwrap()
    }

    fn manifest(name: &str, parts: Vec<RegisterPart>) -> Result<RegisterManifest, FieldViolation> {
        let party = PartyId::parse("old-register").unwrap();
        RegisterManifest::new(name.to_owned(), party, None, Timestamp::from_millis(0), parts)
    }

    #[test]
    fn a_part_is_its_bytes_and_no_others() {
        assert!(part(1).is(b"0123456789"));
        assert!(!part(1).is(b"0123456780"));
        assert!(!part(1).is(b"012345678"));
        let longer = RegisterPart::new(11, 1, PartDigest::of(b"0123456789")).unwrap();
        assert!(!longer.is(b"0123456789"), "the length is checked too");
    }

    #[test]
    fn a_digest_is_what_sha256sum_prints() {
        let expected = "PartDigest(ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad)";
        assert_eq!(format!("{:?}", PartDigest::of(b"abc")), expected);
    }

    #[test]
    fn a_part_has_a_size_that_fits_memory() {
        let new = |bytes, people| RegisterPart::new(bytes, people, PartDigest::of(b"")).map_err(|v| v.field);
        assert_eq!(new(0, 1), Err("bytes".to_owned()));
        assert_eq!(new(u64::from(RegisterPart::MAX_BYTES) + 1, 1), Err("bytes".to_owned()));
        assert_eq!(new(u64::MAX, 1), Err("bytes".to_owned()));
        assert_eq!(new(1, 0), Err("people".to_owned()));
        assert_eq!(new(1, RegisterPart::MAX_PEOPLE + 1), Err("people".to_owned()));
        assert!(new(RegisterPart::MAX_BYTES.into(), RegisterPart::MAX_PEOPLE).is_ok());
    }

    #[test]
    fn a_manifest_counts_everybody_of_its_parts() {
        let manifest = manifest("Old register", vec![part(3), part(RegisterPart::MAX_PEOPLE)]).unwrap();
        assert_eq!(manifest.people(), 3 + u64::from(RegisterPart::MAX_PEOPLE));
        assert_eq!(RegisterManifest::part_file(7), "part-00007");
    }

    #[test]
    fn a_manifest_without_a_name_or_a_part_is_refused() {
        let field = |name: &str, parts| manifest(name, parts).unwrap_err().field;
        assert_eq!(field("", vec![part(1)]), "name");
        assert_eq!(field("a\nb", vec![part(1)]), "name");
        assert_eq!(field(&"a".repeat(65), vec![part(1)]), "name");
        assert_eq!(field("a", Vec::new()), "parts");
        assert_eq!(field("a", vec![part(1); RegisterManifest::MAX_PARTS + 1]), "parts");
        assert!(manifest("a", vec![part(1); RegisterManifest::MAX_PARTS]).is_ok());
    }

    proptest! {
        #[test]
        fn an_external_id_is_kept_as_it_is_and_not_shown(text in "\\PC{1,64}") {
            let id = ExternalId::parse(&text).unwrap();
            prop_assert_eq!(id.reveal(), text);
            prop_assert_eq!(format!("{id:?}"), "ExternalId(..)");
        }
    }

    #[test]
    fn an_external_id_has_a_length_and_no_control_characters() {
        assert!(ExternalId::parse("").is_err() && ExternalId::parse("a\tb").is_err());
        assert!(ExternalId::parse(&"é".repeat(64)).is_ok() && ExternalId::parse(&"é".repeat(65)).is_err());
    }
}
