//! The image that minutiae lie in, and one image for the views of a record that has one for each.

use super::cursor::Cursor;
use super::{FingerRecord, FingerView, Minutia, RESOLUTIONS, RecordError};

/// Coordinates have 14 bits in every format, and so has what they stay below.
pub(super) const MAX_COORDINATE: u16 = 0x3fff;

/// Size in pixels and resolution in pixels a centimetre, both checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) x_resolution: u16,
    pub(super) y_resolution: u16,
}

impl Image {
    /// Width, height, horizontal and vertical resolution: the order of every format but ISO/IEC 19794-2:2011.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, RecordError> {
        let (width, height) = read_size(cursor)?;
        let (x_resolution, y_resolution) = read_resolution(cursor)?;
        Ok(Self { width, height, x_resolution, y_resolution })
    }

    pub(super) fn of(record: &FingerRecord) -> Self {
        let FingerRecord { width, height, x_resolution, y_resolution, .. } = *record;
        Self { width, height, x_resolution, y_resolution }
    }

    pub(super) fn write(self, bytes: &mut Vec<u8>) {
        for field in [self.width, self.height, self.x_resolution, self.y_resolution] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
    }

    pub(super) fn contains(self, minutia: &Minutia) -> bool {
        minutia.x < self.width && minutia.y < self.height
    }
}

pub(super) fn read_size(cursor: &mut Cursor<'_>) -> Result<(u16, u16), RecordError> {
    let mut side = |field| {
        let offset = cursor.offset();
        match cursor.u16(field)? {
            value @ 1..=MAX_COORDINATE => Ok(value),
            value => Err(RecordError::ImageSize { field, offset, value }),
        }
    };
    Ok((side("image width")?, side("image height")?))
}

pub(super) fn read_resolution(cursor: &mut Cursor<'_>) -> Result<(u16, u16), RecordError> {
    let mut resolution = |field| {
        let offset = cursor.offset();
        match cursor.u16(field)? {
            value if RESOLUTIONS.contains(&value) => Ok(value),
            value => Err(RecordError::Resolution { field, offset, value }),
        }
    };
    Ok((resolution("x resolution")?, resolution("y resolution")?))
}

/// One record of views that each came with an image of their own.
///
/// The record takes the resolution of the first view, and a size that holds every view. A view at another resolution
/// (no known device mixes them, but the formats allow it) is brought to that of the first, which moves a minutia by
/// less than a pixel.
pub(super) fn in_one_image(views: Vec<(Image, FingerView)>) -> Result<FingerRecord, RecordError> {
    let first = views.first().map(|(image, _)| *image);
    let Image { mut width, mut height, x_resolution, y_resolution } =
        first.ok_or(RecordError::NoViews { offset: 0 })?;
    let mut brought = Vec::with_capacity(views.len());
    for (index, (own, mut view)) in views.into_iter().enumerate() {
        let x = Scale { to: x_resolution, from: own.x_resolution };
        let y = Scale { to: y_resolution, from: own.y_resolution };
        let too_large = RecordError::Rescaled { view: index };
        width = width.max(x.side(own.width).ok_or(too_large)?);
        height = height.max(y.side(own.height).ok_or(too_large)?);
        for minutia in &mut view.minutiae {
            (minutia.x, minutia.y) = (x.place(minutia.x), y.place(minutia.y));
        }
        brought.push(view);
    }
    Ok(FingerRecord { width, height, x_resolution, y_resolution, views: brought })
}

/// From pixels of one resolution to pixels of another. Places are rounded down and sides up, so that a place below
/// its side stays below it.
#[derive(Clone, Copy)]
struct Scale {
    to: u16,
    from: u16,
}

impl Scale {
    fn side(self, pixels: u16) -> Option<u16> {
        let scaled = (u32::from(pixels) * u32::from(self.to)).div_ceil(u32::from(self.from));
        u16::try_from(scaled).ok().filter(|&scaled| scaled <= MAX_COORDINATE)
    }

    /// Of a place below a side that scales.
    fn place(self, pixels: u16) -> u16 {
        let scaled = u32::from(pixels) * u32::from(self.to) / u32::from(self.from);
        u16::try_from(scaled).unwrap_or(MAX_COORDINATE)
    }
}
