//! Minutia Cylinder-Code: one fixed-length binary descriptor a minutia.
//!
//! Cappelli, Ferrara, Maltoni, "Minutia Cylinder-Code: a new representation and matching technique for fingerprint
//! recognition", *IEEE TPAMI* 32(12), 2010. A cylinder stands on a minutia and turns with it. It is cut into cells:
//! [`SIDE`] x [`SIDE`] over the plane (those within [`RADIUS`] of the axis) times [`PLANES`] over relative direction.
//! Every neighbouring minutia adds to the cells near it, with a Gaussian in space and one in direction; a cell's bit
//! says whether the sum exceeds [`BIT_THRESHOLD`]. So two cylinders compare by Hamming distance, whatever the
//! translation and rotation of the finger.

use std::fmt;
use std::sync::LazyLock;

use thiserror::Error;
use zeroize::Zeroize;

use crate::hamming::Lanes;
use crate::hull::Hull;
use crate::record::{FingerPosition, FingerRecord};

/// Version of everything below this line that changes features or tokens. Stored beside both; templates of another
/// version are extracted again from the record, never compared.
pub const ALGORITHM_VERSION: u16 = 2;

/// Pixels at 500 dpi: radius of a cylinder.
pub const RADIUS: f64 = 70.0;
/// Cells along the side of a cylinder's base.
pub const SIDE: usize = 8;
/// Cells of one plane whose centre lies within the radius.
pub const CELLS: usize = 52;
/// Planes: cells along the direction axis.
pub const PLANES: usize = 6;
/// Standard deviation of a minutia's spatial contribution, pixels at 500 dpi.
pub const SIGMA_SPACE: f64 = 28.0 / 3.0;
/// Standard deviation of a minutia's directional contribution, radians.
pub const SIGMA_DIRECTION: f64 = 2.0 * std::f64::consts::PI / 9.0;
/// A cell's bit is set if its sum exceeds this.
pub const BIT_THRESHOLD: f64 = 0.003;
/// The convex hull of the minutiae, enlarged by this many pixels, is where the finger is taken to have been seen.
pub const HULL_MARGIN: f64 = 50.0;
/// Cells that must have been seen for a cylinder to be used (75 %).
pub const MIN_VALID_CELLS: u32 = 39;
/// Minutiae that must contribute to a cylinder.
pub const MIN_CONTRIBUTORS: usize = 2;
/// Usable cylinders that a finger needs: fewer would let chance decide.
pub const MIN_CYLINDERS: usize = 4;

/// Words of a serialized cylinder: valid cells, then the planes.
const STRIDE: usize = 1 + PLANES;
/// 500 dpi in pixels a centimetre, as records round it.
const NORMAL_RESOLUTION: f64 = 197.0;
/// Beyond this many standard deviations a minutia contributes nothing.
const REACH_SIGMAS: f64 = 3.0;

/// The features of one finger of one capture: what is stored in the gallery and compared.
///
/// A secret: it prints nothing but counts, and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerFeatures {
    position: FingerPosition,
    pub(crate) minutiae: Vec<Place>,
    pub(crate) cylinders: Vec<Cylinder>,
    /// Of the minutiae; not stored, but made again.
    pub(crate) hull: Hull,
    /// The cylinders once more, for comparing many at once; not stored either.
    pub(crate) lanes: Lanes,
}

/// A minutia at 500 dpi.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Zeroize)]
pub(crate) struct Place {
    /// Pixels, to the right.
    pub(crate) x: u16,
    /// Pixels, downwards.
    pub(crate) y: u16,
    /// Units of 360/256 degrees, anticlockwise as seen.
    pub(crate) angle: u8,
}

/// A cylinder: bit `c` of a plane is cell `c`, see [`cells`].
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
pub(crate) struct Cylinder {
    /// Cells that were seen, the same for every plane.
    pub(crate) valid: u64,
    /// Set cells; always a subset of `valid`.
    pub(crate) planes: [u64; PLANES],
    /// Set cells, counted.
    pub(crate) ones: u16,
    /// Index of the minutia it stands on.
    pub(crate) minutia: u8,
    /// Direction of that minutia.
    pub(crate) angle: u8,
}

