//! How many of an agency's, a station's or an operator's enrolments of today were people who had a number already. A
//! thief sees how many agencies, stations and operators are counted.

use plinth_identity::attempts::DuplicateCounts;

use super::{Malformed, Table, malformed};

/// `quota_row` -> counts of one day.
pub(crate) struct Duplicates;

const _: () = assert!(size_of::<<Duplicates as Table>::Key>() == 16);

impl Table for Duplicates {
    const NAME: &'static str = "duplicates";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = DuplicateCounts;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        DuplicateCounts::decode(bytes).map_err(malformed)
    }
}
