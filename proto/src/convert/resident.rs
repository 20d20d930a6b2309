//! What people do with their own number.

use plinth_identity::authentication::{ResidentAction, ResidentRequest, Verdict};
use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::LogPosition;
use plinth_identity::identity_record::Locks;
use plinth_identity::number::IdentityNumber;
use plinth_identity::statement::{ResidentOutcome, ResidentStatement};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::{VirtualNumber, VirtualNumberKind};
use prost::Message;

use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, statement_header,
};
use super::history::{encode_history, history, position};
use super::presentation::{encode_evidence, evidence};
use super::verdict::{encode_reason, encode_verdict, reason, verdict};
use super::{decode_body, required};
use crate::resident::v1;
use crate::resident::v1::resident_request::Action as WireAction;
use crate::resident::v1::resident_statement::Outcome as WireOutcome;

/// Entries of a page of history when the request does not say.
const DEFAULT_PAGE: u16 = 100;
/// Bytes of an authenticator's address at most.
pub const MAX_URI_BYTES: usize = 1_024;

/// The bytes of a person's order about their own number, for the agent to sign. Samples of irises and faces are not
/// kept in the domain, so none are among them.
#[must_use]
pub fn encode_resident_request(request: &ResidentRequest) -> Vec<u8> {
    v1::ResidentRequest {
        header: Some(encode_request_header(&request.header)),
        number: request.number.reveal(),
        evidence: Some(encode_evidence(&request.evidence)),
        action: Some(encode_action(request.action)),
    }
    .encode_to_vec()
}

/// The order about a person's own number in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_resident_request(verified: &Verified) -> Result<ResidentRequest, FieldViolation> {
    decode_body::<v1::ResidentRequest>(verified)?.try_into()
}

impl TryFrom<v1::ResidentRequest> for ResidentRequest {
    type Error = FieldViolation;

    fn try_from(wire: v1::ResidentRequest) -> Result<Self, FieldViolation> {
        let header = request_header(wire.header)?;
        let number = IdentityNumber::parse(&wire.number).map_err(|_| {
            FieldViolation::malformed(
                "number",
                "must be an identity number: 12 digits with a right check digit",
            )
        })?;
        let evidence = evidence(required(wire.evidence, "evidence")?);
        let evidence = evidence.map_err(|violation| violation.at("evidence"))?;
        Self::new(header, number, evidence, action(required(wire.action, "action")?)?)
    }
}

fn encode_action(action: ResidentAction) -> WireAction {
    match action {
        ResidentAction::CreateVirtualNumber { kind, valid_for_ms } => {
            let kind = match kind {
                VirtualNumberKind::OneTime => v1::VirtualNumberKind::OneTime,
                VirtualNumberKind::Expiring => v1::VirtualNumberKind::Expiring,
                VirtualNumberKind::Perpetual => v1::VirtualNumberKind::Perpetual,
            };
            WireAction::CreateVirtualNumber(v1::VirtualNumberOrder { kind: kind.into(), valid_for_ms })
        }
        ResidentAction::RevokeVirtualNumber => {
            WireAction::RevokeVirtualNumber(v1::VirtualNumberRevocation {})
        }
        ResidentAction::SetLocks { number, fingers, irises, face } => {
            WireAction::SetLocks(v1::LockOrder { number, fingers, irises, face })
        }
        ResidentAction::CreateTotp => WireAction::CreateTotp(v1::TotpOrder {}),
        ResidentAction::RemoveTotp => WireAction::RemoveTotp(v1::TotpRemoval {}),
        ResidentAction::ReadHistory { page_size, before } => WireAction::ReadHistory(v1::HistoryQuery {
            page_size: page_size.into(),
            before: before.map_or(0, LogPosition::get),
        }),
    }
}

/// An action; paths begin with the action's field.
fn action(wire: WireAction) -> Result<ResidentAction, FieldViolation> {
    match wire {
        WireAction::CreateVirtualNumber(order) => {
            let kind = match v1::VirtualNumberKind::try_from(order.kind) {
                Ok(v1::VirtualNumberKind::OneTime) => VirtualNumberKind::OneTime,
                Ok(v1::VirtualNumberKind::Expiring) => VirtualNumberKind::Expiring,
                Ok(v1::VirtualNumberKind::Perpetual) => VirtualNumberKind::Perpetual,
                Ok(v1::VirtualNumberKind::Unspecified) | Err(_) => {
                    return Err(FieldViolation::malformed(
                        "create_virtual_number.kind",
                        "must be one-time, expiring or perpetual",
                    ));
                }
            };
            Ok(ResidentAction::CreateVirtualNumber { kind, valid_for_ms: order.valid_for_ms })
        }
        WireAction::RevokeVirtualNumber(v1::VirtualNumberRevocation {}) => {
            Ok(ResidentAction::RevokeVirtualNumber)
        }
        WireAction::SetLocks(v1::LockOrder { number, fingers, irises, face }) => {
            Ok(ResidentAction::SetLocks { number, fingers, irises, face })
        }
        WireAction::CreateTotp(v1::TotpOrder {}) => Ok(ResidentAction::CreateTotp),
        WireAction::RemoveTotp(v1::TotpRemoval {}) => Ok(ResidentAction::RemoveTotp),
        WireAction::ReadHistory(query) => Ok(ResidentAction::ReadHistory {
            page_size: match u16::try_from(query.page_size) {
                Ok(0) => DEFAULT_PAGE,
                Ok(size) => size.min(ResidentAction::MAX_PAGE),
                Err(_) => ResidentAction::MAX_PAGE,
            },
            before: position(query.before),
        }),
    }
}

