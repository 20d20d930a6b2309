//! The promises on real fingerprint records, kept by the binary that users run. The records stay outside the project:
//! `PLINTH_TEST_DATA` names a folder that holds `fingerprints/fvc2002/<set>/<finger>_<impression>.iso`.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use plinth_tests::{binary, real_data};

/// The folder of sets, or a word on what was not run without it.
fn sets(test: &str) -> Option<PathBuf> {
    let found = real_data().map(|data| data.join("fingerprints").join("fvc2002"));
    match &found {
        // Straight to the stream: the test runner keeps what a passing test prints to itself.
        None => {
            let line = format!("{test}: 1 test on real records not run, PLINTH_TEST_DATA is not set") + "\n";
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
        Some(folder) => assert!(folder.is_dir(), "PLINTH_TEST_DATA has no fingerprints/fvc2002"),
    }
    found
}

fn plinth(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_matcher_is_as_accurate_as_promised() {
    let Some(sets) = sets("evaluate") else { return };
    let sets = sets.to_str().unwrap();
    let promised = [
        ["--max-eer", "0.018"],
        ["--min-caught-zero", "0.94"],
        ["--min-caught-1e3", "0.955"],
        ["--min-caught-1e2", "0.99"],
    ];
    let kept = plinth(&[&["evaluate", "fingerprints", sets], promised.as_flattened()].concat());
    println!("{}", said(&kept));
    assert!(kept.status.success());
    let impossible = plinth(&["evaluate", "fingerprints", sets, "--max-eer", "0.001"]);
    assert_eq!(impossible.status.code(), Some(1), "a limit that is not kept must end with status 1");
}

#[test]
fn the_demonstration_keeps_its_promises_with_each_finger_a_person_and_each_set_a_person() {
    let Some(sets) = sets("demo") else { return };
    for people in ["set", "finger"] {
        let output =
            plinth(&["demo", "--templates", sets.to_str().unwrap(), "--people", people, "--pad", "0"]);
        println!("{}", said(&output));
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn the_index_loses_at_most_3_of_280_in_a_gallery_padded_with_10_000_fingers() {
    let Some(sets) = sets("demo, padded") else { return };
    let output =
        plinth(&["demo", "--templates", sets.to_str().unwrap(), "--people", "finger", "--pad", "10000"]);
    println!("{}", said(&output));
    assert!(output.status.success(), "{}", said(&output));
}
