use std::fs;
use std::path::PathBuf;

use plinth_storage::StoreError;

use crate::people::{Store, enrol_one, number, populate};

/// The newest write-ahead log that holds anything.
fn newest_log(store: &Store) -> PathBuf {
    let mut logs: Vec<PathBuf> = fs::read_dir(store.path().join("rocksdb"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .filter(|path| fs::metadata(path).unwrap().len() > 0)
        .collect();
    logs.sort();
    logs.pop().unwrap()
}

#[test]
fn committed_rows_are_there_after_a_crash_and_the_head_with_them() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=5);
    let head = reader.head();
    let (reader, writer) = store.crashed().open();
    assert_eq!(reader.head(), head);
    assert_eq!(head.identities, 5);
    for index in 1..=5 {
        assert!(reader.identity(&number(index)).unwrap().is_some());
    }
    drop(writer);
}

#[test]
fn an_unfinished_last_record_is_forgotten_and_the_rest_stays() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, [1]);
    }
    let (_reader, mut writer) = store.open();
    enrol_one(&mut writer, 2);
    enrol_one(&mut writer, 3);
    // The mark of the crashed folder is that of the last closing, before person 2.
    let crashed = store.crashed();
    let log = newest_log(&crashed);
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 5]).unwrap();
    let (reader, mut writer) = crashed.open();
    assert!(reader.identity(&number(2)).unwrap().is_some());
    assert!(reader.identity(&number(3)).unwrap().is_none());
    assert_eq!(reader.head().identities, 2);
    enrol_one(&mut writer, 3);
    assert_eq!(reader.head().identities, 3);
}

#[test]
fn a_torn_log_that_lost_what_the_mark_witnessed_is_refused() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, [1, 2]);
    }
    let log = newest_log(&store);
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 5]).unwrap();
    assert_eq!(store.try_open().err(), Some(StoreError::BehindMark { mark: 3, found: 2 }));
}

#[test]
fn a_deleted_log_is_refused() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, [1, 2]);
    }
    fs::remove_file(newest_log(&store)).unwrap();
    let refused = store.try_open().err().unwrap();
    assert!(matches!(refused, StoreError::BehindMark { mark: 3, .. }), "{refused}");
}

#[test]
fn a_flipped_bit_in_the_middle_of_the_log_is_refused() {
    let store = Store::new();
    let (_reader, mut writer) = store.open();
    populate(&mut writer, 1..=100);
    let crashed = store.crashed();
    let log = newest_log(&crashed);
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert!(crashed.try_open().is_err());
}

#[test]
fn the_mark_follows_the_commits_without_being_closed() {
    let store = Store::new();
    let options =
        plinth_storage::StoreOptions { mark_interval: std::time::Duration::ZERO, ..Default::default() };
    let (_reader, mut writer) =
        plinth_storage::open(store.path(), &crate::people::root(1), &options, crate::people::nonces())
            .unwrap();
    let before = fs::read(store.path().join("MARK")).unwrap();
    populate(&mut writer, [1]);
    // No time is measured: a keeper that never writes fails by never ending.
    while fs::read(store.path().join("MARK")).unwrap() == before {
        std::thread::yield_now();
    }
}
