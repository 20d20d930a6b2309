//! Fits the weights of `plinth_biometrics::weighing` without one set of real fingers at a time, and reports that set:
//!
//! ```text
//! cargo run --release -p plinth-biometrics --example leave_one_out -- FOLDER
//! ```
//!
//! `FOLDER/<set>/<finger>_<impression>.iso` are finger minutiae records, as in the Fingerprint Verification Competitions.
//! Weights are found by coordinate descent from round numbers that no set was seen for. What falls is the mean FNMR over
//! the logarithm of the FMR, from 3e-5 to 0.1, of all pairs of captures of the other sets, and half as much that of
//! synthetic fingers. Only the weights are held out: how minutiae are described, paired and aligned was chosen with
//! every set in view. Half a minute on one core.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use plinth_biometrics::evaluation::{Genuine, Impostor, report};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::weighing::{Evidence, Weights};
use plinth_biometrics::{FingerFeatures, FingerPosition, FingerRecord, Matcher};

/// Rounds of the descent, and by which factor a weight changes at first (the logarithm of it).
const ROUNDS: usize = 30;
const FIRST_STEP: f32 = 0.25;
/// Improvements below this are none.
const LITTLE: f64 = 1e-7;
/// The range of FMR that is fitted for.
const FMR: (f64, f64) = (3e-5, 0.1);
/// What the synthetic fingers weigh beside the real ones.
const SYNTHETIC: f64 = 0.5;
/// Synthetic fingers, and captures of each.
const FINGERS: u64 = 100;
const CAPTURES: u32 = 3;
/// Where the descent begins. `likeness` stays: it sets the scale of the others.
const START: Weights = Weights {
    covered: 0.5,
    spread: 10.0,
    turn_spread: 10.0,
    unlike: 0.5,
    little: 0.5,
    likeness: 0.75,
    unknown: 0.75,
    min_common: 10.0,
    chance_pairs: 5.0,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: leave_one_out FOLDER")?;
    let sets = read(Path::new(&folder))?;
    let names: Vec<&String> = sets.keys().collect();
    let real = trials(&sets.values().cloned().collect::<Vec<_>>());
    let synthetic = trials(&[synthetic()]);
    println!("{} pairs of real captures, {} of synthetic ones", real.len(), synthetic.len());
    println!(
        "caught, percent: without a false match, at FMR 1e-3, at 1e-2; equal error; at the threshold of FMR 1e-3 of all other sets"
    );
    for (set, name) in names.iter().enumerate() {
        let others: Vec<&Trial> = real.iter().filter(|trial| !trial.concerns(set)).collect();
        let weights = fit(&others, &synthetic);
        println!("\n{name} held out: {weights:?}");
        for (name, weights) in [("held out", &weights), ("as built", &Weights::BUILT)] {
            println!("  {name:15} {}", Shown::one(&real, set).under(weights)?);
        }
    }
    println!("\nall sets together");
    for (name, weights) in [("synthetic only", &fit(&[], &synthetic)), ("as built", &Weights::BUILT)] {
        println!("  {name:15} {}", Shown::all(&real, names.len()).under(weights)?);
    }
    Ok(())
}

/// Captures by finger.
type Set = Vec<Vec<FingerFeatures>>;

/// Fingers of all sets of a folder.
fn read(folder: &Path) -> Result<BTreeMap<String, Set>, Box<dyn Error>> {
    let mut sets: BTreeMap<String, BTreeMap<String, BTreeMap<u32, FingerFeatures>>> = BTreeMap::new();
    for set in std::fs::read_dir(folder)? {
        let set = set?;
        if !set.path().is_dir() {
            continue;
        }
        let fingers = sets.entry(set.file_name().to_string_lossy().into_owned()).or_default();
        for file in std::fs::read_dir(set.path())? {
            let file = file?.path();
            let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if let Some((finger, capture)) = name.rsplit_once('_') {
                let record = FingerRecord::decode(&std::fs::read(&file)?)?;
                let features = FingerFeatures::extract(&record, 0, FingerPosition::Unknown)?;
                fingers.entry(finger.to_owned()).or_default().insert(capture.parse()?, features);
            }
        }
    }
    let captures = |fingers: BTreeMap<String, BTreeMap<u32, FingerFeatures>>| {
        fingers.into_values().map(|captures| captures.into_values().collect()).collect()
    };
    Ok(sets.into_iter().map(|(name, fingers)| (name, captures(fingers))).collect())
}

