//! How RocksDB is set up, each option with its reason.

use std::time::Duration;

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, LogLevel, Options,
    ReadOptions, WriteOptions,
};

use crate::tables::features::Features;
use crate::tables::nonces::Nonces;
use crate::tables::outbox::Outbox;
use crate::tables::requests::Requests;
use crate::tables::templates::Templates;
use crate::tables::{self, RETIRED_POSTINGS, Table, expiries, segments};
use crate::upgrade;

const MIB: usize = 1 << 20;

/// What an operator may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes of memory for blocks read from the tables, shared by all of them. Default 256 MiB.
    pub cache_bytes: usize,
    /// Bytes of memory for rows not yet written to table files, shared by all tables. Default 128 MiB.
    pub memtable_bytes: usize,
    /// How far the high-water mark may lag behind the last commit: the longest stretch of durable commits whose loss
    /// would go unnoticed if the write-ahead log were deleted. Default one second.
    pub mark_interval: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { cache_bytes: 256 * MIB, memtable_bytes: 128 * MIB, mark_interval: Duration::from_secs(1) }
    }
}

/// What opening a database may bring into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The database itself, which must not exist.
    Create,
    /// Nothing: every table must be there.
    Existing,
    /// The tables that formats after this one added.
    Upgrade {
        /// The format of the store as it is.
        from: u32,
    },
}

/// Options of the database as a whole.
pub(crate) fn database(options: &StoreOptions, opening: Opening) -> Options {
    let mut db = Options::default();
    // Only `create` may bring a database into being: a mistyped path must not start an empty nation.
    db.create_if_missing(opening == Opening::Create);
    db.set_error_if_exists(opening == Opening::Create);
    // A table that has vanished must not come back empty.
    db.create_missing_column_families(opening != Opening::Existing);
    // Point-in-time recovery, the default, drops every record after a flipped bit and opens without a word. This mode
    // forgives only an unfinished record at the end, which nobody was answered for, and refuses anything else.
    db.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    // A recycled log file ends in old records, which the mode above could not tell from a torn tail.
    db.set_recycle_log_file_num(0);
    // A log file that was closed and has since vanished is noticed when the store opens.
    db.set_track_and_verify_wals_in_manifest(true);
    // Any inconsistency between files stops the database at once instead of spreading by compaction.
    db.set_paranoid_checks(true);
    // Tables that are seldom written would keep old logs alive, and a restart would replay them all.
    db.set_max_total_wal_size(256 * MIB as u64);
    // One budget for all memtables, so that memory does not grow with the number of tables.
    db.set_db_write_buffer_size(options.memtable_bytes);
    // One flush and one compaction beside the committer: this is an embedded store and the CPUs belong to the matcher.
    db.set_max_background_jobs(2);
    // Below the usual limit of 1,024 descriptors, with room for connections.
    db.set_max_open_files(512);
    // The engine's own log keeps warnings only, in few small files: statistics and option dumps tell a thief about load
    // and grow without bound.
    db.set_log_level(LogLevel::Warn);
    db.set_max_log_file_size(MIB);
    db.set_keep_log_file_num(4);
    db.set_stats_dump_period_sec(0);
    db.set_stats_persist_period_sec(0);
    db
}

/// Every table with its options. All share one block cache.
pub(crate) fn families(options: &StoreOptions, opening: Opening) -> Vec<ColumnFamilyDescriptor> {
    // 0: the cache finds its own entry size. This kind takes no lock on a hit, and one search makes thousands.
    let cache = Cache::new_hyper_clock_cache(options.cache_bytes, 0);
    let mut families: Vec<_> = tables::families()
        .map(|name| ColumnFamilyDescriptor::new(name, family(name, options, &cache)))
        .collect();
    if let Opening::Upgrade { .. } = opening {
        let mut retired = Options::default();
        // The log may end in changes of this table. Should the upgrade fail, the older program must find them made.
        retired.set_merge_operator_associative("symmetric difference", |_, row, operands| {
            upgrade::symmetric_difference(row.into_iter().chain(operands.iter()))
        });
        families.push(ColumnFamilyDescriptor::new(RETIRED_POSTINGS, retired));
    }
    families
}

