//! Two sets of trials side by side, and whether the difference is more than chance.

use super::roc::{Bootstrap, Trials, equal_error_rate, estimate, fnmr_at, names};
use super::{Estimate, EvaluationError, Genuine, Impostor, REPLICATES, check};

/// The trials of one experiment.
#[derive(Clone, Copy, Debug)]
pub struct Experiment<'a> {
    /// Comparisons of captures of one subject.
    pub genuine: &'a [Genuine],
    /// Comparisons of captures of two subjects.
    pub impostor: &'a [Impostor],
}

/// One figure of both experiments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Of the first.
    pub a: f64,
    /// Of the second.
    pub b: f64,
    /// Second less first, with its 95 % interval: if that does not contain 0, the difference is more than chance at
    /// this level.
    pub difference: Estimate,
}

/// How two experiments differ. All rates from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Whether both were resampled with the same subjects.
    pub paired: bool,
    /// Equal error rate.
    pub eer: Pair,
    /// Lowest FNMR at an FMR of at most 1 in 100.
    pub fnmr_at_fmr_100: Pair,
    /// Lowest FNMR at an FMR of at most 1 in 1,000.
    pub fnmr_at_fmr_1000: Pair,
    /// Lowest FNMR without any false match.
    pub fnmr_at_zero_fmr: Pair,
}

/// Compares two experiments by a bootstrap over subjects. If both have the same subjects, each replicate draws the same
/// ones for both, so that what a hard finger does to both cancels out (Efron, Tibshirani, *An Introduction to the
/// Bootstrap*, 1993); otherwise each is resampled by itself. Same input and seed, same output.
///
/// # Errors
/// [`EvaluationError`] if either lacks a kind of trial or has a score that is not a number.
pub fn difference(a: Experiment<'_>, b: Experiment<'_>, seed: u64) -> Result<Difference, EvaluationError> {
    check(a.genuine, a.impostor)?;
    check(b.genuine, b.impostor)?;
    let (names_a, names_b) = (names(a.genuine, a.impostor), names(b.genuine, b.impostor));
    let paired = names_a == names_b;
    let (trials_a, trials_b) =
        (Trials::named(a.genuine, a.impostor, &names_a), Trials::named(b.genuine, b.impostor, &names_b));
    let picks: [fn(&[super::RocPoint]) -> f64; 4] =
        [equal_error_rate, |roc| fnmr_at(roc, 1e-2), |roc| fnmr_at(roc, 1e-3), |roc| fnmr_at(roc, 0.0)];
    let mut replicates: [Vec<f64>; 4] = std::array::from_fn(|_| Vec::with_capacity(REPLICATES));
    let mut stream_a = Bootstrap::new(trials_a.subjects, seed);
    let mut stream_b = Bootstrap::new(trials_b.subjects, seed.wrapping_add(1));
    for _ in 0..REPLICATES {
        let copies_a = stream_a.draw();
        let copies_b = if paired { copies_a.clone() } else { stream_b.draw() };
        let (roc_a, roc_b) = (trials_a.roc(&copies_a), trials_b.roc(&copies_b));
        if !roc_a.is_empty() && !roc_b.is_empty() {
            for (figures, pick) in replicates.iter_mut().zip(picks) {
                figures.push(pick(&roc_b) - pick(&roc_a));
            }
        }
    }
    let (roc_a, roc_b) = (trials_a.plain_roc(), trials_b.plain_roc());
    let [eer, hundred, thousand, zero] = std::array::from_fn(|i| {
        let (a, b) = (picks[i](&roc_a), picks[i](&roc_b));
        Pair { a, b, difference: estimate(b - a, &mut replicates[i]) }
    });
    Ok(Difference {
        paired,
        eer,
        fnmr_at_fmr_100: hundred,
        fnmr_at_fmr_1000: thousand,
        fnmr_at_zero_fmr: zero,
    })
}

