//! What one relying party was answered today. A thief sees how many parties are counted.

use plinth_identity::attempts::DayCounts;

use super::{Malformed, Table, malformed};

/// `quota_row` -> counts of one day.
pub(crate) struct Days;

const _: () = assert!(size_of::<<Days as Table>::Key>() == 16);

impl Table for Days {
    const NAME: &'static str = "days";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = DayCounts;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        DayCounts::decode(bytes).map_err(malformed)
    }
}
