//! The features of people, whichever version of the algorithm made the stored ones.
//!
//! While a store is being brought to a new algorithm, rows of the old one stand beside rows of the new one. An old row's
//! features are made again from the original records at every read, which takes about 3 ms for ten fingers, until a
//! background job has written them back.

use std::ops::ControlFlow;

use plinth_identity::application::FingerPosition;
use plinth_identity::gallery::{ALGORITHM_VERSION, FeatureRow, GalleryEntry, StoredFeatures};
use plinth_identity::id::Sequence;

use crate::database::{View, typed_key};
use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::Table;
use crate::tables::features::Features;
use crate::tables::templates::Templates;

impl Reader {
    /// The features of a gallery row.
    pub fn features(&self, sequence: Sequence) -> Result<Option<FeatureRow>, StoreError> {
        features(&self.shared.database.live(), sequence)
    }

    /// The features of gallery rows, each at its row's place, nothing for a row that is not there. Read together, which is
    /// faster than one by one. They need be neither sorted nor distinct.
    pub fn features_of(&self, sequences: &[Sequence]) -> Result<Vec<Option<FeatureRow>>, StoreError> {
        self.some_of(sequences.len(), |place| sequences[place], |_, _| true)
    }

    /// Of gallery rows the fingers of one position each: as [`Reader::features_of`], but that the other fingers, which
    /// cost most of the time, are left out. Rows whose features have to be made again are whole.
    pub fn fingers_of(
        &self,
        asked: &[(Sequence, FingerPosition)],
    ) -> Result<Vec<Option<FeatureRow>>, StoreError> {
        self.some_of(asked.len(), |place| asked[place].0, |place, position| asked[place].1 == position)
    }

    fn some_of(
        &self,
        rows: usize,
        sequence: impl Fn(usize) -> Sequence,
        wanted: impl Fn(usize, FingerPosition) -> bool,
    ) -> Result<Vec<Option<FeatureRow>>, StoreError> {
        let view = self.shared.database.live();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_unstable_by_key(|place| sequence(*place));
        let keys: Vec<[u8; 8]> = order.iter().map(|place| sequence(*place).get().to_be_bytes()).collect();
        let mut found = vec![None; rows];
        self.shared.database.rows_at::<Features>(&keys, |at, plaintext| {
            let place = order[at];
            let stored = StoredFeatures::decode_some(&plaintext, |position| wanted(place, position))
                .map_err(|error| StoreError::corrupt(Features::NAME, error.to_string()))?;
            found[place] = current(&view, sequence(place), stored)?;
            Ok(())
        })?;
        Ok(found)
    }

    /// People of the gallery from a sequence number on (itself included), in order, at most `limit` of them.
    pub fn gallery_since(
        &self,
        from: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, FeatureRow)>, StoreError> {
        let view = self.shared.database.live();
        let mut rows = Vec::new();
        if limit > 0 {
            view.scan::<Features>(&from.get().to_be_bytes(), |key, stored| {
                let sequence = Sequence::new(u64::from_be_bytes(key));
                rows.extend(current(&view, sequence, stored)?.map(|row| (sequence, row)));
                Ok(if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
        }
        Ok(rows)
    }

    /// Looks through at most `rows` people from a sequence number on (itself included) for features of another version of
    /// the algorithm: those people, and where to go on, or nothing if the gallery has ended.
    pub fn stale_features(
        &self,
        from: Sequence,
        rows: usize,
    ) -> Result<(Vec<Sequence>, Option<Sequence>), StoreError> {
        let database = &self.shared.database;
        let (mut stale, mut next, mut seen) = (Vec::new(), None, 0);
        database.live().walk(Features::NAME, &from.get().to_be_bytes(), |key, sealed| {
            let key = typed_key::<Features>(key)?;
            let sequence = Sequence::new(u64::from_be_bytes(key));
            if seen == rows {
                next = Some(sequence);
                return Ok(ControlFlow::Break(()));
            }
            seen += 1;
            let algorithm = StoredFeatures::algorithm(&database.plaintext::<Features>(&key, None, sealed)?)
                .map_err(|error| StoreError::corrupt(Features::NAME, error.to_string()))?;
            if algorithm != ALGORITHM_VERSION {
                stale.push(sequence);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((stale, next))
    }
}

impl Staged {
    /// The features of a gallery row.
    pub fn features(&mut self, sequence: Sequence) -> Result<Option<FeatureRow>, StoreError> {
        let key = sequence.get().to_be_bytes();
        match self.row::<Features>(&key, None)? {
            None => Ok(None),
            Some(StoredFeatures::Current(row)) => Ok(Some(row)),
            Some(StoredFeatures::Stale { .. }) => {
                self.row::<Templates>(&key, None)?.map(|originals| made_again(&originals)).transpose()
            }
        }
    }

    /// Writes a person's features, made again, in place of those of another version. Says whether the person is still in
    /// the gallery; if not, nothing is staged. The commit is a conflict if they leave meanwhile.
    pub fn refresh_features(
        &mut self,
        sequence: Sequence,
        features: &FeatureRow,
    ) -> Result<bool, StoreError> {
        let key = sequence.get().to_be_bytes();
        let there = self.sealed(Features::NAME, &key)?.is_some();
        if there {
            self.put_features(&key, features);
        }
        Ok(there)
    }
}

/// The features of a gallery row, made again if need be.
pub(crate) fn features(view: &View<'_>, sequence: Sequence) -> Result<Option<FeatureRow>, StoreError> {
    match view.row::<Features>(&sequence.get().to_be_bytes(), None)? {
        None => Ok(None),
        Some(stored) => current(view, sequence, stored),
    }
}

/// What was stored, or what the original records give instead. Nothing for a person who has left between two reads.
pub(crate) fn current(
    view: &View<'_>,
    sequence: Sequence,
    stored: StoredFeatures,
) -> Result<Option<FeatureRow>, StoreError> {
    match stored {
        StoredFeatures::Current(row) => Ok(Some(row)),
        StoredFeatures::Stale { .. } => {
            let originals = view.row::<Templates>(&sequence.get().to_be_bytes(), None)?;
            originals.map(|originals| made_again(&originals)).transpose()
        }
    }
}

fn made_again(originals: &GalleryEntry) -> Result<FeatureRow, StoreError> {
    originals
        .features()
        .map_err(|_| StoreError::corrupt(Templates::NAME, "original records make no features any more"))
}
