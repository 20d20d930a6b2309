//! Bad input gets an error that names the field, and never a panic.

mod capture;
mod evidence;
mod party;
mod person;
mod resident;

use plinth_identity::application::Application;
use plinth_identity::authentication::{AuthenticationRequest, OtpRequest, PersonRequest, ResidentRequest};
use plinth_identity::dsse::{Envelope, SigningKey};
use plinth_identity::field::FieldViolation;
use plinth_identity::party::Attribute;
use plinth_identity::reason::Reason;
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentStatement, OtpStatement, PersonStatement, RegistryStatement,
    ResidentStatement, ServiceInfo,
};
use plinth_proto::convert::authentication::{encode_authentication_request, encode_authentication_statement};
use plinth_proto::convert::enrolment::{
    EnrolmentQuery, decode_enrolment_request, encode_enrolment_query, encode_enrolment_request,
    encode_enrolment_statement,
};
use plinth_proto::convert::envelope::{MAX_PAYLOAD_BYTES, MAX_PAYLOAD_TYPE_BYTES, required};
use plinth_proto::convert::evidence::encode_service_info;
use plinth_proto::convert::otp::{encode_otp_request, encode_otp_statement};
use plinth_proto::convert::personal_data::{
    decode_person_attributes, encode_person_attributes, encode_person_request, encode_person_statement,
};
use plinth_proto::convert::registry::{
    RegistryOrder, RegistryQuery, decode_case_decision, encode_case_decision, encode_registry_change,
    encode_registry_query, encode_registry_statement,
};
use plinth_proto::convert::resident::{encode_resident_request, encode_resident_statement};
use plinth_proto::convert::{Page, request_header};
use plinth_proto::{
    authentication, enrolment, envelope, person as person_wire, registry, resident as resident_wire,
};
use prost::Message;

use crate::draw::{Draw, verified};

/// Decodes `bytes` as `W`, spoils it, and returns the field that the domain type refuses, with the reason.
fn refused<W, D>(bytes: &[u8], spoil: impl FnOnce(&mut W)) -> (String, Reason)
where
    W: Message + Default + TryInto<D, Error = FieldViolation>,
{
    let mut wire = W::decode(bytes).unwrap();
    spoil(&mut wire);
    let violation = wire.try_into().map(|_: D| ()).unwrap_err();
    assert!(!violation.description.is_empty());
    (violation.field, violation.reason)
}

fn malformed(field: &str) -> (String, Reason) {
    (field.to_owned(), Reason::Malformed)
}

#[test]
fn an_envelope_has_one_signature_and_sizes_within_limits() {
    let sound =
        || envelope::v1::Envelope::from(SigningKey::from_seed([1; 32]).sign("application/test", vec![1]));
    let refused = |spoil: fn(&mut envelope::v1::Envelope)| {
        let mut wire = sound();
        spoil(&mut wire);
        let violation = required(Some(wire), "envelope").unwrap_err();
        (violation.field, violation.reason)
    };
    assert!(Envelope::try_from(sound()).is_ok());
    assert_eq!(required(None, "envelope").unwrap_err().field, "envelope");
    assert_eq!(refused(|wire| wire.signatures.clear()), malformed("envelope.signatures"));
    assert_eq!(
        refused(|wire| wire.signatures.push(wire.signatures[0].clone())),
        malformed("envelope.signatures")
    );
    assert_eq!(refused(|wire| wire.signatures[0].sig.truncate(63)), malformed("envelope.signatures[0].sig"));
    assert_eq!(refused(|wire| wire.signatures[0].sig.push(0)), malformed("envelope.signatures[0].sig"));
    for keyid in ["AA".repeat(32), "aa".repeat(31), "zz".repeat(32)] {
        let mut wire = sound();
        wire.signatures[0].keyid = keyid;
        assert_eq!(Envelope::try_from(wire).unwrap_err().field, "signatures[0].keyid");
    }
    assert_eq!(refused(|wire| wire.payload_type.clear()), malformed("envelope.payload_type"));
    assert_eq!(refused(|wire| wire.payload_type.push(' ')), malformed("envelope.payload_type"));
    assert_eq!(
        refused(|wire| wire.payload_type = "a".repeat(MAX_PAYLOAD_TYPE_BYTES + 1)),
        malformed("envelope.payload_type")
    );
    let too_large = ("envelope.payload".to_owned(), Reason::TooLarge);
    assert_eq!(refused(|wire| wire.payload = vec![0; MAX_PAYLOAD_BYTES + 1]), too_large);
}

#[test]
fn the_largest_envelope_and_one_without_a_hint_are_taken() {
    let mut wire =
        envelope::v1::Envelope::from(SigningKey::from_seed([1; 32]).sign("application/test", vec![1]));
    wire.payload = vec![0; MAX_PAYLOAD_BYTES];
    wire.payload_type = "a".repeat(MAX_PAYLOAD_TYPE_BYTES);
    wire.signatures[0].keyid.clear();
    assert!(Envelope::try_from(wire).unwrap().key_id().is_none());
}

