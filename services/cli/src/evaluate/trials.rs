//! The trials of a protocol: which captures are compared, and how alike they are.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};
use plinth_biometrics::cylinder::{FeatureError, FingerFeatures};
use plinth_biometrics::matcher::Matcher;
use plinth_biometrics::record::{FingerPosition, FingerRecord, RecordError};
use rayon::prelude::*;

use super::folder::TemplateFolder;
use super::scores::{Scored, Scores, SetScores};

/// A folder whose every comparison has been made.
pub(crate) struct Measured {
    /// How alike everything is.
    pub(crate) scores: Scores,
    /// What it took.
    pub(crate) effort: Effort,
}

/// What measuring a folder took, and what stood in its way.
pub(crate) struct Effort {
    /// Records, usable or not.
    pub(crate) records: usize,
    /// Files of other kinds that were left alone.
    pub(crate) others: usize,
    /// File and reason of every record without features.
    pub(crate) unusable: Vec<(PathBuf, Unusable)>,
    /// Time that decoding and extracting everything took on all threads.
    pub(crate) extraction: Duration,
    /// Comparisons made.
    pub(crate) comparisons: usize,
    /// Time they took on all threads.
    pub(crate) comparing: Duration,
    /// Threads that shared the work.
    pub(crate) threads: usize,
}

impl Measured {
    /// Reads a folder and makes all comparisons of both protocols, on all cores.
    ///
    /// # Errors
    /// If the folder does not have the layout, or there is too little in it to compare.
    pub(crate) fn folder(path: &Path) -> anyhow::Result<Self> {
        let folder = TemplateFolder::read(path)?;
        let progress = progress_bar(folder.fingers().map(|finger| finger.impressions.len()).sum());
        progress.set_message("features");
        let captures = Captures::extract(&folder, &progress);
        let planned: Vec<_> =
            captures.sets().map(|(name, set)| (name.to_owned(), captures.fvc_trials(set))).collect();
        let all = captures.all_against_first();
        for (name, trials) in &planned {
            let genuine = trials.iter().filter(|trial| trial.is_genuine()).count();
            ensure!(
                genuine > 0 && genuine < trials.len(),
                "{name}: give at least two fingers a set and two impressions a finger"
            );
        }
        let comparisons = planned.iter().map(|(_, trials)| trials.len()).sum::<usize>() + all.len();
        progress.set_message("comparisons");
        progress.set_position(0);
        progress.set_length(comparisons as u64);
        let start = now();
        let sets = planned
            .into_iter()
            .map(|(name, trials)| SetScores { name, trials: captures.compare(&trials, &progress) })
            .collect();
        let all_sets = captures.compare(&all, &progress);
        let comparing = start.elapsed();
        progress.finish_and_clear();
        let effort = Effort {
            records: captures.samples.len(),
            others: folder.others,
            unusable: captures.unusable,
            extraction: captures.extraction,
            comparisons,
            comparing,
            threads: rayon::current_num_threads(),
        };
        Ok(Self { scores: Scores::new(captures.names, sets, all_sets), effort })
    }
}

/// The features of every capture of a folder, finger by finger.
pub(crate) struct Captures {
    samples: Vec<Option<FingerFeatures>>,
    /// `<set>/<finger>_<impression>` of each.
    names: Vec<String>,
    /// Where each finger's captures stand in `samples`, first impression first. A finger's index is its subject.
    fingers: Vec<Range<usize>>,
    /// Where each set's fingers stand in `fingers`.
    sets: Vec<(String, Range<usize>)>,
    /// Records that gave no features, and why.
    unusable: Vec<(PathBuf, Unusable)>,
    /// Time that decoding and extracting everything took.
    extraction: Duration,
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
struct Trial {
    subjects: (usize, usize),
    samples: (usize, usize),
}

impl Trial {
    fn is_genuine(&self) -> bool {
        self.subjects.0 == self.subjects.1
    }
}

impl Captures {
    /// Decodes and extracts every record of a folder on all cores.
    fn extract(folder: &TemplateFolder, progress: &ProgressBar) -> Self {
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
        let (mut names, mut fingers, mut sets) = (Vec::with_capacity(samples.len()), Vec::new(), Vec::new());
        for set in &folder.sets {
            let first = fingers.len();
            for finger in &set.fingers {
                let sample = names.len();
                names.extend(finger.impressions.iter().map(|template| name(&set.name, &template.path)));
                fingers.push(sample..names.len());
            }
            sets.push((set.name.clone(), first..fingers.len()));
        }
        Self { samples, names, fingers, sets, unusable, extraction }
    }

    /// The sets' names and the fingers of each.
    fn sets(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.sets.iter().map(|(name, fingers)| (name.as_str(), fingers.clone()))
    }

    /// The protocol of Maio et al., "FVC2000" (*IEEE TPAMI* 24(3), 2002): all pairs of captures of a finger, and the
    /// first captures of all fingers of a set against each other, each pair once.
    fn fvc_trials(&self, set: Range<usize>) -> Vec<Trial> {
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
    fn all_against_first(&self) -> Vec<Trial> {
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

    /// Makes the comparisons on all cores, in the order of the trials.
    fn compare(&self, trials: &[Trial], progress: &ProgressBar) -> Vec<Scored> {
        let place = |sample: usize| u32::try_from(sample).unwrap_or(u32::MAX);
        trials
            .par_iter()
            .map_init(Matcher::new, |matcher, trial| {
                progress.inc(1);
                let score = match (&self.samples[trial.samples.0], &self.samples[trial.samples.1]) {
                    (Some(probe), Some(enrolled)) => matcher.compare(probe, enrolled).value(),
                    // As in the competition: what cannot be enrolled or presented matches nothing.
                    _ => 0.0,
                };
                (place(trial.samples.0), place(trial.samples.1), score)
            })
            .collect()
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

/// What a capture is called, in whatever folder its set stands.
fn name(set: &str, file: &Path) -> String {
    format!("{set}/{}", file.file_stem().unwrap_or_default().to_string_lossy())
}

/// Features of a record's first view, or why there are none.
fn features(record: &[u8]) -> Result<FingerFeatures, Unusable> {
    let record = FingerRecord::decode(record).map_err(Unusable::Record)?;
    let position = record.views.first().map_or(FingerPosition::Unknown, |view| view.position);
    FingerFeatures::extract(&record, 0, position).map_err(Unusable::Features)
}

/// On standard error, and only on a terminal.
pub(crate) fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:12} {bar:40} {pos}/{len} {eta}");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[expect(clippy::disallowed_methods, reason = "a measuring tool reads the time to state its speed")]
fn now() -> Instant {
    Instant::now()
}
