//! Forgetting what can no longer matter: nonces and answers of requests that would be refused as too old, and one-time
//! codes that have expired.
//!
//! A nonce may go only once its request is refused whatever happens. The head's `reclaimed` says so, moves in the commit
//! that removes the rows, and is obeyed by whoever accepts requests: so a clock that is set back after a nonce has gone
//! does not make its request acceptable again.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use plinth_identity::id::{Nonce, PartyId, RequestId};
use plinth_identity::party::PartyKind;
use plinth_identity::time::Timestamp;

use crate::error::StoreError;
use crate::staged::Staged;
use crate::tables::expiries::{self, Expiring, Expiry};

impl Staged {
    /// Says that the answer to a party's request may be reclaimed after the request's deadline. Answers that something
    /// else names must stay: those to enrolments are named by their agency's list.
    pub fn expire_answer(
        &mut self,
        kind: PartyKind,
        party: &PartyId,
        request: &RequestId,
        deadline: Timestamp,
    ) {
        let row = self.shared.database.keys().request_row(kind, party, request);
        self.expire(Expiring::Answer, row, deadline);
    }

    /// Says that a party's use of a nonce may be reclaimed after the deadline of the request that used it.
    pub fn expire_nonce(&mut self, kind: PartyKind, party: &PartyId, nonce: &Nonce, deadline: Timestamp) {
        let row = self.shared.database.keys().nonce_row(kind, party, nonce);
        self.expire(Expiring::Nonce, row, deadline);
    }

    /// Says that a batch of leaves may be forgotten after the last deadline of those whose answers it proves.
    pub(crate) fn expire_batch(&mut self, row: [u8; 16], deadline: Timestamp) {
        self.expire(Expiring::Batch, row, deadline);
    }

    /// A deadline that reclaiming has passed already is entered where the next reclaiming looks first, so that no row is
    /// left behind.
    pub(crate) fn expire(&mut self, what: Expiring, row: [u8; 16], deadline: Timestamp) {
        let deadline = deadline.max(self.head.reclaimed);
        self.rows.insert((expiries::NAME, Expiry { deadline, what, row }.key().to_vec()), Some(Vec::new()));
    }

    /// Removes rows whose deadline is before `until`, the oldest first and at most `limit` of them, and returns how many.
    ///
    /// The head's `reclaimed` moves with them: to `until` if nothing older is left, otherwise just beyond the last
    /// deadline that was removed, so that it covers everything that has gone. If nothing is due, nothing changes. Fewer
    /// than `limit` means that all is done; otherwise the next call goes on where this one ended.
    ///
    /// `until` must not be later than the time of a clock that is believed: what is before it is refused for ever.
    ///
    /// # Errors
    /// [`StoreError`] from reading; then nothing was staged.
    pub fn reclaim(&mut self, until: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let (due, more) = self.due(until, limit)?;
        let Some(last) = due.last() else {
            return Ok(0);
        };
        let covered = if more { last.deadline.plus_millis(1) } else { until };
        self.head.reclaimed = self.head.reclaimed.max(covered);
        for expiry in &due {
            self.rows.insert((expiry.what.table(), expiry.row.to_vec()), None);
            self.rows.insert((expiries::NAME, expiry.key().to_vec()), None);
        }
        Ok(due.len())
    }

    /// The oldest rows that end before a moment, at most `limit` of them, and whether there are more.
    fn due(&self, until: Timestamp, limit: usize) -> Result<(Vec<Expiry>, bool), StoreError> {
        let mut due = BTreeSet::new();
        for ((table, key), row) in self.rows.range((expiries::NAME, Vec::new())..) {
            if *table != expiries::NAME {
                break;
            }
            let expiry = Expiry::parse(key)?;
            if row.is_some() && expiry.deadline < until {
                due.insert(expiry);
            }
        }
        // Everything older has gone, but for rows of the last deadline itself.
        let from = Timestamp::from_millis(self.head.reclaimed.millis().saturating_sub(1));
        let mut stored: usize = 0;
        self.shared.database.live().walk(expiries::NAME, &expiries::first_of(from), |key, _| {
            let expiry = Expiry::parse(key)?;
            if expiry.deadline >= until {
                return Ok(ControlFlow::Break(()));
            }
            if self.rows.get(&(expiries::NAME, key.to_vec())) != Some(&None) {
                due.insert(expiry);
                stored += 1;
            }
            // One more than are wanted tells whether there are more.
            Ok(if stored <= limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let more = due.len() > limit;
        Ok((due.into_iter().take(limit).collect(), more))
    }
}
