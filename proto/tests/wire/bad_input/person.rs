use plinth_identity::authentication::PersonRequest;
use plinth_identity::reason::Reason;
use plinth_identity::statement::PersonStatement;
use plinth_proto::authentication::v1;
use plinth_proto::convert::personal_data::{
    decode_person_attributes, encode_person_request, encode_person_statement,
};
use prost::Message;

use super::{malformed, refused};
use crate::draw::Draw;

#[test]
fn a_request_for_attributes_names_the_field_at_fault() {
    type Wire = v1::PersonRequest;
    type Spoil = fn(&mut Wire);
    fn evidence(wire: &mut Wire) -> &mut v1::Presentation {
        wire.evidence.as_mut().unwrap()
    }
    fn consent(wire: &mut Wire) -> &mut v1::Consent {
        wire.consent.as_mut().unwrap()
    }
    let spoils: [(&str, Reason, Spoil); 17] = [
        ("header", Reason::Malformed, |wire| wire.header = None),
        ("number", Reason::InvalidVirtualNumber, |wire| wire.number = "2345678901234566".to_owned()),
        ("evidence", Reason::Malformed, |wire| wire.evidence = None),
        ("evidence.claim.gender", Reason::Malformed, |wire| {
            evidence(wire).claim.get_or_insert_default().gender = 9;
        }),
        ("evidence.one_time_code.kind", Reason::Malformed, |wire| {
            evidence(wire).one_time_code = Some(v1::OneTimeCode { kind: None });
        }),
        ("evidence.declared[0]", Reason::Malformed, |wire| evidence(wire).declared = vec![0]),
        ("evidence.declared", Reason::Declaration, |wire| evidence(wire).declared.clear()),
        ("evidence.declared", Reason::StrongFactorRequired, |wire| {
            let claim = v1::DemographicClaim { name: Some("Asha".to_owned()), ..Default::default() };
            *evidence(wire) =
                v1::Presentation { claim: Some(claim), declared: vec![2], ..Default::default() };
        }),
        ("attributes", Reason::Malformed, |wire| wire.attributes.clear()),
        ("attributes[0]", Reason::Malformed, |wire| wire.attributes = vec![0]),
        ("attributes[1]", Reason::Malformed, |wire| wire.attributes = vec![1, 1]),
        ("consent.text", Reason::ConsentMissing, |wire| wire.consent = None),
        ("consent.text", Reason::ConsentMissing, |wire| consent(wire).text.clear()),
        ("consent.text", Reason::ConsentMissing, |wire| consent(wire).text = "\n ".to_owned()),
        ("consent.text", Reason::Malformed, |wire| consent(wire).text = "x".repeat(1_001)),
        ("consent.text", Reason::Malformed, |wire| consent(wire).text = "a\u{1b}[2J".to_owned()),
        ("consent.given_at_ms", Reason::ConsentMissing, |wire| consent(wire).given_at_ms = u64::MAX),
    ];
    let bytes = encode_person_request(&Draw::new(5).person_request());
    for (field, reason, spoil) in spoils {
        assert_eq!(refused::<Wire, PersonRequest>(&bytes, spoil), (field.to_owned(), reason));
    }
}

#[test]
fn an_answer_about_attributes_that_contradicts_itself_is_refused() {
    type Wire = v1::PersonStatement;
    type Spoil = fn(&mut Wire);
    fn sealed(encapsulated: usize, ciphertext: usize) -> Option<v1::SealedAttributes> {
        let (encapsulated, ciphertext) = (vec![1; encapsulated], vec![1; ciphertext]);
        Some(v1::SealedAttributes { encapsulated, ciphertext })
    }
    let spoils: [(&str, Spoil); 12] = [
        ("verdict", |wire| wire.verdict = 3),
        ("sealed", |wire| (wire.verdict, wire.sealed) = (1, None)),
        ("sealed", |wire| (wire.verdict, wire.sealed) = (2, sealed(32, 16))),
        ("sealed.encapsulated", |wire| (wire.verdict, wire.sealed) = (1, sealed(31, 16))),
        ("sealed.ciphertext", |wire| (wire.verdict, wire.sealed) = (1, sealed(32, 15))),
        ("sealed.ciphertext", |wire| (wire.verdict, wire.sealed) = (1, sealed(32, 65_537))),
        ("attributes", |wire| (wire.verdict, wire.sealed, wire.attributes) = (2, None, vec![1])),
        ("attributes[0]", |wire| wire.attributes = vec![7]),
        ("reason", |wire| (wire.verdict, wire.sealed, wire.reason) = (1, sealed(32, 16), Some(100))),
        ("token", |wire| {
            (wire.verdict, wire.sealed, wire.reason, wire.token) = (1, sealed(32, 16), None, vec![1; 33]);
        }),
        ("token", |wire| {
            (wire.verdict, wire.sealed, wire.attributes, wire.token) = (2, None, Vec::new(), vec![1; 32]);
        }),
        ("relying_party", |wire| wire.relying_party.clear()),
    ];
    let bytes = encode_person_statement(&Draw::new(9).person_statement());
    for (field, spoil) in spoils {
        assert_eq!(refused::<Wire, PersonStatement>(&bytes, spoil), malformed(field));
    }
}

#[test]
fn what_was_sealed_is_parsed_like_everything_else() {
    let refused = |wire: v1::PersonAttributes| {
        let violation = decode_person_attributes(&wire.encode_to_vec()).unwrap_err();
        (violation.field, violation.reason)
    };
    let bad = || Some("\u{0}".to_owned());
    let wire = || v1::PersonAttributes::default();
    assert_eq!(refused(v1::PersonAttributes { name: bad(), ..wire() }), malformed("name"));
    let date = ("date_of_birth".to_owned(), Reason::BadDate);
    assert_eq!(refused(v1::PersonAttributes { date_of_birth: bad(), ..wire() }), date);
    assert_eq!(refused(v1::PersonAttributes { gender: 4, ..wire() }), malformed("gender"));
    assert_eq!(refused(v1::PersonAttributes { phone: bad(), ..wire() }), malformed("phone"));
    assert_eq!(refused(v1::PersonAttributes { email: bad(), ..wire() }), malformed("email"));
    let address = Some(plinth_proto::person::v1::Address::default());
    assert_eq!(refused(v1::PersonAttributes { address, ..wire() }), malformed("address"));
    assert_eq!(decode_person_attributes(&[0xff; 9]).unwrap_err().field, "sealed");
}
