//! What is encoded is decoded again, whatever it is.

use plinth_identity::capture::CaptureReport;
use plinth_identity::dsse::{Envelope, SigningKey, Verified};
use plinth_identity::field::FieldViolation;
use plinth_identity::id::{PartyId, RequestId};
use plinth_identity::party::{Attribute, Party, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_proto::convert::authentication::{
    decode_authentication_request, decode_authentication_statement, encode_authentication_request,
    encode_authentication_statement,
};
use plinth_proto::convert::capture::{decode_capture_query, encode_capture_query};
use plinth_proto::convert::enrolment::{
    Answer, EnrolmentEntry, decode_enrolment_query, decode_enrolment_request, decode_enrolment_statement,
    encode_enrolment_query, encode_enrolment_request, encode_enrolment_statement,
};
use plinth_proto::convert::evidence::{
    decode_service_info, decode_unverified_service_info, encode_service_info,
};
use plinth_proto::convert::otp::{
    decode_otp_request, decode_otp_statement, encode_otp_request, encode_otp_statement,
};
use plinth_proto::convert::personal_data::{
    PersonAttributes, decode_person_attributes, decode_person_request, decode_person_statement,
    encode_person_attributes, encode_person_request, encode_person_statement,
};
use plinth_proto::convert::registry::{
    decode_case_decision, decode_registry_change, decode_registry_query, decode_registry_statement,
    encode_case_decision, encode_registry_change, encode_registry_query, encode_registry_statement,
};
use plinth_proto::convert::resident::{
    decode_resident_request, decode_resident_statement, encode_resident_request, encode_resident_statement,
};
use plinth_proto::status::Refusal;
use plinth_proto::{enrolment, envelope, registry};

use crate::draw::{Draw, verified};

const CASES: u64 = 60;

/// Draws values, encodes, signs, verifies and decodes each, and expects the same value.
fn there_and_back<T: PartialEq + std::fmt::Debug>(
    draw: impl Fn(&mut Draw) -> T,
    encode: impl Fn(&T) -> Vec<u8>,
    decode: impl Fn(&Verified) -> Result<T, FieldViolation>,
) {
    for seed in 0..CASES {
        let value = draw(&mut Draw::new(seed));
        let read = decode(&verified(encode(&value)));
        assert_eq!(read.as_ref(), Ok(&value), "seed {seed}");
    }
}

#[test]
fn an_enrolment_request_comes_back() {
    there_and_back(Draw::application, encode_enrolment_request, decode_enrolment_request);
}

#[test]
fn an_enrolment_statement_comes_back() {
    there_and_back(Draw::enrolment_statement, encode_enrolment_statement, decode_enrolment_statement);
}

#[test]
fn an_enrolment_query_comes_back() {
    there_and_back(Draw::enrolment_query, encode_enrolment_query, decode_enrolment_query);
}

#[test]
fn a_capture_query_comes_back() {
    there_and_back(Draw::capture_query, encode_capture_query, decode_capture_query);
}

#[test]
fn a_capture_report_comes_back() {
    for seed in 0..CASES {
        let report = Draw::new(seed).capture_report();
        let wire = enrolment::v1::CaptureReport::from(&report);
        assert_eq!(CaptureReport::try_from(wire).as_ref(), Ok(&report), "seed {seed}");
    }
}

#[test]
fn an_authentication_request_comes_back() {
    there_and_back(
        Draw::authentication_request,
        encode_authentication_request,
        decode_authentication_request,
    );
}

#[test]
fn an_authentication_statement_comes_back() {
    there_and_back(
        Draw::authentication_statement,
        encode_authentication_statement,
        decode_authentication_statement,
    );
}

#[test]
fn a_request_for_a_code_comes_back() {
    there_and_back(Draw::otp_request, encode_otp_request, decode_otp_request);
}

#[test]
fn an_answer_about_a_code_comes_back() {
    there_and_back(Draw::otp_statement, encode_otp_statement, decode_otp_statement);
}

#[test]
fn a_request_for_attributes_comes_back() {
    there_and_back(Draw::person_request, encode_person_request, decode_person_request);
}

#[test]
fn an_answer_about_attributes_comes_back() {
    there_and_back(Draw::person_statement, encode_person_statement, decode_person_statement);
}

#[test]
fn what_is_told_of_a_person_comes_back() {
    for seed in 0..CASES {
        let mut draw = Draw::new(seed);
        let (recorded, asked) = (draw.demographics(), draw.attributes());
        let told = |attribute| asked.contains(attribute);
        let expected = PersonAttributes {
            name: told(Attribute::Name).then(|| recorded.name.clone()),
            date_of_birth: told(Attribute::DateOfBirth).then_some(recorded.date_of_birth),
            gender: told(Attribute::Gender).then_some(recorded.gender),
            phone: recorded.phone.clone().filter(|_| told(Attribute::Phone)),
            email: recorded.email.clone().filter(|_| told(Attribute::Email)),
            address: recorded.address.clone().filter(|_| told(Attribute::Address)),
        };
        let sealed = encode_person_attributes(&recorded, asked);
        assert_eq!(decode_person_attributes(&sealed), Ok(expected), "seed {seed}");
    }
}

#[test]
fn an_order_about_ones_own_number_comes_back() {
    there_and_back(Draw::resident_request, encode_resident_request, decode_resident_request);
}

#[test]
fn an_answer_to_such_an_order_comes_back() {
    there_and_back(Draw::resident_statement, encode_resident_statement, decode_resident_statement);
}

#[test]
fn a_registry_change_comes_back() {
    there_and_back(Draw::registry_order, encode_registry_change, decode_registry_change);
}

#[test]
fn a_registry_query_comes_back() {
    there_and_back(Draw::registry_query, encode_registry_query, decode_registry_query);
}

#[test]
fn a_registry_statement_comes_back() {
    there_and_back(Draw::registry_statement, encode_registry_statement, decode_registry_statement);
}

#[test]
fn a_service_description_comes_back_also_before_anybody_trusts_it() {
    there_and_back(Draw::service_info, encode_service_info, decode_service_info);
    let info = Draw::new(1).service_info();
    let signed = SigningKey::from_seed([7; 32]).sign("application/test", encode_service_info(&info));
    assert_eq!(decode_unverified_service_info(&signed), Ok(info));
}

#[test]
fn a_case_decision_comes_back_in_the_name_of_whoever_signed_it() {
    for seed in 0..CASES {
        let order = Draw::new(seed).case_order();
        let signed = verified(encode_case_decision(&order));
        assert_eq!(decode_case_decision(&signed, order.header.party()).as_ref(), Ok(&order), "seed {seed}");
        let other = PartyId::parse("somebody-else").unwrap();
        assert_eq!(decode_case_decision(&signed, &other).unwrap().header.party(), &other);
    }
}

#[test]
fn two_administrators_sign_the_same_bytes() {
    let order = Draw::new(1).case_order();
    let other = Draw::new(2).party_id();
    let other = decode_case_decision(&verified(encode_case_decision(&order)), &other).unwrap();
    assert_ne!(order.header.party(), other.header.party());
    assert_eq!(encode_case_decision(&order), encode_case_decision(&other));
}

#[test]
fn a_party_comes_back_whatever_its_status() {
    use plinth_identity::party::PartyStatus;
    for seed in 0..CASES {
        for status in PartyStatus::ALL {
            let party = Party { status, ..Draw::new(seed).party() };
            assert_eq!(
                Party::try_from(registry::v1::Party::from(&party)).as_ref(),
                Ok(&party),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn a_policy_comes_back() {
    for seed in 0..CASES {
        let policy = Draw::new(seed).policy();
        let wire = registry::v1::RelyingPartyPolicy::from(&policy);
        assert_eq!(RelyingPartyPolicy::try_from(wire).as_ref(), Ok(&policy), "seed {seed}");
    }
}

fn signed(seed: u64) -> Envelope {
    let mut draw = Draw::new(seed);
    let payload = draw.bytes::<100>().to_vec();
    SigningKey::from_seed(draw.bytes()).sign("application/test", payload)
}

#[test]
fn an_envelope_comes_back_with_the_bytes_that_were_signed() {
    for seed in 0..CASES {
        let envelope = signed(seed);
        assert_eq!(Envelope::try_from(envelope::v1::Envelope::from(&envelope)), Ok(envelope));
    }
}

#[test]
fn an_entry_of_a_reconciliation_comes_back() {
    for latest in [None, Some(signed(2))] {
        let request_id = RequestId::from_bytes([5; 16]);
        let entry = EnrolmentEntry { request_id, receipt: signed(1), latest };
        assert_eq!(EnrolmentEntry::try_from(enrolment::v1::EnrolmentEntry::from(&entry)), Ok(entry));
    }
}

#[test]
fn an_answer_of_a_stream_comes_back_decided_or_refused() {
    for outcome in [Ok(signed(1)), Err(Refusal::from(Reason::Overloaded))] {
        let answer = Answer { correlation: u64::MAX, outcome };
        assert_eq!(Answer::try_from(enrolment::v1::EnrolManyResponse::from(answer.clone())), Ok(answer));
    }
}
