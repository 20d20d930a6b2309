use std::fs;

use plinth_storage::{StoreError, backup, check, open, restore};

use crate::people::{DEPLOYMENT, Store, enrol_one, nonces, number, options, populate, root};

#[test]
fn a_backup_of_a_serving_store_restores_to_what_it_held() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=5);
    let folders = tempfile::tempdir().unwrap();
    let (copy, restored) = (folders.path().join("backup"), folders.path().join("restored"));
    let head = backup(&reader, &copy).unwrap();
    assert_eq!(head, reader.head());
    enrol_one(&mut writer, 6);

    let report = restore(&copy, &restored, &root(1)).unwrap();
    assert_eq!((report.deployment, report.head, report.leaves), (DEPLOYMENT, head, 5));
    let (reader, mut writer) = open(&restored, &root(1), &options(), nonces()).unwrap();
    assert!(reader.identity(&number(5)).unwrap().is_some());
    assert!(reader.identity(&number(6)).unwrap().is_none());
    assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
    enrol_one(&mut writer, 6);
    // The copy can be restored again: serving the restored store does not touch it.
    let again = folders.path().join("again");
    assert_eq!(restore(&copy, &again, &root(1)).unwrap().head, head);
}

#[test]
fn a_backup_and_a_restore_never_write_over_anything() {
    let store = Store::new();
    let (reader, _writer) = store.open();
    assert_eq!(backup(&reader, store.path()).err(), Some(StoreError::NotEmpty));
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("backup");
    backup(&reader, &copy).unwrap();
    assert_eq!(backup(&reader, &copy).err(), Some(StoreError::NotEmpty));
    assert_eq!(restore(&copy, store.path(), &root(1)).err(), Some(StoreError::NotEmpty));
}

#[test]
fn a_backup_needs_its_root_key_and_its_description() {
    let store = Store::new();
    let (reader, _writer) = store.open();
    let folder = tempfile::tempdir().unwrap();
    let (copy, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    backup(&reader, &copy).unwrap();
    assert_eq!(restore(&copy, &restored, &root(2)).err(), Some(StoreError::WrongRootKey));
    fs::remove_file(copy.join("PLINTH")).unwrap();
    assert_eq!(restore(&copy, &restored, &root(1)).err(), Some(StoreError::NotInitialised));
    assert!(!restored.exists());
}

#[test]
fn a_damaged_backup_is_not_restored_to_a_store_that_opens() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=20);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("backup");
    backup(&reader, &copy).unwrap();
    let tables: Vec<_> = fs::read_dir(copy.join("rocksdb"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .collect();
    assert!(!tables.is_empty());
    for (index, table) in tables.iter().enumerate() {
        let sound = fs::read(table).unwrap();
        let mut damaged = sound.clone();
        // Within the first data block.
        damaged[10] ^= 1;
        // A new file, because the old one is linked to the serving store's.
        fs::remove_file(table).unwrap();
        fs::write(table, damaged).unwrap();
        let restored = folder.path().join(index.to_string());
        assert!(restore(&copy, &restored, &root(1)).is_err());
        assert_eq!(open(&restored, &root(1), &options(), nonces()).err(), Some(StoreError::NotInitialised));
        fs::write(table, sound).unwrap();
    }
}
