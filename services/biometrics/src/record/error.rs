//! Why bytes are not a usable record.

use thiserror::Error;

use super::{FingerPosition, MAX_MINUTIAE, MAX_RECORD_BYTES, MAX_VIEWS, MAX_VIEWS_OF_A_FINGER};

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
    /// The version is none of those that [`super::RecordFormat`] names.
    #[error("version at offset 4: not 20, 030 or 035 (ISO/IEC 19794-2:2005 or :2011, ANSI/INCITS 378)")]
    Version,
    /// The bytes are a whole record of two formats at once, which read different minutiae from them.
    #[error("record: can be read as ISO/IEC 19794-2:2011 and as ANSI/INCITS 378-2009")]
    Ambiguous,
    /// The length field disagrees with the bytes given.
    #[error("record length at offset 8: declares {declared} bytes, {actual} were given")]
    Length {
        /// What the field says.
        declared: u32,
        /// What was given.
        actual: usize,
    },
    /// Width or height is zero, or more than a coordinate can reach.
    #[error("{field} at offset {offset}: {value} pixels are not between 1 and 16383")]
    ImageSize {
        /// "image width" or "image height".
        field: &'static str,
        /// Where it stands.
        offset: usize,
        /// What it says.
        value: u16,
    },
    /// A resolution outside [`super::RESOLUTIONS`].
    #[error("{field} at offset {offset}: {value} pixels/cm is not between 50 and 1000")]
    Resolution {
        /// "x resolution" or "y resolution".
        field: &'static str,
        /// Where it stands.
        offset: usize,
        /// What it says.
        value: u16,
    },
    /// A view's image, at the resolution of the first view, is larger than coordinates can reach.
    #[error("view {view}: its image is too large at the resolution of the first view")]
    Rescaled {
        /// Index of the view.
        view: usize,
    },
    /// The record has no view.
    #[error("number of views at offset {offset}: zero")]
    NoViews {
        /// Where the number stands.
        offset: usize,
    },
    /// More than [`MAX_VIEWS`] views.
    #[error("number of views at offset {offset}: {views}, at most {MAX_VIEWS} are accepted")]
    TooManyViews {
        /// Where the number stands.
        offset: usize,
        /// Views declared.
        views: usize,
    },
    /// More than [`MAX_VIEWS_OF_A_FINGER`] views of one known finger.
    #[error("views of {finger}: {views}, at most {MAX_VIEWS_OF_A_FINGER} are accepted")]
    TooManyViewsOfAFinger {
        /// The finger.
        finger: FingerPosition,
        /// Its views.
        views: usize,
    },
    /// A certification flag that is neither 0 nor 1, so that nobody knows what follows.
    #[error("certification flag at offset {offset}: {value} is not 0 or 1")]
    CertificationFlag {
        /// Where it stands.
        offset: usize,
        /// What it says.
        value: u8,
    },
    /// A view is longer or shorter than it says.
    #[error("length of view {view} at offset {offset}: declares {declared} bytes, its fields take {actual}")]
    ViewLength {
        /// Index of the view.
        view: usize,
        /// Where the length stands.
        offset: usize,
        /// What it says.
        declared: u32,
        /// What the fields take.
        actual: usize,
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
    /// A view number or impression type beyond what the format knows: 15, where it has four bits or says so.
    #[error("{field} of view {view}: more than 15")]
    Nibble {
        /// "view number" or "impression type".
        field: &'static str,
        /// Index of the view.
        view: usize,
    },
    /// A quality beyond 100, in a record built by hand.
    #[error("quality of view {view} or of a minutia of it: more than 100")]
    Quality {
        /// Index of the view.
        view: usize,
    },
    /// A minutia neither five nor six bytes long.
    #[error("minutia length of view {view} at offset {offset}: {bytes} is not 5 or 6")]
    MinutiaLength {
        /// Index of the view.
        view: usize,
        /// Where it stands.
        offset: usize,
        /// What it says.
        bytes: u8,
    },
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
    /// An angle of a full turn or more, in units of two degrees.
    #[error("angle of minutia {minutia} of view {view} at offset {offset}: not 0 to 179")]
    Angle {
        /// Index of the view.
        view: usize,
        /// Index of the minutia.
        minutia: usize,
        /// Where the minutia starts.
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
}
