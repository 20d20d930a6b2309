//! What personal data a message holds does not show in its `Debug`, which is what ends in logs.

use plinth_proto::convert::authentication::{encode_authentication_request, encode_authentication_statement};
use plinth_proto::convert::enrolment::{encode_enrolment_request, encode_enrolment_statement};
use plinth_proto::{authentication, enrolment, envelope, person, registry};
use prost::Message;

use crate::draw::{Draw, NUMBERS};

const NAME: &str = "Canary";
const DATE: &str = "1901-02-03";

/// Fails if `text` shows a name, a date, a number, or bytes (a list of numbers as `Debug` prints it).
fn assert_silent(text: &str) {
    for secret in [NAME, DATE].into_iter().chain(NUMBERS) {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.contains("70, 77, 82"), "a finger record shows: {text}");
    assert!(!text.contains("gender"), "{text}");
}

#[test]
fn requests_show_no_person() {
    for seed in 0..20 {
        let mut draw = Draw::new(seed);
        let bytes = encode_enrolment_request(&draw.application());
        let mut wire = enrolment::v1::EnrolmentRequest::decode(&bytes[..]).unwrap();
        let person = wire.demographics.as_mut().unwrap();
        (person.name, person.date_of_birth) = (NAME.to_owned(), DATE.to_owned());
        assert_silent(&format!("{wire:?}"));

        let bytes = encode_authentication_request(&draw.authentication_request());
        let mut wire = authentication::v1::AuthenticationRequest::decode(&bytes[..]).unwrap();
        let claim = wire.claim.get_or_insert_default();
        (claim.name, claim.date_of_birth) = (Some(NAME.to_owned()), Some(DATE.to_owned()));
        assert_silent(&format!("{wire:?} {claim:?}", claim = wire.claim));
    }
}

#[test]
fn statements_show_no_number_and_no_token() {
    for seed in 0..20 {
        let mut draw = Draw::new(seed);
        let bytes = encode_enrolment_statement(&draw.enrolment_statement());
        assert_silent(&format!("{:?}", enrolment::v1::EnrolmentStatement::decode(&bytes[..]).unwrap()));
        let bytes = encode_authentication_statement(&draw.authentication_statement());
        let wire = authentication::v1::AuthenticationStatement::decode(&bytes[..]).unwrap();
        let text = format!("{wire:?}");
        assert!(!text.contains("token") && !text.contains("reason"), "{text}");
    }
}

#[test]
fn envelopes_and_cases_show_shapes_only() {
    let payload = format!("{NAME} {DATE} {}", NUMBERS[0]).into_bytes();
    let shown = format!("{:?}", payload);
    let wire = envelope::v1::Envelope { payload, payload_type: String::new(), signatures: Vec::new() };
    let text = format!("{wire:?}");
    assert!(!text.contains(&shown[1..20]), "{text}");

    let person = person::v1::Demographics { name: NAME.into(), date_of_birth: DATE.into(), gender: 1 };
    let case = registry::v1::Case {
        applicant: Some(person.clone()),
        candidates: vec![registry::v1::CaseCandidate {
            demographics: Some(person),
            ..registry::v1::CaseCandidate::default()
        }],
        decided: Some(registry::v1::CaseVerdict {
            reason: format!("{NAME} is another person"),
            ..registry::v1::CaseVerdict::default()
        }),
        ..registry::v1::Case::default()
    };
    assert_silent(&format!("{case:?}"));
}
