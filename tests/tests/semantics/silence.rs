//! Silence: to a party that sees no reasons every no is the same no, whoever holds the number and whatever is wrong.

use std::collections::BTreeSet;

use plinth_client::{AuthenticationDraft, Refusal, RelyingParty};
use plinth_identity::authentication::{Channel, ChannelSet};
use plinth_identity::evidence::CodeClaim;
use plinth_identity::id::RequestId;
use plinth_identity::number::Identifier;
use plinth_identity::otp::OtpCode;
use plinth_identity::party::{AttributeSet, RelyingPartyPolicy};
use plinth_identity::reason::Reason;
use plinth_identity::sealing::EncryptionKey;
use plinth_identity::virtual_number::VirtualNumberKind;
use plinth_proto::authentication::v1::{AuthenticationStatement, OtpStatement, PersonStatement};
use plinth_proto::envelope::v1::StatementHeader;
use plinth_proto::resident::v1::ResidentStatement;
use prost::Message;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::orders::{lock_fingers, lock_number, order};
use crate::town::{
    NAME, OTHER_NAME, Resident, Town, YES, by_code, by_fingers, by_name, demographics, hand, open_policy,
    reason, refusal, silent_policy, strange_finger, unknown_number,
};

/// What of a header differs from statement to statement.
fn blank(header: Option<&mut StatementHeader>) {
    let header = header.unwrap();
    assert_eq!((header.request_digest.len(), header.log_salt.len()), (32, 16));
    header.request_digest = vec![0; 32];
    header.log_salt = vec![0; 16];
    header.decided_at_ms = 0;
    header.log_position = 0;
}

/// A no, with what may differ blanked out, and its length as it was.
fn told(bytes: &[u8]) -> (usize, Vec<u8>) {
    let mut statement = AuthenticationStatement::decode(bytes).unwrap();
    assert_eq!(statement.verdict(), plinth_proto::authentication::v1::Verdict::No);
    blank(statement.header.as_mut());
    (bytes.len(), statement.encode_to_vec())
}

/// Longer than any wait.
const HOUR_MS: u64 = 3_600_000;

/// Asks and returns the signed bytes of the statement.
async fn no_of(town: &Town, party: &RelyingParty, draft: AuthenticationDraft) -> Vec<u8> {
    let answer = party.authenticate(&party.request(draft, town.now()).unwrap()).await.unwrap();
    answer.envelope.payload().to_vec()
}

