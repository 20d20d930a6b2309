//! The log: one leaf a decision, at dense positions from 1.
//!
//! A leaf is a salted commitment to a statement. Salt and statement are with the party that got the statement, so a
//! thief, like any reader of the log, learns how many decisions there were and nothing else.

use crate::error::StoreError;

/// Name of the column family.
pub(crate) const NAME: &str = "log";

const FORMAT: u8 = 1;

/// Position, u64 big-endian.
pub(crate) type Key = [u8; 8];

/// Format byte 1, then the leaf. In the clear: leaves are made to be published.
pub(crate) fn encode(leaf: &[u8; 32]) -> [u8; 33] {
    let mut row = [FORMAT; 33];
    row[1..].copy_from_slice(leaf);
    row
}

/// The leaf of a row.
pub(crate) fn decode(row: &[u8]) -> Result<[u8; 32], StoreError> {
    match row.split_first() {
        Some((&FORMAT, leaf)) => {
            leaf.try_into().map_err(|_| StoreError::corrupt(NAME, "a leaf is not 32 bytes long"))
        }
        _ => Err(StoreError::corrupt(NAME, "unknown row format")),
    }
}

/// The position of a key.
pub(crate) fn position(key: &[u8]) -> Result<u64, StoreError> {
    let key: Key = key.try_into().map_err(|_| StoreError::corrupt(NAME, "a key is not 8 bytes long"))?;
    Ok(u64::from_be_bytes(key))
}
