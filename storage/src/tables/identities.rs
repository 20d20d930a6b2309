//! Who holds a number.
//!
//! A thief sees how many people hold one, and nothing of who: the key is a keyed hash of the number, and the row is
//! sealed under a subkey derived with the number itself. Without both the key ring and a number no row opens.

use plinth_identity::identity_record::IdentityRecord;

use super::{Malformed, Table, malformed};

/// `number_row` -> the person's record.
pub(crate) struct Identities;

const _: () = assert!(size_of::<<Identities as Table>::Key>() == 16);

impl Table for Identities {
    const NAME: &'static str = "identities";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = IdentityRecord;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        IdentityRecord::decode(bytes).map_err(malformed)
    }
}
