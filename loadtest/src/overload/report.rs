use std::collections::BTreeMap;
use std::fmt;

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::recovery::Normal;
use super::timeline::{Second, Timeline};
use crate::bench::Loaded;
use crate::call::Call;
use crate::measurement::{Latency, Tally};
use crate::report::millis;
use crate::share::Share;

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(super) cores: usize,
    pub(super) call: Call,
    /// Whom the questions are about.
    pub(super) people: usize,
    pub(super) connections: u32,
    pub(super) in_flight: u32,
    pub(super) verify_share: Share,
    pub(super) knee_per_second: u32,
    pub(super) floods: Vec<Flood>,
}

/// One overload.
#[derive(Serialize)]
pub(crate) struct Flood {
    pub(super) times: u32,
    pub(super) seconds: Vec<Second>,
    /// The seconds of overload, from and until.
    pub(super) from: u32,
    pub(super) until: u32,
    offered: u64,
    unsent: u64,
    verdicts: u64,
    refused: u64,
    /// Verdicts a second that came during the overload, as a share of the knee.
    goodput_of_knee: f64,
    /// Of whom the overload's questions were answered with a verdict.
    admitted: Latency,
    /// At half the knee before.
    before: Latency,
    refusals: BTreeMap<String, Refused>,
    /// Seconds after the overload until the service was as before; absent if it was not.
    recovered_after_seconds: Option<u32>,
    /// Cores that the service kept busy, over all phases.
    server_cores: Option<f64>,
    /// Cores that this program kept busy beside it.
    client_cores: f64,
    /// Of all phases.
    tally: Tally,
}

/// Refusals and failures of one kind.
#[derive(Serialize)]
struct Refused {
    count: u64,
    /// How many said when to come again; absent for failures, which say nothing.
    said_when: Option<u64>,
    latency: Latency,
}

impl Flood {
    pub(super) fn of(times: u32, knee: u32, timeline: &Timeline, loaded: &Loaded) -> Self {
        let (before, flood) = (timeline.phase(0), timeline.phase(1));
        let (calm, during, after) = (timeline.seconds_of(0), timeline.seconds_of(1), timeline.seconds_of(2));
        let normal =
            Normal { verdicts_per_second: rate(&calm), p99_us: before.verdicts.value_at_quantile(0.99) };
        let refusals = timeline.refusals.iter().map(|(kind, refusals)| {
            let latency = Latency::of(&refusals.latency);
            (kind.clone(), Refused { count: refusals.latency.len(), said_when: refusals.said_when, latency })
        });
        let (server_cores, client_cores) = loaded.cores();
        Self {
            times,
            seconds: timeline.seconds(),
            from: during.first().map_or(0, |second| second.second),
            until: after.first().map_or(0, |second| second.second),
            offered: flood.offered,
            unsent: flood.unsent,
            verdicts: flood.verdicts.len(),
            refused: flood.refused.len(),
            goodput_of_knee: rate(&during) / f64::from(knee),
            admitted: Latency::of(&flood.verdicts),
            before: Latency::of(&before.verdicts),
            refusals: refusals.collect(),
            recovered_after_seconds: normal.again_after(&after),
            server_cores,
            client_cores,
            tally: loaded.tally.clone(),
        }
    }
}

/// Verdicts a second.
fn rate(seconds: &[Second]) -> f64 {
    let verdicts: u64 = seconds.iter().map(|second| second.verdicts).sum();
    verdicts as f64 / seconds.len().max(1) as f64
}

impl Report {
    pub(super) fn not_verified(&self) -> u64 {
        self.floods.iter().map(|flood| flood.tally.not_verified()).sum()
    }

    pub(super) fn untrue(&self) -> u64 {
        self.floods.iter().map(|flood| flood.tally.untrue).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, people, connections, in_flight, knee_per_second, .. } = self;
        writeln!(
            f,
            "{}, about {people} people, knee {knee_per_second}/s, {connections} connections, at most {in_flight} requests \
             under way, {cores} cores shared by service and client",
            self.call.label()
        )?;
        writeln!(
            f,
            "signatures of {:.0} % of the answers checked, of the others only the verdict read",
            self.verify_share.percent()
        )?;
        for flood in &self.floods {
            writeln!(
                f,
                "\n{} times the knee from second {} until {}\n{}",
                flood.times,
                flood.from,
                flood.until,
                seconds(flood)
            )?;
        }
        writeln!(f, "\n{}", summary(&self.floods))?;
        writeln!(
            f,
            "goodput: verdicts a second during the overload, of the knee; admitted: latency of those verdicts in ms; recovered: seconds \
             until verdicts and p99 were within 1.5 times of before, for good; service, client: cores kept busy over all phases"
        )?;
        writeln!(f, "\n{}", refusals(&self.floods))?;
        let Tally { untrue, unchecked, .. } = self.floods.iter().fold(Tally::default(), |sum, flood| Tally {
            untrue: sum.untrue + flood.tally.untrue,
            unchecked: sum.unchecked + flood.tally.unchecked,
            ..sum
        });
        write!(
            f,
            "untrue answers {untrue}, answers that did not verify {}, signatures not looked at {unchecked}",
            self.not_verified()
        )
    }
}

