//! Makes the table of `plinth_biometrics::capture`, and shows how well it foretells:
//!
//! ```text
//! cargo run --release -p plinth-biometrics --example capture_power -- 1 40000 [FOLDER]
//! ```
//!
//! prints the rows as Rust constants (a population of seed 1, 40,000 people with one finger each; about a minute on one
//! core). Then, with the table in use and people of the next seed: the foretold and the counted shares of later touches
//! that are recognised, finger by finger and for people of 1 to 10 fingers, and how often different fingers of one
//! person are taken for one. With `FOLDER/<set>/<finger>_<impression>.iso` (as in the Fingerprint Verification
//! Competitions), the same for those fingers: the first impressions are the captures, the others the later touches.
//! Nothing is fitted to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use plinth_biometrics::calibration::{compare_people, threshold_at_fmr};
use plinth_biometrics::capture::{
    CapturedFinger, FINGER_FMR, FingerCapture, MatedScore, SAME_FINGER_FMR, WEAK_POWER, finger_power,
    mated_scores, person_power, power_table, same_finger,
};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, FingerPosition, FingerRecord, Matcher};

/// Rows of the table.
const ROWS: usize = 14;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(Ok(seed)), Some(Ok(people))): (Option<Result<u64, _>>, Option<Result<usize, _>>) =
        (arguments.first().map(|text| text.parse()), arguments.get(1).map(|text| text.parse()))
    else {
        eprintln!("usage: capture_power SEED PEOPLE [FOLDER]");
        return ExitCode::FAILURE;
    };
    print_table(&mated_scores(seed, people));
    print_fingers("synthetic", &mated_scores(seed.wrapping_add(1), people / 8));
    print_people(seed.wrapping_add(2), (people / 40).max(2));
    match arguments.get(2).map(|folder| real_scores(Path::new(folder))) {
        None => ExitCode::SUCCESS,
        Some(Ok(scores)) => {
            print_fingers("real", &scores);
            ExitCode::SUCCESS
        }
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_table(scores: &[MatedScore]) {
    println!("// {} mates", scores.len());
    for row in power_table(scores, ROWS) {
        let below: Vec<String> = row.below.iter().map(|share| format!("{share:.4}")).collect();
        println!("    row({:.1}, [{}]),", row.cylinders, below.join(", "));
    }
}

/// Foretold and counted shares at several rates, by the power that is foretold at [`FINGER_FMR`].
fn print_fingers(name: &str, scores: &[MatedScore]) {
    println!("\n{name}: {} later touches; foretold and counted share recognised", scores.len());
    println!("power at {FINGER_FMR:.0e}  touches   at 1e-3           at 1e-4           at 1e-6");
    let bounds = [0.0, 0.5, 0.8, WEAK_POWER, 0.95, 0.98, 0.99, 1.0, 1.1];
    for (low, high) in bounds.iter().zip(&bounds[1..]) {
        let within = |one: &&MatedScore| (*low..*high).contains(&finger_power(one.cylinders, FINGER_FMR));
        let group: Vec<&MatedScore> = scores.iter().filter(within).collect();
        print_group(&format!("{low:.2} to {:.2}", high.min(1.0)), &group);
    }
    print_group("all", &scores.iter().collect::<Vec<_>>());
}

fn print_group(name: &str, group: &[&MatedScore]) {
    if group.is_empty() {
        return;
    }
    let count = group.len() as f64;
    print!("{name:15} {count:8}");
    for fmr in [1e-3, 1e-4, 1e-6] {
        let foretold = group.iter().map(|one| finger_power(one.cylinders, fmr)).sum::<f64>() / count;
        let threshold = threshold_at_fmr(fmr).value();
        let counted = group.iter().filter(|one| one.score >= threshold).count() as f64 / count;
        print!("   {foretold:.4} {counted:.4}  ");
    }
    println!();
}

/// People of one to ten fingers against a later capture of theirs, and their fingers against each other.
fn print_people(seed: u64, people: usize) {
    let capture = |index: usize, touch: u32| -> Vec<FingerCapture> {
        let record = SyntheticPerson::new(seed, index as u64).record(touch, &FingerPosition::ALL);
        let views = record.views.iter().enumerate();
        views.filter_map(|(view, one)| FingerCapture::measure(&record, view, one.position).ok()).collect()
    };
    let features = |captures: &[FingerCapture]| -> Vec<FingerFeatures> {
        captures.iter().filter_map(|one| one.features.clone()).collect()
    };
    let (mut matcher, mut alarms, mut caught, mut weak) = (Matcher::new(), 0u32, 0u32, 0u32);
    let counts = [1, 2, 4, 10];
    let rates = [1e-4, 1e-6, 1e-8];
    let mut tally = [[(0.0, 0u32); 3]; 4];
    for index in 0..people {
        let (earlier, later) = (capture(index, 0), capture(index, 1));
        weak += count(earlier.iter().filter(|one| one.weakness().is_some()));
        let (gallery, probe) = (features(&earlier), features(&later));
        for (row, fingers) in tally.iter_mut().zip(counts) {
            // Not always the thumb: the fingers go round.
            let chosen = |finger: FingerPosition| {
                (usize::from(finger.code()) + index) % FingerPosition::ALL.len() < fingers
            };
            let pick = |all: &[FingerFeatures]| -> Vec<FingerFeatures> {
                all.iter().filter(|finger| chosen(finger.position())).cloned().collect()
            };
            let (gallery, probe) = (pick(&gallery), pick(&probe));
            let captured: Vec<CapturedFinger> = gallery
                .iter()
                .map(|one| CapturedFinger { cylinders: one.cylinder_count(), position_known: true })
                .collect();
            let score = compare_people(&mut matcher, &probe, &gallery);
            for (cell, fmr) in row.iter_mut().zip(rates) {
                cell.0 += person_power(&captured, fmr);
                cell.1 += u32::from(score.reaches(fmr));
            }
        }
        for (first, a) in gallery.iter().enumerate() {
            let others = gallery[first + 1..].iter();
            alarms += count(others.filter(|b| same_finger(&mut matcher, a, b)));
            caught += count(
                probe.iter().filter(|b| b.position() == a.position() && same_finger(&mut matcher, a, b)),
            );
        }
    }
    let all = people as f64;
    println!("\n{people} synthetic people; foretold and counted share recognised at {rates:?}");
    for (row, fingers) in tally.iter().zip(counts) {
        print!("{fingers:3} fingers");
        for (foretold, counted) in row {
            print!("   {:.4} {:.4}  ", foretold / all, f64::from(*counted) / all);
        }
        println!();
    }
    println!("fingers called weak: {:.2} %", 100.0 * f64::from(weak) / (10.0 * all));
    println!(
        "taken for one finger at {SAME_FINGER_FMR:.0e}: {alarms} of {} pairs of different fingers, {:.2} % of two touches of one",
        45 * people,
        100.0 * f64::from(caught) / (10.0 * all)
    );
}

fn real_scores(folder: &Path) -> Result<Vec<MatedScore>, Box<dyn std::error::Error>> {
    let mut fingers: BTreeMap<_, BTreeMap<u32, FingerRecord>> = BTreeMap::new();
    for set in std::fs::read_dir(folder)? {
        let set = set?.path();
        if !set.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&set)? {
            let file = file?.path();
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            let Some((finger, impression)) = stem.and_then(|stem| stem.rsplit_once('_')) else { continue };
            let record = FingerRecord::decode(&std::fs::read(&file)?)?;
            fingers.entry((set.clone(), finger.to_owned())).or_default().insert(impression.parse()?, record);
        }
    }
    let mut matcher = Matcher::new();
    let mut scores = Vec::new();
    let features = |record: &FingerRecord| FingerFeatures::extract(record, 0, FingerPosition::Unknown).ok();
    for impressions in fingers.into_values() {
        let mut impressions = impressions.values().map(features);
        let Some(Some(first)) = impressions.next() else { continue };
        scores.extend(impressions.map(|later| MatedScore {
            cylinders: first.cylinder_count(),
            score: later.map_or(0.0, |later| matcher.compare(&later, &first).value()),
        }));
    }
    Ok(scores)
}

fn count(items: impl Iterator) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
