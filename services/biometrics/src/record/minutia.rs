//! The list of minutiae of a view, and the extended data behind it: alike in every format but for the unit of angles
//! and for qualities that may be missing.
//!
//! ```text
//! bytes
//!     1  number of minutiae
//!   6 n  minutiae: kind (2 bits) and x (14 bits); reserved (2 bits) and y (14 bits); angle; quality (5 n without it)
//!     2  length of the extended data
//!        areas of extended data, each: type (2), length (2, counting these four bytes), content
//! ```

use super::cursor::Cursor;
use super::image::{Image, MAX_COORDINATE};
use super::{MAX_MINUTIAE, Minutia, MinutiaKind, RecordError};

/// How a format writes its minutiae.
#[derive(Clone, Copy)]
pub(super) struct MinutiaForm {
    pub(super) angles: AngleUnit,
    /// Whether a minutia ends with a byte of quality.
    pub(super) qualities: bool,
    /// The byte that says that a quality is not told.
    pub(super) untold: u8,
}

/// The unit of a format's angles. All formats turn anticlockwise from the positive x axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AngleUnit {
    /// 360/256 degrees, ISO/IEC 19794-2.
    Turn256,
    /// Two degrees, ANSI/INCITS 378: 0 to 179.
    TwoDegrees,
}

impl AngleUnit {
    /// To units of 360/256 degrees, the nearest one. Distinct angles stay distinct.
    fn read(self, byte: u8) -> Option<u8> {
        match self {
            Self::Turn256 => Some(byte),
            // 2 a degrees are a * 64 / 45 units; half of 45 makes it round. 179 gives 255.
            Self::TwoDegrees if byte < 180 => u8::try_from((u32::from(byte) * 64 + 22) / 45).ok(),
            Self::TwoDegrees => None,
        }
    }

    /// From units of 360/256 degrees, the nearest angle.
    fn write(self, angle: u8) -> u8 {
        match self {
            Self::Turn256 => angle,
            // At most 179: 255 units are 179.3 angles.
            Self::TwoDegrees => u8::try_from((u32::from(angle) * 45 + 32) / 64).unwrap_or(0),
        }
    }
}

/// A quality that says something: 0 to 100, and 0 for what a device did not or could not tell (254, 255) or must not
/// write (all others).
pub(super) fn told(quality: u8) -> u8 {
    if quality <= 100 { quality } else { 0 }
}

/// Reads the minutiae and walks over the extended data.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    view: usize,
    image: Image,
    form: MinutiaForm,
) -> Result<Vec<Minutia>, RecordError> {
    let offset = cursor.offset();
    let count = usize::from(cursor.u8("number of minutiae")?);
    if count == 0 {
        return Err(RecordError::NoMinutiae { view, offset });
    }
    let minutiae = (0..count)
        .map(|minutia| {
            let offset = cursor.offset();
            let [x_high, x_low, y_high, y_low, angle] = cursor.array("minutia")?;
            let quality = if form.qualities { told(cursor.u8("minutia")?) } else { 0 };
            let kind = match x_high >> 6 {
                0 => MinutiaKind::Other,
                1 => MinutiaKind::Ending,
                2 => MinutiaKind::Bifurcation,
                _ => return Err(RecordError::Kind { view, minutia, offset }),
            };
            let angle = form.angles.read(angle).ok_or(RecordError::Angle { view, minutia, offset })?;
            let x = u16::from_be_bytes([x_high, x_low]) & MAX_COORDINATE;
            let y = u16::from_be_bytes([y_high, y_low]) & MAX_COORDINATE;
            let decoded = Minutia { x, y, angle, kind, quality };
            if image.contains(&decoded) {
                Ok(decoded)
            } else {
                Err(RecordError::Coordinates { view, minutia, offset })
            }
        })
        .collect::<Result<_, _>>()?;
    skip_extended_data(cursor, view)?;
    Ok(minutiae)
}

/// Walks the areas of a view's extended data (ridge counts, cores and deltas, zonal quality, or a vendor's own).
fn skip_extended_data(cursor: &mut Cursor<'_>, view: usize) -> Result<(), RecordError> {
    let mut left = usize::from(cursor.u16("extended data length")?);
    while left > 0 {
        let offset = cursor.offset();
        cursor.u16("extended data area type")?;
        let area = usize::from(cursor.u16("extended data area length")?);
        if area < 4 || area > left {
            return Err(RecordError::ExtendedData { view, offset });
        }
        cursor.skip(area - 4, "extended data area")?;
        left -= area;
    }
    Ok(())
}

/// Writes the minutiae, and no extended data. What does not fit its field is cut off in a way that
/// [`super::FingerRecord::check_as`] notices: a place too far out stays outside its image.
pub(super) fn write(minutiae: &[Minutia], form: MinutiaForm, bytes: &mut Vec<u8>) {
    let minutiae = &minutiae[..minutiae.len().min(MAX_MINUTIAE)];
    bytes.push(u8::try_from(minutiae.len()).unwrap_or(u8::MAX));
    for minutia in minutiae {
        let kind = (minutia.kind as u16) << 14;
        bytes.extend_from_slice(&(kind | minutia.x.min(MAX_COORDINATE)).to_be_bytes());
        bytes.extend_from_slice(&minutia.y.min(MAX_COORDINATE).to_be_bytes());
        bytes.push(form.angles.write(minutia.angle));
        if form.qualities {
            bytes.push(if minutia.quality == 0 { form.untold } else { minutia.quality });
        }
    }
    bytes.extend_from_slice(&[0; 2]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_of_two_degrees_become_the_nearest_unit_and_come_back() {
        for angle in 0..180_u8 {
            let units = AngleUnit::TwoDegrees.read(angle).unwrap();
            let off = f64::from(units) * 360.0 / 256.0 - 2.0 * f64::from(angle);
            assert!(off.abs() <= 360.0 / 512.0, "{angle}: {off} degrees off");
            assert_eq!(AngleUnit::TwoDegrees.write(units), angle);
        }
        assert_eq!((180..=255).find_map(|angle| AngleUnit::TwoDegrees.read(angle)), None);
    }

    #[test]
    fn every_unit_is_written_as_the_nearest_angle_of_two_degrees() {
        for units in 0..=255_u8 {
            let angle = AngleUnit::TwoDegrees.write(units);
            let off = f64::from(units) * 360.0 / 256.0 - 2.0 * f64::from(angle);
            assert!(angle < 180 && off.abs() <= 1.0, "{units}: {off} degrees off");
        }
    }
}
