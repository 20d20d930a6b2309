use std::collections::BTreeMap;

use plinth_identity::party::PartyKind;
use plinth_storage::{CommitError, NonceUse, Reader, Writer, check};
use proptest::prelude::*;

use crate::asking::{ask_for_code, at, authenticate, nonce};
use crate::people::{Store, digest, party_id, populate, request};

const BANK: PartyKind = PartyKind::RelyingParty;
/// Tables whose rows end, and the queue of them.
const ENDING: [&str; 4] = ["requests", "nonces", "otps", "expiries"];

/// Stages one nonce that ends.
fn put_nonce(staged: &mut plinth_storage::Staged, index: u64, deadline: u64) {
    let used = NonceUse { digest: digest(1), not_after: at(deadline) };
    staged.put_nonce(BANK, &party_id("bank"), &nonce(index), &used);
    staged.expire_nonce(BANK, &party_id("bank"), &nonce(index), at(deadline));
}

fn put_nonces(writer: &mut Writer, deadlines: &[(u64, u64)]) {
    let mut staged = writer.stage();
    for (index, deadline) in deadlines {
        put_nonce(&mut staged, *index, *deadline);
    }
    writer.commit(staged, vec![()]).unwrap();
}

fn reclaim(writer: &mut Writer, until: u64, limit: usize) -> usize {
    let mut staged = writer.stage();
    let removed = staged.reclaim(at(until), limit).unwrap();
    writer.commit(staged, vec![()]).unwrap();
    removed
}

fn is_there(reader: &Reader, index: u64) -> bool {
    reader.nonce(BANK, &party_id("bank"), &nonce(index)).unwrap().is_some()
}

fn reclaimed(reader: &Reader) -> u64 {
    reader.head().reclaimed.millis()
}

#[test]
fn what_is_due_goes_oldest_first_and_what_is_not_stays() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    put_nonces(&mut writer, &[(1, 10), (2, 20), (3, 30)]);
    // The deadline itself is a moment at which the request is still accepted.
    assert_eq!(reclaim(&mut writer, 10, 100), 0);
    assert!(is_there(&reader, 1));
    assert_eq!(reclaim(&mut writer, 30, 100), 2);
    assert_eq!([1, 2, 3].map(|index| is_there(&reader, index)), [false, false, true]);
    assert_eq!(reclaimed(&reader), 30);
    assert_eq!(reclaim(&mut writer, 31, 100), 1);
    assert_eq!(reclaimed(&reader), 31);
}

#[test]
fn a_step_with_nothing_due_writes_nothing() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    put_nonces(&mut writer, &[(1, 10)]);
    let before = reader.head();
    assert_eq!(reclaim(&mut writer, 10, 100), 0);
    assert_eq!(reclaim(&mut writer, 1_000, 0), 0);
    assert_eq!(reader.head(), before);
}

#[test]
fn reclaiming_is_bounded_goes_on_where_it_ended_and_covers_what_it_removed() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let deadlines: Vec<(u64, u64)> = (1_u64..=7).map(|index| (index, 10 * index.div_ceil(3))).collect();
    put_nonces(&mut writer, &deadlines);
    // Three nonces end at 10, three at 20, one at 30.
    let mut steps = Vec::new();
    for _ in 0..5 {
        let removed = reclaim(&mut writer, 1_000, 2);
        let left = (1..=7).filter(|index| is_there(&reader, *index)).count();
        steps.push((removed, left, reclaimed(&reader)));
    }
    assert_eq!(steps, [(2, 5, 11), (2, 3, 21), (2, 1, 21), (1, 0, 1_000), (0, 0, 1_000)]);
}

#[test]
fn a_row_that_comes_late_is_not_left_behind() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    put_nonces(&mut writer, &[(1, 10)]);
    assert_eq!(reclaim(&mut writer, 500, 100), 1);
    put_nonces(&mut writer, &[(2, 20)]);
    // Entered where reclaiming has come to, so it goes with the next that does.
    assert_eq!(reclaim(&mut writer, 500, 100), 0);
    assert_eq!(reclaim(&mut writer, 501, 100), 1);
    assert!(!is_there(&reader, 2));
    assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
}

