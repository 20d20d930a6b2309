//! Building a segment out of the newest people and of older segments.

use std::collections::HashSet;

use plinth_biometrics::index::BUCKET_BITS;
use plinth_biometrics::index::block::{Entry, encode};
use plinth_identity::id::Sequence;
use plinth_storage::{IndexView, Reader, Segment, SegmentWriter, StoreError};

use super::segment::{parse, problem};
use super::young::{self, Young};

/// Postings of a block at most, and at least half as many: 4 KiB and more, so that sealing costs one part in a hundred, and
/// that a block's size says little about any one bucket.
const POSTINGS_A_BLOCK: u64 = 6_144;
/// A segment is taken into the next one as long as it is not this many times as large: everybody is written anew some
/// log4(N / 4,096) times, and a search meets no more segments than that.
const GROWTH: u64 = 4;

/// What a segment is made of: segments in a row, the newest people after them, or either alone.
pub(crate) struct Sources<'a> {
    pub(crate) segments: &'a [Segment],
    /// Where the segments are read.
    pub(crate) view: Option<&'a IndexView>,
    pub(crate) young: Option<&'a Young>,
    /// People who have left the gallery: they are left out.
    pub(crate) dead: &'a HashSet<Sequence>,
}

/// How many of the segments, from the first, stay as they are when a newcomer of `people` people is made.
pub(crate) fn kept(segments: &[u64], people: u64) -> usize {
    let (mut kept, mut newcomer) = (segments.len(), people);
    while kept > 0 && segments[kept - 1] < newcomer.saturating_mul(GROWTH) {
        kept -= 1;
        newcomer = newcomer.saturating_add(segments[kept]);
    }
    kept
}

/// Buckets of a block, as a power of two, for a segment of so many postings.
fn block_bits(postings: u64) -> u8 {
    let blocks = postings.div_ceil(POSTINGS_A_BLOCK).max(1).next_power_of_two().ilog2();
    let bits = BUCKET_BITS.saturating_sub(blocks);
    u8::try_from(bits).unwrap_or(u8::MAX)
}

impl Sources<'_> {
    fn from(&self) -> Option<Sequence> {
        self.segments.first().map(|segment| segment.from).or_else(|| self.young.map(Young::from))
    }

    fn until(&self) -> Option<Sequence> {
        self.young.map(Young::until).or_else(|| self.segments.last().map(|segment| segment.until))
    }

    fn postings(&self) -> u64 {
        let older: u64 = self.segments.iter().map(|segment| segment.postings).sum();
        older + self.young.map_or(0, Young::postings)
    }

    /// Writes the segment `id`. Nothing comes of it when there is nobody, or when `cancelled` says so on the way.
    pub(crate) fn build(
        &self,
        reader: &Reader,
        id: u32,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Segment>, StoreError> {
        let (Some(from), Some(until)) = (self.from(), self.until()) else { return Ok(None) };
        let people = until.get().saturating_sub(from.get());
        let bits = block_bits(self.postings());
        // A step covers whole blocks of every source and of the result.
        let coarsest = self.segments.iter().map(|segment| segment.block_bits).fold(bits, u8::max);
        let step = u32::from(coarsest).max(young::RANGE_BITS);
        let mut writer = reader.segment_writer(id)?;
        let (mut gathered, mut postings) = (Vec::new(), 0_u64);
        let dead: HashSet<u32> = self.dead.iter().map(|gone| relative(*gone, from)).collect();
        for number in 0..1_u32 << (BUCKET_BITS - step) {
            if cancelled() {
                return Ok(None);
            }
            gathered.clear();
            self.gather(from, number << step, step, &mut gathered)?;
            if !dead.is_empty() {
                gathered.retain(|word| !dead.contains(&person(*word)));
            }
            gathered.sort_unstable();
            postings += gathered.len() as u64;
            write_blocks(&mut writer, &gathered, number << step, step, bits, people)?;
        }
        let bytes = writer.finish()?;
        Ok(Some(Segment {
            id,
            from,
            until,
            people,
            postings,
            block_bits: bits,
            blocks: 1 << (BUCKET_BITS - u32::from(bits)),
            bytes,
        }))
    }

    /// Adds the packed postings of 2^`bits` buckets from `first` on.
    fn gather(
        &self,
        from: Sequence,
        first: u32,
        bits: u32,
        gathered: &mut Vec<u64>,
    ) -> Result<(), StoreError> {
        for (segment, view) in self.segments.iter().zip(std::iter::repeat(self.view).flatten()) {
            let shift = u32::from(segment.block_bits);
            let numbers: Vec<u32> = (first >> shift..(first >> shift) + (1 << (bits - shift))).collect();
            let before = relative(segment.from, from);
            view.blocks(segment.id, &numbers, |place, bytes| {
                let block = parse(bytes)?;
                let start = numbers[place] << shift;
                let entries = block.entries(|Entry { bucket, finger, person }| {
                    gathered.push(pack(start | bucket, finger, before.saturating_add(person)));
                });
                entries.map_err(|error| problem(&error))
            })?;
        }
        if let Some(young) = self.young {
            let before = relative(young.from(), from);
            let all = young.range(first, bits);
            gathered.extend(all.map(|(bucket, finger, person)| pack(bucket, finger, before + person)));
        }
        Ok(())
    }
}

