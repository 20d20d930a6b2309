//! Finger minutiae records ("FMR"), as sensors and feature extractors write them: ISO/IEC 19794-2:2005 and :2011,
//! ANSI/INCITS 378-2004 and -2009.
//!
//! A record says itself which of the [formats](RecordFormat) it has; each has a file here, which begins with its
//! layout. All become the same [`FingerRecord`]: pixels, and angles in units of 360/256 degrees. All numbers on the
//! wire are big-endian.
//!
//! Decoding is strict about everything that says where a minutia is and lenient about what it does not use (device,
//! qualities, impression types, reserved bits), because deployed devices fill those in their own ways. Extended data
//! (ridge counts, cores, deltas) is walked by its lengths and skipped.

use std::fmt;

mod ansi2004;
mod ansi2009;
mod cursor;
mod error;
mod format;
mod image;
mod iso2005;
mod iso2011;
mod minutia;
mod position;

use cursor::Cursor;
pub use error::RecordError;
pub use format::RecordFormat;
pub use position::FingerPosition;

/// The longest record that is looked at, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// The most finger views of a record: sixteen of each of ten fingers.
pub const MAX_VIEWS: usize = 160;
/// The most views of one known finger: view numbers go from 0 to 15.
pub const MAX_VIEWS_OF_A_FINGER: usize = 16;
/// The most minutiae of a view: their count is one byte.
pub const MAX_MINUTIAE: usize = 255;
/// Resolutions that are believed, pixels a centimetre (about 125 to 2,500 dpi).
pub const RESOLUTIONS: std::ops::RangeInclusive<u16> = 50..=1000;

/// A finger minutiae record: one or more views of fingers, all in images of one resolution.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerRecord {
    /// Width of the image, pixels, below 2^14. Where each view has its own, that of the widest.
    pub width: u16,
    /// Height of the image, pixels, below 2^14. Where each view has its own, that of the highest.
    pub height: u16,
    /// Horizontal resolution, pixels a centimetre (197 is 500 dpi), within [`RESOLUTIONS`].
    pub x_resolution: u16,
    /// Vertical resolution, pixels a centimetre, within [`RESOLUTIONS`].
    pub y_resolution: u16,
    /// Views, 1 to [`MAX_VIEWS`], in the order of the record. Several may show the same finger.
    pub views: Vec<FingerView>,
}

/// One view (one impression of one finger).
#[derive(Clone, PartialEq, Eq)]
pub struct FingerView {
    /// The finger, as the record declares it.
    pub position: FingerPosition,
    /// Number of the view among those of its finger, 0 to 15. Devices are not held to count.
    pub view: u8,
    /// Impression type (0 = live-scan plain), 0 to 15 in the formats of 2004 and 2005; not interpreted.
    pub impression: u8,
    /// Quality of the finger as reported, 1 to 100, or 0 for none; not interpreted.
    pub quality: u8,
    /// Minutiae, 1 to [`MAX_MINUTIAE`], in the order of the record.
    pub minutiae: Vec<Minutia>,
}

/// One minutia.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Minutia {
    /// Pixels from the left edge, below the image's width.
    pub x: u16,
    /// Pixels from the upper edge, downwards, below the image's height.
    pub y: u16,
    /// Direction in units of 360/256 degrees, anticlockwise from the positive x axis.
    pub angle: u8,
    /// What the ridge does here.
    pub kind: MinutiaKind,
    /// Quality of the minutia as reported, 1 to 100, or 0 for none; not interpreted.
    pub quality: u8,
}

/// What a ridge does at a minutia.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MinutiaKind {
    /// Other, or not told.
    Other = 0,
    /// A ridge ends.
    Ending = 1,
    /// A ridge forks.
    Bifurcation = 2,
}

