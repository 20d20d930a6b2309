//! Two policies over the same searches.

use std::path::Path;
use std::process::ExitCode;

use anyhow::ensure;
use serde_json::json;

use super::columns;
use crate::evaluate::crowd::{Crowd, Recorded, Search, Synthetic};
use crate::evaluate::drawings::count;
use crate::evaluate::policies::{self, Contest};
use crate::evaluate::sheet::interval;
use crate::evaluate::trials::Measured;
use crate::table::Table;

/// Numbers of fingers.
const FINGERS: [u8; 4] = [1, 2, 4, 10];

/// Sizes of galleries.
const GALLERIES: [u64; 4] = [100, 10_000, 1_000_000, 1_400_000_000];

/// People who do not exist, if no folder is given.
const PEOPLE: (u64, usize) = (1, 200);

/// Prints what two policies make of the same searches, in galleries of several sizes.
///
/// # Errors
/// If a policy or the folder cannot be read.
pub(super) fn run((a, b): (&Path, &Path), on: Option<&Path>, as_json: bool) -> anyhow::Result<ExitCode> {
    let policies = (policies::read(a)?, policies::read(b)?);
    let searched = match on {
        Some(folder) => searches(&Recorded::new(&Measured::folder(folder)?.scores)),
        None => searches(&Synthetic::draw(PEOPLE.0, PEOPLE.1)),
    };
    ensure!(!searched.rows.is_empty(), "too few fingers for two people");
    let mut table = Table::new(&["fingers", "gallery", "figure", "A", "B", "B less A", "95 % interval", ""]);
    let mut rows = Vec::new();
    for (fingers, searches) in &searched.rows {
        for gallery in GALLERIES {
            let contest = Contest::of((&policies.0, &policies.1), gallery, searches);
            let size = count(usize::try_from(gallery).unwrap_or(usize::MAX));
            for (figure, pair) in [("FNIR", contest.missed), ("called duplicate", contest.duplicate)] {
                let names = [fingers.to_string(), size.clone(), figure.to_owned()];
                table.row([&names[..], &columns(&pair)].concat());
                rows.push(json!({
                    "fingers": fingers,
                    "gallery": gallery,
                    "figure": figure,
                    "a": pair.a,
                    "b": pair.b,
                    "difference": interval(&pair.difference),
                }));
            }
        }
    }
    if as_json {
        println!("{:#}", json!({ "people": searched.description, "rows": rows }));
    } else {
        println!("{}\n\n{table}", searched.description);
        println!("Both decided the same searches, resampled together. * is more than chance at 95 %.");
    }
    Ok(ExitCode::SUCCESS)
}

struct Searched {
    description: String,
    /// By the number of fingers.
    rows: Vec<(u8, Vec<Search>)>,
}

fn searches(crowd: &dyn Crowd) -> Searched {
    let rows = FINGERS.map(|fingers| (fingers, crowd.searches(fingers.into())));
    let enough = rows.into_iter().filter(|(_, (people, searches))| *people > 1 && !searches.is_empty());
    Searched {
        description: crowd.description(),
        rows: enough.map(|(fingers, (_, searches))| (fingers, searches)).collect(),
    }
}
