//! What may be forgotten, and from when on: answers, nonces, one-time codes and batches in the order of their deadlines.
//!
//! Rows are keys only, in the clear: 25 bytes a decision's row are cheaper than a sealed copy of the deadline. A thief
//! sees when each of these rows ends, and so about when it was written and which of them were written together. The rows
//! that are named are found by keyed hashes, as everywhere.

use plinth_identity::time::Timestamp;

use super::Table;
use super::batches::Batches;
use super::nonces::Nonces;
use super::otps::Otps;
use super::requests::Requests;
use crate::error::StoreError;

/// Name of the column family.
pub(crate) const NAME: &str = "expiries";

/// Deadline (ms, u64 big-endian), what ends (1), key of the row that ends (16). The row's value is empty.
pub(crate) type Key = [u8; 25];

const _: () = assert!(size_of::<Key>() == 25);

/// A row that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expiry {
    /// The last moment at which the row is needed.
    pub(crate) deadline: Timestamp,
    pub(crate) what: Expiring,
    /// The row's key in its table.
    pub(crate) row: [u8; 16],
}

/// The tables whose rows end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expiring {
    Answer,
    Nonce,
    Otp,
    Batch,
}

impl Expiring {
    pub(crate) const ALL: [Self; 4] = [Self::Answer, Self::Nonce, Self::Otp, Self::Batch];

    /// The table of the row.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Answer => Requests::NAME,
            Self::Nonce => Nonces::NAME,
            Self::Otp => Otps::NAME,
            Self::Batch => Batches::NAME,
        }
    }

    /// The stored byte. Retired values stay reserved.
    fn code(self) -> u8 {
        match self {
            Self::Answer => 1,
            Self::Nonce => 2,
            Self::Otp => 3,
            Self::Batch => 4,
        }
    }
}

impl Expiry {
    pub(crate) fn key(&self) -> Key {
        let mut key = [0; 25];
        key[..8].copy_from_slice(&self.deadline.millis().to_be_bytes());
        key[8] = self.what.code();
        key[9..].copy_from_slice(&self.row);
        key
    }

    pub(crate) fn parse(key: &[u8]) -> Result<Self, StoreError> {
        let damaged = |problem: &'static str| StoreError::corrupt(NAME, problem);
        let (deadline, rest) =
            key.split_first_chunk::<8>().ok_or_else(|| damaged("a key is not 25 bytes long"))?;
        let (what, row) = rest.split_first().ok_or_else(|| damaged("a key is not 25 bytes long"))?;
        Ok(Self {
            deadline: Timestamp::from_millis(u64::from_be_bytes(*deadline)),
            what: Expiring::ALL
                .into_iter()
                .find(|known| known.code() == *what)
                .ok_or_else(|| damaged("a key names no table"))?,
            row: row.try_into().map_err(|_| damaged("a key is not 25 bytes long"))?,
        })
    }
}

/// Where the rows of a deadline begin.
pub(crate) fn first_of(deadline: Timestamp) -> [u8; 8] {
    deadline.millis().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_expiry_has_these_bytes() {
        let expiry = Expiry { deadline: Timestamp::from_millis(0x0102), what: Expiring::Nonce, row: [9; 16] };
        let expected = [&[0, 0, 0, 0, 0, 0, 1, 2][..], &[2], &[9; 16]].concat();
        assert_eq!(expiry.key().as_slice(), expected);
    }

    #[test]
    fn a_key_of_another_length_or_kind_is_refused() {
        let key = Expiry { deadline: Timestamp::from_millis(1), what: Expiring::Otp, row: [9; 16] }.key();
        for length in 0..key.len() {
            assert!(Expiry::parse(&key[..length]).is_err());
        }
        assert!(Expiry::parse(&[&key[..], &[0]].concat()).is_err());
        for kind in [0, 5, 255] {
            let mut other = key;
            other[8] = kind;
            assert!(Expiry::parse(&other).is_err());
        }
    }

    proptest! {
        #[test]
        fn an_expiry_parses_to_itself_and_sorts_by_its_deadline(
            one in (any::<u64>(), 0_usize..3, any::<[u8; 16]>()),
            other in (any::<u64>(), 0_usize..3, any::<[u8; 16]>()),
        ) {
            let [one, other] = [one, other].map(|(deadline, what, row)| Expiry {
                deadline: Timestamp::from_millis(deadline),
                what: Expiring::ALL[what],
                row,
            });
            prop_assert_eq!(Expiry::parse(&one.key()), Ok(one));
            prop_assert_eq!(one.key().cmp(&other.key()), one.cmp(&other));
            prop_assert!(first_of(one.deadline).as_slice() <= one.key().as_slice());
        }
    }
}
