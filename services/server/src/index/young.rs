//! The newest people of the index, in memory until a segment takes them in.

use plinth_biometrics::index::{BUCKET_BITS, Posting};
use plinth_identity::id::Sequence;

/// An entry is one word: the bucket's low bits, the finger, the person.
const LOW_BITS: u32 = 3;
const FINGER_BITS: u32 = 4;
const PERSON_BITS: u32 = u32::BITS - LOW_BITS - FINGER_BITS;
const PEOPLE: u32 = 1 << PERSON_BITS;

/// Up to 33 million people in a row of sequence numbers, each posting in four bytes.
///
/// Buckets that differ only in their last three bits share a shelf. A shelf is not sorted: a look-up reads all of it, which
/// at a few thousand people is some forty words in a row.
pub(crate) struct Young {
    from: Sequence,
    people: u32,
    postings: u64,
    shelves: Vec<Vec<u32>>,
}

impl Young {
    /// Nobody yet; the first one to come is `from`.
    pub(crate) fn new(from: Sequence) -> Self {
        Self { from, people: 0, postings: 0, shelves: vec![Vec::new(); 1 << (BUCKET_BITS - LOW_BITS)] }
    }

    /// The first person's sequence number.
    pub(crate) fn from(&self) -> Sequence {
        self.from
    }

    /// One past the last person's sequence number.
    pub(crate) fn until(&self) -> Sequence {
        Sequence::new(self.from.get().saturating_add(u64::from(self.people)))
    }

    pub(crate) fn people(&self) -> u32 {
        self.people
    }

    pub(crate) fn postings(&self) -> u64 {
        self.postings
    }

    /// Whether nobody else has room here.
    pub(crate) fn is_full(&self) -> bool {
        self.people == PEOPLE
    }

    /// Takes in the next person. Nothing happens when it is full; the caller looks at [`Young::is_full`] first.
    pub(crate) fn push(&mut self, postings: &[Posting]) {
        if self.is_full() {
            return;
        }
        for posting in postings {
            let low = posting.bucket & ((1 << LOW_BITS) - 1);
            let entry = low << (FINGER_BITS + PERSON_BITS)
                | u32::from(posting.finger & 0x0f) << PERSON_BITS
                | self.people;
            if let Some(shelf) = self.shelves.get_mut((posting.bucket >> LOW_BITS) as usize) {
                shelf.push(entry);
                self.postings += 1;
            }
        }
        self.people += 1;
    }

    /// Takes in a person whose row is gone: the place is kept, so that sequence numbers stay in a row.
    pub(crate) fn skip(&mut self) {
        self.push(&[]);
    }

    /// Visits finger and person (counted from the first) of every posting in a bucket.
    pub(crate) fn visit(&self, bucket: u32, mut hit: impl FnMut(u8, u32)) {
        let low = bucket & ((1 << LOW_BITS) - 1);
        let Some(shelf) = self.shelves.get((bucket >> LOW_BITS) as usize) else { return };
        for entry in shelf.iter().filter(|entry| *entry >> (FINGER_BITS + PERSON_BITS) == low) {
            let (_, finger, person) = unpack(*entry);
            hit(finger, person);
        }
    }

    /// Every posting in buckets from `first` on, 2^`bits` of them (at least 2^3): bucket, finger and person of each, in no
    /// order.
    pub(crate) fn range(&self, first: u32, bits: u32) -> impl Iterator<Item = (u32, u8, u32)> {
        let shelf = (first >> LOW_BITS) as usize;
        let shelves = self.shelves.iter().enumerate().skip(shelf).take(1 << bits.saturating_sub(LOW_BITS));
        shelves.flat_map(|(number, shelf)| {
            shelf.iter().map(move |entry| {
                let (low, finger, person) = unpack(*entry);
                (u32::try_from(number << LOW_BITS).unwrap_or(u32::MAX) | low, finger, person)
            })
        })
    }
}

/// The least buckets that [`Young::range`] can give apart from others, as a power of two.
pub(crate) const RANGE_BITS: u32 = LOW_BITS;

fn unpack(entry: u32) -> (u32, u8, u32) {
    let [_, _, _, finger] = (entry >> PERSON_BITS & 0x0f).to_be_bytes();
    (entry >> (FINGER_BITS + PERSON_BITS), finger, entry & (PEOPLE - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_person_without_postings_keeps_a_place() {
        let mut young = Young::new(Sequence::new(7));
        young.skip();
        young.push(&[Posting { bucket: 5, finger: 1 }]);
        assert_eq!((young.people(), young.until(), young.postings()), (2, Sequence::new(9), 1));
        let mut found = Vec::new();
        young.visit(5, |finger, person| found.push((finger, person)));
        assert_eq!(found, [(1, 1)]);
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_found_in_its_bucket_and_in_its_range(people in proptest::collection::vec(
            proptest::collection::btree_set((0_u32..3 << LOW_BITS, 0_u8..=10), 0..40), 0..8), bucket in 0_u32..3 << LOW_BITS,
        ) {
            let mut young = Young::new(Sequence::new(1));
            let mut all = Vec::new();
            for (person, postings) in (0..).zip(&people) {
                young.push(&postings.iter().map(|&(bucket, finger)| Posting { bucket, finger }).collect::<Vec<_>>());
                all.extend(postings.iter().map(|&(bucket, finger)| (bucket, finger, person)));
            }
            let mut found = Vec::new();
            young.visit(bucket, |finger, person| found.push((bucket, finger, person)));
            found.sort_unstable();
            let mut expected: Vec<_> = all.iter().copied().filter(|posting| posting.0 == bucket).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
            let mut middle: Vec<_> = young.range(1 << LOW_BITS, LOW_BITS).collect();
            middle.sort_unstable();
            let mut expected: Vec<_> = all.into_iter().filter(|posting| posting.0 >> LOW_BITS == 1).collect();
            expected.sort_unstable();
            prop_assert_eq!(middle, expected);
        }
    }
}