#[test]
fn a_step_reclaims_its_own_rows_too_and_never_twice() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    put_nonces(&mut writer, &[(1, 10), (2, 20)]);
    let mut staged = writer.stage();
    put_nonce(&mut staged, 3, 5);
    put_nonce(&mut staged, 4, 40);
    assert_eq!(staged.reclaim(at(30), 2).unwrap(), 2);
    assert!(staged.nonce(BANK, &party_id("bank"), &nonce(3)).unwrap().is_none());
    assert_eq!(staged.head().reclaimed, at(11));
    assert_eq!(staged.reclaim(at(30), 2).unwrap(), 1);
    assert_eq!(staged.reclaim(at(30), 2).unwrap(), 0);
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!([1, 2, 3, 4].map(|index| is_there(&reader, index)), [false, false, false, true]);
    assert_eq!(reclaimed(&reader), 30);
    assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
}

#[test]
fn nothing_goes_unless_the_cover_goes_with_it() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    put_nonces(&mut writer, &[(1, 10)]);
    let mut dropped = writer.stage();
    assert_eq!(dropped.reclaim(at(100), 10).unwrap(), 1);
    drop(dropped);
    assert!(is_there(&reader, 1));
    assert_eq!(reclaimed(&reader), 0);
    let mut overtaken = writer.stage();
    assert_eq!(overtaken.reclaim(at(100), 10).unwrap(), 1);
    put_nonces(&mut writer, &[(2, 20)]);
    assert_eq!(writer.commit(overtaken, vec![()]).err(), Some(CommitError::Conflict { table: "meta" }));
    assert!(is_there(&reader, 1));
    assert_eq!(reclaim(&mut writer, 100, 10), 2);
    // As a crash right after the commit leaves it.
    let (reader, _writer) = store.crashed().open();
    assert!(!is_there(&reader, 1));
    assert_eq!(reclaimed(&reader), 100);
}

#[test]
fn answers_and_codes_go_and_everything_else_stays() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    let mut staged = writer.stage();
    authenticate(&mut staged, &reader, 1, 100, 50);
    ask_for_code(&mut staged, &reader, 100, 60);
    writer.commit(staged, vec![()]).unwrap();
    let row = reader.keys().otp_row(&party_id("bank"), &request(100));
    let mut staged = writer.stage();
    let mut tried = staged.otp(&row).unwrap().unwrap();
    tried.wrong = 1;
    staged.put_otp(&row, &tried, at(60));
    writer.commit(staged, vec![()]).unwrap();

    assert_eq!(reclaim(&mut writer, 60, 100), 2);
    assert!(reader.answer(BANK, &party_id("bank"), &request(100)).unwrap().is_none());
    assert!(writer.stage().otp(&row).unwrap().is_some());
    assert_eq!(reclaim(&mut writer, 61, 100), 1);
    assert!(writer.stage().otp(&row).unwrap().is_none());

    let report = check(&reader, &mut |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
    let counts = report.counts;
    assert_eq!((counts.requests, counts.nonces, counts.otps, counts.expiries), (1, 0, 0, 0));
    assert_eq!((counts.history, counts.attempts, counts.quotas, counts.outbox), (1, 2, 1, 1));
    assert_eq!((counts.leaves, counts.enrolments), (2, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Against a model: what was put, and whether it must still be there, may be either, or must be covered.
    #[test]
    fn a_nonce_is_there_until_it_is_due_and_covered_once_it_has_gone(
        steps in proptest::collection::vec(
            (0_u64..40, proptest::collection::vec(0_u64..100, 0..6), 0_usize..8, any::<bool>()), 1..25),
    ) {
        let store = Store::new();
        let (mut reader, mut writer) = store.open();
        let (mut now, mut deadlines) = (100, Vec::new());
        for (passed, lifetimes, limit, reopened) in steps {
            now += passed;
            let mut staged = writer.stage();
            for lifetime in lifetimes {
                put_nonce(&mut staged, deadlines.len() as u64, now + lifetime);
                deadlines.push(now + lifetime);
            }
            let removed = staged.reclaim(at(now), limit).unwrap();
            prop_assert!(removed <= limit);
            writer.commit(staged, vec![()]).unwrap();
            if reopened {
                drop((reader, writer));
                (reader, writer) = store.open();
            }
            let (covered, mut due) = (reclaimed(&reader), 0);
            prop_assert!(covered <= now);
            for (index, deadline) in deadlines.iter().enumerate() {
                let there = is_there(&reader, index as u64);
                prop_assert!(there || *deadline < covered);
                prop_assert!(there || *deadline < now);
                due += usize::from(there && *deadline < now);
            }
            prop_assert!(removed == limit || due == 0);
            let report = check(&reader, &mut |_| {}).unwrap();
            prop_assert_eq!(report.problems, BTreeMap::new());
        }
        while reclaim(&mut writer, now + 1_000, 7) > 0 {}
        let counts = check(&reader, &mut |_| {}).unwrap().counts;
        prop_assert_eq!((counts.nonces, counts.expiries), (0, 0));
    }
}

/// Rows of a table, and bytes of its files, once everything is compacted.
fn compacted(store: &Store) -> BTreeMap<&'static str, (usize, u64)> {
    let tables = store.tables();
    let size = |table| {
        let family = tables.cf_handle(table).unwrap();
        tables.flush_cf(family).unwrap();
        tables.compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
        let rows = tables.iterator_cf(family, rocksdb::IteratorMode::Start).count();
        (rows, tables.property_int_value_cf(family, "rocksdb.live-sst-files-size").unwrap().unwrap())
    };
    ENDING.into_iter().map(|table| (table, size(table))).collect()
}

const HOUR: u64 = 3_600_000;
const EACH_HOUR: u64 = 12;

/// Some days of decisions, each hour's in one commit as the registrar does; gives the tables after the second, the eighth
/// and the last day, compacted.
fn days(count: u64, reclaiming: bool) -> Vec<BTreeMap<&'static str, (usize, u64)>> {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, 1..=3);
    }
    let mut seen = Vec::new();
    for day in 0..count {
        let (reader, mut writer) = store.open();
        for hour in day * 24..(day + 1) * 24 {
            decide(&reader, &mut writer, hour, reclaiming);
        }
        let report = check(&reader, &mut |_| {}).unwrap();
        assert_eq!(report.problems, BTreeMap::new());
        assert_eq!(report.counts.outbox, 0);
        drop((reader, writer));
        if [1, 7, count - 1].contains(&day) {
            seen.push(compacted(&store));
        }
    }
    seen
}

