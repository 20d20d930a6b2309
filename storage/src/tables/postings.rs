//! The index: which people share a bucket of hashed fingerprint features.
//!
//! A bucket's row is the set of its people, each as the sequence number XOR a mask, u64 big-endian, ascending. Bucket
//! and mask come from one keyed hash of the features; the mask's upper bits may also carry something about the feature. People are added and taken away by merging another set
//! into the row, and merging is the symmetric difference: a person is in the bucket after an odd number of merges. So
//! writing needs no read, and a search reads each bucket with one look-up however many people are in it.
//!
//! A thief of the folder sees how many people each bucket has, and the XOR of any two values in one bucket.
//! He sees neither the features that made a bucket nor, without the key, the same person in two buckets: the masks of
//! two buckets are independent.

use crate::error::StoreError;

/// Where one hashed feature of a finger stands in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// The list of people who share the feature.
    pub bucket: u64,
    /// What a sequence number is combined with (XOR) in that list.
    pub mask: u64,
}

/// Name of the column family.
pub(crate) const NAME: &str = "postings";

/// Bucket, u64 big-endian.
pub(crate) type Key = [u8; 8];

const WORD: usize = 8;
const _: () = assert!(size_of::<Key>() == 8 && WORD == size_of::<u64>());

/// One person in one bucket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting {
    pub(crate) bucket: u64,
    pub(crate) masked: u64,
}

/// The postings of a person, ascending, each once: two fingers may share a bucket.
pub(crate) fn of(tokens: &[Token], sequence: u64) -> Vec<Posting> {
    let mut all: Vec<Posting> =
        tokens.iter().map(|token| Posting { bucket: token.bucket, masked: sequence ^ token.mask }).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Gathers postings into one operand a bucket, ascending.
pub(crate) fn operands(mut postings: Vec<Posting>) -> Vec<(Key, Vec<u8>)> {
    postings.sort_unstable();
    postings
        .chunk_by(|one, other| one.bucket == other.bucket)
        .map(|bucket| {
            let words = bucket.iter().map(|posting| posting.masked).collect();
            (bucket[0].bucket.to_be_bytes(), row(words))
        })
        .collect()
}

/// Merges sets of masked sequence numbers. Gives nothing if one of them is not a set, which the engine then reports as
/// damage.
pub(crate) fn merge<'a>(sets: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut words = Vec::new();
    for set in sets {
        words.extend(masked(set).ok()?);
    }
    Some(row(words))
}

/// The masked sequence numbers in a row.
pub(crate) fn masked(row: &[u8]) -> Result<impl Iterator<Item = u64>, StoreError> {
    match row.as_chunks::<WORD>() {
        (words, []) => Ok(words.iter().map(|word| u64::from_be_bytes(*word))),
        _ => Err(StoreError::corrupt(NAME, "a row is not a list of 8-byte words")),
    }
}

/// The bucket of a key.
pub(crate) fn bucket(key: &[u8]) -> Result<u64, StoreError> {
    let key: Key = key.try_into().map_err(|_| StoreError::corrupt(NAME, "a key is not 8 bytes long"))?;
    Ok(u64::from_be_bytes(key))
}

/// The set of words that occur an odd number of times, as it is stored.
fn row(mut words: Vec<u64>) -> Vec<u8> {
    words.sort_unstable();
    words
        .chunk_by(|one, other| one == other)
        .filter(|same| !same.len().is_multiple_of(2))
        .flat_map(|same| same[0].to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn stored(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_bucket_row_has_these_bytes() {
        let token = Token { bucket: 0x0102, mask: 0xf0 };
        let operands = operands(of(&[token, token], 0x0f).into_iter().chain(of(&[token], 0x01)).collect());
        let key = [0, 0, 0, 0, 0, 0, 1, 2];
        let people = [[0, 0, 0, 0, 0, 0, 0, 0xf1], [0, 0, 0, 0, 0, 0, 0, 0xff]].concat();
        assert_eq!(operands, [(key, people)]);
    }

    #[test]
    fn a_set_with_a_broken_word_does_not_merge() {
        assert_eq!(merge([&[0; 8][..], &[0; 7]].into_iter()), None);
    }

    proptest! {
        #[test]
        fn merging_is_the_symmetric_difference_in_any_grouping(sets in proptest::collection::vec(
            proptest::collection::btree_set(0_u64..12, 0..8), 1..5), cut in 0_usize..5,
        ) {
            let expected = sets.iter().fold(BTreeSet::new(), |all, set| &all ^ set);
            let expected = stored(&expected.into_iter().collect::<Vec<_>>());
            let rows: Vec<Vec<u8>> = sets.iter().map(|set| stored(&set.iter().copied().collect::<Vec<_>>())).collect();
            prop_assert_eq!(&merge(rows.iter().map(Vec::as_slice)).unwrap(), &expected);
            let (first, last) = rows.split_at(cut.min(rows.len()));
            let [first, last] = [first, last].map(|part| merge(part.iter().map(Vec::as_slice)).unwrap());
            prop_assert_eq!(merge([first.as_slice(), &last].into_iter()).unwrap(), expected);
        }
    }
}
