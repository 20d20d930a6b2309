//! Packed blocks: what comes back, what the bytes are, and what corrupt bytes do.

use proptest::prelude::*;

use super::{Block, BlockError, Entry, FORMAT, Visit, encode, visit_all};
use crate::index::{Fingers, is_common};
use crate::record::FingerPosition;

fn entry(bucket: u32, finger: u8, person: u32) -> Entry {
    Entry { bucket, finger, person }
}

fn all(block: &Block) -> Vec<Entry> {
    let mut entries = Vec::new();
    block.entries(|entry| entries.push(entry)).unwrap();
    entries
}

/// Bucket bits, people, and entries that fit.
fn blocks() -> impl Strategy<Value = (u8, u32, Vec<Entry>)> {
    (0u8..6, prop_oneof![1u32..40, 1_000_000u32..1_000_100, Just(u32::MAX)]).prop_flat_map(
        |(bits, people)| {
            // Crowded at the start of each list and sparse beyond, so that gaps of all sizes and escapes occur.
            let person = prop_oneof![0..people.min(30), 0..people];
            let entries = proptest::collection::btree_set((0u32..1 << bits, 0u8..=10, person), 0..300);
            let entries = entries.prop_map(|entries| {
                entries
                    .into_iter()
                    .map(|(bucket, finger, person)| entry(bucket, finger, person))
                    .collect::<Vec<_>>()
            });
            (Just(bits), Just(people), entries)
        },
    )
}

proptest! {
    #[test]
    fn what_is_packed_comes_back_in_order((bits, people, entries) in blocks()) {
        let block = Block::parse(encode(&entries, bits, people).unwrap()).unwrap();
        prop_assert_eq!((block.bucket_bits(), block.people()), (bits, people));
        prop_assert_eq!(all(&block), entries);
    }

    #[test]
    fn a_visit_finds_what_reading_everything_finds((bits, people, entries) in blocks(), code in 0u8..=10) {
        let block = Block::parse(encode(&entries, bits, people).unwrap()).unwrap();
        let position = FingerPosition::try_from(code).unwrap();
        for fingers in [Fingers::ALL, Fingers::only(position)] {
            for bucket in 0..1 << bits {
                let mut found = Vec::new();
                block.visit(bucket, fingers, |finger, person| found.push(entry(bucket, finger, person))).unwrap();
                let list = |finger: u8| {
                    entries.iter().filter(move |entry| (entry.bucket, entry.finger) == (bucket, finger))
                };
                for finger in (0..=10).filter(|finger| fingers.has(*finger)) {
                    let own: Vec<Entry> = list(finger).copied().collect();
                    let seen: Vec<Entry> = found.iter().filter(|entry| entry.finger == finger).copied().collect();
                    let common = is_common(u32::try_from(own.len()).unwrap(), people);
                    let expected = if common { Vec::new() } else { own };
                    prop_assert_eq!(seen, expected);
                }
                prop_assert!(found.is_sorted() && found.iter().all(|entry| fingers.has(entry.finger)));
            }
        }
    }

    #[test]
    fn visits_together_find_what_each_finds_alone(
        (bits, people, entries) in blocks(), buckets in proptest::collection::vec(0u32..40, 0..70),
    ) {
        let block = Block::parse(encode(&entries, bits, people).unwrap()).unwrap();
        let visit = |bucket: &u32| Visit { block: &block, bucket: *bucket, fingers: Fingers::ALL };
        let visits: Vec<_> = buckets.iter().map(visit).collect();
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        let found = |index, finger, people: &[u32]| together.extend(people.iter().map(|person| (index, finger, *person)));
        visit_all(&visits, found).unwrap();
        for (index, bucket) in buckets.iter().enumerate() {
            block.visit(*bucket, Fingers::ALL, |finger, person| alone.push((index, finger, person))).unwrap();
        }
        prop_assert_eq!(together, alone);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), bits in 0u8..30) {
        let mut block = vec![FORMAT, bits];
        block.extend_from_slice(&bytes);
        for bytes in [bytes, block] {
            if let Ok(block) = Block::parse(bytes) {
                let _ = block.entries(|_| ());
                let _ = block.visit(0, Fingers::ALL, |_, _| ());
            }
        }
    }

    #[test]
    fn changed_bytes_are_refused_or_give_entries_of_the_block(
        (bits, people, entries) in blocks(), at in any::<prop::sample::Index>(), with in 1u8..,
    ) {
        let mut bytes = encode(&entries, bits, people).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        if let Ok(block) = Block::parse(bytes) {
            let buckets = 1u64 << block.bucket_bits();
            let mut found = Vec::new();
            let _ = block.entries(|entry| found.push(entry));
            prop_assert!(found.is_sorted_by(|a, b| a < b), "entries ascend");
            for entry in found {
                prop_assert!(u64::from(entry.bucket) < buckets && entry.finger <= 10 && entry.person < block.people());
            }
        }
    }
}

