//! The shape of the house: which room may know which, and that the documents name what exists.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Who may know whom, one step down. What is below a room's neighbour is within its reach too.
const DIRECTIONS: [(&str, &[&str]); 9] = [
    ("plinth-biometrics", &[]),
    ("plinth-identity", &["plinth-biometrics"]),
    ("plinth-storage", &["plinth-identity"]),
    ("plinth-proto", &["plinth-identity"]),
    ("plinth-server", &["plinth-proto", "plinth-storage"]),
    ("plinth-client", &["plinth-proto", "plinth-identity"]),
    ("plinth-cli", &["plinth-server", "plinth-client"]),
    ("plinth-loadtest", &["plinth-client", "plinth-biometrics"]),
    ("plinth-tests", &["plinth-server", "plinth-client"]),
];

/// What the pure rooms must do without.
const IMPURE: [&str; 8] = ["tokio", "tonic", "rocksdb", "prost", "tracing", "getrandom", "hyper", "mio"];

/// Asked for at run time: checkouts may share one build folder, and a binary must not remember another's path.
fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&here).parent().unwrap().to_path_buf()
}

/// Every workspace crate with the names it depends on; development dependencies apart.
fn dependencies() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    metadata
        .packages
        .iter()
        .map(|package| {
            let names = |kind: fn(&DependencyKind) -> bool| {
                let all = package.dependencies.iter().filter(|dependency| kind(&dependency.kind));
                all.map(|dependency| dependency.name.clone()).collect::<BTreeSet<_>>()
            };
            let shipped = names(|kind| *kind != DependencyKind::Development);
            let development = names(|kind| *kind == DependencyKind::Development);
            (package.name.to_string(), (shipped, development))
        })
        .collect()
}

fn reach(room: &str) -> BTreeSet<&'static str> {
    let below = DIRECTIONS.iter().find(|(name, _)| *name == room).unwrap().1;
    below.iter().flat_map(|name| reach(name).into_iter().chain([*name])).collect()
}

#[test]
fn every_room_knows_only_what_lies_below_it() {
    let found = dependencies();
    assert_eq!(
        found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        DIRECTIONS.iter().map(|(name, _)| *name).collect(),
        "a room was added or removed: say where it stands"
    );
    for (room, (shipped, development)) in &found {
        let reach = reach(room);
        for name in shipped.union(development).filter(|name| name.starts_with("plinth-")) {
            assert!(reach.contains(name.as_str()), "{room} must not know {name}");
        }
    }
}

#[test]
fn only_storage_names_the_engine_and_the_pure_rooms_stay_pure() {
    for (room, (shipped, _)) in dependencies() {
        assert!(!shipped.contains("rocksdb") || room == "plinth-storage", "{room} names rocksdb");
        if ["plinth-biometrics", "plinth-identity"].contains(&room.as_str()) {
            for name in IMPURE {
                assert!(!shipped.contains(name), "{room} is pure and must not know {name}");
            }
        }
    }
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let path = quoted.split_whitespace().next().unwrap_or_default();
            let top = path.split('/').next().unwrap_or_default();
            let ours = ["proto", "services", "storage", "loadtest", "tests"].contains(&top);
            let pattern = path.contains(['<', '*', '{']);
            if ours && path.contains('/') && !pattern && !root().join(path).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "named but not there: {missing:#?}");
}

#[test]
fn the_readme_gives_the_two_commands() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["bash tests/demo", "bash tests/all"] {
        assert!(text.contains(command), "README.md must give `{command}`");
    }
}
