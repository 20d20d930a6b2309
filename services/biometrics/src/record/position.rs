//! Which finger.

use std::fmt;
use std::str::FromStr;

use super::RecordError;

/// A finger, by the codes that all the formats share (ISO/IEC 19794-2:2005, table 2).
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