#[test]
fn every_field_of_a_request_header_is_named_when_it_is_wrong() {
    type Spoil = fn(&mut envelope::v1::RequestHeader);
    let spoils: [(&str, Spoil); 12] = [
        ("header.audience", |header| header.audience = "AA".repeat(16)),
        ("header.audience", |header| header.audience.truncate(30)),
        ("header.party", |header| header.party.clear()),
        ("header.party", |header| header.party = "Post Office".to_owned()),
        ("header.purpose", |header| header.purpose = "x".repeat(65)),
        ("header.purpose", |header| header.purpose = "a\nb".to_owned()),
        ("header.request_id", |header| header.request_id.truncate(15)),
        ("header.request_id", |header| header.request_id.clear()),
        ("header.nonce", |header| header.nonce.push(0)),
        ("header.not_after_ms", |header| header.not_after_ms = header.issued_at_ms),
        ("header.not_after_ms", |header| header.issued_at_ms = u64::MAX),
        ("header.not_after_ms", |header| header.not_after_ms = u64::MAX),
    ];
    let bytes = encode_enrolment_request(&Draw::new(3).application());
    for (field, spoil) in spoils {
        let spoiled = refused::<enrolment::v1::EnrolmentRequest, Application>(&bytes, |wire| {
            spoil(wire.header.as_mut().unwrap());
        });
        assert_eq!(spoiled, malformed(field));
    }
    assert_eq!(request_header(None).unwrap_err().field, "header");
}

#[test]
fn every_field_of_an_enrolment_is_named_when_it_is_wrong() {
    type Spoil = fn(&mut enrolment::v1::EnrolmentRequest);
    fn person(wire: &mut enrolment::v1::EnrolmentRequest) -> &mut person_wire::v1::Demographics {
        wire.demographics.as_mut().unwrap()
    }
    let spoils: [(&str, Reason, Spoil); 17] = [
        ("header", Reason::Malformed, |wire| wire.header = None),
        ("demographics", Reason::Malformed, |wire| wire.demographics = None),
        ("demographics.name", Reason::Malformed, |wire| person(wire).name.clear()),
        ("demographics.name", Reason::Malformed, |wire| person(wire).name = "a".repeat(201)),
        ("demographics.name", Reason::Malformed, |wire| person(wire).name = "12 34".to_owned()),
        ("demographics.date_of_birth", Reason::BadDate, |wire| {
            person(wire).date_of_birth = "2001-02-29".to_owned();
        }),
        ("demographics.date_of_birth", Reason::BadDate, |wire| {
            person(wire).date_of_birth = "1.2.2001".to_owned()
        }),
        ("demographics.date_of_birth", Reason::BadDate, |wire| {
            person(wire).date_of_birth = "9999-12-31".to_owned();
        }),
        ("demographics.gender", Reason::Malformed, |wire| person(wire).gender = 0),
        ("demographics.gender", Reason::Malformed, |wire| person(wire).gender = 4),
        ("fingers", Reason::Malformed, |wire| wire.fingers.clear()),
        ("fingers[0].position", Reason::Malformed, |wire| wire.fingers[0].position = 11),
        ("fingers[0].position", Reason::Malformed, |wire| wire.fingers[0].position = -1),
        ("fingers[0].record", Reason::Malformed, |wire| wire.fingers[0].record.truncate(30)),
        ("fingers[0].record", Reason::Malformed, |wire| wire.fingers[0].record = vec![0; 1 << 17]),
        ("station", Reason::Malformed, |wire| wire.station = "s".repeat(33)),
        ("operator", Reason::Malformed, |wire| wire.operator = "a\u{7}".to_owned()),
    ];
    let bytes = encode_enrolment_request(&Draw::new(3).application());
    for (field, reason, spoil) in spoils {
        let spoiled = refused::<enrolment::v1::EnrolmentRequest, Application>(&bytes, spoil);
        assert_eq!(spoiled, (field.to_owned(), reason));
    }
}

#[test]
fn a_finger_is_enrolled_once_and_ten_are_enough() {
    let bytes = encode_enrolment_request(&Draw::new(3).application());
    let refused = |fingers: Vec<person_wire::v1::FingerSample>| {
        refused::<enrolment::v1::EnrolmentRequest, Application>(&bytes, |wire| wire.fingers = fingers)
    };
    let mut draw = Draw::new(4);
    let mut finger = |position: u8, own: u8| person_wire::v1::FingerSample {
        position: position.into(),
        record: draw.record(own),
    };
    let twice = vec![finger(1, 1), finger(1, 1)];
    assert_eq!(refused(twice), ("fingers[1].position".to_owned(), Reason::SameFingerTwice));
    let same = finger(0, 0);
    let content = vec![same.clone(), same];
    assert_eq!(refused(content), ("fingers[1].record".to_owned(), Reason::SameFingerTwice));
    let eleven = (0..11).map(|_| finger(0, 0)).collect();
    assert_eq!(refused(eleven), ("fingers".to_owned(), Reason::TooManyFingers));
    assert_eq!(refused(vec![finger(2, 1)]), malformed("fingers[0].position"));
}

