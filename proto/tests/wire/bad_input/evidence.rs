use plinth_identity::authentication::{AuthenticationRequest, OtpRequest, Verdict};
use plinth_identity::reason::Reason;
use plinth_identity::statement::{AuthenticationStatement, OtpStatement};
use plinth_proto::authentication::v1;
use plinth_proto::convert::authentication::{encode_authentication_request, encode_authentication_statement};
use plinth_proto::convert::otp::{encode_otp_request, encode_otp_statement};
use plinth_proto::person;
use prost::Message;

use super::{malformed, refused};
use crate::draw::{Draw, NUMBERS};

type Spoil = fn(&mut v1::AuthenticationRequest);

/// The field and the reason that a spoilt authentication request is refused for.
fn refused_for(spoil: impl FnOnce(&mut v1::AuthenticationRequest)) -> (String, Reason) {
    let bytes = encode_authentication_request(&Draw::new(5).authentication_request());
    refused::<v1::AuthenticationRequest, AuthenticationRequest>(&bytes, spoil)
}

fn claim(wire: &mut v1::AuthenticationRequest) -> &mut v1::DemographicClaim {
    wire.claim.insert(v1::DemographicClaim::default())
}

fn iris(eye: i32, bytes: usize) -> person::v1::IrisSample {
    person::v1::IrisSample { eye, template: vec![7; bytes] }
}

fn face(bytes: usize) -> person::v1::FaceSample {
    person::v1::FaceSample { template: vec![7; bytes] }
}

fn delivered(transaction: usize, code: &str) -> v1::OneTimeCode {
    let delivered = v1::DeliveredCode { transaction: vec![7; transaction], code: code.to_owned() };
    v1::OneTimeCode { kind: Some(v1::one_time_code::Kind::Delivered(delivered)) }
}

fn totp(code: &str) -> v1::OneTimeCode {
    v1::OneTimeCode { kind: Some(v1::one_time_code::Kind::Totp(code.to_owned())) }
}

#[test]
fn every_field_of_an_authentication_is_named_when_it_is_wrong() {
    let spoils: [(&str, Reason, Spoil); 12] = [
        ("header", Reason::Malformed, |wire| wire.header = None),
        ("number", Reason::Malformed, |wire| wire.number.clear()),
        ("number", Reason::Malformed, |wire| wire.number = "234567890125".to_owned()),
        ("number", Reason::Malformed, |wire| wire.number = "134567890125".to_owned()),
        ("number", Reason::Malformed, |wire| wire.number = "23456789012".to_owned()),
        ("number", Reason::Malformed, |wire| wire.number = "2".repeat(1 << 16)),
        ("number", Reason::InvalidVirtualNumber, |wire| wire.number = "2345678901234566".to_owned()),
        ("declared[0]", Reason::Malformed, |wire| wire.declared = vec![0]),
        ("declared[0]", Reason::Malformed, |wire| wire.declared = vec![12]),
        ("declared[1]", Reason::Malformed, |wire| wire.declared = vec![1, 1]),
        ("declared", Reason::Declaration, |wire| wire.declared.clear()),
        ("fingers[0].record", Reason::Malformed, |wire| {
            wire.fingers = vec![person::v1::FingerSample { position: 1, record: vec![0; 30] }];
        }),
    ];
    for (field, reason, spoil) in spoils {
        assert_eq!(refused_for(spoil), (field.to_owned(), reason));
    }
}

