//! Refusals travel as statuses with details, and come back; a "no" has one length.

use std::time::Duration;

use plinth_identity::authentication::Verdict;
use plinth_identity::dsse::{SigningKey, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;
use plinth_identity::statement::AuthenticationStatement;
use plinth_identity::time::Timestamp;
use plinth_proto::convert::authentication::encode_authentication_statement;
use plinth_proto::status::{ERROR_DOMAIN, Refusal, grpc_code};
use plinth_proto::{enrolment, envelope};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::draw::Draw;

fn refusals() -> Vec<Refusal> {
    let plain = Reason::ALL.into_iter().map(Refusal::from);
    let at_a_field = Reason::ALL.into_iter().map(|reason| {
        FieldViolation::new("fingers[3].record", reason, "must be a record that can be read").into()
    });
    let full = Reason::ALL.into_iter().map(|reason| Refusal {
        reason,
        violations: vec![
            FieldViolation::malformed("header.nonce", "must be 16 bytes"),
            FieldViolation::new("demographics.date_of_birth", Reason::BadDate, "must be a day that exists"),
        ],
        retry_after: Some(Duration::from_millis(1_500)),
        server_time: Some(Timestamp::from_millis(1_700_000_000_123)),
    });
    plain.chain(at_a_field).chain(full).collect()
}

#[test]
fn every_refusal_comes_back_from_its_status() {
    for refusal in refusals() {
        let status = Status::from(&refusal);
        assert_eq!(status.code(), grpc_code(refusal.reason));
        assert_eq!(Refusal::from_status(&status), Some(refusal));
    }
}

#[test]
fn every_refusal_comes_back_from_a_stream() {
    for refusal in refusals() {
        let wire = enrolment::v1::Refusal::from(&refusal);
        assert_eq!(i32::try_from(wire.grpc_code).unwrap(), i32::from(grpc_code(refusal.reason)));
        assert_eq!(Refusal::try_from(wire), Ok(refusal));
    }
}

#[test]
fn a_status_carries_the_details_that_any_client_understands() {
    let refusal = Refusal::from(FieldViolation::malformed("fingers[3].record", "must be a record"))
        .with_server_time(Timestamp::from_millis(12))
        .with_retry_after(Duration::from_secs(2));
    let status = Status::from(refusal);
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("MALFORMED", ERROR_DOMAIN));
    assert_eq!(info.metadata["code"], "510");
    assert_eq!(info.metadata["server_time_ms"], "12");
    assert!(!info.metadata["who"].is_empty() && !info.metadata["next_step"].is_empty());
    let [violation] = &details.bad_request().unwrap().field_violations[..] else { panic!("one violation") };
    assert_eq!(violation.field, "fingers[3].record");
    assert_eq!(violation.description, "must be a record");
    assert_eq!(violation.reason, "MALFORMED");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
    assert!(status.message().contains("fingers[3].record: must be a record"), "{}", status.message());
}

#[test]
fn a_status_of_somebody_else_is_no_refusal_of_ours() {
    assert_eq!(Refusal::from_status(&Status::unavailable("connection refused")), None);
    let details =
        tonic_types::ErrorDetails::with_error_info("MALFORMED", "another", [("code".into(), "510".into())]);
    assert_eq!(Refusal::from_status(&Status::with_error_details(Code::Internal, "", details)), None);
    let unknown = enrolment::v1::Refusal { reason_code: 65_535, ..enrolment::v1::Refusal::default() };
    assert_eq!(Refusal::try_from(unknown).unwrap_err().field, "reason_code");
}

#[test]
fn reasons_that_statements_carry_are_one_and_the_same_status() {
    let of_a_no = [
        Reason::DemographicMismatch,
        Reason::BiometricMismatch,
        Reason::UnknownNumber,
        Reason::NumberSuspended,
        Reason::Deceased,
        Reason::Cancelled,
    ];
    for reason in of_a_no {
        assert_eq!(grpc_code(reason), grpc_code(Reason::UnknownNumber), "{reason:?}");
    }
}

#[test]
fn what_can_be_sent_again_has_a_code_that_generic_clients_send_again() {
    for reason in Reason::ALL.into_iter().filter(|reason| reason.retryable()) {
        let code = grpc_code(reason);
        let again = [Code::ResourceExhausted, Code::Unavailable, Code::Internal, Code::Aborted];
        assert!(again.contains(&code), "{reason:?} is {code:?}");
    }
}

/// The bytes on the wire of a signed no.
fn no(reason: Option<Reason>, seed: u64) -> Vec<u8> {
    let relying_party = Draw::new(1).party_id();
    let mut draw = Draw::new(seed);
    let header = draw.statement_header();
    let statement =
        AuthenticationStatement { header, relying_party, verdict: Verdict::No, reason, token: None };
    let payload = encode_authentication_statement(&statement);
    let signed = SigningKey::from_seed([1; 32]).sign(payload_type::AUTHENTICATION_STATEMENT, payload);
    envelope::v1::Envelope::from(signed).encode_to_vec()
}

#[test]
fn every_no_of_one_relying_party_has_one_length() {
    let told = no(Some(Reason::UnknownNumber), 0).len();
    let silent = no(None, 0).len();
    for (seed, reason) in (0..).zip(Reason::ALL) {
        assert_eq!(no(Some(reason), seed).len(), told, "{reason:?}");
        assert_eq!(no(None, seed).len(), silent);
    }
}
