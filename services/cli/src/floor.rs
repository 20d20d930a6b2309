//! `plinth floor`: what a durable write costs at least on this machine.

mod rows;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use plinth_identity::id::DeploymentId;
use plinth_identity::keys::RootKey;
use plinth_storage::{Reader, StoreOptions, Writer};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use crate::table::Table;
use rows::{Decision, Rows};

/// Decisions that share one fsync.
const BATCHES: [u32; 3] = [1, 64, 256];

/// Measure what a durable write costs at least on this machine.
///
/// Writes the rows of made-up decisions, as many and as long as those of real ones, through the same storage with one
/// fsync a batch, in a temporary store below --data that is removed afterwards. No service on this machine can commit
/// faster than this; compare it with what `loadtest` measures.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth floor --data /var/lib --seconds 30")]
pub(crate) struct Args {
    /// A directory on the disk to measure.
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// How long to measure, in all.
    #[arg(long, value_name = "SECONDS", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let trials: Vec<(Decision, u32)> =
        Decision::ALL.into_iter().flat_map(|decision| BATCHES.map(|batch| (decision, batch))).collect();
    let each = Duration::from_secs(args.seconds) / u32::try_from(trials.len())?;
    let rows = trials.into_iter().map(|(decision, batch)| measure(args, decision, batch, each));
    let floor = Floor { seconds: args.seconds, rows: rows.collect::<anyhow::Result<_>>()? };
    if args.json {
        println!("{}", serde_json::to_string(&floor)?);
    } else {
        print!("{}", floor.table());
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that was measured.
#[derive(Serialize)]
struct Floor {
    seconds: u64,
    rows: Vec<Row>,
}

/// One kind of decision at one size of batch.
#[derive(Serialize)]
struct Row {
    decision: Decision,
    /// Decisions a commit.
    batch: u32,
    commits: u64,
    decisions: u64,
    /// Sealing and committing, one batch after the other.
    decisions_per_second: f64,
    /// The commit alone: write and fsync.
    commit_ms_p50: f64,
    commit_ms_p99: f64,
    /// Statement bytes of one decision.
    statement_bytes: usize,
    /// Rows of one decision.
    keys: usize,
    /// CPU time of this process, RocksDB's own threads included.
    cpu_us_per_decision: f64,
}

impl Floor {
    fn table(&self) -> Table {
        let mut table = Table::new(&[
            "decision",
            "batch",
            "decisions/s",
            "commit p50 ms",
            "p99 ms",
            "CPU us each",
            "keys each",
        ]);
        for row in &self.rows {
            table.row([
                row.decision.name().to_owned(),
                row.batch.to_string(),
                format!("{:.0}", row.decisions_per_second),
                format!("{:.2}", row.commit_ms_p50),
                format!("{:.2}", row.commit_ms_p99),
                format!("{:.1}", row.cpu_us_per_decision),
                row.keys.to_string(),
            ]);
        }
        table
    }
}

/// Measures in a store of its own, so that no trial pays for the one before.
fn measure(args: &Args, decision: Decision, batch: u32, time: Duration) -> anyhow::Result<Row> {
    let mut random = StdRng::seed_from_u64(u64::from(batch));
    let folder = tempfile::Builder::new().prefix(".plinth-floor-").tempdir_in(&args.data);
    let folder = folder.with_context(|| format!("cannot write to {}", args.data.display()))?;
    let (reader, mut writer) = store(&folder.path().join("store"), &mut random)?;
    let mut rows = Rows::new(decision, &reader, random)?;

    let mut commits = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    let (started, cpu) = (clock(), cpu_time()?);
    while started.elapsed() < time {
        let mut staged = writer.stage();
        for _ in 0..batch {
            rows.stage(&mut staged);
        }
        let begun = clock();
        writer.commit(staged, vec![()])?;
        commits.record(u64::try_from(begun.elapsed().as_micros())?)?;
    }
    let (elapsed, cpu) = (started.elapsed().as_secs_f64(), cpu_time()?.saturating_sub(cpu));
    let decisions = commits.len() * u64::from(batch);
    let millis = |quantile| Duration::from_micros(commits.value_at_quantile(quantile)).as_secs_f64() * 1e3;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people, far below 2^53")]
    let count = decisions as f64;
    Ok(Row {
        decision,
        batch,
        commits: commits.len(),
        decisions,
        decisions_per_second: count / elapsed,
        commit_ms_p50: millis(0.5),
        commit_ms_p99: millis(0.99),
        statement_bytes: rows.statement_bytes(),
        keys: rows.keys(),
        cpu_us_per_decision: cpu.as_secs_f64() * 1e6 / count,
    })
}

fn store(path: &std::path::Path, random: &mut StdRng) -> anyhow::Result<(Reader, Writer)> {
    let root = RootKey::generate(random);
    plinth_storage::create(path, &root, DeploymentId::random(random))?;
    let mut nonces = StdRng::from_rng(random);
    let nonces = Box::new(move || nonces.random());
    Ok(plinth_storage::open(path, &root, &StoreOptions::default(), nonces)?)
}

#[expect(clippy::disallowed_methods, reason = "this command measures time")]
fn clock() -> Instant {
    Instant::now()
}

/// CPU time that this process has used: user and system, all threads.
fn cpu_time() -> anyhow::Result<Duration> {
    /// Linux counts in hundredths of a second, whatever the kernel's own tick.
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    // The second field is the program's name in brackets, which may hold anything; user and system time are the 14th
    // and 15th field (proc(5)).
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: u32 =
        after_name.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<_, _>>()?;
    Ok(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_time_of_this_process_only_grows() {
        let before = cpu_time().unwrap();
        assert!(cpu_time().unwrap() >= before);
    }
}
