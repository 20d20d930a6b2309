//! The original template records, exactly as an agency sent them.
//!
//! They are kept so that a better matcher can index everybody again without a new capture. A thief sees how many people
//! are in the gallery and how long each one's records are together.

use plinth_identity::gallery::GalleryEntry;

use super::{Malformed, Table, malformed};

/// Sequence number, u64 big-endian -> original records.
pub(crate) struct Templates;

const _: () = assert!(size_of::<<Templates as Table>::Key>() == 8);

impl Table for Templates {
    const NAME: &'static str = "templates";
    const VERSION: u8 = 1;
    type Key = [u8; 8];
    type Value = GalleryEntry;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        GalleryEntry::decode(bytes).map_err(malformed)
    }
}
