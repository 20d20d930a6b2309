//! Messages on their way out, in the order in which they were decided.
//!
//! A message is written in the commit that decided it and removed when the sender has taken it, so a crash loses none. A
//! thief sees how many wait and how many there have ever been.

use plinth_identity::otp::Delivery;

use super::{Malformed, Table, malformed};

/// Number of the message, u64 big-endian, from 1 -> message.
pub(crate) struct Outbox;

const _: () = assert!(size_of::<<Outbox as Table>::Key>() == 8);

impl Table for Outbox {
    const NAME: &'static str = "outbox";
    const VERSION: u8 = 1;
    type Key = [u8; 8];
    type Value = Delivery;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        Delivery::decode(bytes).map_err(malformed)
    }
}
