//! Accuracy statistics by the rules of the Fingerprint Verification Competition.
//!
//! Definitions are those of Maio, Maltoni, Cappelli, Wayman, Jain, "FVC2000: Fingerprint Verification Competition",
//! *IEEE TPAMI* 24(3), 2002. A comparison matches if its score reaches the threshold; FMR is the share of impostor
//! trials that match, FNMR the share of genuine trials that do not. Intervals come from a bootstrap over subjects,
//! because trials of one finger fail together and are not independent.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_core::SeedableRng;
use thiserror::Error;

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
}

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
    if genuine.is_empty() {
        return Err(EvaluationError::NoGenuine);
    }
    if impostor.is_empty() {
        return Err(EvaluationError::NoImpostor);
    }
    if genuine.iter().map(|t| t.score).chain(impostor.iter().map(|t| t.score)).any(f64::is_nan) {
        return Err(EvaluationError::NotANumber);
    }
    let trials = Trials::sorted(genuine, impostor);
    let roc = trials.roc(&vec![1.0; trials.subjects]);
    let picks: [fn(&[RocPoint]) -> f64; 4] =
        [equal_error_rate, |roc| fnmr_at(roc, 1e-2), |roc| fnmr_at(roc, 1e-3), |roc| fnmr_at(roc, 0.0)];
    let mut replicates: [Vec<f64>; 4] = std::array::from_fn(|_| Vec::with_capacity(REPLICATES));
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    for _ in 0..REPLICATES {
        let mut copies = vec![0.0; trials.subjects];
        for _ in 0..trials.subjects {
            copies[stream.random_range(0..trials.subjects)] += 1.0;
        }
        let resampled = trials.roc(&copies);
        // A replicate without one kind of trial (one subject drawn throughout) says nothing.
        if !resampled.is_empty() {
            replicates.iter_mut().zip(picks).for_each(|(figures, pick)| figures.push(pick(&resampled)));
        }
    }
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
    })
}

/// The equal error rate, FVC's way: where FMR and FNMR jump past each other, the side where their sum is smaller.
fn equal_error_rate(roc: &[RocPoint]) -> f64 {
    let sum = |point: &RocPoint| point.fmr + point.fnmr;
    let below = roc.iter().rfind(|point| point.fnmr <= point.fmr);
    let above = roc.iter().find(|point| point.fnmr >= point.fmr);
    let best = match (below, above) {
        (Some(below), Some(above)) => sum(below).min(sum(above)),
        (Some(one), None) | (None, Some(one)) => sum(one),
        (None, None) => 0.0,
    };
    best / 2.0
}

/// The FNMR at the lowest threshold whose FMR is within the bound.
fn fnmr_at(roc: &[RocPoint], fmr: f64) -> f64 {
    roc.iter().find(|point| point.fmr <= fmr).map_or(1.0, |point| point.fnmr)
}

fn estimate(value: f64, replicates: &mut [f64]) -> Estimate {
    if replicates.is_empty() {
        return Estimate { value, low: value, high: value };
    }
    replicates.sort_unstable_by(f64::total_cmp);
    let last = replicates.len() - 1;
    Estimate { value, low: replicates[last * 25 / 1000], high: replicates[last - last * 25 / 1000] }
}

/// All trials by rising score, subjects renumbered without gaps.
struct Trials {
    /// Score, and the subject of a genuine trial twice or the two of an impostor trial.
    rising: Vec<(f64, bool, usize, usize)>,
    subjects: usize,
}

impl Trials {
    fn sorted(genuine: &[Genuine], impostor: &[Impostor]) -> Self {
        let mut names: Vec<u32> = genuine.iter().map(|t| t.subject).collect();
        names.extend(impostor.iter().flat_map(|t| [t.subjects.0, t.subjects.1]));
        names.sort_unstable();
        names.dedup();
        let number = |name: u32| names.binary_search(&name).unwrap_or_default();
        let mut rising: Vec<_> =
            genuine.iter().map(|t| (t.score, true, number(t.subject), number(t.subject))).collect();
        rising.extend(impostor.iter().map(|t| (t.score, false, number(t.subjects.0), number(t.subjects.1))));
        rising.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { rising, subjects: names.len() }
    }

    /// FMR and FNMR at every threshold, each subject counted `copies` times; empty if either kind is then missing.
    fn roc(&self, copies: &[f64]) -> Vec<RocPoint> {
        let weight = |&(_, genuine, a, b): &(f64, bool, usize, usize)| {
            if genuine { copies[a] } else { copies[a] * copies[b] }
        };
        let total = |kind: bool| self.rising.iter().filter(|t| t.1 == kind).map(weight).sum::<f64>();
        let (genuine, impostor) = (total(true), total(false));
        if genuine == 0.0 || impostor == 0.0 {
            return Vec::new();
        }
        let mut points = Vec::new();
        let (mut missed, mut rejected) = (0.0, 0.0);
        for same in self.rising.chunk_by(|a, b| a.0 == b.0) {
            let fmr = (impostor - rejected) / impostor;
            points.push(RocPoint { threshold: same[0].0, fmr, fnmr: missed / genuine });
            for trial in same {
                *(if trial.1 { &mut missed } else { &mut rejected }) += weight(trial);
            }
        }
        points.push(RocPoint { threshold: f64::INFINITY, fmr: 0.0, fnmr: 1.0 });
        points
    }
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
            prop_assert!(report.eer.low <= report.eer.high);
            prop_assert!((0.0..=1.0).contains(&report.eer.value));
        }
    }
}