/// How often something happens to the same trials (subject, whether under the first, whether under the second) under
/// two sets of rules: shares from 0 to 1, resampled together. Nought of nothing is 0.
#[must_use]
pub fn paired_share(trials: &[(u32, bool, bool)], seed: u64) -> Pair {
    let mut names: Vec<u32> = trials.iter().map(|trial| trial.0).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Pair { a: 0.0, b: 0.0, difference: Estimate { value: 0.0, low: 0.0, high: 0.0 } };
    }
    let number = |name: u32| names.binary_search(&name).unwrap_or_default();
    let share = |copies: &[f64], hit: fn(&(u32, bool, bool)) -> bool| {
        let weight = |trial: &&(u32, bool, bool)| copies[number(trial.0)];
        let all: f64 = trials.iter().map(|trial| weight(&trial)).sum();
        let hits: f64 = trials.iter().filter(|trial| hit(trial)).map(|trial| weight(&trial)).sum();
        if all > 0.0 { hits / all } else { 0.0 }
    };
    let both = |copies: &[f64]| (share(copies, |trial| trial.1), share(copies, |trial| trial.2));
    let mut bootstrap = Bootstrap::new(names.len(), seed);
    let mut replicates: Vec<f64> = (0..REPLICATES)
        .map(|_| {
            let (a, b) = both(&bootstrap.draw());
            b - a
        })
        .collect();
    let (a, b) = both(&vec![1.0; names.len()]);
    Pair { a, b, difference: estimate(b - a, &mut replicates) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::report;

    fn trials(high: &[f64], low: &[f64], first: u32) -> (Vec<Genuine>, Vec<Impostor>) {
        let genuine = (first..).zip(high).map(|(subject, &score)| Genuine { subject, score }).collect();
        let impostor =
            (first..).zip(low).map(|(a, &score)| Impostor { subjects: (a, a + 1), score }).collect();
        (genuine, impostor)
    }

    fn experiment(trials: &(Vec<Genuine>, Vec<Impostor>)) -> Experiment<'_> {
        Experiment { genuine: &trials.0, impostor: &trials.1 }
    }

    #[test]
    fn an_experiment_does_not_differ_from_itself_in_any_replicate() {
        let one = trials(&[0.2, 0.9, 0.8, 0.4], &[0.1, 0.3, 0.5], 0);
        let found = difference(experiment(&one), experiment(&one), 3).unwrap();
        assert!(found.paired);
        for pair in [found.eer, found.fnmr_at_fmr_100, found.fnmr_at_fmr_1000, found.fnmr_at_zero_fmr] {
            assert_eq!(pair.difference, Estimate { value: 0.0, low: 0.0, high: 0.0 });
        }
    }

    #[test]
    fn a_better_matcher_on_the_same_fingers_is_seen_to_be_better() {
        let low: Vec<f64> = (0..40).map(|i| f64::from(i) / 400.0).collect();
        let worse: Vec<f64> = (0..40).map(|i| if i % 4 == 0 { 0.0 } else { 0.9 }).collect();
        let (worse, better) = (trials(&worse, &low, 0), trials(&[0.9; 40], &low, 0));
        let found = difference(experiment(&worse), experiment(&better), 3).unwrap();
        assert_eq!((found.fnmr_at_zero_fmr.a, found.fnmr_at_zero_fmr.b), (0.25, 0.0));
        assert!(found.fnmr_at_zero_fmr.difference.high < 0.0, "{found:?}");
    }

    #[test]
    fn rules_that_catch_more_of_the_same_trials_are_seen_to() {
        let trials: Vec<_> = (0..40).map(|subject| (subject, subject % 2 == 0, true)).collect();
        let found = paired_share(&trials, 3);
        assert_eq!((found.a, found.b, found.difference.value), (0.5, 1.0, 0.5));
        assert!(found.difference.low > 0.2 && found.difference.high < 0.8, "{found:?}");
        let same: Vec<_> = trials.iter().map(|(subject, a, _)| (*subject, *a, *a)).collect();
        assert_eq!(paired_share(&same, 3).difference, Estimate { value: 0.0, low: 0.0, high: 0.0 });
        assert_eq!(paired_share(&[], 3).b, 0.0);
    }

    #[test]
    fn other_fingers_are_resampled_by_themselves() {
        let (one, other) = (trials(&[0.9, 0.8], &[0.1, 0.2], 0), trials(&[0.9, 0.8], &[0.1, 0.2], 50));
        assert!(!difference(experiment(&one), experiment(&other), 3).unwrap().paired);
        let none = (Vec::new(), one.1.clone());
        assert_eq!(
            difference(experiment(&one), experiment(&none), 3).unwrap_err(),
            EvaluationError::NoGenuine
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn both_columns_are_what_each_report_says(
            a in prop::collection::vec(0u8..20, 2..20), b in prop::collection::vec(0u8..20, 2..20),
        ) {
            let score = |values: &[u8]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
            let (a, b) = (trials(&score(&a), &score(&b), 0), trials(&score(&b), &score(&a), 0));
            let found = difference(experiment(&a), experiment(&b), 1).unwrap();
            let (first, second) = (report(&a.0, &a.1, 1).unwrap(), report(&b.0, &b.1, 1).unwrap());
            prop_assert_eq!((found.eer.a, found.eer.b), (first.eer.value, second.eer.value));
            prop_assert_eq!(found.fnmr_at_fmr_100.b, second.fnmr_at_fmr_100.value);
            prop_assert!(found.eer.difference.low <= found.eer.difference.high);
        }
    }
}
