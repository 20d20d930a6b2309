//! The person behind a number, or somebody in their place.

use std::ops::ControlFlow;

use plinth_identity::gallery::{FeatureRow, Holder};
use plinth_identity::identity_record::IdentityRecord;
use plinth_identity::number::IdentityNumber;

use crate::database::View;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::tables::Table;
use crate::tables::features::Features;
use crate::tables::holders::Holders;
use crate::tables::identities::Identities;

/// Whom an authentication is compared with.
pub struct SubjectRow {
    /// The record.
    pub record: IdentityRecord,
    /// The features.
    pub features: FeatureRow,
    /// Whether this is the holder of the number asked for. If not, it is a stand-in, and the answer is no.
    pub present: bool,
}

impl Reader {
    /// The holder of a number, or for an unknown number a stand-in: a real person chosen by a keyed hash of the number,
    /// the same one each time.
    ///
    /// Known and unknown numbers cost the same: the number's own row and the stand-in's row are both fetched, one of
    /// them is opened, and one features row is fetched and opened. What is left is that fetching an absent row may be
    /// answered by a filter in memory. Nothing is returned only while nobody holds a number at all.
    pub fn subject(&self, number: &IdentityNumber) -> Result<Option<SubjectRow>, StoreError> {
        let view = self.shared.database.live();
        let own_key = self.keys().number_row(number);
        let own = view.bytes(Identities::NAME, &own_key)?;
        let Some(decoy) = self.decoy(&view, number)? else {
            return Ok(None);
        };
        let decoy_key = self.keys().number_row(&decoy);
        let decoy_row = view.bytes(Identities::NAME, &decoy_key)?;
        let (present, number, key, sealed) = match (own, decoy_row) {
            (Some(own), Some(_)) => (true, number, own_key, own),
            (None, Some(decoy_row)) => (false, &decoy, decoy_key, decoy_row),
            (_, None) => {
                return Err(StoreError::corrupt(
                    Identities::NAME,
                    "somebody holds a number that has no record",
                ));
            }
        };
        let record = self.shared.database.unseal::<Identities>(&key, Some(number), &sealed)?;
        let features = view
            .row::<Features>(&record.sequence.get().to_be_bytes(), None)?
            .ok_or_else(|| StoreError::corrupt(Features::NAME, "a person with a number has no features"))?;
        Ok(Some(SubjectRow { record, features, present }))
    }

    /// The first holder of a number at or after a place in the gallery that a keyed hash of the number chooses, wrapping
    /// around at the end.
    fn decoy(&self, view: &View<'_>, number: &IdentityNumber) -> Result<Option<IdentityNumber>, StoreError> {
        // Sequence numbers begin at 1.
        let given = self.head().next_sequence.get().saturating_sub(1);
        if given == 0 {
            return Ok(None);
        }
        let start = self.keys().decoy(number, given).saturating_add(1);
        match first_number(view, start)? {
            Some(found) => Ok(Some(found)),
            None => first_number(view, 1),
        }
    }
}

fn first_number(view: &View<'_>, from: u64) -> Result<Option<IdentityNumber>, StoreError> {
    let mut found = None;
    view.scan::<Holders>(&from.to_be_bytes(), |_, holder| {
        Ok(match holder {
            Holder::Number(number) => {
                found = Some(number);
                ControlFlow::Break(())
            }
            Holder::Pending(_) | Holder::Withdrawn => ControlFlow::Continue(()),
        })
    })?;
    Ok(found)
}
