//! `plinth evaluate card`: a page with the accuracy of this build on a folder, for the record.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use plinth_identity::policy::DeduplicationPolicy;

use super::crowd::{Crowd, Recorded, Synthetic};
use super::drawings::{self, Drawn, count};
use super::figures::Figures;
use super::identification::Searched;
use super::scores::Scores;
use super::sheet::{calibrated_rows, cells, held_out_rows};
use super::trials::{Effort, Measured};

/// Write a page with this build's accuracy on a folder: tables, intervals, pictures, and the command that made it.
///
/// The same build and the same records give the same bytes, whatever the machine: no time and no path is on the page,
/// unless `--speed` asks for a part that says how fast this machine was.
#[derive(clap::Args)]
#[command(after_long_help = super::EXAMPLES)]
pub(crate) struct Args {
    /// The folder of records, with one subfolder a set.
    folder: PathBuf,
    /// Where the page (`README.md`) and its pictures go. Made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the records are, in words, for the page's first line.
    #[arg(long, value_name = "WORDS", default_value = "the records of a folder")]
    of: String,
    /// How many people who do not exist are drawn to measure identification on, beside those put together from the
    /// folder's fingers; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 200)]
    people: u16,
    /// Add a part with this machine's speed. The page then differs from run to run.
    #[arg(long)]
    speed: bool,
}

/// Runs the command.
///
/// # Errors
/// If the folder cannot be measured, or the page cannot be written.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Measured { scores, effort } = Measured::folder(&args.folder)?;
    let figures = Figures::of(&scores)?;
    let pictures = drawings::draw(&figures, &args.out)?;
    let mut people = vec![(search(&Recorded::new(&scores))?, "identification.svg")];
    if args.people > 0 {
        people.push((search(&Synthetic::draw(SEED, args.people.into()))?, "identification-synthetic.svg"));
    }
    for (searched, file) in &people {
        searched.picture().draw(&args.out.join(file))?;
    }
    let page = Page {
        args,
        scores: &scores,
        figures: &figures,
        effort: &effort,
        pictures: &pictures,
        people: &people,
    };
    let path = args.out.join("README.md");
    std::fs::write(&path, page.text()?).with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {} and {} pictures", path.display(), pictures.len() + people.len());
    Ok(ExitCode::SUCCESS)
}

/// Which people are drawn.
const SEED: u64 = 1;

/// Numbers of fingers.
const FINGERS: [u8; 4] = [1, 2, 4, 10];

/// Sizes of galleries that thresholds are set for.
const GALLERIES: [u64; 3] = [10_000, 1_000_000, 1_400_000_000];

fn search(crowd: &dyn Crowd) -> anyhow::Result<Searched> {
    Searched::of(crowd, &FINGERS, &GALLERIES, &DeduplicationPolicy::default())
}

struct Page<'a> {
    args: &'a Args,
    scores: &'a Scores,
    figures: &'a Figures,
    effort: &'a Effort,
    pictures: &'a [Drawn],
    people: &'a [(Searched, &'static str)],
}

