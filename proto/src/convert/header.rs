//! The headers that signed bodies begin with. Paths begin with `header.`, whatever the body.

use plinth_identity::field::FieldViolation;
use plinth_identity::id::{DeploymentId, LogPosition, Nonce, PartyId, RequestDigest, RequestId};
use plinth_identity::request::RequestHeader;
use plinth_identity::statement::StatementHeader;
use plinth_identity::time::Timestamp;

use super::{exact_bytes, required};
use crate::envelope::v1;

/// The header of a request that one party signs: all that may be read of a body before it is known whether the request
/// was decided earlier.
///
/// # Errors
///
/// Names the first field at fault, as `header.<field>`.
pub fn request_header(wire: Option<v1::RequestHeader>) -> Result<RequestHeader, FieldViolation> {
    let wire = required(wire, "header")?;
    let party = party_id(&wire.party, "header.party")?;
    request_header_of(wire, party)
}

/// The header of a request that several parties sign, as `signer` sent it: the wire names nobody.
pub(super) fn shared_request_header(
    wire: Option<v1::RequestHeader>,
    signer: &PartyId,
) -> Result<RequestHeader, FieldViolation> {
    let wire = required(wire, "header")?;
    if !wire.party.is_empty() {
        return Err(FieldViolation::malformed(
            "header.party",
            "must be empty: the signatures say who decides",
        ));
    }
    request_header_of(wire, signer.clone())
}

fn request_header_of(wire: v1::RequestHeader, party: PartyId) -> Result<RequestHeader, FieldViolation> {
    RequestHeader::new(
        deployment(&wire.audience, "header.audience")?,
        party,
        &wire.purpose,
        request_id(&wire.request_id, "header.request_id")?,
        Nonce::from_bytes(exact_bytes(&wire.nonce, "header.nonce")?),
        Timestamp::from_millis(wire.issued_at_ms),
        Timestamp::from_millis(wire.not_after_ms),
    )
    .map_err(|violation| violation.at("header"))
}

pub(super) fn encode_request_header(header: &RequestHeader) -> v1::RequestHeader {
    v1::RequestHeader {
        audience: header.audience().to_string(),
        party: header.party().as_str().to_owned(),
        purpose: header.purpose().to_owned(),
        request_id: header.request_id().as_bytes().to_vec(),
        nonce: header.nonce().as_bytes().to_vec(),
        issued_at_ms: header.issued_at().millis(),
        not_after_ms: header.not_after().millis(),
    }
}

pub(super) fn statement_header(wire: Option<v1::StatementHeader>) -> Result<StatementHeader, FieldViolation> {
    let wire = required(wire, "header")?;
    if wire.log_position == 0 {
        return Err(FieldViolation::malformed("header.log_position", "must be 1 or more"));
    }
    Ok(StatementHeader {
        issuer: deployment(&wire.issuer, "header.issuer")?,
        request: RequestDigest::from_bytes(exact_bytes(&wire.request_digest, "header.request_digest")?),
        decided_at: Timestamp::from_millis(wire.decided_at_ms),
        key_epoch: wire.key_epoch,
        log_position: LogPosition::new(wire.log_position),
        log_salt: exact_bytes(&wire.log_salt, "header.log_salt")?,
    })
}

pub(super) fn encode_statement_header(header: &StatementHeader) -> v1::StatementHeader {
    v1::StatementHeader {
        issuer: header.issuer.to_string(),
        request_digest: header.request.as_bytes().to_vec(),
        decided_at_ms: header.decided_at.millis(),
        key_epoch: header.key_epoch,
        log_position: header.log_position.get(),
        log_salt: header.log_salt.to_vec(),
    }
}

pub(super) fn deployment(text: &str, field: &str) -> Result<DeploymentId, FieldViolation> {
    DeploymentId::parse(text)
        .map_err(|_| FieldViolation::malformed(field, "must be 32 lower-case hexadecimal characters"))
}

pub(super) fn party_id(text: &str, field: &str) -> Result<PartyId, FieldViolation> {
    PartyId::parse(text).map_err(|_| {
        FieldViolation::malformed(
            field,
            "must be 1 to 32 characters of a-z, 0-9 and hyphen, beginning with a letter or a digit",
        )
    })
}

pub(super) fn request_id(bytes: &[u8], field: &str) -> Result<RequestId, FieldViolation> {
    Ok(RequestId::from_bytes(exact_bytes(bytes, field)?))
}
