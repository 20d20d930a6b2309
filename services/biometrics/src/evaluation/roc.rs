//! Rates at every threshold, and the bootstrap over subjects that all intervals come from.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_core::SeedableRng;

use super::{Estimate, Genuine, Impostor, RocPoint};

/// All trials by rising score, subjects renumbered without gaps.
pub(super) struct Trials {
    /// Rising by score.
    rising: Vec<Trial>,
    /// How many subjects there are.
    pub(super) subjects: usize,
}

/// One trial: a genuine one names its subject twice.
struct Trial {
    score: f64,
    genuine: bool,
    subjects: (usize, usize),
}

impl Trials {
    /// Orders trials, with subjects numbered by their own names.
    pub(super) fn sorted(genuine: &[Genuine], impostor: &[Impostor]) -> Self {
        Self::named(genuine, impostor, &names(genuine, impostor))
    }

    /// Orders trials, with subjects numbered by where they stand in `names` (ascending, each once). Trials of subjects
    /// that are not named count for the first one: there are none, if the names come from [`names`].
    pub(super) fn named(genuine: &[Genuine], impostor: &[Impostor], names: &[u32]) -> Self {
        let number = |name: u32| names.binary_search(&name).unwrap_or_default();
        let mates = genuine.iter().map(|trial| {
            let subject = number(trial.subject);
            Trial { score: trial.score, genuine: true, subjects: (subject, subject) }
        });
        let strangers = impostor.iter().map(|trial| {
            let subjects = (number(trial.subjects.0), number(trial.subjects.1));
            Trial { score: trial.score, genuine: false, subjects }
        });
        let mut rising: Vec<Trial> = mates.chain(strangers).collect();
        rising.sort_by(|a, b| a.score.total_cmp(&b.score));
        Self { rising, subjects: names.len() }
    }

    /// FMR and FNMR at every threshold, each subject counted once.
    pub(super) fn plain_roc(&self) -> Vec<RocPoint> {
        self.roc(&vec![1.0; self.subjects])
    }

    /// FMR and FNMR at every threshold, each subject counted `copies` times; empty if either kind is then missing.
    pub(super) fn roc(&self, copies: &[f64]) -> Vec<RocPoint> {
        let weight = |trial: &Trial| {
            let (a, b) = trial.subjects;
            if trial.genuine { copies[a] } else { copies[a] * copies[b] }
        };
        let total =
            |kind: bool| self.rising.iter().filter(|trial| trial.genuine == kind).map(weight).sum::<f64>();
        let (genuine, impostor) = (total(true), total(false));
        if genuine == 0.0 || impostor == 0.0 {
            return Vec::new();
        }
        let mut points = Vec::new();
        let (mut missed, mut rejected) = (0.0, 0.0);
        for same in self.rising.chunk_by(|a, b| a.score == b.score) {
            let fmr = (impostor - rejected) / impostor;
            points.push(RocPoint { threshold: same[0].score, fmr, fnmr: missed / genuine });
            for trial in same {
                *(if trial.genuine { &mut missed } else { &mut rejected }) += weight(trial);
            }
        }
        points.push(RocPoint { threshold: f64::INFINITY, fmr: 0.0, fnmr: 1.0 });
        points
    }
}

/// Every subject of the trials once, ascending.
pub(super) fn names(genuine: &[Genuine], impostor: &[Impostor]) -> Vec<u32> {
    let mut names: Vec<u32> = genuine.iter().map(|trial| trial.subject).collect();
    names.extend(impostor.iter().flat_map(|trial| [trial.subjects.0, trial.subjects.1]));
    names.sort_unstable();
    names.dedup();
    names
}

/// Draws of subjects with replacement, as many as there are: how often each was drawn.
pub(super) struct Bootstrap {
    stream: Xoshiro256PlusPlus,
    subjects: usize,
}

impl Bootstrap {
    pub(super) fn new(subjects: usize, seed: u64) -> Self {
        Self { stream: Xoshiro256PlusPlus::seed_from_u64(seed), subjects }
    }

    pub(super) fn draw(&mut self) -> Vec<f64> {
        let mut copies = vec![0.0; self.subjects];
        for _ in 0..self.subjects {
            copies[self.stream.random_range(0..self.subjects)] += 1.0;
        }
        copies
    }
}

/// The equal error rate, FVC's way: where FMR and FNMR jump past each other, the side where their sum is smaller.
pub(super) fn equal_error_rate(roc: &[RocPoint]) -> f64 {
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

/// The point at the lowest threshold whose FMR is within the bound.
pub(super) fn at_fmr(roc: &[RocPoint], fmr: f64) -> Option<&RocPoint> {
    // Rates fall as thresholds rise.
    roc.get(roc.partition_point(|point| point.fmr > fmr))
}

/// The FNMR at the lowest threshold whose FMR is within the bound.
pub(super) fn fnmr_at(roc: &[RocPoint], fmr: f64) -> f64 {
    at_fmr(roc, fmr).map_or(1.0, |point| point.fnmr)
}

/// A figure with the 2.5th and 97.5th percentile of its replicates, in any order.
pub(super) fn estimate(value: f64, replicates: &mut [f64]) -> Estimate {
    // The sum of nothing is -0, and a rate has no sign.
    let value = value + 0.0;
    if replicates.is_empty() {
        return Estimate { value, low: value, high: value };
    }
    replicates.iter_mut().for_each(|replicate| *replicate += 0.0);
    replicates.sort_unstable_by(f64::total_cmp);
    let last = replicates.len() - 1;
    Estimate { value, low: replicates[last * 25 / 1000], high: replicates[last - last * 25 / 1000] }
}
