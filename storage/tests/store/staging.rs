use plinth_identity::gallery::Holder;
use plinth_identity::id::{CaseId, LogPosition, Nonce, Sequence};
use plinth_identity::party::PartyKind;
use plinth_identity::time::Timestamp;
use plinth_storage::{CommitError, NonceUse};

use crate::people::{
    Store, answer, case, digest, enrol, enrol_one, features, number, originals, party, party_id, populate,
    record, request,
};

#[test]
fn a_step_sees_its_own_rows_and_readers_see_them_after_the_commit() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let agency = party_id("agency");
    let nonce = Nonce::from_bytes([3; 16]);
    let mut staged = writer.stage();
    assert!(staged.nonce(PartyKind::Agency, &agency, &nonce).unwrap().is_none());
    assert!(staged.party(PartyKind::Agency, &agency).unwrap().is_none());
    let sequence = enrol(&mut staged, 1);
    staged.put_nonce(
        PartyKind::Agency,
        &agency,
        &nonce,
        &NonceUse { digest: digest(1), not_after: Timestamp::from_millis(5) },
    );
    staged.put_party(&party(PartyKind::Agency, "agency"));
    let id = staged.next_case();
    staged.put_case(&case(id, sequence));

    assert!(staged.identity_exists(&number(1)).unwrap());
    assert!(staged.identity(&number(1)).unwrap().unwrap() == record(sequence));
    assert!(staged.holder(sequence).unwrap().unwrap() == Holder::Number(number(1)));
    assert!(staged.answer(PartyKind::Agency, &agency, &request(1)).unwrap().unwrap() == answer(1));
    assert!(staged.nonce(PartyKind::Agency, &agency, &nonce).unwrap().unwrap().digest == digest(1));
    assert!(staged.party(PartyKind::Agency, &agency).unwrap().is_some());
    assert!(staged.case(id).unwrap().unwrap() == case(id, sequence));
    assert!(reader.identity(&number(1)).unwrap().is_none());
    assert!(reader.nonce(PartyKind::Agency, &agency, &nonce).unwrap().is_none());

    let committed = writer.commit(staged, vec!["first", "second"]).unwrap();
    let positions: Vec<LogPosition> = committed.iter().map(plinth_storage::Committed::position).collect();
    assert_eq!(positions, [LogPosition::new(1); 2]);
    let values: Vec<&str> = committed.into_iter().map(plinth_storage::Committed::into_inner).collect();
    assert_eq!(values, ["first", "second"]);
    assert!(reader.identity(&number(1)).unwrap().unwrap() == record(sequence));
    assert!(reader.nonce(PartyKind::Agency, &agency, &nonce).unwrap().is_some());
    assert!(reader.party(PartyKind::Agency, &agency).unwrap().is_some());
    assert!(reader.case(id).unwrap().is_some());
    let head = reader.head();
    assert_eq!((head.commits, head.identities, head.gallery), (1, 1, 1));
}

#[test]
fn positions_and_sequences_are_dense_over_steps() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    let mut given = Vec::new();
    for index in 1..=3 {
        given.push(enrol(&mut staged, index));
    }
    writer.commit(staged, vec![()]).unwrap();
    given.push(enrol_one(&mut writer, 4));
    assert_eq!(given, (1..=4).map(Sequence::new).collect::<Vec<_>>());
    let positions: Vec<u64> =
        reader.leaves(LogPosition::new(1), 10).unwrap().iter().map(|(position, _)| position.get()).collect();
    assert_eq!(positions, [1, 2, 3, 4]);
    assert_eq!(reader.leaf(LogPosition::new(3)).unwrap(), Some([3; 32]));
    assert_eq!(reader.leaf(LogPosition::new(5)).unwrap(), None);
}

#[test]
fn a_step_that_is_dropped_takes_no_position_and_no_number() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    enrol(&mut staged, 1);
    drop(staged);
    assert_eq!(enrol_one(&mut writer, 2), Sequence::new(1));
    assert!(reader.identity(&number(1)).unwrap().is_none());
    assert_eq!(reader.head().next_log_position, LogPosition::new(2));
}

#[test]
fn a_step_that_writes_nothing_makes_no_commit() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    let before = reader.head();
    let mut staged = writer.stage();
    assert!(staged.answer(PartyKind::Agency, &party_id("agency"), &request(1)).unwrap().is_some());
    let committed = writer.commit(staged, vec!["replayed"]).unwrap();
    assert_eq!(committed[0].position(), before.last_log_position());
    assert_eq!(reader.head(), before);
}

