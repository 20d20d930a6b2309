//! The sweep: duplicates inside what was imported, found while the service works.
//!
//! Everyone of an import is searched for among all who came before them, on whatever core is idle. What is found is kept
//! for administrators: two people who hold numbers are never merged by a machine.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use plinth_identity::id::Sequence;
use plinth_identity::policy::EnrolmentDecision;
use plinth_storage::{Finding, ImportRow, Staged, StoreError};
use tracing::{error, info};

use crate::core::Core;
use crate::recent::Prepared;
use crate::search::search;

/// How long to wait when every core is wanted, and how long when there is nothing to do.
const BUSY: Duration = Duration::from_millis(20);
const IDLE: Duration = Duration::from_millis(500);
/// How often the place is noted: what was searched since is searched again after a crash.
const NOTED_EVERY: Duration = Duration::from_secs(2);

/// Starts the sweep on a thread of its own, which ends with the service.
pub(crate) fn start(core: &Arc<Core>) -> std::io::Result<JoinHandle<()>> {
    let core = Arc::downgrade(core);
    std::thread::Builder::new().name("sweep".into()).spawn(move || run(&core))
}

fn run(service: &Weak<Core>) {
    loop {
        let Some(core) = service.upgrade().filter(|core| !core.draining.is_cancelled()) else { return };
        let rest = match step(&core) {
            Ok(true) => Duration::ZERO,
            Ok(false) => IDLE,
            Err(error) => {
                error!(%error, "the sweep of an import cannot go on now");
                IDLE
            }
        };
        drop(core);
        std::thread::sleep(rest);
    }
}

/// Sweeps for a while. False if there is nothing to sweep.
fn step(core: &Arc<Core>) -> Result<bool, StoreError> {
    let imports = core.reader.imports()?;
    let unswept = imports.into_iter().find(|(_, row)| row.finished && row.swept < row.next);
    let Some((id, row)) = unswept else { return Ok(false) };
    let mut found = Vec::new();
    let begun = tick();
    let mut next = row.swept;
    while next < row.next && begun.elapsed() < NOTED_EVERY && !core.draining.is_cancelled() {
        let Some(_core) = core.idle_core() else {
            std::thread::sleep(BUSY);
            continue;
        };
        found.extend(compare(core, next)?);
        next = next.next();
    }
    note(core, id, &row, next, found);
    Ok(true)
}

/// Whom somebody resembles who came before them: the likeliest one.
fn compare(core: &Core, sequence: Sequence) -> Result<Option<Finding>, StoreError> {
    let Some(row) = core.reader.features(sequence)? else { return Ok(None) };
    let probe = Prepared { features: Arc::new(row.fingers) };
    let mut scores = search(core, &probe, &HashSet::from([sequence]))?.scores;
    scores.retain(|(other, _)| *other < sequence);
    let other = match core.deduplication.decide(&scores, core.reader.head().gallery) {
        EnrolmentDecision::Unique => return Ok(None),
        EnrolmentDecision::Duplicate(other) => other,
        EnrolmentDecision::Adjudicate(alike) => match alike.first() {
            Some(first) => first.sequence,
            None => return Ok(None),
        },
    };
    let score = scores.iter().find(|(one, _)| *one == other).map(|(_, score)| *score).unwrap_or_default();
    Ok(Some(Finding { sequence, other, llr: score.llr, fingers: score.fingers }))
}

fn note(core: &Core, id: u32, row: &ImportRow, next: Sequence, found: Vec<Finding>) {
    if next == row.next {
        info!(register = %row.name, "everyone of an imported register has been compared");
    }
    let note = move |staged: &mut Staged| {
        if let Some(mut row) = staged.import(id)? {
            row.swept = next;
            row.found = row.found.saturating_add(found.len() as u64);
            staged.put_import(id, &row);
            found.iter().for_each(|finding| staged.put_finding(id, finding));
        }
        Ok(())
    };
    // Should the service end now, the next one sweeps the same people again.
    drop(core.registrar.clerk().note(Box::new(note)));
}

#[expect(clippy::disallowed_methods, reason = "how long work has lasted; no decision depends on it")]
fn tick() -> Instant {
    Instant::now()
}
