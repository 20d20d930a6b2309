//! ISO/IEC 19794-2:2011, the record format, in the frame of ISO/IEC 19794-1:2011.
//!
//! ```text
//! offset  bytes
//!      0      4  format identifier "FMR\0"
//!      4      4  version "030\0"
//!      8      4  length of the record in bytes
//!     12      2  views ("representations")
//!     14      1  certification flag: 1 if views tell the certifications of their device, else 0
//!     15         views, each:
//!             4  length of the view in bytes, these four counted
//!             9  date and time of the capture: not interpreted
//!             5  capture device (technology, vendor, type): not interpreted
//!             1  quality blocks
//!           5 q  quality blocks: quality (0 to 100, or 255 where it could not be told), vendor (2), algorithm (2)
//!         0 | 1  certifications, if the flag is 1
//!           3 c  certifications: authority (2), scheme (1): not interpreted
//!             1  finger position
//!             1  view number, 0 to 15
//!             2  horizontal resolution, pixels a centimetre
//!             2  vertical resolution, pixels a centimetre
//!             1  impression type
//!             2  width of the image, pixels
//!             2  height of the image, pixels
//!             1  length of a minutia, 5 or 6 (high four bits), meaning of a ridge ending (low four bits)
//!                minutiae, with a quality if they are six bytes long, and extended data; angles in units of
//!                360/256 degrees
//! ```
//!
//! The first quality block that tells something is the finger's quality. Whether ridge endings stand at the fork of
//! the valley or at the end of the ridge (a few pixels apart) is not interpreted: the matcher bears with more.

use super::cursor::Cursor;
use super::format::{SIGNATURE, VERSION_030};
use super::image::{Image, in_one_image, read_resolution, read_size};
use super::minutia::{self, AngleUnit, MinutiaForm, told};
use super::{FingerRecord, FingerView, RecordError, check_view_count, read_position, read_view_number};

/// The shortest header and view: a view without quality, certification, minutia or extended data.
const HEADER_BYTES: usize = 15;
const MIN_VIEW_BYTES: u32 = 34;

const fn form(qualities: bool) -> MinutiaForm {
    MinutiaForm { angles: AngleUnit::Turn256, qualities, untold: 254 }
}

/// Whether the header is one of this format rather than of ANSI/INCITS 378-2009: good enough to choose which error is
/// told about a record that is neither.
pub(super) fn header_fits(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    read_header(&mut cursor).is_ok_and(|(count, flag, length)| {
        let room = bytes.len() - HEADER_BYTES;
        count > 0
            && flag <= 1
            && length >= MIN_VIEW_BYTES
            && usize::try_from(length).is_ok_and(|length| length <= room)
    })
}

/// The number of views, the certification flag, and the length of the first view.
fn read_header(cursor: &mut Cursor<'_>) -> Result<(u16, u8, u32), RecordError> {
    cursor.skip_signature()?;
    cursor.u32("record length")?;
    Ok((cursor.u16("number of views")?, cursor.u8("certification flag")?, cursor.u32("view length")?))
}

/// Reads a record whose first eight bytes are known.
pub(super) fn decode(bytes: &[u8]) -> Result<FingerRecord, RecordError> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip_signature()?;
    let declared = cursor.u32("record length")?;
    if usize::try_from(declared) != Ok(bytes.len()) {
        return Err(RecordError::Length { declared, actual: bytes.len() });
    }
    let offset = cursor.offset();
    let count = check_view_count(cursor.u16("number of views")?.into(), offset)?;
    let offset = cursor.offset();
    let certified = match cursor.u8("certification flag")? {
        0 => false,
        1 => true,
        value => return Err(RecordError::CertificationFlag { offset, value }),
    };
    let views = (0..count).map(|view| read_view(&mut cursor, view, certified)).collect::<Result<_, _>>()?;
    cursor.finish()?;
    in_one_image(views)
}

fn read_view(
    cursor: &mut Cursor<'_>,
    view: usize,
    certified: bool,
) -> Result<(Image, FingerView), RecordError> {
    let start = cursor.offset();
    let declared = cursor.u32("view length")?;
    cursor.skip(9, "capture date and time")?;
    cursor.skip(5, "capture device")?;
    let quality = read_quality(cursor)?;
    if certified {
        let count = usize::from(cursor.u8("number of certifications")?);
        cursor.skip(3 * count, "certifications")?;
    }
    let position = read_position(cursor, view)?;
    let number = read_view_number(cursor, view)?;
    let (x_resolution, y_resolution) = read_resolution(cursor)?;
    let impression = cursor.u8("impression type")?;
    let (width, height) = read_size(cursor)?;
    let offset = cursor.offset();
    let qualities = match cursor.u8("minutia length")? >> 4 {
        5 => false,
        6 => true,
        bytes => return Err(RecordError::MinutiaLength { view, offset, bytes }),
    };
    let image = Image { width, height, x_resolution, y_resolution };
    let minutiae = minutia::read(cursor, view, image, form(qualities))?;
    let actual = cursor.offset() - start;
    if usize::try_from(declared) != Ok(actual) {
        return Err(RecordError::ViewLength { view, offset: start, declared, actual });
    }
    Ok((image, FingerView { position, view: number, impression, quality, minutiae }))
}

/// The quality of the first block that tells one, or 0.
fn read_quality(cursor: &mut Cursor<'_>) -> Result<u8, RecordError> {
    let mut quality = 0;
    for _ in 0..cursor.u8("number of quality blocks")? {
        let [value, ..] = cursor.array::<5>("quality block")?;
        if quality == 0 {
            quality = told(value);
        }
    }
    Ok(quality)
}

pub(super) fn encode(record: &FingerRecord) -> Vec<u8> {
    let mut bytes = [SIGNATURE, VERSION_030].concat();
    bytes.extend_from_slice(&[0; 4]); // the length, written last
    bytes.extend_from_slice(&u16::try_from(record.views.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.push(0); // no certifications
    for view in &record.views {
        let start = bytes.len();
        write_view(view, Image::of(record), &mut bytes);
        let length = u32::try_from(bytes.len() - start).unwrap_or(u32::MAX);
        bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn write_view(view: &FingerView, image: Image, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[0; 4]); // the length, written last
    bytes.extend_from_slice(&[0xff; 9]); // date and time: not told
    bytes.extend_from_slice(&[0; 5]); // capture device: not told
    if view.quality == 0 {
        bytes.push(0);
    } else {
        bytes.extend_from_slice(&[1, view.quality, 0, 0, 0, 0]); // one block, of an algorithm that is not told
    }
    bytes.extend_from_slice(&[view.position.code(), view.view]);
    bytes.extend_from_slice(&image.x_resolution.to_be_bytes());
    bytes.extend_from_slice(&image.y_resolution.to_be_bytes());
    bytes.push(view.impression);
    bytes.extend_from_slice(&image.width.to_be_bytes());
    bytes.extend_from_slice(&image.height.to_be_bytes());
    let qualities = view.minutiae.iter().any(|minutia| minutia.quality != 0);
    bytes.push(if qualities { 0x60 } else { 0x50 });
    minutia::write(&view.minutiae, form(qualities), bytes);
}
