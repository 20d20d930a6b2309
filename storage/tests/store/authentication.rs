use plinth_identity::attempts::Attempts;
use plinth_identity::id::{LogPosition, Sequence};
use plinth_identity::number::Identifier;
use plinth_identity::party::PartyKind;
use plinth_identity::virtual_number::VirtualNumberState;
use plinth_storage::{CommitError, StoreError};

use crate::asking::{
    ask_for_code, at, authenticate, day_counts, delivery, duplicate_counts, entry, failures, otp, rows,
    virtual_row,
};
use crate::people::{Store, enrol_pending, number, party_id, populate, record, request, virtual_number};

#[test]
fn counters_come_back_after_a_commit_and_a_crash_and_begin_at_nothing() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    // Person 2 does not exist, and is counted alike.
    for person in [1, 2] {
        let [pair, own, day, agency] = rows(&reader, person);
        let mut staged = writer.stage();
        assert!(staged.attempts(&pair).unwrap() == Attempts::default());
        staged.put_attempts(&pair, &failures(3));
        staged.put_attempts(&own, &failures(2));
        staged.put_day_counts(&day, &day_counts(7));
        staged.put_duplicate_counts(&agency, &duplicate_counts(5));
        assert!(staged.attempts(&pair).unwrap() == failures(3));
        assert_eq!(staged.day_counts(&day).unwrap(), day_counts(7));
        assert_eq!(staged.duplicate_counts(&agency).unwrap(), duplicate_counts(5));
        assert!(reader.attempts(&pair).unwrap() == Attempts::default());
        writer.commit(staged, vec![()]).unwrap();
    }
    for (reader, _writer) in [store.crashed().open(), (reader, writer)] {
        for person in [1, 2] {
            let [pair, own, day, agency] = rows(&reader, person);
            assert!(reader.attempts(&pair).unwrap() == failures(3));
            assert!(reader.attempts(&own).unwrap() == failures(2));
            assert_eq!(reader.day_counts(&day).unwrap(), day_counts(7));
            assert_eq!(reader.duplicate_counts(&agency).unwrap(), duplicate_counts(5));
        }
        assert_ne!(failures(3), failures(2));
    }
}

#[test]
fn a_step_decided_on_counters_that_changed_is_a_conflict() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let [pair, ..] = rows(&reader, 1);
    let mut early = writer.stage();
    assert!(early.attempts(&pair).unwrap() == Attempts::default());
    early.put_attempts(&pair, &failures(1));
    let mut staged = writer.stage();
    staged.put_attempts(&pair, &failures(2));
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(writer.commit(early, vec![()]).err(), Some(CommitError::Conflict { table: "attempts" }));
    assert!(reader.attempts(&pair).unwrap() == failures(2));
}

#[test]
fn a_code_is_kept_with_its_wrong_tries_and_its_message_until_that_is_taken_out() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let row = reader.keys().otp_row(&party_id("bank"), &request(1));
    let mut staged = writer.stage();
    assert_eq!(ask_for_code(&mut staged, &reader, 1, 600_000), 1);
    assert_eq!(staged.put_delivery(&delivery(2)), 2);
    assert_eq!(reader.deliveries(0, 10).unwrap(), []);
    writer.commit(staged, vec![()]).unwrap();
    let mut staged = writer.stage();
    assert!(staged.otp(&row).unwrap() == Some(otp(0, 600_000)));
    staged.put_otp(&row, &otp(1, 600_000), at(600_000));
    writer.commit(staged, vec![()]).unwrap();
    drop((reader, writer));

    let (reader, mut writer) = store.open();
    assert!(writer.stage().otp(&row).unwrap() == Some(otp(1, 600_000)));
    assert_eq!(reader.deliveries(0, 10).unwrap(), [(1, delivery(1)), (2, delivery(2))]);
    assert_eq!(reader.deliveries(0, 1).unwrap(), [(1, delivery(1))]);
    assert_eq!(reader.deliveries(2, 10).unwrap(), [(2, delivery(2))]);
    assert_eq!((reader.deliveries(3, 10).unwrap(), reader.deliveries(0, 0).unwrap()), (vec![], vec![]));
    let mut staged = writer.stage();
    staged.remove_delivery(1);
    staged.remove_delivery(77);
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(reader.deliveries(0, 10).unwrap(), [(2, delivery(2))]);
    // A number is never given again.
    let mut staged = writer.stage();
    staged.remove_delivery(2);
    assert_eq!(staged.put_delivery(&delivery(3)), 3);
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(reader.head().next_outbox, 4);
}

#[test]
fn two_steps_that_took_the_same_message_number_are_a_conflict() {
    let store = Store::new();
    let (_reader, mut writer) = store.open();
    let (mut one, mut other) = (writer.stage(), writer.stage());
    assert_eq!((one.put_delivery(&delivery(1)), other.put_delivery(&delivery(2))), (1, 1));
    writer.commit(one, vec![()]).unwrap();
    assert_eq!(writer.commit(other, vec![()]).err(), Some(CommitError::Conflict { table: "meta" }));
}

