//! Enrolments into a gallery that is filled already: how many a second, what they cost the server, and whom its searches
//! fail to find.
//!
//! The gallery is a population that was imported before (see `population`), so that everyone in it can be made again here:
//! **newcomers** are people of the same seed behind its last one, **mates** are people of it whose fingers are touched once
//! more. A mate who is given a number was missed. Whether that is the index's loss or the matcher's error is decided here:
//! the two captures are compared with each other alone, under the policy of the gallery's size.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use comfy_table::{CellAlignment, Table};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use plinth_biometrics::calibration::compare_people;
use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, Matcher};
use plinth_client::identity::application::FingerSample;
use plinth_client::identity::id::{RequestId, Sequence};
use plinth_client::identity::statement::EnrolmentOutcome;
use plinth_client::identity::{DeduplicationPolicy, EnrolmentDecision};
use plinth_client::{Agency, ClientError, EnrolmentDraft, Retry, now};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt as _;

use crate::parties::Parties;
use crate::population::demographics;
use crate::process::{cpu_time, memory};
use crate::stopwatch::tick;
use crate::trial::is_loopback;

/// Longest wait for the next answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// People made at once.
const BATCH: usize = 4_096;
/// In which order a person's fingers are asked for: the index fingers, the thumbs, then outwards.
const ORDER: [u8; 10] = [2, 7, 1, 6, 3, 8, 4, 9, 5, 10];

/// Which service, which gallery, and what is sent.
#[derive(Args)]
#[command(after_help = "\
Example:
  plinth-loadtest population --people 100000 --seed 7 --out ./population
  plinth import ./population/capture-0 --data ./data --root-key ./root.key --results ./results.jsonl
  plinth serve --data ./data --root-key ./root.key --sweep false --operator-duplicates-per-day 0 \\
    --station-duplicates-per-day 0 --agency-duplicates-per-day 0 --duplicate-percent 0
  plinth-loadtest enrolments --admin-key ./admins/admin-1.pem --pid $(pgrep -x plinth) --seed 7 --gallery 100000 \\
    --newcomers 2000 --alone 100 --mates 1000 --fingers 10,4,2,1")]
pub(crate) struct Arguments {
    /// Where agencies connect.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7770")]
    server: String,
    /// Where administrators connect.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7771")]
    admin: String,
    /// The administrator's id.
    #[arg(long, default_value = "admin-1")]
    admin_id: String,
    /// The administrator's key file.
    #[arg(long, value_name = "FILE")]
    admin_key: PathBuf,
    /// The process id of the service, for its CPU time and memory.
    #[arg(long)]
    pid: Option<u32>,
    /// The population's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many of the population were imported.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    gallery: u64,
    /// The first newcomer's index in the population, if earlier runs have sent the first ones already.
    #[arg(long, value_name = "INDEX")]
    newcomers_from: Option<u64>,
    /// New people over one stream.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    newcomers: usize,
    /// New people one after the other: nothing else goes on meanwhile.
    #[arg(long, value_name = "N", default_value_t = 0)]
    alone: usize,
    /// People of the gallery who come again, evenly spread over it, over one stream, for each number of fingers.
    #[arg(long, value_name = "N", default_value_t = 0)]
    mates: usize,
    /// Which touch of their fingers those come with: 0 is the enrolled one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..1_000))]
    touch: u32,
    /// With how many fingers.
    #[arg(long, value_delimiter = ',', default_values_t = [10], value_parser = clap::value_parser!(u8).range(1..=10))]
    fingers: Vec<u8>,
    /// Also write everything as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Everything that was measured.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    cores: usize,
    pub(crate) gallery: u64,
    pub(crate) steps: Vec<Step>,
    /// Of the server at the end, bytes.
    pub(crate) resident_bytes: Option<u64>,
}

/// What was sent at one go, and what came of it.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Step {
    pub(crate) what: String,
    sent: usize,
    issued: usize,
    duplicate: usize,
    pending: usize,
    refused: usize,
    /// Mates who were given a number though the matcher, shown the two captures alone, would not have.
    lost: Option<usize>,
    pub(crate) per_second: f64,
    pub(crate) server_cpu_ms: Option<f64>,
    pub(crate) client_cpu_ms: f64,
    /// Of each, where they were sent one after the other.
    pub(crate) p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// Someone to send: an index of the population, a touch, and how many fingers.
#[derive(Clone, Copy)]
struct Visitor {
    index: u64,
    touch: u32,
    fingers: u8,
}

struct Trial {
    seed: u64,
    agency: Agency,
    process_id: Option<u32>,
}

