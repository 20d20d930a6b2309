//! `plinth evaluate fingerprints`: the matcher on a folder of recorded captures.

use std::path::PathBuf;
use std::process::ExitCode;

use super::drawings;
use super::figures::Figures;
use super::limits::Limits;
use super::sheet::Sheet;
use super::trials::Measured;

/// Measure the fingerprint matcher on a folder of finger records (ISO/IEC 19794-2, ANSI/INCITS 378).
///
/// The folder holds `<set>/<finger>_<impression>.iso`. Each set is measured by the protocol of the Fingerprint
/// Verification Competition: all pairs of impressions of one finger are genuine trials, the first impressions of all
/// fingers against each other are impostor trials. Then all sets together: every later impression against the first one
/// of its own finger, and against the first one of every other finger.
///
/// With three sets or more, each set is also held against thresholds that its own fingers had no part in: those that the
/// other sets ask for. And all sets against the thresholds that the service decides by, which come from synthetic fingers.
///
/// Intervals are 95 %, by bootstrap over fingers. A record that cannot be used matches nothing.
#[derive(clap::Args)]
#[command(after_long_help = super::EXAMPLES)]
pub(crate) struct Args {
    /// The folder, with one subfolder a set.
    folder: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Write the score of every comparison to a file, for `plinth evaluate compare`.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Draw the error trade-offs into a folder, as SVG.
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
}

/// Runs the command. Status 1 if a limit that was asked for does not hold.
///
/// # Errors
/// If the folder does not have the layout, has too few captures to measure anything, or a file cannot be written.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let measured = Measured::folder(&args.folder)?;
    if let Some(file) = &args.scores {
        measured.scores.write(file)?;
    }
    let figures = Figures::of(&measured.scores)?;
    if let Some(folder) = &args.draw {
        drawings::draw(&figures, folder)?;
    }
    let sheet = Sheet { figures: &figures, effort: Some(&measured.effort) };
    if args.json {
        println!("{:#}", sheet.to_json(&args.limits));
    } else {
        println!("{sheet}");
    }
    let broken = args.limits.broken_by(&figures);
    broken.iter().for_each(|words| eprintln!("{words}"));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
