//! A check of the index against the features that it was made of.

use plinth_biometrics::index::block::{Entry, encode};
use plinth_biometrics::index::{BUCKET_BITS, INDEX_VERSION, postings};
use plinth_identity::case::{CaseDecision, CaseState};
use plinth_identity::gallery::Holder;
use plinth_identity::id::{CaseId, Sequence};
use plinth_identity::time::Timestamp;
use plinth_storage::{IndexManifest, Problem, Reader, Report, Segment, Writer, check};

use crate::galleries::{PEOPLE, features, originals};
use crate::people::{Store, case, party_id};

const BLOCK_BITS: u8 = 18;
const BLOCKS: u32 = 1 << (BUCKET_BITS - BLOCK_BITS as u32);

/// People with fingers, waiting for their cases' decisions, so that they are in the gallery.
fn populate(writer: &mut Writer) {
    let mut staged = writer.stage();
    for _ in 0..PEOPLE {
        let (sequence, id) = (staged.next_sequence(), staged.next_case());
        staged.put_gallery(sequence, &originals(sequence), &features(sequence.get()));
        staged.put_case(&case(id, sequence));
        staged.put_holder(sequence, &Holder::Pending(id));
    }
    writer.commit(staged, vec![()]).unwrap();
}

/// Indexes some of the people before `until` in a segment, and says what a manifest should.
fn index(reader: &Reader, id: u32, people: &[u64], until: u64) -> Segment {
    let key = reader.keys().index_key(1);
    let mut all: Vec<Entry> = people
        .iter()
        .flat_map(|person| {
            let row = features(*person);
            let entry = |posting: plinth_biometrics::index::Posting| Entry {
                bucket: posting.bucket,
                finger: posting.finger,
                person: u32::try_from(person - 1).unwrap(),
            };
            postings(&key, &row.fingers).into_iter().map(entry).collect::<Vec<_>>()
        })
        .collect();
    all.sort_unstable();
    let range = u32::try_from(until - 1).unwrap();
    let mut writer = reader.segment_writer(id).unwrap();
    let mut rest = all.as_slice();
    for block in 0..BLOCKS {
        let (own, later) = rest.split_at(rest.partition_point(|entry| entry.bucket >> BLOCK_BITS == block));
        rest = later;
        let within: Vec<Entry> =
            own.iter().map(|entry| Entry { bucket: entry.bucket % (1 << BLOCK_BITS), ..*entry }).collect();
        writer.put(block, &encode(&within, BLOCK_BITS, range).unwrap()).unwrap();
    }
    Segment {
        id,
        from: Sequence::new(1),
        until: Sequence::new(until),
        people: u64::from(range),
        postings: all.len() as u64,
        block_bits: BLOCK_BITS,
        blocks: BLOCKS,
        bytes: writer.finish().unwrap(),
    }
}

fn list(writer: &mut Writer, segment: Segment) {
    let mut staged = writer.stage();
    let segments = vec![segment];
    staged.put_index_manifest(&IndexManifest { version: INDEX_VERSION, epoch: 1, next_segment: 9, segments });
    writer.commit(staged, vec![()]).unwrap();
}

fn report(reader: &Reader) -> Report {
    check(reader, &mut |_| {}).unwrap()
}

fn problems(reader: &Reader) -> Vec<(Problem, u64)> {
    report(reader).problems.into_iter().collect()
}

fn withdraw(writer: &mut Writer, person: u64) {
    let sequence = Sequence::new(person);
    let mut staged = writer.stage();
    let id = CaseId::new(person);
    let mut closed = staged.case(id).unwrap().unwrap();
    closed.state = CaseState::Decided {
        decision: CaseDecision::Refuse,
        reason: "the same person".to_owned(),
        administrators: [party_id("one"), party_id("two")],
        at: Timestamp::from_millis(9),
    };
    staged.put_case(&closed);
    staged.remove_gallery(sequence);
    staged.put_holder(sequence, &Holder::Withdrawn);
    writer.commit(staged, vec![()]).unwrap();
}

