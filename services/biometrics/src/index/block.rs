//! The packed form of the postings of a range of buckets.
//!
//! Layout: format (u8, [`FORMAT`]), bucket bits (u8), people (u32, big-endian), stride bits (u8), bytes of an offset (u8, 2
//! or 4), the offsets (big-endian), the buckets one after the other, eight zero bytes. An offset says where
//! 2^stride buckets end, in bytes from the first bucket on; the next ones begin there. Buckets in between begin at the next
//! bit.
//!
//! A bucket, the bits of a byte from the top: a zero if nobody is in it; else a one, and for each of the [`POSITIONS`] a bit
//! that says whether there is a list of people who have that finger here. For each list its length less one (4 bits; 15 announces a longer one: the number of
//! its bits less four in 5 bits, then those), and how wide its gaps are (5 bits; 31 stands for 32). Then the lists: of each person the gap to
//! the person before, less one, in as many bits as the list's largest gap has. Lists nobody asks for, and those too long to
//! say much, are stepped over without being read.

use thiserror::Error;

use super::{Fingers, POSITIONS, is_common};

/// First byte of a block.
pub const FORMAT: u8 = 3;
/// Buckets of a block are at most two to this power.
pub const MAX_BUCKET_BITS: u8 = 24;
/// An offset is kept for about so many entries: in a small segment a bucket has fewer.
const ENTRIES_AN_OFFSET: usize = 16;
/// An offset is kept for at most two to the power of so many buckets: those before the one looked for are read, too.
const MAX_STRIDE_BITS: u8 = 6;
const HEADER_BYTES: usize = 8;
/// Zero bytes at the end, so that eight bytes can be read from any bit on, and from the end.
const PADDING: usize = 8;
const LISTS: usize = POSITIONS as usize;
const LENGTH_BITS: u32 = 4;
const LONG: u64 = (1 << LENGTH_BITS) - 1;
const BITS_BITS: u32 = 5;
const WIDEST: u64 = 31;

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
    /// The buckets do not fill the block.
    #[error("block: offsets do not fit {bytes} bytes")]
    Length {
        /// Bytes of the block.
        bytes: usize,
    },
    /// A bucket ends early, or a person lies beyond the block's.
    #[error("block: bucket {bucket} is corrupt")]
    Bucket {
        /// Offset of the bucket.
        bucket: u32,
    },
    /// Entries to pack that are not sorted and distinct, or lie beyond the block.
    #[error("block: entry {index} is out of order or out of range")]
    Entry {
        /// Index of the entry.
        index: usize,
    },
}

fn checked_header(bucket_bits: u8, people: u32) -> Result<(), BlockError> {
    if bucket_bits > MAX_BUCKET_BITS {
        return Err(BlockError::Header { field: "bucket bits" });
    }
    if people == 0 {
        return Err(BlockError::Header { field: "people" });
    }
    Ok(())
}

/// Packs the entries of a block of 2^`bucket_bits` buckets over `people` people.
///
/// # Errors
/// [`BlockError::Header`] if the block cannot be that large or has no people, [`BlockError::Entry`] if the entries are
/// not sorted and distinct, or lie outside the block.
pub fn encode(entries: &[Entry], bucket_bits: u8, people: u32) -> Result<Vec<u8>, BlockError> {
    checked_header(bucket_bits, people)?;
    let buckets = 1u32 << bucket_bits;
    for (index, entry) in entries.iter().enumerate() {
        let inside = entry.bucket < buckets && u32::from(entry.finger) < POSITIONS && entry.person < people;
        if !inside || index > 0 && entries[index - 1] >= *entry {
            return Err(BlockError::Entry { index });
        }
    }
    let offsets = (entries.len() / ENTRIES_AN_OFFSET).max(1).next_power_of_two().ilog2();
    let stride_bits =
        bucket_bits.saturating_sub(u8::try_from(offsets).unwrap_or(u8::MAX)).min(MAX_STRIDE_BITS);
    let (mut packed, mut ends, mut rest) = (Vec::new(), Vec::new(), entries);
    for first in (0..buckets).step_by(1 << stride_bits) {
        let mut writer = Writer { bytes: &mut packed, pending: 0, bits: 0 };
        for bucket in first..first + (1 << stride_bits) {
            let (own, later) = rest.split_at(rest.partition_point(|entry| entry.bucket <= bucket));
            rest = later;
            put_bucket(own, &mut writer);
        }
        writer.finish();
        ends.push(u32::try_from(packed.len()).map_err(|_| BlockError::Length { bytes: packed.len() })?);
    }
    let mut bytes = vec![FORMAT, bucket_bits];
    bytes.extend_from_slice(&people.to_be_bytes());
    if packed.len() <= usize::from(u16::MAX) {
        bytes.extend_from_slice(&[stride_bits, 2]);
        bytes.extend(ends.iter().flat_map(|end| end.to_be_bytes().into_iter().skip(2)));
    } else {
        bytes.extend_from_slice(&[stride_bits, 4]);
        bytes.extend(ends.iter().flat_map(|end| end.to_be_bytes()));
    }
    bytes.append(&mut packed);
    bytes.extend_from_slice(&[0; PADDING]);
    Ok(bytes)
}

