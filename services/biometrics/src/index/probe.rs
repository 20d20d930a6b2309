//! What a probe looks up.

use std::fmt;

use super::key::TokenKey;
use super::postings::tokens;
use crate::cylinder::FingerFeatures;
use crate::record::FingerPosition;

/// Look-ups of a probe, shared out among its fingers: each costs a block to open. Ten fingers do with
/// fewer: of 10,000 mates among 20,000 people one was not first with 2,700 of them, and three with 2,200.
const LOOKUPS: usize = 3_300;
const LOOKUPS_OF_MANY: usize = 2_700;
/// A probe of more fingers than this has many.
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

    /// The lowest code.
    pub(super) fn start(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// One beyond the highest code.
    pub(super) fn end(self) -> u32 {
        u16::BITS - self.0.leading_zeros()
    }
}

/// How the fingers of one hand may be declared as those of the other.
#[derive(Clone, Copy)]
pub(super) enum Swap {
    /// Finger by finger: the thumb as the thumb.
    Hands,
    /// By the places on the scanner: the four fingers that lie from left to right as the other four from left to right.
    Slaps,
}

impl Swap {
    pub(super) const ALL: [Self; 2] = [Self::Hands, Self::Slaps];

    /// What a finger declared as `position` is then; nothing for an unknown position.
    pub(super) fn of(self, position: FingerPosition) -> Option<FingerPosition> {
        let code = match (position.code(), self) {
            (0, _) => return None,
            (code @ (1 | 6), _) => 7 - code,
            (code @ ..=5, Self::Hands) => code + 5,
            (code, Self::Hands) => code - 5,
            (code, Self::Slaps) => 12 - code,
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
    let most = if count > HALF { LOOKUPS_OF_MANY } else { LOOKUPS };
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
            Swap::ALL
                .iter()
                .filter_map(|swap| swap.of(own))
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
