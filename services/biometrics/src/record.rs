//! ISO/IEC 19794-2:2005 finger minutiae records ("FMR", version " 20").
//!
//! Layout, all numbers big-endian:
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
//!     22      1  finger views
//!     23      1  reserved
//!     then, for each view:
//!      0      1  finger position
//!      1      1  view number (high four bits), impression type (low four bits)
//!      2      1  finger quality
//!      3      1  minutiae
//!      4    6 n  minutiae: kind (2 bits) and x (14 bits); reserved (2 bits) and y (14 bits); angle; quality
//!  4+6n      2  length of the extended data, then so many bytes of it
//! ```
//!
//! Decoding is strict about everything that says where a minutia is and lenient about what it does not use (device,
//! qualities, reserved bits), because deployed devices fill those in their own ways. Extended data (ridge counts,
//! cores, deltas) is walked by its lengths and skipped.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest record that is looked at, in bytes.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// The most finger views of a record.
pub const MAX_VIEWS: usize = 16;
/// The most minutiae of a view: their count is one byte.
pub const MAX_MINUTIAE: usize = 255;
/// Resolutions that are believed, pixels a centimetre (about 125 to 2,500 dpi).
pub const RESOLUTIONS: std::ops::RangeInclusive<u16> = 50..=1000;

const MAGIC: [u8; 4] = *b"FMR\0";
const VERSION: [u8; 4] = *b" 20\0";
const HEADER_BYTES: usize = 24;
const MINUTIA_BYTES: usize = 6;
/// Coordinates have 14 bits.
const COORDINATE_MASK: u16 = 0x3fff;

/// A finger minutiae record: one or more views of fingers, all from images of one size.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerRecord {
    /// Width of the image, pixels.
    pub width: u16,
    /// Height of the image, pixels.
    pub height: u16,
    /// Horizontal resolution, pixels a centimetre (197 is 500 dpi), within [`RESOLUTIONS`].
    pub x_resolution: u16,
    /// Vertical resolution, pixels a centimetre, within [`RESOLUTIONS`].
    pub y_resolution: u16,
    /// Views, 1 to [`MAX_VIEWS`], in the order of the record.
    pub views: Vec<FingerView>,
}

/// One view (one impression of one finger).
#[derive(Clone, PartialEq, Eq)]
pub struct FingerView {
    /// The finger, as the record declares it.
    pub position: FingerPosition,
    /// Number of the view among those of its finger, 0 to 15.
    pub view: u8,
    /// Impression type, 0 to 15 (0 = live-scan plain).
    pub impression: u8,
    /// Quality of the finger as reported, 0 to 100; not interpreted.
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
    /// Quality of the minutia as reported, 0 = not reported; not interpreted.
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

/// A finger, by the codes of ISO/IEC 19794-2:2005, table 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FingerPosition {
    /// Not known.
    Unknown = 0,
    /// Right thumb.
    RightThumb = 1,
    /// Right index finger.
    RightIndex = 2,
    /// Right middle finger.
    RightMiddle = 3,
    /// Right ring finger.
    RightRing = 4,
    /// Right little finger.
    RightLittle = 5,
    /// Left thumb.
    LeftThumb = 6,
    /// Left index finger.
    LeftIndex = 7,
    /// Left middle finger.
    LeftMiddle = 8,
    /// Left ring finger.
    LeftRing = 9,
    /// Left little finger.
    LeftLittle = 10,
}

