//! What the service says about itself.

use plinth_identity::dsse::{Envelope, PublicKey, Verified};
use plinth_identity::field::FieldViolation;
use plinth_identity::statement::{ServiceInfo, ServiceLimits};
use plinth_identity::time::Timestamp;
use prost::Message;

use super::header::deployment;
use super::{decode_body, exact_bytes, required};
use crate::evidence::v1;

/// Keys of a service description at most.
pub const MAX_KEYS: usize = 64;

/// Bytes of a version at most.
const MAX_VERSION_BYTES: usize = 64;

/// The bytes of a service description, for the service to sign. Its keys sign in consecutive epochs, the last of which
/// is the current one.
#[must_use]
pub fn encode_service_info(info: &ServiceInfo) -> Vec<u8> {
    let newest_first = info.keys.iter().rev();
    let mut keys: Vec<v1::PublicKey> = newest_first
        .zip((0..=info.key_epoch).rev())
        .map(|(key, epoch)| v1::PublicKey {
            key: key.to_bytes().to_vec(),
            keyid: key.key_id().to_string(),
            epoch,
        })
        .collect();
    keys.reverse();
    v1::ServiceInfo {
        issuer: info.issuer.to_string(),
        time_ms: info.time.millis(),
        key_epoch: info.key_epoch,
        keys,
        version: info.version.clone(),
        limits: Some(v1::Limits {
            max_fingers: info.limits.max_fingers,
            max_message_bytes: info.limits.max_message_bytes,
            live_window_ms: info.limits.live_window_ms,
            max_ahead_ms: info.limits.max_ahead_ms,
            buffered_window_ms: info.limits.buffered_window_ms,
        }),
        delivery_key: info.delivery_key.to_bytes().to_vec(),
    }
    .encode_to_vec()
}

/// The service description in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_service_info(verified: &Verified) -> Result<ServiceInfo, FieldViolation> {
    decode_body::<v1::ServiceInfo>(verified)?.try_into()
}

/// The service description in an envelope that nobody verified: for the first contact only, when no key is known
/// yet. Verify the envelope with one of the keys that it names, then compare that key with what was told otherwise.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_unverified_service_info(envelope: &Envelope) -> Result<ServiceInfo, FieldViolation> {
    v1::ServiceInfo::decode(envelope.payload())
        .map_err(|_| FieldViolation::malformed("payload", "is not a service description"))?
        .try_into()
}

impl TryFrom<v1::ServiceInfo> for ServiceInfo {
    type Error = FieldViolation;

    fn try_from(wire: v1::ServiceInfo) -> Result<Self, FieldViolation> {
        let limits = required(wire.limits, "limits")?;
        if wire.version.len() > MAX_VERSION_BYTES || !wire.version.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(FieldViolation::malformed(
                "version",
                format!("must be at most {MAX_VERSION_BYTES} printable characters"),
            ));
        }
        Ok(Self {
            issuer: deployment(&wire.issuer, "issuer")?,
            time: Timestamp::from_millis(wire.time_ms),
            key_epoch: wire.key_epoch,
            keys: keys(&wire.keys, wire.key_epoch)?,
            version: wire.version,
            limits: ServiceLimits {
                max_fingers: limits.max_fingers,
                max_message_bytes: limits.max_message_bytes,
                live_window_ms: limits.live_window_ms,
                max_ahead_ms: limits.max_ahead_ms,
                buffered_window_ms: limits.buffered_window_ms,
            },
            delivery_key: public_key(&wire.delivery_key, "delivery_key")?,
        })
    }
}

/// Keys of consecutive epochs that end with the current one, each with its own id.
fn keys(wire: &[v1::PublicKey], current: u32) -> Result<Vec<PublicKey>, FieldViolation> {
    if !(1..=MAX_KEYS).contains(&wire.len()) {
        return Err(FieldViolation::malformed("keys", format!("must be 1 to {MAX_KEYS} keys")));
    }
    let mut keys = Vec::with_capacity(wire.len());
    for (index, (key, age)) in wire.iter().zip((0..wire.len()).rev()).enumerate() {
        let epoch = u32::try_from(age).ok().and_then(|age| current.checked_sub(age));
        if epoch != Some(key.epoch) {
            return Err(FieldViolation::malformed(
                format!("keys[{index}].epoch"),
                "must be consecutive up to the current epoch",
            ));
        }
        let parsed = public_key(&key.key, &format!("keys[{index}].key"))?;
        if key.keyid != parsed.key_id().to_string() {
            return Err(FieldViolation::malformed(
                format!("keys[{index}].keyid"),
                "must be the SHA-256 of the key",
            ));
        }
        keys.push(parsed);
    }
    Ok(keys)
}

fn public_key(wire: &[u8], field: &str) -> Result<PublicKey, FieldViolation> {
    PublicKey::from_bytes(&exact_bytes(wire, field)?)
        .map_err(|_| FieldViolation::malformed(field, "must be a sound Ed25519 public key"))
}
