//! One-time codes that were asked for and not yet forgotten. A thief sees how many.
//!
//! Codes asked for by a number that nobody holds have rows too, which never fit.

use plinth_identity::otp::OtpRow;

use super::{Malformed, Table, malformed};

/// `otp_row` -> code.
pub(crate) struct Otps;

const _: () = assert!(size_of::<<Otps as Table>::Key>() == 16);

impl Table for Otps {
    const NAME: &'static str = "otps";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = OtpRow;

    fn encode(value: &Self::Value) -> Vec<u8> {
        value.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        OtpRow::decode(bytes).map_err(malformed)
    }
}
