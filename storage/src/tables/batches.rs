//! Which statements were signed under one root. Their leaves are in the log; what is kept here is where they begin, how
//! many they are, and the root, so that leaves that were altered on disk are never signed again. A thief sees how many
//! commits of the last hours there were, and their places in the log.

use plinth_identity::id::LogPosition;

use super::{Malformed, Table};
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// The statements of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchRow {
    /// How many there are.
    pub(crate) size: u64,
    /// The Merkle tree hash over their leaves.
    pub(crate) root: [u8; 32],
}

/// Log position of the first leaf -> the batch.
pub(crate) struct Batches;

const _: () = assert!(size_of::<<Batches as Table>::Key>() == 16);

/// Eight zero bytes, then the position of the first leaf (u64 big-endian): as long as every key that is reclaimed.
pub(crate) fn key(first: LogPosition) -> [u8; 16] {
    u128::from(first.get()).to_be_bytes()
}

/// The position of a key.
pub(crate) fn first(key: &[u8; 16]) -> Option<LogPosition> {
    u64::try_from(u128::from_be_bytes(*key)).ok().map(LogPosition::new)
}

impl Table for Batches {
    const NAME: &'static str = "batches";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = BatchRow;

    /// Format byte 1, size (u64), root (32).
    fn encode(value: &Self::Value) -> Vec<u8> {
        FieldWriter::new(FORMAT).number(value.size).array(&value.root).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let row = BatchRow { size: fields.number("size")?, root: fields.array("root")? };
        fields.finish()?;
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_this_key_and_these_bytes() {
        assert_eq!(key(LogPosition::new(0x0102)), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(first(&key(LogPosition::new(7))), Some(LogPosition::new(7)));
        assert_eq!(first(&[1; 16]), None);
        let row = BatchRow { size: 0x0304, root: [9; 32] };
        let bytes = [&[1][..], &[0, 0, 0, 0, 0, 0, 3, 4], &[9; 32]].concat();
        assert_eq!(Batches::encode(&row), bytes);
        assert_eq!(Batches::decode(&bytes), Ok(row));
        for length in 0..bytes.len() {
            assert!(Batches::decode(&bytes[..length]).is_err());
        }
    }
}
