//! A person's own history: everything that was asked about them, for their eyes only.

use plinth_identity::authentication::{ResidentAction, Verdict};
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::LogPosition;
use plinth_identity::party::{Factor, FactorSet};
use plinth_identity::reason::Reason;
use plinth_identity::statement::ResidentOutcome;
use plinth_identity::time::Timestamp;

use crate::orders::order;
use crate::town::{
    NAME, OTHER_NAME, Town, by_fingers, by_name, hand, no, open_policy, silent_policy, strange_finger,
    unknown_number,
};

/// What an entry says, without its position.
type Shown = (Timestamp, String, HistoryEvent, FactorSet, String, Verdict, Option<Reason>);

fn shown(entries: &[(LogPosition, HistoryEntry)]) -> Vec<Shown> {
    let tell = |entry: &HistoryEntry| {
        let HistoryEntry { at, party, event, factors, purpose, verdict, reason } = entry.clone();
        (at, party.as_str().to_owned(), event, factors, purpose, verdict, reason)
    };
    entries.iter().map(|(_, entry)| tell(entry)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_tells_who_asked_when_by_which_factors_why_and_with_what_result() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let clinic = town.party("clinic", silent_policy()).await;
    let start = town.now();
    let at = |minutes: u64| start.plus_millis(minutes * 60_000);

    town.told(&bank, by_name(resident.number, NAME)).await;
    town.wait(60_000);
    let mut draft = by_fingers(resident.number, strange_finger());
    draft.claim = by_name(resident.number, NAME).claim;
    draft.purpose = "treatment".to_owned();
    assert_eq!(town.told(&clinic, draft).await.1, None, "the clinic is not told why");
    town.wait(60_000);
    town.order(&bank, resident.number).await.unwrap();
    town.wait(60_000);
    let alias = town.alias(&office, resident).await;
    town.wait(60_000);
    town.told(&bank, by_name(alias, OTHER_NAME)).await;

    let (entries, next) = town.page(&office, resident, 100, None).await;
    assert_eq!(next, None);
    let set = |factors: &[Factor]| factors.iter().copied().collect::<FactorSet>();
    let text = str::to_owned;
    let expected: Vec<Shown> = vec![
        (
            at(4),
            text("bank"),
            HistoryEvent::Authentication,
            set(&[Factor::Name]),
            text("account opening"),
            Verdict::No,
            Some(Reason::DemographicMismatch),
        ),
        (
            at(3),
            text("office"),
            HistoryEvent::Resident,
            set(&[Factor::Fingerprint]),
            text("my own number"),
            Verdict::Yes,
            None,
        ),
        (
            at(2),
            text("bank"),
            HistoryEvent::OtpRequest,
            set(&[Factor::Otp]),
            text("login"),
            Verdict::Yes,
            None,
        ),
        (
            at(1),
            text("clinic"),
            HistoryEvent::Authentication,
            set(&[Factor::Name, Factor::Fingerprint]),
            text("treatment"),
            Verdict::No,
            Some(Reason::BiometricMismatch),
        ),
        (
            at(0),
            text("bank"),
            HistoryEvent::Authentication,
            set(&[Factor::Name]),
            text("account opening"),
            Verdict::Yes,
            None,
        ),
    ];
    assert_eq!(shown(&entries), expected);
    let (entries, _) = town.page(&office, resident, 100, None).await;
    assert_eq!(entries.len(), 6, "reading is an entry too, from then on");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_page_by_page_newest_first_and_every_entry_once() {
    let mut town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let mut positions = Vec::new();
    for _ in 0..7 {
        let statement = town.ask(&bank, by_name(resident.number, NAME)).await.unwrap();
        positions.push(statement.header.log_position);
    }
    town.world.restart().await;
    let office = town.party_again(office.id().as_str()).await;
    let newest = *positions.last().unwrap();
    let (mut read, mut before) = (Vec::new(), Some(newest.next()));
    loop {
        let (entries, next) = town.page(&office, resident, 3, before).await;
        assert!(entries.len() <= 3);
        read.extend(entries.iter().map(|(position, _)| *position));
        if next.is_none() {
            break;
        }
        assert_eq!(next, read.last().copied());
        before = next;
    }
    positions.reverse();
    assert_eq!(read, positions);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_never_shows_what_was_asked_about_somebody_else() {
    let town = Town::new().await;
    let (asha, maya) = (town.enrol(1).await, town.enrol(2).await);
    let office = town.office().await;
    let bank = town.bank().await;
    for _ in 0..3 {
        town.told(&bank, by_name(asha.number, NAME)).await;
        town.told(&bank, by_name(unknown_number(1), NAME)).await;
    }
    assert_eq!(town.page(&office, maya, 100, None).await.0, []);
    assert_eq!(town.page(&office, asha, 100, None).await.0.len(), 3);
    // Maya's fingers do not open Asha's history, and what comes back says nothing of it.
    let read = ResidentAction::ReadHistory { page_size: 100, before: None };
    let mut draft = order(asha, read);
    draft.fingers = hand(maya.person);
    let statement = town.send_order(&office, draft).await.unwrap();
    assert_eq!((statement.verdict, statement.reason), no(Reason::BiometricMismatch));
    assert_eq!(statement.outcome, None);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_nobody_holds_has_no_history_but_a_no() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.party("bank", open_policy()).await;
    for _ in 0..3 {
        town.told(&bank, by_name(unknown_number(1), NAME)).await;
    }
    let read = ResidentAction::ReadHistory { page_size: 100, before: None };
    let mut draft = order(resident, read);
    draft.number = unknown_number(1);
    let statement = town.send_order(&office, draft).await.unwrap();
    assert_eq!((statement.verdict, statement.reason), no(Reason::UnknownNumber));
    assert_eq!(statement.outcome, None);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_no_entry() {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let narrow =
        plinth_identity::RelyingPartyPolicy { factors: FactorSet::EMPTY.with(Factor::Otp), ..open_policy() };
    let bank = town.party("bank", narrow).await;
    town.refused(&bank, by_name(resident.number, NAME)).await;
    let request = bank.request(by_name(resident.number, NAME), town.now().plus_millis(60_000)).unwrap();
    assert!(bank.authenticate(&request).await.is_err());
    assert_eq!(town.page(&office, resident, 100, None).await.0, []);
    let repeated = office.resident_request(order(resident, ResidentAction::CreateTotp), town.now());
    let repeated = repeated.unwrap();
    for _ in 0..5 {
        let answer = office.resident(&repeated).await.unwrap();
        assert!(matches!(answer.statement.outcome, Some(ResidentOutcome::Totp { .. })));
    }
    let (entries, _) = town.page(&office, resident, 100, None).await;
    assert_eq!(entries.len(), 2, "the first page and one authenticator");
    town.close().await;
}
