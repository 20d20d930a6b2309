//! Bad input gets an error that names the field, and never a panic.

use plinth_identity::application::Application;
use plinth_identity::authentication::AuthenticationRequest;
use plinth_identity::dsse::{Envelope, SigningKey};
use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;
use plinth_identity::statement::{
    AuthenticationStatement, EnrolmentStatement, RegistryStatement, ServiceInfo,
};
use plinth_proto::convert::authentication::{encode_authentication_request, encode_authentication_statement};
use plinth_proto::convert::enrolment::{
    EnrolmentQuery, decode_enrolment_request, encode_enrolment_query, encode_enrolment_request,
    encode_enrolment_statement,
};
use plinth_proto::convert::envelope::{MAX_PAYLOAD_BYTES, MAX_PAYLOAD_TYPE_BYTES, required};
use plinth_proto::convert::evidence::encode_service_info;
use plinth_proto::convert::registry::{
    RegistryOrder, RegistryQuery, decode_case_decision, encode_case_decision, encode_registry_change,
    encode_registry_query, encode_registry_statement,
};
use plinth_proto::convert::{Page, request_header};
use plinth_proto::{authentication, enrolment, envelope, evidence, person, registry};
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
    fn person(wire: &mut enrolment::v1::EnrolmentRequest) -> &mut person::v1::Demographics {
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
    let refused = |fingers: Vec<person::v1::FingerSample>| {
        refused::<enrolment::v1::EnrolmentRequest, Application>(&bytes, |wire| wire.fingers = fingers)
    };
    let mut draw = Draw::new(4);
    let mut finger = |position: u8, own: u8| person::v1::FingerSample {
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
fn every_field_of_an_authentication_is_named_when_it_is_wrong() {
    type Spoil = fn(&mut authentication::v1::AuthenticationRequest);
    let spoils: [(&str, Reason, Spoil); 9] = [
        ("number", Reason::Malformed, |wire| wire.number.clear()),
        ("number", Reason::Malformed, |wire| wire.number = "234567890125".to_owned()),
        ("number", Reason::Malformed, |wire| wire.number = "134567890125".to_owned()),
        ("claim.name", Reason::Malformed, |wire| {
            wire.claim.get_or_insert_default().name = Some(String::new())
        }),
        ("claim.date_of_birth", Reason::BadDate, |wire| {
            wire.claim.get_or_insert_default().date_of_birth = Some("2001-13-01".to_owned());
        }),
        ("claim.gender", Reason::Malformed, |wire| wire.claim.get_or_insert_default().gender = 9),
        ("declared[0]", Reason::Malformed, |wire| wire.declared = vec![0]),
        ("declared[1]", Reason::Malformed, |wire| wire.declared = vec![1, 1]),
        ("declared", Reason::Declaration, |wire| wire.declared.clear()),
    ];
    let bytes = encode_authentication_request(&Draw::new(5).authentication_request());
    for (field, reason, spoil) in spoils {
        let spoiled =
            refused::<authentication::v1::AuthenticationRequest, AuthenticationRequest>(&bytes, spoil);
        assert_eq!(spoiled, (field.to_owned(), reason));
    }
    let empty = refused::<authentication::v1::AuthenticationRequest, AuthenticationRequest>(&bytes, |wire| {
        wire.claim = None;
        wire.fingers.clear();
        wire.declared.clear();
    });
    assert_eq!(empty, ("declared".to_owned(), Reason::NoFactor));
}

#[test]
fn a_registration_names_the_field_at_fault() {
    type Spoil = fn(&mut registry::v1::Party);
    let spoils: [(&str, Spoil); 10] = [
        ("register.kind", |party| party.kind = 0),
        ("register.kind", |party| party.kind = 99),
        ("register.id", |party| party.id = "-a".to_owned()),
        ("register.display_name", |party| party.display_name.clear()),
        ("register.public_key", |party| party.public_key.truncate(31)),
        ("register.public_key", |party| party.public_key = vec![0; 32]),
        ("register.valid_until_ms", |party| party.valid_until_ms = party.valid_from_ms),
        ("register.status", |party| party.status = registry::v1::PartyStatus::Revoked.into()),
        ("register.policy", |party| {
            party.kind = registry::v1::PartyKind::RelyingParty.into();
            party.policy = None;
        }),
        ("register.policy", |party| {
            party.kind = registry::v1::PartyKind::Agency.into();
            party.policy = Some(registry::v1::RelyingPartyPolicy::default());
        }),
    ];
    let mut draw = Draw::new(6);
    let bytes = encode_registry_change(&draw.registry_order());
    for (field, spoil) in spoils {
        let mut party = registry::v1::Party::from(&draw.party());
        spoil(&mut party);
        let spoiled = refused::<registry::v1::RegistryChange, RegistryOrder>(&bytes, |wire| {
            wire.change = Some(registry::v1::registry_change::Change::Register(party));
        });
        assert_eq!(spoiled, malformed(field));
    }
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
    use authentication::v1::AuthenticationStatement as Answer;
    use enrolment::v1::EnrolmentStatement as Receipt;
    type SpoilReceipt = fn(&mut Receipt);
    let spoils: [(&str, SpoilReceipt); 8] = [
        ("outcome", |wire| (wire.outcome, wire.number, wire.case_id) = (0, String::new(), 0)),
        ("number", |wire| (wire.outcome, wire.number, wire.case_id) = (1, String::new(), 0)),
        ("number", |wire| (wire.outcome, wire.number, wire.case_id) = (2, "1".to_owned(), 0)),
        ("case_id", |wire| (wire.outcome, wire.number, wire.case_id) = (3, String::new(), 0)),
        ("case_id", |wire| (wire.outcome, wire.number, wire.case_id) = (4, String::new(), 1)),
        ("fingers", |wire| wire.fingers = 11),
        ("duplicate_fmr", |wire| wire.duplicate_fmr = f64::NAN),
        ("adjudicate_fmr", |wire| wire.adjudicate_fmr = -1e-9),
    ];
    let bytes = encode_enrolment_statement(&Draw::new(9).enrolment_statement());
    for (field, spoil) in spoils {
        assert_eq!(refused::<Receipt, EnrolmentStatement>(&bytes, spoil), malformed(field));
    }
    type SpoilAnswer = fn(&mut Answer);
    let spoils: [(&str, SpoilAnswer); 6] = [
        ("verdict", |wire| wire.verdict = 0),
        ("token", |wire| (wire.verdict, wire.reason, wire.token) = (1, 0, vec![0; 31])),
        ("reason", |wire| (wire.verdict, wire.reason, wire.token) = (1, 300, vec![0; 32])),
        ("token", |wire| (wire.verdict, wire.reason, wire.token) = (2, 0, vec![0; 32])),
        ("header.log_position", |wire| wire.header.as_mut().unwrap().log_position = 0),
        ("header.log_salt", |wire| wire.header.as_mut().unwrap().log_salt.clear()),
    ];
    let bytes = encode_authentication_statement(&Draw::new(9).authentication_statement());
    for (field, spoil) in spoils {
        assert_eq!(refused::<Answer, AuthenticationStatement>(&bytes, spoil), malformed(field));
    }
}

#[test]
fn a_no_stands_even_when_its_reason_is_of_a_newer_version() {
    let bytes = encode_authentication_statement(&Draw::new(9).authentication_statement());
    let mut wire = authentication::v1::AuthenticationStatement::decode(&bytes[..]).unwrap();
    (wire.verdict, wire.reason, wire.token) = (2, 65_535, Vec::new());
    let statement = AuthenticationStatement::try_from(wire).unwrap();
    assert_eq!(statement.verdict, plinth_identity::authentication::Verdict::No);
    assert_eq!(statement.reason, None);
}

#[test]
fn a_service_description_names_sound_keys_of_consecutive_epochs() {
    use evidence::v1::ServiceInfo as Wire;
    type Spoil = fn(&mut Wire);
    let spoils: [(&str, Spoil); 7] = [
        ("keys", |wire| wire.keys.clear()),
        ("keys", |wire| wire.keys = vec![wire.keys[0].clone(); 65]),
        ("keys[0].epoch", |wire| wire.keys[0].epoch += 1),
        ("keys[0].key", |wire| wire.keys[0].key = vec![0; 32]),
        ("keys[0].keyid", |wire| wire.keys[0].keyid.clear()),
        ("limits", |wire| wire.limits = None),
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
        survives::<evidence::v1::ServiceInfo, ServiceInfo>(draw, bytes);
    }
}
