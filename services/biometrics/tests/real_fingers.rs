//! Accuracy on real fingers: a folder that `PLINTH_TEST_DATA` names, with `fingerprints/fvc2002/DB{1..4}_B/*.iso` in it
//! (the public B sets of the Fingerprint Verification Competition 2002, ten fingers of eight captures each).
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;
use std::path::PathBuf;

use plinth_biometrics::evaluation::{Genuine, Impostor, Report, report};
use plinth_biometrics::{FingerFeatures, FingerPosition, FingerRecord, Matcher};

const SETS: usize = 4;
const FINGERS: usize = 10;
const CAPTURES: usize = 8;

/// Features of all captures, by set, finger and capture; nothing, with a message, if the data is not there.
fn captures(test: &str) -> Option<Vec<Vec<Vec<FingerFeatures>>>> {
    let Some(folder) = std::env::var_os("PLINTH_TEST_DATA") else {
        // Straight to the stream: the test runner keeps what a passing test prints to itself.
        let count = SETS * FINGERS * CAPTURES;
        let line = format!("{test}: {count} captures not run, PLINTH_TEST_DATA is not set") + "\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    };
    let folder = PathBuf::from(folder).join("fingerprints/fvc2002");
    let capture = |set: usize, finger: usize, capture: usize| {
        let bytes = std::fs::read(folder.join(format!("DB{set}_B/{finger}_{capture}.iso"))).unwrap();
        let record = FingerRecord::decode(&bytes).unwrap();
        assert_eq!(record.encode(), bytes, "these files hold nothing that the codec drops");
        FingerFeatures::extract(&record, 0, FingerPosition::Unknown).unwrap()
    };
    let finger = |set, finger| (1..=CAPTURES).map(|c| capture(set, finger, c)).collect();
    Some((1..=SETS).map(|set| (101..=100 + FINGERS).map(|f| finger(set, f)).collect()).collect())
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap()
}

/// The competition's protocol: all pairs of a finger's captures, and first captures against each other.
fn competition(matcher: &mut Matcher, set: &[Vec<FingerFeatures>]) -> Report {
    let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
    let mut score = |a, b| f64::from(matcher.compare(a, b).value());
    for (i, finger) in set.iter().enumerate() {
        for (a, one) in finger.iter().enumerate() {
            for other in &finger[a + 1..] {
                genuine.push(Genuine { subject: number(i), score: score(one, other) });
            }
        }
        for (j, other) in set.iter().enumerate().skip(i + 1) {
            impostor.push(Impostor { subjects: (number(i), number(j)), score: score(&finger[0], &other[0]) });
        }
    }
    report(&genuine, &impostor, 1).unwrap()
}

/// Later captures against every first capture: scores by probe (finger, capture) and gallery finger.
fn exhaustive(matcher: &mut Matcher, fingers: &[&Vec<FingerFeatures>]) -> Vec<(usize, Vec<f64>)> {
    let mut rows = Vec::new();
    for (i, finger) in fingers.iter().enumerate() {
        for probe in &finger[1..] {
            let row =
                fingers.iter().map(|mate| f64::from(matcher.compare(probe, &mate[0]).value())).collect();
            rows.push((i, row));
        }
    }
    rows
}

#[test]
fn equal_error_on_the_competition_protocol_is_at_most_1_8_percent() {
    let Some(sets) = captures("equal error") else { return };
    let mut matcher = Matcher::new();
    let reports: Vec<Report> = sets.iter().map(|set| competition(&mut matcher, set)).collect();
    assert!(reports.iter().all(|report| (report.genuine, report.impostor) == (280, 45)));
    let errors: Vec<f64> = reports.iter().map(|report| 100.0 * report.eer.value).collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    println!("equal error, percent: {errors:.2?}, mean {mean:.2}");
    assert!(mean <= 1.8);
}

#[test]
fn at_least_94_percent_of_mates_are_caught_without_a_false_match_and_99_at_one_in_a_hundred() {
    let Some(sets) = captures("all against first captures") else { return };
    let fingers: Vec<_> = sets.iter().flatten().collect();
    let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
    for (i, row) in exhaustive(&mut Matcher::new(), &fingers) {
        for (j, &score) in row.iter().enumerate() {
            if i == j {
                genuine.push(Genuine { subject: number(i), score });
            } else {
                impostor.push(Impostor { subjects: (number(i), number(j)), score });
            }
        }
    }
    assert_eq!((genuine.len(), impostor.len()), (280, 10_920));
    let report = report(&genuine, &impostor, 1).unwrap();
    println!("missed without a false match: {:?}", report.fnmr_at_zero_fmr);
    println!("missed at 1e-3: {:?}, at 1e-2: {:?}", report.fnmr_at_fmr_1000, report.fnmr_at_fmr_100);
    assert!(report.fnmr_at_zero_fmr.value <= 0.06);
    assert!(report.fnmr_at_fmr_1000.value <= 0.045);
    assert!(report.fnmr_at_fmr_100.value <= 0.01);
}
