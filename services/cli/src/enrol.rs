//! `plinth enrol`: enrols one person or a folder of people, as an agency.

pub(crate) mod application;
mod outcome;
mod report;
mod sender;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use plinth_client::Agency;
use plinth_identity::id::PartyId;
use tokio::task::JoinSet;

use crate::connect::Service;
use crate::{key_file, moment};
use application::Station;
use outcome::{Outcome, Summary};
use report::ReportFolder;
use sender::Sender;

/// Enrol one person or a folder of people, as an agency.
///
/// Each person is a JSON file beside the finger records that it names (ISO/IEC 19794-2, ANSI/INCITS 378); see the
/// example below.
///
/// The report directory keeps every request as it was signed and every answer as it was received. Run the same command
/// again after any interruption: who was answered is skipped, who was not is sent again byte for byte, and cases that were
/// decided in the meantime get their outcome. Nobody is enrolled twice.
///
/// Status 0 if everybody was answered, 1 if somebody was not or a file has to be corrected.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth enrol ./people --agency north --key ./agency.pem --report ./report
  plinth enrol ./people/ada.json --agency north --key ./agency.pem --report ./report --server http://127.0.0.1:7770

A person's file, with 1 to 10 fingers; phone, email and address may be left out, `station` and `operator` be added:
  {\"name\": \"Ada Lovelace\", \"date_of_birth\": \"1985-12-10\", \"gender\": \"F\",
   \"phone\": \"+44 20 7946 0000\", \"email\": \"ada@example.org\",
   \"address\": {\"house\": \"12\", \"street\": \"St James's Square\", \"locality\": \"London\", \"postcode\": \"SW1Y 4JH\"},
   \"fingers\": [{\"position\": \"right-thumb\", \"file\": \"ada-right-thumb.iso\"}]}")]
pub(crate) struct Args {
    /// A person's JSON file, or a folder of them.
    path: PathBuf,
    /// Your id as an agency.
    #[arg(long, env = "PLINTH_AGENCY", value_name = "ID", value_parser = PartyId::parse)]
    agency: PartyId,
    /// Your private key.
    #[arg(long, env = "PLINTH_KEY", value_name = "FILE")]
    key: PathBuf,
    /// The report directory. It holds numbers and names: keep it as you keep the applications.
    #[arg(long, value_name = "DIR")]
    report: PathBuf,
    /// The station that captured, where an application names none.
    #[arg(long, default_value = "")]
    station: String,
    /// The operator who captured, where an application names none.
    #[arg(long, default_value = "")]
    operator: String,
    /// How many people are sent at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallel: u16,
    #[command(flatten)]
    service: Service,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let files = applications(&args.path)?;
    let report = ReportFolder::open(&args.report)?;
    let key = key_file::read_private(&args.key)?;
    let public = key.public();
    let (connection, trust) = args.service.open().await?;
    let agency = Agency::new(connection, args.agency, key, trust.clone());
    let station = Station { station: args.station, operator: args.operator };
    let sender = Arc::new(Sender { agency, public, trust, report, station });

    let started = moment::now();
    let (mut outcomes, interrupted) = send_all(&sender, files, usize::from(args.parallel)).await?;
    outcomes.sort_by(|one, other| one.application.cmp(&other.application));
    let path = sender.report.finish(&outcomes)?;
    let summary = Summary::of(&outcomes);
    print!("{}", summary.table());
    println!("\n{} people in {:.1} s; report in {}", outcomes.len(), seconds_since(started), path.display());
    if interrupted {
        println!("interrupted: run the same command again for the others");
    }
    if summary.unanswered > 0 {
        println!("{} were not answered: run the same command again", summary.unanswered);
    }
    if summary.to_correct > 0 {
        println!(
            "{} have to be corrected: see `problem` in the report, then run the same command again",
            summary.to_correct
        );
    }
    let complete = !interrupted && summary.unanswered == 0 && summary.to_correct == 0;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The applications that a path stands for, in the order of their names.
fn applications(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", path.display());
    if !std::fs::metadata(path).with_context(cannot)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(cannot)? {
        let file = entry.with_context(cannot)?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    if files.is_empty() {
        bail!("{} holds no .json file; see `plinth enrol --help` for what one looks like", path.display());
    }
    files.sort();
    Ok(files)
}

/// Sends everybody, so many at once. Ctrl-C takes no more and waits for those under way.
async fn send_all(
    sender: &Arc<Sender>,
    files: Vec<PathBuf>,
    parallel: usize,
) -> anyhow::Result<(Vec<Outcome>, bool)> {
    let style = "{bar:40} {pos}/{len} people, {per_sec}, {eta} left";
    let bar = ProgressBar::new(files.len() as u64).with_style(ProgressStyle::with_template(style)?);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    let (mut under_way, mut outcomes) = (JoinSet::new(), Vec::with_capacity(files.len()));
    let (mut files, mut interrupted) = (files.into_iter(), false);
    loop {
        while !interrupted && under_way.len() < parallel {
            let Some(file) = files.next() else { break };
            let sender = Arc::clone(sender);
            under_way.spawn(async move { sender.settle(&file).await });
        }
        tokio::select! {
            _ = &mut interrupt, if !interrupted => interrupted = true,
            outcome = under_way.join_next() => match outcome {
                None => break,
                Some(outcome) => {
                    outcomes.push(outcome.context("a task failed")??);
                    bar.inc(1);
                }
            },
        }
    }
    bar.finish_and_clear();
    Ok((outcomes, interrupted))
}

fn seconds_since(started: plinth_identity::time::Timestamp) -> f64 {
    std::time::Duration::from_millis(moment::now().since(started)).as_secs_f64()
}
