//! Checks every table against the others, both ways.
//!
//! | from | to | and back |
//! |---|---|---|
//! | holder with a number | that number's record, of the same sequence | every record has exactly one holder |
//! | holder with a number, or pending | original records and features | every gallery row has such a holder |
//! | features | their postings, if a segment covers the person | every posting comes from features, or from somebody with a tombstone |
//! | manifest | every block of its segments, and the counts | tombstones name people who are gone |
//! | import | | every finding belongs to an import |
//! | pending holder | an open case of that applicant | every open case's applicant is pending for it |
//! | agency's list | the stored answer of that request | as many listed as answered |
//! | head | counts, allocators and the end of the log | the log is dense |
//! | record with a virtual number | that virtual number's row, naming the same person | |
//! | nonce, one-time code, batch, answer that is no enrolment's | its place in the queue of what ends | |
//! | batch | the leaves of its statements in the log | |
//!
//! Counters, messages and one-time codes are opened, each by itself: nothing else says that they should be there. Rows
//! under a person's secret open only where a holder's number is known from the gallery: the current virtual number and
//! the history of everybody who holds a number. Former virtual numbers, and what was kept for numbers that nobody holds,
//! are only counted.
//!
//! A check reads one frozen view, so it may run while the store serves.

mod authentication;
mod index;
mod report;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use plinth_identity::case::{Case, CaseState};
use plinth_identity::gallery::Holder;
use plinth_identity::id::{PartyId, Sequence};
use plinth_identity::party::PartyKind;

use crate::database::{Database, View, typed_key};
use crate::error::StoreError;
use crate::gallery;
use crate::head::Head;
use crate::reader::Reader;
use crate::tables::cases::Cases;
use crate::tables::enrolments::{self, Enrolments};
use crate::tables::features::Features;
use crate::tables::holders::Holders;
use crate::tables::identities::Identities;
use crate::tables::meta::{self, Meta};
use crate::tables::nonces::Nonces;
use crate::tables::parties::{self, Parties};
use crate::tables::requests::{Requests, StatementKind};
use crate::tables::templates::Templates;
use crate::tables::{Table, log};

pub use report::{Check, Counts, Problem, Progress, Report};

/// Rows between two reports of progress.
const PROGRESS_EVERY: u64 = 1024;

/// Checks a store.
///
/// `progress` is told now and then. Takes 24 bytes of memory a person, and 9 more for each of the largest segment.
///
/// # Errors
/// Only if the engine cannot read on; what it reads and cannot make sense of is a [`Problem`].
pub fn check(reader: &Reader, progress: &mut dyn FnMut(Progress)) -> Result<Report, StoreError> {
    let database = &reader.shared.database;
    let (view, indices) = reader.frozen()?;
    let head = view
        .row::<Meta>(&meta::HEAD, None)?
        .ok_or_else(|| StoreError::corrupt(Meta::NAME, "the head row is missing"))?;
    let (counts, problems) = (Counts::default(), BTreeMap::new());
    let mut session = Session { database, view: &view, head, progress, counts, problems, ending: 0 };
    let agencies = session.parties()?;
    session.log()?;
    let open = session.cases()?;
    let people = session.holders(&open)?;
    session.identities(&people)?;
    session.templates(&people)?;
    session.features(&people)?;
    session.tombstones()?;
    for index in &indices {
        session.index(index)?;
    }
    session.imports()?;
    session.requests(&agencies)?;
    session.rows::<Nonces>(Check::Nonces, |session, _, _| {
        session.counts.nonces += 1;
        Ok(())
    })?;
    session.counters()?;
    session.codes()?;
    session.sealed_under_secrets()?;
    session.batches(reader)?;
    session.expiries()?;
    Ok(Report { counts: session.counts, problems: session.problems })
}

/// One check under way.
struct Session<'a> {
    database: &'a Database,
    view: &'a View<'a>,
    head: Head,
    progress: &'a mut dyn FnMut(Progress),
    counts: Counts,
    problems: BTreeMap<Problem, u64>,
    /// Answers that end: all but those to enrolments.
    ending: u64,
}

/// Whom the holders table names, both lists ascending.
#[derive(Default)]
struct People {
    /// Gallery rows that somebody living stands behind.
    living: Vec<u64>,
    /// Keys of the records of those who hold a number.
    records: Vec<[u8; 16]>,
}