impl FingerRecord {
    /// Parses a whole record of any format; every byte of it must belong to it.
    ///
    /// # Errors
    /// The first defect found, reading downwards. Never panics, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        Self::decode_with_format(bytes).map(|(_, record)| record)
    }

    /// The same, and says which format it was.
    ///
    /// # Errors
    /// Those of [`FingerRecord::decode`].
    pub fn decode_with_format(bytes: &[u8]) -> Result<(RecordFormat, Self), RecordError> {
        check_length(bytes)?;
        RecordFormat::detect(bytes)
    }

    /// Checks a record built by hand against everything that [`FingerRecord::decode`] demands of ISO/IEC 19794-2:2005.
    ///
    /// # Errors
    /// The first defect found; offsets are those that the encoded record would have.
    pub fn check(&self) -> Result<(), RecordError> {
        self.check_as(RecordFormat::Iso2005)
    }

    /// The same for a format of choice.
    ///
    /// # Errors
    /// Those of [`FingerRecord::check`].
    pub fn check_as(&self, format: RecordFormat) -> Result<(), RecordError> {
        for (index, view) in self.views.iter().enumerate() {
            if view.view > 15 {
                return Err(RecordError::Nibble { field: "view number", view: index });
            }
            if view.impression > 15 && format.has_short_impression_types() {
                return Err(RecordError::Nibble { field: "impression type", view: index });
            }
            if view.minutiae.len() > MAX_MINUTIAE {
                return Err(RecordError::TooManyMinutiae { view: index });
            }
            if view.quality > 100 || view.minutiae.iter().any(|minutia| minutia.quality > 100) {
                return Err(RecordError::Quality { view: index });
            }
        }
        let bytes = self.encode_as(format);
        check_length(&bytes)?;
        format.decode(&bytes).map(drop)
    }

    /// The bytes of the record in ISO/IEC 19794-2:2005, without extended data.
    ///
    /// For a record that passes [`FingerRecord::check`] `decode` gives the same record back. Of any other, what does
    /// not fit its field is cut off; this never panics.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(RecordFormat::Iso2005)
    }

    /// The same in a format of choice, by [`FingerRecord::check_as`].
    ///
    /// ANSI/INCITS 378 has coarser angles: they come back as the nearest multiple of two degrees. What it and the
    /// format of 2011 demand about makers and capture is written as "not told".
    #[must_use]
    pub fn encode_as(&self, format: RecordFormat) -> Vec<u8> {
        format.encode(self)
    }

    fn check_views_of_fingers(&self) -> Result<(), RecordError> {
        for finger in FingerPosition::ALL {
            let views = self.views.iter().filter(|view| view.position == finger).count();
            if views > MAX_VIEWS_OF_A_FINGER {
                return Err(RecordError::TooManyViewsOfAFinger { finger, views });
            }
        }
        Ok(())
    }
}

fn check_length(bytes: &[u8]) -> Result<(), RecordError> {
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge { bytes: bytes.len() });
    }
    Ok(())
}

fn check_view_count(views: usize, offset: usize) -> Result<usize, RecordError> {
    match views {
        0 => Err(RecordError::NoViews { offset }),
        1..=MAX_VIEWS => Ok(views),
        _ => Err(RecordError::TooManyViews { offset, views }),
    }
}

fn read_position(cursor: &mut Cursor<'_>, view: usize) -> Result<FingerPosition, RecordError> {
    let offset = cursor.offset();
    let code = cursor.u8("finger position")?;
    FingerPosition::try_from(code).map_err(|_| RecordError::Position { view, offset, code })
}

/// A view number that has a byte of its own, of which the standards use 0 to 15.
fn read_view_number(cursor: &mut Cursor<'_>, view: usize) -> Result<u8, RecordError> {
    match cursor.u8("view number")? {
        number @ 0..=15 => Ok(number),
        _ => Err(RecordError::Nibble { field: "view number", view }),
    }
}

// Coordinates identify a finger: what prints says how many there are and nothing more.

impl fmt::Debug for FingerRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutiae: usize = self.views.iter().map(|view| view.minutiae.len()).sum();
        write!(f, "FingerRecord({} views, {minutiae} minutiae)", self.views.len())
    }
}

impl fmt::Debug for FingerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerView({}, {} minutiae)", self.position, self.minutiae.len())
    }
}

impl fmt::Debug for Minutia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minutia(..)")
    }
}
