//! Cases: how two administrators decide one, and what they see of it.

use std::fmt;

use plinth_identity::case::{Case, CaseCandidate, CaseDecision, CaseState, EnrolmentRef};
use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{CaseId, PartyId};
use plinth_identity::identity_record::IdentityRecord;
use plinth_identity::number::IdentityNumber;
use plinth_identity::request::RequestHeader;
use prost::Message;

use super::decode_body;
use super::header::{encode_request_header, shared_request_header};
use crate::registry::v1;

/// How a case is to be decided, as one administrator signed it.
#[derive(Clone, PartialEq, Eq)]
pub struct CaseOrder {
    /// When, until when, and for which deployment; its party is the administrator, known by the key alone.
    pub header: RequestHeader,
    /// The case.
    pub case: CaseId,
    /// What is decided.
    pub decision: CaseDecision,
    /// Why: 1 to [`Case::MAX_REASON_CHARS`] characters without control characters.
    pub reason: String,
}

/// Without the reason's text, which is about a person.
impl fmt::Debug for CaseOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseOrder")
            .field("header", &self.header)
            .field("case", &self.case)
            .field("decision", &self.decision)
            .finish_non_exhaustive()
    }
}

/// The bytes of a case decision, for two administrators to sign: they name neither.
#[must_use]
pub fn encode_case_decision(order: &CaseOrder) -> Vec<u8> {
    let mut header = encode_request_header(&order.header);
    header.party.clear();
    v1::CaseDecision {
        header: Some(header),
        case_id: order.case.get(),
        decision: encode_decision(order.decision).into(),
        reason: order.reason.clone(),
    }
    .encode_to_vec()
}

/// The case decision in a verified envelope, signed by `administrator`, whom the key names.
///
/// # Errors
///
/// Names the first field at fault; a `header.party` is at fault.
pub fn decode_case_decision(
    verified: &Verified,
    administrator: &PartyId,
) -> Result<CaseOrder, FieldViolation> {
    let wire = decode_body::<v1::CaseDecision>(verified)?;
    let length = wire.reason.chars().count();
    if !(1..=Case::MAX_REASON_CHARS).contains(&length) || wire.reason.chars().any(char::is_control) {
        let description =
            format!("must be 1 to {} characters without control characters", Case::MAX_REASON_CHARS);
        return Err(FieldViolation::malformed("reason", description));
    }
    Ok(CaseOrder {
        header: shared_request_header(wire.header, administrator)?,
        case: CaseId::new(wire.case_id),
        decision: decision(wire.decision)?,
        reason: wire.reason,
    })
}

pub(super) fn decision(wire: i32) -> Result<CaseDecision, FieldViolation> {
    match v1::Decision::try_from(wire) {
        Ok(v1::Decision::Issue) => Ok(CaseDecision::Issue),
        Ok(v1::Decision::Refuse) => Ok(CaseDecision::Refuse),
        Ok(v1::Decision::Unspecified) | Err(_) => {
            Err(FieldViolation::malformed("decision", "must be issue or refuse"))
        }
    }
}

pub(super) fn encode_decision(decision: CaseDecision) -> v1::Decision {
    match decision {
        CaseDecision::Issue => v1::Decision::Issue,
        CaseDecision::Refuse => v1::Decision::Refuse,
    }
}

/// A candidate with what administrators see of its record.
#[derive(Clone, Copy)]
pub struct CandidateView<'a> {
    /// The candidate of the case.
    pub candidate: &'a CaseCandidate,
    /// Its number, sent masked; `None` while it is pending itself.
    pub number: Option<&'a IdentityNumber>,
    /// Its record; `None` where it is withdrawn.
    pub record: Option<&'a IdentityRecord>,
}

/// A case as administrators see it.
#[must_use]
pub fn case_view(case: &Case, candidates: &[CandidateView<'_>]) -> v1::Case {
    let decided = match &case.state {
        CaseState::Open => None,
        CaseState::Decided { decision, reason, administrators, at } => Some(v1::CaseVerdict {
            decision: encode_decision(*decision).into(),
            reason: reason.clone(),
            administrators: administrators.iter().map(|id| id.as_str().to_owned()).collect(),
            decided_at_ms: at.millis(),
        }),
    };
    v1::Case {
        case_id: case.id.get(),
        applicant: Some((&case.demographics).into()),
        request: Some(case_request(&case.request)),
        joined: case.joined.iter().map(case_request).collect(),
        candidates: candidates.iter().map(candidate_view).collect(),
        opened_at_ms: case.opened_at.millis(),
        decided,
    }
}

fn case_request(request: &EnrolmentRef) -> v1::CaseRequest {
    v1::CaseRequest {
        agency: request.agency.as_str().to_owned(),
        request_id: request.request_id.as_bytes().to_vec(),
    }
}

/// Somebody whom somebody else resembles, as administrators see them.
#[must_use]
pub fn candidate_view(view: &CandidateView<'_>) -> v1::CaseCandidate {
    v1::CaseCandidate {
        number_masked: view.number.map(ToString::to_string).unwrap_or_default(),
        demographics: view.record.map(|record| (&record.demographics).into()),
        llr: view.candidate.llr,
        enrolled_at_ms: view.record.map_or(0, |record| record.enrolled_at.millis()),
        agency: view.record.map(|record| record.agency.as_str().to_owned()).unwrap_or_default(),
    }
}
