//! The head row: the store's counters, written in every commit.
//!
//! Opening it proves that the key ring belongs to these tables, because it is sealed under deployment and epoch.

use super::{Malformed, Table};
use crate::head::Head;

/// The single key [`HEAD`] -> the head.
pub(crate) struct Meta;

/// The key of the head row.
pub(crate) const HEAD: [u8; 4] = *b"head";

impl Table for Meta {
    const NAME: &'static str = "meta";
    const VERSION: u8 = 1;
    type Key = [u8; 4];
    type Value = Head;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        Head::decode(bytes).map_err(Malformed::Borrowed)
    }
}
