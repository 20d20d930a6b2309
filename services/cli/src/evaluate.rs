//! `plinth evaluate`: how well the matcher tells people apart.

mod card;
mod compare;
mod crowd;
mod drawings;
mod figures;
mod fingerprints;
pub(crate) mod folder;
mod identification;
mod limits;
mod picture;
mod policies;
mod scores;
mod sheet;
mod trials;

use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  plinth evaluate fingerprints ./fvc2002 --draw ./pictures
  plinth evaluate fingerprints ./fvc2002 --max-eer 0.02 --min-caught-zero 0.94 --json
  plinth evaluate fingerprints ./fvc2002 --scores before.json
  plinth evaluate compare before.json ./fvc2002
  plinth evaluate compare ./sensor-a ./sensor-b --draw ./pictures
  plinth evaluate compare strict.toml lax.toml --on ./fvc2002
  plinth evaluate identification ./fvc2002 --gallery 1000000
  plinth evaluate identification --people 500 --policy /etc/plinth.toml
  plinth evaluate card ./fvc2002 --out ./accuracy --of 'FVC2002 DB1-4 set B'";

/// Measure how well the matcher tells people apart, on recorded captures.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Fingerprints(fingerprints::Args),
    Compare(compare::Args),
    Identification(identification::Args),
    Card(card::Args),
}

