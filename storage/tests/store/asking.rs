//! What relying parties ask about people, as it is stored.

use plinth_identity::attempts::{AttemptPolicy, Attempts, DayCounts, DuplicateCounts};
use plinth_identity::authentication::Verdict;
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::{LogPosition, Nonce};
use plinth_identity::number::IdentityNumber;
use plinth_identity::otp::{Delivery, Destination, OtpCode, OtpRow};
use plinth_identity::party::{FactorSet, PartyKind};
use plinth_identity::time::Timestamp;
use plinth_identity::virtual_number::{VirtualNumberKind, VirtualNumberRow, VirtualNumberState};
use plinth_storage::{NonceUse, Reader, Staged, StatementKind, StoredAnswer};

use crate::people::{digest, number, party_id, phone, request};

/// A code that no other bytes of the store show.
pub(crate) const CODE: &str = "704931";

pub(crate) const fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A nonce for each index.
pub(crate) fn nonce(index: u64) -> Nonce {
    let mut bytes = *b"nonce---........";
    bytes[8..].copy_from_slice(&index.to_be_bytes());
    Nonce::from_bytes(bytes)
}

/// Counters after some failures with fingers.
pub(crate) fn failures(count: u16) -> Attempts {
    let (mut pair, mut person) = (Attempts::default(), Attempts::default());
    for _ in 0..count {
        Attempts::settle(&mut pair, &mut person, false, true, false, at(1), &AttemptPolicy::default());
    }
    pair
}

pub(crate) fn day_counts(numbers: u32) -> DayCounts {
    DayCounts { day: 1, decisions: 3, failures: 2, numbers }
}

pub(crate) fn duplicate_counts(duplicates: u32) -> DuplicateCounts {
    DuplicateCounts { day: 1, enrolments: 9, duplicates }
}

pub(crate) fn entry(time: u64) -> HistoryEntry {
    HistoryEntry {
        at: at(time),
        party: party_id("bank"),
        event: HistoryEvent::Authentication,
        factors: FactorSet::ALL,
        purpose: "to open an account".to_owned(),
        verdict: Verdict::Yes,
        reason: None,
    }
}

pub(crate) fn otp(wrong: u8, expires: u64) -> OtpRow {
    let code = OtpCode::parse(CODE).unwrap();
    OtpRow { person: [4; 16], code, expires_at: at(expires), wrong, used: false }
}

pub(crate) fn delivery(index: u8) -> Delivery {
    Delivery {
        id: [index; 16],
        to: Some(Destination::Sms(phone())),
        code: OtpCode::parse(CODE).unwrap(),
        relying_party: "The Bank of Nowhere".to_owned(),
        expires_at: at(600_000),
    }
}

pub(crate) fn virtual_row(holder: &IdentityNumber) -> VirtualNumberRow {
    VirtualNumberRow {
        number: *holder,
        kind: VirtualNumberKind::Perpetual,
        expires_at: None,
        issued_at: at(1),
        state: VirtualNumberState::Active,
    }
}

/// Keys of one person's counters at the bank, of one's own, of the bank's day and of an agency's.
pub(crate) fn rows(reader: &Reader, index: u64) -> [[u8; 16]; 4] {
    let (keys, bank, agency) = (reader.keys(), party_id("bank"), party_id("agency"));
    let digits = number(index).digits();
    [
        keys.attempts_row(&digits, Some(&bank)),
        keys.attempts_row(&digits, None),
        keys.quota_row(PartyKind::RelyingParty, &bank, ""),
        keys.quota_row(PartyKind::Agency, &agency, "station 1"),
    ]
}

/// Stages what a decision about a number writes: counters, history, answer, nonce, both with their ends, and the leaf.
/// `index` tells requests apart.
pub(crate) fn authenticate(staged: &mut Staged, reader: &Reader, person: u64, index: u64, deadline: u64) {
    let (kind, bank, holder) = (PartyKind::RelyingParty, party_id("bank"), number(person));
    let [pair, own, day, _] = rows(reader, person);
    let counted = staged.attempts(&pair).unwrap();
    staged.put_attempts(&pair, &counted);
    let counted = staged.attempts(&own).unwrap();
    staged.put_attempts(&own, &counted);
    let mut counts = staged.day_counts(&day).unwrap();
    counts.decisions += 1;
    staged.put_day_counts(&day, &counts);
    let position = staged.next_log_position();
    let listed = if staged.identity_exists(&holder).unwrap() { position } else { LogPosition::new(0) };
    staged.put_history(&holder.digits(), listed, &entry(index));
    let answer = StoredAnswer {
        digest: digest(1),
        kind: StatementKind::Authentication,
        statement: b"a statement of a yes".to_vec(),
        not_after: at(deadline),
        case: None,
        latest: None,
    };
    staged.put_answer(kind, &bank, &request(index), &answer);
    staged.expire_answer(kind, &bank, &request(index), at(deadline));
    let used = NonceUse { digest: digest(1), not_after: at(deadline) };
    staged.put_nonce(kind, &bank, &nonce(index), &used);
    staged.expire_nonce(kind, &bank, &nonce(index), at(deadline));
    assert_eq!(staged.append_leaf(&[9; 32]), position);
}

/// Stages what the wish for a code writes, beside an authentication's.
pub(crate) fn ask_for_code(staged: &mut Staged, reader: &Reader, index: u64, expires: u64) -> u64 {
    let row = reader.keys().otp_row(&party_id("bank"), &request(index));
    assert!(staged.otp(&row).unwrap().is_none());
    staged.put_otp(&row, &otp(0, expires), at(expires));
    staged.put_delivery(&delivery(u8::try_from(index % 256).unwrap()))
}