/// Why bytes are not a usable finger minutiae record. Offsets count bytes from the start of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// More than [`MAX_RECORD_BYTES`].
    #[error("record: {bytes} bytes, at most {MAX_RECORD_BYTES} are accepted")]
    TooLarge {
        /// Bytes given.
        bytes: usize,
    },
    /// The record ends inside a field.
    #[error("record: ends inside {field}, which starts at offset {offset}")]
    Truncated {
        /// The field.
        field: &'static str,
        /// Where it starts.
        offset: usize,
    },
    /// The format identifier is not `FMR`.
    #[error("format identifier at offset 0: not FMR")]
    Magic,
    /// The version is not 2.0.
    #[error("version at offset 4: only version 2.0 (ISO/IEC 19794-2:2005) is read")]
    Version,
    /// The length field disagrees with the bytes given.
    #[error("record length at offset 8: declares {declared} bytes, {actual} were given")]
    Length {
        /// What the field says.
        declared: u32,
        /// What was given.
        actual: usize,
    },
    /// Width or height is zero.
    #[error("{field} at offset {offset}: zero")]
    ImageSize {
        /// "image width" or "image height".
        field: &'static str,
        /// Where it stands.
        offset: usize,
    },
    /// A resolution outside [`RESOLUTIONS`].
    #[error("{field} at offset {offset}: {value} pixels/cm is not between 50 and 1000")]
    Resolution {
        /// "x resolution" or "y resolution".
        field: &'static str,
        /// Where it stands.
        offset: usize,
        /// What it says.
        value: u16,
    },
    /// The record has no view.
    #[error("number of views at offset 22: zero")]
    NoViews,
    /// More than [`MAX_VIEWS`] views.
    #[error("number of views at offset 22: {views}, at most {MAX_VIEWS} are accepted")]
    TooManyViews {
        /// Views declared.
        views: usize,
    },
    /// A finger position beyond 10.
    #[error("finger position of view {view} at offset {offset}: {code} is not 0 to 10")]
    Position {
        /// Index of the view.
        view: usize,
        /// Where it stands.
        offset: usize,
        /// What it says.
        code: u8,
    },
    /// A code that names no finger position, outside any record.
    #[error("finger position: {code} is not 0 to 10")]
    PositionCode {
        /// The code.
        code: u8,
    },
    /// A text that names no finger position.
    #[error("finger position: not one of unknown, right-thumb, right-index ... left-little")]
    PositionName,
    /// A view without minutiae.
    #[error("number of minutiae of view {view} at offset {offset}: zero")]
    NoMinutiae {
        /// Index of the view.
        view: usize,
        /// Where it stands.
        offset: usize,
    },
    /// More than [`MAX_MINUTIAE`] minutiae.
    #[error("number of minutiae of view {view}: more than {MAX_MINUTIAE}")]
    TooManyMinutiae {
        /// Index of the view.
        view: usize,
    },
    /// A minutia of the reserved kind 3.
    #[error("kind of minutia {minutia} of view {view} at offset {offset}: 3 is reserved")]
    Kind {
        /// Index of the view.
        view: usize,
        /// Index of the minutia.
        minutia: usize,
        /// Where it stands.
        offset: usize,
    },
    /// A minutia outside the image.
    #[error("coordinates of minutia {minutia} of view {view} at offset {offset}: outside the image")]
    Coordinates {
        /// Index of the view.
        view: usize,
        /// Index of the minutia.
        minutia: usize,
        /// Where it stands.
        offset: usize,
    },
    /// The areas of the extended data do not fill its declared length.
    #[error("extended data of view {view} at offset {offset}: an area's length does not fit")]
    ExtendedData {
        /// Index of the view.
        view: usize,
        /// Where the bad area starts.
        offset: usize,
    },
    /// Bytes are left after the last view.
    #[error("record: {bytes} bytes are left at offset {offset}, after the last view")]
    Trailing {
        /// Where they start.
        offset: usize,
        /// How many.
        bytes: usize,
    },
    /// A view number or impression type beyond 15, which the format cannot hold.
    #[error("{field} of view {view}: more than 15")]
    Nibble {
        /// "view number" or "impression type".
        field: &'static str,
        /// Index of the view.
        view: usize,
    },
}

