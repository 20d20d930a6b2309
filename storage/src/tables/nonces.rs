//! Which nonces a party has used, and for which request. A thief sees how many.

use plinth_identity::id::RequestDigest;
use plinth_identity::time::Timestamp;

use super::{Malformed, Table};
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// The use of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceUse {
    /// Digest of the signed bytes of the request that used it.
    pub digest: RequestDigest,
    /// Until when that request was valid; afterwards it is refused as expired whether or not this row still exists.
    pub not_after: Timestamp,
}

/// `nonce_row` -> its use.
pub(crate) struct Nonces;

const _: () = assert!(size_of::<<Nonces as Table>::Key>() == 16);

impl Table for Nonces {
    const NAME: &'static str = "nonces";
    const VERSION: u8 = 1;
    type Key = [u8; 16];
    type Value = NonceUse;

    /// Format byte 1, digest (32), not after (u64 ms).
    fn encode(value: &Self::Value) -> Vec<u8> {
        FieldWriter::new(FORMAT).array(value.digest.as_bytes()).number(value.not_after.millis()).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let row = NonceUse {
            digest: RequestDigest::from_bytes(fields.array("digest")?),
            not_after: Timestamp::from_millis(fields.number("not after")?),
        };
        fields.finish()?;
        Ok(row)
    }
}