/// Why no features come of a view or of stored bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// The record has no view of that index.
    #[error("view {view}: the record has {views}")]
    View {
        /// The index asked for.
        view: usize,
        /// Views of the record.
        views: usize,
    },
    /// Too few minutiae have neighbours enough to be told apart.
    #[error("minutiae: {usable} usable, {needed} needed")]
    TooFewMinutiae {
        /// Minutiae with a usable cylinder.
        usable: usize,
        /// Minutiae needed.
        needed: usize,
    },
    /// Stored features of another algorithm.
    #[error("algorithm version: stored {stored}, this program has {ALGORITHM_VERSION}")]
    AlgorithmVersion {
        /// Version found.
        stored: u16,
    },
    /// Stored features whose length does not fit their counts.
    #[error("features: {bytes} bytes do not fit the declared counts")]
    Length {
        /// Bytes given.
        bytes: usize,
    },
    /// A stored field with an impossible value.
    #[error("features: impossible {field}")]
    Field {
        /// The field.
        field: &'static str,
    },
}

impl FingerFeatures {
    /// Features of one view of a record. The position is an argument because the sender's envelope, not the record,
    /// says which finger it is: many devices leave the record's own position unknown.
    ///
    /// Time grows with the square of the minutiae, and with the corners of their hull: 0.15 milliseconds for an ordinary
    /// finger, 12 for the most expensive arrangement of 255 that was found.
    ///
    /// # Errors
    /// [`FeatureError::View`] and [`FeatureError::TooFewMinutiae`].
    pub fn extract(
        record: &FingerRecord,
        view: usize,
        position: FingerPosition,
    ) -> Result<Self, FeatureError> {
        let views = record.views.len();
        let minutiae = &record.views.get(view).ok_or(FeatureError::View { view, views })?.minutiae;
        let x_scale = NORMAL_RESOLUTION / f64::from(record.x_resolution.max(1));
        let y_scale = NORMAL_RESOLUTION / f64::from(record.y_resolution.max(1));
        let mut places: Vec<Place> = minutiae
            .iter()
            .map(|m| Place { x: scaled(m.x, x_scale), y: scaled(m.y, y_scale), angle: m.angle })
            .collect();
        // One order, whatever the device's, and no minutia twice: repeating one must not lend it weight.
        places.sort_unstable();
        places.dedup();
        places.truncate(usize::from(u8::MAX));
        let hull = Hull::around(&places);
        let cylinders: Vec<Cylinder> =
            (0..places.len()).filter_map(|index| raise_cylinder(&places, &hull, index)).collect();
        if cylinders.len() < MIN_CYLINDERS {
            return Err(FeatureError::TooFewMinutiae { usable: cylinders.len(), needed: MIN_CYLINDERS });
        }
        let lanes = Lanes::of(&cylinders);
        Ok(Self { position, minutiae: places, cylinders, hull, lanes })
    }

    /// The finger that the sender declared.
    #[must_use]
    pub fn position(&self) -> FingerPosition {
        self.position
    }

    /// Distinct minutiae, usable for a cylinder or not.
    #[must_use]
    pub fn minutiae_count(&self) -> usize {
        self.minutiae.len()
    }

    /// Minutiae that carry a cylinder.
    #[must_use]
    pub fn cylinder_count(&self) -> usize {
        self.cylinders.len()
    }

    /// The minutia that a cylinder stands on.
    pub(crate) fn place(&self, cylinder: u8) -> Place {
        self.minutiae[usize::from(self.cylinders[usize::from(cylinder)].minutia)]
    }

