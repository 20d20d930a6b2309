//! Whose record has changed while somebody was being compared with it.

use std::collections::HashMap;

/// People whose records have changed lately, and in which commit: what was judged by an older record is judged again.
pub(crate) struct Touched {
    commits: HashMap<[u8; 16], u64>,
    /// What was read before this commit is too old to be told.
    horizon: u64,
}

impl Touched {
    /// How many people are remembered.
    const MOST: usize = 8192;

    pub(crate) fn new(horizon: u64) -> Self {
        Self { commits: HashMap::new(), horizon }
    }

    /// Whether the person's record changed after commit `read_at`.
    pub(crate) fn since(&self, person: &[u8; 16], read_at: u64) -> bool {
        read_at < self.horizon || self.commits.get(person).is_some_and(|commit| *commit > read_at)
    }

    /// Remembers that commit `commit` changes the person's record.
    pub(crate) fn touch(&mut self, person: [u8; 16], commit: u64) {
        if self.commits.len() >= Self::MOST {
            // What is in hand was read a moment ago: forgetting the rest makes at most that be judged again.
            self.commits.clear();
            self.horizon = commit;
        }
        self.commits.insert(person, commit);
    }
}
