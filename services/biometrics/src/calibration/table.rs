//! The measured table: what one finger's score means.

use crate::matcher::Score;

/// The lowest log10 likelihood ratio of one finger.
pub const LOWEST: f32 = -1.5;
/// The highest log10 likelihood ratio of one finger: no rarer stranger was ever measured.
pub const HIGHEST: f32 = 6.0;

/// One row of the calibration: strangers reach `score` at `10^log10_fmr`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Knot {
    /// Score, ascending over the table.
    pub score: f32,
    /// log10 of the share of strangers' comparisons at or above the score, descending.
    pub log10_fmr: f32,
    /// log10 likelihood ratio at the score, ascending.
    pub log10_lr: f32,
}

/// log10 of the likelihood ratio of a score: above 0 it speaks for one finger, below 0 for two.
/// Strictly ascending with the score between the clamps [`LOWEST`] and [`HIGHEST`].
#[must_use]
pub fn log_likelihood_ratio(score: Score) -> f32 {
    read(&KNOTS, score.value(), |knot| knot.score, |knot| knot.log10_lr).clamp(LOWEST, HIGHEST)
}

/// The share of strangers' comparisons that score at least this high, 0 to 1. Below [`MEASURED_FMR`] it is an
/// extrapolation: the score of strangers is taken to fall off exponentially, as steeply as the highest measured ones do.
#[must_use]
pub fn false_match_rate(score: Score) -> f64 {
    10f64.powf(f64::from(read(&KNOTS, score.value(), |knot| knot.score, |knot| knot.log10_fmr))).min(1.0)
}

/// The lowest score whose false match rate is at most `fmr` (1e-30 to 1; what lies outside is brought inside). Below
/// [`MEASURED_FMR`] it is an extrapolation.
#[must_use]
pub fn threshold_at_fmr(fmr: f64) -> Score {
    let level = narrow(fmr.clamp(1e-30, 1.0).log10());
    Score::new(read(&KNOTS, -level, |knot| -knot.log10_fmr, |knot| knot.score))
}

/// The likelihood ratio of the score that strangers reach at `fmr`, not clamped at its upper end.
pub(super) fn llr_of_rate(fmr: f64) -> f32 {
    read(&KNOTS, threshold_at_fmr(fmr).value(), |knot| knot.score, |knot| knot.log10_lr).max(LOWEST)
}

/// The share of strangers whose likelihood ratio is at least `llr`, which lies between the clamps.
pub(super) fn rate_of_llr(llr: f32) -> f64 {
    let rate = read(&KNOTS, llr, |knot| knot.log10_lr, |knot| knot.log10_fmr);
    10f64.powf(f64::from(rate)).min(1.0)
}

/// Reads a table along an ascending column by straight lines; beyond its upper end by the slope of the last decade, at
/// the lower end by the first value.
fn read(table: &[Knot], at: f32, column: impl Fn(&Knot) -> f32, value: impl Fn(&Knot) -> f32) -> f32 {
    let after = table.partition_point(|knot| column(knot) <= at);
    let (a, b) = match (after, table.len()) {
        (_, 0) => return 0.0,
        (0, _) => return value(&table[0]),
        (after, len) if after < len => (&table[after - 1], &table[after]),
        (_, len) => (&table[len.saturating_sub(5)], &table[len - 1]),
    };
    let (from, to) = (column(a), column(b));
    if to <= from {
        return value(b);
    }
    value(b) + (at - to) / (to - from) * (value(b) - value(a))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "scores and logarithms need no more than single precision"
)]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

const fn knot(score: f32, log10_fmr: f32, log10_lr: f32) -> Knot {
    Knot { score, log10_fmr, log10_lr }
}

/// The lowest false match rate of the table that was counted. The rows below it follow from the tail that was fitted to
/// the strangers beyond it.
pub const MEASURED_FMR: f64 = 5.6e-5;

