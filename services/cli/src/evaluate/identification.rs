//! `plinth evaluate identification`: how often a search misses the person it is for, by the number of fingers.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use plinth_biometrics::evaluation::identification::{FnirAtFpir, identification};
use plinth_identity::policy::DeduplicationPolicy;
use serde_json::{Value, json};

use super::crowd::{Crowd, Recorded, Synthetic};
use super::drawings::{self, count};
use super::figures::BOOTSTRAP_SEED;
use super::picture::{Axis, Curve, Picture, percent};
use super::policies::{self, Outcome};
use super::sheet::{interval, rate};
use super::trials::Measured;
use crate::table::Table;

/// FPIRs that are read off the searches themselves.
const FPIRS: [f64; 3] = [0.1, 0.01, 0.0];

/// Points of a curve for each factor of ten.
const POINTS_A_DECADE: u8 = 12;

/// Measure how often a search of the gallery misses the person it is for, with 1, 2, 4 and 10 fingers.
///
/// People are made from a folder's fingers (as many neighbours of one set as a person is to have fingers), or, without a
/// folder, drawn: people who do not exist. Everybody is searched for among all of them.
///
/// Two tables. First the rates read off these searches: FNIR is the share that misses its person, FPIR the share of
/// searches that would find somebody else. Then what the service's policy decides: its thresholds follow from the target
/// FPIR and a gallery's size by a calibration that has seen neither these searches nor any real finger, so this says what
/// to expect of national galleries that nobody has at hand.
///
/// Intervals are 95 %, by bootstrap over people.
#[derive(clap::Args)]
#[command(after_long_help = super::EXAMPLES)]
pub(crate) struct Args {
    /// A folder of records, with one subfolder a set. People who do not exist, if absent.
    folder: Option<PathBuf>,
    /// How many people to draw.
    #[arg(long, value_name = "N", default_value_t = 200, conflicts_with = "folder")]
    people: u16,
    /// Which people to draw: the same number, the same people.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "folder")]
    seed: u64,
    /// Numbers of fingers.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,2,4,10", value_parser = clap::value_parser!(u8).range(1..=10))]
    fingers: Vec<u8>,
    /// Sizes of galleries that thresholds are set for.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "10000,1000000,1400000000")]
    gallery: Vec<u64>,
    /// A configuration file of `plinth serve` whose `[deduplication]` section is the policy [default: the standard one].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Draw the trade-off into a folder, as SVG.
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the folder cannot be measured, gives no people, or a file cannot be read or written.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let policy = args.policy.as_deref().map(policies::read).transpose()?.unwrap_or_default();
    let measured = args.folder.as_deref().map(Measured::folder).transpose()?;
    let searched = match &measured {
        Some(measured) => {
            Searched::of(&Recorded::new(&measured.scores), &args.fingers, &args.gallery, &policy)?
        }
        None => {
            let crowd = Synthetic::draw(args.seed, args.people.into());
            Searched::of(&crowd, &args.fingers, &args.gallery, &policy)?
        }
    };
    if let Some(folder) = &args.draw {
        drawings::make(folder)?;
        searched.picture().draw(&folder.join("identification.svg"))?;
    }
    if args.json {
        println!("{:#}", searched.to_json());
    } else {
        println!("{}", searched.text()?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that searches of one crowd say.
pub(crate) struct Searched {
    description: String,
    policy: DeduplicationPolicy,
    rows: Vec<Row>,
}

/// People with so many fingers.
struct Row {
    fingers: u8,
    people: usize,
    searches: usize,
    read_off: Vec<FnirAtFpir>,
    curve: Vec<FnirAtFpir>,
    /// In a gallery of just these people, then in those that were asked for.
    outcomes: Vec<Outcome>,
}

impl Searched {
    /// Searches for everybody with each number of fingers; numbers for which there are not two people are left out.
    ///
    /// # Errors
    /// If no number is left.
    pub(crate) fn of(
        crowd: &dyn Crowd,
        fingers: &[u8],
        galleries: &[u64],
        policy: &DeduplicationPolicy,
    ) -> anyhow::Result<Self> {
        let mut rows = Vec::new();
        for &fingers in fingers {
            let (people, searches) = crowd.searches(fingers.into());
            if people < 2 || searches.is_empty() {
                continue;
            }
            let trials: Vec<_> = searches.iter().map(super::crowd::Search::trial).collect();
            let grid: Vec<f64> = (0u8..)
                .map(|step| 10f64.powf(-f64::from(step) / f64::from(POINTS_A_DECADE)))
                .take_while(|fpir| fpir * real(searches.len()) >= 1.0)
                .collect();
            let own = u64::try_from(people).unwrap_or(u64::MAX);
            let sizes = std::iter::once(own).chain(galleries.iter().copied());
            rows.push(Row {
                fingers,
                people,
                searches: searches.len(),
                read_off: identification(&trials, &FPIRS, BOOTSTRAP_SEED)?,
                curve: identification(&trials, &grid, BOOTSTRAP_SEED)?,
                outcomes: sizes.map(|size| Outcome::of(policy, size, &searches)).collect(),
            });
        }
        ensure!(
            !rows.is_empty(),
            "too few fingers for two people: give more, or ask for fewer fingers a person"
        );
        Ok(Self { description: crowd.description(), policy: *policy, rows })
    }

    /// Headings and rows of the rates read off the searches.
    pub(crate) fn read_off(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut headings = ["fingers", "people", "searches"].map(str::to_owned).to_vec();
        headings.extend(FPIRS.map(|fpir| match fpir {
            0.0 => "FNIR at FPIR zero".to_owned(),
            fpir => format!("FNIR at FPIR {}", percent(fpir)),
        }));
        let rows = self.rows.iter().map(|row| {
            let mut cells = vec![row.fingers.to_string(), count(row.people), count(row.searches)];
            cells.extend(row.read_off.iter().map(|at| rate(&at.fnir)));
            cells
        });
        (headings, rows.collect())
    }

    /// Headings and rows of what the policy decides.
    pub(crate) fn decided(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let headings = ["fingers", "thresholds for", "FNIR", "called duplicate", "FPIR among these people"];
        let mut rows = Vec::new();
        for row in &self.rows {
            for (place, outcome) in row.outcomes.iter().enumerate() {
                let gallery = usize::try_from(outcome.gallery).unwrap_or(usize::MAX);
                rows.push(vec![
                    row.fingers.to_string(),
                    format!("{} people", count(gallery)),
                    rate(&outcome.missed),
                    rate(&outcome.duplicate),
                    // Only a gallery of this size says how often its thresholds let a stranger through.
                    if place == 0 { rate(&outcome.strangers) } else { String::new() },
                ]);
            }
        }
        (headings.map(str::to_owned).to_vec(), rows)
    }

    /// One sentence that says who was searched for.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// One sentence that says what decided.
    pub(crate) fn policy(&self) -> String {
        format!(
            "Decided by the policy: target FPIR {}, a duplicate {} times rarer; thresholds by the calibration, not from \
             these people.",
            percent(self.policy.target_fpir),
            self.policy.certainty
        )
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let grid = |(headings, rows): (Vec<String>, Vec<Vec<String>>)| {
            let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
            rows.into_iter().for_each(|row| table.row(row));
            table
        };
        writeln!(text, "{}\n\n{}", self.description, grid(self.read_off()))?;
        writeln!(text, "{}\n\n{}", self.policy(), grid(self.decided()))?;
        write!(text, "Intervals are 95 %, by bootstrap over people; the gallery stays the same.")?;
        Ok(text)
    }

    fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let read_off = row.read_off.iter().map(|at| {
                json!({ "target_fpir": at.target_fpir, "fpir": at.fpir, "above": at.above, "fnir": interval(&at.fnir) })
            });
            let outcomes = row.outcomes.iter().map(|outcome| {
                json!({
                    "gallery": outcome.gallery,
                    "fnir": interval(&outcome.missed),
                    "noticed": interval(&outcome.noticed),
                    "duplicate": interval(&outcome.duplicate),
                    "strangers_found_among_these": interval(&outcome.strangers),
                })
            });
            json!({
                "fingers": row.fingers,
                "people": row.people,
                "searches": row.searches,
                "read_off": read_off.collect::<Vec<_>>(),
                "by_policy": outcomes.collect::<Vec<_>>(),
            })
        });
        json!({
            "people": self.description,
            "target_fpir": self.policy.target_fpir,
            "certainty": self.policy.certainty,
            "rows": rows.collect::<Vec<_>>(),
        })
    }

    /// FNIR against FPIR, one curve for each number of fingers.
    pub(crate) fn picture(&self) -> Picture {
        let most = self.rows.iter().map(|row| row.searches).max().unwrap_or(1);
        let decades = -i32::try_from(most.to_string().len()).unwrap_or(3);
        let curves = self.rows.iter().map(|row| Curve {
            name: format!(
                "{} finger{}, {} people",
                row.fingers,
                if row.fingers == 1 { "" } else { "s" },
                count(row.people)
            ),
            points: row.curve.iter().map(|at| (at.target_fpir, at.fnir.value)).collect(),
            band: row.curve.iter().map(|at| (at.target_fpir, at.fnir.low, at.fnir.high)).collect(),
        });
        Picture {
            title: "Identification among these people".to_owned(),
            x: Axis::Rate("false positive identification rate", decades.saturating_add(1)),
            y: Axis::Rate("false negative identification rate", decades),
            curves: curves.collect(),
            marks: Vec::new(),
            diagonal: false,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of searches")]
fn real(count: usize) -> f64 {
    count as f64
}