    /// Stored form: version (u16), position (u8), minutiae (u8), cylinders (u8); minutiae as x (u16), y (u16), angle
    /// (u8); cylinders as minutia (u8), valid cells (u64), planes (6 x u64). All big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(5 + 5 * self.minutiae.len() + (1 + 8 * STRIDE) * self.cylinders.len());
        bytes.extend_from_slice(&ALGORITHM_VERSION.to_be_bytes());
        bytes.push(self.position.code());
        // Both counts are at most 255: extraction and `from_bytes` see to it.
        bytes.push(u8::try_from(self.minutiae.len()).unwrap_or(u8::MAX));
        bytes.push(u8::try_from(self.cylinders.len()).unwrap_or(u8::MAX));
        for place in &self.minutiae {
            bytes.extend_from_slice(&place.x.to_be_bytes());
            bytes.extend_from_slice(&place.y.to_be_bytes());
            bytes.push(place.angle);
        }
        for cylinder in &self.cylinders {
            bytes.push(cylinder.minutia);
            bytes.extend_from_slice(&cylinder.valid.to_be_bytes());
            for plane in cylinder.planes {
                bytes.extend_from_slice(&plane.to_be_bytes());
            }
        }
        bytes
    }

    /// The finger of a stored form, none of which is read otherwise; nothing if it names none.
    #[must_use]
    pub fn stored_position(bytes: &[u8]) -> Option<FingerPosition> {
        bytes.get(2).and_then(|code| FingerPosition::try_from(*code).ok())
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`FeatureError::AlgorithmVersion`], [`FeatureError::Length`], [`FeatureError::Field`]. Never panics.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FeatureError> {
        let short = FeatureError::Length { bytes: bytes.len() };
        let ([v0, v1, position, places, cylinders], rest) = bytes.split_first_chunk::<5>().ok_or(short)?;
        let stored = u16::from_be_bytes([*v0, *v1]);
        if stored != ALGORITHM_VERSION {
            return Err(FeatureError::AlgorithmVersion { stored });
        }
        let position = FingerPosition::try_from(*position)
            .map_err(|_| FeatureError::Field { field: "finger position" })?;
        let (places, rest) = rest.split_at_checked(5 * usize::from(*places)).ok_or(short)?;
        if rest.len() != (1 + 8 * STRIDE) * usize::from(*cylinders) {
            return Err(short);
        }
        let minutiae: Vec<Place> = places
            .as_chunks::<5>()
            .0
            .iter()
            .map(|&[x0, x1, y0, y1, angle]| Place {
                x: u16::from_be_bytes([x0, x1]),
                y: u16::from_be_bytes([y0, y1]),
                angle,
            })
            .collect();
        let cylinders = rest
            .as_chunks::<{ 1 + 8 * STRIDE }>()
            .0
            .iter()
            .map(|chunk| read_cylinder(chunk, &minutiae))
            .collect::<Result<Vec<_>, _>>()?;
        if cylinders.len() < MIN_CYLINDERS {
            return Err(FeatureError::TooFewMinutiae { usable: cylinders.len(), needed: MIN_CYLINDERS });
        }
        // One form only: minutiae and cylinders in extraction's order, which comparing relies on, and none twice.
        if !minutiae.is_sorted_by(|a, b| a < b) {
            return Err(FeatureError::Field { field: "order of the minutiae" });
        }
        if !cylinders.is_sorted_by(|a, b| a.minutia < b.minutia) {
            return Err(FeatureError::Field { field: "order of the cylinders" });
        }
        let hull = Hull::around(&minutiae);
        let lanes = Lanes::of(&cylinders);
        Ok(Self { position, minutiae, cylinders, hull, lanes })
    }
}

impl fmt::Debug for FingerFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerFeatures({}, {} cylinders)", self.position, self.cylinders.len())
    }
}

impl Drop for FingerFeatures {
    fn drop(&mut self) {
        self.minutiae.zeroize();
        self.cylinders.zeroize();
        self.hull.zeroize();
        self.lanes.zeroize();
    }
}

fn read_cylinder(chunk: &[u8; 1 + 8 * STRIDE], minutiae: &[Place]) -> Result<Cylinder, FeatureError> {
    let (words, _) = chunk[1..].as_chunks::<8>();
    let valid = u64::from_be_bytes(words[0]);
    let mut planes = [0; PLANES];
    for (plane, word) in planes.iter_mut().zip(&words[1..]) {
        *plane = u64::from_be_bytes(*word);
    }
    let minutia = chunk[0];
    let angle = minutiae
        .get(usize::from(minutia))
        .ok_or(FeatureError::Field { field: "minutia of a cylinder" })?
        .angle;
    if valid >> CELLS != 0 || planes.iter().any(|plane| plane & !valid != 0) {
        return Err(FeatureError::Field { field: "cells of a cylinder" });
    }
    Ok(Cylinder { valid, planes, ones: count_ones(&planes), minutia, angle })
}