#[test]
#[rustfmt::skip]
fn the_bytes_of_a_block_are_as_they_were() {
    let entries = [entry(0, 1, 4), entry(0, 1, 6), entry(0, 10, 9), entry(1, 10, 0)];
    let bytes = encode(&entries, 1, 10).unwrap();
    let golden = [
        3, // format
        1, // bucket bits
        0, 0, 0, 10, // people
        1, 2, // one offset for two buckets, of two bytes
        0, 8, // which end after eight bytes
        // somebody; fingers 1 and 10; one more than one person in gaps of three bits, and one person in four; gaps 4, 1 and 9;
        // then somebody; finger 10; one person in no bits at all
        0b1010_0000, 0b0001_0001, 0b0001_1000, 0b0001_0010, 0b0001_1001,
        0b1000_0000, 0b0001_0000, 0b0000_0000,
        0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(bytes, golden);
    assert_eq!(all(&Block::parse(bytes).unwrap()), entries);
}

#[test]
fn nobody_is_packed_into_a_bit_a_bucket() {
    let bytes = encode(&[], 4, 7).unwrap();
    assert_eq!(bytes.len(), 8 + 2 + 2 + 8);
    assert!(all(&Block::parse(bytes).unwrap()).is_empty());
}

#[test]
fn a_few_people_in_very_many_buckets_are_found_and_read_at_once() {
    let entries: Vec<_> = (0..500).map(|n| entry(n * 8_000, 3, n)).collect();
    let block = Block::parse(encode(&entries, 22, 500).unwrap()).unwrap();
    assert_eq!(all(&block), entries);
    for Entry { bucket, finger, person } in entries {
        let mut found = Vec::new();
        block.visit(bucket, Fingers::ALL, |finger, person| found.push((finger, person))).unwrap();
        assert_eq!(found, [(finger, person)]);
    }
}

#[test]
fn what_does_not_belong_into_a_block_is_refused() {
    let refused = |entries: &[Entry], index| {
        assert_eq!(encode(entries, 2, 10), Err(BlockError::Entry { index }));
    };
    refused(&[entry(4, 0, 0)], 0);
    refused(&[entry(0, 11, 0)], 0);
    refused(&[entry(0, 0, 10)], 0);
    refused(&[entry(0, 0, 1), entry(0, 0, 1)], 1);
    refused(&[entry(0, 0, 1), entry(0, 0, 0)], 1);
    assert_eq!(encode(&[], 25, 10), Err(BlockError::Header { field: "bucket bits" }));
    assert_eq!(encode(&[], 2, 0), Err(BlockError::Header { field: "people" }));
}

#[test]
fn corrupt_headers_have_names() {
    let bytes = encode(&[entry(0, 1, 4)], 1, 10).unwrap();
    let parse = |bytes: &[u8]| Block::parse(bytes.to_vec()).err();
    assert_eq!(parse(&[]), Some(BlockError::Header { field: "size" }));
    assert_eq!(parse(&[&[2], &bytes[1..]].concat()), Some(BlockError::Format));
    assert_eq!(parse(&[&[3, 25], &bytes[2..]].concat()), Some(BlockError::Header { field: "bucket bits" }));
    assert_eq!(
        parse(&[&[3, 1, 0, 0, 0, 0], &bytes[6..]].concat()),
        Some(BlockError::Header { field: "people" })
    );
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(parse(cut), Some(BlockError::Length { bytes: cut.len() }));
}
