//! Refusals travel as statuses with details, and come back; a "no" has one length.

use std::collections::BTreeSet;
use std::time::Duration;

use plinth_identity::authentication::Verdict;
use plinth_identity::dsse::{SigningKey, payload_type};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::PartyId;
use plinth_identity::party::AttributeSet;
use plinth_identity::reason::Reason;
use plinth_identity::statement::{
    AuthenticationStatement, OtpStatement, PersonStatement, ResidentStatement, StatementHeader,
};
use plinth_identity::time::Timestamp;
use plinth_proto::convert::authentication::encode_authentication_statement;
use plinth_proto::convert::otp::encode_otp_statement;
use plinth_proto::convert::personal_data::encode_person_statement;
use plinth_proto::convert::resident::encode_resident_statement;
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
        quota: Some("requests_per_second".to_owned()),
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
fn a_limit_that_was_reached_is_named() {
    let refusal = Refusal::from(Reason::QuotaExceeded).with_quota("requests_per_second");
    let status = Status::from(&refusal);
    let details = status.get_error_details();
    let [quota] = &details.quota_failure().unwrap().violations[..] else { panic!("one limit") };
    assert_eq!(quota.subject, "requests_per_second");
    assert_eq!(quota.description, Reason::QuotaExceeded.explanation());
    assert!(Status::from(Refusal::from(Reason::QuotaExceeded)).get_error_details().quota_failure().is_none());
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
        Reason::AddressMismatch,
        Reason::BiometricMismatch,
        Reason::BiometricsLocked,
        Reason::NumberLocked,
        Reason::VirtualNumberRequired,
        Reason::OtpMismatch,
        Reason::OtpOfAnotherTransaction,
        Reason::OtpAttemptsUsedUp,
        Reason::ExpiredVirtualNumber,
        Reason::ChildBelowFive,
        Reason::UnknownNumber,
        Reason::NumberSuspended,
        Reason::SuspendedByAuthority,
        Reason::UpdateDue,
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

#[test]
fn what_a_party_may_not_do_is_one_status() {
    let denied = [
        Reason::NotEntitledDemographics,
        Reason::NotEntitledAddress,
        Reason::NotEntitledFullAddress,
        Reason::NotEntitledFingers,
        Reason::NotEntitledIrises,
        Reason::NotEntitledOtp,
        Reason::NotEntitledFace,
        Reason::NotEntitledAttributes,
        Reason::NotEntitledPartialMatching,
        Reason::Channel,
        Reason::NotResidentAgent,
    ];
    for reason in denied {
        assert_eq!(grpc_code(reason), Code::PermissionDenied, "{reason:?}");
    }
    assert_eq!(grpc_code(Reason::FactorUnavailable), Code::Unimplemented);
}

/// The bytes on the wire of a signed statement, whose header differs from seed to seed.
fn signed(seed: u64, payload_type: &str, encode: impl FnOnce(StatementHeader, PartyId) -> Vec<u8>) -> usize {
    let party = Draw::new(1).party_id();
    let payload = encode(Draw::new(seed).statement_header(), party);
    let signed = SigningKey::from_seed([1; 32]).sign(payload_type, payload);
    envelope::v1::Envelope::from(signed).encode_to_vec().len()
}

/// The lengths of all the ways to say no: every reason told, and none told.
fn lengths(no: impl Fn(Option<Reason>, u64) -> usize) -> BTreeSet<usize> {
    let told = (0..).zip(Reason::ALL).map(|(seed, reason)| no(Some(reason), seed));
    let silent = (0..20).map(|seed| no(None, seed));
    told.chain(silent).collect()
}

#[test]
fn every_no_of_one_relying_party_has_one_length() {
    let no = |reason, seed| {
        signed(seed, payload_type::AUTHENTICATION_STATEMENT, |header, relying_party| {
            encode_authentication_statement(&AuthenticationStatement {
                header,
                relying_party,
                verdict: Verdict::No,
                reason,
                token: None,
                buffered: false,
            })
        })
    };
    assert_eq!(lengths(no).len(), 1);
}

#[test]
fn every_no_about_attributes_has_one_length() {
    let no = |reason, seed| {
        signed(seed, payload_type::PERSON_STATEMENT, |header, relying_party| {
            encode_person_statement(&PersonStatement {
                header,
                relying_party,
                verdict: Verdict::No,
                reason,
                token: None,
                attributes: AttributeSet::EMPTY,
                sealed: None,
            })
        })
    };
    assert_eq!(lengths(no).len(), 1);
}

#[test]
fn every_no_to_a_person_has_one_length() {
    let no = |reason, seed| {
        signed(seed, payload_type::RESIDENT_STATEMENT, |header, agent| {
            encode_resident_statement(&ResidentStatement {
                header,
                agent,
                verdict: Verdict::No,
                reason,
                outcome: None,
            })
        })
    };
    assert_eq!(lengths(no).len(), 1);
}

#[test]
fn every_answer_about_a_code_has_one_length() {
    let lengths = (0..200).map(|seed| {
        signed(seed, payload_type::OTP_STATEMENT, |header, relying_party| {
            encode_otp_statement(&OtpStatement { relying_party, header, ..Draw::new(seed).otp_statement() })
        })
    });
    assert_eq!(lengths.collect::<BTreeSet<_>>().len(), 1);
}
