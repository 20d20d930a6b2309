use plinth_identity::id::Sequence;
use plinth_storage::{CommitError, Finding, ImportRow};

use crate::people::Store;

fn import(done: u64) -> ImportRow {
    ImportRow {
        name: "the old register".to_owned(),
        manifest: [9; 32],
        from: Sequence::new(1),
        next: Sequence::new(1 + done),
        records_done: done,
        part: 0,
        swept: Sequence::new(1),
        finished: false,
        found: 0,
    }
}

fn finding(sequence: u64) -> Finding {
    Finding { sequence: Sequence::new(sequence), other: Sequence::new(1), llr: 12.5, fingers: 10 }
}

#[test]
fn imports_are_listed_by_their_ids_and_go_on_where_they_were() {
    let store = Store::new();
    {
        let (_reader, mut writer) = store.open();
        let mut staged = writer.stage();
        for id in [300, 2] {
            assert_eq!(staged.import(id).unwrap(), None);
            staged.put_import(id, &import(u64::from(id)));
        }
        writer.commit(staged, vec![()]).unwrap();
    }
    let (reader, mut writer) = store.open();
    assert_eq!(reader.imports().unwrap(), [(2, import(2)), (300, import(300))]);
    assert_eq!(reader.import(7).unwrap(), None);
    // Two steps that bring one import forward: the second was decided on a state that is gone.
    let (mut first, mut second) = (writer.stage(), writer.stage());
    for (staged, done) in [(&mut first, 4), (&mut second, 5)] {
        assert!(staged.import(2).unwrap().is_some());
        staged.put_import(2, &import(done));
    }
    writer.commit(first, vec![()]).unwrap();
    assert_eq!(writer.commit(second, vec![()]).err(), Some(CommitError::Conflict { table: "imports" }));
    assert_eq!(reader.import(2).unwrap(), Some(import(4)));
}

#[test]
fn findings_are_listed_page_by_page_for_each_import_alone() {
    let store = Store::new();
    let (reader, mut writer) = store.open();
    let mut staged = writer.stage();
    for (id, sequence) in [(1, 900), (1, 5), (1, 70), (2, 6), (0, 8)] {
        staged.put_finding(id, &finding(sequence));
    }
    // The same person again takes the place of the first finding.
    let stronger = Finding { llr: 20.0, ..finding(70) };
    staged.put_finding(1, &stronger);
    writer.commit(staged, vec![()]).unwrap();
    let page = |after: Option<u64>, limit| reader.findings(1, after.map(Sequence::new), limit).unwrap();
    assert_eq!(page(None, 2), [finding(5), stronger]);
    assert_eq!(page(Some(70), 2), [finding(900)]);
    assert_eq!(page(Some(900), 2), []);
    assert_eq!(page(None, 0), []);
}
