//! Stores of format 1, as a program before virtual numbers and one-time codes left them, of format 2, as one before the
//! index in segments left them, and of format 3, as one before batches left them.

use std::fs;

use plinth_identity::id::{LogPosition, Sequence};
use plinth_identity::keys::{KeyRing, Place};
use plinth_identity::party::PartyKind;
use plinth_storage::{
    IndexManifest, NonceUse, Reader, StatementKind, StoreError, StoredAnswer, check, restore,
};

use crate::asking::{at, nonce};
use crate::people::{
    DEPLOYMENT, Store, answer, copy, digest, enrol_one, number, party_id, populate, request, root,
};

/// Tables that format 1 does not have.
const ADDED_BY_2: [&str; 8] =
    ["attempts", "otps", "outbox", "virtual_numbers", "history", "days", "duplicates", "expiries"];
/// Tables that format 2 does not have.
const ADDED_BY_3: [&str; 5] = ["segments", "manifests", "tombstones", "imports", "findings"];
/// Tables that format 3 does not have.
const ADDED_BY_4: [&str; 1] = ["batches"];
const HEAD: Place<'static> = Place { table: "meta", key: b"head", version: 1, secret: None };
/// When the requests of the old store end.
const END: u64 = 5_000;

/// Three people, one authentication and one change of the registry, with nonces.
fn old_store() -> Store {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, 1..=3);
        let mut staged = writer.stage();
        for (index, kind) in [(10, StatementKind::Authentication), (11, StatementKind::Registry)] {
            let stored = StoredAnswer { kind, not_after: at(END), ..answer(1) };
            staged.put_answer(PartyKind::RelyingParty, &party_id("bank"), &request(index), &stored);
            let used = NonceUse { digest: digest(1), not_after: at(END + index) };
            staged.put_nonce(PartyKind::RelyingParty, &party_id("bank"), &nonce(index), &used);
        }
        writer.commit(staged, vec![()]).unwrap();
    }
    without(&store, &ADDED_BY_2);
    with_postings(&store);
    {
        let tables = store.tables();
        let (keys, meta) = (KeyRing::derive(&root(1), DEPLOYMENT), tables.cf_handle("meta").unwrap());
        let sealed = tables.get_cf(meta, HEAD.key).unwrap().unwrap();
        let mut head = keys.open(&HEAD, &sealed).unwrap().to_vec();
        assert_eq!((head[0], head.len()), (2, 1 + 10 * 8));
        head[0] = 1;
        head.truncate(1 + 6 * 8);
        tables.put_cf(meta, HEAD.key, keys.seal(&HEAD, &head, [9; 24])).unwrap();
    }
    describe_as(&store, 1);
    store
}

/// Makes what is there the tables of format 2 or older: without those of the third, and with the index of old.
fn with_postings(store: &Store) {
    without(store, &ADDED_BY_4);
    without(store, &ADDED_BY_3);
    let mut tables = store.tables();
    let mut options = rocksdb::Options::default();
    options.set_merge_operator_associative("symmetric difference", |_, _, _| Some(vec![0; 16]));
    tables.create_cf("postings", &options).unwrap();
    let postings = tables.cf_handle("postings").unwrap();
    tables.put_cf(postings, [7; 8], [1; 8]).unwrap();
    // Still in the log when the store is opened again.
    tables.merge_cf(postings, [7; 8], [2; 8]).unwrap();
}

/// Three people, as a program of format 2 left them.
fn second_store() -> Store {
    let store = Store::new();
    populate(&mut store.open().1, 1..=3);
    with_postings(&store);
    describe_as(&store, 2);
    store
}

fn families(store: &Store) -> Vec<String> {
    rocksdb::DB::list_cf(&rocksdb::Options::default(), store.path().join("rocksdb")).unwrap()
}

fn without(store: &Store, families: &[&str]) {
    let mut tables = store.tables();
    for family in families {
        tables.drop_cf(family).unwrap();
    }
}

fn describe_as(store: &Store, format: u32) {
    let path = store.path().join("PLINTH");
    let text = fs::read_to_string(&path).unwrap();
    let (_, rest) = text.split_once("\ndeployment").unwrap();
    fs::write(&path, format!("plinth store\nformat {format}\ndeployment{rest}")).unwrap();
}

fn format(store: &Store) -> String {
    fs::read_to_string(store.path().join("PLINTH")).unwrap().lines().nth(1).unwrap().to_owned()
}

