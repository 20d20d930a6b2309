//! The published index over published cylinders: what the validity test counts votes with.
//!
//! Cylinders are those of Cappelli, Ferrara and Maltoni, "Minutia Cylinder-Code", *IEEE TPAMI* 32(12), 2010, with 8 by 8
//! cells, 6 planes and a bit threshold of 0.003; buckets those of the same authors' "Fingerprint Indexing Based on Minutia
//! Cylinder-Code", *IEEE TPAMI* 33(5), 2011, in 32 tables of 24 sampled bits, kept if 4 are set. It shares nothing with
//! this project's own features and index, and stays as it is when those change: figures remain comparable.

use std::collections::HashSet;
use std::f64::consts::{PI, TAU};

use plinth_biometrics::record::FingerView;

/// Radius of a cylinder, pixels at 500 dpi.
const RADIUS: f64 = 70.0;
/// Cells along the side of the square around a cylinder.
const SIDE: u32 = 8;
/// Cells of those that lie within the radius.
const CELLS: usize = 52;
/// Slices of direction.
const PLANES: usize = 6;
const SIGMA_SPACE: f64 = 28.0 / 3.0;
const SIGMA_DIRECTION: f64 = TAU / 9.0;
/// A cell's bit is set if its sum exceeds this.
const BIT_THRESHOLD: f64 = 0.003;
/// The convex hull of the minutiae is enlarged by so many pixels; cells outside are not valid.
const HULL_MARGIN: f64 = 50.0;
/// A cylinder needs so many valid cells: three quarters.
const VALID_CELLS: usize = 39;
/// A cylinder needs so many neighbours within reach.
const NEIGHBOURS: usize = 2;

const TABLES: u64 = 32;
const BITS: u64 = 24;
const MIN_ONES: u32 = 4;

/// A minutia: pixels at 500 dpi with y upwards, radians.
#[derive(Clone, Copy)]
struct Spot {
    x: f64,
    y: f64,
    angle: f64,
}

impl Spot {
    fn distance(self, x: f64, y: f64) -> f64 {
        (self.x - x).hypot(self.y - y)
    }
}

/// The buckets of one view, each the table's number and the sampled bits. `scale` is the pixels at 500 dpi of one pixel of
/// the record, along x and y.
pub(super) fn buckets(view: &FingerView, scale: (f64, f64)) -> HashSet<u64> {
    let spots: Vec<Spot> = view
        .minutiae
        .iter()
        .map(|m| Spot {
            x: f64::from(m.x) * scale.0,
            y: -f64::from(m.y) * scale.1,
            angle: f64::from(m.angle) * TAU / 256.0,
        })
        .collect();
    let hull = convex_hull(&spots);
    let mut buckets = HashSet::new();
    for index in 0..spots.len() {
        let Some(bits) = cylinder(&spots, index, &hull) else { continue };
        for table in 0..TABLES {
            // 311 is prime: no walk of 24 steps through that many bits meets one twice.
            let places = (0..BITS).map(|sample| (table * 41 + sample * (2 * table + 13)) % 311);
            let sampled = places.fold(0, |sampled, place| {
                sampled << 1 | u64::from(bits[usize::try_from(place).unwrap_or(0)])
            });
            if sampled.count_ones() >= MIN_ONES {
                buckets.insert(table << BITS | sampled);
            }
        }
    }
    buckets
}

/// The bits of one cylinder, plane by plane; nothing if it is not usable.
fn cylinder(spots: &[Spot], index: usize, hull: &[(f64, f64)]) -> Option<[bool; PLANES * CELLS]> {
    let centre = spots[index];
    let reach = RADIUS + 3.0 * SIGMA_SPACE;
    let near: Vec<Spot> = (0..spots.len())
        .filter(|other| *other != index)
        .map(|other| spots[other])
        .filter(|other| other.distance(centre.x, centre.y) <= reach)
        .collect();
    if near.len() < NEIGHBOURS {
        return None;
    }
    // What each neighbour adds to each plane, wherever in it.
    let masses: Vec<[f64; PLANES]> = near
        .iter()
        .map(|other| std::array::from_fn(|plane| mass(plane, centre.angle - other.angle)))
        .collect();
    let (sin, cos) = centre.angle.sin_cos();
    let step = 2.0 * RADIUS / f64::from(SIDE);
    let mut bits = [false; PLANES * CELLS];
    let (mut cell, mut valid) = (0, 0);
    for (row, column) in (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column))) {
        let (u, v) = ((f64::from(column) + 0.5) * step - RADIUS, (f64::from(row) + 0.5) * step - RADIUS);
        if u.hypot(v) > RADIUS {
            continue;
        }
        let (x, y) = (centre.x + u * cos - v * sin, centre.y + u * sin + v * cos);
        if distance_to_hull(hull, x, y) <= HULL_MARGIN {
            valid += 1;
            let mut sums = [0.0; PLANES];
            for (other, masses) in near.iter().zip(&masses) {
                let distance = other.distance(x, y);
                if distance <= 3.0 * SIGMA_SPACE {
                    let spatial =
                        (-0.5 * (distance / SIGMA_SPACE).powi(2)).exp() / (SIGMA_SPACE * TAU.sqrt());
                    for (sum, mass) in sums.iter_mut().zip(masses) {
                        *sum += spatial * mass;
                    }
                }
            }
            for (plane, sum) in sums.into_iter().enumerate() {
                bits[plane * CELLS + cell] = sum > BIT_THRESHOLD;
            }
        }
        cell += 1;
    }
    (valid >= VALID_CELLS).then_some(bits)
}

