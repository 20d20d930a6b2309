//! The figures of an evaluation, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use plinth_biometrics::evaluation::{Estimate, LeaveOneOut, Report};
use serde_json::{Value, json};

use super::figures::{Calibrated, Figures};
use super::limits::Limits;
use super::trials::Effort;
use crate::table::Table;

/// What was measured, ready to be printed.
pub(crate) struct Sheet<'a> {
    /// The rates.
    pub(crate) figures: &'a Figures,
    /// What measuring took. Nothing if the scores came from a file.
    pub(crate) effort: Option<&'a Effort>,
}

/// What the row over all sets is called.
const ALL_SETS: &str = "all sets, later against first";

impl Sheet<'_> {
    /// Everything as plain numbers: rates from 0 to 1, each with its 95 % interval.
    pub(crate) fn to_json(&self, limits: &Limits) -> Value {
        let named = |(name, report): &(String, Report)| {
            let mut row = row(report);
            row["name"] = json!(name);
            row
        };
        let mut sheet = json!({
            "sets": self.figures.sets.iter().map(named).collect::<Vec<_>>(),
            "mean_eer": self.figures.mean_eer(),
            "max_eer": limits.max_eer(),
            "limits": limits.to_json(),
            "all_sets": row(&self.figures.all),
            "by_set": self.figures.by_set.iter().map(named).collect::<Vec<_>>(),
            "left_out": self.figures.held_out.iter().map(left_out).collect::<Vec<_>>(),
            "calibrated": self.figures.calibrated.iter().map(calibrated).collect::<Vec<_>>(),
        });
        if let (Some(effort), Some(object)) = (self.effort, sheet.as_object_mut()) {
            let unusable: Vec<Value> = effort
                .unusable
                .iter()
                .map(|(path, reason)| json!({ "file": path.display().to_string(), "reason": reason.to_string() }))
                .collect();
            object.insert("records".to_owned(), json!(effort.records));
            object.insert("unusable".to_owned(), json!(unusable));
            object.insert("other_files".to_owned(), json!(effort.others));
            object.insert("threads".to_owned(), json!(effort.threads));
            let extractions = per_second(effort.records, effort.extraction).round();
            object.insert("extractions_per_second".to_owned(), json!(extractions));
            object.insert("comparisons".to_owned(), json!(effort.comparisons));
            let comparisons = per_second(effort.comparisons, effort.comparing).round();
            object.insert("comparisons_per_second".to_owned(), json!(comparisons));
        }
        sheet
    }
}

impl fmt::Display for Sheet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.figures;
        let headings = ["set", "genuine", "impostor", "EER", "FNMR at FMR 1e-2", "at 1e-3", "at zero"];
        let mut table = Table::new(&headings);
        for (name, report) in &figures.sets {
            table.row(cells(name, report));
        }
        if figures.sets.len() > 1 {
            let mean = format!("{:.2} %", 100.0 * figures.mean_eer());
            table.row(["mean of the sets", "", "", &mean, "", "", ""]);
        }
        table.row(cells(ALL_SETS, &figures.all));
        writeln!(f, "{table}")?;
        if !figures.held_out.is_empty() {
            writeln!(
                f,
                "Each set at the threshold that the other sets ask for:\n{}",
                held_out_table(figures)
            )?;
        }
        writeln!(f, "At the service's own thresholds, calibrated on synthetic fingers alone:")?;
        writeln!(f, "{}", calibrated_table(figures))?;
        write!(f, "Intervals are 95 %, by bootstrap over fingers.")?;
        let Some(effort) = self.effort else { return Ok(()) };
        write!(
            f,
            "\n{} records, {:.0} extractions/s; {} comparisons, {:.0}/s, on {} threads.",
            effort.records,
            per_second(effort.records, effort.extraction),
            effort.comparisons,
            per_second(effort.comparisons, effort.comparing),
            effort.threads,
        )?;
        if effort.others > 0 {
            write!(f, " {} other files were left alone.", effort.others)?;
        }
        for (path, reason) in &effort.unusable {
            write!(f, "\nmatches nothing: {}: {reason}", path.display())?;
        }
        Ok(())
    }
}

