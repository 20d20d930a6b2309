//! The matcher's features of every person in the gallery, with the version of the algorithm that made them.
//!
//! The index tokens are not stored a second time: they are a function of this row and the key ring, which is how a
//! person's postings are found again to check or delete them.

use plinth_identity::gallery::FeatureRow;

use super::{Malformed, Table, malformed};

/// Sequence number, u64 big-endian -> features.
pub(crate) struct Features;

const _: () = assert!(size_of::<<Features as Table>::Key>() == 8);

impl Table for Features {
    const NAME: &'static str = "features";
    const VERSION: u8 = 1;
    type Key = [u8; 8];
    type Value = FeatureRow;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        FeatureRow::decode(bytes).map_err(malformed)
    }
}
