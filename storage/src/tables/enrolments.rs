//! Each agency's own enrolments, in the order of the log, for its daily reconciliation.
//!
//! A thief sees how many enrolments each of the unnamed agencies sent, and their order.

use plinth_identity::id::{LogPosition, RequestId};
use plinth_identity::time::Timestamp;

use super::{Malformed, Table};
use crate::error::StoreError;
use crate::fields::{FieldReader, FieldWriter};

const FORMAT: u8 = 1;

/// One enrolment in its agency's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrolmentEntry {
    /// The id that the agency gave its request.
    pub request_id: RequestId,
    /// When it was decided.
    pub at: Timestamp,
}

/// `party_list` of the agency (16), then the log position (u64 big-endian) -> entry.
pub(crate) struct Enrolments;

const _: () = assert!(size_of::<<Enrolments as Table>::Key>() == 24);

impl Table for Enrolments {
    const NAME: &'static str = "enrolments";
    const VERSION: u8 = 1;
    type Key = [u8; 24];
    type Value = EnrolmentEntry;

    /// Format byte 1, request id (16), time (u64 ms).
    fn encode(value: &Self::Value) -> Vec<u8> {
        FieldWriter::new(FORMAT).array(value.request_id.as_bytes()).number(value.at.millis()).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self::Value, Malformed> {
        let mut fields = FieldReader::new(bytes, FORMAT)?;
        let entry = EnrolmentEntry {
            request_id: RequestId::from_bytes(fields.array("request id")?),
            at: Timestamp::from_millis(fields.number("at")?),
        };
        fields.finish()?;
        Ok(entry)
    }
}

/// The key of an enrolment in an agency's list.
pub(crate) fn key(list: &[u8; 16], position: LogPosition) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(list);
    key[16..].copy_from_slice(&position.get().to_be_bytes());
    key
}

/// List and position of a key.
pub(crate) fn split(key: &[u8; 24]) -> Result<([u8; 16], LogPosition), StoreError> {
    let (list, position) = key
        .split_first_chunk::<16>()
        .and_then(|(list, rest)| Some((list, rest.first_chunk::<8>()?)))
        .ok_or_else(|| StoreError::corrupt(Enrolments::NAME, "a key is not 24 bytes long"))?;
    Ok((*list, LogPosition::new(u64::from_be_bytes(*position))))
}
