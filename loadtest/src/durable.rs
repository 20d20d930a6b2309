use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::process::output_of;

/// The batch whose cost is the floor: what a loaded committer fills.
const FLOOR_BATCH: u64 = 64;

/// What durable writes of a decision's keys and bytes cost, in batches of several sizes, as `plinth floor` measures it.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Durable {
    seconds: f64,
    rows: Vec<Row>,
}

/// One kind of decision in one size of batch; whatever else is measured of it is left out.
#[derive(Serialize, Deserialize, Clone)]
struct Row {
    decision: String,
    batch: u64,
    decisions_per_second: f64,
    commit_ms_p50: f64,
    commit_ms_p99: f64,
    cpu_us_per_decision: f64,
}

impl Durable {
    /// Measures for `seconds` on the disk that holds `folder`.
    pub(crate) fn measure(plinth: &Path, folder: &Path, seconds: u32) -> anyhow::Result<Self> {
        let mut floor = Command::new(plinth);
        floor.arg("floor").arg("--data").arg(folder).args(["--seconds", &seconds.to_string(), "--json"]);
        serde_json::from_str(&output_of(&mut floor)?)
            .context("plinth floor printed something else than its JSON")
    }

    /// CPU microseconds of one authentication within a batch of [`FLOOR_BATCH`].
    pub(crate) fn authentication_us(&self) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.decision == "authentication" && row.batch == FLOOR_BATCH);
        row.map(|row| row.cpu_us_per_decision)
    }

    /// One line a row, for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.rows
            .iter()
            .map(|row| {
                format!(
                    "durable write, {} x {}: {:.0}/s, commit p50 {:.2} ms, p99 {:.2} ms, {:.1} us CPU each",
                    row.decision,
                    row.batch,
                    row.decisions_per_second,
                    row.commit_ms_p50,
                    row.commit_ms_p99,
                    row.cpu_us_per_decision
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_read_from_the_batch_that_a_loaded_committer_fills() {
        let row = |decision: &str, batch: u64, cpu: f64| {
            format!(
                r#"{{"decision":"{decision}","batch":{batch},"commits":1,"decisions":64,"decisions_per_second":1.0,
                "commit_ms_p50":1.0,"commit_ms_p99":1.0,"keys":3,"cpu_us_per_decision":{cpu}}}"#
            )
        };
        let rows =
            [row("authentication", 1, 90.0), row("enrolment", 64, 70.0), row("authentication", 64, 20.5)];
        let json = format!(r#"{{"seconds":5.0,"rows":[{}]}}"#, rows.join(","));
        let durable: Durable = serde_json::from_str(&json).unwrap();
        assert_eq!(durable.authentication_us(), Some(20.5));
    }
}
