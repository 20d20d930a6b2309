//! The scores of every comparison, by both protocols: what all figures are drawn from, and what two builds are compared by.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use plinth_biometrics::evaluation::{Genuine, Impostor};
use serde::{Deserialize, Serialize};

/// The form of the file that this build writes and reads.
const FORMAT: &str = "plinth-scores/1";

/// Largest scores file that is read: a hundred million characters are some four million comparisons.
const MAX_BYTES: u64 = 1 << 27;

/// Two captures, by their places in [`Scores::captures`], the later one first, and how alike they are.
pub(crate) type Scored = (u32, u32, f32);

/// What a matcher made of a folder. As JSON it is the file that `--scores` writes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scores {
    format: String,
    /// Which matcher it was.
    pub(crate) matcher: String,
    /// `<set>/<finger>_<impression>` of every capture.
    captures: Vec<String>,
    /// Each set by the protocol of the Fingerprint Verification Competition.
    pub(crate) sets: Vec<SetScores>,
    /// All later captures against all first ones, over all sets.
    pub(crate) all_sets: Vec<Scored>,
}

/// The scores of one set.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetScores {
    /// The set's name.
    pub(crate) name: String,
    /// Its trials.
    pub(crate) trials: Vec<Scored>,
}

/// Genuine and impostor trials, subjects being fingers.
pub(crate) type Trials = (Vec<Genuine>, Vec<Impostor>);

/// Numbers of fingers, by `<set>/<finger>`.
pub(crate) type Numbering<'a> = HashMap<&'a str, u32>;

impl Scores {
    /// The scores that this build's matcher gave.
    pub(crate) fn new(captures: Vec<String>, sets: Vec<SetScores>, all_sets: Vec<Scored>) -> Self {
        let matcher = format!(
            "plinth {}, features of version {}",
            env!("CARGO_PKG_VERSION"),
            plinth_biometrics::ALGORITHM_VERSION
        );
        Self { format: FORMAT.to_owned(), matcher, captures, sets, all_sets }
    }

