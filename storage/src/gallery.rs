//! The features of people, whichever version of the algorithm made the stored ones.
//!
//! While a store is being brought to a new algorithm, rows of the old one stand beside rows of the new one. An old row's
//! features are made again from the original records at every read, which takes about 3 ms for ten fingers, until a
//! background job has written them back.

use std::fmt;
use std::ops::ControlFlow;

use plinth_biometrics::cylinder::FingerFeatures;
use plinth_identity::DecodeError;
use plinth_identity::application::FingerPosition;
use plinth_identity::gallery::{ALGORITHM_VERSION, FeatureRow, GalleryEntry, StoredFeatures};
use plinth_identity::id::Sequence;
use zeroize::Zeroizing;

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

    /// The feature rows of people of the gallery, each at its place, nothing for a row that is not there. Read together,
    /// which is faster than one by one. They need be neither sorted nor distinct.
    pub fn features_of(&self, sequences: &[Sequence]) -> Result<Vec<Option<OpenedRow>>, StoreError> {
        let view = self.shared.database.live();
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_unstable_by_key(|place| sequences[*place]);
        let keys: Vec<[u8; 8]> = order.iter().map(|place| sequences[*place].get().to_be_bytes()).collect();
        let mut found = Vec::new();
        found.resize_with(sequences.len(), || None);
        self.shared.database.rows_at::<Features>(&keys, |at, plaintext| {
            let place = order[at];
            found[place] = OpenedRow::of(&view, sequences[place], plaintext)?;
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
                .map_err(corrupt)?;
            if algorithm != ALGORITHM_VERSION {
                stale.push(sequence);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((stale, next))
    }
}

/// A feature row that was read and unsealed. What of it is wanted is decoded when it is asked for: one finger of ten takes
/// a tenth of the time.
pub struct OpenedRow(Opened);

enum Opened {
    Stored(Zeroizing<Vec<u8>>),
    /// Of another algorithm: made again from the original records.
    Made(FeatureRow),
}

impl OpenedRow {
    /// An unsealed row of somebody. Nothing for a person who has left between two reads.
    fn of(
        view: &View<'_>,
        sequence: Sequence,
        plaintext: Zeroizing<Vec<u8>>,
    ) -> Result<Option<Self>, StoreError> {
        let algorithm = StoredFeatures::algorithm(&plaintext).map_err(corrupt)?;
        if algorithm == ALGORITHM_VERSION {
            return Ok(Some(Self(Opened::Stored(plaintext))));
        }
        let row = current(view, sequence, StoredFeatures::Stale { algorithm })?;
        Ok(row.map(|row| Self(Opened::Made(row))))
    }

    /// All fingers.
    pub fn fingers(&self) -> Result<Vec<FingerFeatures>, StoreError> {
        self.fingers_where(|_| true)
    }

    /// The fingers of the wanted positions. The others are not checked.
    pub fn fingers_where(
        &self,
        wanted: impl Fn(FingerPosition) -> bool,
    ) -> Result<Vec<FingerFeatures>, StoreError> {
        match &self.0 {
            Opened::Stored(plaintext) => {
                FeatureRow::decode_some(plaintext, wanted).map(|row| row.fingers).map_err(corrupt)
            }
            Opened::Made(row) => {
                Ok(row.fingers.iter().filter(|finger| wanted(finger.position())).cloned().collect())
            }
        }
    }
}

impl fmt::Debug for OpenedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenedRow(..)")
    }
}

fn corrupt(error: DecodeError) -> StoreError {
    StoreError::corrupt(Features::NAME, error.to_string())
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

/// The same, opened only.
pub(crate) fn opened(view: &View<'_>, sequence: Sequence) -> Result<Option<OpenedRow>, StoreError> {
    match view.plaintext::<Features>(&sequence.get().to_be_bytes(), None)? {
        None => Ok(None),
        Some(plaintext) => OpenedRow::of(view, sequence, plaintext),
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
