use std::collections::BTreeMap;

use plinth_identity::gallery::Holder;
use plinth_identity::id::Sequence;
use plinth_identity::keys::{KeyRing, Place};
use plinth_identity::time::Timestamp;
use plinth_storage::{Check, Problem, Report, check};

use crate::asking::{ask_for_code, authenticate, delivery, duplicate_counts, rows, virtual_row};
use crate::people::{
    DEPLOYMENT, Store, enrol, enrol_pending, features, number, originals, populate, record, root,
    virtual_number,
};

/// Five people with numbers, one pending, one withdrawn.
fn populated() -> Store {
    let store = Store::new();
    let (_reader, mut writer) = store.open();
    populate(&mut writer, 1..=5);
    let mut staged = writer.stage();
    enrol_pending(&mut staged, 6);
    writer.commit(staged, vec![()]).unwrap();
    let mut staged = writer.stage();
    let sequence = staged.next_sequence();
    staged.put_gallery(sequence, &originals(sequence), &features());
    writer.commit(staged, vec![()]).unwrap();
    let mut staged = writer.stage();
    staged.remove_gallery(sequence);
    staged.put_holder(sequence, &Holder::Withdrawn);
    writer.commit(staged, vec![()]).unwrap();
    store
}

fn report(store: &Store) -> Report {
    let (reader, _writer) = store.open();
    check(&reader, &mut |_| {}).unwrap()
}

/// Deletes the first row of a table behind the store's back, and names the problems that a check then finds.
fn without_first(table: &str) -> BTreeMap<Problem, u64> {
    let store = populated();
    {
        let tables = store.tables();
        let family = tables.cf_handle(table).unwrap();
        let (key, _) = tables.iterator_cf(family, rocksdb::IteratorMode::Start).next().unwrap().unwrap();
        tables.delete_cf(family, key).unwrap();
    }
    report(&store).problems
}

#[test]
fn a_sound_store_is_clean_and_counted() {
    let report = report(&populated());
    assert_eq!(report.problems, BTreeMap::new());
    let counts = report.counts;
    assert_eq!((counts.identities, counts.holders, counts.gallery, counts.postings), (5, 7, 6, 0));
    assert_eq!(counts.tombstones, 1);
    assert_eq!((counts.requests, counts.enrolments, counts.leaves, counts.parties), (6, 6, 6, 1));
    assert_eq!((counts.cases, counts.open_cases, counts.nonces), (1, 1, 0));
}

#[test]
fn a_new_store_is_clean() {
    assert!(report(&Store::new()).is_clean());
}

#[test]
fn a_check_of_a_serving_store_sees_one_moment_and_reports_every_part() {
    let store = populated();
    let (reader, mut writer) = store.open();
    let mut seen = std::collections::BTreeSet::new();
    let mut index = 100;
    let report = check(&reader, &mut |progress| {
        seen.insert(progress.check);
        index += 1;
        let mut staged = writer.stage();
        enrol(&mut staged, index);
        writer.commit(staged, vec![()]).unwrap();
    })
    .unwrap();
    assert_eq!(report.problems, BTreeMap::new());
    assert_eq!(report.counts.identities, 5);
    assert!(seen.contains(&Check::Log) && seen.contains(&Check::Nonces));
}

#[test]
fn every_missing_row_is_noticed() {
    let problems = |expected: &[(Problem, u64)]| expected.iter().copied().collect::<BTreeMap<_, _>>();
    assert_eq!(
        without_first("identities"),
        problems(&[(Problem::HolderWithoutIdentity, 1), (Problem::Count("identities"), 1)])
    );
    assert_eq!(
        without_first("holders"),
        problems(&[
            (Problem::Count("holders"), 1),
            (Problem::IdentityWithoutHolder, 1),
            (Problem::GalleryRowWithoutHolder("templates"), 1),
            (Problem::GalleryRowWithoutHolder("features"), 1),
        ])
    );
    assert_eq!(without_first("templates"), problems(&[(Problem::GalleryRowMissing("templates"), 1)]));
    assert_eq!(without_first("features"), problems(&[(Problem::GalleryRowMissing("features"), 1)]));
    assert_eq!(without_first("cases"), problems(&[(Problem::PendingWithoutCase, 1)]));
    assert_eq!(without_first("requests"), problems(&[(Problem::EnrolmentWithoutAnswer, 1)]));
    assert_eq!(without_first("enrolments"), problems(&[(Problem::AnswerWithoutEnrolment, 1)]));
    assert_eq!(without_first("log"), problems(&[(Problem::LogHole, 1)]));
    assert_eq!(
        without_first("parties"),
        problems(&[(Problem::EnrolmentWithoutAnswer, 6), (Problem::AnswerWithoutEnrolment, 6)])
    );
}

