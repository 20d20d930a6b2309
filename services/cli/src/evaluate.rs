//! `plinth evaluate`: how well the matcher tells real fingers apart.

pub(crate) mod folder;
mod sheet;
mod trials;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use folder::TemplateFolder;
use sheet::Sheet;
use trials::{Captures, Figures};

const EXAMPLES: &str = "\
Examples:
  plinth evaluate fingerprints ./fvc2002
  plinth evaluate fingerprints ./fvc2002 --max-eer 0.026 --json";

/// Measure how well the matcher tells people apart, on recorded captures.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    modality: Modality,
}

#[derive(clap::Subcommand)]
enum Modality {
    Fingerprints(FingerprintArgs),
}

/// Measure the fingerprint matcher on a folder of ISO/IEC 19794-2:2005 records.
///
/// The folder holds `<set>/<finger>_<impression>.iso`. Each set is measured by the protocol of the Fingerprint
/// Verification Competition: all pairs of impressions of one finger are genuine trials, the first impressions of all
/// fingers against each other are impostor trials. Then all sets together: every later impression against the first one
/// of its own finger, and against the first one of every other finger.
///
/// Intervals are 95 %, by bootstrap over fingers. A record that cannot be used matches nothing.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
struct FingerprintArgs {
    /// The folder, with one subfolder a set.
    folder: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Exit with status 1 if the mean equal error rate of the sets is above this (0.026 is 2.6 %).
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    max_eer: Option<f64>,
}

/// Runs the command. Status 1 if a limit that was asked for does not hold.
///
/// # Errors
/// If the folder does not have the layout, or too few captures to measure anything.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Modality::Fingerprints(args) = args.modality;
    let sheet = measure(&args.folder)?;
    if args.json {
        println!("{:#}", sheet.to_json(args.max_eer));
    } else {
        println!("{sheet}");
    }
    Ok(match args.max_eer {
        Some(limit) if sheet.mean_eer() > limit => {
            eprintln!("the mean equal error rate is above the limit of {:.2} %", 100.0 * limit);
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    })
}

fn measure(path: &Path) -> anyhow::Result<Sheet> {
    let folder = TemplateFolder::read(path)?;
    let progress = progress_bar(folder.fingers().map(|finger| finger.impressions.len()).sum());
    progress.set_message("features");
    let captures = Captures::extract(&folder, &progress);

    let mut planned: Vec<_> =
        captures.sets().map(|(name, set)| (name.to_owned(), captures.fvc_trials(set))).collect();
    planned.push((Sheet::ALL_SETS.to_owned(), captures.all_against_first()));
    progress.set_message("comparisons");
    progress.set_position(0);
    progress.set_length(planned.iter().map(|(_, trials)| trials.len() as u64).sum());
    let mut figures = Vec::with_capacity(planned.len());
    for (name, trials) in planned {
        let measured = Figures::measure(&captures, &trials, &progress).with_context(|| {
            format!("{name}: give at least two fingers a set and two impressions a finger")
        })?;
        figures.push((name, measured));
    }
    progress.finish_and_clear();
    Ok(Sheet::new(figures, &captures, folder.others))
}

/// On standard error, and only on a terminal.
fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:12} {bar:40} {pos}/{len} {eta}");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("give a rate between 0 and 1, such as 0.026 for 2.6 %".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use plinth_biometrics::record::FingerPosition;
    use plinth_biometrics::synthetic::SyntheticPerson;

    use super::*;

    #[test]
    fn a_folder_of_synthetic_fingers_is_measured_by_both_protocols() {
        let folder = tempfile::tempdir().unwrap();
        for set in 0..2 {
            std::fs::create_dir(folder.path().join(format!("set{set}"))).unwrap();
            for (finger, impression) in (0..3u64).flat_map(|finger| (1..4u32).map(move |i| (finger, i))) {
                let person = SyntheticPerson::new(11, 3 * set + finger);
                let record = person.capture(FingerPosition::RightIndex, impression).encode();
                let name = format!("set{set}/{finger}_{impression}.iso");
                std::fs::write(folder.path().join(name), record).unwrap();
            }
        }
        std::fs::write(folder.path().join("set1/2_3.iso"), b"no record").unwrap();
        let sheet = measure(folder.path()).unwrap();
        let json = sheet.to_json(None);
        // A set of three fingers, three impressions each: 3 pairs a finger, 3 pairs of first impressions.
        assert_eq!(json["sets"][0]["genuine"], 9);
        assert_eq!(json["sets"][0]["impostor"], 3);
        // Six fingers: two later impressions each, against the own first one and five others.
        assert_eq!(json["all_sets"]["genuine"], 12);
        assert_eq!(json["all_sets"]["impostor"], 60);
        assert_eq!(json["unusable"].as_array().unwrap().len(), 1);
        assert!(sheet.to_string().contains("set1"));
    }

    #[test]
    fn a_set_of_one_finger_has_nothing_to_measure() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("set")).unwrap();
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightIndex, 0).encode();
        std::fs::write(folder.path().join("set/1_1.iso"), record).unwrap();
        assert!(format!("{:#}", measure(folder.path()).err().unwrap()).contains("at least two fingers"));
    }

    #[test]
    fn a_rate_is_between_nought_and_one() {
        assert_eq!(parse_rate("0.026"), Ok(0.026));
        assert!(parse_rate("2.6").is_err() && parse_rate("NaN").is_err() && parse_rate("").is_err());
    }
}
