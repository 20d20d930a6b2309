//! Virtual numbers.

use plinth_identity::virtual_number::{VirtualNumber, VirtualNumberRow};

use crate::error::StoreError;
use crate::reader::Reader;
use crate::staged::Staged;
use crate::tables::virtual_numbers::VirtualNumbers;

impl Reader {
    /// Whose a virtual number is and whether it can be used. Nothing if it was never given.
    pub fn virtual_number(&self, number: &VirtualNumber) -> Result<Option<VirtualNumberRow>, StoreError> {
        let key = self.keys().virtual_row(number);
        self.shared.database.live().row::<VirtualNumbers>(&key, Some(&number.digits()))
    }
}

impl Staged {
    /// As [`Reader::virtual_number`], as this step sees it.
    pub fn virtual_number(&mut self, number: &VirtualNumber) -> Result<Option<VirtualNumberRow>, StoreError> {
        let key = self.shared.database.keys().virtual_row(number);
        self.row::<VirtualNumbers>(&key, Some(&number.digits()))
    }

    /// Keeps a virtual number, new or changed. Whoever gives a new one first looks whether it is taken: the look is a
    /// condition of the commit.
    pub fn put_virtual_number(&mut self, number: &VirtualNumber, row: &VirtualNumberRow) {
        let key = self.shared.database.keys().virtual_row(number);
        self.put::<VirtualNumbers>(&key, Some(&number.digits()), row);
    }
}
