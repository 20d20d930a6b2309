//! Each person's own history.

use std::ops::ControlFlow;

use plinth_identity::history::HistoryEntry;
use plinth_identity::id::LogPosition;
use plinth_identity::number::IdentityNumber;

use crate::database::typed_key;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::Table;
use crate::tables::history::{self, History};

/// The place of the one row of a number that nobody holds. The log begins at 1, so no decision has it.
const NOBODYS: LogPosition = LogPosition::new(0);

impl Reader {
    /// What was asked about the holder of a number, newest first: entries at log positions before `before` (all without
    /// it), at most `limit` of them. The position of the last one continues the list.
    ///
    /// Only with the number itself do the rows open, so nobody's list is read by mistake for another's. The row at
    /// position 0, which decisions about a number that nobody holds overwrite, is never returned: whoever gets that number
    /// later begins with an empty history.
    pub fn history(
        &self,
        number: &IdentityNumber,
        before: Option<LogPosition>,
        limit: usize,
    ) -> Result<Vec<(LogPosition, HistoryEntry)>, StoreError> {
        let digits = number.digits();
        let list = self.keys().history_list(&digits);
        let newest = before.map_or(u64::MAX, |position| position.get().saturating_sub(1));
        let mut page = Vec::new();
        if limit == 0 {
            return Ok(page);
        }
        let from = history::key(&list, LogPosition::new(newest));
        self.shared.database.live().walk_back(History::NAME, &from, |key, sealed| {
            if !key.starts_with(&list) {
                return Ok(ControlFlow::Break(()));
            }
            let key = typed_key::<History>(key)?;
            let position = history::position(&key)?;
            if position == NOBODYS {
                return Ok(ControlFlow::Break(()));
            }
            page.push((position, self.shared.database.unseal::<History>(&key, Some(&digits), sealed)?));
            Ok(if page.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(page)
    }
}

impl Staged {
    /// Adds an entry to the history of the number with these digits, at the log position of the decision.
    ///
    /// For a number that nobody holds the position is 0: the same write, into one row that the next such decision
    /// overwrites and that [`Reader::history`] never returns.
    pub fn put_history(&mut self, digits: &[u8], position: LogPosition, entry: &HistoryEntry) {
        let list = self.shared.database.keys().history_list(digits);
        self.put::<History>(&history::key(&list, position), Some(digits), entry);
    }
}
