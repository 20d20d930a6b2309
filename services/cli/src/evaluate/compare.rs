//! `plinth evaluate compare`: two folders, two builds or two policies, and whether they differ by more than chance.

mod contest;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use plinth_biometrics::evaluation::{Difference, Experiment, Pair, difference, report};
use serde_json::{Value, json};

use super::drawings;
use super::figures::BOOTSTRAP_SEED;
use super::scores::{Numbering, Scores, Trials};
use super::sheet::interval;
use super::trials::Measured;
use crate::table::Table;

/// Compare the matcher on two folders, two builds of it on one, or two policies.
///
/// A and B are folders as `plinth evaluate fingerprints` reads them, or files that its option `--scores` wrote, perhaps
/// with another version of this program: so two sensors, two extractors of minutiae, or two matchers stand side by side.
///
/// If both have the same fingers (by `<set>/<finger>`), they are resampled together, so that what a hard finger does to
/// both cancels out.
///
/// Or A and B are configuration files of `plinth serve` (`*.toml`): then their `[deduplication]` sections decide the same
/// searches, of people put together from the folder `--on`, or of people who do not exist.
///
/// A difference whose 95 % interval does not contain 0 is marked: it is more than chance.
#[derive(clap::Args)]
#[command(after_long_help = super::EXAMPLES)]
pub(crate) struct Args {
    /// A folder, a scores file or a configuration file.
    a: PathBuf,
    /// Another one of the kind, to hold against it.
    b: PathBuf,
    /// For policies: the folder whose people are searched for. People who do not exist, if absent.
    #[arg(long, value_name = "DIR")]
    on: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Draw both error trade-offs into a folder, as SVG.
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If either cannot be read, or has too few captures to measure anything.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match (is_policy(&args.a), is_policy(&args.b)) {
        (true, true) => return contest::run((&args.a, &args.b), args.on.as_deref(), args.json),
        (false, false) => {}
        _ => bail!("give two of a kind: two configuration files (*.toml), or two folders or scores files"),
    }
    ensure!(args.on.is_none(), "--on goes with two configuration files");
    let (a, b) = (load(&args.a)?, load(&args.b)?);
    let comparison = Comparison::of(&a, &b)?;
    if let Some(folder) = &args.draw {
        let names = [&args.a, &args.b].map(|path| path.display().to_string());
        let [first, second] = [&comparison.all.0, &comparison.all.1]
            .map(|(genuine, impostor)| report(genuine, impostor, BOOTSTRAP_SEED));
        drawings::draw_both((&names[0], &first?), (&names[1], &second?), folder)?;
    }
    if args.json {
        println!("{:#}", comparison.to_json());
    } else {
        println!("A: {}\nB: {}\n\n{}", a.matcher, b.matcher, comparison.table());
        println!("{}", comparison.words());
    }
    Ok(ExitCode::SUCCESS)
}

fn is_policy(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) && !path.is_dir()
}

fn load(path: &Path) -> anyhow::Result<Scores> {
    if path.is_dir() { Ok(Measured::folder(path)?.scores) } else { Scores::read(path) }
}

struct Comparison {
    /// The sets that both have, and all sets together last.
    rows: Vec<(String, Difference)>,
    /// The trials over all sets, of both.
    all: (Trials, Trials),
}

impl Comparison {
    fn of(a: &Scores, b: &Scores) -> anyhow::Result<Self> {
        let mut numbering = Numbering::new();
        a.number(&mut numbering);
        b.number(&mut numbering);
        let mut rows = Vec::new();
        for set in &a.sets {
            let Some(other) = b.sets.iter().find(|other| other.name == set.name) else { continue };
            let pair = (a.trials(&set.trials, &numbering), b.trials(&other.trials, &numbering));
            rows.push((set.name.clone(), differ(&pair).with_context(|| set.name.clone())?));
        }
        let all = (a.trials(&a.all_sets, &numbering), b.trials(&b.all_sets, &numbering));
        rows.push(("all sets, later against first".to_owned(), differ(&all)?));
        Ok(Self { rows, all })
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["set", "figure", "A", "B", "B less A", "95 % interval", ""]);
        for (name, difference) in &self.rows {
            for (figure, pair) in figures(difference) {
                table.row([&[name.clone(), figure.to_owned()][..], &columns(&pair)].concat());
            }
        }
        table
    }

    fn words(&self) -> &'static str {
        if self.rows.iter().all(|(_, difference)| difference.paired) {
            "Both have the same fingers and were resampled together. * is more than chance at 95 %."
        } else {
            "Their fingers differ, so each was resampled by itself. * is more than chance at 95 %."
        }
    }

    fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|(name, difference)| {
            let mut row = json!({ "name": name, "paired": difference.paired });
            for (figure, Pair { a, b, difference }) in figures(difference) {
                row[figure] = json!({ "a": a, "b": b, "difference": interval(&difference) });
            }
            row
        });
        json!({ "rows": rows.collect::<Vec<_>>() })
    }
}

fn differ((a, b): &(Trials, Trials)) -> anyhow::Result<Difference> {
    difference(
        Experiment { genuine: &a.0, impostor: &a.1 },
        Experiment { genuine: &b.0, impostor: &b.1 },
        BOOTSTRAP_SEED,
    )
    .context("both need genuine and impostor comparisons")
}

fn figures(difference: &Difference) -> [(&'static str, Pair); 4] {
    [
        ("EER", difference.eer),
        ("FNMR at FMR 1e-2", difference.fnmr_at_fmr_100),
        ("FNMR at FMR 1e-3", difference.fnmr_at_fmr_1000),
        ("FNMR at zero FMR", difference.fnmr_at_zero_fmr),
    ]
}

/// Both figures, their difference and its interval, and a mark if it is more than chance.
fn columns(pair: &Pair) -> [String; 5] {
    let Pair { a, b, difference } = pair;
    let percent = |rate: f64| format!("{:.2} %", 100.0 * rate);
    let (low, high) = (100.0 * difference.low, 100.0 * difference.high);
    [
        percent(*a),
        percent(*b),
        format!("{:+.2}", 100.0 * difference.value),
        format!("{low:+.2} to {high:+.2}"),
        if beyond_chance(pair) { "*".to_owned() } else { String::new() },
    ]
}

/// Whether the interval of the difference leaves 0 out.
fn beyond_chance(pair: &Pair) -> bool {
    pair.difference.low > 0.0 || pair.difference.high < 0.0
}
