use std::fs;
use std::path::PathBuf;

use plinth_identity::id::Sequence;
use plinth_storage::{IndexManifest, IndexView, Reader, Segment, StoreError, Writer, backup, restore};

use crate::people::{Store, populate, root};

const BLOCKS: u32 = 40;

/// What block `number` of segment `id` says: about 4 KiB that are different for each.
fn content(id: u32, number: u32) -> Vec<u8> {
    let mut seed = u64::from(id) << 32 | u64::from(number);
    (0..4000 + number % 100)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed.to_be_bytes()[0]
        })
        .collect()
}

fn write(reader: &Reader, id: u32) -> u64 {
    let mut writer = reader.segment_writer(id).unwrap();
    for number in 0..BLOCKS {
        writer.put(number, &content(id, number)).unwrap();
    }
    writer.finish().unwrap()
}

fn manifest(ids: &[u32]) -> IndexManifest {
    let segments = ids
        .iter()
        .zip(0..)
        .map(|(id, place)| Segment {
            id: *id,
            from: Sequence::new(1 + 10 * place),
            until: Sequence::new(11 + 10 * place),
            people: 10,
            postings: 100,
            block_bits: 4,
            blocks: BLOCKS,
            bytes: 1,
        })
        .collect();
    let next_segment = ids.iter().max().map_or(0, |id| id + 1);
    IndexManifest { version: 1, epoch: 1, next_segment, segments }
}

fn list(writer: &mut Writer, ids: &[u32]) {
    let mut staged = writer.stage();
    staged.put_index_manifest(&manifest(ids));
    writer.commit(staged, vec![()]).unwrap();
}

fn read(view: &IndexView, id: u32, numbers: &[u32]) -> Result<Vec<(usize, Vec<u8>)>, StoreError> {
    let mut blocks = Vec::new();
    view.blocks(id, numbers, |place, block| {
        blocks.push((place, block.to_vec()));
        Ok(())
    })?;
    Ok(blocks)
}

fn assert_whole(reader: &Reader, id: u32) {
    let view = reader.index().unwrap().unwrap();
    let numbers: Vec<u32> = (0..BLOCKS).collect();
    let expected: Vec<_> = numbers.iter().map(|number| (*number as usize, content(id, *number))).collect();
    assert_eq!(read(&view, id, &numbers).unwrap(), expected);
}

/// Segments of which there is a block, looked up behind the store's back.
fn present(store: &Store) -> Vec<u32> {
    let tables = store.tables();
    let family = tables.cf_handle("segments").unwrap();
    let mut ids: Vec<u32> = tables
        .iterator_cf(family, rocksdb::IteratorMode::Start)
        .map(|row| u32::from_be_bytes(row.unwrap().0[..4].try_into().unwrap()))
        .collect();
    ids.dedup();
    ids
}

fn unfinished(store: &Store) -> Vec<PathBuf> {
    let folder = store.path().join("building");
    fs::read_dir(folder).map_or(Vec::new(), |files| files.map(|file| file.unwrap().path()).collect())
}

