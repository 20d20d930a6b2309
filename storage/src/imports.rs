//! Imports of existing registers, and the duplicates found inside them.

use std::ops::ControlFlow;

use plinth_identity::id::Sequence;

use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::Table;
use crate::tables::findings::{self, Finding, Findings};
use crate::tables::imports::{ImportRow, Imports};

impl Reader {
    /// Every import, in the order of their ids. They are few.
    pub fn imports(&self) -> Result<Vec<(u32, ImportRow)>, StoreError> {
        let mut all = Vec::new();
        self.shared.database.live().scan::<Imports>(&[], |key, row| {
            all.push((u32::from_be_bytes(key), row));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// One import.
    pub fn import(&self, id: u32) -> Result<Option<ImportRow>, StoreError> {
        self.row::<Imports>(&id.to_be_bytes())
    }

    /// Findings of an import in the order of the later person, after one (from the first without one), at most `limit` of
    /// them.
    pub fn findings(
        &self,
        import: u32,
        after: Option<Sequence>,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut page = Vec::new();
        if limit == 0 {
            return Ok(page);
        }
        let first = findings::key(import, after.map_or(Sequence::new(0), |last| last.next()));
        self.shared.database.live().scan_within::<Findings>(
            &import.to_be_bytes(),
            &first,
            |key, finding| {
                if finding.sequence != findings::sequence(&key)? {
                    return Err(StoreError::corrupt(Findings::NAME, "a finding is about another person"));
                }
                page.push(finding);
                Ok(if page.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            },
        )?;
        Ok(page)
    }
}

impl Staged {
    /// An import as this step sees it: the commit is a conflict if it changes meanwhile.
    pub fn import(&mut self, id: u32) -> Result<Option<ImportRow>, StoreError> {
        self.row::<Imports>(&id.to_be_bytes(), None)
    }

    /// Keeps the state of an import, new or changed.
    pub fn put_import(&mut self, id: u32, row: &ImportRow) {
        self.put::<Imports>(&id.to_be_bytes(), None, row);
    }

    /// Keeps a finding, in place of an earlier one about the same later person.
    pub fn put_finding(&mut self, import: u32, finding: &Finding) {
        self.put::<Findings>(&findings::key(import, finding.sequence), None, finding);
    }
}