impl Page<'_> {
    fn text(&self) -> Result<String, std::fmt::Error> {
        let (mut page, figures) = (String::new(), self.figures);
        writeln!(page, "# Accuracy of the fingerprint matcher\n")?;
        writeln!(
            page,
            "Measured on {}: {} captures in {} sets, with {}. {}\n",
            self.args.of,
            count(self.scores.count()),
            figures.sets.len(),
            self.scores.matcher,
            self.unusable(),
        )?;
        writeln!(page, "```\n{}\n```\n", self.command())?;
        writeln!(
            page,
            "FMR is the share of impostor comparisons that match, FNMR the share of genuine ones that do not, EER where \
             both are equal. Intervals are 95 %, by bootstrap over fingers.\n"
        )?;
        writeln!(page, "## Comparisons\n")?;
        writeln!(
            page,
            "The first rows follow the Fingerprint Verification Competition: within a set, all pairs of captures of one \
             finger, and the first captures of all fingers against each other. Their impostors are few, so the columns \
             beyond the EER are coarse. The last row holds every later capture against every first one, over all sets.\n"
        )?;
        let headings = ["set", "genuine", "impostor", "EER", "FNMR at FMR 1e-2", "at 1e-3", "at zero"];
        let mut rows: Vec<Vec<String>> =
            figures.sets.iter().map(|(name, report)| cells(name, report).into()).collect();
        let mut mean = vec![String::new(); headings.len()];
        (mean[0], mean[3]) = ("mean of the sets".to_owned(), format!("{:.2} %", 100.0 * figures.mean_eer()));
        rows.push(mean);
        rows.push(cells("all sets, later against first", &figures.all).into());
        table(&mut page, &headings.map(str::to_owned), &rows)?;
        self.thresholds(&mut page)?;
        writeln!(page, "## Pictures\n")?;
        for Drawn { file, caption } in self.pictures {
            writeln!(page, "![{caption}]({file})\n\n{caption}\n")?;
        }
        self.identification(&mut page)?;
        if self.args.speed {
            self.speed(&mut page)?;
        }
        Ok(page.trim_end().to_owned() + "\n")
    }

    fn thresholds(&self, page: &mut String) -> std::fmt::Result {
        if !self.figures.held_out.is_empty() {
            writeln!(page, "## Thresholds that never saw what they judge\n")?;
            writeln!(
                page,
                "A threshold read off the comparisons that it is then reported on flatters a matcher. Here each set is \
                 judged at the threshold that the *other* sets ask for; no finger of the set has a part in it.\n"
            )?;
            let (headings, rows) = held_out_rows(self.figures);
            table(page, &headings, &rows)?;
        }
        writeln!(page, "## The service's own thresholds\n")?;
        writeln!(
            page,
            "The service decides by a calibration that was made from synthetic fingers alone. What its thresholds give \
             on these real ones:\n"
        )?;
        let (headings, rows) = calibrated_rows(self.figures);
        table(page, &headings, &rows)
    }

    fn unusable(&self) -> String {
        match self.effort.unusable.len() {
            0 => "Every record could be used.".to_owned(),
            some => format!("{some} records could not be used and match nothing."),
        }
    }

    fn identification(&self, page: &mut String) -> std::fmt::Result {
        writeln!(page, "## Identification\n")?;
        writeln!(
            page,
            "Everybody is searched for among all people. FNIR is the share of searches that miss their person, FPIR the \
             share that would find somebody else. The first table of each part is read off the searches; the second is \
             what the service decides in galleries of other sizes. {}\n",
            self.people.first().map(|(searched, _)| searched.policy()).unwrap_or_default(),
        )?;
        for (searched, file) in self.people {
            writeln!(page, "### {}\n", searched.description())?;
            for (headings, rows) in [searched.read_off(), searched.decided()] {
                table(page, &headings, &rows)?;
            }
            writeln!(page, "![FNIR against FPIR, with pointwise 95 % bands]({file})\n")?;
        }
        Ok(())
    }

    fn command(&self) -> String {
        let speed = if self.args.speed { " --speed" } else { "" };
        let people =
            if self.args.people == 200 { String::new() } else { format!(" --people {}", self.args.people) };
        format!("plinth evaluate card DIR --out docs/accuracy --of {}{people}{speed}", quoted(&self.args.of))
    }

    fn speed(&self, page: &mut String) -> std::fmt::Result {
        let rate = |count: usize, elapsed: std::time::Duration| {
            f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / elapsed.as_secs_f64().max(1e-9)
        };
        let Effort { records, comparisons, extraction, comparing, threads, .. } = *self.effort;
        writeln!(page, "## Speed of the machine that made this page\n")?;
        writeln!(
            page,
            "This part differs from run to run and from machine to machine: {:.0} extractions and {:.0} comparisons a \
             second, on {threads} threads.\n",
            rate(records, extraction),
            rate(comparisons, comparing),
        )
    }
}

fn table(page: &mut String, headings: &[String], rows: &[Vec<String>]) -> std::fmt::Result {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    writeln!(page, "{}", line(headings))?;
    writeln!(page, "|{}", "---|".repeat(headings.len()))?;
    for row in rows {
        writeln!(page, "{}", line(row))?;
    }
    writeln!(page)
}

/// A word as a shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
