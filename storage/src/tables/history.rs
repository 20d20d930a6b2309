//! What was asked about each person: who, when, with what, and the answer. It is the person's own to read.
//!
//! A row is sealed under a subkey derived with the number's digits, so that only somebody who presents the number has it
//! opened. A thief sees how many entries each of the unnamed lists has, and at which positions of the log: which
//! decisions were about one person, not about whom.
//!
//! For a number that nobody holds there is one row, at position 0, which every further decision overwrites: the same
//! write as for anybody else, and a list that does not grow. No decision has position 0, and no reader returns that row.

use plinth_identity::history::HistoryEntry;
use plinth_identity::id::LogPosition;

use super::{Malformed, Table, malformed};
use crate::error::StoreError;

/// `history_list` of the number (16), then the log position (u64 big-endian) -> entry.
pub(crate) struct History;

const _: () = assert!(size_of::<<History as Table>::Key>() == 24);

impl Table for History {
    const NAME: &'static str = "history";
    const VERSION: u8 = 1;
    type Key = [u8; 24];
    type Value = HistoryEntry;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        HistoryEntry::decode(bytes).map_err(malformed)
    }
}

/// The key of an entry in a person's list.
pub(crate) fn key(list: &[u8; 16], position: LogPosition) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(list);
    key[16..].copy_from_slice(&position.get().to_be_bytes());
    key
}

/// The position of a key.
pub(crate) fn position(key: &[u8]) -> Result<LogPosition, StoreError> {
    match key.split_first_chunk::<16>() {
        Some((_, position)) => position
            .try_into()
            .map(|position| LogPosition::new(u64::from_be_bytes(position)))
            .map_err(|_| StoreError::corrupt(History::NAME, "a key is not 24 bytes long")),
        None => Err(StoreError::corrupt(History::NAME, "a key is not 24 bytes long")),
    }
}
