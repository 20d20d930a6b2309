//! Whose number stands behind a virtual number, and whether it can be used.
//!
//! A thief sees how many virtual numbers there have been: the key is a keyed hash of the virtual number, and the row is
//! sealed under a subkey derived with the virtual number itself.

use plinth_identity::virtual_number::VirtualNumberRow;

use super::{Malformed, Table, malformed};

/// `virtual_row` -> row.
pub(crate) struct VirtualNumbers;

const _: () = assert!(size_of::<<VirtualNumbers as Table>::Key>() == 16);

impl Table for VirtualNumbers {
    const NAME: &'static str = "virtual_numbers";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = VirtualNumberRow;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        VirtualNumberRow::decode(bytes).map_err(malformed)
    }
}
