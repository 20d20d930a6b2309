use std::fs;
use std::path::Path;

use plinth_storage::StoreError;

use crate::asking::{CODE, ask_for_code, authenticate, duplicate_counts, failures, nonce, rows, virtual_row};
use crate::people::{
    Store, email, number, party, party_id, phone, populate, record, request, virtual_number,
};
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
        let (reader, mut writer) = store.open();
        populate(&mut writer, 1..=3);
        drop((reader, writer));
        ask(&store);
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
    assert!(contains(store.path(), &DEADLINE.to_be_bytes()));
}

fn secrets() -> Vec<Vec<u8>> {
    let mut secrets: Vec<Vec<u8>> = [
        &b"Zubeida"[..],
        b"zubeida",
        b"Quartermain",
        b"FMR\0",
        b"agency",
        b"a statement with a number in it",
        b"a statement of a yes",
        b"bank",
        b"The Bank of Nowhere",
        b"to open an account",
        b"Marchpane",
        b"a secret of twenty..",
        CODE.as_bytes(),
        b"5557364512",
        phone().as_str().as_bytes(),
        email().as_str().as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for index in 1..=3 {
        secrets.push(number(index).reveal().into_bytes());
        secrets.push(number(index).digits().to_vec());
        secrets.push(request(index).as_bytes().to_vec());
        secrets.push(nonce(index).as_bytes().to_vec());
        secrets.push(virtual_number(index).reveal().into_bytes());
        secrets.push(virtual_number(index).digits().to_vec());
    }
    // A number that nobody holds is somebody's all the same.
    secrets.push(number(9).reveal().into_bytes());
    secrets
}

/// What relying parties ask about two people and a number that nobody holds, and what is kept of it: two rows or more in
/// every table.
fn ask(store: &Store) {
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    staged.put_party(&party(PartyKind::RelyingParty, "bank"));
    for (index, person) in [(1, 1), (2, 2), (3, 9)] {
        authenticate(&mut staged, &reader, person, index, DEADLINE);
        ask_for_code(&mut staged, &reader, index, DEADLINE);
        let [pair, own, day, agency] = rows(&reader, person);
        staged.put_attempts(&pair, &failures(1));
        staged.put_attempts(&own, &failures(1));
        staged.put_duplicate_counts(&agency, &duplicate_counts(1));
        staged.put_duplicate_counts(&day, &duplicate_counts(1));
        let counts = staged.day_counts(&day).unwrap();
        staged.put_day_counts(&agency, &counts);
        staged.put_virtual_number(&virtual_number(index), &virtual_row(&number(person)));
    }
    let mut changed = record(Sequence::new(1));
    changed.virtual_number = Some(virtual_number(1));
    staged.replace_identity(&number(1), &changed);
    writer.commit(staged, vec![()]).unwrap();
}

/// Stands in the clear in the queue of what ends.
const DEADLINE: u64 = 0x0123_4567_89ab_cdef;

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
fn a_row_of_what_was_asked_does_not_open_at_another_key() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        populate(&mut writer, 1..=2);
    }
    ask(&store);
    for table in ["attempts", "otps", "outbox", "virtual_numbers", "history", "days", "duplicates"] {
        swap_rows(&store, table);
    }
    let (reader, writer) = store.open();
    let otp = |index| reader.keys().otp_row(&party_id("bank"), &request(index));
    let [pairs, days] = [0, 2].map(|kind| [1, 2, 9].map(|person| rows(&reader, person)[kind]));
    let agency = rows(&reader, 1)[3];
    let refused = [
        pairs
            .iter()
            .chain(&[1, 2, 9].map(|person| rows(&reader, person)[1]))
            .filter(|row| reader.attempts(row).is_err())
            .count(),
        [1, 2, 3].iter().filter(|index| writer.stage().otp(&otp(**index)).is_err()).count(),
        usize::from(reader.deliveries(0, 10).is_err()),
        [1, 2, 3].iter().filter(|index| reader.virtual_number(&virtual_number(**index)).is_err()).count(),
        // One of the three may be the list of the number that nobody holds, which no reader opens.
        usize::from([1, 2].iter().any(|person| reader.history(&number(*person), None, 10).is_err())),
        [days[0], agency].iter().filter(|row| reader.day_counts(row).is_err()).count(),
        [days[0], agency].iter().filter(|row| reader.duplicate_counts(row).is_err()).count(),
    ];
    assert_eq!(refused, [2, 2, 1, 2, 1, 2, 2]);
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