/// Sends everything that was asked for to a service that runs.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    for url in [&arguments.server, &arguments.admin] {
        ensure!(
            is_loopback(url),
            "{url} is not on loopback: a load test must not reach anybody's real service"
        );
    }
    let administrator = (arguments.admin_id.as_str(), arguments.admin_key.as_path());
    let parties = Parties::register(&arguments.server, &arguments.admin, administrator, 1).await?;
    // A retry would hide what is measured.
    let agency = parties.agency.with_retry(Retry::none());
    let trial = Trial { seed: arguments.seed, agency, process_id: arguments.pid };
    let mut steps = Vec::new();
    let mut next = arguments.newcomers_from.unwrap_or(arguments.gallery);
    let mut newcomers = |count: usize| {
        let first = next;
        next += count as u64;
        (first..next).map(|index| Visitor { index, touch: 0, fingers: 10 }).collect::<Vec<_>>()
    };
    if arguments.newcomers > 0 {
        steps.push(trial.stream("newcomers", &newcomers(arguments.newcomers), None).await?);
    }
    if arguments.alone > 0 {
        steps.push(trial.one_by_one("newcomers, one by one", &newcomers(arguments.alone)).await?);
    }
    if arguments.mates > 0 {
        for fingers in &arguments.fingers {
            let mates = mates(&arguments, *fingers);
            steps.push(
                trial.stream(&format!("mates, {fingers} fingers"), &mates, Some(arguments.gallery)).await?,
            );
        }
    }
    let report = Report {
        cores: std::thread::available_parallelism()?.get(),
        gallery: arguments.gallery,
        steps,
        resident_bytes: arguments.pid.map(memory).transpose()?,
    };
    println!("{report}");
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)
            .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// People of the gallery, evenly spread.
fn mates(arguments: &Arguments, fingers: u8) -> Vec<Visitor> {
    let count = (arguments.mates as u64).min(arguments.gallery);
    let index = |n| n * arguments.gallery / count.max(1);
    (0..count).map(|n| Visitor { index: index(n), touch: arguments.touch, fingers }).collect()
}

impl Trial {
    /// Everyone over one stream. People are made in batches beforehand, which is not counted; signing and sending is.
    async fn stream(&self, what: &str, visitors: &[Visitor], gallery: Option<u64>) -> anyhow::Result<Step> {
        let mut step = Step { what: what.to_owned(), ..Step::default() };
        let (mut elapsed, mut server, mut client) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let mut missed = Vec::new();
        let bar = bar(what, visitors.len())?;
        for batch in visitors.chunks(BATCH) {
            let drafts = self.drafts(batch)?;
            let sent: Arc<Mutex<HashMap<RequestId, Visitor>>> = Arc::default();
            let (agency, ids) = (self.agency.clone(), Arc::clone(&sent));
            let signed = drafts.into_iter().zip(batch.to_vec()).map_while(move |(draft, visitor)| {
                let request = agency.request(draft, now()).ok()?;
                ids.lock().unwrap_or_else(PoisonError::into_inner).insert(request.request_id(), visitor);
                Some(request)
            });
            let before = (tick(), self.server_cpu()?, cpu_time(std::process::id())?);
            let mut answers = self.agency.enrol_many(tokio_stream::iter(signed));
            while let Some((request, answer)) = tokio::time::timeout(PATIENCE, answers.next()).await? {
                let outcome = match answer {
                    Ok(answer) => answer.statement.outcome,
                    Err(ClientError::Refused(refusal)) => {
                        bar.println(format!("not enrolled: {refusal}"));
                        EnrolmentOutcome::Refused
                    }
                    Err(error) => return Err(error.into()),
                };
                if matches!(outcome, EnrolmentOutcome::Issued { .. }) && gallery.is_some() {
                    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                    missed.extend(sent.get(&request).copied());
                }
                step.count(&outcome);
                bar.inc(1);
            }
            elapsed += before.0.elapsed();
            server += self.server_cpu()?.saturating_sub(before.1);
            client += cpu_time(std::process::id())?.saturating_sub(before.2);
        }
        bar.finish_and_clear();
        ensure!(step.sent == visitors.len(), "{} of {} were answered", step.sent, visitors.len());
        step.lost = gallery.map(|gallery| missed.iter().filter(|mate| self.accepts(**mate, gallery)).count());
        step.divide(elapsed, server, client, self.process_id.is_some());
        Ok(step)
    }

    /// Everyone after the other, each over a call of their own.
    async fn one_by_one(&self, what: &str, visitors: &[Visitor]) -> anyhow::Result<Step> {
        let mut step = Step { what: what.to_owned(), ..Step::default() };
        let drafts = self.drafts(visitors)?;
        let mut latencies = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3)?;
        let before = (tick(), self.server_cpu()?, cpu_time(std::process::id())?);
        let bar = bar(what, visitors.len())?;
        for draft in drafts {
            let request = self.agency.request(draft, now())?;
            let begun = tick();
            let answer = self.agency.enrol(&request).await?;
            latencies.saturating_record(u64::try_from(begun.elapsed().as_micros())?);
            step.count(&answer.statement.outcome);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let (server, client) = (
            self.server_cpu()?.saturating_sub(before.1),
            cpu_time(std::process::id())?.saturating_sub(before.2),
        );
        step.divide(before.0.elapsed(), server, client, self.process_id.is_some());
        let at = |quantile| Duration::from_micros(latencies.value_at_quantile(quantile)).as_secs_f64() * 1e3;
        (step.p50_ms, step.p99_ms) = (Some(at(0.5)), Some(at(0.99)));
        Ok(step)
    }

