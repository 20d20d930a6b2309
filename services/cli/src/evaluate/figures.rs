//! The error rates of a folder's scores: set by set, over all sets, and at thresholds that never saw what they judge.

use anyhow::Context as _;
use plinth_biometrics::calibration::threshold_at_fmr;
use plinth_biometrics::evaluation::{Genuine, Impostor, LeaveOneOut, Report, leave_one_out, report};

use super::scores::{Numbering, Scores};

/// Seed of the bootstrap: the same folder gives the same intervals.
pub(crate) const BOOTSTRAP_SEED: u64 = 1;

/// The FMRs that thresholds are taken from other sets for.
const HELD_OUT: [f64; 3] = [1e-2, 1e-3, 0.0];

/// The FMRs whose thresholds the calibration is asked for.
const CALIBRATED: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-5];

/// What was measured.
pub(crate) struct Figures {
    /// Each set by the protocol of the Fingerprint Verification Competition.
    pub(crate) sets: Vec<(String, Report)>,
    /// All later captures against all first ones, over all sets.
    pub(crate) all: Report,
    /// The same, one row a set: the set's captures against everyone's first ones.
    pub(crate) by_set: Vec<(String, Report)>,
    /// Thresholds from the other sets. Empty with fewer than three sets.
    pub(crate) held_out: Vec<LeaveOneOut>,
    /// Thresholds from the calibration that the service decides by.
    pub(crate) calibrated: Vec<Calibrated>,
    /// Every comparison over all sets, by falling score: genuine, then impostor.
    pub(crate) scores: (Vec<f64>, Vec<f64>),
}

/// What the trials over all sets gave at a threshold of the calibration, which has seen synthetic fingers only.
pub(crate) struct Calibrated {
    /// The FMR that the threshold stands for.
    pub(crate) fmr: f64,
    /// The threshold.
    pub(crate) threshold: f64,
    /// Genuine trials that matched.
    pub(crate) caught: usize,
    /// Impostor trials that matched.
    pub(crate) false_matches: usize,
}

impl Figures {
    /// Draws the figures from scores.
    ///
    /// # Errors
    /// If a set lacks genuine or impostor trials.
    pub(crate) fn of(scores: &Scores) -> anyhow::Result<Self> {
        let mut numbering = Numbering::new();
        scores.number(&mut numbering);
        let too_little = |name: &str| {
            let name = name.to_owned();
            move || format!("{name}: give at least two fingers a set and two impressions a finger")
        };
        let mut sets = Vec::with_capacity(scores.sets.len());
        for set in &scores.sets {
            let (genuine, impostor) = scores.trials(&set.trials, &numbering);
            let figures = report(&genuine, &impostor, BOOTSTRAP_SEED).with_context(too_little(&set.name))?;
            sets.push((set.name.clone(), figures));
        }
        let (genuine, impostor) = scores.trials(&scores.all_sets, &numbering);
        let all = report(&genuine, &impostor, BOOTSTRAP_SEED).with_context(too_little("all sets"))?;
        let mut by_set = Vec::with_capacity(scores.sets.len());
        for set in &scores.sets {
            let of_set = scores.all_sets.iter().filter(|trial| scores.set(trial.0) == set.name).copied();
            let (genuine, impostor) = scores.trials(&of_set.collect::<Vec<_>>(), &numbering);
            let figures = report(&genuine, &impostor, BOOTSTRAP_SEED).with_context(too_little(&set.name))?;
            by_set.push((set.name.clone(), figures));
        }
        let held_out = hold_out(scores, &numbering, (&genuine, &impostor))?;
        let calibrated = CALIBRATED.map(|fmr| Calibrated::at(fmr, &genuine, &impostor)).into();
        let scores = (
            falling(genuine.iter().map(|trial| trial.score)),
            falling(impostor.iter().map(|trial| trial.score)),
        );
        Ok(Self { sets, all, by_set, held_out, calibrated, scores })
    }

    /// Mean of the sets' equal error rates, each by its own threshold.
    #[expect(clippy::cast_precision_loss, reason = "a count of folders")]
    pub(crate) fn mean_eer(&self) -> f64 {
        self.sets.iter().map(|(_, report)| report.eer.value).sum::<f64>() / self.sets.len() as f64
    }

    /// Names of the sets, in order.
    pub(crate) fn set_names(&self) -> Vec<&str> {
        self.sets.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl Calibrated {
    fn at(fmr: f64, genuine: &[Genuine], impostor: &[Impostor]) -> Self {
        let threshold = f64::from(threshold_at_fmr(fmr).value());
        Self {
            fmr,
            threshold,
            caught: genuine.iter().filter(|trial| trial.score >= threshold).count(),
            false_matches: impostor.iter().filter(|trial| trial.score >= threshold).count(),
        }
    }
}

fn hold_out(
    scores: &Scores,
    numbering: &Numbering<'_>,
    (genuine, impostor): (&[Genuine], &[Impostor]),
) -> anyhow::Result<Vec<LeaveOneOut>> {
    let names: Vec<&str> = scores.sets.iter().map(|set| set.name.as_str()).collect();
    let mut groups = vec![0; numbering.len()];
    for (finger, number) in numbering {
        let set = finger.split_once('/').map_or("", |(set, _)| set);
        let group = names.iter().position(|name| *name == set).unwrap_or_default();
        if let Some(place) = usize::try_from(*number).ok().and_then(|number| groups.get_mut(number)) {
            *place = group;
        }
    }
    let group =
        |subject: u32| usize::try_from(subject).ok().and_then(|at| groups.get(at)).copied().unwrap_or(0);
    let mut held_out = Vec::new();
    for fmr in HELD_OUT {
        held_out.extend(leave_one_out(genuine, impostor, group, fmr, BOOTSTRAP_SEED)?);
    }
    Ok(held_out)
}

fn falling(scores: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut scores: Vec<f64> = scores.collect();
    scores.sort_unstable_by(|a, b| b.total_cmp(a));
    scores
}
