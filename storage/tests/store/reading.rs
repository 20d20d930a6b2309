use plinth_identity::gallery::Holder;
use plinth_identity::id::{CaseId, LogPosition, Sequence};
use plinth_identity::party::PartyKind;

use crate::people::{Store, enrol_pending, identifier, number, party, party_id, populate};

#[test]
fn an_agency_reads_its_own_enrolments_page_by_page() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=7);
    let agency = party_id("agency");
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = reader.enrolments(&agency, after, 3).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        seen.extend(page.iter().map(|(position, entry)| (position.get(), entry.at.millis())));
    }
    assert_eq!(seen, (1..=7).map(|index| (index, index)).collect::<Vec<_>>());
    assert_eq!(reader.enrolments(&agency, None, 0).unwrap(), []);
    assert_eq!(reader.enrolments(&party_id("another"), None, 10).unwrap(), []);
    assert_eq!(reader.enrolments(&agency, Some(LogPosition::new(u64::MAX)), 10).unwrap(), []);
}

#[test]
fn parties_are_listed_by_kind() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    for kind in [PartyKind::Agency, PartyKind::RelyingParty] {
        for id in ["one", "two"] {
            staged.put_party(&party(kind, id));
        }
    }
    writer.commit(staged, vec![()]).unwrap();
    assert_eq!(reader.parties(PartyKind::Agency).unwrap().len(), 2);
    assert!(
        reader.parties(PartyKind::RelyingParty).unwrap().iter().all(|p| p.kind == PartyKind::RelyingParty)
    );
    assert!(reader.parties(PartyKind::Administrator).unwrap().is_empty());
}

#[test]
fn cases_and_the_gallery_are_read_in_order_from_a_place() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    populate(&mut writer, 1..=3);
    let mut staged = writer.stage();
    for index in 4..=6 {
        enrol_pending(&mut staged, index);
    }
    writer.commit(staged, vec![()]).unwrap();
    let ids = |after, limit| -> Vec<u64> {
        reader.cases(after, limit).unwrap().iter().map(|case| case.id.get()).collect()
    };
    assert_eq!(ids(None, 2), [1, 2]);
    assert_eq!(ids(Some(CaseId::new(2)), 2), [3]);
    let tail = reader.gallery_since(Sequence::new(3), 3).unwrap();
    assert_eq!(tail.iter().map(|(sequence, _)| sequence.get()).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(reader.holder(Sequence::new(5)).unwrap() == Some(Holder::Pending(CaseId::new(2))));
}

#[test]
fn an_unknown_number_gets_a_real_stand_in_and_the_same_one_each_time() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    assert!(reader.subject(&identifier(1), true).unwrap().is_none());
    populate(&mut writer, 1..=5);
    let mut staged = writer.stage();
    enrol_pending(&mut staged, 6);
    writer.commit(staged, vec![()]).unwrap();

    let mut chosen = std::collections::BTreeSet::new();
    for unknown in 100..200 {
        let one = reader.subject(&identifier(unknown), true).unwrap().unwrap();
        let again = reader.subject(&identifier(unknown), false).unwrap().unwrap();
        assert!(!one.present && !again.present && one.number.is_none() && one.virtual_row.is_none());
        assert_eq!(one.record.sequence, again.record.sequence);
        let features = one.features.unwrap().fingers().unwrap();
        assert!(features == reader.features(one.record.sequence).unwrap().unwrap().fingers);
        assert!(again.features.is_none(), "nobody asked for them");
        chosen.insert(one.record.sequence.get());
    }
    assert_eq!(chosen, (1..=5).collect());
    for known in 1..=5 {
        let subject = reader.subject(&identifier(known), false).unwrap().unwrap();
        assert!(subject.present && subject.number == Some(number(known)));
        assert_eq!(subject.record.sequence.get(), known);
    }
}
