//! Envelopes: exactly one signature, and limits on every size.

use plinth_identity::dsse::{Envelope, KeyId};
use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;

use super::exact_bytes;
use crate::envelope::v1;

/// Bytes of a payload at most: ten finger records of 64 KiB fit with room to spare.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Bytes of a payload type at most.
pub const MAX_PAYLOAD_TYPE_BYTES: usize = 128;

/// The envelope in `field` of a request or of an answer.
///
/// # Errors
///
/// The field is malformed when it is absent; otherwise as `TryFrom`, with `field` in front of the path.
pub fn required(envelope: Option<v1::Envelope>, field: &str) -> Result<Envelope, FieldViolation> {
    let envelope = super::required(envelope, field)?;
    Envelope::try_from(envelope).map_err(|violation| violation.at(field))
}

impl TryFrom<v1::Envelope> for Envelope {
    type Error = FieldViolation;

    fn try_from(wire: v1::Envelope) -> Result<Self, FieldViolation> {
        check_payload(&wire.payload, "payload")?;
        check_payload_type(&wire.payload_type)?;
        let [signature]: [v1::Signature; 1] = wire
            .signatures
            .try_into()
            .map_err(|_| FieldViolation::malformed("signatures", "must be exactly one signature"))?;
        let key_id = key_id_hint(&signature.keyid)?;
        let signature = exact_bytes(&signature.sig, "signatures[0].sig")?;
        Ok(Self::new(wire.payload_type, wire.payload, key_id, signature))
    }
}

pub(super) fn check_payload(payload: &[u8], field: &str) -> Result<(), FieldViolation> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        let description = format!("must be at most {MAX_PAYLOAD_BYTES} bytes");
        return Err(FieldViolation::new(field, Reason::TooLarge, description));
    }
    Ok(())
}

pub(super) fn check_payload_type(payload_type: &str) -> Result<(), FieldViolation> {
    if payload_type.is_empty() || payload_type.len() > MAX_PAYLOAD_TYPE_BYTES {
        let description = format!("must be 1 to {MAX_PAYLOAD_TYPE_BYTES} bytes");
        return Err(FieldViolation::malformed("payload_type", description));
    }
    if !payload_type.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(FieldViolation::malformed("payload_type", "must be printable ASCII"));
    }
    Ok(())
}

fn key_id_hint(text: &str) -> Result<Option<KeyId>, FieldViolation> {
    if text.is_empty() {
        return Ok(None);
    }
    KeyId::parse(text).map(Some).map_err(|_| {
        FieldViolation::malformed("signatures[0].keyid", "must be 64 lower-case hexadecimal characters")
    })
}

impl From<&Envelope> for v1::Envelope {
    fn from(envelope: &Envelope) -> Self {
        Self {
            payload: envelope.payload().to_vec(),
            payload_type: envelope.payload_type().to_owned(),
            signatures: vec![v1::Signature {
                sig: envelope.signature().to_vec(),
                keyid: envelope.key_id().map(ToString::to_string).unwrap_or_default(),
            }],
        }
    }
}

impl From<Envelope> for v1::Envelope {
    fn from(envelope: Envelope) -> Self {
        Self::from(&envelope)
    }
}