/// The bytes of the answer to a person's order, for the service to sign. For one agent every "no" has the same length:
/// fields have fixed widths, an outcome is in a "yes" only, and the reason's field is in every "no".
#[must_use]
pub fn encode_resident_statement(statement: &ResidentStatement) -> Vec<u8> {
    v1::ResidentStatement {
        header: Some(encode_statement_header(&statement.header)),
        agent: statement.agent.as_str().to_owned(),
        verdict: encode_verdict(statement.verdict),
        reason: encode_reason(statement.verdict, statement.reason),
        outcome: statement.outcome.as_ref().map(encode_outcome),
    }
    .encode_to_vec()
}

/// The answer to a person's order in a verified envelope. A reason of a newer version reads as no reason: the verdict
/// stands all the same.
///
/// # Errors
///
/// Names the first field at fault; an outcome in a "no", a reason in a "yes" and a "yes" without an outcome are at fault.
pub fn decode_resident_statement(verified: &Verified) -> Result<ResidentStatement, FieldViolation> {
    decode_body::<v1::ResidentStatement>(verified)?.try_into()
}

impl TryFrom<v1::ResidentStatement> for ResidentStatement {
    type Error = FieldViolation;

    fn try_from(wire: v1::ResidentStatement) -> Result<Self, FieldViolation> {
        let verdict = verdict(wire.verdict)?;
        let outcome = match (verdict, wire.outcome) {
            (Verdict::Yes, Some(wire)) => Some(outcome(wire)?),
            (Verdict::No, None) => None,
            (Verdict::Yes, None) | (Verdict::No, Some(_)) => {
                return Err(FieldViolation::malformed("outcome", "belongs to a yes, and to nothing else"));
            }
        };
        Ok(Self {
            header: statement_header(wire.header)?,
            agent: party_id(&wire.agent, "agent")?,
            verdict,
            reason: reason(verdict, wire.reason)?,
            outcome,
        })
    }
}

fn encode_outcome(outcome: &ResidentOutcome) -> WireOutcome {
    match outcome {
        ResidentOutcome::VirtualNumber { number, expires_at } => {
            WireOutcome::VirtualNumber(v1::VirtualNumber {
                number: number.reveal(),
                expires_at_ms: expires_at.map_or(0, Timestamp::millis),
            })
        }
        ResidentOutcome::VirtualNumberRevoked => {
            WireOutcome::VirtualNumberRevoked(v1::VirtualNumberRevoked {})
        }
        ResidentOutcome::Locks(Locks { number, fingers, irises, face }) => {
            WireOutcome::Locks(v1::Locks { number: *number, fingers: *fingers, irises: *irises, face: *face })
        }
        ResidentOutcome::Totp { uri } => WireOutcome::Totp(v1::Totp { uri: uri.clone() }),
        ResidentOutcome::TotpRemoved => WireOutcome::TotpRemoved(v1::TotpRemoved {}),
        ResidentOutcome::History { entries, next } => WireOutcome::History(encode_history(entries, *next)),
    }
}

/// An outcome; paths begin with the outcome's field.
fn outcome(wire: WireOutcome) -> Result<ResidentOutcome, FieldViolation> {
    match wire {
        WireOutcome::VirtualNumber(wire) => Ok(ResidentOutcome::VirtualNumber {
            number: VirtualNumber::parse(&wire.number).map_err(|_| {
                FieldViolation::malformed("virtual_number.number", "must be a virtual number: 16 digits")
            })?,
            expires_at: (wire.expires_at_ms > 0).then(|| Timestamp::from_millis(wire.expires_at_ms)),
        }),
        WireOutcome::VirtualNumberRevoked(v1::VirtualNumberRevoked {}) => {
            Ok(ResidentOutcome::VirtualNumberRevoked)
        }
        WireOutcome::Locks(v1::Locks { number, fingers, irises, face }) => {
            Ok(ResidentOutcome::Locks(Locks { number, fingers, irises, face }))
        }
        WireOutcome::Totp(v1::Totp { uri }) => {
            let printable = uri.bytes().all(|byte| byte.is_ascii_graphic());
            if !printable || !uri.starts_with("otpauth://") || uri.len() > MAX_URI_BYTES {
                let description = format!("must be an otpauth address of at most {MAX_URI_BYTES} bytes");
                return Err(FieldViolation::malformed("totp.uri", description));
            }
            Ok(ResidentOutcome::Totp { uri })
        }
        WireOutcome::TotpRemoved(v1::TotpRemoved {}) => Ok(ResidentOutcome::TotpRemoved),
        WireOutcome::History(wire) => {
            let (entries, next) = history(wire).map_err(|violation| violation.at("history"))?;
            Ok(ResidentOutcome::History { entries, next })
        }
    }
}
