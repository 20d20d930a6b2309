use std::fmt;

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::call::Call;
use crate::durable::Durable;
use crate::enrolment::Enrolled;
use crate::measurement::{Latency, Tally};

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) cores: usize,
    /// Enrolled by the trial.
    pub(crate) people: u32,
    /// Whom demographic questions are about.
    pub(crate) people_in_store: usize,
    pub(crate) fingers_each: u8,
    pub(crate) connections: u32,
    pub(crate) seconds_at_each_rate: u32,
    pub(crate) enrolled: Enrolled,
    pub(crate) steps: Vec<Step>,
    pub(crate) durable_write: Option<Durable>,
}

/// What was measured at one rate.
#[derive(Serialize)]
pub(crate) struct Step {
    #[serde(flatten)]
    pub(crate) call: Call,
    pub(crate) offered_per_second: u32,
    pub(crate) achieved_per_second: f64,
    pub(crate) tally: Tally,
    pub(crate) latency: Latency,
    pub(crate) request_bytes: usize,
    pub(crate) answer_bytes: usize,
    /// CPU of the service a verdict; absent where its process is not known.
    pub(crate) server_cpu_us: Option<f64>,
    /// CPU of this program a verdict: sending and verifying, beside the service on the same cores.
    pub(crate) client_cpu_us: f64,
    pub(crate) floor: Floor,
}

/// The least that a verdict can cost a server, in CPU microseconds.
#[derive(Serialize)]
pub(crate) struct Floor {
    /// A call that does nothing, at the same rate with the same messages.
    pub(crate) call_us: f64,
    /// Latency of that call: what the machine and the client alone take.
    pub(crate) call_latency: Latency,
    /// A call with one strict verification and one signature, at the same rate with the same messages.
    pub(crate) call_and_crypto_us: f64,
    pub(crate) call_and_crypto_latency: Latency,
    /// One strict verification and one signature alone on an idle core, for comparison: no part of the floor.
    pub(crate) verify_and_sign_idle_us: f64,
    /// One share of a durable batch; absent where it could not be measured.
    pub(crate) durable_write_us: Option<f64>,
}

impl Floor {
    /// A call with its crypto under the same load, and the write.
    pub(crate) fn total_us(&self) -> Option<f64> {
        self.durable_write_us.map(|write| self.call_and_crypto_us + write)
    }
}

impl Step {
    /// The service's cost as a multiple of the floor.
    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(self.server_cpu_us? / self.floor.total_us()?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Enrolled { issued, duplicate, pending, refused, per_second } = &self.enrolled;
        writeln!(
            f,
            "{} people, {} fingers each: {issued} issued, {duplicate} duplicate, {pending} pending, {refused} refused; \
             {per_second:.0} enrolments/s",
            self.people, self.fingers_each
        )?;
        writeln!(
            f,
            "demographic questions about {} people; {} s at each rate, {} connections, {} cores shared by service and client",
            self.people_in_store, self.seconds_at_each_rate, self.connections, self.cores
        )?;
        writeln!(f, "{}", table(&self.steps))?;
        writeln!(f, "{LEGEND}")?;
        for line in self.durable_write.iter().flat_map(Durable::lines) {
            writeln!(f, "{line}")?;
        }
        for step in &self.steps {
            for (kind, count) in &step.tally.errors {
                writeln!(f, "{} at {}/s: {count} x {kind}", step.call.label(), step.offered_per_second)?;
            }
        }
        Ok(())
    }
}

/// What the columns of [`table`] mean.
pub(crate) const LEGEND: &str = "\
latency in ms from the intended moment of sending to the verified answer; CPU in us a verdict, of the service and of the client
call: an echo under the same load; +crypto: an echo that also verifies and signs, under the same load; idle: that crypto alone
write: one share of a durable batch; floor = +crypto under load, and write; ratio = CPU of the service / floor";

/// One row a step.
pub(crate) fn table(steps: &[Step]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "call",
        "offered/s",
        "achieved/s",
        "yes",
        "no",
        "untrue",
        "errors",
        "unsent",
        "p50",
        "p99",
        "p99.9",
        "CPU",
        "client",
        "call",
        "+crypto",
        "idle",
        "write",
        "floor",
        "ratio",
    ]);
    for step in steps {
        table.add_row(row(step));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Microseconds as milliseconds, for people.
pub(crate) fn millis(micros: u64) -> String {
    format!("{:.2}", std::time::Duration::from_micros(micros).as_secs_f64() * 1e3)
}

fn row(step: &Step) -> Vec<String> {
    let optional = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let Tally { yes, no, untrue, unsent, .. } = &step.tally;
    vec![
        step.call.label(),
        step.offered_per_second.to_string(),
        format!("{:.0}", step.achieved_per_second),
        yes.to_string(),
        no.to_string(),
        untrue.to_string(),
        step.tally.failed().to_string(),
        unsent.to_string(),
        millis(step.latency.p50_us),
        millis(step.latency.p99_us),
        millis(step.latency.p999_us),
        optional(step.server_cpu_us, 0),
        format!("{:.0}", step.client_cpu_us),
        format!("{:.0}", step.floor.call_us),
        format!("{:.0}", step.floor.call_and_crypto_us),
        format!("{:.0}", step.floor.verify_and_sign_idle_us),
        optional(step.floor.durable_write_us, 0),
        optional(step.floor.total_us(), 0),
        optional(step.ratio(), 2),
    ]
}
