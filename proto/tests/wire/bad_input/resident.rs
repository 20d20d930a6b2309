use plinth_identity::authentication::{ResidentAction, ResidentRequest};
use plinth_identity::reason::Reason;
use plinth_identity::statement::ResidentStatement;
use plinth_proto::authentication::v1::{Presentation, Verdict};
use plinth_proto::convert::resident::{MAX_URI_BYTES, encode_resident_request, encode_resident_statement};
use plinth_proto::resident::v1;
use plinth_proto::resident::v1::resident_request::Action;
use plinth_proto::resident::v1::resident_statement::Outcome;
use prost::Message;

use super::refused;
use crate::draw::{Draw, VIRTUAL_NUMBERS};

type Spoil = fn(&mut v1::ResidentRequest);

fn order() -> Vec<u8> {
    encode_resident_request(&Draw::new(5).resident_request())
}

fn create(kind: i32, valid_for_ms: Option<u64>) -> Option<Action> {
    Some(Action::CreateVirtualNumber(v1::VirtualNumberOrder { kind, valid_for_ms }))
}

#[test]
fn an_order_about_ones_own_number_names_the_field_at_fault() {
    let spoils: [(&str, Reason, Spoil); 13] = [
        ("header", Reason::Malformed, |wire| wire.header = None),
        ("number", Reason::Malformed, |wire| wire.number = "234567890125".to_owned()),
        ("number", Reason::Malformed, |wire| wire.number = VIRTUAL_NUMBERS[0].to_owned()),
        ("evidence", Reason::Malformed, |wire| wire.evidence = None),
        ("evidence.declared", Reason::NoFactor, |wire| wire.evidence = Some(Presentation::default())),
        ("action", Reason::Malformed, |wire| wire.action = None),
        ("create_virtual_number.kind", Reason::Malformed, |wire| wire.action = create(0, None)),
        ("create_virtual_number.kind", Reason::Malformed, |wire| wire.action = create(4, None)),
        ("create_virtual_number.valid_for_ms", Reason::Malformed, |wire| wire.action = create(2, None)),
        ("create_virtual_number.valid_for_ms", Reason::Malformed, |wire| wire.action = create(2, Some(0))),
        ("create_virtual_number.valid_for_ms", Reason::Malformed, |wire| wire.action = create(1, Some(0))),
        ("create_virtual_number.valid_for_ms", Reason::Malformed, |wire| wire.action = create(3, Some(1))),
        ("set_locks", Reason::Malformed, |wire| {
            wire.action = Some(Action::SetLocks(v1::LockOrder::default()));
        }),
    ];
    for (field, reason, spoil) in spoils {
        let spoiled = refused::<v1::ResidentRequest, ResidentRequest>(&order(), spoil);
        assert_eq!(spoiled, (field.to_owned(), reason));
    }
}

#[test]
fn a_page_of_history_keeps_within_its_limits() {
    let read = |page_size, before| {
        let mut wire = v1::ResidentRequest::decode(&order()[..]).unwrap();
        wire.action = Some(Action::ReadHistory(v1::HistoryQuery { page_size, before }));
        match ResidentRequest::try_from(wire).unwrap().action {
            ResidentAction::ReadHistory { page_size, before } => (page_size, before.map(|at| at.get())),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(0, 0), (100, None));
    assert_eq!(read(1, 1), (1, Some(1)));
    assert_eq!(read(1_001, u64::MAX), (1_000, Some(u64::MAX)));
    assert_eq!(read(u32::MAX, 7), (1_000, Some(7)));
}

fn yes(outcome: Outcome) -> v1::ResidentStatement {
    let bytes = encode_resident_statement(&Draw::new(9).resident_statement());
    let wire = v1::ResidentStatement::decode(&bytes[..]).unwrap();
    v1::ResidentStatement { verdict: Verdict::Yes.into(), reason: None, outcome: Some(outcome), ..wire }
}

fn field_of(wire: v1::ResidentStatement) -> String {
    ResidentStatement::try_from(wire).unwrap_err().field
}

#[test]
fn an_answer_to_an_order_that_contradicts_itself_is_refused() {
    let revoked = || yes(Outcome::VirtualNumberRevoked(v1::VirtualNumberRevoked {}));
    assert!(ResidentStatement::try_from(revoked()).is_ok());
    assert_eq!(field_of(v1::ResidentStatement { outcome: None, ..revoked() }), "outcome");
    assert_eq!(field_of(v1::ResidentStatement { verdict: 2, ..revoked() }), "outcome");
    assert_eq!(field_of(v1::ResidentStatement { verdict: 0, ..revoked() }), "verdict");
    assert_eq!(field_of(v1::ResidentStatement { reason: Some(0), ..revoked() }), "reason");
    assert_eq!(field_of(v1::ResidentStatement { agent: String::new(), ..revoked() }), "agent");
    for number in ["", "2345678901234566", "234567890124"] {
        let wire = v1::VirtualNumber { number: number.to_owned(), expires_at_ms: 1 };
        assert_eq!(field_of(yes(Outcome::VirtualNumber(wire))), "virtual_number.number");
    }
    let long = format!("otpauth://{}", "a".repeat(MAX_URI_BYTES - 9));
    for uri in ["https://example.org/", "otpauth://a b", "", &long] {
        assert_eq!(field_of(yes(Outcome::Totp(v1::Totp { uri: uri.to_owned() }))), "totp.uri");
    }
}

#[test]
fn a_history_names_the_entry_at_fault() {
    let sound = || v1::HistoryEntry {
        log_position: 7,
        at_ms: 1,
        party: "bank".to_owned(),
        event: v1::HistoryEvent::Authentication.into(),
        factors: vec![1],
        purpose: "x".repeat(64),
        verdict: Verdict::No.into(),
        reason: 65_535,
    };
    let page = |entries| yes(Outcome::History(v1::History { entries, next_before: 0 }));
    assert!(ResidentStatement::try_from(page(vec![sound(); 1_000])).is_ok());
    assert_eq!(field_of(page(vec![sound(); 1_001])), "history.entries");
    type SpoilEntry = fn(&mut v1::HistoryEntry);
    let spoils: [(&str, SpoilEntry); 7] = [
        ("log_position", |entry| entry.log_position = 0),
        ("party", |entry| entry.party = "Bank".to_owned()),
        ("event", |entry| entry.event = 0),
        ("factors[1]", |entry| entry.factors = vec![1, 1]),
        ("purpose", |entry| entry.purpose.push('x')),
        ("purpose", |entry| entry.purpose = "a\nb".to_owned()),
        ("verdict", |entry| entry.verdict = 0),
    ];
    for (field, spoil) in spoils {
        let mut spoilt = sound();
        spoil(&mut spoilt);
        assert_eq!(field_of(page(vec![sound(), spoilt])), format!("history.entries[1].{field}"));
    }
}