/// The mass of a normal distribution of directions within a plane's slice, for a difference of directions.
fn mass(plane: usize, difference: f64) -> f64 {
    let slice = TAU / PLANES as f64;
    let middle = (plane as f64 + 0.5) * slice - PI;
    let apart = (middle - difference + PI).rem_euclid(TAU) - PI;
    let steps = 60;
    let density = |step: u32| {
        let t = apart - slice / 2.0 + (f64::from(step) + 0.5) * slice / f64::from(steps);
        (-0.5 * (t / SIGMA_DIRECTION).powi(2)).exp() / (SIGMA_DIRECTION * TAU.sqrt())
    };
    (0..steps).map(density).sum::<f64>() * slice / f64::from(steps)
}

/// The corners of the convex hull, anticlockwise (Andrew's monotone chain, *Information Processing Letters* 9(5), 1979).
fn convex_hull(spots: &[Spot]) -> Vec<(f64, f64)> {
    let mut places: Vec<(f64, f64)> = spots.iter().map(|spot| (spot.x, spot.y)).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    places.dedup();
    if places.len() < 3 {
        return places;
    }
    let chain = |places: &mut dyn Iterator<Item = (f64, f64)>| {
        let mut chain: Vec<(f64, f64)> = Vec::new();
        for place in places {
            while let [.., a, b] = chain[..]
                && turn(a, b, place) <= 0.0
            {
                chain.pop();
            }
            chain.push(place);
        }
        chain.pop();
        chain
    };
    let mut hull = chain(&mut places.iter().copied());
    hull.extend(chain(&mut places.iter().rev().copied()));
    hull
}

/// Positive if `c` lies to the left of the line from `a` to `b`.
fn turn(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// 0 inside the hull, else the distance to its nearest edge; infinite for no hull.
fn distance_to_hull(hull: &[(f64, f64)], x: f64, y: f64) -> f64 {
    let edges = || hull.iter().copied().zip(hull.iter().copied().cycle().skip(1));
    if hull.len() >= 3 && edges().all(|(a, b)| turn(a, b, (x, y)) >= 0.0) {
        return 0.0;
    }
    let distance = |((ax, ay), (bx, by)): ((f64, f64), (f64, f64))| {
        let square = (bx - ax).powi(2) + (by - ay).powi(2);
        let along = if square > 0.0 {
            (((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (ax + along * (bx - ax) - x).hypot(ay + along * (by - ay) - y)
    };
    edges().map(distance).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use plinth_biometrics::record::FingerPosition;
    use plinth_biometrics::synthetic::SyntheticPerson;

    use super::*;

    #[test]
    fn a_turned_and_shifted_touch_has_almost_the_same_buckets() {
        let view = &SyntheticPerson::new(5, 1).capture(FingerPosition::RightIndex, 0).views[0];
        let mut turned = view.clone();
        for minutia in &mut turned.minutiae {
            // A quarter turn anticlockwise: y runs downwards, angles run anticlockwise.
            (minutia.x, minutia.y) = (minutia.y + 20, 500 - minutia.x);
            minutia.angle = minutia.angle.wrapping_add(64);
        }
        let (a, b) = (buckets(view, (1.0, 1.0)), buckets(&turned, (1.0, 1.0)));
        let shared = a.intersection(&b).count() as f64;
        assert!(a.len() > 100 && shared > 0.97 * a.len() as f64, "{shared} of {}", a.len());
    }

    #[test]
    fn a_hull_holds_what_lies_between_its_corners() {
        let spot = |x: f64, y: f64| Spot { x, y, angle: 0.0 };
        let hull = convex_hull(&[
            spot(0.0, 0.0),
            spot(10.0, 0.0),
            spot(5.0, 2.0),
            spot(10.0, 10.0),
            spot(0.0, 10.0),
        ]);
        assert_eq!(hull, [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]);
        assert_eq!(distance_to_hull(&hull, 5.0, 5.0), 0.0);
        assert_eq!(distance_to_hull(&hull, 13.0, 14.0), 5.0);
        assert_eq!(distance_to_hull(&hull, 5.0, -2.0), 2.0);
        assert_eq!(distance_to_hull(&convex_hull(&[spot(0.0, 0.0), spot(4.0, 0.0)]), 2.0, 3.0), 3.0);
    }

    #[test]
    fn directions_of_all_slices_add_up() {
        for step in 0..16 {
            let sum: f64 = (0..PLANES).map(|plane| mass(plane, f64::from(step) * TAU / 16.0)).sum();
            assert!((sum - 1.0).abs() < 0.01, "{sum}");
        }
    }
}