fn count_ones(planes: &[u64; PLANES]) -> u16 {
    planes.iter().map(|plane| plane.count_ones()).sum::<u32>().try_into().unwrap_or(u16::MAX)
}

/// Rounds a coordinate to pixels at 500 dpi. Saturates far beyond any finger.
fn scaled(coordinate: u16, scale: f64) -> u16 {
    let value = (f64::from(coordinate) * scale).round().min(f64::from(u16::MAX));
    #[expect(clippy::cast_possible_truncation, reason = "within 0..=65535, by the line above")]
    let value = value as u32;
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// Raises the cylinder over one minutia, or nothing if too little of its surroundings was seen.
fn raise_cylinder(places: &[Place], hull: &Hull, index: usize) -> Option<Cylinder> {
    let shape = &*SHAPE;
    let centre = places[index];
    // In image coordinates y points downwards, so this frame is turned clockwise as numbers go: (x, y) in the
    // cylinder's frame, y up, is reached by rotating (dx, -dy) by minus the minutia's direction.
    let (cos, sin) = shape.unit[usize::from(centre.angle)];
    let (mut xs, mut ys) = ([0.0; CELLS], [0.0; CELLS]);
    for ((x, y), &(column, row)) in xs.iter_mut().zip(&mut ys).zip(&shape.cells) {
        let (u, v) = (shape.centres[column], shape.centres[row]);
        *x = f32::from(centre.x) + u * cos - v * sin;
        *y = f32::from(centre.y) - (u * sin + v * cos);
    }
    let seen = hull.holds(&xs, &ys);
    let valid = seen.iter().enumerate().fold(0, |valid, (cell, seen)| valid | u64::from(*seen) << cell);
    if valid.count_ones() < MIN_VALID_CELLS {
        return None;
    }
    let mut sums = [Sums::default(); CELLS];
    let mut contributors = 0;
    for (_, place) in places.iter().enumerate().filter(|(other, _)| *other != index) {
        let dx = f32::from(place.x) - f32::from(centre.x);
        let dy = f32::from(centre.y) - f32::from(place.y);
        if dx * dx + dy * dy > shape.neighbourhood * shape.neighbourhood {
            continue;
        }
        contributors += 1;
        let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let direction = &shape.direction[usize::from(centre.angle.wrapping_sub(place.angle))];
        contribute(shape, u, v, direction, &mut sums);
    }
    if contributors < MIN_CONTRIBUTORS {
        return None;
    }
    let mut planes = [0u64; PLANES];
    for (cell, sums) in sums.iter().enumerate() {
        for (plane, sum) in planes.iter_mut().zip(sums) {
            *plane |= u64::from(*sum > shape.threshold) << cell;
        }
    }
    planes.iter_mut().for_each(|plane| *plane &= valid);
    let minutia = u8::try_from(index).ok()?;
    Some(Cylinder { valid, planes, ones: count_ones(&planes), minutia, angle: centre.angle })
}

/// One sum for each plane, and room to make them as many as are added at once.
type Sums = [f32; 8];

/// Adds one minutia at `(u, v)` of the cylinder's frame to the cells that it reaches.
fn contribute(shape: &Shape, u: f32, v: f32, direction: &Sums, sums: &mut [Sums; CELLS]) {
    // The Gaussian of a distance is the product of those of its two legs: eight exponentials instead of 52.
    let leg = |at: f32, centre: f32| (-(at - centre) * (at - centre) * shape.falloff).exp();
    let (columns, rows) = (shape.near(u), shape.near(v));
    let mut across = [0.0; SIDE];
    for column in columns.clone() {
        across[column] = leg(u, shape.centres[column]);
    }
    for row in rows {
        let along = leg(v, shape.centres[row]);
        for column in columns.clone() {
            let weight = across[column] * along;
            if weight >= shape.reach
                && let Some(sums) = sums.get_mut(usize::from(shape.numbers[row][column]))
            {
                for (sum, direction) in sums.iter_mut().zip(direction) {
                    *sum += weight * direction;
                }
            }
        }
    }
}

/// What is the same for every cylinder.
struct Shape {
    /// Cosine and sine of each of the 256 directions.
    unit: [(f32, f32); 256],
    /// Column and row of each cell, row by row, those within the radius only.
    cells: [(usize, usize); CELLS],
    /// The cell of each row and column, or what is no cell.
    numbers: [[u8; SIDE]; SIDE],
    /// Centres of the columns (and rows), pixels from the axis.
    centres: [f32; SIDE],
    /// Contribution to each plane, by the difference of the two directions.
    direction: [Sums; 256],
    /// 1 / (2 sigma^2).
    falloff: f32,
    /// The spatial weight at the edge of a minutia's reach.
    reach: f32,
    /// Minutiae beyond this many pixels from the axis touch no cell.
    neighbourhood: f32,
    /// The bit threshold over the height of the spatial Gaussian.
    threshold: f32,
}

static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::build);