#[test]
fn a_number_that_somebody_holds_is_never_given_twice() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    let mut staged = writer.stage();
    // Nobody asked whether the number is taken.
    staged.put_identity(&number(1), &record(Sequence::new(9)));
    let refused = writer.commit(staged, vec![()]).err();
    assert_eq!(refused, Some(CommitError::Conflict { table: "identities" }));
    assert!(reader.identity(&number(1)).unwrap().unwrap() == record(Sequence::new(1)));
}

#[test]
fn a_step_decided_on_a_row_that_changed_is_a_conflict_and_changes_nothing() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    let agency = party_id("agency");

    let mut early = writer.stage();
    assert!(early.party(PartyKind::Agency, &agency).unwrap().is_some());
    early.put_case(&case(CaseId::new(7), Sequence::new(1)));

    let mut staged = writer.stage();
    staged.put_party(&party(PartyKind::Agency, "agency"));
    writer.commit(staged, vec![()]).unwrap();

    assert_eq!(writer.commit(early, vec![()]).err(), Some(CommitError::Conflict { table: "parties" }));
    assert!(reader.case(CaseId::new(7)).unwrap().is_none());
    assert_eq!(writer.failure(), None);
    enrol_one(&mut writer, 2);
}

#[test]
fn a_step_decided_on_a_row_that_appeared_is_a_conflict() {
    let store = Store::new();
    let (_reader, mut writer) = store.open();
    let agency = party_id("agency");
    let mut early = writer.stage();
    assert!(early.party(PartyKind::Agency, &agency).unwrap().is_none());
    early.put_party(&party(PartyKind::Agency, "agency"));
    populate(&mut writer, []);
    assert_eq!(writer.commit(early, vec![()]).err(), Some(CommitError::Conflict { table: "parties" }));
}

#[test]
fn two_steps_that_took_the_same_position_are_a_conflict() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let (mut one, mut other) = (writer.stage(), writer.stage());
    assert_eq!(one.append_leaf(&[1; 32]), other.append_leaf(&[2; 32]));
    writer.commit(one, vec![()]).unwrap();
    assert_eq!(writer.commit(other, vec![()]).err(), Some(CommitError::Conflict { table: "meta" }));
    assert_eq!(reader.leaf(LogPosition::new(1)).unwrap(), Some([1; 32]));
}

#[test]
fn steps_that_touch_different_rows_and_no_counter_may_overtake_each_other() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut early = writer.stage();
    assert!(early.party(PartyKind::Agency, &party_id("one")).unwrap().is_none());
    early.put_party(&party(PartyKind::Agency, "one"));
    enrol_one(&mut writer, 1);
    writer.commit(early, vec![()]).unwrap();
    assert!(reader.party(PartyKind::Agency, &party_id("one")).unwrap().is_some());
    assert_eq!((reader.head().commits, reader.head().identities), (2, 1));
}

#[test]
fn a_step_of_another_store_is_never_written() {
    let (ours, theirs) = (Store::new(), Store::new());
    let (_reader, mut writer) = ours.open();
    let (_their_reader, their_writer) = theirs.open();
    let mut staged = their_writer.stage();
    enrol(&mut staged, 1);
    assert!(matches!(writer.commit(staged, vec![()]).err(), Some(CommitError::Conflict { .. })));
}

#[test]
fn a_person_taken_out_of_the_gallery_is_found_no_more() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1, 2]);
    let sequence = Sequence::new(1);
    assert_eq!(reader.gallery_since(sequence, 10).unwrap().len(), 2);
    let mut staged = writer.stage();
    staged.remove_gallery(sequence);
    assert!(staged.features(sequence).unwrap().is_none());
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(reader.gallery_since(sequence, 10).unwrap().len(), 1);
    assert!(reader.features(sequence).unwrap().is_none());
    assert!(reader.templates(sequence).unwrap().is_none());
    assert_eq!(reader.tombstones(Sequence::new(0), 10).unwrap(), [sequence]);
    assert_eq!(reader.head().gallery, 1);
}

#[test]
fn a_person_is_put_into_the_gallery_once_and_never_again_after_leaving_it() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, [1]);
    let sequence = Sequence::new(1);
    let again = |writer: &mut plinth_storage::Writer| {
        let mut again = writer.stage();
        again.put_gallery(sequence, &originals(sequence), &features());
        writer.commit(again, vec![()]).err()
    };
    assert_eq!(again(&mut writer), Some(CommitError::Conflict { table: "features" }));
    let mut staged = writer.stage();
    staged.remove_gallery(sequence);
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(again(&mut writer), Some(CommitError::Conflict { table: "tombstones" }));
    assert_eq!(reader.head().gallery, 0);
}