impl Session<'_> {
    fn found(&mut self, problem: Problem, times: u64) {
        if times > 0 {
            *self.problems.entry(problem).or_default() += times;
        }
    }

    /// Reports progress now and then.
    fn tell(&mut self, check: Check, rows: u64) {
        if rows.is_multiple_of(PROGRESS_EVERY) {
            (self.progress)(Progress { check, rows });
        }
    }

    fn expect(&mut self, holds: bool, problem: Problem) {
        self.found(problem, u64::from(!holds));
    }

    fn parties(&mut self) -> Result<Vec<PartyId>, StoreError> {
        let mut agencies = Vec::new();
        let keys = self.database.keys();
        self.rows::<Parties>(Check::Parties, |session, key, party| {
            session.counts.parties += 1;
            session
                .expect(key == parties::key(keys, party.kind, &party.id), Problem::Unreadable(Parties::NAME));
            if party.kind == PartyKind::Agency {
                agencies.push(party.id);
            }
            Ok(())
        })?;
        Ok(agencies)
    }

    fn log(&mut self) -> Result<(), StoreError> {
        let mut expected: u64 = 1;
        self.raw_rows(Check::Log, log::NAME, |session, key, row| {
            session.counts.leaves += 1;
            session.expect(log::decode(row).is_ok(), Problem::Unreadable(log::NAME));
            let Ok(position) = log::position(key) else {
                session.found(Problem::Unreadable(log::NAME), 1);
                return Ok(());
            };
            session.found(Problem::LogHole, position.saturating_sub(expected));
            expected = position.saturating_add(1);
            Ok(())
        })?;
        self.expect(expected == self.head.next_log_position.get(), Problem::Count(log::NAME));
        Ok(())
    }

    /// The open cases and their applicants.
    fn cases(&mut self) -> Result<BTreeMap<u64, u64>, StoreError> {
        let mut open = BTreeMap::new();
        self.rows::<Cases>(Check::Cases, |session, key, case| {
            session.counts.cases += 1;
            let id = u64::from_be_bytes(key);
            session.expect(case.id.get() == id, Problem::Unreadable(Cases::NAME));
            session.expect(id < session.head.next_case.get(), Problem::NeverGiven(Cases::NAME));
            if is_open(&case) {
                session.counts.open_cases += 1;
                let holder = session.view.row::<Holders>(&case.applicant.get().to_be_bytes(), None);
                let pending = matches!(holder, Ok(Some(Holder::Pending(waits_for))) if waits_for == case.id);
                session.expect(pending, Problem::CaseWithoutPending);
                open.insert(id, case.applicant.get());
            }
            Ok(())
        })?;
        Ok(open)
    }

    fn holders(&mut self, open: &BTreeMap<u64, u64>) -> Result<People, StoreError> {
        let mut people = People::default();
        self.rows::<Holders>(Check::Holders, |session, key, holder| {
            session.counts.holders += 1;
            let sequence = u64::from_be_bytes(key);
            session.expect(sequence < session.head.next_sequence.get(), Problem::NeverGiven(Holders::NAME));
            match holder {
                Holder::Withdrawn => return Ok(()),
                Holder::Pending(case) => {
                    session.expect(open.get(&case.get()) == Some(&sequence), Problem::PendingWithoutCase);
                }
                Holder::Number(number) => {
                    let record = session.database.keys().number_row(&number);
                    match session.view.row::<Identities>(&record, Some(&number.digits())) {
                        Ok(None) => session.found(Problem::HolderWithoutIdentity, 1),
                        Ok(Some(found)) => {
                            session
                                .expect(found.sequence.get() == sequence, Problem::IdentityOfAnotherHolder);
                            session.secrets_of(&number, &found)?;
                        }
                        Err(_) => session.found(Problem::Unreadable(Identities::NAME), 1),
                    }
                    people.records.push(record);
                }
            }
            people.living.push(sequence);
            Ok(())
        })?;
        people.records.sort_unstable();
        let twice = people.records.windows(2).filter(|pair| pair[0] == pair[1]).count();
        self.found(Problem::NumberHeldTwice, twice as u64);
        self.counts.gallery = people.living.len() as u64;
        self.expect(self.counts.gallery == self.head.gallery, Problem::Count(Holders::NAME));
        Ok(people)
    }

    fn identities(&mut self, people: &People) -> Result<(), StoreError> {
        self.raw_rows(Check::Identities, Identities::NAME, |session, key, _| {
            session.counts.identities += 1;
            let known = people.records.binary_search_by(|record| record.as_slice().cmp(key)).is_ok();
            session.expect(known, Problem::IdentityWithoutHolder);
            Ok(())
        })?;
        self.expect(self.counts.identities == self.head.identities, Problem::Count(Identities::NAME));
        Ok(())
    }

    fn templates(&mut self, people: &People) -> Result<(), StoreError> {
        let mut present: u64 = 0;
        self.rows::<Templates>(Check::Templates, |session, key, _| {
            let living = people.living.binary_search(&u64::from_be_bytes(key)).is_ok();
            present += u64::from(living);
            session.expect(living, Problem::GalleryRowWithoutHolder(Templates::NAME));
            Ok(())
        })?;
        let missing = self.counts.gallery.saturating_sub(present);
        self.found(Problem::GalleryRowMissing(Templates::NAME), missing);
        Ok(())
    }

    fn features(&mut self, people: &People) -> Result<(), StoreError> {
        let mut present: u64 = 0;
        self.rows::<Features>(Check::Features, |session, key, stored| {
            let sequence = u64::from_be_bytes(key);
            let living = people.living.binary_search(&sequence).is_ok();
            present += u64::from(living);
            session.expect(living, Problem::GalleryRowWithoutHolder(Features::NAME));
            let readable = gallery::current(session.view, Sequence::new(sequence), stored);
            session.expect(matches!(readable, Ok(Some(_))), Problem::Unreadable(Features::NAME));
            Ok(())
        })?;
        let missing = self.counts.gallery.saturating_sub(present);
        self.found(Problem::GalleryRowMissing(Features::NAME), missing);
        Ok(())
    }

    fn requests(&mut self, agencies: &[PartyId]) -> Result<(), StoreError> {
        let mut answers: u64 = 0;
        self.rows::<Requests>(Check::Requests, |session, _, answer| {
            session.counts.requests += 1;
            answers += u64::from(answer.kind == StatementKind::Enrolment);
            Ok(())
        })?;
        self.ending = self.counts.requests.saturating_sub(answers);
        let keys = self.database.keys();
        let lists: BTreeMap<[u8; 16], &PartyId> =
            agencies.iter().map(|agency| (keys.party_list(PartyKind::Agency, agency), agency)).collect();
        let mut answered: u64 = 0;
        self.rows::<Enrolments>(Check::Requests, |session, key, entry| {
            session.counts.enrolments += 1;
            let request = lists
                .get(&enrolments::split(&key)?.0)
                .map(|agency| keys.request_row(PartyKind::Agency, agency, &entry.request_id));
            let found = match request {
                None => false,
                Some(row) => session.view.bytes(Requests::NAME, &row)?.is_some(),
            };
            answered += u64::from(found);
            session.expect(found, Problem::EnrolmentWithoutAnswer);
            Ok(())
        })?;
        self.found(Problem::AnswerWithoutEnrolment, answers.saturating_sub(answered));
        Ok(())
    }

    /// Visits the rows of a table; one that cannot be read is a problem and not the end.
    fn rows<T: Table>(
        &mut self,
        check: Check,
        mut visit: impl FnMut(&mut Self, T::Key, T::Value) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let database = self.database;
        self.raw_rows(check, T::NAME, |session, key, sealed| {
            match typed_key::<T>(key).and_then(|key| Ok((key, database.unseal::<T>(&key, None, sealed)?))) {
                Ok((key, value)) => visit(session, key, value),
                Err(_) => {
                    session.found(Problem::Unreadable(T::NAME), 1);
                    Ok(())
                }
            }
        })
    }

    /// Visits the rows of a table as they are on disk, reporting progress.
    fn raw_rows(
        &mut self,
        check: Check,
        table: &'static str,
        mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let view = self.view;
        let mut rows: u64 = 0;
        view.walk(table, &[], |key, value| {
            rows += 1;
            self.tell(check, rows);
            visit(self, key, value).map(ControlFlow::Continue)
        })?;
        (self.progress)(Progress { check, rows });
        Ok(())
    }
}

fn is_open(case: &Case) -> bool {
    match case.state {
        CaseState::Open => true,
        CaseState::Decided { .. } => false,
    }
}
