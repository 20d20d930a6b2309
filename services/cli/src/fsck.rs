//! `plinth fsck`: checks every table against the others.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use plinth_identity::keys::RootKey;
use plinth_storage::{Check, Counts, Reader, Report, StoreOptions};
use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::table::Table;

/// Check every table of a stopped service against the others.
///
/// Numbers against people, people against their templates, features and index entries, cases against applicants, answers
/// against the agencies' lists, and the log for holes: each way and back. Changes nothing. Status 1 if anything
/// disagrees.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth fsck --data ./data --root-key ./root.key")]
pub(crate) struct Args {
    /// The data directory. The service must not be running on it.
    #[arg(long, env = "PLINTH_DATA", value_name = "DIR")]
    data: PathBuf,
    /// Its root key.
    #[arg(long, env = "PLINTH_ROOT_KEY", value_name = "FILE")]
    root_key: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    check(&args.data, &plinth_server::read_root_key(&args.root_key)?)
}

/// Checks a data directory that nobody serves, and prints what was found.
pub(crate) fn check(data: &Path, root_key: &RootKey) -> anyhow::Result<ExitCode> {
    let mut random = rand::make_rng::<StdRng>();
    let nonces = Box::new(move || random.random());
    let (reader, _writer) = plinth_storage::open(data, root_key, &StoreOptions::default(), nonces)
        .with_context(|| format!("cannot open {}", data.display()))?;
    let report = examine(&reader)?;
    print!("{}", counts(&report.counts));
    Ok(verdict(&report))
}

fn examine(reader: &Reader) -> anyhow::Result<Report> {
    let bar =
        ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg}: {pos} rows")?);
    let report = plinth_storage::check(reader, &mut |progress| {
        bar.set_message(name(progress.check));
        bar.set_position(progress.rows);
    });
    bar.finish_and_clear();
    report.context("the check could not be completed")
}

fn counts(counts: &Counts) -> Table {
    let mut table = Table::new(&["what", "rows"]);
    for (what, rows) in [
        ("identities", counts.identities),
        ("people in the gallery", counts.gallery),
        ("index entries", counts.postings),
        ("tombstones", counts.tombstones),
        ("imports", counts.imports),
        ("findings of imports", counts.findings),
        ("stored answers", counts.requests),
        ("agencies' list entries", counts.enrolments),
        ("used nonces", counts.nonces),
        ("cases", counts.cases),
        ("open cases", counts.open_cases),
        ("parties", counts.parties),
        ("log leaves", counts.leaves),
        ("counters of attempts", counts.attempts),
        ("one-time codes", counts.otps),
        ("messages to be delivered", counts.outbox),
        ("virtual numbers", counts.virtual_numbers),
        ("history entries", counts.history),
        ("daily counts", counts.quotas),
        ("batches signed together", counts.batches),
        ("rows to be reclaimed", counts.expiries),
    ] {
        table.row([what.to_owned(), rows.to_string()]);
    }
    table
}

fn verdict(report: &Report) -> ExitCode {
    if report.is_clean() {
        println!("\nclean: every table agrees with the others");
        return ExitCode::SUCCESS;
    }
    println!("\nPROBLEMS: do not serve from this directory; restore a backup");
    let mut table = Table::new(&["problem", "times"]);
    for (problem, times) in &report.problems {
        table.row([problem.to_string(), times.to_string()]);
    }
    print!("{table}");
    ExitCode::FAILURE
}

fn name(check: Check) -> &'static str {
    match check {
        Check::Parties => "parties",
        Check::Log => "log",
        Check::Cases => "cases",
        Check::Holders => "people",
        Check::Templates => "templates",
        Check::Features => "features",
        Check::Index => "index",
        Check::Tombstones => "people who have left",
        Check::Imports => "imports",
        Check::Identities => "identities",
        Check::Requests => "answers",
        Check::Nonces => "nonces",
        Check::Attempts => "attempts",
        Check::Otps => "one-time codes",
        Check::Outbox => "outbox",
        Check::VirtualNumbers => "virtual numbers",
        Check::History => "histories",
        Check::Quotas => "daily counts",
        Check::Batches => "batches",
        Check::Expiries => "expiries",
    }
}