#[test]
fn a_virtual_number_leads_to_its_holder_and_an_unknown_one_to_a_stand_in() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    assert!(reader.subject(&Identifier::Virtual(virtual_number(1)), true).unwrap().is_none());
    populate(&mut writer, 1..=4);
    let mut staged = writer.stage();
    enrol_pending(&mut staged, 5);
    assert!(staged.virtual_number(&virtual_number(2)).unwrap().is_none());
    staged.put_virtual_number(&virtual_number(2), &virtual_row(&number(2)));
    assert!(staged.virtual_number(&virtual_number(2)).unwrap() == Some(virtual_row(&number(2))));
    writer.commit(staged, vec![()]).unwrap();
    drop((reader, writer));

    let (reader, mut writer) = store.open();
    let mut row = virtual_row(&number(2));
    for state in [VirtualNumberState::Active, VirtualNumberState::Used, VirtualNumberState::Revoked] {
        row.state = state;
        let mut staged = writer.stage();
        staged.put_virtual_number(&virtual_number(2), &row);
        writer.commit(staged, vec![()]).unwrap();
        assert_eq!(reader.virtual_number(&virtual_number(2)).unwrap(), Some(row));
        let subject = reader.subject(&Identifier::Virtual(virtual_number(2)), true).unwrap().unwrap();
        assert!(subject.present && subject.virtual_row == Some(row));
        assert!(subject.number == Some(number(2)) && subject.record.sequence == Sequence::new(2));
    }
    let mut chosen = std::collections::BTreeSet::new();
    for unknown in 100..200 {
        let asked = Identifier::Virtual(virtual_number(unknown));
        let [one, again] = [(); 2].map(|()| reader.subject(&asked, true).unwrap().unwrap());
        assert!(!one.present && one.number.is_none() && one.virtual_row.is_none());
        assert_eq!(one.record.sequence, again.record.sequence);
        chosen.insert(one.record.sequence.get());
    }
    assert_eq!(chosen, (1..=4).collect());
}

#[test]
fn a_virtual_number_of_somebody_without_a_record_is_damage() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    let mut staged = writer.stage();
    staged.put_virtual_number(&virtual_number(1), &virtual_row(&number(9)));
    writer.commit(staged, vec![()]).unwrap();
    let refused = reader.subject(&Identifier::Virtual(virtual_number(1)), true).err();
    assert!(matches!(refused, Some(StoreError::Corrupt { place: "virtual_numbers", .. })), "{refused:?}");
}

#[test]
fn a_history_is_read_newest_first_page_by_page_and_is_nobody_elses() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=3);
    // The three enrolments took positions 1 to 3.
    for index in 4..=12 {
        let mut staged = writer.stage();
        authenticate(&mut staged, &reader, if index % 3 == 0 { 2 } else { 1 }, index, 1_000);
        writer.commit(staged, vec![()]).unwrap();
    }
    drop((reader, writer));
    let (reader, _writer) = store.open();
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = reader.history(&number(1), before, 2).unwrap();
        assert!(page.len() <= 2);
        let Some((last, _)) = page.last() else { break };
        before = Some(*last);
        for (position, found) in &page {
            assert_eq!(*found, entry(position.get()));
            seen.push(position.get());
        }
    }
    assert_eq!(seen, [11, 10, 8, 7, 5, 4]);
    let all = |person, before: Option<u64>, limit| -> Vec<u64> {
        let page = reader.history(&number(person), before.map(LogPosition::new), limit).unwrap();
        page.iter().map(|(position, _)| position.get()).collect()
    };
    assert_eq!(all(2, None, 10), [12, 9, 6]);
    assert_eq!(all(2, Some(9), 10), [6]);
    assert_eq!(all(2, Some(6), 10), [0; 0]);
    assert_eq!((all(2, Some(0), 10), all(2, Some(1), 10), all(2, None, 0)), (vec![], vec![], vec![]));
    assert_eq!(all(2, Some(u64::MAX), 10), [12, 9, 6]);
    assert_eq!(all(3, None, 10), [0; 0]);
}

#[test]
fn a_number_that_nobody_holds_has_one_row_of_history_that_no_later_holder_reads() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, []);
    for index in 4..=8 {
        let mut staged = writer.stage();
        authenticate(&mut staged, &reader, 1, index, 1_000);
        writer.commit(staged, vec![()]).unwrap();
    }
    assert_eq!(reader.history(&number(1), None, 10).unwrap(), []);
    populate(&mut writer, [1]);
    assert_eq!(reader.history(&number(1), None, 10).unwrap(), []);
    let mut staged = writer.stage();
    authenticate(&mut staged, &reader, 1, 9, 1_000);
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(reader.history(&number(1), None, 10).unwrap(), [(LogPosition::new(7), entry(9))]);
    drop((reader, writer));
    let tables = store.tables();
    let history = tables.cf_handle("history").unwrap();
    assert_eq!(tables.iterator_cf(history, rocksdb::IteratorMode::Start).count(), 2);
}

#[test]
fn the_latest_time_is_kept_with_what_is_written_and_is_no_reason_to_write() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    staged.set_latest(at(5));
    assert!(staged.is_empty());
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!((reader.head().commits, reader.head().latest), (0, at(0)));
    for (now, latest) in [(5, 5), (9, 9), (7, 9)] {
        let mut staged = writer.stage();
        staged.set_latest(at(now));
        assert_eq!(staged.head().latest, at(latest));
        staged.put_party(&crate::people::party(PartyKind::RelyingParty, "bank"));
        // Overtaken by another step: the time takes no number, so that is no conflict.
        let mut other = writer.stage();
        other.put_party(&crate::people::party(PartyKind::RelyingParty, "shop"));
        writer.commit(other, vec![()]).unwrap();
        writer.commit(staged, vec![()]).unwrap();
        assert_eq!(reader.head().latest, at(latest));
    }
    drop((reader, writer));
    assert_eq!(store.open().0.head().latest, at(9));
}

#[test]
fn a_record_keeps_its_locks_its_authenticator_and_its_virtual_number() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    let mut changed = record(Sequence::new(1));
    changed.locks.fingers = true;
    changed.virtual_number = Some(virtual_number(1));
    let mut staged = writer.stage();
    staged.replace_identity(&number(1), &changed);
    writer.commit(staged, vec![()]).unwrap();
    drop((reader, writer));
    assert!(store.open().0.identity(&number(1)).unwrap() == Some(changed));
}