fn family(name: &str, options: &StoreOptions, cache: &Cache) -> Options {
    if name == segments::NAME {
        return block_file();
    }
    let mut table = Options::default();
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    // 10 bits a key miss one absent key in a hundred; most look-ups (new request ids) are for absent keys.
    blocks.set_bloom_filter(10.0, false);
    // Index and filter blocks count against the cache's budget, the newest ones staying in it.
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Sealed rows look random: there is nothing to compress.
    table.set_compression_type(DBCompressionType::None);
    if name == Requests::NAME || name == Nonces::NAME {
        // What is looked up here is mostly not there, every request being new, and most of what would be found is in
        // memory: a filter over it saves the search. Not for people's counters: what a filter saves there would tell. The ratio is of the table's share of the buffers.
        table.set_memtable_whole_key_filtering(true);
        table.set_memtable_prefix_bloom_ratio(0.02);
    }
    if name == Features::NAME || name == Templates::NAME {
        // Written in the order of their keys, so files never overlap and are moved down the levels without being written
        // again: they stay as large as the shared budget lets them grow, and a million people need few descriptors.
        table.set_write_buffer_size(options.memtable_bytes);
    }
    if name == expiries::NAME || name == Outbox::NAME {
        // Queues: rows are put at one end and deleted at the other. A file in which half of 4,096 neighbours are
        // deletions is compacted soon, or every look at the head of the queue would step over the dead.
        table.add_compact_on_deletion_collector_factory(4096, 2048, 0.5);
    }
    table.set_block_based_table_factory(&blocks);
    table
}

/// The table of the index's blocks, and the files that are written beside it.
pub(crate) fn block_file() -> Options {
    let mut table = Options::default();
    let mut blocks = BlockBasedOptions::default();
    // A sealed block of the index is about this long: each is a block of the file, so that one read fetches it alone.
    blocks.set_block_size(4096);
    // Searches keep opened blocks themselves, and the system keeps the files' pages: a third copy would only push out rows.
    blocks.disable_cache();
    // Outside the cache, where nothing evicts them: every search needs every file's list of blocks, 20 bytes a block.
    blocks.set_cache_index_and_filter_blocks(false);
    // No filter: whatever is looked up is there. And sealed bytes do not compress.
    table.set_compression_type(DBCompressionType::None);
    // Should files ever be compacted, they are to stay as long as they were written.
    table.set_target_file_size_base(256 * MIB as u64);
    table.set_block_based_table_factory(&blocks);
    table
}

/// Every commit reaches the disk before it returns.
pub(crate) fn durable_write() -> WriteOptions {
    let mut write = WriteOptions::default();
    // Without this a power cut loses every acknowledged commit of the last seconds.
    write.set_sync(true);
    // Batches arrive sorted by key, so each insertion starts where the last one ended.
    write.set_memtable_insert_hint_per_batch(true);
    write
}

/// Reading blocks of the index.
pub(crate) fn block_read() -> ReadOptions {
    let mut read = ReadOptions::default();
    // The seal tells every altered bit; a second checksum of the same 4 KiB would find nothing more.
    read.set_verify_checksums(false);
    read
}

/// Reading many long rows of people who will hardly be asked for again.
pub(crate) fn bulk_read() -> ReadOptions {
    let mut read = ReadOptions::default();
    // A few hundred of them would push megabytes of other rows out of the cache.
    read.fill_cache(false);
    // As for blocks, the seal tells.
    read.set_verify_checksums(false);
    read
}

/// Walking everything once.
pub(crate) fn whole_read() -> ReadOptions {
    let mut read = ReadOptions::default();
    // One pass over everything must not push the working set out of the cache.
    read.fill_cache(false);
    read
}
