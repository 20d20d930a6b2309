//! The fit report: statistics of synthetic fingers beside those of real ones.
//!
//! A figure that is measured on synthetic people is worth what their statistics are worth. The report prints both sides
//! and ends with a verdict: the generator is *valid* for index figures if, by the published index of the textbook
//! ([`textbook`]), touches of one finger share as many buckets as real ones do, as few share none, and strangers share as
//! many. Nothing else of it is a verdict: no accuracy of a matcher on synthetic fingers says anything of one on real ones.

mod statistics;
mod textbook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use comfy_table::{CellAlignment, Table};
use plinth_biometrics::calibration::threshold_at_fmr;
use plinth_biometrics::record::{FingerPosition, FingerRecord};
use plinth_biometrics::synthetic::SyntheticPerson;

use statistics::{Statistics, mean, quantile};

/// Fingers, each a list of touches.
type Fingers = Vec<Vec<FingerRecord>>;

/// Which quantiles are printed.
const SHARES: [f64; 8] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

/// What to compare.
#[derive(Args)]
#[command(after_help = "\
FOLDER/<set>/<finger>_<impression>.iso are finger minutiae records, as in the Fingerprint Verification Competitions.
Impressions 2 and up of every finger are compared with the first of every finger. The exit status is 1 if the generator
is not valid.

The generator's spreads were once set with FVC2002's public B sets in view, so agreement with those is a fit; only other
sets test it.")]
pub(crate) struct Arguments {
    /// The real records.
    folder: PathBuf,
    /// Synthetic fingers, each of another person and with 8 touches.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(2..=5_000))]
    fingers: u32,
    /// Names the synthetic people.
    #[arg(long, default_value_t = 2)]
    seed: u64,
}

/// Prints the report.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let real = read(&arguments.folder)?;
    ensure!(real.len() >= 2, "{} holds no two fingers", arguments.folder.display());
    let (real, synthetic) =
        (Statistics::of(&real), Statistics::of(&synthetic(arguments.seed, arguments.fingers, 8)));
    println!("{}", quantiles(&real, &synthetic));
    println!("{}", decisions(&real, &synthetic));
    let verdict = Verdict::of(&real, &synthetic);
    println!("{}", verdict.table());
    if verdict.valid() {
        println!("valid: figures of the index from these synthetic people count");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("NOT VALID: no figure of the index from these synthetic people counts");
        Ok(ExitCode::FAILURE)
    }
}

fn read(folder: &Path) -> anyhow::Result<Fingers> {
    let mut fingers: BTreeMap<_, BTreeMap<u32, FingerRecord>> = BTreeMap::new();
    for set in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let set = set?.path();
        if !set.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&set)? {
            let file = file?.path();
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            let Some((finger, impression)) = stem.and_then(|stem| stem.rsplit_once('_')) else { continue };
            let (Ok(impression), true) =
                (impression.parse(), file.extension().is_some_and(|end| end == "iso"))
            else {
                continue;
            };
            let record = FingerRecord::decode(&std::fs::read(&file)?)
                .with_context(|| format!("{} is no finger record", file.display()))?;
            fingers.entry((set.clone(), finger.to_owned())).or_default().insert(impression, record);
        }
    }
    Ok(fingers.into_values().map(|touches| touches.into_values().collect()).collect())
}

/// One finger of each of `fingers` people, all positions in turn.
fn synthetic(seed: u64, fingers: u32, touches: u32) -> Fingers {
    (0..u64::from(fingers))
        .zip(FingerPosition::ALL.into_iter().cycle())
        .map(|(index, position)| SyntheticPerson::new(seed, index).records(0..touches, &[position]))
        .collect()
}