#[test]
fn rows_that_do_not_open_are_counted_and_the_check_goes_on() {
    let store = populated();
    {
        let tables = store.tables();
        for (table, key) in [("holders", 2_u64), ("templates", 3)] {
            tables.put_cf(tables.cf_handle(table).unwrap(), key.to_be_bytes(), b"garbage").unwrap();
        }
    }
    let problems = report(&store).problems;
    assert_eq!(problems.get(&Problem::Unreadable("holders")), Some(&1));
    assert_eq!(problems.get(&Problem::Unreadable("templates")), Some(&1));
}

/// Two people, one with a virtual number; both and an unknown number were asked about, with codes.
fn asked() -> Store {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=2);
    let mut staged = writer.stage();
    for (index, person) in [(10, 1), (11, 2), (12, 9)] {
        authenticate(&mut staged, &reader, person, index, 1_000);
        ask_for_code(&mut staged, &reader, index, 2_000);
    }
    staged.put_duplicate_counts(&rows(&reader, 1)[3], &duplicate_counts(1));
    staged.put_virtual_number(&virtual_number(1), &virtual_row(&number(1)));
    let mut changed = record(Sequence::new(1));
    changed.virtual_number = Some(virtual_number(1));
    staged.replace_identity(&number(1), &changed);
    writer.commit(staged, vec![()]).unwrap();
    store
}

/// Does something to a table behind the store's back, and names the problems that a check then finds.
fn after(
    table: &str,
    damage: impl Fn(&rocksdb::DB, &rocksdb::ColumnFamily, &[Vec<u8>]),
) -> Vec<(Problem, u64)> {
    let store = asked();
    {
        let tables = store.tables();
        let family = tables.cf_handle(table).unwrap();
        let keys: Vec<Vec<u8>> = tables
            .iterator_cf(family, rocksdb::IteratorMode::Start)
            .map(|row| row.unwrap().0.into_vec())
            .collect();
        assert!(!keys.is_empty());
        damage(&tables, family, &keys);
    }
    report(&store).problems.into_iter().collect()
}

#[test]
fn what_relying_parties_asked_is_clean_and_counted() {
    let report = report(&asked());
    assert_eq!(report.problems, BTreeMap::new());
    let counts = report.counts;
    assert_eq!((counts.attempts, counts.quotas, counts.history, counts.virtual_numbers), (6, 2, 3, 1));
    assert_eq!((counts.otps, counts.outbox, counts.nonces, counts.expiries), (3, 3, 3, 9));
    assert_eq!((counts.requests, counts.leaves), (5, 5));
}

#[test]
fn every_damaged_row_of_what_was_asked_is_noticed() {
    for table in ["attempts", "otps", "outbox", "days", "duplicates", "nonces", "virtual_numbers"] {
        let found = after(table, |tables, family, keys| {
            tables.put_cf(family, &keys[0], b"garbage").unwrap();
        });
        assert!(found.contains(&(Problem::Unreadable(name(table)), 1)), "{table}: {found:?}");
    }
    // Rows of the two people open with their numbers; the third is of a number that nobody holds.
    let found = after("history", |tables, family, keys| {
        keys.iter().for_each(|key| tables.put_cf(family, key, b"garbage").unwrap());
    });
    assert_eq!(found, [(Problem::Unreadable("history"), 2)]);
}

#[test]
fn keys_that_were_never_given_are_noticed() {
    for table in
        ["attempts", "otps", "outbox", "days", "duplicates", "virtual_numbers", "history", "expiries"]
    {
        let found = after(table, |tables, family, _| tables.put_cf(family, b"odd", b"").unwrap());
        assert_eq!(found, [(Problem::Unreadable(name(table)), 1)]);
    }
    let found = after("outbox", |tables, family, keys| {
        let row = tables.get_cf(family, &keys[0]).unwrap().unwrap();
        tables.put_cf(family, 4_u64.to_be_bytes(), row).unwrap();
    });
    // Moved, it does not open either.
    assert_eq!(found, [(Problem::Unreadable("outbox"), 1)]);
    let found = after("history", |tables, family, keys| {
        let mut later = keys[0].clone();
        later[16..].copy_from_slice(&6_u64.to_be_bytes());
        tables.put_cf(family, later, b"").unwrap();
    });
    assert!(found.contains(&(Problem::NeverGiven("history"), 1)), "{found:?}");
}