/// Encodes sorted postings of 2^`step` buckets into blocks of 2^`bits`.
fn write_blocks(
    writer: &mut SegmentWriter<'_>,
    sorted: &[u64],
    first: u32,
    step: u32,
    bits: u8,
    people: u64,
) -> Result<(), StoreError> {
    let people = u32::try_from(people).unwrap_or(u32::MAX);
    let mut rest = sorted;
    let mut entries = Vec::new();
    for block in first >> bits..(first >> bits) + (1 << (step - u32::from(bits))) {
        let here = rest.partition_point(|word| bucket(*word) >> bits <= block);
        let (this, later) = rest.split_at(here);
        rest = later;
        entries.clear();
        entries.extend(this.iter().map(|word| Entry {
            bucket: bucket(*word) & ((1 << bits) - 1),
            finger: finger(*word),
            person: person(*word),
        }));
        let block_bytes = encode(&entries, bits, people)
            .map_err(|error| StoreError::Corrupt { place: "segments", problem: problem(&error).into() })?;
        writer.put(block, &block_bytes)?;
    }
    Ok(())
}

/// A posting in one word, so that sorting words sorts postings: bucket (28 bits), finger (4), person (32).
fn pack(bucket: u32, finger: u8, person: u32) -> u64 {
    u64::from(bucket) << 36 | u64::from(finger & 0x0f) << 32 | u64::from(person)
}

const _: () = assert!(BUCKET_BITS <= 28);

fn bucket(word: u64) -> u32 {
    u32::try_from(word >> 36).unwrap_or(u32::MAX)
}

fn finger(word: u64) -> u8 {
    u8::try_from(word >> 32 & 0x0f).unwrap_or(0)
}

fn person(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn relative(sequence: Sequence, from: Sequence) -> u32 {
    u32::try_from(sequence.get().wrapping_sub(from.get())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_takes_in_whatever_is_not_four_times_as_large() {
        assert_eq!(kept(&[], 4_096), 0);
        assert_eq!(kept(&[16_384], 4_096), 1);
        assert_eq!(kept(&[16_383], 4_096), 0);
        // 4 is taken in by 4, the 8 they make takes in 16, and the 24 leaves 1,000 alone.
        assert_eq!(kept(&[1_000, 16, 4], 4), 1);
    }

    #[test]
    fn people_are_written_anew_a_few_times_only_and_segments_stay_few() {
        let (mut segments, mut written) = (Vec::<u64>::new(), 0);
        for _ in 0..1_000_000 / 4_096 {
            let stay = kept(&segments, 4_096);
            let merged = segments.split_off(stay).into_iter().sum::<u64>() + 4_096;
            written += merged;
            segments.push(merged);
            assert!(segments.len() <= 5, "{segments:?}");
        }
        let people: u64 = segments.iter().sum();
        assert!(written < 12 * people, "{written} of {people}");
    }

    #[test]
    fn blocks_hold_four_kibibytes_and_more() {
        for postings in [0, 1, 6_144, 1_000_000, 4_000_000_000] {
            let blocks = 1_u64 << (BUCKET_BITS - u32::from(block_bits(postings)));
            assert!(
                blocks * POSTINGS_A_BLOCK >= postings && blocks <= postings.div_ceil(3_072).max(1),
                "{postings}"
            );
        }
    }

    #[test]
    fn packed_postings_sort_by_bucket_then_finger_then_person() {
        let word = pack((1 << 28) - 1, 10, u32::MAX - 1);
        assert_eq!((bucket(word), finger(word), person(word)), ((1 << 28) - 1, 10, u32::MAX - 1));
        assert!(pack(1, 0, 0) > pack(0, 15, u32::MAX) && pack(0, 1, 0) > pack(0, 0, u32::MAX));
    }
}
