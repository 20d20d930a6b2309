use std::fmt;

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::{Knee, Search};
use crate::bench::Loaded;
use crate::call::Call;
use crate::durable::Durable;
use crate::measurement::{Latency, Tally};
use crate::report::{LEGEND, Step, millis, table};

/// Everything that was measured around a knee.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(super) cores: usize,
    pub(super) call: Call,
    /// Whom the questions are about.
    pub(super) people: usize,
    pub(super) connections: u32,
    pub(super) search: Search,
    pub(super) knee: Knee,
    /// At parts of the knee, with the floor.
    pub(super) steps: Vec<Step>,
    /// Latency against rate.
    pub(super) curve: Vec<Point>,
    pub(super) durable_write: Durable,
}

/// One rate of the curve.
#[derive(Serialize)]
pub(crate) struct Point {
    pub(super) percent_of_knee: u32,
    pub(super) offered_per_second: u32,
    pub(super) achieved_per_second: f64,
    pub(super) latency: Latency,
    pub(super) tally: Tally,
    /// Cores that the service kept busy.
    pub(super) server_cores: Option<f64>,
    /// Cores that this program kept busy beside it.
    pub(super) client_cores: f64,
}

impl Point {
    pub(super) fn of(percent_of_knee: u32, offered_per_second: u32, loaded: &Loaded) -> Self {
        let (server_cores, client_cores) = loaded.cores();
        Self {
            percent_of_knee,
            offered_per_second,
            achieved_per_second: loaded.achieved_per_second,
            latency: loaded.latency,
            tally: loaded.tally.clone(),
            server_cores,
            client_cores,
        }
    }
}

impl Report {
    fn tallies(&self) -> impl Iterator<Item = &Tally> {
        let steps = self.steps.iter().map(|step| &step.tally);
        steps.chain(self.curve.iter().map(|point| &point.tally))
    }

    pub(super) fn not_verified(&self) -> u64 {
        self.tallies().map(Tally::not_verified).sum()
    }

    pub(super) fn untrue(&self) -> u64 {
        self.tallies().map(|tally| tally.untrue).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, people, connections, search, knee, .. } = self;
        writeln!(
            f,
            "{}, about {people} people, {connections} connections, {cores} cores shared by service and client",
            self.call.label()
        )?;
        writeln!(
            f,
            "knee: {}/s kept up, {}/s not; {} s a step, p99 at most {} ms",
            knee.per_second, knee.too_much_per_second, search.step_seconds, search.p99_limit_ms
        )?;
        writeln!(f, "{}\n{LEGEND}", table(&self.steps))?;
        for line in self.durable_write.lines() {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{}", curve(&self.curve))?;
        write!(f, "latency in ms; cores that service and client kept busy meanwhile")
    }
}

fn curve(points: &[Point]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "of knee",
        "offered/s",
        "achieved/s",
        "errors",
        "unsent",
        "p50",
        "p99",
        "p99.9",
        "service",
        "client",
    ]);
    for point in points {
        let Point { latency, tally, .. } = point;
        table.add_row([
            format!("{} %", point.percent_of_knee),
            point.offered_per_second.to_string(),
            format!("{:.0}", point.achieved_per_second),
            tally.failed().to_string(),
            tally.unsent.to_string(),
            millis(latency.p50_us),
            millis(latency.p99_us),
            millis(latency.p999_us),
            point.server_cores.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}")),
            format!("{:.2}", point.client_cores),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
