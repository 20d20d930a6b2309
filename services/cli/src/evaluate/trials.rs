//! The trials of a protocol: which captures are compared, and what comes of it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use plinth_biometrics::cylinder::{FeatureError, FingerFeatures};
use plinth_biometrics::evaluation::{EvaluationError, Genuine, Impostor, Report, report};
use plinth_biometrics::matcher::Matcher;
use plinth_biometrics::record::{FingerPosition, FingerRecord, RecordError};
use rayon::prelude::*;

use super::folder::TemplateFolder;

/// Seed of the bootstrap: the same folder gives the same intervals.
const BOOTSTRAP_SEED: u64 = 1;

/// The features of every capture of a folder, finger by finger.
pub(crate) struct Captures {
    samples: Vec<Option<FingerFeatures>>,
    /// Where each finger's captures stand in `samples`, first impression first. A finger's index is its subject.
    fingers: Vec<Range<usize>>,
    /// Where each set's fingers stand in `fingers`.
    sets: Vec<(String, Range<usize>)>,
    /// Records that gave no features, and why.
    pub(crate) unusable: Vec<(PathBuf, Unusable)>,
    /// Time that decoding and extracting everything took.
    pub(crate) extraction: Duration,
}

/// Why a record takes part only as one that matches nothing.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It is not a record.
    Record(RecordError),
    /// It has too little in it.
    Features(FeatureError),
}

/// One comparison, by finger and sample indices: the later capture first, the enrolled one second.
pub(crate) struct Trial {
    subjects: (usize, usize),
    samples: (usize, usize),
}

/// What a protocol's trials gave.
pub(crate) struct Figures {
    /// Error rates with their intervals.
    pub(crate) report: Report,
    /// Comparisons made.
    pub(crate) comparisons: usize,
    /// Time they took on all threads together.
    pub(crate) elapsed: Duration,
}

impl Captures {
    /// Decodes and extracts every record of a folder on all cores.
    pub(crate) fn extract(folder: &TemplateFolder, progress: &ProgressBar) -> Self {
        let templates: Vec<_> = folder.fingers().flat_map(|finger| &finger.impressions).collect();
        let start = now();
        let extracted: Vec<_> = templates
            .par_iter()
            .map(|template| {
                progress.inc(1);
                features(&template.record)
            })
            .collect();
        let extraction = start.elapsed();
        let (mut samples, mut unusable) = (Vec::with_capacity(extracted.len()), Vec::new());
        for (template, outcome) in templates.iter().zip(extracted) {
            samples.push(match outcome {
                Ok(features) => Some(features),
                Err(reason) => {
                    unusable.push((template.path.clone(), reason));
                    None
                }
            });
        }
        let (mut fingers, mut sets) = (Vec::new(), Vec::new());
        let mut sample = 0;
        for set in &folder.sets {
            let first = fingers.len();
            for finger in &set.fingers {
                fingers.push(sample..sample + finger.impressions.len());
                sample += finger.impressions.len();
            }
            sets.push((set.name.clone(), first..fingers.len()));
        }
        Self { samples, fingers, sets, unusable, extraction }
    }

    /// Records, usable or not.
    pub(crate) fn count(&self) -> usize {
        self.samples.len()
    }

    /// The sets' names and the fingers of each.
    pub(crate) fn sets(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.sets.iter().map(|(name, fingers)| (name.as_str(), fingers.clone()))
    }

    /// The protocol of Maio et al., "FVC2000" (*IEEE TPAMI* 24(3), 2002): all pairs of captures of a finger, and the
    /// first captures of all fingers of a set against each other, each pair once.
    pub(crate) fn fvc_trials(&self, set: Range<usize>) -> Vec<Trial> {
        let mut trials = Vec::new();
        for finger in set.clone() {
            let samples = self.fingers[finger].clone();
            for first in samples.clone() {
                trials.extend(
                    (first + 1..samples.end)
                        .map(|later| Trial { subjects: (finger, finger), samples: (later, first) }),
                );
            }
            trials.extend((finger + 1..set.end).map(|other| Trial {
                subjects: (other, finger),
                samples: (self.fingers[other].start, samples.start),
            }));
        }
        trials
    }

    /// All later captures against all first captures, of all sets.
    pub(crate) fn all_against_first(&self) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (subject, samples) in self.fingers.iter().enumerate() {
            for later in samples.clone().skip(1) {
                trials.extend(self.fingers.iter().enumerate().map(|(other, enrolled)| Trial {
                    subjects: (subject, other),
                    samples: (later, enrolled.start),
                }));
            }
        }
        trials
    }
}

impl Figures {
    /// Makes the comparisons on all cores and draws the figures from them.
    ///
    /// # Errors
    /// [`EvaluationError`] if there is no genuine or no impostor trial.
    pub(crate) fn measure(
        captures: &Captures,
        trials: &[Trial],
        progress: &ProgressBar,
    ) -> Result<Self, EvaluationError> {
        let start = now();
        let scores: Vec<f64> = trials
            .par_iter()
            .map_init(Matcher::new, |matcher, trial| {
                progress.inc(1);
                match (&captures.samples[trial.samples.0], &captures.samples[trial.samples.1]) {
                    (Some(probe), Some(enrolled)) => f64::from(matcher.compare(probe, enrolled).value()),
                    // As in the competition: what cannot be enrolled or presented matches nothing.
                    _ => 0.0,
                }
            })
            .collect();
        let elapsed = start.elapsed();
        let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
        let subject = |finger: usize| u32::try_from(finger).unwrap_or(u32::MAX);
        for (trial, score) in trials.iter().zip(scores) {
            let subjects = (subject(trial.subjects.0), subject(trial.subjects.1));
            if subjects.0 == subjects.1 {
                genuine.push(Genuine { subject: subjects.0, score });
            } else {
                impostor.push(Impostor { subjects, score });
            }
        }
        let report = report(&genuine, &impostor, BOOTSTRAP_SEED)?;
        Ok(Self { report, comparisons: trials.len(), elapsed })
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Features(error) => error.fmt(f),
        }
    }
}

/// Features of a record's first view, or why there are none.
fn features(record: &[u8]) -> Result<FingerFeatures, Unusable> {
    let record = FingerRecord::decode(record).map_err(Unusable::Record)?;
    let position = record.views.first().map_or(FingerPosition::Unknown, |view| view.position);
    FingerFeatures::extract(&record, 0, position).map_err(Unusable::Features)
}

#[expect(clippy::disallowed_methods, reason = "a measuring tool reads the time to state its speed")]
fn now() -> Instant {
    Instant::now()
}
