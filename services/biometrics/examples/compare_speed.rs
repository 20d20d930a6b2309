//! What each stage of extraction and comparison takes on one thread, synthetic fingers first and then, if a folder is
//! named, real ones:
//!
//! ```text
//! cargo run --release -p plinth-biometrics --example compare_speed -- [FOLDER]
//! ```
//!
//! `FOLDER/<set>/<finger>_<impression>.iso` are finger minutiae records, as in the Fingerprint Verification
//! Competitions. Impostors are all pairs of first captures of different fingers, genuine pairs are other captures
//! against the first of the same finger. Stages are timed by breaking comparisons off after each; a stage's own time is
//! the difference to the stage before.
//!
//! On Linux the time is what the kernel says this thread spent on a processor, so that a busy machine only disturbs by
//! its caches; elsewhere it is time passed.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use plinth_biometrics::matcher::Stage;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, FingerPosition, FingerRecord, Matcher, reference};

/// Synthetic fingers, and captures of each.
const FINGERS: u64 = 40;
const CAPTURES: u32 = 4;
/// Seconds of processor time that a figure is taken over, at least.
const SECONDS: f64 = 1.0;
const STAGES: [(&str, Stage); 4] = [
    ("similarity matrix", Stage::Similarity),
    ("selection", Stage::Selection),
    ("relaxation", Stage::Relaxation),
    ("alignment", Stage::Alignment),
];

/// Records of one finger.
type Captures = Vec<FingerRecord>;
type Pairs<'a> = Vec<(&'a FingerFeatures, &'a FingerFeatures)>;

fn main() -> Result<(), Box<dyn Error>> {
    let finger = |n| {
        let person = SyntheticPerson::new(1, n);
        (0..CAPTURES).map(|capture| person.capture(FingerPosition::RightIndex, capture)).collect()
    };
    measure("synthetic", &(0..FINGERS).map(finger).collect::<Vec<_>>());
    if let Some(folder) = std::env::args_os().nth(1) {
        measure("real", &read(Path::new(&folder))?);
    }
    Ok(())
}

/// Fingers of all sets of a folder.
fn read(folder: &Path) -> Result<Vec<Captures>, Box<dyn Error>> {
    let mut fingers: BTreeMap<_, BTreeMap<u32, FingerRecord>> = BTreeMap::new();
    for set in std::fs::read_dir(folder)? {
        let set = set?.path();
        if !set.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&set)? {
            let file = file?.path();
            let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if let Some((finger, capture)) = name.rsplit_once('_') {
                let record = FingerRecord::decode(&std::fs::read(&file)?)?;
                fingers.entry((set.clone(), finger.to_owned())).or_default().insert(capture.parse()?, record);
            }
        }
    }
    Ok(fingers.into_values().map(|captures| captures.into_values().collect()).collect())
}

fn measure(name: &str, fingers: &[Captures]) {
    let extract = |record: &FingerRecord| FingerFeatures::extract(record, 0, FingerPosition::Unknown).ok();
    let features: Vec<Vec<FingerFeatures>> =
        fingers.iter().map(|captures| captures.iter().filter_map(extract).collect()).collect();
    let all: Vec<&FingerFeatures> = features.iter().flatten().collect();
    let mean = |count: &dyn Fn(&FingerFeatures) -> usize| {
        all.iter().map(|finger| count(finger)).sum::<usize>() as f64 / all.len().max(1) as f64
    };
    let (minutiae, cylinders) =
        (mean(&FingerFeatures::minutiae_count), mean(&FingerFeatures::cylinder_count));
    println!(
        "{name}: {} captures of {} fingers, {minutiae:.1} minutiae and {cylinders:.1} cylinders each",
        all.len(),
        features.len()
    );
    let firsts: Vec<&FingerFeatures> = features.iter().filter_map(|captures| captures.first()).collect();
    let impostors: Pairs<'_> = (firsts.iter().enumerate())
        .flat_map(|(i, a)| firsts[i + 1..].iter().map(move |b| (*a, *b)))
        .collect();
    let genuine: Pairs<'_> = features
        .iter()
        .filter_map(|captures| captures.split_first())
        .flat_map(|(first, others)| others.iter().map(move |other| (other, first)))
        .collect();
    let records: Vec<&FingerRecord> = fingers.iter().flatten().collect();
    print_rate("extraction", nanoseconds(&records, |record| extract(record)));
    for (kind, pairs) in [("impostor", impostors), ("genuine", genuine)] {
        println!("  {kind}, {} pairs", pairs.len());
        measure_pairs(&pairs);
    }
}

fn measure_pairs(pairs: &Pairs<'_>) {
    let mut matcher = Matcher::new();
    let mut before = 0.0;
    for (name, stage) in STAGES {
        let until = nanoseconds(pairs, |(a, b)| matcher.compare_until(stage, a, b));
        print_rate(name, until - before);
        before = until;
    }
    print_rate("whole, local", nanoseconds(pairs, |(a, b)| matcher.compare_local(a, b)));
    print_rate("whole, full", nanoseconds(pairs, |(a, b)| matcher.compare(a, b)));
    let few: Pairs<'_> = pairs.iter().step_by(pairs.len() / 20 + 1).copied().collect();
    print_rate("whole, reference", nanoseconds(&few, |(a, b)| reference::compare(a, b)));
}

fn print_rate(what: &str, nanoseconds: f64) {
    println!("    {what:20} {nanoseconds:12.0} ns {:12.0} a second", 1e9 / nanoseconds);
}

/// Goes round `items` for a while: the nanoseconds that each takes.
fn nanoseconds<T, R>(items: &[T], mut work: impl FnMut(&T) -> R) -> f64 {
    let (start, mut done) = (processor_seconds(), 0.0);
    loop {
        for item in items {
            black_box(work(item));
        }
        done += items.len() as f64;
        let taken = processor_seconds() - start;
        if taken >= SECONDS || items.is_empty() {
            return taken * 1e9 / done;
        }
    }
}

/// Seconds that this thread has spent on a processor, by the kernel; time passed where the kernel does not tell.
fn processor_seconds() -> f64 {
    let spent = || {
        let line = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        line.split(' ').next()?.parse::<f64>().ok()
    };
    let passed = || {
        #[expect(clippy::disallowed_methods, reason = "this program measures time")]
        let now = std::time::SystemTime::now();
        now.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |passed| passed.as_secs_f64())
    };
    spent().map_or_else(passed, |nanoseconds| nanoseconds / 1e9)
}