fn table_bytes(store: &Store) -> u64 {
    fs::read_dir(store.path().join("rocksdb"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .map(|path| fs::metadata(path).unwrap().len())
        .sum()
}

#[test]
fn a_listed_segment_reads_back_block_by_block_and_after_a_crash() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    assert!(reader.index().unwrap().is_none() && reader.index_manifest().unwrap().is_none());
    let sealed: u64 = (0..BLOCKS).map(|number| content(7, number).len() as u64 + 45 + 8).sum();
    assert_eq!(write(&reader, 7), sealed);
    list(&mut writer, &[7]);
    assert_whole(&reader, 7);
    assert_eq!(reader.index_manifest().unwrap(), Some(manifest(&[7])));
    let view = reader.index().unwrap().unwrap();
    assert_eq!(read(&view, 7, &[3, 5]).unwrap(), [(0, content(7, 3)), (1, content(7, 5))]);
    assert_eq!(read(&view, 7, &[]).unwrap(), []);

    let crashed = store.crashed();
    let (reader, _writer) = crashed.open();
    assert_whole(&reader, 7);
    assert_eq!(unfinished(&crashed), [] as [PathBuf; 0]);
}

#[test]
fn a_block_that_is_missing_altered_moved_or_refused_is_damage_of_the_table() {
    let damage: [fn(&rocksdb::DB); 3] = [
        |tables| tables.delete_cf(tables.cf_handle("segments").unwrap(), key(7, 3)).unwrap(),
        |tables| {
            let family = tables.cf_handle("segments").unwrap();
            let mut block = tables.get_cf(family, key(7, 3)).unwrap().unwrap();
            *block.last_mut().unwrap() ^= 1;
            tables.put_cf(family, key(7, 3), block).unwrap();
        },
        |tables| {
            let family = tables.cf_handle("segments").unwrap();
            let block = tables.get_cf(family, key(7, 4)).unwrap().unwrap();
            tables.put_cf(family, key(7, 3), block).unwrap();
        },
    ];
    for damage in damage {
        let store = Store::new();
        {
            let (reader, mut writer) = store.open();
            write(&reader, 7);
            list(&mut writer, &[7]);
        }
        damage(&store.tables());
        let (reader, _writer) = store.open();
        let view = reader.index().unwrap().unwrap();
        assert!(read(&view, 7, &[2, 4]).is_ok());
        let refused = read(&view, 7, &[2, 3, 4]);
        assert!(matches!(refused, Err(StoreError::Corrupt { place: "segments", .. })), "{refused:?}");
        let refused = view.blocks(7, &[2], |_, _| Err("not a block"));
        assert_eq!(refused, Err(StoreError::Corrupt { place: "segments", problem: "not a block".into() }));
        assert!(read(&view, 8, &[0]).is_err());
        assert!(read(&view, 7, &[BLOCKS]).is_err());
    }
}

fn key(segment: u32, block: u32) -> Vec<u8> {
    [segment.to_be_bytes(), block.to_be_bytes()].concat()
}

#[test]
fn what_a_crash_leaves_of_a_build_is_gone_when_the_store_opens() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=2);
    write(&reader, 1);
    list(&mut writer, &[1]);
    // Killed while a file is written, between the table's taking it and the manifest's commit, and after the commit.
    let mut half = reader.segment_writer(2).unwrap();
    for number in 0..BLOCKS {
        half.put(number, &content(2, number)).unwrap();
    }
    let while_writing = store.crashed();
    half.finish().unwrap();
    let before_the_commit = store.crashed();
    list(&mut writer, &[2]);
    let after_the_commit = store.crashed();

    assert_eq!(unfinished(&while_writing).len(), 1);
    assert_eq!(present(&before_the_commit), [1, 2]);
    for (crashed, listed) in [(while_writing, 1), (before_the_commit, 1), (after_the_commit, 2)] {
        {
            let (reader, _writer) = crashed.open();
            assert_whole(&reader, listed);
            // The id can be tried again if nothing came of it, and never while it is listed.
            assert_eq!(reader.segment_writer(2).is_ok(), listed == 1);
        }
        assert_eq!(unfinished(&crashed), [] as [PathBuf; 0]);
        assert_eq!(present(&crashed), [listed]);
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing_and_its_id_free() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut given_up = reader.segment_writer(1).unwrap();
    given_up.put(0, &content(1, 0)).unwrap();
    assert_eq!(unfinished(&store).len(), 1);
    assert_eq!(reader.segment_writer(1).err(), Some(StoreError::SegmentTaken { segment: 1 }));
    drop(given_up);
    assert_eq!(unfinished(&store), [] as [PathBuf; 0]);
    write(&reader, 1);
    assert_eq!(reader.segment_writer(1).err(), Some(StoreError::SegmentTaken { segment: 1 }));
    list(&mut writer, &[1]);
    assert_eq!(reader.segment_writer(1).err(), Some(StoreError::SegmentTaken { segment: 1 }));
    assert_eq!(reader.drop_segment(1), Err(StoreError::SegmentTaken { segment: 1 }));
    assert_whole(&reader, 1);
}

#[test]
fn blocks_are_written_in_the_order_of_their_numbers_only() {
    let store = Store::new();
    let (reader, _writer) = store.open();
    let mut writer = reader.segment_writer(1).unwrap();
    writer.put(1, b"one").unwrap();
    assert!(writer.put(1, b"one").is_err());
    assert!(writer.put(0, b"zero").is_err());
    writer.put(2, b"two").unwrap();
}

