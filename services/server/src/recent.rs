//! The newest people of the gallery, in memory: what a search that ran outside the committer has not yet seen.

use std::collections::VecDeque;
use std::sync::Arc;

use plinth_biometrics::calibration::{PersonScore, compare_people};
use plinth_biometrics::cylinder::FingerFeatures;
use plinth_biometrics::matcher::Matcher;
use plinth_identity::id::Sequence;

/// A person's captures, ready to be searched for and to be searched.
pub(crate) struct Prepared {
    /// One entry a finger, in the order sent.
    pub(crate) features: Arc<Vec<FingerFeatures>>,
}

impl Prepared {
    /// Compares this probe exactly with people of the gallery.
    pub(crate) fn compare_with(&self, people: &[(Sequence, Features)]) -> Vec<(Sequence, PersonScore)> {
        let mut matcher = Matcher::new();
        let mut scores = Vec::with_capacity(people.len());
        for (sequence, person) in people {
            scores.push((*sequence, compare_people(&mut matcher, &self.features, person)));
        }
        scores
    }
}

/// What a newcomer is compared by.
pub(crate) type Features = Arc<Vec<FingerFeatures>>;

/// The last people who entered the gallery, oldest first, with no gap in their sequence numbers.
pub(crate) struct Recent {
    people: VecDeque<(Sequence, Features)>,
    /// Everyone from here on is in `people`.
    from: Sequence,
    capacity: usize,
}

impl Recent {
    /// Remembers up to `capacity` people, starting with whoever is enrolled as `from` or later.
    pub(crate) fn new(from: Sequence, capacity: usize) -> Self {
        Self { people: VecDeque::new(), from, capacity }
    }

    /// Takes in the next person.
    pub(crate) fn push(&mut self, sequence: Sequence, person: Features) {
        while self.people.len() >= self.capacity {
            if let Some((oldest, _)) = self.people.pop_front() {
                self.from = oldest.next();
            }
        }
        self.people.push_back((sequence, person));
    }

    /// How many people were enrolled as `position` or later; nothing if memory does not reach back that far.
    pub(crate) fn count_since(&self, position: Sequence) -> Option<usize> {
        let start = self.people.partition_point(|(sequence, _)| *sequence < position);
        (position >= self.from).then(|| self.people.len() - start)
    }

    /// Everyone enrolled as `position` or later; nothing if memory does not reach back that far.
    pub(crate) fn since(&self, position: Sequence) -> Option<Vec<(Sequence, Features)>> {
        if position < self.from {
            return None;
        }
        let start = self.people.partition_point(|(sequence, _)| *sequence < position);
        Some(self.people.range(start..).cloned().collect())
    }
}
