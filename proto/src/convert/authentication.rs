//! Bodies of the authentication service.

use plinth_identity::authentication::{AuthenticationRequest, Verdict};
use plinth_identity::demographics::DemographicClaim;
use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::RelyingPartyToken;
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Factor, FactorSet};
use plinth_identity::reason::Reason;
use plinth_identity::statement::AuthenticationStatement;
use prost::Message;

use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, statement_header,
};
use super::person::{encode_fingers, fingers};
use super::{decode_body, exact_bytes};
use crate::authentication::v1;

/// The bytes of an authentication request, for the relying party to sign.
#[must_use]
pub fn encode_authentication_request(request: &AuthenticationRequest) -> Vec<u8> {
    v1::AuthenticationRequest {
        header: Some(encode_request_header(&request.header)),
        number: request.number.reveal(),
        claim: Some((&request.claim).into()),
        fingers: request.fingers.as_ref().map(encode_fingers).unwrap_or_default(),
        declared: encode_factors(request.declared),
    }
    .encode_to_vec()
}

/// The authentication request in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_authentication_request(verified: &Verified) -> Result<AuthenticationRequest, FieldViolation> {
    decode_body::<v1::AuthenticationRequest>(verified)?.try_into()
}

impl TryFrom<v1::AuthenticationRequest> for AuthenticationRequest {
    type Error = FieldViolation;

    fn try_from(wire: v1::AuthenticationRequest) -> Result<Self, FieldViolation> {
        let header = request_header(wire.header)?;
        let number = IdentityNumber::parse(&wire.number).map_err(|_| {
            FieldViolation::malformed(
                "number",
                "must be an identity number: 12 digits with a right check digit",
            )
        })?;
        let claim = DemographicClaim::try_from(wire.claim.unwrap_or_default())
            .map_err(|violation| violation.at("claim"))?;
        let fingers = if wire.fingers.is_empty() { None } else { Some(fingers(wire.fingers)?) };
        Self::new(header, number, claim, fingers, factors(&wire.declared, "declared")?)
    }
}

/// The bytes of an authentication statement, for the service to sign. For one relying party every "no" has the same
/// length: fields have fixed widths, the token is in a "yes" only, and the reason is in every "no" or in none.
#[must_use]
pub fn encode_authentication_statement(statement: &AuthenticationStatement) -> Vec<u8> {
    let verdict = match statement.verdict {
        Verdict::Yes => v1::Verdict::Yes,
        Verdict::No => v1::Verdict::No,
    };
    v1::AuthenticationStatement {
        header: Some(encode_statement_header(&statement.header)),
        relying_party: statement.relying_party.as_str().to_owned(),
        verdict: verdict.into(),
        reason: statement.reason.map_or(0, |reason| reason.code().into()),
        token: statement.token.as_ref().map(|token| token.as_bytes().to_vec()).unwrap_or_default(),
    }
    .encode_to_vec()
}

/// The authentication statement in a verified envelope. A reason of a newer version reads as no reason: the verdict
/// stands all the same.
///
/// # Errors
///
/// Names the first field at fault; a token in a "no" and a reason in a "yes" are at fault.
pub fn decode_authentication_statement(
    verified: &Verified,
) -> Result<AuthenticationStatement, FieldViolation> {
    decode_body::<v1::AuthenticationStatement>(verified)?.try_into()
}

impl TryFrom<v1::AuthenticationStatement> for AuthenticationStatement {
    type Error = FieldViolation;

    fn try_from(wire: v1::AuthenticationStatement) -> Result<Self, FieldViolation> {
        let (verdict, token) = match v1::Verdict::try_from(wire.verdict) {
            Ok(v1::Verdict::Yes) if wire.reason != 0 => {
                return Err(FieldViolation::malformed("reason", "belongs to a no only"));
            }
            Ok(v1::Verdict::Yes) => {
                (Verdict::Yes, Some(RelyingPartyToken::from_bytes(exact_bytes(&wire.token, "token")?)))
            }
            Ok(v1::Verdict::No) if !wire.token.is_empty() => {
                return Err(FieldViolation::malformed("token", "belongs to a yes only"));
            }
            Ok(v1::Verdict::No) => (Verdict::No, None),
            Ok(v1::Verdict::Unspecified) | Err(_) => {
                return Err(FieldViolation::malformed("verdict", "must be yes or no"));
            }
        };
        Ok(Self {
            header: statement_header(wire.header)?,
            relying_party: party_id(&wire.relying_party, "relying_party")?,
            verdict,
            reason: u16::try_from(wire.reason).ok().and_then(Reason::from_code),
            token,
        })
    }
}

/// A set of factors from a list that names each once.
pub(super) fn factors(wire: &[i32], field: &str) -> Result<FactorSet, FieldViolation> {
    let mut set = FactorSet::EMPTY;
    for (index, factor) in wire.iter().enumerate() {
        let factor = match v1::Factor::try_from(*factor) {
            Ok(v1::Factor::Fingerprint) => Factor::Fingerprint,
            Ok(v1::Factor::Name) => Factor::Name,
            Ok(v1::Factor::DateOfBirth) => Factor::DateOfBirth,
            Ok(v1::Factor::Gender) => Factor::Gender,
            Ok(v1::Factor::Unspecified) | Err(_) => {
                return Err(FieldViolation::malformed(
                    format!("{field}[{index}]"),
                    "must be one of the factors",
                ));
            }
        };
        if set.contains(factor) {
            return Err(FieldViolation::malformed(format!("{field}[{index}]"), "is named twice"));
        }
        set = set.with(factor);
    }
    Ok(set)
}

pub(super) fn encode_factors(set: FactorSet) -> Vec<i32> {
    set.iter()
        .map(|factor| match factor {
            Factor::Fingerprint => v1::Factor::Fingerprint.into(),
            Factor::Name => v1::Factor::Name.into(),
            Factor::DateOfBirth => v1::Factor::DateOfBirth.into(),
            Factor::Gender => v1::Factor::Gender.into(),
        })
        .collect()
}
