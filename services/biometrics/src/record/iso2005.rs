//! ISO/IEC 19794-2:2005, the record format.
//!
//! ```text
//! offset  bytes
//!      0      4  format identifier "FMR\0"
//!      4      4  version " 20\0"
//!      8      4  length of the record in bytes
//!     12      2  capture device (certification, type): not interpreted
//!     14      2  width of the image, pixels
//!     16      2  height of the image, pixels
//!     18      2  horizontal resolution, pixels a centimetre
//!     20      2  vertical resolution, pixels a centimetre
//!     22      1  views
//!     23      1  reserved
//!     24         views, each:
//!             1  finger position
//!             1  view number (high four bits), impression type (low four bits)
//!             1  finger quality, 0 to 100
//!                minutiae and extended data; angles in units of 360/256 degrees
//! ```

use super::cursor::Cursor;
use super::format::{SIGNATURE, VERSION_20};
use super::image::Image;
use super::minutia::{self, AngleUnit, MinutiaForm, told};
use super::{FingerRecord, FingerView, RecordError, check_view_count, read_position};

const FORM: MinutiaForm = MinutiaForm { angles: AngleUnit::Turn256, qualities: true, untold: 0 };

/// Reads a record whose first eight bytes are known.
pub(super) fn decode(bytes: &[u8]) -> Result<FingerRecord, RecordError> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip_signature()?;
    let declared = cursor.u32("record length")?;
    if usize::try_from(declared) != Ok(bytes.len()) {
        return Err(RecordError::Length { declared, actual: bytes.len() });
    }
    cursor.u16("capture device")?;
    let record = read_images_and_views(&mut cursor, FORM)?;
    cursor.finish()?;
    Ok(record)
}

pub(super) fn encode(record: &FingerRecord) -> Vec<u8> {
    let mut bytes = [SIGNATURE, VERSION_20].concat();
    bytes.extend_from_slice(&[0; 4]); // the length, written last
    bytes.extend_from_slice(&[0; 2]); // capture device: not told
    write_image_and_views(record, FORM, &mut bytes);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// From the width on, a record is what ANSI/INCITS 378-2004 has too, but for the unit of angles.
pub(super) fn read_images_and_views(
    cursor: &mut Cursor<'_>,
    form: MinutiaForm,
) -> Result<FingerRecord, RecordError> {
    let image = Image::read(cursor)?;
    let offset = cursor.offset();
    let count = check_view_count(cursor.u8("number of views")?.into(), offset)?;
    cursor.u8("reserved byte")?;
    let views = (0..count).map(|view| read_view(cursor, view, image, form)).collect::<Result<_, _>>()?;
    let Image { width, height, x_resolution, y_resolution } = image;
    Ok(FingerRecord { width, height, x_resolution, y_resolution, views })
}

fn read_view(
    cursor: &mut Cursor<'_>,
    view: usize,
    image: Image,
    form: MinutiaForm,
) -> Result<FingerView, RecordError> {
    let position = read_position(cursor, view)?;
    let numbers = cursor.u8("view number and impression type")?;
    let quality = told(cursor.u8("finger quality")?);
    let minutiae = minutia::read(cursor, view, image, form)?;
    Ok(FingerView { position, view: numbers >> 4, impression: numbers & 0x0f, quality, minutiae })
}

pub(super) fn write_image_and_views(record: &FingerRecord, form: MinutiaForm, bytes: &mut Vec<u8>) {
    Image::of(record).write(bytes);
    let views = &record.views[..record.views.len().min(u8::MAX.into())];
    bytes.push(u8::try_from(views.len()).unwrap_or(u8::MAX));
    bytes.push(0);
    for view in views {
        bytes.push(view.position.code());
        bytes.push((view.view & 0x0f) << 4 | view.impression & 0x0f);
        bytes.push(view.quality);
        minutia::write(&view.minutiae, form, bytes);
    }
}