/// Somebody of each kind, and a name for the kind.
struct Crowd {
    known: Resident,
    numbers: Vec<(&'static str, Identifier)>,
}

/// A known person, a number that nobody holds, a locked number, and virtual numbers that are revoked, used, expired and
/// were never given.
async fn crowd(town: &Town) -> Crowd {
    let office = town.office().await;
    let known = town.enrol(1).await;
    let locked = town.enrol(2).await;
    town.set_locks(&office, locked, lock_number(true)).await;
    let holder = town.enrol(5).await;
    let revoked = town.alias(&office, holder).await;
    town.alias(&office, holder).await;
    let holder = town.enrol(3).await;
    let (used, _) = town.virtual_number(&office, holder, VirtualNumberKind::OneTime, None).await;
    let bank = town.party("one-timer", open_policy()).await;
    town.told(&bank, by_name(used, NAME)).await;
    let holder = town.enrol(4).await;
    let (expired, _) = town.virtual_number(&office, holder, VirtualNumberKind::Expiring, Some(1)).await;
    town.wait(2);
    let never = plinth_identity::VirtualNumber::draw(&mut StdRng::seed_from_u64(3));
    let numbers: Vec<(&str, Identifier)> = vec![
        ("known", known.number.into()),
        ("unknown", unknown_number(1).into()),
        ("locked", locked.number.into()),
        ("revoked", revoked.into()),
        ("used", used.into()),
        ("expired", expired.into()),
        ("never given", never.into()),
    ];
    Crowd { known, numbers }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_no_is_the_same_no_whoever_holds_the_number_and_whatever_is_wrong() {
    let town = Town::new().await;
    let Crowd { known, numbers } = crowd(&town).await;
    let shop = town.party("shop", silent_policy()).await;
    let guess = CodeClaim::Delivered {
        transaction: RequestId::from_bytes([1; 16]),
        code: OtpCode::parse("123456").unwrap(),
    };
    let totp = CodeClaim::Totp(OtpCode::parse("123456").unwrap());
    let mut seen = BTreeSet::new();
    for (kind, whose) in &numbers {
        for (what, draft) in [
            ("name", by_name(*whose, OTHER_NAME)),
            ("finger", by_fingers(*whose, strange_finger())),
            ("code", by_code(*whose, guess.clone())),
            ("authenticator", by_code(*whose, totp.clone())),
        ] {
            town.wait(HOUR_MS);
            seen.insert(told(&no_of(&town, &shop, draft).await));
            assert_eq!(seen.len(), 1, "the {kind} with a wrong {what} shows");
        }
    }
    // Locked fingers, and the right name of whoever cannot be used, are the same no again.
    let office = town.party_again("office").await;
    town.set_locks(&office, known, lock_fingers(true)).await;
    town.wait(HOUR_MS);
    seen.insert(told(&no_of(&town, &shop, by_fingers(known.number, hand(1))).await));
    for (_, whose) in &numbers[1..] {
        seen.insert(told(&no_of(&town, &shop, by_name(*whose, NAME)).await));
    }
    assert_eq!(seen.len(), 1, "a locked finger or a right name shows");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_has_the_same_length_wherever_it_stands_in_the_log() {
    let town = Town::new().await;
    let shop = town.party("shop", silent_policy()).await;
    let resident = town.enrol(1).await;
    let mut lengths = BTreeSet::new();
    for _ in 0..4 {
        lengths.insert(no_of(&town, &shop, by_name(resident.number, OTHER_NAME)).await.len());
        // Positions up to 127 and those beyond are numbers of different lengths in some encodings.
        for _ in 0..90 {
            assert_eq!(town.told(&shop, by_name(resident.number, NAME)).await, YES);
        }
    }
    assert_eq!(lengths.len(), 1, "{lengths:?}");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_code_tells_nothing_of_who_holds_the_number() {
    let town = Town::new().await;
    let Crowd { mut numbers, .. } = crowd(&town).await;
    let mut silent = demographics(9);
    (silent.phone, silent.email) = (None, None);
    numbers.push(("without a telephone", town.enrol_as(9, silent).await.number.into()));
    let shop = town.party("shop", silent_policy()).await;
    let channels = ChannelSet::new(&[Channel::Sms, Channel::Email]).unwrap();
    let mut seen = BTreeSet::new();
    for (kind, whose) in numbers {
        let request = shop.otp_request(whose, channels, "login", town.now()).unwrap();
        let answer = shop.request_otp(&request).await.unwrap();
        let bytes = answer.envelope.payload();
        let mut statement = OtpStatement::decode(bytes).unwrap();
        assert_eq!(statement.transaction, request.request_id().as_bytes());
        statement.transaction = vec![0; 16];
        blank(statement.header.as_mut());
        seen.insert((bytes.len(), statement.encode_to_vec()));
        assert_eq!(seen.len(), 1, "the {kind} shows");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_and_floods_are_the_same_whoever_holds_the_number() {
    let town = Town::new().await;
    let Crowd { numbers, .. } = crowd(&town).await;
    let shop = town.party("shop", silent_policy()).await;
    let mut ends: Vec<(&str, [Refusal; 2])> = Vec::new();
    for (kind, whose) in numbers {
        for _ in 0..3 {
            town.order(&shop, whose).await.unwrap();
        }
        let flood = town.order(&shop, whose).await.unwrap_err();
        for _ in 0..5 {
            no_of(&town, &shop, by_name(whose, OTHER_NAME)).await;
        }
        let wait = town.refused(&shop, by_name(whose, OTHER_NAME)).await;
        assert_eq!((reason(&flood), reason(&wait)), (Reason::OtpFloodRelyingParty, Reason::TooManyAttempts));
        ends.push((kind, [flood, wait]));
    }
    for (kind, end) in &ends {
        assert_eq!(*end, ends[0].1, "the {kind} shows");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fingers_that_are_disabled_for_a_number_that_nobody_holds_are_disabled_as_silently() {
    let town = Town::new().await;
    let known = town.enrol(1).await;
    let shop = town.party("shop", silent_policy()).await;
    let mut seen = BTreeSet::new();
    for number in [known.number, unknown_number(1)] {
        for _ in 0..22 {
            town.wait(HOUR_MS);
            seen.insert(told(&no_of(&town, &shop, by_fingers(number, strange_finger())).await));
        }
    }
    assert_eq!(seen.len(), 1);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_to_a_wish_for_attributes_tells_nothing_of_who_holds_the_number() {
    let town = Town::new().await;
    let Crowd { numbers, .. } = crowd(&town).await;
    let key = EncryptionKey::generate(&mut StdRng::seed_from_u64(1));
    let shop = town
        .party(
            "shop",
            RelyingPartyPolicy {
                attributes: AttributeSet::ALL,
                encryption_key: Some(key.public()),
                ..silent_policy()
            },
        )
        .await;
    let mut seen = BTreeSet::new();
    for (kind, whose) in numbers {
        let draft = plinth_client::PersonDraft {
            identifier: whose,
            claim: by_name(whose, NAME).claim,
            fingers: strange_finger(),
            code: None,
            attributes: AttributeSet::ALL,
            consent: plinth_identity::Consent::new("May they know?".to_owned(), town.now()).unwrap(),
            purpose: "test".to_owned(),
        };
        let request = shop.person_request(draft, town.now()).unwrap();
        let answer = shop.get_person(&request).await.unwrap();
        let bytes = answer.envelope.payload();
        let mut statement = PersonStatement::decode(bytes).unwrap();
        blank(statement.header.as_mut());
        seen.insert((bytes.len(), statement.encode_to_vec()));
        assert_eq!(seen.len(), 1, "the {kind} shows");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_to_an_order_tells_nothing_of_who_holds_the_number() {
    let town = Town::new().await;
    let known = town.enrol(1).await;
    let policy = RelyingPartyPolicy { resident_agent: true, ..silent_policy() };
    let office = town.party("counter", policy).await;
    let mut seen = BTreeSet::new();
    for number in [known.number, unknown_number(1)] {
        for action in [
            lock_number(true),
            plinth_identity::ResidentAction::ReadHistory { page_size: 10, before: None },
            plinth_identity::ResidentAction::CreateTotp,
        ] {
            let mut draft = order(known, action);
            (draft.number, draft.fingers) = (number, strange_finger());
            let request = office.resident_request(draft, town.now()).unwrap();
            let answer = office.resident(&request).await.map_err(refusal).unwrap();
            let bytes = answer.envelope.payload();
            let mut statement = ResidentStatement::decode(bytes).unwrap();
            blank(statement.header.as_mut());
            seen.insert((bytes.len(), statement.encode_to_vec()));
        }
    }
    assert_eq!(seen.len(), 1);
    town.close().await;
}
