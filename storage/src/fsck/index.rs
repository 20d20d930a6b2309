//! The index against the features that it was made of.
//!
//! Segments never change, and a view of them keeps them from being swept, so a check reads them while the store serves.
//! Blocks that no manifest lists are no problem: an index under construction has them, and opening a store removes them.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::ControlFlow;

use plinth_biometrics::index::block::{Block, BlockError};
use plinth_biometrics::index::{BUCKET_BITS, INDEX_VERSION, TokenKey, postings};
use plinth_identity::id::Sequence;
use plinth_identity::keys::SEAL_OVERHEAD;

use super::{Check, Problem, Session};
use crate::error::StoreError;
use crate::gallery;
use crate::segments::IndexView;
use crate::tables::Table;
use crate::tables::features::Features;
use crate::tables::findings::Findings;
use crate::tables::imports::Imports;
use crate::tables::manifests::{Manifests, Segment};
use crate::tables::segments::{self, Key};
use crate::tables::tombstones::Tombstones;

impl Session<'_> {
    /// Checks one index, and all of it: every block opens, every count is right, and every person's postings are those of
    /// their features. Takes 9 bytes of memory for each person of the largest segment.
    pub(super) fn index(&mut self, view: &IndexView) -> Result<(), StoreError> {
        let manifest = view.manifest();
        for segment in &manifest.segments {
            if segment.until > self.head.next_sequence {
                self.found(Problem::NeverGiven(Manifests::NAME), 1);
                continue;
            }
            let mut held = Held::new(segment);
            self.blocks(view, segment, &mut held)?;
            // Postings of another version cannot be made here; whoever serves builds them anew.
            if manifest.version == INDEX_VERSION {
                let key = self.database.keys().index_key(manifest.epoch);
                self.people_of(segment, &key, &mut held)?;
                self.those_who_left(&held)?;
            }
        }
        Ok(())
    }

    /// Reads every block of a segment, and compares counts.
    fn blocks(&mut self, view: &IndexView, segment: &Segment, held: &mut Held) -> Result<(), StoreError> {
        for number in 0..segment.blocks {
            let read = view.blocks(segment.id, &[number], |_, mut block| {
                held.bytes += (size_of::<Key>() + block.len() + SEAL_OVERHEAD) as u64;
                held.add(number, std::mem::take(&mut *block)).map_err(|_| "a block cannot be read")
            });
            match read {
                Ok(()) => {}
                Err(StoreError::Corrupt { .. }) => self.found(Problem::Unreadable(segments::NAME), 1),
                Err(error) => return Err(error),
            }
            self.tell(Check::Index, u64::from(number) + 1);
        }
        self.counts.postings += held.postings;
        let counted = (held.postings, held.bytes) == (segment.postings, segment.bytes)
            && held.people() <= segment.people
            && u64::from(segment.blocks) << segment.block_bits == 1 << BUCKET_BITS;
        self.expect(counted, Problem::SegmentCounts);
        // A key beyond the last block stands in nobody's way and in nobody's count: it must not be there.
        let beyond = segments::key(segment.id, segment.blocks);
        let mut extra = false;
        self.view.walk(segments::NAME, &beyond, |key, _| {
            extra = segments::split(key)?.0 == segment.id;
            Ok(ControlFlow::Break(()))
        })?;
        self.expect(!extra, Problem::SegmentCounts);
        Ok(())
    }

    /// Compares everybody of the segment's range with what their features give, and strikes them off.
    fn people_of(&mut self, segment: &Segment, key: &TokenKey, held: &mut Held) -> Result<(), StoreError> {
        let (view, mut seen) = (self.view, 0);
        view.scan::<Features>(&segment.from.get().to_be_bytes(), |row, stored| {
            let sequence = Sequence::new(u64::from_be_bytes(row));
            if sequence >= segment.until {
                return Ok(ControlFlow::Break(()));
            }
            seen += 1;
            self.tell(Check::Index, seen);
            if let Ok(Some(features)) = gallery::current(view, sequence, stored) {
                let expected = postings(key, &features.fingers);
                let expected = held.sum(expected.iter().map(|posting| (posting.bucket, posting.finger)));
                self.expect(held.strike(sequence) == expected, Problem::PostingsDiffer);
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Whoever is left over must have a tombstone.
    fn those_who_left(&mut self, held: &Held) -> Result<(), StoreError> {
        for sequence in held.left_over() {
            let buried = self.view.bytes(Tombstones::NAME, &sequence.get().to_be_bytes())?.is_some();
            self.expect(buried, Problem::PostingWithoutFeatures);
        }
        Ok(())
    }

    /// People who have left are in the gallery no more.
    pub(super) fn tombstones(&mut self) -> Result<(), StoreError> {
        self.rows::<Tombstones>(Check::Tombstones, |session, key, ()| {
            session.counts.tombstones += 1;
            let living = session.view.bytes(Features::NAME, &key)?.is_some();
            session.expect(!living, Problem::TombstoneOfLiving);
            let given = u64::from_be_bytes(key) < session.head.next_sequence.get();
            session.expect(given, Problem::NeverGiven(Tombstones::NAME));
            Ok(())
        })
    }

    /// Imports can be read, and findings belong to one.
    pub(super) fn imports(&mut self) -> Result<(), StoreError> {
        self.rows::<Imports>(Check::Imports, |session, _, import| {
            session.counts.imports += 1;
            let given = import.next <= session.head.next_sequence && import.from <= import.next;
            session.expect(given, Problem::NeverGiven(Imports::NAME));
            Ok(())
        })?;
        self.rows::<Findings>(Check::Imports, |session, key, finding| {
            session.counts.findings += 1;
            let import = session.view.bytes(Imports::NAME, &key[..4])?.is_some();
            session.expect(import, Problem::FindingWithoutImport);
            let own = key[4..] == finding.sequence.get().to_be_bytes();
            session.expect(own, Problem::Unreadable(Findings::NAME));
            Ok(())
        })
    }
}

/// What the blocks of a segment hold: of each person a sum of hashes under a random key. Two sets of postings that differ
/// have equal sums with a chance of about 2^-64, and neither has to fit in memory.
struct Held {
    from: Sequence,
    block_bits: u8,
    /// By the person's place in the range.
    sums: Vec<u64>,
    seen: Vec<bool>,
    seed: u64,
    postings: u64,
    bytes: u64,
}

impl Held {
    fn new(segment: &Segment) -> Self {
        let range = usize::try_from(segment.until.get() - segment.from.get()).unwrap_or(usize::MAX);
        Self {
            from: segment.from,
            block_bits: segment.block_bits,
            sums: vec![0; range],
            seen: vec![false; range],
            seed: RandomState::new().hash_one(0),
            postings: 0,
            bytes: 0,
        }
    }

    fn add(&mut self, number: u32, bytes: Vec<u8>) -> Result<(), BlockError> {
        let block = Block::parse(bytes)?;
        let range = u32::try_from(self.sums.len()).unwrap_or(u32::MAX);
        if block.people() != range {
            return Err(BlockError::Header { field: "people" });
        }
        if block.bucket_bits() != self.block_bits {
            return Err(BlockError::Header { field: "bucket bits" });
        }
        let seed = self.seed;
        block.entries(|entry| {
            let place = usize::try_from(entry.person).unwrap_or(usize::MAX);
            let hash = hash(seed, number << self.block_bits | entry.bucket, entry.finger);
            if let (Some(sum), Some(seen)) = (self.sums.get_mut(place), self.seen.get_mut(place)) {
                *sum = sum.wrapping_add(hash);
                *seen = true;
            }
            self.postings += 1;
        })
    }

    fn sum(&self, postings: impl Iterator<Item = (u32, u8)>) -> u64 {
        postings.fold(0, |sum, (bucket, finger)| sum.wrapping_add(hash(self.seed, bucket, finger)))
    }

    fn people(&self) -> u64 {
        self.seen.iter().filter(|seen| **seen).count() as u64
    }

    /// Takes a person out, and gives the sum of their postings.
    fn strike(&mut self, sequence: Sequence) -> u64 {
        let place = usize::try_from(sequence.get() - self.from.get()).unwrap_or(usize::MAX);
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = false;
        }
        self.sums.get(place).copied().unwrap_or_default()
    }

    fn left_over(&self) -> impl Iterator<Item = Sequence> {
        let from = self.from.get();
        (from..).zip(&self.seen).filter(|(_, seen)| **seen).map(|(number, _)| Sequence::new(number))
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) over
/// the posting and the check's own seed.
fn hash(seed: u64, bucket: u32, finger: u8) -> u64 {
    let mut word = (u64::from(bucket) << u8::BITS | u64::from(finger)).wrapping_add(seed);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
