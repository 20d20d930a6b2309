//! `plinth demo`: the whole service at work, checked from the outside.

mod adjudication;
mod crowd;
mod enrolment;
mod exhaustive;
mod house;
mod meter;
mod padding;
mod questions;
mod scene;
mod sheet;
mod tally;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::error::ErrorKind;

use crate::evaluate::folder::TemplateFolder;
use crowd::Crowd;
use sheet::Sheet;

/// People of the demonstration when nothing else is asked for.
const PEOPLE: usize = 500;
/// Strangers' fingers that a gallery of recorded fingers is filled up with.
const PADDING: usize = 10_000;

/// Show the whole service at work, on made-up people or on your own templates.
///
/// Starts a service in a fresh folder, registers an agency and a relying party, enrols people, sends them again under
/// other names, and asks who they are: with their own fingers, with somebody else's, and with somebody else's name.
/// Every answer is verified offline against the key that `init` printed. Status 1 if any promise of the printed table
/// is broken.
///
/// Without a folder the people and their fingers are made up, the same ones each time. With a folder of ISO/IEC
/// 19794-2:2005 records, `<set>/<finger>_<impression>.iso`, they are played in two ways: each finger as one person who
/// has only that finger, and each set's fingers as one person. First impressions enrol, all others come as second
/// captures.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth demo
  plinth demo --people 2000
  plinth demo --templates ./fvc2002
  plinth demo --templates ./fvc2002 --people finger --pad 0")]
pub(crate) struct Args {
    /// How many made-up people; with --templates `finger` or `set`, who counts as one person [default: 500, or both].
    #[arg(long, value_name = "NUMBER|finger|set")]
    people: Option<People>,
    /// A folder of recorded fingers to use instead of made-up ones.
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// With --templates and single fingers: show the index's loss again among this many strangers' fingers; 0 skips it
    /// [default: 10000].
    #[arg(long, value_name = "NUMBER", requires = "templates")]
    pad: Option<usize>,
    /// Leave the service's folder in place, with its keys, and say where it is.
    #[arg(long)]
    keep: bool,
}

/// What `--people` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum People {
    Count(usize),
    Finger,
    Set,
}

/// Runs the command.
///
/// # Errors
/// If the folder does not have the layout, or the service cannot be started or reached. A broken promise is no error but
/// status 1.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    tokio::select! {
        outcome = perform(args) => outcome,
        // What is dropped on the way out takes its folder with it.
        _ = tokio::signal::ctrl_c() => {
            eprintln!("stopped");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn perform(args: Args) -> anyhow::Result<ExitCode> {
    let mut sheets = Vec::new();
    let Args { people, templates, pad, keep } = args;
    match (templates, people) {
        (None, Some(People::Finger | People::Set)) => {
            misuse("--people finger and --people set need a folder: add --templates DIR")
        }
        (Some(_), Some(People::Count(_))) => {
            misuse("the people of a folder are counted by `finger` or by `set`, not by a number")
        }
        (None, count) => {
            let count = if let Some(People::Count(count)) = count { count } else { PEOPLE };
            sheets.push(scene::play(Crowd::synthetic(count)?, None, keep).await?);
        }
        (Some(folder), who) => {
            let folder = TemplateFolder::read(&folder)?;
            let padding = Some(pad.unwrap_or(PADDING)).filter(|count| *count > 0);
            if who != Some(People::Set) {
                sheets.push(scene::play(Crowd::fingers(&folder)?, padding, keep).await?);
            }
            if who != Some(People::Finger) {
                sheets.push(scene::play(Crowd::sets(&folder)?, None, keep).await?);
            }
        }
    }
    for sheet in &sheets {
        println!("\n{sheet}");
    }
    let kept = sheets.iter().all(Sheet::is_kept);
    println!("{}", if kept { "Every promise holds." } else { "A promise is BROKEN: see the table." });
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ends the program as clap does when its arguments contradict each other.
fn misuse(message: &str) -> ! {
    clap::Error::raw(ErrorKind::ArgumentConflict, format!("{message}\n")).exit()
}

impl FromStr for People {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<usize>()) {
            ("finger", _) => Ok(Self::Finger),
            ("set", _) => Ok(Self::Set),
            (_, Ok(count)) if count > 0 => Ok(Self::Count(count)),
            _ => Err("give a number of people, or with --templates `finger` or `set`".to_owned()),
        }
    }
}

/// One sentence of the story, for whoever watches.
fn tell(sentence: fmt::Arguments<'_>) {
    println!("- {sentence}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_a_number_or_a_way_of_counting() {
        assert_eq!("finger".parse(), Ok(People::Finger));
        assert_eq!("set".parse(), Ok(People::Set));
        assert_eq!("12".parse(), Ok(People::Count(12)));
        assert!(
            "0".parse::<People>().is_err()
                && "-1".parse::<People>().is_err()
                && "".parse::<People>().is_err()
        );
    }
}
