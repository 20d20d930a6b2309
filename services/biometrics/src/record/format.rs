//! Which standard a record follows.
//!
//! All of them begin with "FMR\0", and two versions stand for two standards each:
//!
//! - **" 20\0"** is ISO/IEC 19794-2:2005 or ANSI/INCITS 378-2004. The declared length must be right, and it is never
//!   right for both. Of `n` bytes, `n` below 65,536, ISO's field is two zero bytes and `n`. ANSI's is `n` at once, or two
//!   zero bytes and four more, of which the first two stand where ISO has `n`: read as ANSI's, an ISO length is at least
//!   65,536 times too long. Of 65,536 bytes, ISO's field is 0 1 0 0, which ANSI reads as 1, and ANSI's is 0 0 0 1 0 0,
//!   which ISO reads as 1.
//! - **"030\0"** is ISO/IEC 19794-2:2011 or ANSI/INCITS 378-2009. Their headers differ after the length, and nothing
//!   says which one is meant: the bytes are read as both. If both succeed, which takes intent, the record is refused as
//!   [`RecordError::Ambiguous`].
//! - **"035\0"** is ANSI/INCITS 378-2009 as amended in 2010.
//!
//! The compact formats for matching on a card have no header: nothing in them says what they are, and they are not
//! read.

use std::fmt;

use super::{FingerRecord, RecordError, ansi2004, ansi2009, iso2005, iso2011};

pub(super) const SIGNATURE: [u8; 4] = *b"FMR\0";
pub(super) const VERSION_20: [u8; 4] = *b" 20\0";
pub(super) const VERSION_030: [u8; 4] = *b"030\0";
const VERSION_035: [u8; 4] = *b"035\0";

/// A standard for finger minutiae records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RecordFormat {
    /// ISO/IEC 19794-2:2005.
    Iso2005,
    /// ISO/IEC 19794-2:2011.
    Iso2011,
    /// ANSI/INCITS 378-2004.
    Ansi2004,
    /// ANSI/INCITS 378-2009.
    Ansi2009,
    /// ANSI/INCITS 378-2009 with amendment 1 of 2010.
    Ansi2009Amendment1,
}

impl RecordFormat {
    /// All formats.
    pub const ALL: [Self; 5] =
        [Self::Iso2005, Self::Iso2011, Self::Ansi2004, Self::Ansi2009, Self::Ansi2009Amendment1];

    /// Reads a record and says which format it has. See [`FingerRecord::decode`].
    pub(super) fn detect(bytes: &[u8]) -> Result<(Self, FingerRecord), RecordError> {
        let signature = bytes.first_chunk::<4>();
        if *signature.ok_or(RecordError::Truncated { field: "format identifier", offset: 0 })? != SIGNATURE {
            return Err(RecordError::Magic);
        }
        let version = bytes[4..].first_chunk::<4>();
        match *version.ok_or(RecordError::Truncated { field: "version", offset: 4 })? {
            VERSION_20 if reads_as_ansi2004(bytes) => Self::Ansi2004.decode(bytes),
            VERSION_20 => Self::Iso2005.decode(bytes),
            VERSION_030 => match (Self::Iso2011.decode(bytes), Self::Ansi2009.decode(bytes)) {
                (Ok(_), Ok(_)) => Err(RecordError::Ambiguous),
                (Ok(record), Err(_)) | (Err(_), Ok(record)) => Ok(record),
                (Err(iso), Err(ansi)) => Err(if iso2011::header_fits(bytes) { iso } else { ansi }),
            },
            VERSION_035 => Self::Ansi2009Amendment1.decode(bytes),
            _ => Err(RecordError::Version),
        }
    }

    /// Reads a record of this format whose first eight bytes are right.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<(Self, FingerRecord), RecordError> {
        let record = match self {
            Self::Iso2005 => iso2005::decode(bytes),
            Self::Iso2011 => iso2011::decode(bytes),
            Self::Ansi2004 => ansi2004::decode(bytes),
            Self::Ansi2009 | Self::Ansi2009Amendment1 => ansi2009::decode(bytes),
        }?;
        record.check_views_of_fingers()?;
        Ok((self, record))
    }

    pub(super) fn encode(self, record: &FingerRecord) -> Vec<u8> {
        match self {
            Self::Iso2005 => iso2005::encode(record),
            Self::Iso2011 => iso2011::encode(record),
            Self::Ansi2004 => ansi2004::encode(record),
            Self::Ansi2009 => ansi2009::encode(record, VERSION_030),
            Self::Ansi2009Amendment1 => ansi2009::encode(record, VERSION_035),
        }
    }

    /// Whether the impression type has four bits only.
    pub(super) fn has_short_impression_types(self) -> bool {
        matches!(self, Self::Iso2005 | Self::Ansi2004)
    }
}

/// If neither length fits, the record is refused anyway, and this only says by which name: what begins with two bytes
/// that no record accepted here would have in ISO's field is meant for ANSI's.
fn reads_as_ansi2004(bytes: &[u8]) -> bool {
    ansi2004::length_fits(bytes) || bytes.get(8..10).is_some_and(|high| high > [0, 1].as_slice())
}

impl fmt::Display for RecordFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Iso2005 => "ISO/IEC 19794-2:2005",
            Self::Iso2011 => "ISO/IEC 19794-2:2011",
            Self::Ansi2004 => "ANSI/INCITS 378-2004",
            Self::Ansi2009 => "ANSI/INCITS 378-2009",
            Self::Ansi2009Amendment1 => "ANSI/INCITS 378-2009/AM1-2010",
        })
    }
}