fn synthetic() -> Set {
    let finger = |index: u64| {
        let position = FingerPosition::ALL[usize::try_from(index).unwrap_or(0) % FingerPosition::ALL.len()];
        let person = SyntheticPerson::new(77, index);
        let capture = |capture| FingerFeatures::extract(&person.capture(position, capture), 0, position).ok();
        (0..CAPTURES).filter_map(capture).collect()
    };
    (0..FINGERS).map(finger).collect()
}

/// Two captures, and what their comparison finds.
struct Trial {
    /// Set and finger of each.
    fingers: [(usize, usize); 2],
    /// Whether a later capture is compared with a first one.
    later_with_first: bool,
    /// Whether both are first captures.
    firsts: bool,
    evidence: Evidence,
}

impl Trial {
    fn genuine(&self) -> bool {
        self.fingers[0] == self.fingers[1]
    }

    fn concerns(&self, set: usize) -> bool {
        self.fingers.iter().any(|finger| finger.0 == set)
    }

    /// Whether the competition's protocol has it: all pairs of a finger, first captures of a set against each other.
    fn in_competition(&self) -> bool {
        self.genuine() || self.firsts && self.fingers[0].0 == self.fingers[1].0
    }
}

/// All pairs of captures; the later capture is the probe.
fn trials(sets: &[Set]) -> Vec<Trial> {
    let mut captures = Vec::new();
    for (set, fingers) in sets.iter().enumerate() {
        for (finger, those) in fingers.iter().enumerate() {
            captures.extend(those.iter().enumerate().map(|(capture, one)| ((set, finger), capture, one)));
        }
    }
    let mut matcher = Matcher::new();
    let mut trials = Vec::new();
    for (index, a) in captures.iter().enumerate() {
        for b in &captures[index + 1..] {
            let (probe, gallery) = if a.1 > b.1 { (a, b) } else { (b, a) };
            trials.push(Trial {
                fingers: [probe.0, gallery.0],
                later_with_first: gallery.1 == 0 && probe.1 > 0,
                firsts: probe.1 == 0,
                evidence: matcher.examine(probe.2, gallery.2),
            });
        }
    }
    trials
}

/// A weight, by name.
type Field = fn(&mut Weights) -> &mut f32;

/// Those that are fitted.
const FITTED: [Field; 8] = [
    |weights| &mut weights.covered,
    |weights| &mut weights.spread,
    |weights| &mut weights.turn_spread,
    |weights| &mut weights.unlike,
    |weights| &mut weights.little,
    |weights| &mut weights.unknown,
    |weights| &mut weights.min_common,
    |weights| &mut weights.chance_pairs,
];

