//! The matcher's features of every person in the gallery, with the version of the algorithm that made them.
//!
//! The index is a function of these rows and the key ring: whatever happens to it, it can be built again.

use plinth_identity::gallery::StoredFeatures;

use super::{Malformed, Table, malformed};

/// Sequence number, u64 big-endian -> features.
pub(crate) struct Features;

const _: () = assert!(size_of::<<Features as Table>::Key>() == 8);

impl Table for Features {
    const NAME: &'static str = "features";
    const VERSION: u8 = 1;
    type Key = [u8; 8];
    type Value = StoredFeatures;

    /// Features of another algorithm are never written: of them there is only the version.
    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        StoredFeatures::decode(bytes).map_err(malformed)
    }
}
