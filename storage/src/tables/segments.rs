//! The blocks of the index: which people share which hashed features of a fingerprint.
//!
//! A segment holds a range of people in numbered blocks and is written once. What a block says is its caller's business.
//! A thief sees how many blocks each segment has and how long each one is, and so how many people there are, about.

use plinth_identity::keys::Place;

use crate::error::StoreError;

/// Name of the column family.
pub(crate) const NAME: &str = "segments";

/// Version of the blocks' place. Retired versions stay reserved.
const VERSION: u8 = 1;

/// Segment id, then block number, u32 big-endian each.
pub(crate) type Key = [u8; 8];

const _: () = assert!(size_of::<Key>() == 2 * size_of::<u32>());

/// The key of a block.
pub(crate) fn key(segment: u32, block: u32) -> Key {
    ((u64::from(segment) << u32::BITS) | u64::from(block)).to_be_bytes()
}

/// Segment id and block number of a key.
pub(crate) fn split(key: &[u8]) -> Result<(u32, u32), StoreError> {
    key.split_first_chunk::<4>()
        .and_then(|(segment, block)| {
            Some((u32::from_be_bytes(*segment), u32::from_be_bytes(block.try_into().ok()?)))
        })
        .ok_or_else(|| StoreError::corrupt(NAME, "a key is not 8 bytes long"))
}

/// Where a block is sealed to: a block that was moved or swapped does not open.
pub(crate) fn place(key: &Key) -> Place<'_> {
    Place { table: NAME, key, version: VERSION, secret: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_one_segment_stand_together_in_their_order() {
        assert_eq!(key(0x0102_0304, 0x0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(split(&[1, 2, 3, 4, 5, 6, 7, 8]), Ok((0x0102_0304, 0x0506_0708)));
        assert!(split(&[0; 7]).is_err() && split(&[0; 9]).is_err());
    }
}
