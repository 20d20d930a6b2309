//! Authentications: is this person who they say?

use plinth_identity::authentication::AuthenticationRequest;
use plinth_identity::batch::BatchSigned;
use plinth_identity::dsse::{Envelope, Verified, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::LogPosition;
use plinth_identity::statement::AuthenticationStatement;
use prost::Message;

use super::batch::below_a_root;
use super::envelope::required as required_envelope;
use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, statement_header,
};
use super::presentation::{encode_evidence, evidence, identifier};
use super::verdict::{encode_reason, encode_token, encode_verdict, reason, token, verdict};
use super::{decode_body, required};
use crate::authentication::v1;
use crate::status::Refusal;

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

/// Where a statement is logged that this service encoded itself; nothing of other bytes.
#[must_use]
pub fn authentication_position(payload: &[u8]) -> Option<LogPosition> {
    let header = v1::AuthenticationStatement::decode(payload).ok()?.header?;
    Some(LogPosition::new(header.log_position))
}

/// One answer of a stream of authentications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The statement in an envelope of its own.
    Alone(Envelope),
    /// The statement below a root.
    Below(BatchSigned),
    /// Why there is none.
    Refused(Refusal),
}

/// The answers of one message of a stream, each with its correlation.
///
/// # Errors
///
/// Names the first field at fault.
pub fn answers(wire: v1::AuthenticateManyResponse) -> Result<Vec<(u64, Answer)>, FieldViolation> {
    let root = wire.root.map(|root| required_envelope(Some(root), "root")).transpose()?;
    let answer = |index: usize, answer: v1::AuthenticationAnswer| {
        let outcome = answer_below(answer.answer, root.as_ref());
        let outcome = outcome.map_err(|violation| violation.at(&format!("answers[{index}]")))?;
        Ok((answer.correlation, outcome))
    };
    wire.answers.into_iter().enumerate().map(|(index, each)| answer(index, each)).collect()
}

fn answer_below(
    wire: Option<v1::authentication_answer::Answer>,
    root: Option<&Envelope>,
) -> Result<Answer, FieldViolation> {
    use v1::authentication_answer::Answer as Wire;
    match required(wire, "answer")? {
        Wire::Statement(statement) => Ok(Answer::Alone(required_envelope(Some(statement), "statement")?)),
        Wire::Leaf(leaf) => {
            let root = required(root, "root")?;
            let below = below_a_root(leaf, payload_type::AUTHENTICATION_STATEMENT, root);
            below.map(Answer::Below).map_err(|violation| violation.at("leaf"))
        }
        Wire::Refusal(refusal) => {
            let refusal = Refusal::try_from(refusal);
            refusal.map(Answer::Refused).map_err(|violation: FieldViolation| violation.at("refusal"))
        }
    }
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
