use std::collections::BTreeMap;

use plinth_identity::gallery::Holder;
use plinth_identity::id::Sequence;
use plinth_storage::{Check, Problem, Report, check};

use crate::people::{Store, enrol, enrol_pending, features, originals, populate, tokens};

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
    staged.put_gallery(sequence, &originals(sequence), &features(), &tokens(&features()));
    writer.commit(staged, vec![()]).unwrap();
    let mut staged = writer.stage();
    staged.remove_gallery(sequence, &tokens(&features()));
    staged.put_holder(sequence, &Holder::Withdrawn);
    writer.commit(staged, vec![()]).unwrap();
    store
}

fn report(store: &Store) -> Report {
    let (reader, _writer) = store.open();
    check(&reader, &tokens, &mut |_| {}).unwrap()
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
    assert_eq!((counts.identities, counts.holders, counts.gallery, counts.postings), (5, 7, 6, 6 * 24));
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
    let report = check(&reader, &tokens, &mut |progress| {
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
    assert_eq!(
        without_first("features"),
        problems(&[(Problem::GalleryRowMissing("features"), 1), (Problem::PostingWithoutFeatures, 24)])
    );
    assert_eq!(without_first("postings"), problems(&[(Problem::PostingMissing, 6)]));
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
        tables.put_cf(tables.cf_handle("postings").unwrap(), [7; 8], [7; 8]).unwrap();
    }
    let problems = report(&store).problems;
    assert_eq!(problems.get(&Problem::Unreadable("holders")), Some(&1));
    assert_eq!(problems.get(&Problem::Unreadable("templates")), Some(&1));
    assert_eq!(problems.get(&Problem::PostingWithoutFeatures), Some(&1));
}

#[test]
fn one_number_with_two_holders_is_noticed() {
    let store = populated();
    {
        let (_reader, mut writer) = store.open();
        let mut staged = writer.stage();
        staged.put_holder(Sequence::new(2), &Holder::Number(crate::people::number(1)));
        writer.commit(staged, vec![()]).unwrap();
    }
    let problems = report(&store).problems;
    assert_eq!(problems.get(&Problem::NumberHeldTwice), Some(&1));
    assert_eq!(problems.get(&Problem::IdentityOfAnotherHolder), Some(&1));
    assert_eq!(problems.get(&Problem::IdentityWithoutHolder), Some(&1));
}
