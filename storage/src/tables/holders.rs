//! Who stands behind a gallery row: a number, a case that is still open, or nobody any more.
//!
//! This is the only way from fingers to a number. It is sealed under the registrar's keys, so that a thief of the folder
//! cannot join the gallery to the numbers.

use plinth_identity::gallery::Holder;

use super::{Malformed, Table, malformed};

/// Sequence number, u64 big-endian -> holder.
pub(crate) struct Holders;

const _: () = assert!(size_of::<<Holders as Table>::Key>() == 8);

impl Table for Holders {
    const NAME: &'static str = "holders";
    const VERSION: u8 = 1;
    type Key = [u8; 8];
    type Value = Holder;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        Holder::decode(bytes).map_err(malformed)
    }
}
