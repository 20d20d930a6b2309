//! Leave-one-group-out: thresholds from all other groups' trials, rates on the group that was left out.
//!
//! A threshold that is read off the trials it is then reported on flatters the matcher. Here it never is: a trial counts
//! for choosing a threshold only if no subject of the left-out group takes part in it, and for the rates only if one does.

use super::roc::{Bootstrap, estimate, names};
use super::{Estimate, EvaluationError, Genuine, Impostor, REPLICATES, check};

/// What one group's trials gave at the threshold of all others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOut {
    /// Scores from here upwards match: the lowest threshold of the other groups that keeps the FMR asked for.
    pub threshold: f64,
    /// Genuine trials of the group, and how many of them matched.
    pub genuine: (usize, usize),
    /// Impostor trials of the group, and how many of them matched.
    pub impostor: (usize, usize),
}

/// Every group left out in turn, at one FMR.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaveOneOut {
    /// The FMR that the thresholds were chosen for; 0 is the lowest threshold without a false match.
    pub fmr: f64,
    /// One entry a group, in the order of their numbers.
    pub groups: Vec<HeldOut>,
    /// FNMR over all groups, each at its own threshold, with an interval over subjects; each replicate chooses its
    /// thresholds anew.
    pub fnmr: Estimate,
    /// FMR over all groups in the same way. An impostor trial between two groups counts once for each.
    pub realised_fmr: Estimate,
}

/// Leaves every group out in turn. `group` tells the group of a subject; groups are numbered from 0 without gaps.
/// Nothing, if there are fewer than three groups or the trials of two others lack impostors.
///
/// # Errors
/// [`EvaluationError`] as [`super::report`].
pub fn leave_one_out(
    genuine: &[Genuine],
    impostor: &[Impostor],
    group: impl Fn(u32) -> usize,
    fmr: f64,
    seed: u64,
) -> Result<Option<LeaveOneOut>, EvaluationError> {
    check(genuine, impostor)?;
    let names = names(genuine, impostor);
    let number = |name: u32| names.binary_search(&name).unwrap_or_default();
    let groups = names.iter().map(|&name| group(name)).max().map_or(0, |last| last + 1);
    if groups < 3 {
        return Ok(None);
    }
    let mates: Vec<Mates> = genuine
        .iter()
        .map(|trial| Mates {
            score: trial.score,
            subject: number(trial.subject),
            group: group(trial.subject),
        })
        .collect();
    let mut strangers: Vec<Strangers> = impostor
        .iter()
        .map(|trial| Strangers {
            score: trial.score,
            subjects: (number(trial.subjects.0), number(trial.subjects.1)),
            groups: (group(trial.subjects.0), group(trial.subjects.1)),
        })
        .collect();
    strangers.sort_by(|a, b| b.score.total_cmp(&a.score));
    let all = Falling { mates, strangers, groups };
    let once = vec![1.0; names.len()];
    let Some(plain) = all.measure(&once, fmr) else { return Ok(None) };
    let (mut fnmr, mut realised) = (Vec::with_capacity(REPLICATES), Vec::with_capacity(REPLICATES));
    let mut bootstrap = Bootstrap::new(names.len(), seed);
    for _ in 0..REPLICATES {
        let copies = bootstrap.draw();
        // A replicate in which a group or its others are missing says nothing.
        if let Some(rates) = all.measure(&copies, fmr) {
            fnmr.push(rates.fnmr());
            realised.push(rates.fmr());
        }
    }
    Ok(Some(LeaveOneOut {
        fmr,
        fnmr: estimate(plain.fnmr(), &mut fnmr),
        realised_fmr: estimate(plain.fmr(), &mut realised),
        groups: all.count(&plain),
    }))
}

struct Mates {
    score: f64,
    subject: usize,
    group: usize,
}

struct Strangers {
    score: f64,
    subjects: (usize, usize),
    groups: (usize, usize),
}

impl Strangers {
    fn concerns(&self, group: usize) -> bool {
        self.groups.0 == group || self.groups.1 == group
    }
}

/// Trials, strangers' by falling score.
struct Falling {
    mates: Vec<Mates>,
    strangers: Vec<Strangers>,
    groups: usize,
}

/// Weighed counts over all groups, and the threshold of each.
struct Rates {
    thresholds: Vec<f64>,
    /// Weight of the genuine trials, and of those that matched.
    genuine: (f64, f64),
    /// Weight of the impostor trials, and of those that matched.
    impostor: (f64, f64),
}

impl Rates {
    fn fnmr(&self) -> f64 {
        1.0 - self.genuine.1 / self.genuine.0
    }

    fn fmr(&self) -> f64 {
        self.impostor.1 / self.impostor.0
    }
}

impl Falling {
    fn measure(&self, copies: &[f64], fmr: f64) -> Option<Rates> {
        let mut rates = Rates { thresholds: Vec::new(), genuine: (0.0, 0.0), impostor: (0.0, 0.0) };
        for group in 0..self.groups {
            let weight = |trial: &Strangers| copies[trial.subjects.0] * copies[trial.subjects.1];
            let threshold = self.threshold(group, fmr, weight)?;
            rates.thresholds.push(threshold);
            for trial in self.strangers.iter().filter(|trial| trial.concerns(group)) {
                rates.impostor.0 += weight(trial);
                rates.impostor.1 += if trial.score >= threshold { weight(trial) } else { 0.0 };
            }
            for trial in self.mates.iter().filter(|trial| trial.group == group) {
                rates.genuine.0 += copies[trial.subject];
                rates.genuine.1 += if trial.score >= threshold { copies[trial.subject] } else { 0.0 };
            }
        }
        (rates.genuine.0 > 0.0 && rates.impostor.0 > 0.0).then_some(rates)
    }

