//! The statements of one commit, which one signature may prove.

use plinth_identity::id::LogPosition;
use plinth_identity::merkle::Tree;
use plinth_storage::{CommittedBatch, LeafBatch, Problem, Reader, StoreError, Writer, check};

use crate::asking::at;
use crate::people::Store;

fn leaf(index: u64) -> [u8; 32] {
    let mut leaf = [7; 32];
    leaf[..8].copy_from_slice(&index.to_be_bytes());
    leaf
}

/// Commits these leaves, to be signed together until a moment or not at all.
fn commit(writer: &mut Writer, leaves: std::ops::Range<u64>, until: Option<u64>) -> CommittedBatch<()> {
    let mut staged = writer.stage();
    for index in leaves {
        staged.append_leaf(&leaf(index));
        if let Some(until) = until {
            staged.sign_together(at(until));
        }
    }
    writer.commit_batch(staged, vec![()]).unwrap()
}

fn batch_at(reader: &Reader, position: u64) -> Result<Option<(u64, Tree)>, StoreError> {
    let batch = reader.leaf_batch(LogPosition::new(position))?;
    Ok(batch.map(|batch| {
        let LeafBatch { first, tree } = batch.into_inner();
        (first.get(), tree)
    }))
}

#[test]
fn a_batch_is_made_again_from_the_log_as_it_was_after_a_restart_too() {
    let store = Store::new();
    let roots: Vec<[u8; 32]> = {
        let (_reader, mut writer) = store.open();
        assert!(commit(&mut writer, 1..4, None).1.is_none());
        [4..5, 5..12, 12..14]
            .map(|leaves| commit(&mut writer, leaves, Some(1_000)).1.unwrap())
            .map(|batch| {
                let LeafBatch { tree, .. } = batch.into_inner();
                tree.root()
            })
            .into()
    };
    let (reader, _writer) = store.open();
    for (position, (first, size, root)) in
        [(4, (4, 1, 0)), (5, (5, 7, 1)), (8, (5, 7, 1)), (11, (5, 7, 1)), (12, (12, 2, 2)), (13, (12, 2, 2))]
    {
        let (found, tree) = batch_at(&reader, position).unwrap().unwrap();
        assert_eq!((found, tree.size(), tree.root()), (first, size, roots[root]), "{position}");
    }
    // Signed alone, and not there yet.
    assert!(batch_at(&reader, 2).unwrap().is_none());
    assert!(batch_at(&reader, 14).unwrap().is_none());
    assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
}

#[test]
fn leaves_that_were_altered_on_disk_are_never_proved() {
    let store = Store::new();
    commit(&mut store.open().1, 1..6, Some(1_000));
    {
        let tables = store.tables();
        let log = tables.cf_handle("log").unwrap();
        let key = 3_u64.to_be_bytes();
        let mut row = tables.get_cf(log, key).unwrap().unwrap();
        *row.last_mut().unwrap() ^= 1;
        tables.put_cf(log, key, row).unwrap();
    }
    let (reader, _writer) = store.open();
    for position in 1..6 {
        assert!(matches!(batch_at(&reader, position), Err(StoreError::Corrupt { .. })), "{position}");
    }
    let report = check(&reader, &mut |_| {}).unwrap();
    assert_eq!(report.problems.get(&Problem::BatchAltered), Some(&1));
}

#[test]
fn a_batch_goes_when_the_last_of_its_answers_may_go() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    for (index, until) in [(1, 500), (2, 2_000), (3, 1_000)] {
        staged.append_leaf(&leaf(index));
        staged.sign_together(at(until));
    }
    drop(writer.commit_batch(staged, vec![()]).unwrap());
    let mut reclaim = |until: u64| {
        let mut staged = writer.stage();
        let removed = staged.reclaim(at(until), 100).unwrap();
        drop(writer.commit_batch(staged, vec![()]).unwrap());
        removed
    };
    assert_eq!(reclaim(2_000), 0);
    assert!(batch_at(&reader, 1).unwrap().is_some());
    assert_eq!(reclaim(2_001), 1);
    assert!(batch_at(&reader, 1).unwrap().is_none());
    assert!(check(&reader, &mut |_| {}).unwrap().is_clean());
}
