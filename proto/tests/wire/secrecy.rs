//! What personal data a message holds does not show in its `Debug`, which is what ends in logs.

use plinth_identity::party::AttributeSet;
use plinth_proto::convert::authentication::{encode_authentication_request, encode_authentication_statement};
use plinth_proto::convert::enrolment::{encode_enrolment_request, encode_enrolment_statement};
use plinth_proto::{authentication, enrolment, envelope, person, registry, resident};
use prost::Message;

use crate::draw::{Draw, NUMBERS, VIRTUAL_NUMBERS};

const NAME: &str = "Canary";
const DATE: &str = "1901-02-03";

/// Fails if `text` shows a name, a date, a number, or bytes (a list of numbers as `Debug` prints it).
fn assert_silent(text: &str) {
    for secret in [NAME, DATE].into_iter().chain(NUMBERS).chain(VIRTUAL_NUMBERS) {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.contains("70, 77, 82"), "a finger record shows: {text}");
    assert!(!text.contains("gender"), "{text}");
}

fn address() -> person::v1::Address {
    let part = || NAME.to_owned();
    person::v1::Address {
        care_of: part(),
        house: part(),
        street: part(),
        landmark: part(),
        locality: part(),
        district: part(),
        state: part(),
        postcode: part(),
        country: part(),
    }
}

/// What somebody presents, with a canary in every field that can hold one.
fn presentation(totp: bool) -> authentication::v1::Presentation {
    use authentication::v1::one_time_code::Kind;
    let canary = || Some(NAME.to_owned());
    let claim = authentication::v1::DemographicClaim {
        name: canary(),
        date_of_birth: Some(DATE.to_owned()),
        gender: 1,
        name_strategy: 2,
        name_match_value: 50,
        minimum_age: Some(18),
        phone: canary(),
        email: canary(),
        address: Some(address()),
        full_address: canary(),
        full_address_strategy: 2,
        full_address_match_value: 50,
    };
    let delivered = authentication::v1::DeliveredCode { transaction: vec![1; 16], code: NAME.to_owned() };
    let kind = if totp { Kind::Totp(NAME.to_owned()) } else { Kind::Delivered(delivered) };
    let template = NAME.as_bytes().to_vec();
    authentication::v1::Presentation {
        claim: Some(claim),
        fingers: vec![person::v1::FingerSample { position: 1, record: b"FMR".to_vec() }],
        declared: vec![1, 2],
        one_time_code: Some(authentication::v1::OneTimeCode { kind: Some(kind) }),
        irises: vec![person::v1::IrisSample { eye: 1, template: template.clone() }],
        faces: vec![person::v1::FaceSample { template }],
    }
}

/// Fails if the canary shows as text or as a list of bytes.
fn assert_no_canary(text: &str) {
    assert_silent(text);
    assert!(!text.contains("67, 97, 110, 97"), "a template or a sealed text shows: {text}");
}

#[test]
fn what_is_presented_does_not_show() {
    for totp in [false, true] {
        let evidence = presentation(totp);
        assert_no_canary(&format!("{evidence:?} {:?} {:?}", evidence.irises, evidence.faces));
        let authentication::v1::Presentation { claim, fingers, declared, one_time_code, irises, faces } =
            evidence.clone();
        if let Some(code) = &one_time_code {
            assert_no_canary(&format!("{code:?} {:?}", code.kind));
        }
        let number = VIRTUAL_NUMBERS[0].to_owned();
        let request = authentication::v1::AuthenticationRequest {
            header: None,
            number: number.clone(),
            claim,
            fingers,
            declared,
            one_time_code,
            irises,
            faces,
            buffered: true,
        };
        assert_no_canary(&format!("{request:?}"));
        let request = authentication::v1::OtpRequest { number: number.clone(), ..Default::default() };
        assert_no_canary(&format!("{request:?}"));
        let request = authentication::v1::PersonRequest {
            header: None,
            number: number.clone(),
            evidence: Some(evidence.clone()),
            attributes: vec![1],
            consent: Some(authentication::v1::Consent { text: NAME.to_owned(), given_at_ms: 1 }),
        };
        assert_no_canary(&format!("{request:?} {:?}", request.consent));
        let request = resident::v1::ResidentRequest {
            header: None,
            number,
            evidence: Some(evidence),
            action: Some(resident::v1::resident_request::Action::CreateTotp(resident::v1::TotpOrder {})),
        };
        assert_no_canary(&format!("{request:?}"));
    }
}

#[test]
fn what_is_told_of_a_person_does_not_show() {
    use plinth_proto::convert::personal_data::{decode_person_attributes, encode_person_attributes};
    use resident::v1::resident_statement::Outcome;
    let told = authentication::v1::PersonAttributes {
        name: Some(NAME.to_owned()),
        date_of_birth: Some(DATE.to_owned()),
        gender: 1,
        phone: Some(NAME.to_owned()),
        email: Some(NAME.to_owned()),
        address: Some(address()),
    };
    assert_no_canary(&format!("{told:?} {:?}", told.address));
    let recorded = Draw::new(1).demographics();
    let told = decode_person_attributes(&encode_person_attributes(&recorded, AttributeSet::ALL)).unwrap();
    assert!(!format!("{told:?}").contains(recorded.name.as_str()));

    let statement = authentication::v1::PersonStatement {
        verdict: 1,
        reason: Some(300),
        token: NAME.as_bytes().to_vec(),
        sealed: Some(authentication::v1::SealedAttributes::default()),
        ..Default::default()
    };
    let text = format!("{statement:?}");
    assert_no_canary(&text);
    assert!(!text.contains("token") && !text.contains("reason") && !text.contains("verdict"), "{text}");

    let entry =
        resident::v1::HistoryEntry { purpose: NAME.to_owned(), party: NAME.to_owned(), ..Default::default() };
    let outcomes = [
        Outcome::VirtualNumber(resident::v1::VirtualNumber {
            number: VIRTUAL_NUMBERS[0].to_owned(),
            expires_at_ms: 1,
        }),
        Outcome::Totp(resident::v1::Totp { uri: format!("otpauth://totp/a?secret={NAME}") }),
        Outcome::History(resident::v1::History { entries: vec![entry], next_before: 0 }),
    ];
    for outcome in outcomes {
        match &outcome {
            Outcome::VirtualNumber(inner) => assert_no_canary(&format!("{inner:?}")),
            Outcome::Totp(inner) => assert_no_canary(&format!("{inner:?}")),
            Outcome::History(inner) => assert_no_canary(&format!("{inner:?}")),
            _ => {}
        }
        assert_no_canary(&format!("{outcome:?}"));
        let statement =
            resident::v1::ResidentStatement { verdict: 1, outcome: Some(outcome), ..Default::default() };
        assert_no_canary(&format!("{statement:?}"));
    }
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

    let person = person::v1::Demographics {
        name: NAME.into(),
        date_of_birth: DATE.into(),
        gender: 1,
        phone: Some(NAME.into()),
        email: Some(NAME.into()),
        address: Some(address()),
    };
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