/// What must be found in the old store once it is open.
fn assert_whole(reader: &Reader) {
    let head = reader.head();
    assert_eq!((head.identities, head.gallery, head.last_log_position().get()), (3, 3, 3));
    assert_eq!((head.next_outbox, head.latest, head.reclaimed), (1, at(0), at(0)));
    assert!(reader.identity(&number(3)).unwrap().is_some());
    let report = check(reader, &mut |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
    // Two nonces and two answers; the answers to three enrolments stay.
    assert_eq!((report.counts.requests, report.counts.nonces, report.counts.expiries), (5, 2, 4));
}

#[test]
fn a_store_of_the_first_format_is_brought_to_the_newest_and_forgets_in_time() {
    let store = old_store();
    let (reader, mut writer) = store.open();
    assert_eq!(format(&store), "format 4");
    assert_whole(&reader);
    // The new description is locked like the old one was.
    assert_eq!(store.try_open().err(), Some(StoreError::InUse));
    enrol_one(&mut writer, 4);
    let mut staged = writer.stage();
    assert_eq!(staged.reclaim(at(END + 11), 100).unwrap(), 3);
    writer.commit(staged, vec![()]).unwrap();
    drop((reader, writer));

    let (reader, _writer) = store.open();
    assert!(reader.answer(PartyKind::RelyingParty, &party_id("bank"), &request(10)).unwrap().is_none());
    assert!(reader.answer(PartyKind::Agency, &party_id("agency"), &request(1)).unwrap().is_some());
    let there = |index| reader.nonce(PartyKind::RelyingParty, &party_id("bank"), &nonce(index)).unwrap();
    assert!(there(10).is_none() && there(11).is_some());
    assert_eq!(reader.head().reclaimed, at(END + 11));
    assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
}

#[test]
fn an_interrupted_upgrade_is_begun_again() {
    let store = old_store();
    drop(store.open());
    // Some tables made, some rows entered, the index of old gone, the description not yet replaced.
    without(&store, &ADDED_BY_2[..5]);
    without(&store, &ADDED_BY_3[..2]);
    describe_as(&store, 1);
    let (reader, _writer) = store.open();
    assert_eq!(format(&store), "format 4");
    assert_whole(&reader);
}

#[test]
fn an_upgrade_does_not_replace_a_table_that_has_vanished() {
    let store = old_store();
    without(&store, &["identities"]);
    for _ in 0..2 {
        let refused = store.try_open().err();
        assert!(matches!(refused, Some(StoreError::Corrupt { place: "rocksdb", .. })), "{refused:?}");
    }
    assert_eq!(format(&store), "format 1");
}

#[test]
fn a_store_of_the_second_format_loses_its_old_index_and_nothing_else() {
    let store = second_store();
    for _ in 0..2 {
        let (reader, mut writer) = store.open();
        assert_eq!(format(&store), "format 4");
        assert_eq!(
            (reader.head().identities, reader.gallery_since(Sequence::new(1), 9).unwrap().len()),
            (3, 3)
        );
        // Nobody is in the new index yet: the service builds it from the features.
        assert!(reader.index().unwrap().is_none() && reader.imports().unwrap().is_empty());
        assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
        let mut staged = writer.stage();
        staged.put_index_manifest(&IndexManifest::default());
        writer.commit(staged, vec![()]).unwrap();
        drop((reader, writer));
        let families = families(&store);
        assert!(!families.iter().any(|name| name == "postings"));
        assert!(ADDED_BY_3.iter().all(|name| families.iter().any(|found| found == name)));
        // An upgrade that was interrupted just before its end.
        without(&store, &["manifests"]);
        describe_as(&store, 2);
    }
}

#[test]
fn a_store_of_the_third_format_gets_its_table_of_batches() {
    let store = Store::new();
    populate(&mut store.open().1, 1..=3);
    without(&store, &ADDED_BY_4);
    describe_as(&store, 3);
    for _ in 0..2 {
        let (reader, _writer) = store.open();
        assert_eq!(format(&store), "format 4");
        assert_eq!((reader.head().identities, reader.head().gallery), (3, 3));
        assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
        assert!(reader.leaf_batch(LogPosition::new(1)).unwrap().is_none());
    }
}

#[test]
fn an_upgrade_of_the_second_format_does_not_replace_a_table_that_has_vanished() {
    for table in ["expiries", "features"] {
        let store = second_store();
        without(&store, &[table]);
        for _ in 0..2 {
            let refused = store.try_open().err();
            assert!(matches!(refused, Some(StoreError::Corrupt { place: "rocksdb", .. })), "{refused:?}");
        }
        assert!(families(&store).iter().any(|name| name == "postings"));
        assert_eq!(format(&store), "format 2");
    }
}

#[test]
fn a_store_of_the_newest_format_without_one_of_its_tables_is_refused() {
    for table in ADDED_BY_2.into_iter().chain(ADDED_BY_3).chain(ADDED_BY_4) {
        let store = Store::new();
        without(&store, &[table]);
        assert!(store.try_open().is_err());
        assert!(store.try_open().is_err());
    }
}

#[test]
fn a_backup_of_the_first_format_is_restored_to_the_newest() {
    let store = old_store();
    let folder = tempfile::tempdir().unwrap();
    let (backup, restored) = (folder.path().join("backup"), tempfile::tempdir().unwrap());
    fs::create_dir(&backup).unwrap();
    copy(store.path(), &backup);
    restore(&backup, restored.path(), &root(1)).unwrap();
    let restored = Store { folder: restored };
    assert_eq!(format(&restored), "format 4");
    let (reader, _writer) = restored.open();
    assert_whole(&reader);
    assert_eq!(format(&store), "format 1");
}
