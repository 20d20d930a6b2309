//! ANSI/INCITS 378-2009, and its amendment 1 of 2010 that changed the version.
//!
//! ```text
//! offset  bytes
//!      0      4  format identifier "FMR\0"
//!      4      4  version "030\0", or "035\0" since the amendment
//!      8      4  length of the record in bytes
//!     12      4  product identifier (owner, type): not interpreted
//!     16      1  capture device's certification: not interpreted
//!     17      2  capture device's identifier: not interpreted
//!     19      1  views
//!     20      1  reserved
//!     21         views, each:
//!             1  finger position
//!             1  view number, 0 to 15
//!             1  impression type
//!             1  finger quality, 0 to 100, or 254 (not told) or 255 (could not be told)
//!             4  quality algorithm (owner, identifier): not interpreted
//!             2  width of the image, pixels
//!             2  height of the image, pixels
//!             2  horizontal resolution, pixels a centimetre
//!             2  vertical resolution, pixels a centimetre
//!                minutiae and extended data; angles in units of two degrees, 0 to 179
//! ```

use super::cursor::Cursor;
use super::format::SIGNATURE;
use super::image::{Image, in_one_image};
use super::minutia::{self, AngleUnit, MinutiaForm, told};
use super::{FingerRecord, FingerView, RecordError, check_view_count, read_position, read_view_number};

/// Says that a quality is not told.
const UNTOLD: u8 = 254;
const FORM: MinutiaForm = MinutiaForm { angles: AngleUnit::TwoDegrees, qualities: true, untold: UNTOLD };

/// Reads a record whose first eight bytes are known.
pub(super) fn decode(bytes: &[u8]) -> Result<FingerRecord, RecordError> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip_signature()?;
    let declared = cursor.u32("record length")?;
    if usize::try_from(declared) != Ok(bytes.len()) {
        return Err(RecordError::Length { declared, actual: bytes.len() });
    }
    cursor.u32("product identifier")?;
    cursor.skip(3, "capture device")?;
    let offset = cursor.offset();
    let count = check_view_count(cursor.u8("number of views")?.into(), offset)?;
    cursor.u8("reserved byte")?;
    let views = (0..count).map(|view| read_view(&mut cursor, view)).collect::<Result<_, _>>()?;
    cursor.finish()?;
    in_one_image(views)
}

fn read_view(cursor: &mut Cursor<'_>, view: usize) -> Result<(Image, FingerView), RecordError> {
    let position = read_position(cursor, view)?;
    let number = read_view_number(cursor, view)?;
    let impression = cursor.u8("impression type")?;
    let quality = told(cursor.u8("finger quality")?);
    cursor.u32("quality algorithm")?;
    let image = Image::read(cursor)?;
    let minutiae = minutia::read(cursor, view, image, FORM)?;
    Ok((image, FingerView { position, view: number, impression, quality, minutiae }))
}

pub(super) fn encode(record: &FingerRecord, version: [u8; 4]) -> Vec<u8> {
    let mut bytes = [SIGNATURE, version].concat();
    bytes.extend_from_slice(&[0; 4]); // the length, written last
    bytes.extend_from_slice(&[0; 4]); // no product identifier is registered for this program
    bytes.extend_from_slice(&[0; 3]); // capture device: not told
    let views = &record.views[..record.views.len().min(u8::MAX.into())];
    bytes.push(u8::try_from(views.len()).unwrap_or(u8::MAX));
    bytes.push(0);
    for view in views {
        let quality = if view.quality == 0 { UNTOLD } else { view.quality };
        bytes.extend_from_slice(&[view.position.code(), view.view, view.impression, quality]);
        bytes.extend_from_slice(&[0; 4]); // quality algorithm: not told
        Image::of(record).write(&mut bytes);
        minutia::write(&view.minutiae, FORM, &mut bytes);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes
}
