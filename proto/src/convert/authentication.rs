//! Authentications: is this person who they say?

use plinth_identity::authentication::AuthenticationRequest;
use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::statement::AuthenticationStatement;
use prost::Message;

use super::decode_body;
use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, statement_header,
};
use super::presentation::{encode_evidence, evidence, identifier};
use super::verdict::{encode_reason, encode_token, encode_verdict, reason, token, verdict};
use crate::authentication::v1;

/// The bytes of an authentication request, for the relying party to sign. Samples of irises and faces are not kept in
/// the domain, so none are among them.
#[must_use]
pub fn encode_authentication_request(request: &AuthenticationRequest) -> Vec<u8> {
    let v1::Presentation { claim, fingers, declared, one_time_code, irises, faces } =
        encode_evidence(&request.evidence);
    v1::AuthenticationRequest {
        header: Some(encode_request_header(&request.header)),
        number: request.identifier.reveal(),
        claim,
        fingers,
        declared,
        one_time_code,
        irises,
        faces,
        buffered: request.buffered,
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
        let identifier = identifier(&wire.number)?;
        let evidence = evidence(v1::Presentation {
            claim: wire.claim,
            fingers: wire.fingers,
            declared: wire.declared,
            one_time_code: wire.one_time_code,
            irises: wire.irises,
            faces: wire.faces,
        })?;
        Ok(Self::new(header, wire.buffered, identifier, evidence))
    }
}

/// The bytes of an authentication statement, for the service to sign. For one relying party every "no" has the same
/// length: fields have fixed widths, the token is in a "yes" only, and the reason's field is in every "no".
#[must_use]
pub fn encode_authentication_statement(statement: &AuthenticationStatement) -> Vec<u8> {
    v1::AuthenticationStatement {
        header: Some(encode_statement_header(&statement.header)),
        relying_party: statement.relying_party.as_str().to_owned(),
        verdict: encode_verdict(statement.verdict),
        reason: encode_reason(statement.verdict, statement.reason),
        token: encode_token(statement.token.as_ref()),
        buffered: statement.buffered,
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
        let verdict = verdict(wire.verdict)?;
        Ok(Self {
            header: statement_header(wire.header)?,
            relying_party: party_id(&wire.relying_party, "relying_party")?,
            verdict,
            reason: reason(verdict, wire.reason)?,
            token: token(verdict, &wire.token)?,
            buffered: wire.buffered,
        })
    }
}
