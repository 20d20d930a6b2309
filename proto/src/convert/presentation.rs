//! What a person presents to be recognised by. An authentication carries it in fields of its own, requests about oneself
//! in a message of its own; both come through here.

use plinth_identity::evidence::{CodeClaim, Evidence};
use plinth_identity::field::FieldViolation;
use plinth_identity::number::Identifier;
use plinth_identity::otp::OtpCode;

use super::factor::{encode_factors, factors};
use super::header::request_id;
use super::person::{encode_fingers, faces, fingers, irises};
use super::required;
use crate::authentication::v1;

/// What an evidence looks like on the wire. Irises and faces are counted only, so none are written.
pub(super) fn encode_evidence(evidence: &Evidence) -> v1::Presentation {
    v1::Presentation {
        claim: Some((&evidence.claim).into()),
        fingers: evidence.fingers.as_ref().map(encode_fingers).unwrap_or_default(),
        declared: encode_factors(evidence.declared),
        one_time_code: evidence.code.as_ref().map(encode_code),
        irises: Vec::new(),
        faces: Vec::new(),
    }
}

/// The evidence of a request; paths begin with the fields of the presentation.
pub(super) fn evidence(wire: v1::Presentation) -> Result<Evidence, FieldViolation> {
    let claim = wire.claim.unwrap_or_default().try_into();
    let claim = claim.map_err(|violation: FieldViolation| violation.at("claim"))?;
    let fingers = if wire.fingers.is_empty() { None } else { Some(fingers(wire.fingers)?) };
    let code = wire.one_time_code.map(code).transpose();
    let code = code.map_err(|violation| violation.at("one_time_code"))?;
    let (irises, faces) = (irises(&wire.irises)?, faces(&wire.faces)?);
    Evidence::new(claim, fingers, code, &irises, faces, factors(&wire.declared, "declared")?)
}

/// The number that a request names: an identity number or a virtual one.
pub(super) fn identifier(wire: &str) -> Result<Identifier, FieldViolation> {
    Identifier::parse(wire).map_err(|violation| violation.at("number"))
}

fn encode_code(code: &CodeClaim) -> v1::OneTimeCode {
    use v1::one_time_code::Kind;
    let kind = match code {
        CodeClaim::Delivered { transaction, code } => Kind::Delivered(v1::DeliveredCode {
            transaction: transaction.as_bytes().to_vec(),
            code: code.reveal(),
        }),
        CodeClaim::Totp(code) => Kind::Totp(code.reveal()),
    };
    v1::OneTimeCode { kind: Some(kind) }
}

fn code(wire: v1::OneTimeCode) -> Result<CodeClaim, FieldViolation> {
    use v1::one_time_code::Kind;
    match required(wire.kind, "kind")? {
        Kind::Delivered(delivered) => Ok(CodeClaim::Delivered {
            transaction: request_id(&delivered.transaction, "delivered.transaction")?,
            code: otp_code(&delivered.code, "delivered.code")?,
        }),
        Kind::Totp(code) => Ok(CodeClaim::Totp(otp_code(&code, "totp")?)),
    }
}

fn otp_code(text: &str, field: &str) -> Result<OtpCode, FieldViolation> {
    OtpCode::parse(text).map_err(|violation| violation.at(field))
}