fn seconds(flood: &Flood) -> Table {
    let mut table =
        plain(&["second", "offered", "verdicts", "refused", "unsent", "p50", "p99", "refusal p50", "p99"]);
    for second in &flood.seconds {
        table.add_row([
            second.second.to_string(),
            second.offered.to_string(),
            second.verdicts.to_string(),
            second.refused.to_string(),
            second.unsent.to_string(),
            millis(second.latency.p50_us),
            millis(second.latency.p99_us),
            millis(second.refusal_latency.p50_us),
            millis(second.refusal_latency.p99_us),
        ]);
    }
    align(table)
}

fn summary(floods: &[Flood]) -> Table {
    let mut table = plain(&[
        "knee x",
        "offered",
        "verdicts",
        "refused",
        "unsent",
        "goodput",
        "before p99",
        "admitted p50",
        "p99",
        "recovered",
        "service",
        "client",
    ]);
    for flood in floods {
        table.add_row([
            flood.times.to_string(),
            flood.offered.to_string(),
            flood.verdicts.to_string(),
            flood.refused.to_string(),
            flood.unsent.to_string(),
            format!("{:.0} %", flood.goodput_of_knee * 100.0),
            millis(flood.before.p99_us),
            millis(flood.admitted.p50_us),
            millis(flood.admitted.p99_us),
            flood.recovered_after_seconds.map_or_else(|| "not".to_owned(), |seconds| format!("{seconds} s")),
            flood.server_cores.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}")),
            format!("{:.2}", flood.client_cores),
        ]);
    }
    align(table)
}

fn refusals(floods: &[Flood]) -> Table {
    let mut table = plain(&["knee x", "refusal", "count", "said when", "p50", "p99"]);
    for flood in floods {
        for (kind, refused) in &flood.refusals {
            table.add_row([
                flood.times.to_string(),
                kind.clone(),
                refused.count.to_string(),
                refused.said_when.map_or_else(|| "-".to_owned(), |count| count.to_string()),
                millis(refused.latency.p50_us),
                millis(refused.latency.p99_us),
            ]);
        }
    }
    align(table)
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(header.iter().copied());
    table
}

fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plinth_client::identity::authentication::Verdict;

    use super::*;
    use crate::call::Form;
    use crate::load::{Event, Load, Phase, What};
    use crate::overload::picture;
    use crate::question::Kind;
    use crate::target::Outcome;

    /// Two seconds each of half the knee, twice the knee, and half the knee; the knee is four a second.
    fn flood() -> Flood {
        let phases = [2, 8, 2].map(|rate| Phase { rate, seconds: 2 }).to_vec();
        let mut timeline = Timeline::new(&Load { phases, in_flight: 1, seed: 1 }).unwrap();
        let mut note = |due: u64, outcome, milliseconds| {
            let latency = Duration::from_millis(milliseconds);
            let what = What::Answered { outcome, truth: Verdict::Yes, latency };
            timeline.note(&Event { due: Duration::from_millis(due), what });
        };
        for second in [0, 1, 4, 5] {
            note(second * 1_000, Outcome::Verdict(Verdict::Yes), 10);
            // The first second of calm is not as calm as before.
            note(second * 1_000 + 100, Outcome::Verdict(Verdict::Yes), if second == 4 { 800 } else { 10 });
        }
        for turn in 0..8 {
            note(2_000 + 200 * turn, Outcome::Verdict(Verdict::Yes), 100);
            let refused = Outcome::Refused { reason: "OVERLOADED".to_owned(), says_when: true };
            note(2_000 + 200 * turn, refused, 5);
        }
        let latency = timeline.seconds()[0].latency;
        let loaded = Loaded {
            tally: Tally::default(),
            latency,
            achieved_per_second: 1.0,
            server_cpu: None,
            client_cpu: Duration::from_secs(3),
            seconds: 6.0,
        };
        Flood::of(2, 4, &timeline, &loaded)
    }

    #[test]
    fn a_flood_is_told_by_what_came_through_what_was_refused_and_when_it_was_over() {
        let flood = flood();
        assert_eq!((flood.from, flood.until), (2, 4));
        assert_eq!((flood.offered, flood.verdicts, flood.refused), (16, 8, 8));
        assert!((flood.goodput_of_knee - 1.0).abs() < 1e-9);
        assert_eq!(
            (flood.refusals["OVERLOADED"].count, flood.refusals["OVERLOADED"].said_when),
            (8, Some(8))
        );
        assert_eq!(flood.recovered_after_seconds, Some(1));
        assert!((flood.client_cores - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_report_and_the_picture_say_what_was_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("overload-2x.svg");
        picture::draw(&file, &flood(), 4).unwrap();
        assert!(std::fs::read_to_string(file).unwrap().contains("</svg>"));
        let report = Report {
            cores: 2,
            call: Call { kind: Kind::Demographic, form: Form::Unary },
            people: 10,
            connections: 1,
            in_flight: 1,
            verify_share: "0.1".parse().unwrap(),
            knee_per_second: 4,
            floods: vec![flood()],
        };
        let text = report.to_string();
        assert!(text.contains("OVERLOADED") && text.contains("10 % of the answers"), "{text}");
    }
}