fn put_bucket(entries: &[Entry], writer: &mut Writer<'_>) {
    let lists = || entries.chunk_by(|a, b| a.finger == b.finger);
    let there = lists().fold(0, |there, list| there | 1 << (POSITIONS - 1 - u32::from(list[0].finger)));
    writer.put(u64::from(there > 0), 1);
    if there > 0 {
        writer.put(there, POSITIONS);
    }
    for list in lists() {
        let last = list.len() as u64 - 1;
        if last < LONG {
            writer.put(last, LENGTH_BITS);
        } else {
            let length = u64::BITS - last.leading_zeros();
            writer.put(LONG, LENGTH_BITS);
            writer.put(u64::from(length - LENGTH_BITS), BITS_BITS);
            writer.put(last, length);
        }
        writer.put(u64::from(width(list)).min(WIDEST), BITS_BITS);
    }
    for list in lists() {
        let width = if u64::from(width(list)) < WIDEST { width(list) } else { u32::BITS };
        gaps(list).for_each(|gap| writer.put(u64::from(gap), width));
    }
}

/// The gap before each person of a list, less one.
fn gaps(list: &[Entry]) -> impl Iterator<Item = u32> {
    let mut next = 0;
    list.iter().map(move |entry| {
        let gap = entry.person - next;
        next = entry.person.saturating_add(1);
        gap
    })
}

