//! ANSI/INCITS 378-2004.
//!
//! ```text
//! offset  bytes
//!      0      4  format identifier "FMR\0"
//!      4      4  version " 20\0"
//!      8      2  length of the record in bytes, or 0 and then
//!             4  the length of a longer record: all that follows is four bytes further
//!     10      4  product identifier (owner, type): not interpreted
//!     14      2  capture device (certification, identifier): not interpreted
//!     16         from the width on as in ISO/IEC 19794-2:2005, but angles in units of two degrees, 0 to 179
//! ```
//!
//! The longer form is read at any length, because some devices always write it.

use super::cursor::Cursor;
use super::format::{SIGNATURE, VERSION_20};
use super::iso2005::{read_images_and_views, write_image_and_views};
use super::minutia::{AngleUnit, MinutiaForm};
use super::{FingerRecord, RecordError};

const FORM: MinutiaForm = MinutiaForm { angles: AngleUnit::TwoDegrees, qualities: true, untold: 0 };

/// The length that a record declares, read as this format's.
fn read_length(cursor: &mut Cursor<'_>) -> Result<u32, RecordError> {
    match cursor.u16("record length")? {
        0 => cursor.u32("record length"),
        short => Ok(short.into()),
    }
}

/// Whether the length that the bytes declare, read as this format's, is how many they are.
pub(super) fn length_fits(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    let declared = cursor.skip_signature().and_then(|()| read_length(&mut cursor));
    declared.is_ok_and(|declared| usize::try_from(declared) == Ok(bytes.len()))
}

/// Reads a record whose first eight bytes are known.
pub(super) fn decode(bytes: &[u8]) -> Result<FingerRecord, RecordError> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip_signature()?;
    let declared = read_length(&mut cursor)?;
    if usize::try_from(declared) != Ok(bytes.len()) {
        return Err(RecordError::Length { declared, actual: bytes.len() });
    }
    cursor.u32("product identifier")?;
    cursor.u16("capture device")?;
    let record = read_images_and_views(&mut cursor, FORM)?;
    cursor.finish()?;
    Ok(record)
}

pub(super) fn encode(record: &FingerRecord) -> Vec<u8> {
    let mut rest = Vec::new();
    // No product identifier is registered for this program.
    rest.extend_from_slice(&[0; 4]);
    rest.extend_from_slice(&[0; 2]); // capture device: not told
    write_image_and_views(record, FORM, &mut rest);
    let mut bytes = [SIGNATURE, VERSION_20].concat();
    if let Ok(short) = u16::try_from(10 + rest.len()) {
        bytes.extend_from_slice(&short.to_be_bytes());
    } else {
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&u32::try_from(14 + rest.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    bytes.extend_from_slice(&rest);
    bytes
}
