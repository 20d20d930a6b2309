//! Writing a store.

use std::sync::Arc;

use crate::batches::LeafBatch;
use crate::committed::Committed;
use crate::error::{CommitError, StoreError};
use crate::mark::MarkKeeper;
use crate::open::Shared;
use crate::staged::Staged;
use crate::tables::{Table, meta};

/// What a commit made durable: its outcomes, and its leaves if they are to be signed together.
pub type CommittedBatch<T> = (Vec<Committed<T>>, Option<Committed<LeafBatch>>);

/// The only way to change a store. It exists once and is not `Clone`: the registrar owns it.
///
/// Dropping it writes the high-water mark and joins the thread that keeps it.
pub struct Writer {
    shared: Arc<Shared>,
    mark: MarkKeeper,
    failed: Option<StoreError>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, mark: MarkKeeper) -> Self {
        Self { shared, mark, failed: None }
    }

    /// Begins an atomic step on the store as it is now.
    #[must_use]
    pub fn stage(&self) -> Staged {
        Staged::new(Arc::clone(&self.shared))
    }

    /// Writes a step in one batch with one fsync, and returns its outcomes as durable.
    ///
    /// On return every row is on disk and visible to every reader, and the head has moved. A step that writes nothing
    /// costs nothing: what it read was durable already.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if a row that the step read, or a counter that it took from, has changed since: nothing
    /// was written, and the decision must be made again on a new step. [`CommitError::Failed`] if the write failed, and
    /// for every commit after that, with the first reason: the store must be opened again.
    pub fn commit<T>(&mut self, staged: Staged, outcomes: Vec<T>) -> Result<Vec<Committed<T>>, CommitError> {
        Ok(self.commit_batch(staged, outcomes)?.0)
    }

    /// The same, with the leaves of the step if they are to be signed together ([`Staged::sign_together`]).
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_batch<T>(
        &mut self,
        mut staged: Staged,
        outcomes: Vec<T>,
    ) -> Result<CommittedBatch<T>, CommitError> {
        if let Some(first) = &self.failed {
            return Err(CommitError::Failed(first.clone()));
        }
        if !staged.belongs_to(&self.shared) {
            return Err(CommitError::Conflict { table: meta::Meta::NAME });
        }
        let batch = staged.close_batch();
        let position = match self.write(staged) {
            Ok(()) => self.shared.head().last_log_position(),
            Err(CommitError::Conflict { table }) => return Err(CommitError::Conflict { table }),
            Err(CommitError::Failed(reason)) => {
                tracing::error!(code = reason.code(), %reason, "a commit failed; the store takes no more writes");
                self.failed = Some(reason.clone());
                return Err(CommitError::Failed(reason));
            }
        };
        let outcomes = outcomes.into_iter().map(|outcome| Committed::new(outcome, position)).collect();
        Ok((outcomes, batch.map(|batch| Committed::new(batch, position))))
    }

    /// Why the writer takes no more commits, if it does not.
    #[must_use]
    pub fn failure(&self) -> Option<&StoreError> {
        self.failed.as_ref()
    }

    fn write(&self, staged: Staged) -> Result<(), CommitError> {
        let nothing = staged.is_empty();
        let mut step = staged.into_step();
        let current = self.shared.head();
        if let Some(table) =
            step.conflict(&self.shared.database.live(), &current).map_err(CommitError::Failed)?
        {
            return Err(CommitError::Conflict { table });
        }
        if nothing {
            return Ok(());
        }
        let mut head = if step.head == step.base { current } else { step.head }.at(step.latest);
        head.commits = current.commits.saturating_add(1);
        let sealed = self.shared.database.seal::<meta::Meta>(&meta::HEAD, None, &head, self.shared.nonce());
        step.rows.insert((meta::Meta::NAME, meta::HEAD.to_vec()), Some(sealed));
        self.shared.database.write(&step.rows).map_err(CommitError::Failed)?;
        self.shared.advance(head);
        self.mark.advance(head.commits);
        Ok(())
    }
}
