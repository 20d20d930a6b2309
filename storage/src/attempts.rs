//! Counters of attempts and of each day's decisions: read for a decision, and written in its commit.

use plinth_identity::attempts::{Attempts, DayCounts, DuplicateCounts};

use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::attempts::AttemptRows;
use crate::tables::days::Days;
use crate::tables::duplicates::Duplicates;

impl Reader {
    /// What was counted of a person, in all or at one relying party; the key is `KeyRing::attempts_row`. Nobody's
    /// counters are those of somebody who never failed, and cost one look-up like any others.
    pub fn attempts(&self, row: &[u8; 16]) -> Result<Attempts, StoreError> {
        Ok(self.row::<AttemptRows>(row)?.unwrap_or_default())
    }

    /// What a relying party was answered on the last day that was counted; the key is `KeyRing::quota_row`.
    pub fn day_counts(&self, row: &[u8; 16]) -> Result<DayCounts, StoreError> {
        Ok(self.row::<Days>(row)?.unwrap_or_default())
    }

    /// What was counted of an agency's, station's or operator's enrolments on the last day that was counted; the key is
    /// `KeyRing::quota_row`.
    pub fn duplicate_counts(&self, row: &[u8; 16]) -> Result<DuplicateCounts, StoreError> {
        Ok(self.row::<Duplicates>(row)?.unwrap_or_default())
    }
}

impl Staged {
    /// As [`Reader::attempts`], as this step sees it.
    pub fn attempts(&mut self, row: &[u8; 16]) -> Result<Attempts, StoreError> {
        Ok(self.row::<AttemptRows>(row, None)?.unwrap_or_default())
    }

    /// Keeps a person's counters. Numbers that nobody holds are counted like any others.
    pub fn put_attempts(&mut self, row: &[u8; 16], attempts: &Attempts) {
        self.put::<AttemptRows>(row, None, attempts);
    }

    /// As [`Reader::day_counts`], as this step sees it.
    pub fn day_counts(&mut self, row: &[u8; 16]) -> Result<DayCounts, StoreError> {
        match self.days.get(row) {
            Some(counts) => Ok(counts.clone()),
            None => Ok(self.row::<Days>(row, None)?.unwrap_or_default()),
        }
    }

    /// Keeps a relying party's counts.
    pub fn put_day_counts(&mut self, row: &[u8; 16], counts: &DayCounts) {
        self.days.insert(*row, counts.clone());
    }

    /// Makes rows of the relying parties' counts.
    pub(crate) fn seal_days(&mut self) {
        for (row, counts) in std::mem::take(&mut self.days) {
            self.put::<Days>(&row, None, &counts);
        }
    }

    /// As [`Reader::duplicate_counts`], as this step sees it.
    pub fn duplicate_counts(&mut self, row: &[u8; 16]) -> Result<DuplicateCounts, StoreError> {
        Ok(self.row::<Duplicates>(row, None)?.unwrap_or_default())
    }

    /// Keeps the counts of an agency, a station or an operator.
    pub fn put_duplicate_counts(&mut self, row: &[u8; 16], counts: &DuplicateCounts) {
        self.put::<Duplicates>(row, None, counts);
    }
}
