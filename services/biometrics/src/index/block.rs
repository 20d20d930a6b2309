//! The packed form of the postings of a range of buckets.
//!
//! Entries are ordered by (bucket, finger, person), which makes them ascending whole numbers: *slot* x people + person,
//! where the slot is bucket x [`POSITIONS`] + finger. What is stored is the gap to the entry before, less one, in Rice
//! code (Golomb, "Run-length encodings", *IEEE Trans. Information Theory* 12(3), 1966; Rice, *JPL* 79-22, 1979). The
//! slots are cut into 16 equal ranges, each with a parameter of its own, so that one bucket is read without
//! unpacking the others.
//!
//! Layout: format (u8, [`FORMAT`]), bucket bits (u8), people (u32, big-endian), then the length of each group in bytes
//! (LEB128), then the groups. A group without entries has no bytes. Any other begins with the Rice parameter k (6 bits)
//! and the number of its entries less one (a 5-bit length, then that many bits), then come the gaps, the bits of a byte
//! from the top: the quotient by 2^k in unary (ones, ended by a zero) and the remainder in k bits. 20 ones
//! instead announce the gap itself, in as many bits as the largest number of the group has. The rest of the last byte
//! is zero.

use std::ops::Range;

use thiserror::Error;

use super::{Fingers, POSITIONS, is_common};

/// First byte of a block.
pub const FORMAT: u8 = 1;
/// Ranges of slots that can be read alone.
const GROUPS: u64 = 16;
const GROUP_COUNT: usize = 16;
/// Unary digits that announce a gap too far beyond the others.
const ESCAPE: u32 = 20;
/// Buckets of a block are at most two to this power: a number of a group then has at most 56 bits.
pub const MAX_BUCKET_BITS: u8 = 24;
const HEADER_BYTES: usize = 6;

/// One posting of one person within a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Offset of the bucket within the block's range.
    pub bucket: u32,
    /// Position code of the finger, 0 to 10.
    pub finger: u8,
    /// Offset of the person.
    pub person: u32,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry(..)")
    }
}

/// Why a block cannot be read, or made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The first byte is of no known format.
    #[error("block: unknown format")]
    Format,
    /// The header is cut off or says something impossible.
    #[error("block: impossible {field}")]
    Header {
        /// The field.
        field: &'static str,
    },
    /// The groups do not fill the block.
    #[error("block: lengths of groups do not fit {bytes} bytes")]
    Length {
        /// Bytes of the block.
        bytes: usize,
    },
    /// A group ends early, or an entry lies beyond its range.
    #[error("block: group {group} is corrupt")]
    Group {
        /// The group.
        group: u8,
    },
    /// Entries to pack that are not sorted and distinct, or lie beyond the block.
    #[error("block: entry {index} is out of order or out of range")]
    Entry {
        /// Index of the entry.
        index: usize,
    },
}

/// The numbers of a block: which buckets and people it is of.
#[derive(Clone, Copy)]
struct Shape {
    bucket_bits: u8,
    people: u32,
}

impl Shape {
    fn new(bucket_bits: u8, people: u32) -> Result<Self, BlockError> {
        if bucket_bits > MAX_BUCKET_BITS {
            return Err(BlockError::Header { field: "bucket bits" });
        }
        if people == 0 {
            return Err(BlockError::Header { field: "people" });
        }
        Ok(Self { bucket_bits, people })
    }

    fn slots(self) -> u64 {
        u64::from(POSITIONS) << self.bucket_bits
    }

    /// The first slot of a group.
    fn first(self, group: u64) -> u64 {
        (group * self.slots()).div_ceil(GROUPS)
    }

    fn group(self, slot: u64) -> u64 {
        slot * GROUPS / self.slots()
    }

    /// Bits of the largest number of a group.
    fn width(self, group: u64) -> u32 {
        let numbers = (self.first(group + 1) - self.first(group)) * u64::from(self.people);
        u64::BITS - numbers.saturating_sub(1).leading_zeros()
    }
}

