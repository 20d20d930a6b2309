//! Accuracy statistics by the rules of the Fingerprint Verification Competition.
//!
//! Definitions are those of Maio, Maltoni, Cappelli, Wayman, Jain, "FVC2000: Fingerprint Verification Competition",
//! *IEEE TPAMI* 24(3), 2002. A comparison matches if its score reaches the threshold; FMR is the share of impostor
//! trials that match, FNMR the share of genuine trials that do not. Intervals come from a bootstrap over subjects,
//! because trials of one finger fail together and are not independent.

mod difference;
mod held_out;
pub mod identification;
mod roc;

pub use difference::{Difference, Experiment, Pair, difference, paired_share};
pub use held_out::{HeldOut, LeaveOneOut, leave_one_out};

use thiserror::Error;

use roc::{Bootstrap, Trials, equal_error_rate, estimate, fnmr_at};

/// Bootstrap replicates behind every interval.
pub const REPLICATES: usize = 1000;

/// A comparison of two captures of one subject.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Genuine {
    /// Index of the subject (a finger or a person).
    pub subject: u32,
    /// Score, higher = more alike.
    pub score: f64,
}

/// A comparison of captures of two different subjects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impostor {
    /// Indices of the two subjects.
    pub subjects: (u32, u32),
    /// Score, higher = more alike.
    pub score: f64,
}

/// A figure with its 95 % interval (percentiles of the bootstrap).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure on the trials as they are.
    pub value: f64,
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// One threshold of the receiver operating characteristic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// Scores from here upwards match.
    pub threshold: f64,
    /// False match rate, 0 to 1.
    pub fmr: f64,
    /// False non-match rate, 0 to 1.
    pub fnmr: f64,
}

/// What a set of trials says.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Genuine trials.
    pub genuine: usize,
    /// Impostor trials.
    pub impostor: usize,
    /// Equal error rate.
    pub eer: Estimate,
    /// Lowest FNMR at an FMR of at most 1 in 100.
    pub fnmr_at_fmr_100: Estimate,
    /// Lowest FNMR at an FMR of at most 1 in 1,000.
    pub fnmr_at_fmr_1000: Estimate,
    /// Lowest FNMR without any false match.
    pub fnmr_at_zero_fmr: Estimate,
    /// All thresholds at which something changes, rising.
    pub roc: Vec<RocPoint>,
    /// The detection error trade-off, by falling FMR: see [`DetPoint`].
    pub det: Vec<DetPoint>,
}

/// One point of a detection error trade-off curve (Martin et al., "The DET curve in assessment of detection task
/// performance", *Eurospeech* 1997), with a pointwise band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetPoint {
    /// The FMR that a threshold must keep.
    pub fmr: f64,
    /// The lowest FNMR at an FMR of at most that.
    pub fnmr: Estimate,
}

/// Points of a curve for each factor of ten of the FMR.
const POINTS_A_DECADE: u8 = 12;

/// Why trials give no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// No genuine trials.
    #[error("genuine trials: none")]
    NoGenuine,
    /// No impostor trials.
    #[error("impostor trials: none")]
    NoImpostor,
    /// A score that is not a number.
    #[error("score: not a number")]
    NotANumber,
}

/// Computes the report; the same trials in the same order and the same seed give the same report.
///
/// # Errors
/// [`EvaluationError`] if either kind of trial is missing or a score is not a number.
pub fn report(genuine: &[Genuine], impostor: &[Impostor], seed: u64) -> Result<Report, EvaluationError> {
    check(genuine, impostor)?;
    let trials = Trials::sorted(genuine, impostor);
    let roc = trials.plain_roc();
    let grid = fmr_grid(impostor.len());
    let mut bands = vec![Vec::with_capacity(REPLICATES); grid.len()];
    let picks: [fn(&[RocPoint]) -> f64; 4] =
        [equal_error_rate, |roc| fnmr_at(roc, 1e-2), |roc| fnmr_at(roc, 1e-3), |roc| fnmr_at(roc, 0.0)];
    let mut replicates: [Vec<f64>; 4] = std::array::from_fn(|_| Vec::with_capacity(REPLICATES));
    let mut bootstrap = Bootstrap::new(trials.subjects, seed);
    for _ in 0..REPLICATES {
        let resampled = trials.roc(&bootstrap.draw());
        // A replicate without one kind of trial (one subject drawn throughout) says nothing.
        if !resampled.is_empty() {
            replicates.iter_mut().zip(picks).for_each(|(figures, pick)| figures.push(pick(&resampled)));
            bands.iter_mut().zip(&grid).for_each(|(band, &fmr)| band.push(fnmr_at(&resampled, fmr)));
        }
    }
    let points = grid.iter().zip(&mut bands);
    let det = points.map(|(&fmr, band)| DetPoint { fmr, fnmr: estimate(fnmr_at(&roc, fmr), band) }).collect();
    let [eer, hundred, thousand, zero] =
        std::array::from_fn(|i| estimate(picks[i](&roc), &mut replicates[i]));
    Ok(Report {
        genuine: genuine.len(),
        impostor: impostor.len(),
        eer,
        fnmr_at_fmr_100: hundred,
        fnmr_at_fmr_1000: thousand,
        fnmr_at_zero_fmr: zero,
        roc,
        det,
    })
}