impl FingerRecord {
    /// Parses a whole record; every byte of it must belong to it.
    ///
    /// # Errors
    /// The first defect found, reading downwards. Never panics, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(RecordError::TooLarge { bytes: bytes.len() });
        }
        let mut cursor = Cursor { bytes, offset: 0 };
        if cursor.array::<4>("format identifier")? != MAGIC {
            return Err(RecordError::Magic);
        }
        if cursor.array::<4>("version")? != VERSION {
            return Err(RecordError::Version);
        }
        let declared = u32::from_be_bytes(cursor.array("record length")?);
        if usize::try_from(declared) != Ok(bytes.len()) {
            return Err(RecordError::Length { declared, actual: bytes.len() });
        }
        cursor.u16("capture device")?;
        let width = cursor.u16("image width")?;
        let height = cursor.u16("image height")?;
        let x_resolution = cursor.u16("x resolution")?;
        let y_resolution = cursor.u16("y resolution")?;
        check_image(width, height, x_resolution, y_resolution)?;
        let count = usize::from(cursor.u8("number of views")?);
        check_view_count(count)?;
        cursor.u8("reserved byte")?;
        let views =
            (0..count).map(|view| decode_view(&mut cursor, view, width, height)).collect::<Result<_, _>>()?;
        match bytes.len() - cursor.offset {
            0 => Ok(Self { width, height, x_resolution, y_resolution, views }),
            left => Err(RecordError::Trailing { offset: cursor.offset, bytes: left }),
        }
    }

    /// Checks a record built by hand against everything that [`FingerRecord::decode`] demands.
    ///
    /// # Errors
    /// The first defect found; offsets are those that the encoded record would have.
    pub fn check(&self) -> Result<(), RecordError> {
        check_image(self.width, self.height, self.x_resolution, self.y_resolution)?;
        check_view_count(self.views.len())?;
        let mut offset = HEADER_BYTES;
        for (index, view) in self.views.iter().enumerate() {
            if view.view > 15 {
                return Err(RecordError::Nibble { field: "view number", view: index });
            }
            if view.impression > 15 {
                return Err(RecordError::Nibble { field: "impression type", view: index });
            }
            if view.minutiae.is_empty() {
                return Err(RecordError::NoMinutiae { view: index, offset: offset + 3 });
            }
            if view.minutiae.len() > MAX_MINUTIAE {
                return Err(RecordError::TooManyMinutiae { view: index });
            }
            offset += 4;
            for (minutia, m) in view.minutiae.iter().enumerate() {
                if !inside(m, self.width, self.height) {
                    return Err(RecordError::Coordinates { view: index, minutia, offset });
                }
                offset += MINUTIA_BYTES;
            }
            offset += 2;
        }
        Ok(())
    }

    /// The bytes of the record, without extended data.
    ///
    /// For a record that passes [`FingerRecord::check`] (all decoded ones do) `decode` gives the same record back.
    /// Of any other, what does not fit its field is cut off; this never panics.
    pub fn encode(&self) -> Vec<u8> {
        let views = &self.views[..self.views.len().min(MAX_VIEWS)];
        let mut bytes = Vec::with_capacity(HEADER_BYTES + views.len() * (6 + MINUTIA_BYTES * 64));
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION);
        bytes.extend_from_slice(&[0; 4]); // the length, written last
        bytes.extend_from_slice(&[0; 2]); // capture device: not told
        for field in [self.width, self.height, self.x_resolution, self.y_resolution] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
        bytes.push(u8::try_from(views.len()).unwrap_or(u8::MAX));
        bytes.push(0);
        for view in views {
            encode_view(view, &mut bytes);
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes
    }
}

fn check_image(width: u16, height: u16, x_resolution: u16, y_resolution: u16) -> Result<(), RecordError> {
    for (field, offset, value) in [("image width", 14, width), ("image height", 16, height)] {
        if value == 0 {
            return Err(RecordError::ImageSize { field, offset });
        }
    }
    for (field, offset, value) in [("x resolution", 18, x_resolution), ("y resolution", 20, y_resolution)] {
        if !RESOLUTIONS.contains(&value) {
            return Err(RecordError::Resolution { field, offset, value });
        }
    }
    Ok(())
}

fn check_view_count(views: usize) -> Result<(), RecordError> {
    match views {
        0 => Err(RecordError::NoViews),
        1..=MAX_VIEWS => Ok(()),
        _ => Err(RecordError::TooManyViews { views }),
    }
}

fn inside(minutia: &Minutia, width: u16, height: u16) -> bool {
    let Minutia { x, y, .. } = *minutia;
    x < width && y < height && x <= COORDINATE_MASK && y <= COORDINATE_MASK
}

fn decode_view(
    cursor: &mut Cursor<'_>,
    view: usize,
    width: u16,
    height: u16,
) -> Result<FingerView, RecordError> {
    let offset = cursor.offset;
    let code = cursor.u8("finger position")?;
    let position =
        FingerPosition::try_from(code).map_err(|_| RecordError::Position { view, offset, code })?;
    let numbers = cursor.u8("view number and impression type")?;
    let quality = cursor.u8("finger quality")?;
    let offset = cursor.offset;
    let count = usize::from(cursor.u8("number of minutiae")?);
    if count == 0 {
        return Err(RecordError::NoMinutiae { view, offset });
    }
    let minutiae = (0..count)
        .map(|minutia| {
            let offset = cursor.offset;
            let [x_high, x_low, y_high, y_low, angle, quality] = cursor.array::<MINUTIA_BYTES>("minutia")?;
            let kind = match x_high >> 6 {
                0 => MinutiaKind::Other,
                1 => MinutiaKind::Ending,
                2 => MinutiaKind::Bifurcation,
                _ => return Err(RecordError::Kind { view, minutia, offset }),
            };
            let x = u16::from_be_bytes([x_high, x_low]) & COORDINATE_MASK;
            let y = u16::from_be_bytes([y_high, y_low]) & COORDINATE_MASK;
            let decoded = Minutia { x, y, angle, kind, quality };
            if inside(&decoded, width, height) {
                Ok(decoded)
            } else {
                Err(RecordError::Coordinates { view, minutia, offset })
            }
        })
        .collect::<Result<_, _>>()?;
    skip_extended_data(cursor, view)?;
    Ok(FingerView { position, view: numbers >> 4, impression: numbers & 0x0f, quality, minutiae })
}

