//! The figures of an evaluation, as a table and as JSON.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use plinth_biometrics::evaluation::{Estimate, Report};
use serde_json::{Value, json};

use super::trials::{Captures, Figures};
use crate::table::Table;

/// What was measured: one row a set, then all sets together.
pub(crate) struct Sheet {
    sets: Vec<(String, Figures)>,
    all: Option<Figures>,
    /// File and reason of every record without features.
    unusable: Vec<(PathBuf, String)>,
    records: usize,
    others: usize,
    extraction: Duration,
    threads: usize,
}

impl Sheet {
    /// What the row over all sets is called.
    pub(crate) const ALL_SETS: &str = "all sets, later against first";

    /// A sheet of the sets' figures, the last ones being those of all sets together.
    pub(crate) fn new(mut figures: Vec<(String, Figures)>, captures: &Captures, others: usize) -> Self {
        let all = figures.pop().map(|(_, figures)| figures);
        let unusable = captures.unusable.iter().map(|(path, reason)| (path.clone(), reason.to_string()));
        Self {
            sets: figures,
            all,
            unusable: unusable.collect(),
            records: captures.count(),
            others,
            extraction: captures.extraction,
            threads: rayon::current_num_threads(),
        }
    }

    /// Mean of the sets' equal error rates, each by its own threshold.
    #[expect(clippy::cast_precision_loss, reason = "a count of folders")]
    pub(crate) fn mean_eer(&self) -> f64 {
        self.sets.iter().map(|(_, figures)| figures.report.eer.value).sum::<f64>() / self.sets.len() as f64
    }

    /// Everything as plain numbers: rates from 0 to 1, each with its 95 % interval.
    pub(crate) fn to_json(&self, max_eer: Option<f64>) -> Value {
        let sets: Vec<Value> = self
            .sets
            .iter()
            .map(|(name, figures)| {
                let mut row = row(&figures.report);
                row["name"] = json!(name);
                row
            })
            .collect();
        let unusable: Vec<Value> = self
            .unusable
            .iter()
            .map(|(path, reason)| json!({ "file": path.display().to_string(), "reason": reason }))
            .collect();
        json!({
            "sets": sets,
            "mean_eer": self.mean_eer(),
            "max_eer": max_eer,
            "all_sets": self.all.as_ref().map(|figures| row(&figures.report)),
            "records": self.records,
            "unusable": unusable,
            "other_files": self.others,
            "threads": self.threads,
            "extractions_per_second": per_second(self.records, self.extraction).round(),
            "comparisons": self.comparisons(),
            "comparisons_per_second": self.speed().round(),
        })
    }

    fn comparisons(&self) -> usize {
        self.figures().map(|figures| figures.comparisons).sum()
    }

    fn speed(&self) -> f64 {
        per_second(self.comparisons(), self.figures().map(|figures| figures.elapsed).sum())
    }

    fn figures(&self) -> impl Iterator<Item = &Figures> {
        self.sets.iter().map(|(_, figures)| figures).chain(&self.all)
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings = ["set", "genuine", "impostor", "EER", "FNMR at FMR 1e-2", "at 1e-3", "at zero"];
        let mut table = Table::new(&headings);
        for (name, figures) in &self.sets {
            table.row(cells(name, &figures.report));
        }
        if self.sets.len() > 1 {
            let mean = format!("{:.2} %", 100.0 * self.mean_eer());
            table.row(["mean of the sets", "", "", &mean, "", "", ""]);
        }
        if let Some(figures) = &self.all {
            table.row(cells(Self::ALL_SETS, &figures.report));
        }
        writeln!(f, "{table}")?;
        writeln!(f, "Intervals are 95 %, by bootstrap over fingers.")?;
        write!(
            f,
            "{} records, {:.0} extractions/s; {} comparisons, {:.0}/s, on {} threads.",
            self.records,
            per_second(self.records, self.extraction),
            self.comparisons(),
            self.speed(),
            self.threads,
        )?;
        if self.others > 0 {
            write!(f, " {} other files were left alone.", self.others)?;
        }
        for (path, reason) in &self.unusable {
            write!(f, "\nmatches nothing: {}: {reason}", path.display())?;
        }
        Ok(())
    }
}

fn row(report: &Report) -> Value {
    let rate =
        |estimate: &Estimate| json!({ "value": estimate.value, "low": estimate.low, "high": estimate.high });
    json!({
        "genuine": report.genuine,
        "impostor": report.impostor,
        "eer": rate(&report.eer),
        "fnmr_at_fmr_1e-2": rate(&report.fnmr_at_fmr_100),
        "fnmr_at_fmr_1e-3": rate(&report.fnmr_at_fmr_1000),
        "fnmr_at_zero_fmr": rate(&report.fnmr_at_zero_fmr),
    })
}

fn cells(name: &str, report: &Report) -> [String; 7] {
    let rate = |estimate: &Estimate| {
        let Estimate { value, low, high } = estimate;
        format!("{:.2} % ({:.1} to {:.1})", 100.0 * value, 100.0 * low, 100.0 * high)
    };
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

#[expect(clippy::cast_precision_loss, reason = "a rate for the eye")]
fn per_second(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(1e-9)
}
