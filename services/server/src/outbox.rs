//! The outbox as the courier sees it: read from the store, emptied by the committer.

use plinth_identity::otp::Delivery;
use plinth_storage::{Reader, Staged};

use crate::delivery::{Outbox, OutboxError};
use crate::registrar::Registrar;

/// One-time codes that wait to be delivered.
pub(crate) struct StoredOutbox {
    pub(crate) reader: Reader,
    pub(crate) registrar: Registrar,
}

impl Outbox for StoredOutbox {
    fn due(&self, after: u64, limit: usize) -> Result<Vec<(u64, Delivery)>, OutboxError> {
        self.reader
            .deliveries(after.saturating_add(1), limit)
            .map_err(|error| OutboxError(error.code().to_owned()))
    }

    async fn done(&self, row: u64) -> Result<(), OutboxError> {
        let note = Box::new(move |staged: &mut Staged| {
            staged.remove_delivery(row);
            Ok(())
        });
        self.registrar.note(note).await.map_err(|refusal| OutboxError(refusal.to_string()))
    }
}