/// One row for every FMR that thresholds were chosen for; one column for every set that was left out.
pub(crate) fn held_out_rows(figures: &Figures) -> (Vec<String>, Vec<Vec<String>>) {
    let mut headings = vec!["threshold for FMR".to_owned()];
    headings.extend(figures.set_names().iter().map(|name| format!("FNMR of {name}")));
    headings.extend(["FNMR of all".to_owned(), "FMR of all".to_owned()]);
    let rows = figures.held_out.iter().map(|one| {
        let mut cells = vec![fmr_name(one.fmr)];
        cells.extend(one.groups.iter().map(|group| missed(group.genuine)));
        cells.extend([rate(&one.fnmr), small(&one.realised_fmr)]);
        cells
    });
    (headings, rows.collect())
}

/// One row for every FMR that the calibration was asked for.
pub(crate) fn calibrated_rows(figures: &Figures) -> (Vec<String>, Vec<Vec<String>>) {
    let headings = ["threshold for FMR", "score", "FNMR", "false matches"].map(str::to_owned).to_vec();
    let (genuine, impostor) = (figures.all.genuine, figures.all.impostor);
    let rows = figures.calibrated.iter().map(|one| {
        vec![
            fmr_name(one.fmr),
            format!("{:.4}", one.threshold),
            missed((genuine, one.caught)),
            format!("{} of {impostor}, expected {:.1}", one.false_matches, one.fmr * real(impostor)),
        ]
    });
    (headings, rows.collect())
}

fn held_out_table(figures: &Figures) -> Table {
    table(held_out_rows(figures))
}

fn calibrated_table(figures: &Figures) -> Table {
    table(calibrated_rows(figures))
}

fn table((headings, rows): (Vec<String>, Vec<Vec<String>>)) -> Table {
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    rows.into_iter().for_each(|row| table.row(row));
    table
}

fn row(report: &Report) -> Value {
    json!({
        "genuine": report.genuine,
        "impostor": report.impostor,
        "eer": interval(&report.eer),
        "fnmr_at_fmr_1e-2": interval(&report.fnmr_at_fmr_100),
        "fnmr_at_fmr_1e-3": interval(&report.fnmr_at_fmr_1000),
        "fnmr_at_zero_fmr": interval(&report.fnmr_at_zero_fmr),
    })
}

fn left_out(one: &LeaveOneOut) -> Value {
    let groups: Vec<Value> = one
        .groups
        .iter()
        .map(|group| {
            json!({
                "threshold": group.threshold,
                "genuine": group.genuine.0,
                "caught": group.genuine.1,
                "impostor": group.impostor.0,
                "false_matches": group.impostor.1,
            })
        })
        .collect();
    json!({ "fmr": one.fmr, "sets": groups, "fnmr": interval(&one.fnmr), "realised_fmr": interval(&one.realised_fmr) })
}

fn calibrated(one: &Calibrated) -> Value {
    json!({ "fmr": one.fmr, "threshold": one.threshold, "caught": one.caught, "false_matches": one.false_matches })
}

/// A figure and its interval as numbers.
pub(crate) fn interval(estimate: &Estimate) -> Value {
    json!({ "value": estimate.value, "low": estimate.low, "high": estimate.high })
}

/// The cells of one row of error rates.
pub(crate) fn cells(name: &str, report: &Report) -> [String; 7] {
    [
        name.to_owned(),
        report.genuine.to_string(),
        report.impostor.to_string(),
        rate(&report.eer),
        rate(&report.fnmr_at_fmr_100),
        rate(&report.fnmr_at_fmr_1000),
        rate(&report.fnmr_at_zero_fmr),
    ]
}

/// A rate with its interval, in per cent.
pub(crate) fn rate(estimate: &Estimate) -> String {
    let Estimate { value, low, high } = estimate;
    format!("{:.2} % ({:.1} to {:.1})", 100.0 * value, 100.0 * low, 100.0 * high)
}

/// A very small rate with its interval.
fn small(estimate: &Estimate) -> String {
    let Estimate { value, low, high } = estimate;
    format!("{value:.1e} ({low:.1e} to {high:.1e})")
}

fn missed((all, caught): (usize, usize)) -> String {
    let missed = all.saturating_sub(caught);
    format!("{:.2} % ({missed} of {all})", 100.0 * real(missed) / real(all.max(1)))
}

/// What a bound on the FMR is called.
fn fmr_name(fmr: f64) -> String {
    if fmr == 0.0 { "zero".to_owned() } else { format!("{fmr:.0e}") }
}

#[expect(clippy::cast_precision_loss, reason = "counts of comparisons, for the eye")]
fn real(count: usize) -> f64 {
    count as f64
}

fn per_second(count: usize, elapsed: Duration) -> f64 {
    real(count) / elapsed.as_secs_f64().max(1e-9)
}