    /// The lowest threshold at which the trials without the group keep the rate: just above the first score that would
    /// not. Nothing if there are no such trials.
    fn threshold(&self, group: usize, fmr: f64, weight: impl Fn(&Strangers) -> f64) -> Option<f64> {
        let others = || self.strangers.iter().filter(|trial| !trial.concerns(group));
        let total: f64 = others().map(&weight).sum();
        if total == 0.0 {
            return None;
        }
        let mut reached = 0.0;
        for trial in others() {
            reached += weight(trial);
            if reached > fmr * total {
                return Some(trial.score.next_up());
            }
        }
        Some(f64::NEG_INFINITY)
    }

    /// The plain counts behind the rates.
    fn count(&self, rates: &Rates) -> Vec<HeldOut> {
        let one = |(group, &threshold): (usize, &f64)| {
            let mates = || self.mates.iter().filter(move |trial| trial.group == group);
            let strangers = || self.strangers.iter().filter(move |trial| trial.concerns(group));
            HeldOut {
                threshold,
                genuine: (mates().count(), mates().filter(|trial| trial.score >= threshold).count()),
                impostor: (strangers().count(), strangers().filter(|trial| trial.score >= threshold).count()),
            }
        };
        rates.thresholds.iter().enumerate().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three groups of two subjects each; every subject has one genuine trial, every pair of subjects one impostor trial.
    fn trials(genuine: [f64; 6], impostor: impl Fn(u32, u32) -> f64) -> (Vec<Genuine>, Vec<Impostor>) {
        let mates = (0..).zip(genuine).map(|(subject, score)| Genuine { subject, score }).collect();
        let pairs = (0..6).flat_map(|a| (a + 1..6).map(move |b| (a, b)));
        (mates, pairs.map(|(a, b)| Impostor { subjects: (a, b), score: impostor(a, b) }).collect())
    }

    fn group(subject: u32) -> usize {
        usize::try_from(subject / 2).unwrap()
    }

    #[test]
    fn a_threshold_never_sees_the_group_that_it_is_reported_on() {
        // Strangers of the last group alone score high: only its own figures may suffer from them.
        let (genuine, impostor) =
            trials([0.9, 0.9, 0.9, 0.9, 0.4, 0.9], |a, b| if (a, b) == (4, 5) { 0.5 } else { 0.1 });
        let found = leave_one_out(&genuine, &impostor, group, 0.0, 1).unwrap().unwrap();
        assert_eq!(found.groups.len(), 3);
        let [first, second, last] = [found.groups[0], found.groups[1], found.groups[2]];
        assert!(first.threshold > 0.5 && second.threshold > 0.5, "{found:?}");
        assert!(last.threshold > 0.1 && last.threshold < 0.4, "{found:?}");
        // Nine of the fifteen pairs concern a group; in the last one, one of them scores 0.5.
        assert_eq!((last.genuine, last.impostor), ((2, 2), (9, 1)));
        assert_eq!((first.genuine, first.impostor), ((2, 2), (9, 0)));
        assert_eq!(found.fnmr.value, 0.0);
        assert!((found.realised_fmr.value - 1.0 / 27.0).abs() < 1e-12);
    }

    #[test]
    fn the_rate_asked_for_is_kept_on_the_others() {
        let (genuine, impostor) = trials([0.9; 6], |a, b| f64::from(a * 10 + b) / 100.0);
        for fmr in [0.0, 0.2, 0.5, 1.0] {
            let found = leave_one_out(&genuine, &impostor, group, fmr, 1).unwrap().unwrap();
            for (left_out, one) in found.groups.iter().enumerate() {
                let others: Vec<f64> = impostor
                    .iter()
                    .filter(|t| group(t.subjects.0) != left_out && group(t.subjects.1) != left_out)
                    .map(|t| t.score)
                    .collect();
                let matched = others.iter().filter(|score| **score >= one.threshold).count();
                assert!(matched as f64 <= fmr * others.len() as f64, "{fmr} {matched} of {}", others.len());
                let lower =
                    others.iter().filter(|score| **score < one.threshold).copied().fold(f64::NAN, f64::max);
                let next = others.iter().filter(|score| **score >= lower).count();
                assert!(lower.is_nan() || next as f64 > fmr * others.len() as f64, "{fmr}: not the lowest");
            }
        }
    }

    #[test]
    fn fewer_than_three_groups_cannot_be_held_out() {
        let (genuine, impostor) = trials([0.9; 6], |_, _| 0.1);
        assert_eq!(leave_one_out(&genuine, &impostor, |_| 0, 0.0, 1).unwrap(), None);
        assert_eq!(leave_one_out(&genuine, &[], group, 0.0, 1).unwrap_err(), EvaluationError::NoImpostor);
    }
}