#[test]
fn an_index_of_everybody_is_clean_and_counted_also_when_somebody_has_left_or_come_since() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer);
    let segment = index(&reader, 1, &[1, 2, 3, 4], PEOPLE);
    list(&mut writer, segment);
    // The last person is beyond the segment.
    assert_eq!(problems(&reader), []);
    assert_eq!(report(&reader).counts.postings, segment.postings);
    withdraw(&mut writer, 2);
    assert_eq!(problems(&reader), []);
    assert_eq!(report(&reader).counts.tombstones, 1);
}

#[test]
fn somebody_who_is_missing_in_the_index_or_too_much_in_it_is_noticed() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer);
    let segment = index(&reader, 1, &[1, 2, 4], PEOPLE);
    list(&mut writer, segment);
    assert_eq!(problems(&reader), [(Problem::PostingsDiffer, 1)]);
    // Nobody's postings but those of somebody who has left without a tombstone.
    let segment = index(&reader, 2, &[1, 2, 3, 4], PEOPLE);
    list(&mut writer, segment);
    withdraw(&mut writer, 3);
    let mut staged = writer.stage();
    staged.clear_tombstone(Sequence::new(3));
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(problems(&reader), [(Problem::PostingWithoutFeatures, 1)]);
}

#[test]
fn a_manifest_that_counts_otherwise_than_its_blocks_is_noticed() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer);
    let segment = index(&reader, 1, &[1, 2, 3, 4, 5], PEOPLE + 1);
    let wrong = [
        Segment { postings: segment.postings + 1, ..segment },
        Segment { bytes: segment.bytes - 1, ..segment },
        Segment { people: PEOPLE - 1, ..segment },
    ];
    for wrong in wrong {
        list(&mut writer, wrong);
        assert_eq!(problems(&reader), [(Problem::SegmentCounts, 1)]);
    }
    list(&mut writer, Segment { until: Sequence::new(PEOPLE + 2), ..segment });
    assert_eq!(problems(&reader), [(Problem::NeverGiven("manifests"), 1)]);
    list(&mut writer, Segment { block_bits: BLOCK_BITS + 1, ..segment });
    assert!(problems(&reader).contains(&(Problem::Unreadable("segments"), u64::from(BLOCKS))));
    list(&mut writer, segment);
    assert_eq!(problems(&reader), []);
}

#[test]
fn a_block_that_is_missing_or_too_much_is_noticed() {
    let store = Store::new();
    {
        let (reader, mut writer) = store.open();
        populate(&mut writer);
        let segment = index(&reader, 1, &[1, 2, 3, 4, 5], PEOPLE + 1);
        list(&mut writer, segment);
    }
    {
        let tables = store.tables();
        let family = tables.cf_handle("segments").unwrap();
        let block = |number: u32| [1_u32.to_be_bytes(), number.to_be_bytes()].concat();
        tables.put_cf(family, block(BLOCKS), b"x").unwrap();
        tables.delete_cf(family, block(5)).unwrap();
    }
    let (reader, _writer) = store.open();
    let found = problems(&reader);
    assert!(found.contains(&(Problem::Unreadable("segments"), 1)), "{found:?}");
    assert!(found.contains(&(Problem::SegmentCounts, 2)), "{found:?}");
    assert!(found.iter().any(|(problem, _)| *problem == Problem::PostingsDiffer), "{found:?}");
}

#[test]
fn a_tombstone_of_somebody_in_the_gallery_is_noticed() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer);
    let mut staged = writer.stage();
    staged.remove_gallery(Sequence::new(2));
    staged.put_gallery(Sequence::new(2), &originals(Sequence::new(2)), &features(2));
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(problems(&reader), [(Problem::TombstoneOfLiving, 1)]);
}
