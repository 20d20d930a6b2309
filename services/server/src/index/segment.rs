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

    /// Takes so many bytes, if they are left.
    fn take(&self, bytes: u64) -> bool {
        let grown = |taken: u64| taken.checked_add(bytes).filter(|taken| *taken <= self.most);
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
    /// Bytes of the room that the blocks have taken.
    taken: AtomicU64,
}

impl OpenSegment {
    pub(crate) fn new(segment: &Segment, room: &Arc<Room>) -> Self {
        let blocks = (0..segment.blocks).map(|_| OnceLock::new()).collect();
        Self { segment: *segment, blocks, room: Arc::clone(room), taken: AtomicU64::new(0) }
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
        let visited = visit_all(visits, |index, finger, person| {
            tally.cast(place(index), finger, offset.saturating_add(person));
        });
        visited.map_err(|error| problem(&error))
    }

    fn keep(&self, number: u32, block: Block) {
        let Some(slot) = self.blocks.get(number as usize) else { return };
        let bytes = block.bytes() as u64;
        if !self.room.take(bytes) {
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