/// Packs the entries of a block of 2^`bucket_bits` buckets over `people` people.
///
/// # Errors
/// [`BlockError::Header`] if the block cannot be that large or has no people, [`BlockError::Entry`] if the entries are
/// not sorted and distinct, or lie outside the block.
pub fn encode(entries: &[Entry], bucket_bits: u8, people: u32) -> Result<Vec<u8>, BlockError> {
    let shape = Shape::new(bucket_bits, people)?;
    let buckets = 1u32 << bucket_bits;
    for (index, entry) in entries.iter().enumerate() {
        let inside = entry.bucket < buckets && u32::from(entry.finger) < POSITIONS && entry.person < people;
        if !inside || index > 0 && entries[index - 1] >= *entry {
            return Err(BlockError::Entry { index });
        }
    }
    let mut bytes = vec![FORMAT, bucket_bits];
    bytes.extend_from_slice(&people.to_be_bytes());
    let (mut groups, mut gaps, mut rest) = (Vec::new(), Vec::new(), entries);
    for group in 0..GROUPS {
        let end = shape.first(group + 1);
        let (own, later) = rest.split_at(rest.partition_point(|entry| slot(entry) < end));
        rest = later;
        gaps.clear();
        let mut next = shape.first(group) * u64::from(people);
        gaps.extend(own.iter().map(|entry| {
            let number = slot(entry) * u64::from(people) + u64::from(entry.person);
            let gap = number - next;
            next = number + 1;
            gap
        }));
        let start = groups.len();
        encode_group(&gaps, shape.width(group), &mut groups);
        put_length(groups.len() - start, &mut bytes);
    }
    bytes.append(&mut groups);
    Ok(bytes)
}

fn slot(entry: &Entry) -> u64 {
    u64::from(entry.bucket) * u64::from(POSITIONS) + u64::from(entry.finger)
}

fn put_length(mut length: usize, bytes: &mut Vec<u8>) {
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or(0));
}

fn encode_group(gaps: &[u64], width: u32, bytes: &mut Vec<u8>) {
    let Some(last) = gaps.len().checked_sub(1) else { return };
    let k = best_parameter(gaps, width);
    let mut writer = Writer { bytes, pending: 0, bits: 0 };
    writer.put(u64::from(k), 6);
    let last = last as u64;
    let length = u64::BITS - last.leading_zeros();
    writer.put(u64::from(length), 5);
    writer.put(last, length);
    for &gap in gaps {
        match u32::try_from(gap >> k) {
            Ok(quotient) if quotient < ESCAPE => {
                writer.put((1 << (quotient + 1)) - 2, quotient + 1);
                writer.put(gap & ((1 << k) - 1), k);
            }
            _ => {
                writer.put((1 << ESCAPE) - 1, ESCAPE);
                writer.put(gap, width);
            }
        }
    }
    writer.finish();
}

/// The parameter with the fewest bits.
fn best_parameter(gaps: &[u64], width: u32) -> u32 {
    let cost = |k: u32| -> u64 {
        let bits = |gap: u64| match gap >> k {
            quotient if quotient < u64::from(ESCAPE) => quotient + 1 + u64::from(k),
            _ => u64::from(ESCAPE + width),
        };
        gaps.iter().map(|gap| bits(*gap)).sum()
    };
    // The best parameter lies near the logarithm of the mean gap.
    let mean = gaps.iter().sum::<u64>() / (gaps.len() as u64).max(1);
    let near = u64::BITS - mean.leading_zeros();
    (near.saturating_sub(4)..=near).min_by_key(|k| cost(*k)).unwrap_or(near)
}

/// Writes bits, from the top of each byte.
struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    pending: u64,
    /// Bits of `pending` not yet written, below 8 between calls.
    bits: u32,
}

impl Writer<'_> {
    /// Writes the lowest `count` bits (at most 56) of `value`, which has no others.
    fn put(&mut self, value: u64, count: u32) {
        self.pending = self.pending << count | value;
        self.bits += count;
        while self.bits >= 8 {
            self.bits -= 8;
            let [.., byte] = (self.pending >> self.bits).to_be_bytes();
            self.bytes.push(byte);
        }
        self.pending &= (1 << self.bits) - 1;
    }

    fn finish(mut self) {
        if self.bits > 0 {
            self.put(0, 8 - self.bits);
        }
    }
}