/// The weights under which least is missed.
fn fit(real: &[&Trial], synthetic: &[Trial]) -> Weights {
    let synthetic: Vec<&Trial> = synthetic.iter().collect();
    let missed = |weights: &Weights| area(weights, real) + SYNTHETIC * area(weights, &synthetic);
    let (mut best, mut steps) = (START, [FIRST_STEP; FITTED.len()]);
    let mut least = missed(&best);
    for _ in 0..ROUNDS {
        for (field, step) in FITTED.iter().zip(&mut steps) {
            let better = [*step, -*step].into_iter().try_for_each(|step| {
                let mut tried = best;
                *field(&mut tried) *= step.exp();
                let missed = missed(&tried);
                if missed < least - LITTLE && tried.covered < 1.0 {
                    (best, least) = (tried, missed);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            *step *= if better.is_break() { 1.3 } else { 0.6 };
        }
    }
    best
}

/// Mean FNMR over the logarithm of the FMR; every set counts the same.
fn area(weights: &Weights, trials: &[&Trial]) -> f64 {
    let score = |trial: &&&Trial| weights.score(&trial.evidence).value();
    let mut strangers: Vec<f32> =
        trials.iter().filter(|trial| !trial.genuine()).map(|trial| score(&trial)).collect();
    strangers.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut sets: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial.genuine()) {
        let own = score(&trial);
        let above = strangers.partition_point(|stranger| *stranger >= own) as f64;
        let fmr = (above / strangers.len().max(1) as f64).clamp(FMR.0, FMR.1);
        let (sum, count) = sets.entry(trial.fingers[0].0).or_default();
        *sum += (fmr / FMR.0).ln() / (FMR.1 / FMR.0).ln();
        *count += 1.0;
    }
    sets.values().map(|(sum, count)| sum / count).sum::<f64>() / sets.len().max(1) as f64
}

/// The trials of some sets, and those of all others.
struct Shown<'a> {
    sets: Range<usize>,
    trials: Vec<&'a Trial>,
    others: Vec<&'a Trial>,
}

impl<'a> Shown<'a> {
    fn one(all: &'a [Trial], set: usize) -> Self {
        let (trials, others) = all.iter().partition(|trial| trial.concerns(set));
        Self { sets: set..set + 1, trials, others }
    }

    fn all(all: &'a [Trial], sets: usize) -> Self {
        Self { sets: 0..sets, trials: all.iter().collect(), others: Vec::new() }
    }

    /// A line of what weights give.
    fn under(&self, weights: &Weights) -> Result<String, Box<dyn Error>> {
        let score = |trial: &Trial| f64::from(weights.score(&trial.evidence).value());
        let (genuine, impostor) = split(&self.trials, score, |trial| trial.later_with_first);
        let found = report(&genuine, &impostor, 1)?;
        let rates = [found.fnmr_at_zero_fmr, found.fnmr_at_fmr_1000, found.fnmr_at_fmr_100];
        let caught = rates.map(|missed| 100.0 * (1.0 - missed.value));
        let mut errors = Vec::new();
        for set in self.sets.clone() {
            let kept = |trial: &Trial| trial.in_competition() && trial.fingers[0].0 == set;
            let (genuine, impostor) = split(&self.trials, score, kept);
            errors.push(100.0 * report(&genuine, &impostor, 1)?.eer.value);
        }
        let line = format!("{caught:5.1?}; {errors:.2?}");
        let (_, mut strangers) = split(&self.others, score, |trial| trial.later_with_first);
        strangers.sort_by(|a, b| b.score.total_cmp(&a.score));
        let Some(threshold) = strangers.get(strangers.len() / 1_000).map(|trial| trial.score) else {
            return Ok(line);
        };
        let mates = genuine.iter().filter(|trial| trial.score > threshold).count() as f64;
        let reached = impostor.iter().filter(|trial| trial.score > threshold).count();
        let share = 100.0 * mates / genuine.len() as f64;
        Ok(format!("{line}; {share:.1} with {reached} of {} strangers", impostor.len()))
    }
}

/// Scores of the trials that are kept.
fn split(
    trials: &[&Trial],
    score: impl Fn(&Trial) -> f64,
    kept: impl Fn(&Trial) -> bool,
) -> (Vec<Genuine>, Vec<Impostor>) {
    let number = |(set, finger): (usize, usize)| u32::try_from(set * 1_000 + finger).unwrap_or(u32::MAX);
    let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
    for trial in trials.iter().filter(|trial| kept(trial)) {
        let [probe, gallery] = trial.fingers.map(number);
        if trial.genuine() {
            genuine.push(Genuine { subject: probe, score: score(trial) });
        } else {
            impostor.push(Impostor { subjects: (probe, gallery), score: score(trial) });
        }
    }
    (genuine, impostor)
}
