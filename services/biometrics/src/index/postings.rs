//! What a person's fingers leave in the index.

use std::fmt;

use super::cells::{AT_ONCE, BITS, SAMPLES, TABLES, Transposed};
use super::key::{Scope, TokenKey};
use crate::cylinder::FingerFeatures;
use crate::record::FingerPosition;

/// Postings of a person of many fingers, shared out among the fingers: 12 KiB a person, less what sealing costs.
const PERSON_POSTINGS: usize = 6_500;
/// A finger has no more postings than this, however few fingers there are.
const FINGER_POSTINGS: usize = 3_500;
/// Tables of all the fingers together.
const PERSON_TABLES: usize = 480;
/// Tables that each finger uses at least.
const FINGER_TABLES: usize = 48;
/// Sampled cells that must be set (p): empty corners of cylinders are all alike.
const MIN_ONES: u32 = 4;
/// For people of one or two fingers, who have postings to spare.
const FEW_FINGERS: usize = 2;
const MIN_ONES_OF_FEW: u32 = 2;
/// A token of so many set cells is rare enough among all fingers to be looked for whatever the position.
const ONES_OF_ANY_POSITION: u32 = 8;

/// One posting: a bucket, and the position code (0 to 10) of the finger that is in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Posting {
    /// The bucket.
    pub bucket: u32,
    /// The finger's position code, 0 to 10.
    pub finger: u8,
}

impl fmt::Debug for Posting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Posting(..)")
    }
}

/// The postings under which a person is kept in the index, sorted, each once: at most 6,500, or 3,500 for one finger.
#[must_use]
pub fn postings(key: &TokenKey, fingers: &[FingerFeatures]) -> Vec<Posting> {
    let most = (PERSON_POSTINGS / fingers.len().max(1)).min(FINGER_POSTINGS);
    let mut postings = Vec::with_capacity(most * fingers.len());
    for finger in fingers {
        let code = finger.position().code();
        let tokens = tokens(finger, fingers.len(), most);
        postings.extend(tokens.iter().map(|token| {
            let bucket = token.bucket(key, finger.position());
            Posting { bucket, finger: code }
        }));
    }
    postings.sort_unstable_by_key(|posting| u64::from(posting.bucket) << 8 | u64::from(posting.finger));
    postings.dedup();
    postings
}

/// The sampled bits of one cylinder in one table.
#[derive(Clone, Copy)]
pub(super) struct Token {
    table: u8,
    bits: u32,
}

impl Token {
    /// Whether the token's bucket is the same for fingers of all positions.
    pub(super) fn is_of_any_position(self) -> bool {
        self.bits.count_ones() >= ONES_OF_ANY_POSITION
    }

    /// The bucket of the token of a finger of a position.
    pub(super) fn bucket(self, key: &TokenKey, position: FingerPosition) -> u32 {
        let scope = if self.is_of_any_position() { Scope::Any } else { Scope::One(position) };
        key.bucket(scope, self.table, self.bits)
    }
}

/// The `most` tokens of a finger that say most: those of most set cells, and of equals those of the first tables. So
/// fingers of few minutiae, of which nothing rarer is to be had, have as many postings as rich ones, and what a rich
/// finger shares with many others is left out.
///
/// The fewer fingers a person has, the more tables are used for each. The first tables are everyone's: that is how
/// people of different numbers of fingers meet.
pub(super) fn tokens(finger: &FingerFeatures, fingers: usize, most: usize) -> Vec<Token> {
    let tables = (PERSON_TABLES / fingers.max(1)).clamp(FINGER_TABLES, TABLES);
    let least = if fingers <= FEW_FINGERS { MIN_ONES_OF_FEW } else { MIN_ONES };
    let mut tokens = Vec::with_capacity(tables * finger.cylinders.len());
    let together: Vec<Transposed> = finger.cylinders.chunks(AT_ONCE).map(Transposed::of).collect();
    let mut of_table = Vec::with_capacity(finger.cylinders.len());
    for (table, sample) in (0u8..).zip(SAMPLES.iter().take(tables)) {
        of_table.clear();
        for some in &together {
            of_table.extend(some.sampled(sample).iter().filter(|bits| bits.count_ones() >= least));
        }
        // Two cylinders' equal bits would spend two places on one posting.
        of_table.sort_unstable();
        of_table.dedup();
        tokens.extend(of_table.iter().map(|bits| Token { table, bits: *bits }));
    }
    // Sorted by counting: first those of most set cells, the order of each kind as it was.
    let ones = |token: &Token| token.bits.count_ones() as usize;
    let mut places = [0; BITS + 2];
    tokens.iter().for_each(|token| places[BITS - ones(token) + 1] += 1);
    for kind in 1..places.len() {
        places[kind] += places[kind - 1];
    }
    let mut sorted = tokens.clone();
    for token in tokens {
        let place = &mut places[BITS - ones(&token)];
        sorted[*place] = token;
        *place += 1;
    }
    sorted.truncate(most);
    sorted
}
