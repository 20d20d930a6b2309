//! Reading segments of the index, through blocks that stay open in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use plinth_biometrics::index::block::{Block, BlockError, Visit, visit_all};
use plinth_biometrics::index::{Lookup, Tally};
use plinth_storage::{IndexView, Segment, StoreError};

/// Bytes of opened blocks that may stay in memory, shared by all segments.
pub(crate) struct Room {
    most: u64,
    taken: AtomicU64,
}

impl Room {
    pub(crate) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self { most, taken: AtomicU64::new(0) })
    }

    /// Takes so many bytes, if they are left beside `reserve`.
    fn take(&self, bytes: u64, reserve: u64) -> bool {
        let most = self.most.saturating_sub(reserve);
        let grown = |taken: u64| taken.checked_add(bytes).filter(|taken| *taken <= most);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }
}

/// A segment, and those of its blocks that are open.
///
/// A block is read and opened when a search first needs it, and stays until the segment goes, as long as there is room.
/// Segments never change, so nothing is ever put in its place: looking one up takes no lock. What is needed most
/// often is likely to come first.
pub(crate) struct OpenSegment {
    segment: Segment,
    blocks: Vec<OnceLock<Block>>,
    room: Arc<Room>,
    /// Bytes of the room that this segment leaves for those after it.
    reserve: u64,
    /// Bytes of the room that the blocks have taken.
    taken: AtomicU64,
}

impl OpenSegment {
    /// The segment that is the `number`th of its index, from 0. Every search looks as often into a small segment as into a
    /// large one, which takes at least four times the room. So the first leaves an eighth of it for those that come later, the
    /// second a quarter of that, and so on.
    pub(crate) fn new(segment: &Segment, number: usize, room: &Arc<Room>) -> Self {
        let blocks = (0..segment.blocks).map(|_| OnceLock::new()).collect();
        let quarters = u32::try_from(number).unwrap_or(u32::MAX);
        let reserve = (room.most / 8).checked_shr(quarters.saturating_mul(2)).unwrap_or(0);
        Self { segment: *segment, blocks, room: Arc::clone(room), reserve, taken: AtomicU64::new(0) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.segment.id
    }

    /// Casts everything that stands in the segment's buckets of the look-ups, which ascend by bucket.
    pub(crate) fn cast(
        &self,
        view: &IndexView,
        lookups: &[Lookup],
        tally: &mut Tally<'_>,
    ) -> Result<(), StoreError> {
        let (mut places, mut visits, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (place, lookup) in lookups.iter().enumerate() {
            match self.blocks.get(self.number(lookup) as usize).and_then(OnceLock::get) {
                Some(block) => {
                    places.push(place);
                    visits.push(self.visit(block, lookup));
                }
                None => missing.push(place),
            }
        }
        // It was read once before: what is wrong with it now is wrong with this machine's memory.
        self.cast_all(&visits, |index| places[index], tally)
            .map_err(|problem| StoreError::Corrupt { place: "segments", problem: problem.into() })?;
        let groups: Vec<&[usize]> =
            missing.chunk_by(|a, b| self.number(&lookups[*a]) == self.number(&lookups[*b])).collect();
        let numbers: Vec<u32> = groups.iter().map(|group| self.number(&lookups[group[0]])).collect();
        view.blocks(self.segment.id, &numbers, |at, bytes| {
            let (block, group) = (parse(bytes)?, groups[at]);
            let visits: Vec<_> = group.iter().map(|place| self.visit(&block, &lookups[*place])).collect();
            self.cast_all(&visits, |index| group[index], tally)?;
            self.keep(numbers[at], block);
            Ok(())
        })
    }

    fn number(&self, lookup: &Lookup) -> u32 {
        lookup.bucket >> self.segment.block_bits
    }

    fn visit<'b>(&self, block: &'b Block, lookup: &Lookup) -> Visit<'b> {
        let bucket = lookup.bucket & ((1 << self.segment.block_bits) - 1);
        Visit { block, bucket, fingers: lookup.fingers }
    }

    /// Casts what the visits find, each for the look-up whose place `place` gives for its index.
    fn cast_all(
        &self,
        visits: &[Visit<'_>],
        place: impl Fn(usize) -> usize,
        tally: &mut Tally<'_>,
    ) -> Result<(), &'static str> {
        let offset = super::offset(self.segment.from);
        let visited = visit_all(visits, |index, finger, people| {
            tally.cast_all(place(index), finger, offset, people);
        });
        visited.map_err(|error| problem(&error))
    }

    fn keep(&self, number: u32, block: Block) {
        let Some(slot) = self.blocks.get(number as usize) else { return };
        let bytes = block.bytes() as u64;
        if !self.room.take(bytes, self.reserve) {
            return;
        }
        if slot.set(block).is_ok() {
            self.taken.fetch_add(bytes, Ordering::Relaxed);
        } else {
            // Another search was faster.
            self.give_back(bytes);
        }
    }

    fn give_back(&self, bytes: u64) {
        self.room.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for OpenSegment {
    fn drop(&mut self) {
        self.give_back(self.taken.load(Ordering::Relaxed));
    }
}

/// Opens a block.
pub(crate) fn parse(mut bytes: zeroize::Zeroizing<Vec<u8>>) -> Result<Block, &'static str> {
    Block::parse(std::mem::take(&mut *bytes)).map_err(|error| problem(&error))
}

/// What is wrong with a block, in the words of the store.
pub(crate) fn problem(error: &BlockError) -> &'static str {
    match error {
        BlockError::Format => {
            "a block of the index is of another format: order a new index with `plinth reindex`"
        }
        BlockError::Header { .. } => "a block's header is impossible",
        BlockError::Length { .. } => "a block's buckets do not fit its length",
        BlockError::Bucket { .. } => "a bucket of a block is corrupt",
        _ => "a block cannot be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plinth_biometrics::index::block::encode;
    use plinth_identity::id::Sequence;

    fn segment(blocks: u32) -> Segment {
        let (from, until) = (Sequence::new(1), Sequence::new(2));
        Segment { id: 1, from, until, people: 1, postings: 0, block_bits: 0, blocks, bytes: 0 }
    }

    fn block() -> Block {
        Block::parse(encode(&[], 0, 1).unwrap()).unwrap()
    }

    fn open(segment: &OpenSegment) -> usize {
        segment.blocks.iter().filter(|block| block.get().is_some()).count()
    }

    #[test]
    fn a_large_segment_leaves_room_for_later_ones_and_gives_it_back() {
        let room = Room::new(64 * block().bytes() as u64);
        let (first, second) = (segment(100), segment(100));
        let (first, second) = (OpenSegment::new(&first, 0, &room), OpenSegment::new(&second, 1, &room));
        (0..100).for_each(|number| first.keep(number, block()));
        (0..100).for_each(|number| second.keep(number, block()));
        assert_eq!((open(&first), open(&second)), (56, 6));
        // A block that is open already, or that is not there, takes nothing.
        drop(first);
        second.keep(0, block());
        second.keep(100, block());
        (10..100).for_each(|number| second.keep(number, block()));
        assert_eq!(open(&second), 62);
        drop(second);
        assert_eq!(room.taken.load(Ordering::Relaxed), 0);
    }
}