/// One hour's decisions: live and buffered requests in turn, every fourth with a code.
fn decide(reader: &Reader, writer: &mut Writer, hour: u64, reclaiming: bool) {
    let now = hour * HOUR;
    let (mut staged, mut sent) = (writer.stage(), Vec::new());
    staged.set_latest(at(now));
    for index in 0..EACH_HOUR {
        let request = 1_000 + hour * EACH_HOUR + index;
        let deadline = now + if index % 2 == 0 { 30_000 } else { 24 * HOUR };
        authenticate(&mut staged, reader, 1 + index % 4, request, deadline);
        if index % 4 == 0 {
            sent.push(ask_for_code(&mut staged, reader, request, now + 600_000));
        }
    }
    if reclaiming {
        // A bound that is never reached: 27 rows are added, and as many end.
        assert!(staged.reclaim(at(now), 64).unwrap() < 64);
    }
    writer.commit(staged, vec![()]).unwrap();
    let mut staged = writer.stage();
    sent.into_iter().for_each(|id| staged.remove_delivery(id));
    writer.commit(staged, vec![()]).unwrap();
}

#[test]
fn a_month_of_decisions_leaves_no_more_rows_and_bytes_than_its_second_day() {
    let days = days(30, true);
    for (table, (rows, bytes)) in &days[0] {
        for later in &days[1..] {
            assert_eq!(later[table].0, *rows, "{table}");
            assert!(later[table].1 * 10 <= bytes * 11, "{table}: {bytes} bytes, later {}", later[table].1);
        }
    }
    // Each hour's live half, the buffered half of a day and an hour, and the answers to three enrolments.
    let ending = EACH_HOUR / 2 + 25 * EACH_HOUR / 2;
    let codes = EACH_HOUR / 4;
    let rows = days[0].values().map(|(rows, _)| *rows as u64).collect::<Vec<_>>();
    let names = days[0].keys().copied().collect::<Vec<_>>();
    assert_eq!(names, ["expiries", "nonces", "otps", "requests"]);
    assert_eq!(rows, [2 * ending + codes, ending, codes, ending + 3]);
}

#[test]
fn without_reclaiming_a_week_leaves_everything() {
    let days = days(8, false);
    for table in ENDING {
        let [(before, smaller), (after, larger)] = [days[0][table], days[1][table]];
        assert!(after > 3 * before && larger > 3 * smaller, "{table}: {before} rows, then {after}");
    }
}
