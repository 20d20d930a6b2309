//! Registers as files: the manifest, and the records of a part.

use std::ops::Range;

use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{DeploymentId, PartyId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::reason::Reason;
use plinth_identity::register::{ExternalId, PartDigest, RegisterManifest, RegisterPart, RegisterRecord};
use plinth_identity::time::Timestamp;
use prost::Message;

use super::header::party_id;
use super::person::{encode_fingers, fingers};
use super::{decode_body, exact_bytes, required};
use crate::register::v1;

/// Bytes of one record at most, without its length: ten finger records of 64 KiB fit with room to spare.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The bytes of a manifest, for the keeper of the register to sign.
#[must_use]
pub fn encode_register_manifest(manifest: &RegisterManifest) -> Vec<u8> {
    v1::RegisterManifest {
        name: manifest.name().to_owned(),
        party: manifest.party().as_str().to_owned(),
        audience: manifest.audience().map(|id| id.to_string()).unwrap_or_default(),
        created_at_ms: manifest.created_at().millis(),
        people: manifest.people(),
        parts: manifest.parts().iter().map(Into::into).collect(),
    }
    .encode_to_vec()
}

/// The manifest in a verified envelope. Its party is a claim until the caller has compared it with the key's owner.
///
/// # Errors
///
/// Names the first field at fault; a count of people that is not the sum over the parts is at fault.
pub fn decode_register_manifest(verified: &Verified) -> Result<RegisterManifest, FieldViolation> {
    decode_body::<v1::RegisterManifest>(verified)?.try_into()
}

/// The party that the payload of an envelope not yet verified names: only to find the key to verify it with.
///
/// # Errors
///
/// `payload` or `party` is malformed.
pub fn unverified_register_party(payload: &[u8]) -> Result<PartyId, FieldViolation> {
    let wire = v1::RegisterManifest::decode(payload)
        .map_err(|_| FieldViolation::malformed("payload", "is not a message of its payload type"))?;
    party_id(&wire.party, "party")
}

impl TryFrom<v1::RegisterManifest> for RegisterManifest {
    type Error = FieldViolation;

    fn try_from(wire: v1::RegisterManifest) -> Result<Self, FieldViolation> {
        let party = party_id(&wire.party, "party")?;
        let audience = match wire.audience.as_str() {
            "" => None,
            text => Some(DeploymentId::parse(text).map_err(|_| {
                FieldViolation::malformed("audience", "must be empty or 32 lower-case hexadecimal characters")
            })?),
        };
        let part = |(index, part): (usize, v1::RegisterPart)| {
            RegisterPart::try_from(part).map_err(|violation| violation.at(&format!("parts[{index}]")))
        };
        let parts = wire.parts.into_iter().enumerate().map(part).collect::<Result<Vec<_>, _>>()?;
        let created_at = Timestamp::from_millis(wire.created_at_ms);
        let manifest = Self::new(wire.name, party, audience, created_at, parts)?;
        if manifest.people() != wire.people {
            return Err(FieldViolation::malformed("people", "must be the sum over the parts"));
        }
        Ok(manifest)
    }
}

impl From<&RegisterPart> for v1::RegisterPart {
    fn from(part: &RegisterPart) -> Self {
        Self { bytes: part.bytes().into(), people: part.people(), sha256: part.digest().as_bytes().to_vec() }
    }
}

impl TryFrom<v1::RegisterPart> for RegisterPart {
    type Error = FieldViolation;

    fn try_from(wire: v1::RegisterPart) -> Result<Self, FieldViolation> {
        let digest = PartDigest::from_bytes(exact_bytes(&wire.sha256, "sha256")?);
        Self::new(wire.bytes, wire.people, digest)
    }
}

/// One record as it stands in a part: its length, then its bytes.
#[must_use]
pub fn encode_register_record(record: &RegisterRecord) -> Vec<u8> {
    v1::RegisterRecord {
        external_id: record.external_id.reveal().to_owned(),
        number: record.number.as_ref().map(IdentityNumber::reveal),
        demographics: Some((&record.demographics).into()),
        fingers: encode_fingers(&record.fingers),
    }
    .encode_length_delimited_to_vec()
}

/// Where the records of a part stand, their lengths not included. Looks at nothing but lengths.
///
/// # Errors
///
/// `records[i]` is malformed where the part ends within a length or a record, and [`Reason::TooLarge`] where a record has
/// more than [`MAX_RECORD_BYTES`].
pub fn register_records(part: &[u8]) -> Result<Vec<Range<usize>>, FieldViolation> {
    let mut records = Vec::new();
    let mut rest = part;
    while !rest.is_empty() {
        let at = |reason, description| {
            FieldViolation::new(format!("records[{}]", records.len()), reason, description)
        };
        let length = prost::decode_length_delimiter(&mut rest)
            .map_err(|_| at(Reason::Malformed, "must begin with its length"))?;
        if length > MAX_RECORD_BYTES {
            return Err(at(Reason::TooLarge, "must be at most 1,048,576 bytes"));
        }
        rest = rest.get(length..).ok_or_else(|| at(Reason::Malformed, "must be as long as it says"))?;
        let end = part.len() - rest.len();
        records.push(end - length..end);
    }
    Ok(records)
}

/// One record, without its length. `as_of` is the moment at which the register was made.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_register_record(record: &[u8], as_of: Timestamp) -> Result<RegisterRecord, FieldViolation> {
    let wire = v1::RegisterRecord::decode(record)
        .map_err(|_| FieldViolation::malformed("", "must be a record of a register"))?;
    let external_id =
        ExternalId::parse(&wire.external_id).map_err(|violation| violation.at("external_id"))?;
    let number = wire.number.as_deref().map(number).transpose()?;
    let demographics = required(wire.demographics, "demographics")?
        .try_into()
        .map_err(|violation: FieldViolation| violation.at("demographics"))?;
    RegisterRecord::new(external_id, number, demographics, fingers(wire.fingers)?, as_of)
}

fn number(text: &str) -> Result<IdentityNumber, FieldViolation> {
    IdentityNumber::parse(text).map_err(|error| FieldViolation::malformed("number", error.to_string()))
}
