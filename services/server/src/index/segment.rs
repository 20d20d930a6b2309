//! Reading segments of the index, through a cache of opened blocks.

use std::sync::Arc;

use plinth_biometrics::index::block::{Block, BlockError};
use plinth_biometrics::index::{Lookup, Tally};
use plinth_storage::{IndexView, Segment, StoreError};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Opened blocks, by segment and number: ids of segments are never used again. One cache serves all segments.
pub(crate) type BlockCache = Cache<(u32, u32), Arc<Held>, Bytes>;

/// A block in memory.
pub(crate) struct Held {
    block: Block,
    bytes: u64,
}

/// Weighs a block by its bytes.
#[derive(Clone)]
pub(crate) struct Bytes;

impl Weighter<(u32, u32), Arc<Held>> for Bytes {
    fn weight(&self, _key: &(u32, u32), held: &Arc<Held>) -> u64 {
        // With what the cache and the allocations need beside it.
        held.bytes.saturating_add(128)
    }
}

/// Casts everything that stands in a segment's buckets of the look-ups, which ascend by bucket.
pub(crate) fn cast(
    view: &IndexView,
    segment: &Segment,
    cache: &BlockCache,
    lookups: &[Lookup],
    tally: &mut Tally<'_>,
) -> Result<(), StoreError> {
    let block_of = |lookup: &Lookup| lookup.bucket >> segment.block_bits;
    let mut missing: Vec<(u32, &[Lookup], usize)> = Vec::new();
    let mut first = 0;
    for group in lookups.chunk_by(|a, b| block_of(a) == block_of(b)) {
        let number = block_of(&group[0]);
        match cache.get(&(segment.id, number)) {
            // It was read once before: what is wrong with it now is wrong with this machine's memory.
            Some(held) => {
                cast_block(&held.block, segment, group, first, tally)
                    .map_err(|problem| StoreError::Corrupt { place: "segments", problem: problem.into() })?;
            }
            None => missing.push((number, group, first)),
        }
        first += group.len();
    }
    let numbers: Vec<u32> = missing.iter().map(|(number, ..)| *number).collect();
    view.blocks(segment.id, &numbers, |place, bytes| {
        let (number, group, first) = missing[place];
        let held = open(bytes)?;
        cast_block(&held.block, segment, group, first, tally)?;
        cache.insert((segment.id, number), Arc::new(held));
        Ok(())
    })
}

fn open(mut bytes: zeroize::Zeroizing<Vec<u8>>) -> Result<Held, &'static str> {
    let length = bytes.len() as u64;
    let block = Block::parse(std::mem::take(&mut *bytes)).map_err(|error| problem(&error))?;
    Ok(Held { block, bytes: length })
}

/// An opened block, not kept.
pub(crate) fn parse(bytes: zeroize::Zeroizing<Vec<u8>>) -> Result<Block, &'static str> {
    open(bytes).map(|held| held.block)
}

fn cast_block(
    block: &Block,
    segment: &Segment,
    group: &[Lookup],
    first: usize,
    tally: &mut Tally<'_>,
) -> Result<(), &'static str> {
    let offset = super::offset(segment.from);
    let within = (1 << segment.block_bits) - 1;
    for (place, lookup) in group.iter().enumerate() {
        let visited = block.visit(lookup.bucket & within, lookup.fingers, |finger, person| {
            tally.cast(first + place, finger, offset.saturating_add(person));
        });
        visited.map_err(|error| problem(&error))?;
    }
    Ok(())
}

/// What is wrong with a block, in the words of the store.
pub(crate) fn problem(error: &BlockError) -> &'static str {
    match error {
        BlockError::Format => "a block is of no known format",
        BlockError::Header { .. } => "a block's header is impossible",
        BlockError::Length { .. } => "a block's groups do not fit its length",
        BlockError::Group { .. } => "a group of a block is corrupt",
        _ => "a block cannot be read",
    }
}