/// Walks the areas of a view's extended data: two bytes of type, two of length (which counts these four), content.
fn skip_extended_data(cursor: &mut Cursor<'_>, view: usize) -> Result<(), RecordError> {
    let mut left = usize::from(cursor.u16("extended data length")?);
    while left > 0 {
        let offset = cursor.offset;
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

fn encode_view(view: &FingerView, bytes: &mut Vec<u8>) {
    let minutiae = &view.minutiae[..view.minutiae.len().min(MAX_MINUTIAE)];
    bytes.push(view.position.code());
    bytes.push((view.view & 0x0f) << 4 | view.impression & 0x0f);
    bytes.push(view.quality);
    bytes.push(u8::try_from(minutiae.len()).unwrap_or(u8::MAX));
    for minutia in minutiae {
        let kind = (minutia.kind as u16) << 14;
        bytes.extend_from_slice(&(kind | minutia.x & COORDINATE_MASK).to_be_bytes());
        bytes.extend_from_slice(&(minutia.y & COORDINATE_MASK).to_be_bytes());
        bytes.extend_from_slice(&[minutia.angle, minutia.quality]);
    }
    bytes.extend_from_slice(&[0; 2]);
}

/// Reads fields one after the other; the only code that indexes into a record.
struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], RecordError> {
        let offset = self.offset;
        let found = self.bytes.get(offset..).and_then(<[u8]>::first_chunk::<N>);
        let found = *found.ok_or(RecordError::Truncated { field, offset })?;
        self.offset += N;
        Ok(found)
    }

    fn u8(&mut self, field: &'static str) -> Result<u8, RecordError> {
        Ok(self.array::<1>(field)?[0])
    }

    fn u16(&mut self, field: &'static str) -> Result<u16, RecordError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    fn skip(&mut self, count: usize, field: &'static str) -> Result<(), RecordError> {
        if self.bytes.len() - self.offset < count {
            return Err(RecordError::Truncated { field, offset: self.offset });
        }
        self.offset += count;
        Ok(())
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

impl FingerPosition {
    /// The ten fingers, in the order of their codes.
    pub const ALL: [Self; 10] = [
        Self::RightThumb,
        Self::RightIndex,
        Self::RightMiddle,
        Self::RightRing,
        Self::RightLittle,
        Self::LeftThumb,
        Self::LeftIndex,
        Self::LeftMiddle,
        Self::LeftRing,
        Self::LeftLittle,
    ];

    /// The code of the standard, 0 to 10.
    pub const fn code(self) -> u8 {
        self as u8
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::RightThumb => "right-thumb",
            Self::RightIndex => "right-index",
            Self::RightMiddle => "right-middle",
            Self::RightRing => "right-ring",
            Self::RightLittle => "right-little",
            Self::LeftThumb => "left-thumb",
            Self::LeftIndex => "left-index",
            Self::LeftMiddle => "left-middle",
            Self::LeftRing => "left-ring",
            Self::LeftLittle => "left-little",
        }
    }
}

impl TryFrom<u8> for FingerPosition {
    type Error = RecordError;

    fn try_from(code: u8) -> Result<Self, RecordError> {
        match code {
            0 => Ok(Self::Unknown),
            _ => Self::ALL.get(usize::from(code) - 1).copied().ok_or(RecordError::PositionCode { code }),
        }
    }
}

impl fmt::Display for FingerPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FingerPosition {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        let mut positions = std::iter::once(Self::Unknown).chain(Self::ALL);
        positions.find(|position| position.name() == text).ok_or(RecordError::PositionName)
    }
}