#[test]
fn a_message_beyond_the_last_that_was_given_is_noticed() {
    let store = asked();
    {
        let tables = store.tables();
        let keys = KeyRing::derive(&root(1), DEPLOYMENT);
        for id in [0, 4_u64] {
            let place = Place { table: "outbox", key: &id.to_be_bytes(), version: 1, secret: None };
            let row = keys.seal(&place, &delivery(1).encode(), [1; 24]);
            tables.put_cf(tables.cf_handle("outbox").unwrap(), place.key, row).unwrap();
        }
    }
    let problems: Vec<_> = report(&store).problems.into_iter().collect();
    assert_eq!(problems, [(Problem::NeverGiven("outbox"), 2)]);
}

#[test]
fn a_virtual_number_without_its_row_or_of_another_person_is_noticed() {
    let found = after("virtual_numbers", |tables, family, keys| tables.delete_cf(family, &keys[0]).unwrap());
    assert_eq!(found, [(Problem::VirtualNumberMissing, 1)]);
    let store = asked();
    {
        let (_reader, mut writer) = store.open();
        let mut staged = writer.stage();
        staged.put_virtual_number(&virtual_number(1), &virtual_row(&number(2)));
        writer.commit(staged, vec![()]).unwrap();
    }
    let problems: Vec<_> = report(&store).problems.into_iter().collect();
    assert_eq!(problems, [(Problem::VirtualNumberOfAnother, 1)]);
}

#[test]
fn a_row_that_would_never_be_reclaimed_is_noticed() {
    // The queue holds three answers, three nonces (both until 1,000) and three codes (until 2,000), in this order.
    for (place, table) in [(0, "requests"), (3, "nonces"), (6, "otps")] {
        let found = after("expiries", |tables, family, keys| tables.delete_cf(family, &keys[place]).unwrap());
        assert_eq!(found, [(Problem::NeverReclaimed(name(table)), 1)]);
    }
    // Without a nonce its place in the queue is harmless.
    assert_eq!(after("nonces", |tables, family, keys| tables.delete_cf(family, &keys[0]).unwrap()), []);
    let found = after("expiries", |tables, family, keys| tables.put_cf(family, &keys[0], b"x").unwrap());
    assert_eq!(found, [(Problem::Unreadable("expiries"), 1)]);
}

#[test]
fn a_row_that_reclaiming_has_passed_is_noticed() {
    let store = asked();
    {
        let (_reader, mut writer) = store.open();
        let mut staged = writer.stage();
        // All six of 1,000 and one of 2,000: the other two are still to come.
        assert_eq!(staged.reclaim(Timestamp::from_millis(3_000), 7).unwrap(), 7);
        writer.commit(staged, vec![()]).unwrap();
    }
    assert!(report(&store).is_clean());
    {
        let tables = store.tables();
        let expiries = tables.cf_handle("expiries").unwrap();
        let (last, _) = tables.iterator_cf(expiries, rocksdb::IteratorMode::End).next().unwrap().unwrap();
        let mut early = last.into_vec();
        early[..8].copy_from_slice(&1_999_u64.to_be_bytes());
        tables.put_cf(expiries, early, b"").unwrap();
    }
    assert_eq!(report(&store).problems.into_iter().collect::<Vec<_>>(), [(Problem::LeftBehind, 1)]);
}

/// A table's name as problems carry it.
fn name(table: &str) -> &'static str {
    [
        "attempts",
        "otps",
        "outbox",
        "days",
        "duplicates",
        "virtual_numbers",
        "history",
        "expiries",
        "nonces",
        "requests",
    ]
    .into_iter()
    .find(|name| *name == table)
    .unwrap()
}

#[test]
fn one_number_with_two_holders_is_noticed() {
    let store = populated();
    {
        let (_reader, mut writer) = store.open();
        let mut staged = writer.stage();
        staged.put_holder(Sequence::new(2), &Holder::Number(number(1)));
        writer.commit(staged, vec![()]).unwrap();
    }
    let problems = report(&store).problems;
    assert_eq!(problems.get(&Problem::NumberHeldTwice), Some(&1));
    assert_eq!(problems.get(&Problem::IdentityOfAnotherHolder), Some(&1));
    assert_eq!(problems.get(&Problem::IdentityWithoutHolder), Some(&1));
}
