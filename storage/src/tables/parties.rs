//! Agencies, relying parties and administrators. A thief sees how many there are of each kind.

use plinth_identity::keys::KeyRing;
use plinth_identity::party::{Party, PartyId, PartyKind};

use super::{Malformed, Table, malformed};

/// Kind, then `party_row` -> the party.
pub(crate) struct Parties;

const _: () = assert!(size_of::<<Parties as Table>::Key>() == 17);

impl Table for Parties {
    const NAME: &'static str = "parties";
    const VERSION: u8 = 1;
    type Key = [u8; 17];
    type Value = Party;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        Party::decode(bytes).map_err(malformed)
    }
}

/// The key of one party.
pub(crate) fn key(keys: &KeyRing, kind: PartyKind, id: &PartyId) -> [u8; 17] {
    let mut key = [0; 17];
    key[0] = prefix(kind);
    key[1..].copy_from_slice(&keys.party_row(kind, id));
    key
}

/// The first byte of the keys of a kind. Retired values stay reserved.
pub(crate) fn prefix(kind: PartyKind) -> u8 {
    match kind {
        PartyKind::Agency => 1,
        PartyKind::RelyingParty => 2,
        PartyKind::Administrator => 3,
    }
}
