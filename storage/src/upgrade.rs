//! Bringing a store of an older format to format 4.
//!
//! Format 4 added the batches of statements that are signed together, a table that begins empty.
//!
//! Format 3 added the index in segments, its manifests and tombstones, and imports. These tables begin empty: the service
//! builds segments of everybody from their features. The postings table, which was the index before, is dropped. Features of an older algorithm stay until they are written anew.
//!
//! Format 2 added tables and the queue of what ends. The new tables begin empty; the head row of format 1 is read as it is
//! and written in the new format by the next commit. Nonces and answers from before have no place in the queue and would
//! stay for ever, so they are entered at the `not_after` of their request, which is never earlier than its deadline.
//! Answers to enrolments stay: the agencies' lists name them.
//!
//! The description names the new format last. An interrupted upgrade is begun again, and writes the same rows.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use plinth_identity::time::Timestamp;

use crate::database::{Database, Rows};
use crate::error::StoreError;
use crate::folder::{self, Description};
use crate::options::Opening;
use crate::tables::RETIRED_POSTINGS;
use crate::tables::expiries::{self, Expiring, Expiry};
use crate::tables::nonces::Nonces;
use crate::tables::requests::{Requests, StatementKind};

/// Rows written at one time.
const ROWS_AT_ONCE: usize = 4096;

/// How a described store that exists is to be opened.
pub(crate) fn opening(description: &Description) -> Opening {
    if description.format == folder::FORMAT {
        Opening::Existing
    } else {
        Opening::Upgrade { from: description.format }
    }
}

/// The description of a store once it is upgraded.
pub(crate) fn described(description: &Description) -> Description {
    Description { format: folder::FORMAT, ..description.clone() }
}

/// Fills the tables that were added to a store of an older format, where they do not begin empty, and drops what there
/// is no more. Before the last step the older program can still open the store.
pub(crate) fn fill(database: &mut Database, from: u32) -> Result<(), StoreError> {
    if from < 2 {
        fill_queue(database)?;
    }
    database.drop_table(RETIRED_POSTINGS)
}

/// How rows of the retired postings table took changes in: a row and each change is a set of 8-byte words, and the words
/// that occur an odd number of times remain. Nothing if one of them is no such set.
pub(crate) fn symmetric_difference<'a>(sets: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut words = BTreeSet::new();
    for set in sets {
        let (set, []) = set.as_chunks::<8>() else { return None };
        for word in set {
            if !words.remove(word) {
                words.insert(*word);
            }
        }
    }
    Some(words.into_iter().flatten().collect())
}

/// Enters every nonce, and every answer but those to enrolments, into the queue of what ends.
fn fill_queue(database: &Database) -> Result<(), StoreError> {
    let mut rows = Rows::new();
    let mut enter = |what, row, deadline: Timestamp| {
        rows.insert((expiries::NAME, Expiry { deadline, what, row }.key().to_vec()), Some(Vec::new()));
        if rows.len() < ROWS_AT_ONCE {
            return Ok(ControlFlow::Continue(()));
        }
        database.write(&std::mem::take(&mut rows)).map(ControlFlow::Continue)
    };
    let view = database.frozen();
    view.scan::<Nonces>(&[], |row, used| enter(Expiring::Nonce, row, used.not_after))?;
    view.scan::<Requests>(&[], |row, answer| match answer.kind {
        StatementKind::Enrolment => Ok(ControlFlow::Continue(())),
        StatementKind::Authentication
        | StatementKind::Registry
        | StatementKind::Otp
        | StatementKind::Person
        | StatementKind::Resident => enter(Expiring::Answer, row, answer.not_after),
    })?;
    database.write(&rows)
}
