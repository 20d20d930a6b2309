//! What a probe looks up.

use std::fmt;

use super::key::TokenKey;
use super::postings::tokens;
use crate::cylinder::FingerFeatures;
use crate::record::FingerPosition;

/// Look-ups of a probe, shared out among its fingers. Of 10,000 ten-finger mates among 20,000 people one, whose captures are
/// badly distorted, was the 163rd with 2,700 of them, the fifth with 4,000 and the first with 5,000.
const LOOKUPS: usize = 4_500;
/// The same for few fingers, each of which has more of them: further ones say less than they disturb.
const LOOKUPS_OF_FEW: usize = 3_300;
/// A probe of at most so many fingers has few.
const HALF: usize = 5;
/// Look-ups for the chance that the gallery or the probe does not say which finger it is, likewise shared out.
const LOOKUPS_OF_UNKNOWN: usize = 150;
/// The same for a probe finger that does not say so itself, at each of the ten positions.
const LOOKUPS_AT_A_POSITION: usize = 600;
/// Look-ups for each way in which hands may have been taken for each other, likewise shared out.
const LOOKUPS_OF_SWAPPED: usize = 400;
/// Probes of so few fingers look at fingers of unknown position as thoroughly as at those of their own.
const FEW_FINGERS: usize = 2;

/// Finger positions, by their codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingers(u16);

impl Fingers {
    /// All positions, and the unknown one.
    pub const ALL: Self = Self(0x7ff);
    /// None.
    pub(super) const NONE: Self = Self(0);

    /// One position.
    #[must_use]
    pub fn only(position: FingerPosition) -> Self {
        Self(1 << position.code())
    }

    /// Whether a position code is among them.
    #[must_use]
    #[inline]
    pub fn has(self, code: u8) -> bool {
        self.0.checked_shr(u32::from(code)).unwrap_or(0) & 1 == 1
    }

    /// The code, if there is one only.
    pub(super) fn alone(self) -> Option<usize> {
        self.0.is_power_of_two().then(|| self.0.trailing_zeros() as usize)
    }
}

/// What may be true of a probe's declared positions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Reading {
    /// They are right.
    Declared,
    /// One hand was taken for the other, finger by finger: the thumb as the thumb.
    SwappedHands,
    /// One hand was taken for the other, by the places on the scanner: the four fingers that lie from left to right as the
    /// other four from left to right.
    SwappedSlaps,
    /// Nothing is known of them.
    Any,
}

impl Reading {
    /// Those by which hands were taken for each other.
    pub const SWAPPED: [Self; 2] = [Self::SwappedHands, Self::SwappedSlaps];
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Declared, Self::SwappedHands, Self::SwappedSlaps, Self::Any];

    /// What a finger declared as `position` is then. Nothing if that cannot be said: of [`Reading::Any`], and of an unknown
    /// position if hands were swapped.
    #[must_use]
    pub fn of(self, position: FingerPosition) -> Option<FingerPosition> {
        let code = match (position.code(), self) {
            (_, Self::Declared) => return Some(position),
            (_, Self::Any) | (0, _) => return None,
            (code @ (1 | 6), _) => 7 - code,
            (code @ ..=5, Self::SwappedHands) => code + 5,
            (code, Self::SwappedHands) => code - 5,
            (code, Self::SwappedSlaps) => 12 - code,
        };
        FingerPosition::try_from(code).ok()
    }
}

/// One bucket to look into, for one finger of the probe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookup {
    /// The bucket.
    pub bucket: u32,
    /// Which fingers of the gallery are looked for there; others are there by chance.
    pub fingers: Fingers,
    /// Index of the finger in the probe.
    pub(super) finger: u8,
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup(..)")
    }
}

/// A person looked for: the buckets to look into and what meeting somebody there says.
pub struct Probe {
    lookups: Vec<Lookup>,
    positions: Vec<FingerPosition>,
}

impl Probe {
    /// The probe of a person of one or more fingers. Fingers beyond 255 are not looked for.
    #[must_use]
    pub fn new(key: &TokenKey, fingers: &[FingerFeatures]) -> Self {
        let mut lookups = Vec::with_capacity(LOOKUPS + LOOKUPS_OF_UNKNOWN);
        for (index, finger) in (0..=u8::MAX).zip(fingers) {
            look_up(key, finger, index, fingers.len(), &mut lookups);
        }
        lookups.sort_unstable();
        lookups.dedup();
        Self { lookups, positions: fingers.iter().map(FingerFeatures::position).collect() }
    }

    /// The look-ups, sorted by bucket; several may share one.
    #[must_use]
    pub fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }

    /// Declared positions of the fingers.
    pub(super) fn positions(&self) -> &[FingerPosition] {
        &self.positions
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({} fingers, {} lookups)", self.positions.len(), self.lookups.len())
    }
}

/// Adds the look-ups of one of a person's `count` fingers.
fn look_up(key: &TokenKey, finger: &FingerFeatures, index: u8, count: usize, lookups: &mut Vec<Lookup>) {
    let own = finger.position();
    let most = if count > HALF { LOOKUPS } else { LOOKUPS_OF_FEW };
    let tokens = tokens(finger, count, most / count);
    for (rank, token) in tokens.iter().enumerate() {
        let mut add = |position, fingers| {
            lookups.push(Lookup { bucket: token.bucket(key, position), fingers, finger: index });
        };
        if token.is_of_any_position() {
            add(own, Fingers::ALL);
            continue;
        }
        add(own, Fingers::only(own));
        if rank < LOOKUPS_OF_SWAPPED / count {
            Reading::SWAPPED
                .iter()
                .filter_map(|swapped| swapped.of(own))
                .for_each(|other| add(other, Fingers::only(other)));
        }
        if own == FingerPosition::Unknown {
            if rank < LOOKUPS_AT_A_POSITION / count {
                FingerPosition::ALL.into_iter().for_each(|position| add(position, Fingers::only(position)));
            }
        } else if count <= FEW_FINGERS || rank < LOOKUPS_OF_UNKNOWN / count {
            add(FingerPosition::Unknown, Fingers::only(FingerPosition::Unknown));
        }
    }
}