#[test]
fn a_replaced_segment_stays_for_those_who_read_it_and_then_frees_its_space() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let empty = table_bytes(&store);
    write(&reader, 1);
    list(&mut writer, &[1]);
    let full = table_bytes(&store);
    assert!(full - empty > u64::from(BLOCKS) * 4000);
    let view = reader.index().unwrap().unwrap();
    write(&reader, 2);
    list(&mut writer, &[2]);
    assert_whole(&reader, 2);
    // Dropped by name and by sweeping: a view holds it.
    reader.drop_segment(1).unwrap();
    reader.sweep_segments().unwrap();
    assert_eq!(read(&view, 1, &[9]).unwrap(), [(0, content(1, 9))]);
    drop(view);
    reader.sweep_segments().unwrap();
    assert_whole(&reader, 2);
    assert!(table_bytes(&store) < full + 10_000);
    drop((reader, writer));
    assert_eq!(present(&store), [2]);
}

#[test]
fn a_finished_segment_is_kept_for_its_commit_until_it_is_given_up() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    write(&reader, 1);
    write(&reader, 2);
    reader.sweep_segments().unwrap();
    reader.drop_segment(2).unwrap();
    list(&mut writer, &[1]);
    assert_whole(&reader, 1);
    drop((reader, writer));
    assert_eq!(present(&store), [1]);
}

#[test]
fn an_index_that_is_being_built_stays_over_a_restart_and_goes_when_it_is_given_up() {
    let store = Store::new();
    {
        let (reader, mut writer) = store.open();
        write(&reader, 1);
        write(&reader, 2);
        let mut staged = writer.stage();
        staged.put_index_manifest(&manifest(&[1]));
        staged.put_building_manifest(&IndexManifest { version: 2, ..manifest(&[2]) });
        writer.commit(staged, vec![()]).unwrap();
    }
    {
        let (reader, mut writer) = store.open();
        assert_whole(&reader, 1);
        let view = reader.building_index().unwrap().unwrap();
        assert_eq!((view.manifest().version, reader.building_manifest().unwrap().unwrap().version), (2, 2));
        assert_eq!(read(&view, 2, &[0]).unwrap(), [(0, content(2, 0))]);
        drop(view);
        let mut staged = writer.stage();
        staged.remove_building_manifest();
        writer.commit(staged, vec![()]).unwrap();
        assert!(reader.building_index().unwrap().is_none());
        reader.sweep_segments().unwrap();
        assert_whole(&reader, 1);
    }
    assert_eq!(present(&store), [1]);
}

#[test]
fn a_backup_holds_the_segments_that_its_manifest_lists() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=2);
    write(&reader, 1);
    list(&mut writer, &[1]);
    // A segment that nobody lists yet goes along, and goes when the copy opens.
    write(&reader, 2);
    let mut half = reader.segment_writer(3).unwrap();
    half.put(0, &content(3, 0)).unwrap();
    let folders = tempfile::tempdir().unwrap();
    let (copy, restored) = (folders.path().join("backup"), tempfile::tempdir().unwrap());
    backup(&reader, &copy).unwrap();
    drop(half);
    // The serving store goes on without the segment; the copy has linked its files.
    list(&mut writer, &[2]);
    reader.sweep_segments().unwrap();

    restore(&copy, restored.path(), &root(1)).unwrap();
    let restored = Store { folder: restored };
    {
        let (reader, _writer) = restored.open();
        assert_whole(&reader, 1);
    }
    assert_eq!(present(&restored), [1]);
    assert_eq!(unfinished(&restored), [] as [PathBuf; 0]);
}

#[test]
fn tombstones_are_written_with_the_removal_and_stay_until_cleared() {
    let store = Store::new();
    {
        let (reader, mut writer) = store.open();
        populate(&mut writer, 1..=3);
        let mut staged = writer.stage();
        for sequence in [3, 1] {
            staged.remove_gallery(Sequence::new(sequence));
        }
        writer.commit(staged, vec![()]).unwrap();
        assert_eq!(reader.tombstones(Sequence::new(0), 10).unwrap(), [Sequence::new(1), Sequence::new(3)]);
    }
    let (reader, mut writer) = store.open();
    assert_eq!(reader.tombstones(Sequence::new(0), 1).unwrap(), [Sequence::new(1)]);
    assert_eq!(reader.tombstones(Sequence::new(2), 10).unwrap(), [Sequence::new(3)]);
    let mut staged = writer.stage();
    staged.clear_tombstone(Sequence::new(1));
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(reader.tombstones(Sequence::new(0), 10).unwrap(), [Sequence::new(3)]);
}
