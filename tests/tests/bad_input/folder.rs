//! Folders and keys that do not belong together: nothing is served, and the message says what to do.

use std::fs;
use std::sync::Arc;

use plinth_server::clock::ManualClock;
use plinth_server::config::ServeConfig;
use plinth_server::{ServeError, start};
use plinth_storage::StoreError;
use plinth_tests::{START, party_id, signing_key};
use tempfile::TempDir;

use crate::bench::Bench;

/// Why a server does not start with these settings.
async fn refused(config: &ServeConfig) -> ServeError {
    match start(config.clone(), Arc::new(ManualClock::at(START))).await {
        Ok(_) => panic!("a server started that must not"),
        Err(error) => error,
    }
}

fn init(folder: &TempDir) -> (ServeConfig, Result<(), ServeError>) {
    let (data, root_key) = (folder.path().join("data"), folder.path().join("root.key"));
    let administrators = [1, 2].map(|seed| (party_id(&format!("admin-{seed}")), signing_key(seed).public()));
    let made = plinth_server::init(&data, &root_key, &administrators, START).map(drop);
    (ServeConfig::new(data, root_key).on_free_ports(), made)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused_and_the_first_one_goes_on() {
    let mut bench = Bench::new().await;
    let error = refused(&bench.world.config).await;
    assert!(matches!(error, ServeError::Store(StoreError::InUse)), "{error:?}");
    assert!(error.to_string().contains("stop it first"), "{error}");
    let good = bench.enrolment();
    bench.decides_enrolment(&good).await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_another_version_is_refused_by_both_versions_names() {
    let mut bench = Bench::new().await;
    let good = bench.enrolment();
    bench.decides_enrolment(&good).await;
    bench.world.stop().await;
    let description = bench.world.config.data.join("PLINTH");
    let text = fs::read_to_string(&description).unwrap();
    assert!(text.contains("format 4\n"));
    fs::write(&description, text.replace("format 4\n", "format 5\n")).unwrap();
    let error = refused(&bench.world.config).await;
    let expected = StoreError::OtherVersion { found: 5, supported: 4 };
    assert!(matches!(&error, ServeError::Store(found) if *found == expected), "{error:?}");
    assert!(error.to_string().contains("use the matching program"), "{error}");
    fs::write(&description, "not what init wrote").unwrap();
    let error = refused(&bench.world.config).await;
    assert!(matches!(error, ServeError::Store(StoreError::Corrupt { place: "PLINTH", .. })), "{error:?}");

    // Nothing was touched: with the description as it was, everything is as it was.
    fs::write(&description, text).unwrap();
    bench.world.restart().await;
    bench.channel = bench.world.connect().await.channel();
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_deployments_root_key_is_refused_and_so_is_a_file_that_is_none() {
    let mut bench = Bench::new().await;
    let good = bench.enrolment();
    bench.decides_enrolment(&good).await;
    bench.world.stop().await;
    let elsewhere = TempDir::new().unwrap();
    let (other, made) = init(&elsewhere);
    made.unwrap();
    let with_key = |root_key| ServeConfig { root_key, ..bench.world.config.clone() };
    let error = refused(&with_key(other.root_key.clone())).await;
    assert!(matches!(error, ServeError::Store(StoreError::WrongRootKey)), "{error:?}");
    assert!(
        error.to_string().contains("give the root key that was written when this store was created"),
        "{error}"
    );

    let file = elsewhere.path().join("not-a-key");
    fs::write(&file, "correct horse battery staple").unwrap();
    let error = refused(&with_key(file.clone())).await;
    assert!(matches!(&error, ServeError::RootKey { path, .. } if *path == file), "{error:?}");
    assert!(error.to_string().contains("plinth init") && !error.to_string().contains("horse"), "{error}");
    let error = refused(&with_key(elsewhere.path().join("nowhere"))).await;
    assert!(matches!(error, ServeError::File { .. }) && error.to_string().contains("nowhere"), "{error}");

    bench.world.restart().await;
    bench.channel = bench.world.connect().await.channel();
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_a_store_is_refused_and_stays_as_it_is_and_init_takes_no_folder_twice() {
    let folder = TempDir::new().unwrap();
    let (config, made) = init(&folder);
    made.unwrap();
    let (empty, nowhere) = (folder.path().join("empty"), folder.path().join("nowhere"));
    fs::create_dir(&empty).unwrap();
    for data in [&empty, &nowhere] {
        let error = refused(&ServeConfig { data: data.clone(), ..config.clone() }).await;
        assert!(matches!(error, ServeError::Store(StoreError::NotInitialised)), "{error:?}");
        assert!(error.to_string().contains("plinth init"), "{error}");
    }
    assert!(!nowhere.exists() && fs::read_dir(&empty).unwrap().next().is_none(), "`serve` creates nothing");

    let root_key = fs::read(&config.root_key).unwrap();
    let (_, again) = init(&folder);
    assert!(again.is_err(), "a second init would orphan the first one's people");
    fs::rename(&config.root_key, folder.path().join("moved.key")).unwrap();
    let (_, again) = init(&folder);
    assert!(matches!(again, Err(ServeError::Store(StoreError::NotEmpty))), "{again:?}");
    let config = ServeConfig { root_key: folder.path().join("moved.key"), ..config };
    assert_eq!(fs::read(&config.root_key).unwrap(), root_key);
    crate::fsck::must_be_clean(&config);
}
