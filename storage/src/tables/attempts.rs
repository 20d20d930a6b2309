//! How often one person has failed: at one relying party, and everywhere.
//!
//! Rows are counted for numbers that nobody holds too. A thief sees how many pairs of a person and a relying party there
//! have been: the key is a keyed hash of both, and the row is sealed.

use plinth_identity::attempts::Attempts;

use super::{Malformed, Table, malformed};

/// `attempts_row` -> what was counted.
pub(crate) struct AttemptRows;

const _: () = assert!(size_of::<<AttemptRows as Table>::Key>() == 16);

impl Table for AttemptRows {
    const NAME: &'static str = "attempts";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = Attempts;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        Attempts::decode(bytes).map_err(malformed)
    }
}
