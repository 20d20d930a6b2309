//! Adjudication cases, open and decided. A thief sees how many there have been.

use plinth_identity::case::Case;

use super::{Malformed, Table, malformed};

/// Case number, u64 big-endian -> case.
pub(crate) struct Cases;

const _: () = assert!(size_of::<<Cases as Table>::Key>() == 8);

impl Table for Cases {
    const NAME: &'static str = "cases";
    const VERSION: u8 = 1;
    type Key = [u8; 8];
    type Value = Case;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        Case::decode(bytes).map_err(malformed)
    }
}