#[expect(clippy::cast_possible_truncation, reason = "constants of moderate size, rounded to f32 on purpose")]
impl Shape {
    fn build() -> Self {
        let turn = |angle: usize| angle as f64 * std::f64::consts::TAU / 256.0;
        let centres: [f64; SIDE] =
            std::array::from_fn(|i| (i as f64 - (SIDE as f64 - 1.0) / 2.0) * 2.0 * RADIUS / SIDE as f64);
        let mut cells = [(0, 0); CELLS];
        let within = (0..SIDE * SIDE)
            .map(|cell| (cell % SIDE, cell / SIDE))
            .filter(|&(column, row)| centres[column].hypot(centres[row]) <= RADIUS);
        for (slot, cell) in cells.iter_mut().zip(within) {
            *slot = cell;
        }
        let mut numbers = [[u8::MAX; SIDE]; SIDE];
        for (number, &(column, row)) in (0..).zip(&cells) {
            numbers[row][column] = number;
        }
        Self {
            numbers,
            unit: std::array::from_fn(|angle| (turn(angle).cos() as f32, turn(angle).sin() as f32)),
            cells,
            centres: centres.map(|centre| centre as f32),
            direction: std::array::from_fn(|angle| {
                let weight = |plane| directional_weight(plane, turn(angle)) as f32;
                std::array::from_fn(|plane| if plane < PLANES { weight(plane) } else { 0.0 })
            }),
            falloff: (0.5 / (SIGMA_SPACE * SIGMA_SPACE)) as f32,
            reach: (-0.5 * REACH_SIGMAS * REACH_SIGMAS).exp() as f32,
            neighbourhood: (RADIUS + REACH_SIGMAS * SIGMA_SPACE) as f32,
            threshold: (BIT_THRESHOLD * SIGMA_SPACE * std::f64::consts::TAU.sqrt()) as f32,
        }
    }

    /// The columns (or rows) that a minutia at `at` may reach, and hardly any other.
    fn near(&self, at: f32) -> std::ops::Range<usize> {
        /// A little more than the reach, which decides.
        const FARTHEST: f32 = 1.01 * (REACH_SIGMAS * SIGMA_SPACE) as f32;
        let first = self.centres.iter().take_while(|centre| **centre < at - FARTHEST).count();
        let last = self.centres.iter().take_while(|centre| **centre <= at + FARTHEST).count();
        first..last
    }
}