fn table(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn quantiles(real: &Statistics, synthetic: &Statistics) -> Table {
    let header = ["", "", "mean"].map(str::to_owned).into_iter().chain(SHARES.map(|share| share.to_string()));
    let mut table = table(header.collect());
    for ((name, real), (_, synthetic)) in real.rows().into_iter().zip(synthetic.rows()) {
        for (name, source, values) in [(name, "real", real), ("", "synthetic", synthetic)] {
            let figures = std::iter::once(mean(&values)).chain(SHARES.map(|share| quantile(&values, share)));
            let cells = figures.map(|figure| format!("{figure:.4}"));
            table.add_row([name, source].map(str::to_owned).into_iter().chain(cells));
        }
    }
    table
}

/// What thresholds from the calibration decide on these comparisons.
fn decisions(real: &Statistics, synthetic: &Statistics) -> Table {
    let header = ["threshold", "", "mates that match", "strangers that match"].map(str::to_owned);
    let mut table = table(header.to_vec());
    for fmr in [1e-2, 1e-3, 1e-4, 1e-5] {
        let threshold = f64::from(threshold_at_fmr(fmr).value());
        for (source, statistics) in [("real", real), ("synthetic", synthetic)] {
            let reaching = |scores: &[f64]| {
                let count = scores.iter().filter(|score| **score >= threshold).count();
                format!("{count} of {} ({:.1e})", scores.len(), count as f64 / scores.len() as f64)
            };
            table.add_row([
                format!("FMR {fmr:.0e}: {threshold:.4}"),
                source.to_owned(),
                reaching(&statistics.mates.scores),
                reaching(&statistics.strangers.scores),
            ]);
        }
    }
    table
}

/// One figure of the validity test: real, synthetic, and how far apart they may be.
struct Criterion {
    name: &'static str,
    real: f64,
    synthetic: f64,
    allowed: f64,
}

/// The validity test of the synthetic fingers.
struct Verdict([Criterion; 3]);

impl Verdict {
    /// A tenth of the genuine votes and a fifth of the few of strangers is what a figure of the index can bear. Of the
    /// mates without any vote, 280 real pairs tell the share to within two percentage points (two standard errors).
    fn of(real: &Statistics, synthetic: &Statistics) -> Self {
        let votes = |side: &Statistics| mean(&side.mates.votes);
        let none = |side: &Statistics| {
            let without = side.mates.votes.iter().filter(|votes| **votes == 0.0).count();
            without as f64 / side.mates.votes.len().max(1) as f64
        };
        let strangers = |side: &Statistics| mean(&side.strangers.votes);
        let criterion = |name, figure: &dyn Fn(&Statistics) -> f64, allowed: &dyn Fn(f64) -> f64| {
            let real = figure(real);
            Criterion { name, real, synthetic: figure(synthetic), allowed: allowed(real) }
        };
        Self([
            criterion("votes of mates, mean", &votes, &|real| 0.1 * real),
            criterion("mates without a vote, share", &none, &|_| 0.02),
            criterion("votes of strangers, mean", &strangers, &|real| 0.2 * real),
        ])
    }

    fn valid(&self) -> bool {
        self.0.iter().all(Criterion::met)
    }

    fn table(&self) -> Table {
        let header = ["validity, published index (24, 32, 4)", "", "real", "synthetic", "allowed apart"];
        let mut table = table(header.map(str::to_owned).to_vec());
        for criterion in &self.0 {
            table.add_row([
                criterion.name.to_owned(),
                if criterion.met() { "met" } else { "NOT MET" }.to_owned(),
                format!("{:.3}", criterion.real),
                format!("{:.3}", criterion.synthetic),
                format!("{:.3}", criterion.allowed),
            ]);
        }
        table
    }
}

impl Criterion {
    fn met(&self) -> bool {
        // A comparison with NaN is false: a side without comparisons meets nothing.
        (self.real - self.synthetic).abs() <= self.allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_fits_itself_and_not_a_cleaner_one() {
        let seen = Statistics::of(&synthetic(2, 24, 5));
        assert!(Verdict::of(&seen, &seen).valid());
        let clean = (0..24).map(|index| SyntheticPerson::new(2, index).supervised());
        let clean = clean.map(|person| person.records(0..5, &[FingerPosition::RightThumb])).collect();
        assert!(!Verdict::of(&seen, &Statistics::of(&clean)).valid());
    }

    #[test]
    fn nothing_to_compare_is_not_valid() {
        let nothing = Statistics::of(&Vec::new());
        assert!(!Verdict::of(&nothing, &nothing).valid());
    }
}