#[test]
fn every_field_of_a_claim_is_named_when_it_is_wrong() {
    let spoils: [(&str, Reason, Spoil); 14] = [
        ("claim.name", Reason::Malformed, |wire| claim(wire).name = Some(String::new())),
        ("claim.name", Reason::Malformed, |wire| claim(wire).name = Some("a".repeat(201))),
        ("claim.date_of_birth", Reason::BadDate, |wire| {
            claim(wire).date_of_birth = Some("2001-13-01".to_owned());
        }),
        ("claim.date_of_birth", Reason::BadDate, |wire| claim(wire).date_of_birth = Some("90".to_owned())),
        ("claim.gender", Reason::Malformed, |wire| claim(wire).gender = 9),
        ("claim.minimum_age", Reason::Malformed, |wire| claim(wire).minimum_age = Some(0)),
        ("claim.minimum_age", Reason::Malformed, |wire| claim(wire).minimum_age = Some(151)),
        ("claim.minimum_age", Reason::Malformed, |wire| claim(wire).minimum_age = Some(256 + 18)),
        ("claim.phone", Reason::Malformed, |wire| claim(wire).phone = Some("98765 43210".to_owned())),
        ("claim.phone", Reason::Malformed, |wire| claim(wire).phone = Some("+9".repeat(1 << 16))),
        ("claim.email", Reason::Malformed, |wire| claim(wire).email = Some("a@b@example.org".to_owned())),
        ("claim.email", Reason::Malformed, |wire| {
            claim(wire).email = Some(format!("a@{}.org", "b".repeat(1 << 16)));
        }),
        ("claim.full_address", Reason::Malformed, |wire| claim(wire).full_address = Some("a".repeat(501))),
        ("claim.full_address", Reason::Malformed, |wire| claim(wire).full_address = Some(String::new())),
    ];
    for (field, reason, spoil) in spoils {
        assert_eq!(refused_for(spoil), (field.to_owned(), reason));
    }
}

#[test]
fn every_part_of_an_address_is_named_when_it_is_wrong() {
    type SpoilPart = fn(&mut person::v1::Address) -> &mut String;
    let parts: [(&str, SpoilPart); 9] = [
        ("care_of", |address| &mut address.care_of),
        ("house", |address| &mut address.house),
        ("street", |address| &mut address.street),
        ("landmark", |address| &mut address.landmark),
        ("locality", |address| &mut address.locality),
        ("district", |address| &mut address.district),
        ("state", |address| &mut address.state),
        ("postcode", |address| &mut address.postcode),
        ("country", |address| &mut address.country),
    ];
    for (part, place) in parts {
        for bad in ["a".repeat(101), "a\nb".to_owned()] {
            let mut address = person::v1::Address { street: "Lake Road".to_owned(), ..Default::default() };
            *place(&mut address) = bad;
            let refused = refused_for(|wire| claim(wire).address = Some(address));
            assert_eq!(refused, malformed(&format!("claim.address.{part}")));
        }
    }
    let nowhere = person::v1::Address { country: "India".to_owned(), ..Default::default() };
    assert_eq!(refused_for(|wire| claim(wire).address = Some(nowhere)), malformed("claim.address"));
}

#[test]
fn how_a_text_is_compared_fits_the_text() {
    let (exact, partial) = (1, 2);
    let name = |strategy, value| {
        refused_for(|wire| {
            let claim = claim(wire);
            (claim.name, claim.name_strategy, claim.name_match_value) =
                (Some("Asha".to_owned()), strategy, value);
        })
    };
    let bad = |field: &str| (field.to_owned(), Reason::BadMatchValue);
    assert_eq!(name(3, 0), malformed("claim.name_strategy"));
    assert_eq!(name(0, 1), bad("claim.name_match_value"));
    assert_eq!(name(exact, 100), bad("claim.name_match_value"));
    assert_eq!(name(partial, 101), bad("claim.name_match_value"));
    assert_eq!(name(partial, u32::MAX), bad("claim.name_match_value"));
    let address = |strategy, value| {
        refused_for(|wire| {
            let claim = claim(wire);
            (claim.full_address, claim.full_address_strategy, claim.full_address_match_value) =
                (Some("12 Lake Road".to_owned()), strategy, value);
        })
    };
    assert_eq!(address(-1, 0), malformed("claim.full_address_strategy"));
    assert_eq!(address(0, 50), bad("claim.full_address_match_value"));
    assert_eq!(address(partial, 101), bad("claim.full_address_match_value"));
    let nothing: [(&str, Reason, Spoil); 4] = [
        ("claim.name_strategy", Reason::Malformed, |wire| claim(wire).name_strategy = 1),
        ("claim.name_match_value", Reason::BadMatchValue, |wire| claim(wire).name_match_value = 1),
        ("claim.full_address_strategy", Reason::Malformed, |wire| claim(wire).full_address_strategy = 2),
        ("claim.full_address_match_value", Reason::BadMatchValue, |wire| {
            claim(wire).full_address_match_value = 1;
        }),
    ];
    for (field, reason, spoil) in nothing {
        assert_eq!(refused_for(spoil), (field.to_owned(), reason));
    }
}