    /// Reads a scores file.
    ///
    /// # Errors
    /// If it cannot be read, is not of this form, or contradicts itself.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        ensure!(
            file.metadata().is_ok_and(|found| found.len() <= MAX_BYTES),
            "{name}: more than {MAX_BYTES} bytes, which no scores file has"
        );
        let scores: Self = serde_json::from_reader(BufReader::new(file)).with_context(|| {
            format!("{name} is no scores file: give one that `plinth evaluate fingerprints DIR --scores FILE` wrote")
        })?;
        scores.check().with_context(|| format!("{name} contradicts itself"))?;
        Ok(scores)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let failed = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(File::create(path).with_context(failed)?);
        serde_json::to_writer(&mut file, self).with_context(failed)?;
        file.flush().with_context(failed)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.format == FORMAT,
            "it says that it is {:?}, and {FORMAT} is what can be read",
            self.format
        );
        let mut seen = HashSet::new();
        for name in &self.captures {
            let parts = name.rsplit_once('_').and_then(|(finger, _)| finger.split_once('/'));
            ensure!(parts.is_some(), "{name:?} is not <set>/<finger>_<impression>");
            ensure!(seen.insert(name), "{name:?} stands there twice");
        }
        let known = |capture: u32| usize::try_from(capture).is_ok_and(|place| place < self.captures.len());
        for &(later, first, score) in self.sets.iter().flat_map(|set| &set.trials).chain(&self.all_sets) {
            if !known(later) || !known(first) {
                bail!("a comparison names capture {}, which is not listed", later.max(first));
            }
            ensure!((0.0..=1.0).contains(&score), "a score of {score} is not between 0 and 1");
        }
        Ok(())
    }

    /// `<set>/<finger>` of a capture.
    pub(crate) fn finger(&self, capture: u32) -> &str {
        let name = usize::try_from(capture).ok().and_then(|place| self.captures.get(place));
        name.and_then(|name| name.rsplit_once('_')).map_or("", |(finger, _)| finger)
    }

    /// The set of a capture.
    pub(crate) fn set(&self, capture: u32) -> &str {
        self.finger(capture).split_once('/').map_or("", |(set, _)| set)
    }

    /// The fingers of each set, each with its captures, the first one first.
    pub(crate) fn fingers(&self) -> Vec<Vec<Vec<u32>>> {
        let places: Vec<u32> = (0..).take(self.captures.len()).collect();
        let sets = places.chunk_by(|a, b| self.set(*a) == self.set(*b));
        sets.map(|set| set.chunk_by(|a, b| self.finger(*a) == self.finger(*b)).map(<[u32]>::to_vec).collect())
            .collect()
    }

    /// How many captures there are.
    pub(crate) fn count(&self) -> usize {
        self.captures.len()
    }

    /// Numbers the fingers in the order of the captures, after those that are numbered already.
    pub(crate) fn number<'a>(&'a self, numbering: &mut Numbering<'a>) {
        for capture in (0..).take(self.captures.len()) {
            let next = u32::try_from(numbering.len()).unwrap_or(u32::MAX);
            numbering.entry(self.finger(capture)).or_insert(next);
        }
    }

    /// Genuine and impostor trials of a list of comparisons.
    pub(crate) fn trials(&self, scored: &[Scored], numbering: &Numbering<'_>) -> Trials {
        let number = |capture: u32| numbering.get(self.finger(capture)).copied().unwrap_or(u32::MAX);
        let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
        for &(later, first, score) in scored {
            let (subjects, score) = ((number(later), number(first)), f64::from(score));
            if subjects.0 == subjects.1 {
                genuine.push(Genuine { subject: subjects.0, score });
            } else {
                impostor.push(Impostor { subjects, score });
            }
        }
        (genuine, impostor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> Scores {
        let captures = ["a/1_1", "a/1_2", "a/2_1", "b/left_thumb_1"].map(str::to_owned).to_vec();
        let sets = vec![SetScores { name: "a".to_owned(), trials: vec![(1, 0, 0.75), (2, 0, 0.01)] }];
        Scores::new(captures, sets, vec![(1, 0, 0.75), (1, 2, 0.0), (1, 3, 0.25)])
    }

    #[test]
    fn a_file_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.json");
        let written = scores();
        written.write(&path).unwrap();
        let read = Scores::read(&path).unwrap();
        assert_eq!(read.captures, written.captures);
        assert_eq!(read.all_sets, written.all_sets);
        assert_eq!(read.sets[0].trials, written.sets[0].trials);
        assert_eq!(read.matcher, written.matcher);
    }

    #[test]
    fn comparisons_of_one_finger_are_genuine_and_of_two_are_not() {
        let scores = scores();
        let mut numbering = Numbering::new();
        scores.number(&mut numbering);
        let (genuine, impostor) = scores.trials(&scores.all_sets, &numbering);
        assert_eq!(genuine, [Genuine { subject: 0, score: 0.75 }]);
        let expected = [(0, 1, 0.0), (0, 2, 0.25)];
        assert_eq!(impostor, expected.map(|(a, b, score)| Impostor { subjects: (a, b), score }));
        assert_eq!(scores.fingers(), [vec![vec![0, 1], vec![2]], vec![vec![3]]]);
        assert_eq!((scores.finger(3), scores.set(3), scores.count()), ("b/left_thumb", "b", 4));
    }

    #[test]
    fn a_file_that_contradicts_itself_is_refused_with_the_reason() {
        let complaint = |change: fn(&mut Scores)| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("scores.json");
            let mut scores = scores();
            change(&mut scores);
            scores.write(&path).unwrap();
            format!("{:#}", Scores::read(&path).err().unwrap())
        };
        assert!(complaint(|scores| scores.format.push('1')).contains("plinth-scores/11"));
        assert!(complaint(|scores| scores.captures[1] = "a/1_1".to_owned()).contains("twice"));
        assert!(complaint(|scores| scores.captures[1] = "a1_1".to_owned()).contains("<set>/<finger>"));
        assert!(complaint(|scores| scores.all_sets[0].1 = 4).contains("capture 4"));
        assert!(complaint(|scores| scores.all_sets[0].2 = 1.5).contains("1.5"));
        assert!(complaint(|scores| scores.sets[0].trials[0].2 = f32::NAN).contains("no scores file"));
        assert!(format!("{:#}", Scores::read(Path::new("nowhere")).err().unwrap()).contains("nowhere"));
    }
}
