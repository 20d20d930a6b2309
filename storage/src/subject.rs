//! The person behind a number or a virtual number, or somebody in their place.

use std::hint::black_box;
use std::ops::ControlFlow;

use plinth_identity::gallery::Holder;
use plinth_identity::identity_record::IdentityRecord;
use plinth_identity::number::{Identifier, IdentityNumber};
use plinth_identity::virtual_number::{VirtualNumber, VirtualNumberRow};

use crate::database::{Fetched, View};
use crate::error::StoreError;
use crate::gallery::{self, OpenedRow};
use crate::reader::Reader;
use crate::tables::Table;
use crate::tables::features::Features;
use crate::tables::holders::Holders;
use crate::tables::identities::Identities;
use crate::tables::virtual_numbers::VirtualNumbers;

/// Whom an authentication is compared with.
pub struct SubjectRow {
    /// The record.
    pub record: IdentityRecord,
    /// The features, if they were asked for.
    pub features: Option<OpenedRow>,
    /// Whether this is the holder of the number asked for. If not, it is a stand-in, and the answer is no.
    pub present: bool,
    /// The holder's number, if the holder is present.
    pub number: Option<IdentityNumber>,
    /// The virtual number's own row, if a virtual number was asked for that was ever given. It may say that the virtual
    /// number cannot be used any more.
    pub virtual_row: Option<VirtualNumberRow>,
}

impl Reader {
    /// The holder of a number or of a virtual number, or for an unknown one a stand-in: a real person chosen by a keyed
    /// hash of its digits, the same one each time.
    ///
    /// Known and unknown cost the same: the number's own row, or its neighbour in the table, and the stand-in's row are
    /// both fetched, one of them is opened, and one features row is fetched and opened if `with_features`. A virtual number
    /// costs one row more, fetched and opened, for one that was never given too. Nothing is returned only while nobody
    /// holds a number at all.
    pub fn subject(
        &self,
        identifier: &Identifier,
        with_features: bool,
    ) -> Result<Option<SubjectRow>, StoreError> {
        let view = self.shared.database.live();
        // Sequence numbers begin at 1.
        let given = self.head().next_sequence.get().saturating_sub(1);
        if given == 0 {
            return Ok(None);
        }
        let place = self.keys().decoy(identifier.digits(), given).saturating_add(1);
        let (virtual_row, number, own_key) = match identifier {
            Identifier::Number(number) => (None, Some(*number), self.keys().number_row(number)),
            Identifier::Virtual(asked) => match self.virtual_row(&view, asked, place)? {
                Some(row) => (Some(row), Some(row.number), self.keys().number_row(&row.number)),
                // A key under which no record can stand: the fetch is made, and finds nothing.
                None => (None, None, self.keys().virtual_row(asked)),
            },
        };
        let Fetched { row, neighbour } = view.bytes_or_neighbour(Identities::NAME, &own_key)?;
        let own = row.zip(number);
        let Some(decoy) = first_number_around(&view, place)? else {
            return Ok(None);
        };
        let decoy_key = self.keys().number_row(&decoy);
        let decoy_row = view.bytes(Identities::NAME, &decoy_key)?;
        // Of the two rows that were fetched the one that is not opened is kept until the other is: memory that is given back
        // early is used again while it is still in the cache, and the time would tell.
        let (present, holder, key, sealed, _kept) = match (own, decoy_row) {
            (Some((own, number)), decoy_row @ Some(_)) => (true, number, own_key, own, decoy_row),
            (None, Some(_)) if virtual_row.is_some() => {
                return Err(StoreError::corrupt(VirtualNumbers::NAME, "the holder has no record"));
            }
            (None, Some(decoy_row)) => (false, decoy, decoy_key, decoy_row, neighbour),
            (_, None) => {
                return Err(StoreError::corrupt(
                    Identities::NAME,
                    "somebody holds a number that has no record",
                ));
            }
        };
        let record = self.shared.database.unseal::<Identities>(&key, Some(&holder.digits()), &sealed)?;
        let features = if with_features {
            let row = gallery::opened(&view, record.sequence)?;
            let missing = || StoreError::corrupt(Features::NAME, "a person with a number has no features");
            Some(row.ok_or_else(missing)?)
        } else {
            None
        };
        Ok(Some(SubjectRow { record, features, present, number: present.then_some(holder), virtual_row }))
    }

    /// The row of a virtual number. For one that was never given, a row of the gallery's holders, which is about as long,
    /// is fetched and opened in its place.
    fn virtual_row(
        &self,
        view: &View<'_>,
        number: &VirtualNumber,
        place: u64,
    ) -> Result<Option<VirtualNumberRow>, StoreError> {
        let row = view.row::<VirtualNumbers>(&self.keys().virtual_row(number), Some(&number.digits()))?;
        if row.is_none() {
            black_box(view.row::<Holders>(&place.to_be_bytes(), None)?);
        }
        Ok(row)
    }
}

/// The first holder of a number at or after a place in the gallery, wrapping around at the end.
fn first_number_around(view: &View<'_>, place: u64) -> Result<Option<IdentityNumber>, StoreError> {
    match first_number(view, place)? {
        Some(found) => Ok(Some(found)),
        None => first_number(view, 1),
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