/// A block whose header was checked. Groups are checked when they are read.
pub struct Block {
    shape: Shape,
    bytes: Vec<u8>,
    /// Where each group ends; the first begins at `start`.
    ends: [u32; GROUP_COUNT],
    start: u32,
}

impl Block {
    /// Reads the header of a packed block.
    ///
    /// # Errors
    /// [`BlockError::Format`], [`BlockError::Header`], [`BlockError::Length`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let length = BlockError::Length { bytes: bytes.len() };
        let (header, mut rest) =
            bytes.split_first_chunk::<HEADER_BYTES>().ok_or(BlockError::Header { field: "size" })?;
        let [format, bucket_bits, p3, p2, p1, p0] = *header;
        if format != FORMAT {
            return Err(BlockError::Format);
        }
        let shape = Shape::new(bucket_bits, u32::from_be_bytes([p3, p2, p1, p0]))?;
        let (mut ends, mut end) = ([0; GROUP_COUNT], 0u32);
        for slot in &mut ends {
            end = end.checked_add(take_length(&mut rest).ok_or(length)?).ok_or(length)?;
            *slot = end;
        }
        if usize::try_from(end) != Ok(rest.len()) {
            return Err(length);
        }
        let start = u32::try_from(bytes.len() - rest.len()).map_err(|_| length)?;
        for slot in &mut ends {
            *slot = slot.checked_add(start).ok_or(length)?;
        }
        Ok(Self { shape, bytes, ends, start })
    }

    /// People that the block is over.
    #[must_use]
    pub fn people(&self) -> u32 {
        self.shape.people
    }

    /// Buckets of the block: two to this power.
    #[must_use]
    pub fn bucket_bits(&self) -> u8 {
        self.shape.bucket_bits
    }

    /// Calls `found` with the finger (position code) and person of every entry of a bucket (its offset within the
    /// block) that is of one of the `fingers`, in order. A finger's list that is so long that it says little may be left
    /// out.
    ///
    /// # Errors
    /// [`BlockError::Group`]; some entries may have been found before.
    #[inline]
    pub fn visit(
        &self,
        bucket: u32,
        fingers: Fingers,
        mut found: impl FnMut(u8, u32),
    ) -> Result<(), BlockError> {
        let first = u64::from(bucket) * u64::from(POSITIONS);
        if first + u64::from(POSITIONS) > self.shape.slots() {
            return Ok(());
        }
        let end = first + u64::from(fingers.end());
        let mut slot = first + u64::from(fingers.start());
        while slot < end {
            let group = self.shape.group(slot);
            let after = end.min(self.shape.first(group + 1));
            self.visit_group(group, first, slot..after, fingers, &mut found)?;
            slot = after;
        }
        Ok(())
    }

    /// Visits those of a group's slots that are in a range, of a bucket whose first slot is `first`.
    #[inline]
    fn visit_group(
        &self,
        group: u64,
        first: u64,
        slots: Range<u64>,
        fingers: Fingers,
        found: &mut impl FnMut(u8, u32),
    ) -> Result<(), BlockError> {
        let mut numbers = self.numbers(group)?;
        let alone = self.shape.first(group) + 1 == self.shape.first(group + 1);
        if alone && is_common(u32::try_from(numbers.left).unwrap_or(u32::MAX), self.shape.people) {
            return Ok(());
        }
        let people = u64::from(self.shape.people);
        // Follows the slot along: the number after its last.
        let (mut slot, mut after) = (slots.start, (slots.start + 1) * people);
        while let Some(number) = numbers.next()? {
            if number + people < after {
                continue;
            }
            while number >= after {
                slot += 1;
                after += people;
            }
            if slot >= slots.end {
                break;
            }
            let finger = u8::try_from(slot - first).unwrap_or(u8::MAX);
            if fingers.has(finger) {
                found(finger, u32::try_from(number + people - after).unwrap_or(u32::MAX));
            }
        }
        Ok(())
    }

    /// All entries, in order. After an error there are no more.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, BlockError>> {
        let people = u64::from(self.shape.people);
        let entry = move |number: u64| {
            let slot = number / people;
            Entry {
                bucket: u32::try_from(slot / u64::from(POSITIONS)).unwrap_or(u32::MAX),
                finger: u8::try_from(slot % u64::from(POSITIONS)).unwrap_or(u8::MAX),
                person: u32::try_from(number % people).unwrap_or(u32::MAX),
            }
        };
        let mut failed = false;
        let group = move |group| {
            let mut numbers = self.numbers(group);
            std::iter::from_fn(move || match &mut numbers {
                Ok(numbers) => numbers.next().transpose(),
                Err(error) => Some(Err(*error)),
            })
        };
        (0..GROUPS).flat_map(group).map_while(move |number| {
            if failed {
                return None;
            }
            failed = number.is_err();
            Some(number.map(entry))
        })
    }

    fn numbers(&self, group: u64) -> Result<Numbers<'_>, BlockError> {
        let index = usize::try_from(group).unwrap_or(usize::MAX);
        let name = u8::try_from(group).unwrap_or(u8::MAX);
        let corrupt = BlockError::Group { group: name };
        let place = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let from = if index == 0 { self.start } else { *self.ends.get(index - 1).ok_or(corrupt)? };
        let to = *self.ends.get(index).ok_or(corrupt)?;
        let bytes = self.bytes.get(place(from)..place(to)).ok_or(corrupt)?;
        let people = u64::from(self.shape.people);
        let mut numbers = Numbers {
            bytes,
            bit: 0,
            k: 0,
            left: 0,
            width: self.shape.width(group),
            next: self.shape.first(group) * people,
            end: self.shape.first(group + 1) * people,
            group: name,
        };
        if !bytes.is_empty() {
            numbers.k = u32::try_from(numbers.take(6)?).unwrap_or(u32::MAX);
            let length = u32::try_from(numbers.take(5)?).unwrap_or(u32::MAX);
            numbers.left = numbers.take(length)? + 1;
            if numbers.k > MAX_WIDTH {
                return Err(corrupt);
            }
        }
        Ok(numbers)
    }
}

