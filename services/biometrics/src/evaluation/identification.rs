//! Identification: how often a search misses the person it is for, at a given rate of finding somebody else.
//!
//! Rates are those of ISO/IEC 19795-1:2021. A search finds whoever reaches the threshold; **FPIR** is the share of
//! searches for people who are not in the gallery that find somebody, **FNIR** the share of searches for people who are
//! that do not find them. Every search here counts for both: once with the mate in the gallery, and once as if they were
//! not. The gallery is the same in all replicates of the bootstrap, so that intervals speak for other people searched for
//! in this gallery, not for another gallery.

use super::roc::{Bootstrap, estimate};
use super::{Estimate, EvaluationError, REPLICATES};
use crate::calibration::compare_people;
use crate::cylinder::FingerFeatures;
use crate::matcher::Matcher;

/// One search of a whole gallery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchTrial {
    /// The person searched for.
    pub subject: u32,
    /// Their own score in the gallery, higher = more alike.
    pub mate: f64,
    /// The highest score of anybody else there.
    pub stranger: f64,
}

/// What a gallery's searches come to at one FPIR.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FnirAtFpir {
    /// The FPIR that was asked for.
    pub target_fpir: f64,
    /// Whoever scores above this is found: the highest stranger's score that may not be.
    pub above: f64,
    /// The FPIR there, at most the one asked for: nothing between two searches can be had.
    pub fpir: f64,
    /// The FNIR there.
    pub fnir: Estimate,
}

/// The lowest FNIR at an FPIR of at most each of `targets` (0 to 1), with 95 % intervals by a bootstrap over subjects.
/// The same searches in the same order and the same seed give the same figures.
///
/// # Errors
/// [`EvaluationError::NoGenuine`] without a search, [`EvaluationError::NotANumber`] if a score is none.
pub fn identification(
    searches: &[SearchTrial],
    targets: &[f64],
    seed: u64,
) -> Result<Vec<FnirAtFpir>, EvaluationError> {
    if searches.is_empty() {
        return Err(EvaluationError::NoGenuine);
    }
    if searches.iter().any(|search| search.mate.is_nan() || search.stranger.is_nan()) {
        return Err(EvaluationError::NotANumber);
    }
    let ranked = Ranked::new(searches);
    let mut replicates = vec![Vec::with_capacity(REPLICATES); targets.len()];
    let mut bootstrap = Bootstrap::new(ranked.subjects, seed);
    for _ in 0..REPLICATES {
        let copies = bootstrap.draw();
        for (figures, target) in replicates.iter_mut().zip(targets) {
            figures.push(ranked.at(*target, &copies).fnir);
        }
    }
    let once = vec![1.0; ranked.subjects];
    let figures = targets.iter().zip(&mut replicates).map(|(&target_fpir, replicates)| {
        let Point { above, fpir, fnir } = ranked.at(target_fpir, &once);
        FnirAtFpir { target_fpir, above, fpir, fnir: estimate(fnir, replicates) }
    });
    Ok(figures.collect())
}

/// The share of trials (subject, whether it happened) with its 95 % interval by a bootstrap over subjects: of searches
/// whose fate a policy decides, not one threshold. Nought of nothing is 0.
#[must_use]
pub fn share(trials: &[(u32, bool)], seed: u64) -> Estimate {
    let names = names(trials.iter().map(|trial| trial.0));
    let mut counts = vec![(0.0, 0.0); names.len()];
    for (subject, happened) in trials {
        if let Ok(place) = names.binary_search(subject) {
            counts[place].0 += 1.0;
            counts[place].1 += f64::from(u8::from(*happened));
        }
    }
    let of = |copies: &[f64]| {
        let (all, hit) =
            counts.iter().zip(copies).fold((0.0, 0.0), |(all, hit), ((one, happened), copies)| {
                (all + one * copies, hit + happened * copies)
            });
        if all > 0.0 { hit / all } else { 0.0 }
    };
    if names.is_empty() {
        return Estimate { value: 0.0, low: 0.0, high: 0.0 };
    }
    let mut bootstrap = Bootstrap::new(names.len(), seed);
    let mut replicates: Vec<f64> = (0..REPLICATES).map(|_| of(&bootstrap.draw())).collect();
    estimate(of(&vec![1.0; names.len()]), &mut replicates)
}