#[test]
fn a_question_that_asks_nothing_is_refused() {
    let mut draw = Draw::new(7);
    let query = encode_enrolment_query(&draw.enrolment_query());
    let spoiled = refused::<enrolment::v1::EnrolmentQuery, EnrolmentQuery>(&query, |wire| wire.ask = None);
    assert_eq!(spoiled, malformed("ask"));
    let query = encode_registry_query(&draw.registry_query());
    let spoiled = refused::<registry::v1::RegistryQuery, RegistryQuery>(&query, |wire| wire.ask = None);
    assert_eq!(spoiled, malformed("ask"));
    let change = encode_registry_change(&draw.registry_order());
    let spoiled = refused::<registry::v1::RegistryChange, RegistryOrder>(&change, |wire| wire.change = None);
    assert_eq!(spoiled, malformed("change"));
    for directory in [String::new(), "x".repeat(1_025), "a\0b".to_owned()] {
        let spoiled = refused::<registry::v1::RegistryChange, RegistryOrder>(&change, |wire| {
            let order = registry::v1::BackupOrder { directory };
            wire.change = Some(registry::v1::registry_change::Change::Backup(order));
        });
        assert_eq!(spoiled, malformed("backup.directory"));
    }
}

#[test]
fn a_case_decision_says_what_and_why_and_names_no_party() {
    type Spoil = fn(&mut registry::v1::CaseDecision);
    let spoils: [(&str, Spoil); 5] = [
        ("decision", |wire| wire.decision = 0),
        ("reason", |wire| wire.reason.clear()),
        ("reason", |wire| wire.reason = "x".repeat(501)),
        ("reason", |wire| wire.reason = "a\u{1b}[2J".to_owned()),
        ("header.party", |wire| wire.header.as_mut().unwrap().party = "me".to_owned()),
    ];
    let order = Draw::new(8).case_order();
    for (field, spoil) in spoils {
        let mut wire = registry::v1::CaseDecision::decode(&encode_case_decision(&order)[..]).unwrap();
        spoil(&mut wire);
        let refused =
            decode_case_decision(&verified(wire.encode_to_vec()), order.header.party()).unwrap_err();
        assert_eq!((refused.field, refused.reason), malformed(field));
    }
}

#[test]
fn a_statement_that_contradicts_itself_is_refused() {
    use enrolment::v1::EnrolmentStatement as Receipt;
    type SpoilReceipt = fn(&mut Receipt);
    let spoils: [(&str, SpoilReceipt); 9] = [
        ("outcome", |wire| (wire.outcome, wire.number, wire.case_id) = (0, String::new(), 0)),
        ("number", |wire| (wire.outcome, wire.number, wire.case_id) = (1, String::new(), 0)),
        ("number", |wire| (wire.outcome, wire.number, wire.case_id) = (2, "1".to_owned(), 0)),
        ("case_id", |wire| (wire.outcome, wire.number, wire.case_id) = (3, String::new(), 0)),
        ("case_id", |wire| (wire.outcome, wire.number, wire.case_id) = (4, String::new(), 1)),
        ("fingers", |wire| wire.fingers = 11),
        ("duplicate_fmr", |wire| wire.duplicate_fmr = f64::NAN),
        ("adjudicate_fmr", |wire| wire.adjudicate_fmr = -1e-9),
        ("target_fpir", |wire| wire.target_fpir = 1.001),
    ];
    let bytes = encode_enrolment_statement(&Draw::new(9).enrolment_statement());
    for (field, spoil) in spoils {
        assert_eq!(refused::<Receipt, EnrolmentStatement>(&bytes, spoil), malformed(field));
    }
}

#[test]
fn a_service_description_names_sound_keys_of_consecutive_epochs() {
    use plinth_proto::evidence::v1::ServiceInfo as Wire;
    type Spoil = fn(&mut Wire);
    let spoils: [(&str, Spoil); 9] = [
        ("keys", |wire| wire.keys.clear()),
        ("keys", |wire| wire.keys = vec![wire.keys[0].clone(); 65]),
        ("keys[0].epoch", |wire| wire.keys[0].epoch += 1),
        ("keys[0].key", |wire| wire.keys[0].key = vec![0; 32]),
        ("keys[0].keyid", |wire| wire.keys[0].keyid.clear()),
        ("limits", |wire| wire.limits = None),
        ("delivery_key", |wire| wire.delivery_key.clear()),
        ("delivery_key", |wire| wire.delivery_key = vec![0; 32]),
        ("version", |wire| wire.version = "1\u{1b}".to_owned()),
    ];
    let bytes = encode_service_info(&Draw::new(10).service_info());
    for (field, spoil) in spoils {
        assert_eq!(refused::<Wire, ServiceInfo>(&bytes, spoil), malformed(field));
    }
}

