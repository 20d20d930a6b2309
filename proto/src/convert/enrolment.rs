//! Bodies and answers of the enrolment service.

use plinth_identity::application::Application;
use plinth_identity::dsse::{Envelope, Verified};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{CaseId, RequestId};
use plinth_identity::number::IdentityNumber;
use plinth_identity::request::RequestHeader;
use plinth_identity::statement::{EnrolmentOutcome, EnrolmentStatement};
use prost::Message;

use super::header::{
    encode_request_header, encode_statement_header, party_id, request_header, request_id, statement_header,
};
use super::person::{encode_fingers, fingers};
use super::{Page, decode_body, envelope, required};
use crate::enrolment::v1;
use crate::status::Refusal;

/// The bytes of an enrolment request, for the agency to sign.
#[must_use]
pub fn encode_enrolment_request(application: &Application) -> Vec<u8> {
    v1::EnrolmentRequest {
        header: Some(encode_request_header(&application.header)),
        demographics: Some((&application.demographics).into()),
        fingers: encode_fingers(&application.fingers),
        station: application.station.clone(),
        operator: application.operator.clone(),
    }
    .encode_to_vec()
}

/// The enrolment request in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_enrolment_request(verified: &Verified) -> Result<Application, FieldViolation> {
    decode_body::<v1::EnrolmentRequest>(verified)?.try_into()
}

impl TryFrom<v1::EnrolmentRequest> for Application {
    type Error = FieldViolation;

    fn try_from(wire: v1::EnrolmentRequest) -> Result<Self, FieldViolation> {
        let demographics = required(wire.demographics, "demographics")?;
        Self::new(
            request_header(wire.header)?,
            demographics.try_into().map_err(|violation: FieldViolation| violation.at("demographics"))?,
            fingers(wire.fingers)?,
            wire.station,
            wire.operator,
        )
    }
}

/// The bytes of an enrolment statement, for the service to sign.
#[must_use]
pub fn encode_enrolment_statement(statement: &EnrolmentStatement) -> Vec<u8> {
    let (outcome, number, case) = match &statement.outcome {
        EnrolmentOutcome::Issued { number } => (v1::EnrolmentOutcome::Issued, number.reveal(), 0),
        EnrolmentOutcome::Duplicate => (v1::EnrolmentOutcome::Duplicate, String::new(), 0),
        EnrolmentOutcome::Pending { case } => (v1::EnrolmentOutcome::Pending, String::new(), case.get()),
        EnrolmentOutcome::Refused => (v1::EnrolmentOutcome::Refused, String::new(), 0),
    };
    v1::EnrolmentStatement {
        header: Some(encode_statement_header(&statement.header)),
        agency: statement.agency.as_str().to_owned(),
        request_id: statement.request_id.as_bytes().to_vec(),
        outcome: outcome.into(),
        number,
        case_id: case,
        fingers: statement.fingers.into(),
        searched: statement.searched,
        duplicate_fmr: statement.duplicate_fmr,
        adjudicate_fmr: statement.adjudicate_fmr,
        target_fpir: statement.target_fpir,
    }
    .encode_to_vec()
}

/// The enrolment statement in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault; a number or a case that the outcome does not have is at fault.
pub fn decode_enrolment_statement(verified: &Verified) -> Result<EnrolmentStatement, FieldViolation> {
    decode_body::<v1::EnrolmentStatement>(verified)?.try_into()
}

impl TryFrom<v1::EnrolmentStatement> for EnrolmentStatement {
    type Error = FieldViolation;

    fn try_from(wire: v1::EnrolmentStatement) -> Result<Self, FieldViolation> {
        let outcome = outcome(wire.outcome, &wire.number, wire.case_id)?;
        Ok(Self {
            header: statement_header(wire.header)?,
            agency: party_id(&wire.agency, "agency")?,
            request_id: request_id(&wire.request_id, "request_id")?,
            outcome,
            fingers: finger_count(wire.fingers)?,
            searched: wire.searched,
            duplicate_fmr: rate(wire.duplicate_fmr, "duplicate_fmr")?,
            adjudicate_fmr: rate(wire.adjudicate_fmr, "adjudicate_fmr")?,
            target_fpir: rate(wire.target_fpir, "target_fpir")?,
        })
    }
}

fn outcome(wire: i32, number: &str, case_id: u64) -> Result<EnrolmentOutcome, FieldViolation> {
    let wire = v1::EnrolmentOutcome::try_from(wire).unwrap_or(v1::EnrolmentOutcome::Unspecified);
    if wire != v1::EnrolmentOutcome::Issued && !number.is_empty() {
        return Err(FieldViolation::malformed("number", "belongs to an issued number only"));
    }
    if (wire == v1::EnrolmentOutcome::Pending) == (case_id == 0) {
        return Err(FieldViolation::malformed("case_id", "belongs to a pending enrolment, and only to that"));
    }
    match wire {
        v1::EnrolmentOutcome::Unspecified => {
            Err(FieldViolation::malformed("outcome", "must be one of the outcomes"))
        }
        v1::EnrolmentOutcome::Issued => {
            let number = IdentityNumber::parse(number)
                .map_err(|_| FieldViolation::malformed("number", "must be an identity number"))?;
            Ok(EnrolmentOutcome::Issued { number })
        }
        v1::EnrolmentOutcome::Duplicate => Ok(EnrolmentOutcome::Duplicate),
        v1::EnrolmentOutcome::Pending => Ok(EnrolmentOutcome::Pending { case: CaseId::new(case_id) }),
        v1::EnrolmentOutcome::Refused => Ok(EnrolmentOutcome::Refused),
    }
}