/// Searches a whole gallery, one entry a person, for each probe: the number of its person there, and its fingers. A
/// probe of somebody who is not in the gallery has a mate's score below all others.
#[must_use]
pub fn search_all(
    gallery: &[Vec<FingerFeatures>],
    probes: &[(u32, Vec<FingerFeatures>)],
) -> Vec<SearchTrial> {
    let mut matcher = Matcher::new();
    let search = |(subject, fingers): &(u32, Vec<FingerFeatures>)| {
        let mut trial =
            SearchTrial { subject: *subject, mate: f64::NEG_INFINITY, stranger: f64::NEG_INFINITY };
        for (person, enrolled) in (0u32..).zip(gallery) {
            let score = compare_people(&mut matcher, fingers, enrolled);
            // People who have no finger in common say nothing about each other.
            if score.fingers > 0 {
                let best = if person == *subject { &mut trial.mate } else { &mut trial.stranger };
                *best = best.max(score.llr.into());
            }
        }
        trial
    };
    probes.iter().map(search).collect()
}

fn names(subjects: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut names: Vec<u32> = subjects.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Searches ordered by what they found, subjects numbered without gaps.
struct Ranked {
    /// Strangers' scores with their searches' subjects, falling.
    strangers: Vec<(f64, usize)>,
    mates: Vec<(f64, usize)>,
    subjects: usize,
}

/// One point of the curve.
struct Point {
    above: f64,
    fpir: f64,
    fnir: f64,
}

impl Ranked {
    fn new(searches: &[SearchTrial]) -> Self {
        let names = names(searches.iter().map(|search| search.subject));
        let number = |search: &SearchTrial| names.binary_search(&search.subject).unwrap_or_default();
        let mut strangers: Vec<_> = searches.iter().map(|search| (search.stranger, number(search))).collect();
        strangers.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mates = searches.iter().map(|search| (search.mate, number(search))).collect();
        Self { strangers, mates, subjects: names.len() }
    }

    /// The lowest threshold whose FPIR is within a target, each subject counted `copies` times.
    fn at(&self, target: f64, copies: &[f64]) -> Point {
        let all: f64 = self.strangers.iter().map(|(_, subject)| copies[*subject]).sum();
        let (mut found, mut above) = (0.0, f64::NEG_INFINITY);
        for same in self.strangers.chunk_by(|a, b| a.0 == b.0) {
            let more: f64 = same.iter().map(|(_, subject)| copies[*subject]).sum();
            if found + more > target * all {
                above = same[0].0;
                break;
            }
            found += more;
        }
        // A mate of whom nothing was seen is never found, however low the threshold.
        let missed = |mate: f64| mate <= above || mate == f64::NEG_INFINITY;
        let missed: f64 =
            self.mates.iter().filter(|(mate, _)| missed(*mate)).map(|(_, subject)| copies[*subject]).sum();
        Point { above, fpir: found / all, fnir: missed / all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FingerPosition;
    use crate::synthetic::SyntheticPerson;
    use proptest::prelude::*;

    fn searches(scores: &[(f64, f64)]) -> Vec<SearchTrial> {
        (0..)
            .zip(scores)
            .map(|(subject, &(mate, stranger))| SearchTrial { subject, mate, stranger })
            .collect()
    }

    #[test]
    fn a_tenth_of_searches_may_find_a_stranger_and_the_rest_sets_the_threshold() {
        let mut scores = vec![(9.0, 1.0); 10];
        scores[0] = (9.0, 8.0);
        scores[1] = (3.0, 4.0);
        scores[2] = (0.5, 1.0);
        let report = identification(&searches(&scores), &[0.0, 0.1, 0.2, 1.0], 1).unwrap();
        let plain: Vec<_> = report.iter().map(|at| (at.above, at.fpir, at.fnir.value)).collect();
        assert_eq!(plain[0], (8.0, 0.0, 0.2));
        assert_eq!(plain[1], (4.0, 0.1, 0.2));
        assert_eq!(plain[2], (1.0, 0.2, 0.1));
        assert_eq!(plain[3], (f64::NEG_INFINITY, 1.0, 0.0));
        assert!(report.iter().all(|at| at.fnir.low <= at.fnir.value && at.fnir.value <= at.fnir.high));
    }

    #[test]
    fn no_searches_and_scores_that_are_no_numbers_are_refused() {
        assert_eq!(identification(&[], &[0.1], 1), Err(EvaluationError::NoGenuine));
        let nan = searches(&[(f64::NAN, 0.0)]);
        assert_eq!(identification(&nan, &[0.1], 1), Err(EvaluationError::NotANumber));
    }

    #[test]
    fn captures_of_one_person_fail_together_in_the_interval() {
        let apart: Vec<_> = (0..100).map(|subject| (subject, subject % 10 == 0)).collect();
        let together: Vec<_> = (0..100).map(|trial| (trial / 10, trial / 10 == 0)).collect();
        let (apart, together) = (share(&apart, 3), share(&together, 3));
        assert_eq!((apart.value, together.value), (0.1, 0.1));
        assert!(together.high - together.low > 1.5 * (apart.high - apart.low), "{together:?} {apart:?}");
        assert_eq!(share(&[], 3).value, 0.0);
    }

    #[test]
    fn ten_fingers_find_everybody_in_a_small_gallery_and_no_stranger() {
        let hands = |person: u32, capture| -> Vec<FingerFeatures> {
            let record = SyntheticPerson::new(8, person.into()).record(capture, &FingerPosition::ALL);
            let views = record.views.iter().enumerate();
            views
                .filter_map(|(view, one)| FingerFeatures::extract(&record, view, one.position).ok())
                .collect()
        };
        let gallery: Vec<_> = (0..12).map(|person| hands(person, 0)).collect();
        let mut probes: Vec<_> = (0..12).map(|person| (person, hands(person, 1))).collect();
        let report = identification(&search_all(&gallery, &probes), &[0.0], 1).unwrap();
        assert_eq!((report[0].fpir, report[0].fnir.value), (0.0, 0.0));
        probes.push((90, hands(90, 0)));
        let nobody = search_all(&gallery, &probes[12..])[0];
        assert_eq!(nobody.mate, f64::NEG_INFINITY);
        assert!(nobody.stranger < 0.0);
        assert_eq!(identification(&[nobody], &[1.0], 1).unwrap()[0].fnir.value, 1.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_point_is_what_counting_finds(
            scores in prop::collection::vec((0u8..20, 0u8..20), 1..40), target in 0.0..1.0f64,
        ) {
            let scores: Vec<_> = scores.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).collect();
            let at = identification(&searches(&scores), &[target], 7).unwrap()[0];
            let share = |hit: &dyn Fn(&(f64, f64)) -> bool| {
                scores.iter().filter(|one| hit(one)).count() as f64 / scores.len() as f64
            };
            prop_assert!(at.fpir <= target + 1e-12);
            prop_assert!((share(&|one| one.1 > at.above) - at.fpir).abs() < 1e-12);
            prop_assert!((share(&|one| one.0 <= at.above) - at.fnir.value).abs() < 1e-12);
            // Any lower threshold would let too many strangers through.
            prop_assert!(at.above == f64::NEG_INFINITY || share(&|one| one.1 >= at.above) > target);
        }
    }
}
