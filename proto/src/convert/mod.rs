//! Wire messages become domain types here, once, and domain types become the exact bytes that are signed.
//!
//! Every parse error is a [`FieldViolation`] that names the field by its path in the body (`"fingers[3].record"`) and
//! never carries what the field held. Encoding cannot fail: a domain value is valid by construction. The bytes of a
//! body are those of protobuf's binary format with the fields in the order of their numbers; nobody may depend on
//! that to verify, because signatures cover the bytes that were sent.

pub mod authentication;
pub mod batch;
pub mod capture;
mod case;
mod claim;
pub mod enrolment;
pub mod envelope;
pub mod evidence;
mod factor;
mod header;
mod history;
pub mod otp;
mod page;
mod party;
mod person;
pub mod personal_data;
mod presentation;
pub mod register;
pub mod registry;
pub mod resident;
mod verdict;

pub use header::request_header;
pub use page::Page;

use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;

/// Parses the payload of a verified envelope as one wire message.
///
/// # Errors
///
/// `payload` is malformed when it is not a serialized `M`.
pub fn decode_body<M: prost::Message + Default>(verified: &Verified) -> Result<M, FieldViolation> {
    M::decode(verified.payload())
        .map_err(|_| FieldViolation::malformed("payload", "is not a message of its payload type"))
}

/// The value of a field that must be there.
fn required<T>(value: Option<T>, field: &str) -> Result<T, FieldViolation> {
    value.ok_or_else(|| FieldViolation::malformed(field, "is required"))
}

/// A field of exactly `N` bytes.
fn exact_bytes<const N: usize>(bytes: &[u8], field: &str) -> Result<[u8; N], FieldViolation> {
    bytes.try_into().map_err(|_| FieldViolation::malformed(field, format!("must be {N} bytes")))
}
