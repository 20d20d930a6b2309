use std::fs;

use plinth_identity::id::DeploymentId;
use plinth_storage::{StoreError, create, open};

use crate::people::{DEPLOYMENT, Store, nonces, options, populate, root};

#[test]
fn a_folder_without_a_store_is_not_initialised_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for path in [folder.path(), &missing] {
        let refused = open(path, &root(1), &options(), nonces()).err();
        assert_eq!(refused, Some(StoreError::NotInitialised));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_store_is_created_in_a_new_folder_and_never_over_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("store");
    create(&path, &root(1), DEPLOYMENT).unwrap();
    let before = fs::read(path.join("PLINTH")).unwrap();
    assert_eq!(create(&path, &root(2), DEPLOYMENT), Err(StoreError::NotEmpty));
    assert_eq!(fs::read(path.join("PLINTH")).unwrap(), before);

    fs::write(folder.path().join("a file"), b"mine").unwrap();
    assert_eq!(create(folder.path(), &root(1), DEPLOYMENT), Err(StoreError::NotEmpty));
}

#[test]
fn an_interrupted_creation_is_not_initialised() {
    let store = Store::new();
    fs::remove_file(store.path().join("PLINTH")).unwrap();
    assert_eq!(store.try_open().err(), Some(StoreError::NotInitialised));
}

#[test]
fn another_root_key_is_refused() {
    let store = Store::new();
    let refused = open(store.path(), &root(2), &options(), nonces()).err();
    assert_eq!(refused, Some(StoreError::WrongRootKey));
    store.open();
}

#[test]
fn another_format_is_refused_by_its_number() {
    let store = Store::new();
    let path = store.path().join("PLINTH");
    let text = fs::read_to_string(&path).unwrap().replace("format 4\n", "format 7\n");
    fs::write(&path, text).unwrap();
    assert_eq!(store.try_open().err(), Some(StoreError::OtherVersion { found: 7, supported: 4 }));
}

#[test]
fn a_store_has_one_owner_until_the_last_reader_is_gone() {
    let store = Store::new();
    let (reader, writer) = store.open();
    assert_eq!(store.try_open().err(), Some(StoreError::InUse));
    drop(writer);
    assert_eq!(store.try_open().err(), Some(StoreError::InUse));
    drop(reader);
    store.open();
}

#[test]
fn the_tables_of_another_deployment_do_not_open() {
    let (ours, theirs) = (Store::new(), tempfile::tempdir().unwrap());
    create(theirs.path(), &root(1), DeploymentId::from_bytes([9; 16])).unwrap();
    fs::remove_dir_all(ours.path().join("rocksdb")).unwrap();
    fs::rename(theirs.path().join("rocksdb"), ours.path().join("rocksdb")).unwrap();
    assert!(matches!(ours.try_open().err(), Some(StoreError::Corrupt { place: "meta", .. })));
}

#[test]
fn a_missing_or_altered_mark_is_refused() {
    let store = Store::new();
    let path = store.path().join("MARK");
    let mut mark = fs::read(&path).unwrap();
    *mark.last_mut().unwrap() ^= 1;
    fs::write(&path, &mark).unwrap();
    assert!(matches!(store.try_open().err(), Some(StoreError::Corrupt { place: "MARK", .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(store.try_open().err(), Some(StoreError::Corrupt { place: "MARK", .. })));
}

#[test]
fn missing_tables_are_refused_and_not_made_anew() {
    let store = Store::new();
    fs::remove_dir_all(store.path().join("rocksdb")).unwrap();
    assert!(store.try_open().is_err());
    assert!(store.try_open().is_err());
}

#[test]
fn a_log_that_is_shorter_or_longer_than_the_head_says_is_refused() {
    for (delete, position) in [(true, 2_u64), (false, 3)] {
        let store = Store::new();
        let (reader, mut writer) = store.open();
        populate(&mut writer, [1, 2]);
        drop((reader, writer));
        {
            let tables = store.tables();
            let log = tables.cf_handle("log").unwrap();
            let key = position.to_be_bytes();
            if delete {
                tables.delete_cf(log, key).unwrap()
            } else {
                tables.put_cf(log, key, [1; 33]).unwrap()
            }
        }
        assert!(matches!(store.try_open().err(), Some(StoreError::Corrupt { place: "log", .. })));
    }
}
