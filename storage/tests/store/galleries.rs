//! Features of this algorithm and of another one, side by side.

use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::application::FingerSample;
use plinth_identity::gallery::{FeatureRow, GalleryEntry};
use plinth_identity::id::Sequence;
use plinth_identity::keys::{KeyRing, Place};
use plinth_storage::{CommitError, Writer};

use crate::people::{DEPLOYMENT, Store, root};

pub(crate) const PEOPLE: u64 = 5;

pub(crate) fn originals(sequence: Sequence) -> GalleryEntry {
    let person = SyntheticPerson::new(7, sequence.get());
    let positions = [FingerPosition::RightThumb, FingerPosition::LeftIndex];
    let fingers = positions
        .map(|position| FingerSample { position, record: person.capture(position, 0).encode() })
        .to_vec();
    GalleryEntry { sequence, fingers }
}

pub(crate) fn features(sequence: u64) -> FeatureRow {
    originals(Sequence::new(sequence)).features().unwrap()
}

fn populate(writer: &mut Writer) {
    let mut staged = writer.stage();
    for _ in 0..PEOPLE {
        let sequence = staged.next_sequence();
        staged.put_gallery(sequence, &originals(sequence), &features(sequence.get()));
    }
    writer.commit(staged, vec![()]).unwrap();
}

/// Makes people's stored features those of another version, behind the store's back.
fn make_stale(store: &Store, people: &[u64]) {
    let (tables, keys) = (store.tables(), KeyRing::derive(&root(1), DEPLOYMENT));
    let family = tables.cf_handle("features").unwrap();
    for person in people {
        let key = person.to_be_bytes();
        let place = Place { table: "features", key: &key, version: 1, secret: None };
        let mut row = keys.open(&place, &tables.get_cf(family, key).unwrap().unwrap()).unwrap().to_vec();
        row[1] ^= 0x40;
        tables.put_cf(family, key, keys.seal(&place, &row, [3; 24])).unwrap();
    }
}

#[test]
fn many_rows_are_read_together_as_they_are_one_by_one() {
    let store = Store::new();
    populate(&mut store.open().1);
    make_stale(&store, &[2]);
    let (reader, _writer) = store.open();
    let asked = [4, 2, 99, 1, 4, 0].map(Sequence::new);
    let found = reader.features_of(&asked).unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, true, true, false]);
    assert!(reader.features_of(&[]).unwrap().is_empty());
    let thumb = FingerPosition::RightThumb;
    for (sequence, row) in asked.iter().zip(found) {
        let expected = reader.features(*sequence).unwrap();
        assert!(row.as_ref().map(|row| row.fingers().unwrap()) == expected.clone().map(|row| row.fingers));
        let expected = expected.map(|row| row.fingers.into_iter().filter(|one| one.position() == thumb));
        let thumbs = row.map(|row| row.fingers_where(|position| position == thumb).unwrap());
        assert!(thumbs == expected.map(Iterator::collect));
    }
}

#[test]
fn features_of_another_algorithm_are_made_again_from_the_originals() {
    let store = Store::new();
    populate(&mut store.open().1);
    make_stale(&store, &[1, 4]);
    let (reader, writer) = store.open();
    for (sequence, row) in reader.gallery_since(Sequence::new(1), 10).unwrap() {
        assert!(row == features(sequence.get()));
    }
    let mut staged = writer.stage();
    assert!(staged.features(Sequence::new(4)).unwrap() == Some(features(4)));
}

#[test]
fn stale_rows_are_found_page_by_page_and_are_stale_no_more_once_written_back() {
    let store = Store::new();
    populate(&mut store.open().1);
    make_stale(&store, &[1, 4]);
    let (reader, mut writer) = store.open();
    let numbers = |(stale, next): (Vec<Sequence>, Option<Sequence>)| {
        (stale.into_iter().map(Sequence::get).collect::<Vec<_>>(), next.map(Sequence::get))
    };
    let page = |from, rows| numbers(reader.stale_features(Sequence::new(from), rows).unwrap());
    assert_eq!(page(0, 3), (vec![1], Some(4)));
    assert_eq!(page(4, 2), (vec![4], None));
    assert_eq!(page(6, 2), (vec![], None));

    let mut staged = writer.stage();
    for sequence in [1, 4] {
        assert!(staged.refresh_features(Sequence::new(sequence), &features(sequence)).unwrap());
    }
    assert!(!staged.refresh_features(Sequence::new(77), &features(1)).unwrap());
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(page(0, 10), (vec![], None));
    assert!(reader.features(Sequence::new(4)).unwrap() == Some(features(4)));
    assert!(reader.features(Sequence::new(77)).unwrap().is_none());
}

#[test]
fn features_are_not_written_back_for_somebody_who_has_left_meanwhile() {
    let store = Store::new();
    populate(&mut store.open().1);
    make_stale(&store, &[1]);
    let (reader, mut writer) = store.open();
    let (mut refreshing, mut removing) = (writer.stage(), writer.stage());
    assert!(refreshing.refresh_features(Sequence::new(1), &features(1)).unwrap());
    removing.remove_gallery(Sequence::new(1));
    writer.commit(removing, vec![()]).unwrap();
    let refused = writer.commit(refreshing, vec![()]).err();
    assert_eq!(refused, Some(CommitError::Conflict { table: "features" }));
    assert!(reader.features(Sequence::new(1)).unwrap().is_none());
}