#[test]
fn a_page_keeps_within_its_limits() {
    assert_eq!(Page::new(0, "").unwrap().size(), Page::DEFAULT_SIZE);
    assert_eq!(Page::new(u32::MAX, "").unwrap().size(), Page::MAX_SIZE);
    assert_eq!(Page::new(7, "token").unwrap().token(), "token");
    assert_eq!(Page::new(7, &"t".repeat(257)).unwrap_err().field, "page_token");
}

#[test]
fn bytes_of_another_message_are_named_as_such() {
    let refused = decode_enrolment_request(&verified(vec![0xff; 40])).unwrap_err();
    assert_eq!((refused.field, refused.reason), malformed("payload"));
}

/// Changes one to four bytes of `bytes` or cuts them, and parses what is left, if it is a message at all.
fn survives<W, D>(draw: &mut Draw, mut bytes: Vec<u8>)
where
    W: Message + Default + TryInto<D, Error = FieldViolation>,
{
    for _ in 0..=draw.below(4) {
        let place = draw.below(bytes.len());
        bytes[place] = draw.byte();
    }
    bytes.truncate(bytes.len() - draw.below(3));
    if let Ok(wire) = W::decode(&bytes[..]) {
        let refused = wire.try_into().map(|_: D| ());
        assert!(refused.is_ok() || !refused.unwrap_err().field.is_empty(), "a refusal names its field");
    }
}

#[test]
fn altered_bytes_never_panic() {
    for seed in 0..400 {
        let draw = &mut Draw::new(seed);
        let bytes = encode_enrolment_request(&draw.application());
        survives::<enrolment::v1::EnrolmentRequest, Application>(draw, bytes);
        let bytes = encode_enrolment_statement(&draw.enrolment_statement());
        survives::<enrolment::v1::EnrolmentStatement, EnrolmentStatement>(draw, bytes);
        let bytes = encode_enrolment_query(&draw.enrolment_query());
        survives::<enrolment::v1::EnrolmentQuery, EnrolmentQuery>(draw, bytes);
        let bytes = encode_authentication_request(&draw.authentication_request());
        survives::<authentication::v1::AuthenticationRequest, AuthenticationRequest>(draw, bytes);
        let bytes = encode_authentication_statement(&draw.authentication_statement());
        survives::<authentication::v1::AuthenticationStatement, AuthenticationStatement>(draw, bytes);
        let bytes = encode_otp_request(&draw.otp_request());
        survives::<authentication::v1::OtpRequest, OtpRequest>(draw, bytes);
        let bytes = encode_otp_statement(&draw.otp_statement());
        survives::<authentication::v1::OtpStatement, OtpStatement>(draw, bytes);
        let bytes = encode_person_request(&draw.person_request());
        survives::<authentication::v1::PersonRequest, PersonRequest>(draw, bytes);
        let bytes = encode_person_statement(&draw.person_statement());
        survives::<authentication::v1::PersonStatement, PersonStatement>(draw, bytes);
        let bytes = encode_resident_request(&draw.resident_request());
        survives::<resident_wire::v1::ResidentRequest, ResidentRequest>(draw, bytes);
        let bytes = encode_resident_statement(&draw.resident_statement());
        survives::<resident_wire::v1::ResidentStatement, ResidentStatement>(draw, bytes);
        let mut opened =
            encode_person_attributes(&draw.demographics(), draw.attributes().with(Attribute::Name));
        let place = draw.below(opened.len());
        opened[place] = draw.byte();
        let refused = decode_person_attributes(&opened);
        assert!(refused.is_ok() || !refused.unwrap_err().field.is_empty(), "a refusal names its field");
        let bytes = encode_registry_query(&draw.registry_query());
        survives::<registry::v1::RegistryQuery, RegistryQuery>(draw, bytes);
        let bytes = encode_registry_statement(&draw.registry_statement());
        survives::<registry::v1::RegistryStatement, RegistryStatement>(draw, bytes);
    }
    for seed in 0..100 {
        let draw = &mut Draw::new(seed);
        let bytes = encode_registry_change(&draw.registry_order());
        survives::<registry::v1::RegistryChange, RegistryOrder>(draw, bytes);
        let bytes = encode_service_info(&draw.service_info());
        survives::<plinth_proto::evidence::v1::ServiceInfo, ServiceInfo>(draw, bytes);
    }
}
