//! What happened, counted.

use std::collections::BTreeMap;

use super::meter::Meter;
use super::padding::PaddedLoss;
use super::questions::{Heard, Question};

/// The counts of one performance.
pub(crate) struct Tally {
    /// People who came for the first time.
    pub(crate) people: usize,
    /// Those who hold a number in the end.
    pub(crate) enrolled: usize,
    /// First captures that were called, or settled as, somebody else's.
    pub(crate) false_duplicates: usize,
    /// First captures that administrators had to look at.
    pub(crate) new_adjudicated: usize,
    /// First captures that cannot be used.
    pub(crate) new_refused: usize,
    /// Second captures that were called duplicates.
    pub(crate) caught: usize,
    /// Second captures that administrators had to look at.
    pub(crate) adjudicated: usize,
    /// Second captures that were given another number. Each stays in the gallery.
    pub(crate) missed: usize,
    /// Second captures that cannot be used.
    pub(crate) refused: usize,
    /// What exhaustive matching says to the second captures; absent if it was not asked.
    pub(crate) index: Option<IndexLoss>,
    /// The same in a crowded gallery.
    pub(crate) padded: Option<PaddedLoss>,
    /// Answers to questions.
    pub(crate) heard: BTreeMap<Question, Heard>,
    /// Signed answers that were verified from their bytes.
    pub(crate) verified: usize,
    /// Rows that disagree with other tables.
    pub(crate) problems: u64,
    /// Times of the enrolments.
    pub(crate) enrolments: Meter,
    /// Times of the verdicts.
    pub(crate) verdicts: Meter,
}

/// What the index costs: pairs that the matcher accepts but that the search did not offer to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IndexLoss {
    /// Second captures whose own first capture the matcher takes for the same person's, or sends to a human.
    pub(crate) accepted: usize,
    /// Those of them that were called new all the same.
    pub(crate) lost: usize,
}

impl Tally {
    /// Nothing has happened yet.
    ///
    /// # Errors
    /// As for [`Meter::new`].
    pub(crate) fn new(people: usize) -> anyhow::Result<Self> {
        Ok(Self {
            people,
            enrolled: 0,
            false_duplicates: 0,
            new_adjudicated: 0,
            new_refused: 0,
            caught: 0,
            adjudicated: 0,
            missed: 0,
            refused: 0,
            index: None,
            padded: None,
            heard: BTreeMap::new(),
            verified: 0,
            problems: 0,
            enrolments: Meter::new()?,
            verdicts: Meter::new()?,
        })
    }

    /// Second captures that were sent.
    pub(crate) fn second(&self) -> usize {
        self.caught + self.adjudicated + self.missed + self.refused
    }
}
