//! One-time codes, and the messages that carry them out.

use plinth_identity::otp::{Delivery, OtpRow};
use plinth_identity::time::Timestamp;

use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::Table;
use crate::tables::expiries::Expiring;
use crate::tables::otps::Otps;
use crate::tables::outbox::Outbox;

impl Reader {
    /// Messages that wait to be delivered, in the order in which they were decided, from a number on (itself included), at
    /// most `limit` of them.
    pub fn deliveries(&self, from: u64, limit: usize) -> Result<Vec<(u64, Delivery)>, StoreError> {
        self.rows_from::<Outbox, _>(from, limit, |key, delivery| (u64::from_be_bytes(key), delivery))
    }
}

impl Staged {
    /// The one-time code under a key, which is `KeyRing::otp_row`.
    pub fn otp(&mut self, row: &[u8; 16]) -> Result<Option<OtpRow>, StoreError> {
        self.row::<Otps>(row, None)
    }

    /// Keeps a one-time code, new or changed, until it may be reclaimed after `expires`, which must not change while the
    /// row exists.
    pub fn put_otp(&mut self, row: &[u8; 16], otp: &OtpRow, expires: Timestamp) {
        self.put::<Otps>(row, None, otp);
        self.expire(Expiring::Otp, *row, expires);
    }

    /// Adds a message to the outbox and gives its number. It is delivered after the commit, at least once: it stays until
    /// [`Staged::remove_delivery`].
    pub fn put_delivery(&mut self, delivery: &Delivery) -> u64 {
        let taken = self.head.next_outbox;
        self.head.next_outbox = taken.saturating_add(1);
        self.put::<Outbox>(&taken.to_be_bytes(), None, delivery);
        taken
    }

    /// Takes a message out of the outbox, sent or given up. Nothing happens if it is not there.
    pub fn remove_delivery(&mut self, id: u64) {
        self.rows.insert((Outbox::NAME, id.to_be_bytes().to_vec()), None);
    }
}