/// Mass of a normal distribution around `difference` within one plane's slice of directions (Simpson's rule).
fn directional_weight(plane: usize, difference: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    let slice = TAU / PLANES as f64;
    let middle = -PI + (plane as f64 + 0.5) * slice;
    let offset = (middle - difference + PI).rem_euclid(TAU) - PI;
    let density = |t: f64| (-0.5 * (t / SIGMA_DIRECTION).powi(2)).exp() / (SIGMA_DIRECTION * TAU.sqrt());
    let steps = 32;
    let step = slice / f64::from(steps);
    let sum: f64 = (0..=steps)
        .map(|i| {
            let weight = if i == 0 || i == steps {
                1.0
            } else if i % 2 == 1 {
                4.0
            } else {
                2.0
            };
            weight * density(offset - slice / 2.0 + f64::from(i) * step)
        })
        .sum();
    sum * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::{ALGORITHM_VERSION, FeatureError, FingerFeatures};
    use crate::record::FingerPosition;
    use crate::synthetic::SyntheticPerson;
    use proptest::prelude::*;

    fn features() -> FingerFeatures {
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightThumb, 0);
        FingerFeatures::extract(&record, 0, FingerPosition::RightThumb).unwrap()
    }

    #[test]
    fn the_stored_form_reads_back() {
        let features = features();
        assert!(FingerFeatures::from_bytes(&features.to_bytes()) == Ok(features));
    }

    #[test]
    fn features_of_another_algorithm_are_refused() {
        let mut bytes = features().to_bytes();
        bytes[1] ^= 0x40;
        let stored = ALGORITHM_VERSION ^ 0x40;
        assert_eq!(FingerFeatures::from_bytes(&bytes).err(), Some(FeatureError::AlgorithmVersion { stored }));
    }

    #[test]
    fn no_prefix_of_the_stored_form_is_accepted() {
        let bytes = features().to_bytes();
        for length in 0..bytes.len() {
            let refused = FingerFeatures::from_bytes(&bytes[..length]).err();
            assert_eq!(refused, Some(FeatureError::Length { bytes: length }));
        }
    }

    #[test]
    fn minutiae_and_cylinders_out_of_order_are_refused() {
        let genuine = features();
        let refusal = |bytes: &[u8]| FingerFeatures::from_bytes(bytes).err();
        let mut bytes = genuine.to_bytes();
        let (first, second) = bytes[5..15].split_at_mut(5);
        first.swap_with_slice(second);
        assert_eq!(refusal(&bytes), Some(FeatureError::Field { field: "order of the minutiae" }));
        let mut bytes = genuine.to_bytes();
        let cylinders = 5 + 5 * genuine.minutiae_count();
        let (first, second) = bytes[cylinders..cylinders + 2 * 57].split_at_mut(57);
        first.swap_with_slice(second);
        assert_eq!(refusal(&bytes), Some(FeatureError::Field { field: "order of the cylinders" }));
    }

    #[test]
    fn a_view_that_is_not_there_is_an_error() {
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightThumb, 0);
        let refused = FingerFeatures::extract(&record, 1, FingerPosition::RightThumb).err();
        assert_eq!(refused, Some(FeatureError::View { view: 1, views: 1 }));
    }

    #[test]
    fn resolution_does_not_change_the_finger_beyond_rounding() {
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightThumb, 0);
        let mut double = record.clone();
        (double.x_resolution, double.y_resolution) = (2 * record.x_resolution, 2 * record.y_resolution);
        (double.width, double.height) = (2 * record.width, 2 * record.height);
        for minutia in &mut double.views[0].minutiae {
            (minutia.x, minutia.y) = (2 * minutia.x, 2 * minutia.y);
        }
        let extract = |record| FingerFeatures::extract(record, 0, FingerPosition::RightThumb).unwrap();
        assert!(extract(&record) == extract(&double));
    }

    #[test]
    fn repeated_minutiae_count_once() {
        let record = SyntheticPerson::new(1, 1).capture(FingerPosition::RightThumb, 0);
        let mut repeated = record.clone();
        repeated.views[0].minutiae.extend(record.views[0].minutiae.iter().rev().copied());
        let extract = |record| FingerFeatures::extract(record, 0, FingerPosition::RightThumb).unwrap();
        assert!(extract(&record) == extract(&repeated));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn bytes_from_anywhere_are_refused_or_make_features_that_compare(
            at in any::<prop::sample::Index>(),
            flip in 1u8..,
        ) {
            let genuine = features();
            let mut bytes = genuine.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(features) = FingerFeatures::from_bytes(&bytes) {
                let score = crate::matcher::compare(&features, &genuine).value();
                prop_assert!((0.0..=1.0).contains(&score));
            }
        }
    }
}