#[test]
fn a_partial_comparison_without_a_match_value_is_of_all_words() {
    use plinth_identity::demographics::{MatchValue, Strategy};
    let bytes = encode_authentication_request(&Draw::new(5).authentication_request());
    let mut wire = v1::AuthenticationRequest::decode(&bytes[..]).unwrap();
    let claim = claim(&mut wire);
    (claim.name, claim.name_strategy) = (Some("Asha".to_owned()), 2);
    (wire.fingers, wire.one_time_code, wire.declared) = (Vec::new(), None, vec![2]);
    let request = AuthenticationRequest::try_from(wire).unwrap();
    assert!(request.evidence.claim.name.unwrap().strategy == Strategy::Partial(MatchValue::ALL));
}

#[test]
fn an_address_is_given_in_one_way_only() {
    let both = refused_for(|wire| {
        let address = person::v1::Address { street: "Lake Road".to_owned(), ..Default::default() };
        (claim(wire).address, wire.claim.as_mut().unwrap().full_address) =
            (Some(address), Some("12 Lake Road".to_owned()));
    });
    assert_eq!(both, ("claim.full_address".to_owned(), Reason::BothAddresses));
}

#[test]
fn a_code_is_six_digits_of_one_kind() {
    let refused = |code: v1::OneTimeCode| refused_for(|wire| wire.one_time_code = Some(code));
    assert_eq!(refused(v1::OneTimeCode { kind: None }), malformed("one_time_code.kind"));
    for bad in ["", "12345", "1234567", "12345a", "１２３４５６", "12 456"] {
        assert_eq!(refused(totp(bad)), malformed("one_time_code.totp"));
        assert_eq!(refused(delivered(16, bad)), malformed("one_time_code.delivered.code"));
    }
    assert_eq!(refused(delivered(15, "123456")), malformed("one_time_code.delivered.transaction"));
    assert_eq!(refused(delivered(0, "123456")), malformed("one_time_code.delivered.transaction"));
}

#[test]
fn irises_and_faces_are_checked_before_they_are_dropped() {
    let spoils: [(&str, Reason, Spoil); 12] = [
        ("irises[0].template", Reason::Malformed, |wire| wire.irises = vec![iris(1, 0)]),
        ("irises[1].template", Reason::Malformed, |wire| wire.irises = vec![iris(1, 1), iris(2, 65_537)]),
        ("irises[0].eye", Reason::Malformed, |wire| wire.irises = vec![iris(3, 1)]),
        ("irises[1].eye", Reason::SameIrisTwice, |wire| wire.irises = vec![iris(2, 1), iris(2, 1)]),
        ("irises", Reason::TooManyIrises, |wire| wire.irises = vec![iris(0, 1), iris(1, 1), iris(2, 1)]),
        ("faces[0].template", Reason::Malformed, |wire| wire.faces = vec![face(0)]),
        ("faces[0].template", Reason::Malformed, |wire| wire.faces = vec![face(65_537)]),
        ("faces", Reason::TooManyFaces, |wire| wire.faces = vec![face(1), face(1)]),
        ("declared", Reason::Declaration, |wire| wire.irises = vec![iris(0, 1)]),
        ("declared", Reason::Declaration, |wire| wire.faces = vec![face(1)]),
        ("declared", Reason::Declaration, |wire| wire.declared = vec![10]),
        ("faces", Reason::FaceAlone, |wire| {
            (wire.claim, wire.fingers, wire.one_time_code) = (None, Vec::new(), None);
            (wire.faces, wire.declared) = (vec![face(1)], vec![11]);
        }),
    ];
    for (field, reason, spoil) in spoils {
        assert_eq!(refused_for(spoil), (field.to_owned(), reason));
    }
    let bytes = encode_authentication_request(&Draw::new(5).authentication_request());
    let mut wire = v1::AuthenticationRequest::decode(&bytes[..]).unwrap();
    (wire.claim, wire.fingers, wire.one_time_code) = (None, Vec::new(), None);
    (wire.irises, wire.faces) = (vec![iris(1, 65_536), iris(2, 1)], vec![face(65_536)]);
    wire.declared = vec![10, 11];
    let request = AuthenticationRequest::try_from(wire).unwrap();
    assert_eq!((request.evidence.irises, request.evidence.faces), (2, 1));
}

