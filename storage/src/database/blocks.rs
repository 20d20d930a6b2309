//! Blocks of segments in RocksDB: files written beside the tables and taken in whole, reads of many blocks at once, and
//! files dropped whole.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rocksdb::{IngestExternalFileOptions, Options, SstFileWriter, WriteOptions};
use zeroize::Zeroizing;

use super::{Database, failed};
use crate::error::StoreError;
use crate::options;
use crate::tables::segments::{self, Key};

/// Blocks that one read holds in memory as they are on disk: 2 MiB of them.
const BLOCKS_AT_ONCE: usize = 512;

/// A file of blocks that no table knows of yet.
pub(crate) struct BlockFile<'a>(SstFileWriter<'a>);

impl BlockFile<'_> {
    /// Adds a sealed block. Keys ascend.
    pub(crate) fn put(&mut self, key: &Key, sealed: &[u8]) -> Result<(), StoreError> {
        self.0.put(key, sealed).map_err(|error| failed(segments::NAME, &error))
    }

    /// Bytes written so far.
    pub(crate) fn size(&self) -> u64 {
        self.0.file_size()
    }

    /// Ends the file. It is on disk on return.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        self.0.finish().map_err(|error| failed(segments::NAME, &error))
    }
}

impl Database {
    /// Begins a file of blocks. `options` are [`crate::options::block_file`].
    pub(crate) fn block_file<'a>(options: &'a Options, path: &Path) -> Result<BlockFile<'a>, StoreError> {
        let file = SstFileWriter::create(options);
        file.open(path).map_err(|error| failed(segments::NAME, &error))?;
        Ok(BlockFile(file))
    }

    /// Takes finished files over into the table: all of them or none, durable on return.
    pub(crate) fn take_in(&self, files: &[PathBuf]) -> Result<(), StoreError> {
        let mut ingestion = IngestExternalFileOptions::default();
        // Linked and not copied: a segment of a million people is gigabytes.
        ingestion.set_move_files(true);
        // A check in progress must not see blocks that the manifest of its moment does not list.
        ingestion.set_snapshot_consistency(true);
        self.engine
            .ingest_external_file_cf_opts(self.family(segments::NAME)?, &ingestion, files.to_vec())
            .map_err(|error| failed(segments::NAME, &error))
    }

    /// Opens blocks of a segment, whose numbers must ascend and differ, and visits each with its place in `numbers`.
    pub(crate) fn blocks(
        &self,
        segment: u32,
        numbers: &[u32],
        mut visit: impl FnMut(usize, Zeroizing<Vec<u8>>) -> Result<(), &'static str>,
    ) -> Result<(), StoreError> {
        let family = self.family(segments::NAME)?;
        let read = options::block_read();
        let damaged = |problem| StoreError::corrupt(segments::NAME, problem);
        let mut place = 0;
        for some in numbers.chunks(BLOCKS_AT_ONCE) {
            let keys: Vec<Key> = some.iter().map(|number| segments::key(segment, *number)).collect();
            let found = self.engine.batched_multi_get_cf_opt(family, &keys, true, &read);
            for (key, row) in keys.iter().zip(found) {
                let sealed = row
                    .map_err(|error| failed(segments::NAME, &error))?
                    .ok_or_else(|| damaged("a block is missing"))?;
                visit(place, self.open_block(key, &sealed)?).map_err(damaged)?;
                place += 1;
            }
        }
        Ok(())
    }

    /// Opens a block that stood under a key.
    pub(crate) fn open_block(&self, key: &Key, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.keys.open(&segments::place(key), sealed).map_err(|_| {
            StoreError::corrupt(
                segments::NAME,
                "a block does not open: altered, moved, or sealed by other keys",
            )
        })
    }

    /// The segments of which there are blocks, ascending, whether a manifest lists them or not. One seek each.
    pub(crate) fn segments_present(&self) -> Result<Vec<u32>, StoreError> {
        let mut present = Vec::new();
        let mut from = Some(0);
        while let Some(segment) = from.take() {
            self.live().walk(segments::NAME, &segments::key(segment, 0), |key, _| {
                let (found, _) = segments::split(key)?;
                present.push(found);
                from = found.checked_add(1);
                Ok(ControlFlow::Break(()))
            })?;
        }
        Ok(present)
    }

    /// Deletes every block of a segment. Nobody may be reading it: not even a frozen view keeps the files.
    pub(crate) fn delete_segment(&self, segment: u32) -> Result<(), StoreError> {
        let family = self.family(segments::NAME)?;
        let fail = |error| failed(segments::NAME, &error);
        let (first, last) = (segments::key(segment, 0), segments::key(segment, u32::MAX));
        // Whole files at once: their space is free on return, and nothing is rewritten.
        self.engine.delete_file_in_range_cf(family, first, last).map_err(fail)?;
        // Blocks whose file is shared, or too new to have left level 0, are hidden and go with the next compaction. The
        // range ends before the next segment; ids never reach the last one, so the very last block need not be covered.
        if self.segments_present()?.contains(&segment) {
            // Not synced: what is lost by a crash is done again when the store opens.
            self.engine.delete_range_cf_opt(family, first, last, &WriteOptions::default()).map_err(fail)?;
            self.engine.delete_cf(family, last).map_err(fail)?;
        }
        Ok(())
    }
}