/// Refuses trials that give no figures.
fn check(genuine: &[Genuine], impostor: &[Impostor]) -> Result<(), EvaluationError> {
    if genuine.is_empty() {
        return Err(EvaluationError::NoGenuine);
    }
    if impostor.is_empty() {
        return Err(EvaluationError::NoImpostor);
    }
    if genuine.iter().map(|t| t.score).chain(impostor.iter().map(|t| t.score)).any(f64::is_nan) {
        return Err(EvaluationError::NotANumber);
    }
    Ok(())
}

/// The FMRs of a curve: from 1 downwards, to the share that a single one of the impostor trials is.
fn fmr_grid(impostors: usize) -> Vec<f64> {
    let lowest = 1.0 / u32::try_from(impostors).map_or(f64::INFINITY, f64::from);
    (0u16..)
        .map(|step| 10f64.powf(-f64::from(step) / f64::from(POINTS_A_DECADE)))
        .take_while(|fmr| *fmr >= lowest.max(1e-9))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{EvaluationError, Genuine, Impostor, report};
    use proptest::prelude::*;

    fn genuine(scores: &[f64]) -> Vec<Genuine> {
        (0..).zip(scores).map(|(subject, &score)| Genuine { subject, score }).collect()
    }

    fn impostor(scores: &[f64]) -> Vec<Impostor> {
        (0..).zip(scores).map(|(a, &score)| Impostor { subjects: (a, a + 1), score }).collect()
    }

    #[test]
    fn separated_scores_have_no_error() {
        let report = report(&genuine(&[0.8, 0.9]), &impostor(&[0.1, 0.2]), 1).unwrap();
        assert_eq!(report.eer.value, 0.0);
        assert_eq!(report.fnmr_at_zero_fmr.value, 0.0);
        assert_eq!((report.genuine, report.impostor), (2, 2));
    }

    #[test]
    fn one_swapped_pair_of_ten_is_an_equal_error_of_a_tenth() {
        let mut high = vec![0.9; 10];
        let mut low = vec![0.1; 10];
        (high[0], low[0]) = (0.3, 0.6);
        let report = report(&genuine(&high), &impostor(&low), 1).unwrap();
        // At a threshold of 0.6 one impostor of ten matches and one mate of ten is missed.
        assert!((report.eer.value - 0.1).abs() < 1e-12, "{:?}", report.eer);
        assert!((report.fnmr_at_zero_fmr.value - 0.1).abs() < 1e-12);
        assert!((report.fnmr_at_fmr_100.value - 0.1).abs() < 1e-12);
    }

    #[test]
    fn an_impostor_equal_to_the_threshold_matches() {
        let report = report(&genuine(&[0.5]), &impostor(&[0.5]), 1).unwrap();
        assert_eq!(report.fnmr_at_zero_fmr.value, 1.0);
    }

    #[test]
    fn missing_trials_and_scores_that_are_no_numbers_are_refused() {
        assert_eq!(report(&[], &impostor(&[0.1]), 1), Err(EvaluationError::NoGenuine));
        assert_eq!(report(&genuine(&[0.1]), &[], 1), Err(EvaluationError::NoImpostor));
        let nan = report(&genuine(&[f64::NAN]), &impostor(&[0.1]), 1);
        assert_eq!(nan, Err(EvaluationError::NotANumber));
    }

    /// FMR and FNMR counted trial by trial at one threshold.
    fn rates(genuine: &[f64], impostor: &[f64], threshold: f64) -> (f64, f64) {
        let share = |scores: &[f64], hit: &dyn Fn(f64) -> bool| {
            scores.iter().filter(|&&score| hit(score)).count() as f64 / scores.len() as f64
        };
        (share(impostor, &|score| score >= threshold), share(genuine, &|score| score < threshold))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_roc_point_is_what_counting_finds(
            high in prop::collection::vec(0u8..20, 1..30),
            low in prop::collection::vec(0u8..20, 1..30),
        ) {
            let high: Vec<f64> = high.iter().map(|&x| f64::from(x)).collect();
            let low: Vec<f64> = low.iter().map(|&x| f64::from(x)).collect();
            let report = report(&genuine(&high), &impostor(&low), 7).unwrap();
            for point in &report.roc {
                let (fmr, fnmr) = rates(&high, &low, point.threshold);
                prop_assert!((fmr - point.fmr).abs() < 1e-9 && (fnmr - point.fnmr).abs() < 1e-9);
            }
            for point in &report.det {
                let best = report.roc.iter().filter(|roc| roc.fmr <= point.fmr).map(|roc| roc.fnmr).fold(1.0, f64::min);
                prop_assert!((best - point.fnmr.value).abs() < 1e-9, "{point:?}");
            }
            prop_assert!(report.eer.low <= report.eer.high);
            prop_assert!((0.0..=1.0).contains(&report.eer.value));
        }
    }
}
