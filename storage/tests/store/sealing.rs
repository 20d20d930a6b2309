use std::fs;
use std::path::Path;

use plinth_storage::StoreError;

use crate::people::{Store, number, party_id, populate, request};
use plinth_identity::id::Sequence;
use plinth_identity::party::PartyKind;

fn contains(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contains(&path, needle)
        } else {
            fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
        }
    })
}

#[test]
fn no_file_of_the_folder_holds_a_name_a_number_a_template_or_a_party() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, 1..=3);
        // The log and, once reopened, the table files.
        for needle in secrets() {
            assert!(!contains(store.path(), &needle));
        }
    }
    drop(store.open());
    for needle in secrets() {
        assert!(!contains(store.path(), &needle));
    }
    // The search itself finds what is there.
    assert!(contains(store.path(), b"plinth store"));
    assert!(contains(store.path(), &[2; 32]));
}

fn secrets() -> Vec<Vec<u8>> {
    let mut secrets: Vec<Vec<u8>> = [
        &b"Zubeida"[..],
        b"zubeida",
        b"Quartermain",
        b"FMR\0",
        b"agency",
        b"a statement with a number in it",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for index in 1..=3 {
        secrets.push(number(index).reveal().into_bytes());
        secrets.push(number(index).digits().to_vec());
        secrets.push(request(index).as_bytes().to_vec());
    }
    secrets
}

/// Swaps the first two rows of a table behind the store's back.
fn swap_rows(store: &Store, table: &str) {
    let tables = store.tables();
    let family = tables.cf_handle(table).unwrap();
    let rows: Vec<_> =
        tables.iterator_cf(family, rocksdb::IteratorMode::Start).map(Result::unwrap).take(2).collect();
    tables.put_cf(family, &rows[0].0, &rows[1].1).unwrap();
    tables.put_cf(family, &rows[1].0, &rows[0].1).unwrap();
}

#[test]
fn a_row_moved_to_another_key_does_not_open() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, 1..=2);
    }
    for table in ["identities", "templates", "features", "holders", "requests"] {
        swap_rows(&store, table);
    }
    let (reader, _writer) = store.open();
    let first = Sequence::new(1);
    let refusals = [
        reader.identity(&number(1)).err(),
        reader.templates(first).err(),
        reader.features(first).err(),
        reader.holder(first).err(),
        reader.answer(PartyKind::Agency, &party_id("agency"), &request(1)).err(),
        reader.gallery_since(first, 10).err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, Some(StoreError::Corrupt { .. })), "{refused:?}");
    }
}

#[test]
fn a_row_moved_to_another_table_does_not_open() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, 1..=2);
    }
    {
        let tables = store.tables();
        let [from, to] = ["templates", "features"].map(|table| tables.cf_handle(table).unwrap());
        let key = 1_u64.to_be_bytes();
        let row = tables.get_cf(from, key).unwrap().unwrap();
        tables.put_cf(to, key, row).unwrap();
    }
    let (reader, _writer) = store.open();
    assert!(matches!(
        reader.features(Sequence::new(1)).err(),
        Some(StoreError::Corrupt { place: "features", .. })
    ));
    assert!(reader.features(Sequence::new(2)).unwrap().is_some());
}

#[test]
fn any_bytes_in_a_row_are_an_error_and_not_a_panic() {
    for garbage in [&b""[..], b"\x01", b"\x01\0\0\0\x01", &[0xff; 300]] {
        let store = Store::new();
        {
            let (_reader, mut writer) = store.open();
            populate(&mut writer, [1]);
        }
        {
            let tables = store.tables();
            for (table, key) in
                [("features", &1_u64.to_be_bytes()[..]), ("log", &1_u64.to_be_bytes()), ("holders", b"odd")]
            {
                tables.put_cf(tables.cf_handle(table).unwrap(), key, garbage).unwrap();
            }
        }
        assert!(matches!(store.try_open().err(), Some(StoreError::Corrupt { place: "log", .. })));
    }
}