/// LEB128 of at most 28 bits.
fn take_length(bytes: &mut &[u8]) -> Option<u32> {
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

/// Bits of the largest number that a group can have: what a writer takes and a reader gives at once.
const MAX_WIDTH: u32 = 56;

/// Reads the numbers of a group one after the other.
struct Numbers<'a> {
    bytes: &'a [u8],
    bit: usize,
    k: u32,
    left: u64,
    width: u32,
    /// The least number that can come next.
    next: u64,
    /// No number of the group reaches this.
    end: u64,
    group: u8,
}

impl Numbers<'_> {
    /// The next 57 bits or more, at the top of the word; zeros beyond the end.
    #[inline]
    fn window(&self) -> u64 {
        let rest = self.bytes.get(self.bit / 8..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            Some(word) => u64::from_be_bytes(*word),
            None => {
                let mut word = [0; 8];
                word[..rest.len()].copy_from_slice(rest);
                u64::from_be_bytes(word)
            }
        };
        word << (self.bit % 8)
    }

    /// The next `count` bits, at most [`MAX_WIDTH`].
    #[inline]
    fn take(&mut self, count: u32) -> Result<u64, BlockError> {
        if count == 0 {
            return Ok(0);
        }
        let value = self.window() >> (u64::BITS - count);
        self.bit += count as usize;
        if self.bit > 8 * self.bytes.len() { Err(BlockError::Group { group: self.group }) } else { Ok(value) }
    }

    #[inline]
    fn next(&mut self) -> Result<Option<u64>, BlockError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let quotient = self.window().leading_ones();
        let gap = if quotient < ESCAPE {
            self.bit += quotient as usize + 1;
            u64::from(quotient) << self.k | self.take(self.k)?
        } else {
            self.bit += ESCAPE as usize;
            self.take(self.width)?
        };
        let number = self.next + gap;
        if number >= self.end || self.bit > 8 * self.bytes.len() {
            return Err(BlockError::Group { group: self.group });
        }
        self.next = number + 1;
        Ok(Some(number))
    }
}

#[cfg(test)]
mod tests;
