//! Bringing a store of format 1 to format 2.
//!
//! Format 2 added tables and the queue of what ends. The new tables begin empty; the head row of format 1 is read as it is
//! and written in the new format by the next commit. Nonces and answers from before have no place in the queue and would
//! stay for ever, so they are entered at the `not_after` of their request, which is never earlier than its deadline.
//! Answers to enrolments stay: the agencies' lists name them.
//!
//! The description names the new format last. An interrupted upgrade is begun again, and writes the same rows.

use std::ops::ControlFlow;

use plinth_identity::time::Timestamp;

use crate::database::{Database, Rows};
use crate::error::StoreError;
use crate::folder::{self, Description};
use crate::options::Opening;
use crate::tables::expiries::{self, Expiring, Expiry};
use crate::tables::nonces::Nonces;
use crate::tables::requests::{Requests, StatementKind};

/// Rows written at one time.
const ROWS_AT_ONCE: usize = 4096;

/// How a described store that exists is to be opened.
pub(crate) fn opening(description: &Description) -> Opening {
    if description.format == folder::FORMAT { Opening::Existing } else { Opening::Upgrade }
}

/// The description of a store once it is upgraded.
pub(crate) fn described(description: &Description) -> Description {
    Description { format: folder::FORMAT, ..description.clone() }
}

/// Enters every nonce, and every answer but those to enrolments, into the queue of what ends.
pub(crate) fn fill(database: &Database) -> Result<(), StoreError> {
    let mut rows = Rows::new();
    let mut enter = |what, row, deadline: Timestamp| {
        rows.insert((expiries::NAME, Expiry { deadline, what, row }.key().to_vec()), Some(Vec::new()));
        if rows.len() < ROWS_AT_ONCE {
            return Ok(ControlFlow::Continue(()));
        }
        database.write(&std::mem::take(&mut rows), Vec::new()).map(ControlFlow::Continue)
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
    database.write(&rows, Vec::new())
}