/// The calibration: the output of the example `calibrate`, whose documentation has the command.
const KNOTS: [Knot; 34] = [
    knot(0.00152, 0.00, -2.461),
    knot(0.02330, -0.25, -2.451),
    knot(0.02819, -0.50, -2.402),
    knot(0.03209, -0.75, -2.098),
    knot(0.03553, -1.00, -2.009),
    knot(0.03865, -1.25, -1.999),
    knot(0.04157, -1.50, -1.643),
    knot(0.04435, -1.75, -1.265),
    knot(0.04701, -2.00, -0.979),
    knot(0.04959, -2.25, -0.681),
    knot(0.05207, -2.50, -0.374),
    knot(0.05455, -2.75, -0.039),
    knot(0.05701, -3.00, 0.253),
    knot(0.05955, -3.25, 0.532),
    knot(0.06197, -3.50, 0.924),
    knot(0.06437, -3.75, 1.224),
    knot(0.06687, -4.00, 1.443),
    knot(0.06947, -4.25, 1.775),
    knot(0.07219, -4.50, 2.125),
    knot(0.07490, -4.75, 2.411),
    knot(0.07761, -5.00, 2.645),
    knot(0.08032, -5.25, 2.895),
    knot(0.08304, -5.50, 3.195),
    knot(0.08575, -5.75, 3.518),
    knot(0.08846, -6.00, 3.811),
    knot(0.09117, -6.25, 4.018),
    knot(0.09389, -6.50, 4.268),
    knot(0.09660, -6.75, 4.570),
    knot(0.09931, -7.00, 4.806),
    knot(0.10202, -7.25, 5.056),
    knot(0.10474, -7.50, 5.351),
    knot(0.10745, -7.75, 5.666),
    knot(0.11016, -8.00, 5.952),
    knot(0.11287, -8.25, 6.211),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fit::{knots, synthetic_scores};
    use super::*;

    /// Rates whose ratios lie between the clamps.
    const POLICIES: [f64; 6] = [0.02, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

    #[test]
    fn the_table_is_what_the_generator_and_the_matcher_give() {
        let scores = synthetic_scores(5, 900, 60);
        for row in knots(&scores).iter().filter(|row| (-2.6..-0.4).contains(&row.log10_fmr)) {
            let table = false_match_rate(Score::new(row.score)).log10();
            assert!((table - f64::from(row.log10_fmr)).abs() < 0.3, "{row:?}: the table says 10^{table:.2}");
        }
        for fmr in [1e-3, 1e-4] {
            let threshold = threshold_at_fmr(fmr).value();
            let caught = scores.genuine.iter().filter(|score| **score >= threshold).count();
            assert!(caught * 100 > scores.genuine.len() * 90, "{caught} of {}", scores.genuine.len());
        }
    }

    #[test]
    fn rows_ascend_in_score_and_ratio_and_descend_in_rate() {
        for pair in KNOTS.windows(2) {
            assert!(pair[0].score < pair[1].score, "{pair:?}");
            assert!(pair[0].log10_lr < pair[1].log10_lr, "{pair:?}");
            assert!(pair[0].log10_fmr > pair[1].log10_fmr, "{pair:?}");
        }
        let last = KNOTS[KNOTS.len() - 1];
        assert!(f64::from(last.log10_fmr) <= MEASURED_FMR.log10(), "{last:?}");
        assert!(KNOTS[0].log10_lr < LOWEST && KNOTS[0].log10_fmr == 0.0, "the table covers the lower clamp");
    }

    #[test]
    fn a_threshold_has_the_rate_it_was_asked_for() {
        for fmr in POLICIES.into_iter().chain([1e-9, 1e-14, 1e-25]) {
            let rate = false_match_rate(threshold_at_fmr(fmr));
            assert!((rate / fmr - 1.0).abs() < 1e-2, "{fmr} {rate}");
        }
    }

    #[test]
    fn the_rate_of_a_ratio_is_the_rate_of_its_score() {
        for fmr in POLICIES {
            let rate = rate_of_llr(log_likelihood_ratio(threshold_at_fmr(fmr)));
            assert!((rate / fmr - 1.0).abs() < 1e-2, "{fmr} {rate}");
        }
    }

    #[test]
    fn a_ratio_is_clamped_to_what_was_measured() {
        assert_eq!(log_likelihood_ratio(Score::new(0.0)), LOWEST);
        assert_eq!(log_likelihood_ratio(Score::new(1.0)), HIGHEST);
    }

    proptest! {
        #[test]
        fn the_ratio_never_falls_as_the_score_rises(a in 0f32..=1.0, b in 0f32..=1.0) {
            let (low, high) = (Score::new(a.min(b)), Score::new(a.max(b)));
            prop_assert!(log_likelihood_ratio(low) <= log_likelihood_ratio(high));
            prop_assert!(false_match_rate(low) >= false_match_rate(high));
        }
    }
}