/// Bits of the largest gap of a list.
fn width(list: &[Entry]) -> u32 {
    gaps(list).map(|gap| u32::BITS - gap.leading_zeros()).max().unwrap_or(0)
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

/// A block whose header was checked. Buckets are checked when they are read.
pub struct Block {
    bucket_bits: u8,
    people: u32,
    stride_bits: u8,
    /// Whether an offset has four bytes, not two.
    wide: bool,
    bytes: Vec<u8>,
}

impl Block {
    /// Reads the header of a packed block.
    ///
    /// # Errors
    /// [`BlockError::Format`], [`BlockError::Header`], [`BlockError::Length`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(BlockError::Header { field: "size" })?;
        let [format, bucket_bits, p3, p2, p1, p0, stride_bits, offset_bytes] = *header;
        if format != FORMAT {
            return Err(BlockError::Format);
        }
        let people = u32::from_be_bytes([p3, p2, p1, p0]);
        checked_header(bucket_bits, people)?;
        if stride_bits > bucket_bits.min(MAX_STRIDE_BITS) {
            return Err(BlockError::Header { field: "stride bits" });
        }
        let wide = match offset_bytes {
            2 => false,
            4 => true,
            _ => return Err(BlockError::Header { field: "bytes of an offset" }),
        };
        let block = Self { bucket_bits, people, stride_bits, wide, bytes };
        let length = BlockError::Length { bytes: block.bytes.len() };
        let mut end = block.start();
        for number in 0..block.offsets() {
            let next = block.end(number).ok_or(length)?;
            if next < end {
                return Err(length);
            }
            end = next;
        }
        if end.checked_add(PADDING) == Some(block.bytes.len()) { Ok(block) } else { Err(length) }
    }

    /// People that the block is over.
    #[must_use]
    pub fn people(&self) -> u32 {
        self.people
    }

    /// Buckets of the block: two to this power.
    #[must_use]
    pub fn bucket_bits(&self) -> u8 {
        self.bucket_bits
    }

    /// What the block takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    /// Calls `found` with the finger (position code) and person of every entry of a bucket (its offset within the
    /// block) that is of one of the `fingers`, in order. A finger's list that is so long that it says little is left out.
    ///
    /// # Errors
    /// [`BlockError::Bucket`]; some entries may have been found before.
    #[inline]
    pub fn visit(
        &self,
        bucket: u32,
        fingers: Fingers,
        mut found: impl FnMut(u8, u32),
    ) -> Result<(), BlockError> {
        let visit = Visit { block: self, bucket, fingers };
        visit_all(&[visit], |_, finger, people| people.iter().for_each(|person| found(finger, *person)))
    }

    /// Calls `found` with all entries, in order.
    ///
    /// # Errors
    /// [`BlockError::Bucket`]; some entries may have been found before.
    pub fn entries(&self, mut found: impl FnMut(Entry)) -> Result<(), BlockError> {
        let stride = 1 << self.stride_bits;
        for first in (0..1u32 << self.bucket_bits).step_by(stride as usize) {
            let Some((start, end)) = self.span(first)? else { continue };
            let mut reader = Reader { bytes: &self.bytes, bit: 8 * start, end: 8 * end };
            for bucket in first..first + stride {
                for list in reader.lists().ok_or(BlockError::Bucket { bucket })?.iter() {
                    let entry = |person: &u32| Entry { bucket, finger: list.finger, person: *person };
                    self.read(bucket, list, |people| people.iter().map(entry).for_each(&mut found))?;
                }
            }
        }
        Ok(())
    }

    fn offsets(&self) -> usize {
        1 << (self.bucket_bits - self.stride_bits)
    }

    /// Where the first bucket begins.
    fn start(&self) -> usize {
        HEADER_BYTES + (self.offsets() << if self.wide { 2 } else { 1 })
    }

    /// Where the buckets of an offset end; nothing if the block does not even say that.
    #[inline]
    fn end(&self, number: usize) -> Option<usize> {
        let table = self.bytes.get(HEADER_BYTES..)?;
        let offset = if self.wide {
            u32::from_be_bytes(*table.get(4 * number..)?.first_chunk()?)
        } else {
            u32::from(u16::from_be_bytes(*table.get(2 * number..)?.first_chunk()?))
        };
        self.start().checked_add(usize::try_from(offset).ok()?)
    }

    /// Where the buckets of the offset that a bucket has stand, in bytes; nothing if there are none, or no such bucket.
    #[inline]
    fn span(&self, bucket: u32) -> Result<Option<(usize, usize)>, BlockError> {
        if bucket >> self.bucket_bits != 0 {
            return Ok(None);
        }
        let corrupt = BlockError::Bucket { bucket };
        let number = (bucket >> self.stride_bits) as usize;
        let start = match number.checked_sub(1) {
            None => self.start(),
            Some(before) => self.end(before).ok_or(corrupt)?,
        };
        let end = self.end(number).ok_or(corrupt)?;
        Ok((start < end).then_some((start, end)))
    }

    /// The lists of a bucket that stands there.
    #[inline]
    fn lists(&self, bucket: u32, (start, end): (usize, usize)) -> Result<Lists, BlockError> {
        let corrupt = BlockError::Bucket { bucket };
        let mut reader = Reader { bytes: &self.bytes, bit: 8 * start, end: 8 * end };
        for _ in 0..bucket & ((1 << self.stride_bits) - 1) {
            reader.lists().ok_or(corrupt)?;
        }
        reader.lists().ok_or(corrupt)
    }

    /// Whether a bit of the block is set; reading it brings what stands there into the processor's cache.
    fn touch(&self, byte: usize) -> bool {
        self.bytes.get(byte).is_some_and(|byte| byte & 1 == 1)
    }

    /// Reads the people of a list, some at a time, ascending.
    #[inline]
    fn read(&self, bucket: u32, list: &List, mut found: impl FnMut(&[u32])) -> Result<(), BlockError> {
        const AT_ONCE: usize = 64;
        let corrupt = BlockError::Bucket { bucket };
        let gaps_a_word = (WINDOW_BITS / list.width.max(1)) as usize;
        let (mut bit, mut next, mut left) = (list.bit, 0u64, list.people as usize);
        while left > 0 {
            let mut people = [0; AT_ONCE];
            let some = &mut people[..left.min(AT_ONCE)];
            for slots in some.chunks_mut(gaps_a_word) {
                let mut gaps = window(&self.bytes, bit).ok_or(corrupt)?;
                bit += slots.len() * list.width as usize;
                for slot in slots {
                    // 64 gaps of 32 bits and so many persons more never overflow.
                    let person = next.wrapping_add(gaps >> 1 >> (u64::BITS - 1 - list.width));
                    gaps <<= list.width;
                    *slot = low(person);
                    next = person.wrapping_add(1);
                }
            }
            // They ascend: the last tells of all.
            if next > u64::from(self.people) {
                return Err(corrupt);
            }
            found(some);
            left -= some.len();
        }
        Ok(())
    }
}

/// A bucket to look into.
#[derive(Clone, Copy)]
pub struct Visit<'b> {
    /// The block.
    pub block: &'b Block,
    /// The bucket's offset within the block.
    pub bucket: u32,
    /// Whose lists are read.
    pub fingers: Fingers,
}