    fn server_cpu(&self) -> anyhow::Result<Duration> {
        self.process_id.map_or(Ok(Duration::ZERO), cpu_time)
    }

    fn drafts(&self, visitors: &[Visitor]) -> anyhow::Result<Vec<EnrolmentDraft>> {
        visitors.par_iter().map(|visitor| visitor.draft(self.seed)).collect()
    }

    /// Whether the policy would take two captures of a mate for one person, if it saw them alone.
    fn accepts(&self, mate: Visitor, gallery: u64) -> bool {
        let enrolled = Visitor { touch: 0, fingers: 10, ..mate }.features(self.seed);
        let score = compare_people(&mut Matcher::new(), &mate.features(self.seed), &enrolled);
        let decision = DeduplicationPolicy::default().decide(&[(Sequence::new(1), score)], gallery);
        decision != EnrolmentDecision::Unique
    }
}

impl Visitor {
    fn positions(self) -> impl Iterator<Item = FingerPosition> {
        let wanted = &ORDER[..usize::from(self.fingers).min(ORDER.len())];
        FingerPosition::ALL.into_iter().filter(|position| wanted.contains(&position.code()))
    }

    fn draft(self, seed: u64) -> anyhow::Result<EnrolmentDraft> {
        let person = SyntheticPerson::new(seed, self.index);
        let sample =
            |position| FingerSample { position, record: person.capture(position, self.touch).encode() };
        Ok(EnrolmentDraft {
            demographics: demographics(&person)?,
            fingers: self.positions().map(sample).collect(),
            station: "load".to_owned(),
            operator: "load".to_owned(),
            purpose: "load test".to_owned(),
        })
    }

    fn features(self, seed: u64) -> Vec<FingerFeatures> {
        let person = SyntheticPerson::new(seed, self.index);
        let extract =
            |position| FingerFeatures::extract(&person.capture(position, self.touch), 0, position).ok();
        self.positions().filter_map(extract).collect()
    }
}

impl Step {
    fn count(&mut self, outcome: &EnrolmentOutcome) {
        self.sent += 1;
        *match outcome {
            EnrolmentOutcome::Issued { .. } => &mut self.issued,
            EnrolmentOutcome::Duplicate => &mut self.duplicate,
            EnrolmentOutcome::Pending { .. } => &mut self.pending,
            EnrolmentOutcome::Refused => &mut self.refused,
        } += 1;
    }

    fn divide(&mut self, elapsed: Duration, server: Duration, client: Duration, known: bool) {
        let sent = self.sent.max(1) as f64;
        self.per_second = sent / elapsed.as_secs_f64();
        self.server_cpu_ms = known.then(|| server.as_secs_f64() * 1e3 / sent);
        self.client_cpu_ms = client.as_secs_f64() * 1e3 / sent;
    }
}

fn bar(what: &str, length: usize) -> anyhow::Result<ProgressBar> {
    let style =
        ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len}, {per_sec}, {eta} to go")?;
    Ok(ProgressBar::new(length as u64).with_style(style).with_message(what.to_owned()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "gallery of {}, {} cores shared by service and client", self.gallery, self.cores)?;
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header([
            "sent",
            "",
            "a second",
            "issued",
            "duplicate",
            "pending",
            "refused",
            "lost",
            "server CPU ms",
            "client CPU ms",
            "p50 ms",
            "p99 ms",
        ]);
        for step in &self.steps {
            let optional =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
            table.add_row(vec![
                step.what.clone(),
                step.sent.to_string(),
                format!("{:.1}", step.per_second),
                step.issued.to_string(),
                step.duplicate.to_string(),
                step.pending.to_string(),
                step.refused.to_string(),
                step.lost.map_or_else(|| "-".to_owned(), |lost| lost.to_string()),
                optional(step.server_cpu_ms),
                format!("{:.2}", step.client_cpu_ms),
                optional(step.p50_ms),
                optional(step.p99_ms),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(f, "{table}")?;
        if let Some(bytes) = self.resident_bytes {
            writeln!(f, "server memory {} MiB", bytes >> 20)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_comes_with_the_fingers_that_are_asked_for_first() {
        let visitor = Visitor { index: 3, touch: 1, fingers: 2 };
        let draft = visitor.draft(5).unwrap();
        let positions: Vec<u8> = draft.fingers.iter().map(|sample| sample.position.code()).collect();
        assert_eq!(positions, [2, 7]);
        assert_eq!(visitor.features(5).len(), 2);
    }
}
