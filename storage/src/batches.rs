//! The statements of one commit, which one signature may prove.

use std::ops::ControlFlow;

use plinth_identity::id::LogPosition;
use plinth_identity::merkle::{MAX_LEAVES, Tree};
use plinth_identity::time::Timestamp;

use crate::committed::Committed;
use crate::database::typed_key;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::Table;
use crate::tables::batches::{self, BatchRow, Batches};

/// The leaves that one commit appended to the log.
#[derive(Clone)]
pub struct LeafBatch {
    /// The log position of the first one.
    pub first: LogPosition,
    /// The tree over them, in the order of the log.
    pub tree: Tree,
}

impl LeafBatch {
    /// The place of a log position among the leaves.
    #[must_use]
    pub fn leaf_index(&self, position: LogPosition) -> Option<u32> {
        let index = position.get().checked_sub(self.first.get())?;
        u32::try_from(index).ok().filter(|_| index < self.tree.size())
    }
}

impl Staged {
    /// Asks that the leaves of this step can be signed under one root, until `deadline` at least.
    pub fn sign_together(&mut self, deadline: Timestamp) {
        self.together = self.together.max(Some(deadline));
    }

    /// The leaves of this step, if they are to be signed together; their row is added to the step.
    pub(crate) fn close_batch(&mut self) -> Option<LeafBatch> {
        let deadline = self.together?;
        let most = usize::try_from(MAX_LEAVES).unwrap_or(usize::MAX);
        if !(1..=most).contains(&self.leaves.len()) {
            return None;
        }
        let batch = LeafBatch { first: self.first_leaf(), tree: Tree::of(&self.leaves) };
        let key = batches::key(batch.first);
        let row = BatchRow { size: batch.tree.size(), root: batch.tree.root() };
        self.put::<Batches>(&key, None, &row);
        self.expire_batch(key, deadline);
        Some(batch)
    }
}

impl Reader {
    /// The batch of a log position, made again from the log: the same leaves in the same order as when it was committed.
    /// Nothing if that commit's leaves were not to be signed together, or its time has passed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the leaves are not what they were.
    pub fn leaf_batch(&self, position: LogPosition) -> Result<Option<Committed<LeafBatch>>, StoreError> {
        let mut found = None;
        self.shared.database.live().walk_back(Batches::NAME, &batches::key(position), |key, sealed| {
            let key = typed_key::<Batches>(key)?;
            found = Some((key, self.shared.database.unseal::<Batches>(&key, None, sealed)?));
            Ok(ControlFlow::Break(()))
        })?;
        let damaged = |problem: &'static str| StoreError::corrupt(Batches::NAME, problem);
        let Some((key, row)) = found else { return Ok(None) };
        let first = batches::first(&key).ok_or_else(|| damaged("a key is no log position"))?;
        if position.get() - first.get() >= row.size {
            return Ok(None);
        }
        let size = usize::try_from(row.size.min(MAX_LEAVES.into())).unwrap_or(0);
        let leaves = self.leaves(first, size)?;
        let dense = leaves.iter().zip(first.get()..).all(|((found, _), expected)| found.get() == expected);
        let tree = Tree::of(leaves.iter().map(|(_, leaf)| leaf));
        if !dense || tree.size() != row.size || tree.root() != row.root {
            return Err(damaged("the log's leaves are not those that were committed"));
        }
        Ok(Some(Committed::new(LeafBatch { first, tree }, self.head().last_log_position())))
    }
}
