//! The tables that authentication keeps beside records and answers.

use std::ops::ControlFlow;

use plinth_identity::identity_record::IdentityRecord;
use plinth_identity::number::IdentityNumber;

use super::{Check, Problem, Session};
use crate::database::typed_key;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::tables::Table;
use crate::tables::attempts::AttemptRows;
use crate::tables::batches::{self, Batches};
use crate::tables::days::Days;
use crate::tables::duplicates::Duplicates;
use crate::tables::expiries::{self, Expiring, Expiry};
use crate::tables::history::{self, History};
use crate::tables::otps::Otps;
use crate::tables::outbox::Outbox;
use crate::tables::requests::{Requests, StatementKind};
use crate::tables::virtual_numbers::VirtualNumbers;

impl Session<'_> {
    /// The rows that only a holder's number opens.
    pub(super) fn secrets_of(
        &mut self,
        number: &IdentityNumber,
        record: &IdentityRecord,
    ) -> Result<(), StoreError> {
        let keys = self.database.keys();
        if let Some(current) = &record.virtual_number {
            let row = self.view.row::<VirtualNumbers>(&keys.virtual_row(current), Some(&current.digits()));
            match row {
                Ok(None) => self.found(Problem::VirtualNumberMissing, 1),
                Ok(Some(row)) => self.expect(row.number == *number, Problem::VirtualNumberOfAnother),
                Err(_) => self.found(Problem::Unreadable(VirtualNumbers::NAME), 1),
            }
        }
        let (view, digits) = (self.view, number.digits());
        let list = keys.history_list(&digits);
        view.walk(History::NAME, &list, |key, sealed| {
            if !key.starts_with(&list) {
                return Ok(ControlFlow::Break(()));
            }
            let opened = typed_key::<History>(key)
                .and_then(|key| self.database.unseal::<History>(&key, Some(&digits), sealed));
            self.expect(opened.is_ok(), Problem::Unreadable(History::NAME));
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Attempts, and the counts of days.
    pub(super) fn counters(&mut self) -> Result<(), StoreError> {
        self.rows::<AttemptRows>(Check::Attempts, |session, _, _| {
            session.counts.attempts += 1;
            Ok(())
        })?;
        self.rows::<Days>(Check::Quotas, |session, _, _| {
            session.counts.quotas += 1;
            Ok(())
        })?;
        self.rows::<Duplicates>(Check::Quotas, |session, _, _| {
            session.counts.quotas += 1;
            Ok(())
        })
    }

    /// One-time codes and the messages that carry them.
    pub(super) fn codes(&mut self) -> Result<(), StoreError> {
        self.rows::<Otps>(Check::Otps, |session, _, _| {
            session.counts.otps += 1;
            Ok(())
        })?;
        self.rows::<Outbox>(Check::Outbox, |session, key, _| {
            session.counts.outbox += 1;
            let given = 1..session.head.next_outbox;
            session.expect(given.contains(&u64::from_be_bytes(key)), Problem::NeverGiven(Outbox::NAME));
            Ok(())
        })
    }

    /// Virtual numbers and histories as far as they can be told without anybody's number.
    pub(super) fn sealed_under_secrets(&mut self) -> Result<(), StoreError> {
        self.raw_rows(Check::VirtualNumbers, VirtualNumbers::NAME, |session, key, _| {
            session.counts.virtual_numbers += 1;
            let sound = typed_key::<VirtualNumbers>(key).is_ok();
            session.expect(sound, Problem::Unreadable(VirtualNumbers::NAME));
            Ok(())
        })?;
        self.raw_rows(Check::History, History::NAME, |session, key, _| {
            session.counts.history += 1;
            match history::position(key) {
                Ok(position) => {
                    let given = position < session.head.next_log_position;
                    session.expect(given, Problem::NeverGiven(History::NAME));
                }
                Err(_) => session.found(Problem::Unreadable(History::NAME), 1),
            }
            Ok(())
        })
    }

    /// Batches, against the leaves in the log.
    pub(super) fn batches(&mut self, reader: &Reader) -> Result<(), StoreError> {
        self.rows::<Batches>(Check::Batches, |session, key, _| {
            session.counts.batches += 1;
            let first = batches::first(&key).filter(|first| *first < session.head.next_log_position);
            let Some(first) = first else {
                session.found(Problem::NeverGiven(Batches::NAME), 1);
                return Ok(());
            };
            // The log is never rewritten, so what the live store says of these leaves is what the frozen view says.
            match reader.leaf_batch(first) {
                Ok(_) => {}
                Err(StoreError::Corrupt { .. }) => session.found(Problem::BatchAltered, 1),
                Err(error) => return Err(error),
            }
            Ok(())
        })
    }

    /// The queue of what ends. A row of it may name something that is not there: nothing is missing then, and reclaiming
    /// removes it in its time.
    pub(super) fn expiries(&mut self) -> Result<(), StoreError> {
        let (mut answers, mut nonces, mut otps, mut batches) = (0, 0, 0, 0);
        self.raw_rows(Check::Expiries, expiries::NAME, |session, key, row| {
            session.counts.expiries += 1;
            session.expect(row.is_empty(), Problem::Unreadable(expiries::NAME));
            let Ok(expiry) = Expiry::parse(key) else {
                session.found(Problem::Unreadable(expiries::NAME), 1);
                return Ok(());
            };
            let looked_for = expiry.deadline.plus_millis(1) >= session.head.reclaimed;
            session.expect(looked_for, Problem::LeftBehind);
            let named = match expiry.what {
                Expiring::Answer => &mut answers,
                Expiring::Nonce => &mut nonces,
                Expiring::Otp => &mut otps,
                Expiring::Batch => &mut batches,
            };
            *named += u64::from(session.names(&expiry)?);
            Ok(())
        })?;
        for (what, rows, named) in [
            (Expiring::Answer, self.ending, answers),
            (Expiring::Nonce, self.counts.nonces, nonces),
            (Expiring::Otp, self.counts.otps, otps),
            (Expiring::Batch, self.counts.batches, batches),
        ] {
            self.found(Problem::NeverReclaimed(what.table()), rows.saturating_sub(named));
        }
        Ok(())
    }

    /// Whether the row that ends is there, and is one that ends.
    fn names(&self, expiry: &Expiry) -> Result<bool, StoreError> {
        match expiry.what {
            Expiring::Answer => {
                let answer = self.view.row::<Requests>(&expiry.row, None);
                Ok(matches!(answer, Ok(Some(answer)) if answer.kind != StatementKind::Enrolment))
            }
            Expiring::Nonce | Expiring::Otp | Expiring::Batch => {
                Ok(self.view.bytes(expiry.what.table(), &expiry.row)?.is_some())
            }
        }
    }
}
