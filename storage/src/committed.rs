//! Proof that a decision is durable.

use plinth_identity::id::LogPosition;

/// A value whose commit is on disk.
///
/// Only [`crate::Writer::commit`] makes one, after its fsync has returned (and [`crate::Reader::leaf_batch`], of what a
/// commit has written), and it is neither `Clone` nor `Copy`: a
/// signer that takes a `Committed` by value signs nothing that a power cut could undo, and signs it once.
#[must_use = "a committed decision that is never answered leaves its client waiting"]
#[derive(Debug)]
pub struct Committed<T> {
    value: T,
    position: LogPosition,
}

impl<T> Committed<T> {
    pub(crate) fn new(value: T, position: LogPosition) -> Self {
        Self { value, position }
    }

    /// The last position of the log when the commit had happened.
    #[must_use]
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// The value, to look at.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Gives up the proof for the value.
    pub fn into_inner(self) -> T {
        self.value
    }
}