/// Runs the command. Status 1 if a limit that was asked for does not hold.
///
/// # Errors
/// If a folder does not have the layout or too few captures to measure anything, or a file cannot be read or written.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Fingerprints(args) => fingerprints::run(&args),
        What::Compare(args) => compare::run(&args),
        What::Identification(args) => identification::run(&args),
        What::Card(args) => card::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use plinth_biometrics::record::FingerPosition;
    use plinth_biometrics::synthetic::SyntheticPerson;

    use super::figures::Figures;
    use super::limits::Limits;
    use super::scores::Scores;
    use super::sheet::Sheet;
    use super::trials::Measured;
    use super::*;

    /// Sets of three fingers with three impressions each, of people who do not exist.
    fn captures(sets: u64, seed: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for set in 0..sets {
            fs::create_dir(folder.path().join(format!("set{set}"))).unwrap();
            for (finger, impression) in (0..3u64).flat_map(|finger| (1..4u32).map(move |i| (finger, i))) {
                let person = SyntheticPerson::new(seed, 3 * set + finger);
                let record = person.capture(FingerPosition::RightIndex, impression).encode();
                fs::write(folder.path().join(format!("set{set}/{finger}_{impression}.iso")), record).unwrap();
            }
        }
        folder
    }

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn evaluate(words: &[&str]) -> anyhow::Result<ExitCode> {
        run(<Command as clap::Parser>::try_parse_from([&["evaluate"], words].concat())?.args)
    }

    fn text(path: &Path) -> &str {
        path.to_str().unwrap()
    }

    #[test]
    fn a_folder_of_synthetic_fingers_is_measured_by_both_protocols() {
        let folder = captures(2, 11);
        fs::write(folder.path().join("set1/2_3.iso"), b"no record").unwrap();
        let measured = Measured::folder(folder.path()).unwrap();
        let figures = Figures::of(&measured.scores).unwrap();
        let sheet = Sheet { figures: &figures, effort: Some(&measured.effort) };
        let json = sheet.to_json(&Limits::default());
        // A set of three fingers, three impressions each: 3 pairs a finger, 3 pairs of first impressions.
        assert_eq!(json["sets"][0]["genuine"], 9);
        assert_eq!(json["sets"][0]["impostor"], 3);
        // Six fingers: two later impressions each, against the own first one and five others.
        assert_eq!(json["all_sets"]["genuine"], 12);
        assert_eq!(json["all_sets"]["impostor"], 60);
        assert_eq!(json["by_set"][1]["genuine"], 6);
        assert_eq!(json["unusable"].as_array().unwrap().len(), 1);
        // With two sets there is only one other.
        assert_eq!(json["left_out"].as_array().unwrap().len(), 0);
        assert!(sheet.to_string().contains("set1"));
    }

    #[test]
    fn with_three_sets_each_is_held_against_the_others() {
        let folder = captures(3, 12);
        let measured = Measured::folder(folder.path()).unwrap();
        let figures = Figures::of(&measured.scores).unwrap();
        assert_eq!(figures.held_out.len(), 3);
        // Three fingers: their own later captures against nine first ones, and the others' against theirs.
        let group = figures.held_out[0].groups[0];
        assert_eq!((group.genuine.0, group.impostor.0), (6, 6 * 8 + 12 * 3));
        let sheet = Sheet { figures: &figures, effort: None };
        assert!(sheet.to_string().contains("FNMR OF SET2"), "{sheet}");
    }

    #[test]
    fn limits_hold_or_give_status_one() {
        let folder = captures(2, 11);
        let folder = text(folder.path());
        let code = |words: &[&str]| {
            let code = evaluate(&[&["fingerprints", folder], words].concat()).unwrap();
            format!("{code:?}")
        };
        let (kept, broken) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(code(&["--max-eer", "0.5", "--min-caught-zero", "0.1", "--json"]), kept);
        assert_eq!(code(&["--min-caught-1e3", "0", "--min-caught-1e2", "0"]), kept);
        let noise = tempfile::tempdir().unwrap();
        fs::create_dir(noise.path().join("set")).unwrap();
        for name in ["1_1", "1_2", "2_1", "2_2"] {
            fs::write(noise.path().join(format!("set/{name}.iso")), b"no record").unwrap();
        }
        for limit in [["--max-eer", "0.1"], ["--min-caught-zero", "0.1"], ["--min-caught-1e2", "0.1"]] {
            let code = evaluate(&[&["fingerprints", text(noise.path())], &limit[..]].concat()).unwrap();
            assert_eq!(format!("{code:?}"), broken, "{limit:?}");
        }
    }

    #[test]
    fn a_scores_file_of_a_folder_compares_as_equal_to_the_folder() {
        let (folder, out) = (captures(2, 11), tempfile::tempdir().unwrap());
        let file = out.path().join("scores.json");
        evaluate(&["fingerprints", text(folder.path()), "--scores", text(&file)]).unwrap();
        let (one, other) = (Scores::read(&file).unwrap(), Measured::folder(folder.path()).unwrap().scores);
        assert_eq!(one.all_sets, other.all_sets);
        let pictures = out.path().join("pictures");
        evaluate(&["compare", text(&file), text(folder.path()), "--draw", text(&pictures)]).unwrap();
        assert!(pictures.join("compare.svg").exists());
        // Other people altogether: nothing to pair, and still comparable.
        let strangers = captures(2, 99);
        fs::rename(strangers.path().join("set1"), strangers.path().join("set7")).unwrap();
        evaluate(&["compare", text(&file), text(strangers.path()), "--json"]).unwrap();
    }

    #[test]
    fn the_card_is_the_same_every_time_and_embeds_what_was_drawn() {
        let (folder, out) = (captures(3, 12), tempfile::tempdir().unwrap());
        let make = |name: &str| {
            let target = out.path().join(name);
            evaluate(&[
                "card",
                text(folder.path()),
                "--out",
                text(&target),
                "--people",
                "3",
                "--of",
                "people who don't exist",
            ])
            .unwrap();
            let page = fs::read_to_string(target.join("README.md")).unwrap();
            let embedded = page
                .lines()
                .filter_map(|line| line.strip_prefix("![")?.split("](").nth(1)?.strip_suffix(')'));
            assert_eq!(embedded.inspect(|file| assert!(target.join(file).exists(), "{file}")).count(), 5);
            let mut files: Vec<_> =
                fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files.into_iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>()
        };
        let page = make("first");
        assert_eq!(page, make("second"));
        let page = String::from_utf8(page[0].clone()).unwrap();
        assert!(page.contains("--of 'people who don'\\''t exist' --people 3"), "{page}");
        assert!(!page.contains(text(folder.path())), "no path of this machine is on the page");
    }

    #[test]
    fn identification_is_measured_for_recorded_and_for_drawn_people() {
        let (folder, out) = (captures(3, 12), tempfile::tempdir().unwrap());
        let pictures = out.path().join("pictures");
        evaluate(&["identification", text(folder.path()), "--fingers", "1,3,10", "--draw", text(&pictures)])
            .unwrap();
        assert!(pictures.join("identification.svg").exists());
        evaluate(&["identification", "--people", "4", "--fingers", "2", "--json"]).unwrap();
        let error = evaluate(&["identification", text(folder.path()), "--fingers", "4"]).unwrap_err();
        assert!(error.to_string().contains("too few fingers"), "{error:#}");
        assert!(evaluate(&["identification", "--fingers", "11"]).is_err());
    }

    #[test]
    fn two_policies_are_compared_on_the_searches_of_a_folder() {
        let (folder, out) = (captures(3, 12), tempfile::tempdir().unwrap());
        let policy = |name: &str, fpir: f64| {
            let path = out.path().join(name);
            fs::write(&path, format!("[deduplication]\ntarget_fpir = {fpir}\n")).unwrap();
            path
        };
        let (strict, lax) = (policy("strict.toml", 0.001), policy("lax.toml", 0.1));
        let on = ["--on", text(folder.path())];
        evaluate(&[&["compare", text(&strict), text(&lax)], &on[..]].concat()).unwrap();
        evaluate(&[&["compare", text(&strict), text(&lax), "--json"], &on[..]].concat()).unwrap();
        let mixed = evaluate(&["compare", text(&strict), text(folder.path())]).unwrap_err();
        assert!(mixed.to_string().contains("two of a kind"), "{mixed:#}");
    }

    #[test]
    fn a_set_of_one_finger_has_nothing_to_measure() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("set")).unwrap();
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightIndex, 0).encode();
        fs::write(folder.path().join("set/1_1.iso"), record).unwrap();
        let error = Measured::folder(folder.path()).err().unwrap();
        assert!(format!("{error:#}").contains("at least two fingers"));
    }
}