/// Looks into many buckets, as [`Block::visit`] does into one: `found` is called with the index of the visit, in their
/// order, a finger, and some of its people, ascending. A finger may have more in the next call.
///
/// Blocks are all over the memory, and each of several steps into a bucket waits for it. So some visits go every step
/// together, and wait for each other's memory once.
///
/// # Errors
/// [`BlockError::Bucket`]; some entries may have been found before.
#[inline]
pub fn visit_all(visits: &[Visit<'_>], mut found: impl FnMut(usize, u8, &[u32])) -> Result<(), BlockError> {
    const TOGETHER: usize = 16;
    for (chunk, some) in visits.chunks(TOGETHER).enumerate() {
        let mut spans = [None; TOGETHER];
        for (span, Visit { block, bucket, .. }) in spans.iter_mut().zip(some) {
            *span = block.span(*bucket)?;
        }
        let mut touched = false;
        for (span, visit) in spans.iter().zip(some) {
            touched ^= span.is_some_and(|(start, _)| visit.block.touch(start));
        }
        let mut lists = [const { None }; TOGETHER];
        for ((lists, span), Visit { block, bucket, fingers }) in lists.iter_mut().zip(spans).zip(some) {
            let Some(span) = span else { continue };
            let there = block.lists(*bucket, span)?;
            for list in there.iter().filter(|list| fingers.has(list.finger)) {
                touched ^= block.touch(list.bit / 8);
            }
            *lists = Some(there);
        }
        std::hint::black_box(touched);
        for (place, (lists, Visit { block, bucket, fingers })) in lists.iter().zip(some).enumerate() {
            for list in lists.iter().flat_map(Lists::iter).filter(|list| fingers.has(list.finger)) {
                if !is_common(list.people, block.people) {
                    let place = chunk * TOGETHER + place;
                    block.read(*bucket, list, |people| found(place, list.finger, people))?;
                }
            }
        }
    }
    Ok(())
}

/// One finger's people in a bucket: where they stand.
#[derive(Clone, Copy, Default)]
struct List {
    finger: u8,
    people: u32,
    /// Bits of a gap.
    width: u32,
    /// The first gap's first bit in the block.
    bit: usize,
}

/// The lists of a bucket, by finger.
struct Lists {
    lists: [List; LISTS],
    count: usize,
}

impl Lists {
    #[inline]
    fn iter(&self) -> impl Iterator<Item = &List> {
        self.lists.iter().take(self.count)
    }
}

/// Reads what stands before the lists of buckets.
struct Reader<'a> {
    bytes: &'a [u8],
    bit: usize,
    /// Bits from here on belong to others.
    end: usize,
}

impl Reader<'_> {
    /// The lists of the next bucket. Stands behind the bucket then.
    #[inline]
    fn lists(&mut self) -> Option<Lists> {
        let (mut lists, mut count) = ([List::default(); LISTS], 0);
        let there = if self.take(1)? == 0 { 0 } else { self.take(POSITIONS)? };
        for finger in 0..POSITIONS {
            if there >> (POSITIONS - 1 - finger) & 1 == 0 {
                continue;
            }
            let last = match self.take(LENGTH_BITS)? {
                LONG => {
                    let more = self.take(BITS_BITS)?;
                    self.take(u32::try_from(more).ok()? + LENGTH_BITS)?
                }
                short => short,
            };
            let width = match self.take(BITS_BITS)? {
                WIDEST => u32::BITS,
                width => u32::try_from(width).ok()?,
            };
            let people = u32::try_from(last + 1).ok()?;
            lists[count] = List { finger: u8::try_from(finger).ok()?, people, width, bit: 0 };
            count += 1;
        }
        for list in lists.iter_mut().take(count) {
            list.bit = self.bit;
            self.bit += usize::try_from(u64::from(list.people) * u64::from(list.width)).ok()?;
        }
        (self.bit <= self.end).then_some(Lists { lists, count })
    }

    /// The next `count` bits, 1 to 56.
    #[inline]
    fn take(&mut self, count: u32) -> Option<u64> {
        let value = window(self.bytes, self.bit)? >> (u64::BITS - count);
        self.bit += count as usize;
        (self.bit <= self.end).then_some(value)
    }
}

/// The low half of a word.
#[inline]
fn low(word: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
    let low = word as u32;
    low
}

/// Bits that a window shows at least.
const WINDOW_BITS: u32 = 57;

/// The next [`WINDOW_BITS`] or more, at the top of the word. Nothing where the block ends.
#[inline]
fn window(bytes: &[u8], bit: usize) -> Option<u64> {
    let word = bytes.get(bit / 8..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*word) << (bit % 8))
}

#[cfg(test)]
mod tests;