#[test]
fn too_little_evidence_is_refused() {
    let nothing = |claim: v1::DemographicClaim, declared: Vec<i32>| {
        refused_for(|wire| {
            (wire.claim, wire.fingers, wire.one_time_code) = (Some(claim), Vec::new(), None);
            wire.declared = declared;
        })
    };
    let no_factor = ("declared".to_owned(), Reason::NoFactor);
    assert_eq!(nothing(v1::DemographicClaim::default(), Vec::new()), no_factor);
    let weak = v1::DemographicClaim {
        date_of_birth: Some("1990".to_owned()),
        gender: 1,
        minimum_age: Some(18),
        ..Default::default()
    };
    assert_eq!(nothing(weak, vec![3, 4, 5]), no_factor);
}

#[test]
fn a_request_for_a_code_names_the_field_at_fault() {
    type Spoil = fn(&mut v1::OtpRequest);
    let spoils: [(&str, Spoil); 6] = [
        ("header", |wire| wire.header = None),
        ("number", |wire| wire.number = NUMBERS[0][1..].to_owned()),
        ("channels", |wire| wire.channels.clear()),
        ("channels[0]", |wire| wire.channels = vec![0]),
        ("channels[1]", |wire| wire.channels = vec![2, 3]),
        ("channels[1]", |wire| wire.channels = vec![1, 1]),
    ];
    let bytes = encode_otp_request(&Draw::new(5).otp_request());
    for (field, spoil) in spoils {
        assert_eq!(refused::<v1::OtpRequest, OtpRequest>(&bytes, spoil), malformed(field));
    }
    type SpoilAnswer = fn(&mut v1::OtpStatement);
    let spoils: [(&str, SpoilAnswer); 3] = [
        ("header", |wire| wire.header = None),
        ("relying_party", |wire| wire.relying_party = "A".to_owned()),
        ("transaction", |wire| wire.transaction.truncate(15)),
    ];
    let bytes = encode_otp_statement(&Draw::new(5).otp_statement());
    for (field, spoil) in spoils {
        assert_eq!(refused::<v1::OtpStatement, OtpStatement>(&bytes, spoil), malformed(field));
    }
}

#[test]
fn an_answer_that_contradicts_itself_is_refused() {
    type Wire = v1::AuthenticationStatement;
    type SpoilAnswer = fn(&mut Wire);
    let spoils: [(&str, SpoilAnswer); 7] = [
        ("verdict", |wire| wire.verdict = 0),
        ("token", |wire| (wire.verdict, wire.reason, wire.token) = (1, None, vec![0; 31])),
        ("reason", |wire| (wire.verdict, wire.reason, wire.token) = (1, Some(300), vec![0; 32])),
        ("reason", |wire| (wire.verdict, wire.reason, wire.token) = (1, Some(0), vec![0; 32])),
        ("token", |wire| (wire.verdict, wire.reason, wire.token) = (2, None, vec![0; 32])),
        ("header.log_position", |wire| wire.header.as_mut().unwrap().log_position = 0),
        ("header.log_salt", |wire| wire.header.as_mut().unwrap().log_salt.clear()),
    ];
    let bytes = encode_authentication_statement(&Draw::new(9).authentication_statement());
    for (field, spoil) in spoils {
        assert_eq!(refused::<Wire, AuthenticationStatement>(&bytes, spoil), malformed(field));
    }
}

#[test]
fn a_no_stands_even_when_its_reason_is_of_a_newer_version_or_absent() {
    let bytes = encode_authentication_statement(&Draw::new(9).authentication_statement());
    for reason in [Some(65_535), Some(65_536), Some(0), None] {
        let mut wire = v1::AuthenticationStatement::decode(&bytes[..]).unwrap();
        (wire.verdict, wire.reason, wire.token) = (2, reason, Vec::new());
        let statement = AuthenticationStatement::try_from(wire).unwrap();
        assert_eq!((statement.verdict, statement.reason), (Verdict::No, None));
    }
}
