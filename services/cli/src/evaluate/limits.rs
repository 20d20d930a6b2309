//! Limits that a measurement is held against, for continuous integration.

use serde_json::{Value, json};

use super::figures::Figures;

/// Exit with status 1 if a figure is outside. Rates are between 0 and 1.
#[derive(clap::Args, Clone, Copy, Default)]
#[command(next_help_heading = "Limits (status 1 if one does not hold)")]
pub(crate) struct Limits {
    /// The highest mean equal error rate of the sets (0.026 is 2.6 %).
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    max_eer: Option<f64>,
    /// The lowest share of genuine comparisons, over all sets, that are caught without any false match.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    min_caught_zero: Option<f64>,
    /// The same at a false match rate of at most 1 in 1,000.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    min_caught_1e3: Option<f64>,
    /// The same at a false match rate of at most 1 in 100.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    min_caught_1e2: Option<f64>,
}

impl Limits {
    /// What does not hold, in words; empty if everything does.
    pub(crate) fn broken_by(&self, figures: &Figures) -> Vec<String> {
        let mut broken = Vec::new();
        if let Some(limit) = self.max_eer.filter(|limit| figures.mean_eer() > *limit) {
            broken.push(format!("the mean equal error rate is above the limit of {:.2} %", 100.0 * limit));
        }
        let caught = [
            (self.min_caught_zero, figures.all.fnmr_at_zero_fmr.value, "without a false match"),
            (self.min_caught_1e3, figures.all.fnmr_at_fmr_1000.value, "at a false match rate of 1 in 1,000"),
            (self.min_caught_1e2, figures.all.fnmr_at_fmr_100.value, "at a false match rate of 1 in 100"),
        ];
        for (limit, fnmr, place) in caught {
            // A share of whole comparisons may miss a limit that it states exactly by the last bit.
            if let Some(limit) = limit.filter(|limit| 1.0 - fnmr < limit - 1e-12) {
                let caught = 100.0 * (1.0 - fnmr);
                broken.push(format!(
                    "{caught:.2} % are caught {place}, and the limit is {:.2} %",
                    100.0 * limit
                ));
            }
        }
        broken
    }

    /// The limits, for the record beside what was measured.
    pub(crate) fn to_json(self) -> Value {
        json!({
            "max_eer": self.max_eer,
            "min_caught_zero": self.min_caught_zero,
            "min_caught_1e-3": self.min_caught_1e3,
            "min_caught_1e-2": self.min_caught_1e2,
        })
    }

    /// The limit of the mean equal error rate.
    pub(crate) fn max_eer(&self) -> Option<f64> {
        self.max_eer
    }
}

pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("give a rate between 0 and 1, such as 0.026 for 2.6 %".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_between_nought_and_one() {
        assert_eq!(parse_rate("0.026"), Ok(0.026));
        assert!(parse_rate("2.6").is_err() && parse_rate("NaN").is_err() && parse_rate("").is_err());
    }
}
