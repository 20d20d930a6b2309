//! People who have left the gallery and whose postings may still stand in a segment.
//!
//! A segment is never changed, so whoever is withdrawn stays in it until it is written anew without them. Until then
//! their tombstone keeps searches from them. It is sealed, because whoever could write one could hide a person from every
//! search. A thief sees how many people have left since the last merge, and their sequence numbers.

use super::{Malformed, Table};
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// Sequence number, u64 big-endian -> nothing more.
pub(crate) struct Tombstones;

const _: () = assert!(size_of::<<Tombstones as Table>::Key>() == 8);

impl Table for Tombstones {
    const NAME: &'static str = "tombstones";
    const VERSION: u8 = 1;
    type Key = [u8; 8];
    type Value = ();

    /// Format byte 1 alone.
    fn encode((): &Self::Value) -> Vec<u8> {
        FieldWriter::new(FORMAT).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        Ok(FieldReader::new(bytes, FORMAT)?.finish()?)
    }
}