fn finger_count(wire: u32) -> Result<u8, FieldViolation> {
    u8::try_from(wire)
        .ok()
        .filter(|count| (1..=10).contains(count))
        .ok_or_else(|| FieldViolation::malformed("fingers", "must be 1 to 10"))
}

fn rate(value: f64, field: &str) -> Result<f64, FieldViolation> {
    // A comparison with NaN is false: it lands in the error.
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(FieldViolation::malformed(field, "must be between 0 and 1"))
    }
}

/// What an agency asks about its own enrolments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentQuery {
    /// Who asks, and when.
    pub header: RequestHeader,
    /// What it asks.
    pub ask: EnrolmentAsk,
}

/// One enrolment, or a page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolmentAsk {
    /// The enrolment with this `request_id`.
    One(RequestId),
    /// A page of enrolments in the order of their commits.
    List(Page),
}

/// The bytes of an enrolment query, for the agency to sign.
#[must_use]
pub fn encode_enrolment_query(query: &EnrolmentQuery) -> Vec<u8> {
    let ask = match &query.ask {
        EnrolmentAsk::One(request_id) => v1::enrolment_query::Ask::RequestId(request_id.as_bytes().to_vec()),
        EnrolmentAsk::List(page) => v1::enrolment_query::Ask::List(v1::ListPage {
            page_size: page.size(),
            page_token: page.token().to_owned(),
        }),
    };
    v1::EnrolmentQuery { header: Some(encode_request_header(&query.header)), ask: Some(ask) }.encode_to_vec()
}

/// The enrolment query in a verified envelope.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_enrolment_query(verified: &Verified) -> Result<EnrolmentQuery, FieldViolation> {
    decode_body::<v1::EnrolmentQuery>(verified)?.try_into()
}

impl TryFrom<v1::EnrolmentQuery> for EnrolmentQuery {
    type Error = FieldViolation;

    fn try_from(wire: v1::EnrolmentQuery) -> Result<Self, FieldViolation> {
        let header = request_header(wire.header)?;
        let ask = match required(wire.ask, "ask")? {
            v1::enrolment_query::Ask::RequestId(bytes) => {
                EnrolmentAsk::One(request_id(&bytes, "request_id")?)
            }
            v1::enrolment_query::Ask::List(list) => EnrolmentAsk::List(
                Page::new(list.page_size, &list.page_token).map_err(|violation| violation.at("list"))?,
            ),
        };
        Ok(Self { header, ask })
    }
}

/// What became of one enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentEntry {
    /// The agency's id of the request.
    pub request_id: RequestId,
    /// The statement as it was first answered.
    pub receipt: Envelope,
    /// The statement after administrators decided the case.
    pub latest: Option<Envelope>,
}

impl From<&EnrolmentEntry> for v1::EnrolmentEntry {
    fn from(entry: &EnrolmentEntry) -> Self {
        Self {
            request_id: entry.request_id.as_bytes().to_vec(),
            receipt: Some((&entry.receipt).into()),
            latest: entry.latest.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<v1::EnrolmentEntry> for EnrolmentEntry {
    type Error = FieldViolation;

    fn try_from(wire: v1::EnrolmentEntry) -> Result<Self, FieldViolation> {
        Ok(Self {
            request_id: request_id(&wire.request_id, "request_id")?,
            receipt: envelope::required(wire.receipt, "receipt")?,
            latest: wire.latest.map(|latest| envelope::required(Some(latest), "latest")).transpose()?,
        })
    }
}

/// One answer of an enrolment stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The correlation of the request that this answers.
    pub correlation: u64,
    /// The signed statement, or why there is none.
    pub outcome: Result<Envelope, Refusal>,
}

impl From<Answer> for v1::EnrolManyResponse {
    fn from(answer: Answer) -> Self {
        let outcome = match &answer.outcome {
            Ok(statement) => v1::enrol_many_response::Answer::Statement(statement.into()),
            Err(refusal) => v1::enrol_many_response::Answer::Refusal(refusal.into()),
        };
        Self { correlation: answer.correlation, answer: Some(outcome) }
    }
}

impl TryFrom<v1::EnrolManyResponse> for Answer {
    type Error = FieldViolation;

    fn try_from(wire: v1::EnrolManyResponse) -> Result<Self, FieldViolation> {
        let outcome = match required(wire.answer, "answer")? {
            v1::enrol_many_response::Answer::Statement(statement) => {
                Ok(envelope::required(Some(statement), "statement")?)
            }
            v1::enrol_many_response::Answer::Refusal(refusal) => {
                Err(refusal.try_into().map_err(|violation: FieldViolation| violation.at("refusal"))?)
            }
        };
        Ok(Self { correlation: wire.correlation, outcome })
    }
}
