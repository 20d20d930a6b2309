//! The slow, obvious matcher: what the fast one must agree with.
//!
//! Written from the definitions of the MCC paper (see [`crate::cylinder`]) in `f64`, one cell and one pair at a time,
//! without a table, a packed bit or a shared piece of the fast path beyond its published constants. Hundreds of times
//! slower; for tests and benchmarks only.

use std::f64::consts::{PI, TAU};

use crate::alignment::{
    AGREEMENT, ANCHORS, FITS, MIN_TIES, NEIGHBOURHOOD, PIXELS_A_TURN, REACH, STIFFNESS, STRETCHED_REACH,
    STRETCHES, TURN,
};
use crate::cylinder::{
    BIT_THRESHOLD, CELLS, Cylinder, FeatureError, FingerFeatures, HULL_MARGIN, MIN_CONTRIBUTORS,
    MIN_VALID_CELLS, PLANES, Place, RADIUS, SIDE, SIGMA_DIRECTION, SIGMA_SPACE,
};
use crate::hamming::{Lanes, MIN_COMMON_CELLS};
use crate::matcher::{KEEP, MAX_PAIRS, MAX_TURN, MIN_PAIRS, ROUNDS};
use crate::motion::LEVER;
use crate::record::{FingerPosition, FingerRecord};
use crate::weighing::Weights;

const WEIGHTS: Weights = Weights::BUILT;

/// A minutia: pixels at 500 dpi with y upwards, radians.
#[derive(Clone, Copy)]
struct Spot {
    x: f64,
    y: f64,
    angle: f64,
}

impl Spot {
    fn new(place: Place) -> Self {
        Self { x: f64::from(place.x), y: -f64::from(place.y), angle: f64::from(place.angle) * TAU / 256.0 }
    }

    fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The direction from here to there, as seen along this minutia.
    fn bearing(self, other: Self) -> f64 {
        (other.y - self.y).atan2(other.x - self.x) - self.angle
    }
}

/// An angle brought into -pi to pi.
fn wrap(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}

fn sigmoid(value: f64, middle: f64, slope: f64) -> f64 {
    1.0 / (1.0 + (-slope * (value - middle)).exp())
}

/// The features of [`FingerFeatures::extract`]: the same, but for cells whose sum is within rounding of the threshold.
///
/// # Errors
/// As `extract`.
pub fn extract(
    record: &FingerRecord,
    view: usize,
    position: FingerPosition,
) -> Result<FingerFeatures, FeatureError> {
    // Which minutiae there are, at 500 dpi and in order, is taken from the fast path; what stands on them is not.
    let mut features = FingerFeatures::extract(record, view, position)?;
    let raised = (0u8..).zip(0..features.minutiae.len());
    features.cylinders = raised
        .filter_map(|(minutia, index)| {
            let cells = cylinder(&features.minutiae, index)?;
            let valid = bits(cells.iter().map(|cell| cell.valid));
            let set =
                |plane: usize| bits(cells.iter().map(|cell| cell.valid && cell.sums[plane] > BIT_THRESHOLD));
            let planes: [u64; PLANES] = std::array::from_fn(set);
            let ones = planes.iter().map(|plane| plane.count_ones()).sum::<u32>();
            let ones = u16::try_from(ones).unwrap_or(u16::MAX);
            Some(Cylinder { valid, planes, ones, minutia, angle: features.minutiae[index].angle })
        })
        .collect();
    features.lanes = Lanes::of(&features.cylinders);
    Ok(features)
}

/// Packs cells into a word, the first into the lowest bit.
fn bits(cells: impl Iterator<Item = bool>) -> u64 {
    (0..).zip(cells).map(|(cell, set)| u64::from(set) << cell).sum()
}

/// One cell of a cylinder: whether it was seen, and its sum in each plane.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) valid: bool,
    pub(crate) sums: [f64; PLANES],
}

/// The cylinder of one minutia, cells row by row; nothing if it is not usable.
pub(crate) fn cylinder(places: &[Place], index: usize) -> Option<Vec<Cell>> {
    let spots: Vec<Spot> = places.iter().map(|&place| Spot::new(place)).collect();
    let centre = spots[index];
    let others: Vec<Spot> = (0..spots.len()).filter(|&i| i != index).map(|i| spots[i]).collect();
    let reach = RADIUS + 3.0 * SIGMA_SPACE;
    if others.iter().filter(|other| other.distance(centre) <= reach).count() < MIN_CONTRIBUTORS {
        return None;
    }
    let step = 2.0 * RADIUS / SIDE as f64;
    let mut cells = Vec::with_capacity(CELLS);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let u = (column as f64 + 0.5) * step - RADIUS;
            let v = (row as f64 + 0.5) * step - RADIUS;
            if u.hypot(v) > RADIUS {
                continue;
            }
            let (sin, cos) = centre.angle.sin_cos();
            let at = Spot { x: centre.x + u * cos - v * sin, y: centre.y + u * sin + v * cos, angle: 0.0 };
            let sums =
                std::array::from_fn(|plane| others.iter().map(|&o| contribution(centre, at, plane, o)).sum());
            cells.push(Cell { valid: near_hull(&spots, at), sums });
        }
    }
    let seen = cells.iter().filter(|cell| cell.valid).count();
    (seen >= MIN_VALID_CELLS as usize).then_some(cells)
}

/// What `other` adds to the cell at `at` of `centre`'s cylinder: a Gaussian of the distance times the mass of a normal
/// distribution of directions within the plane's slice.
fn contribution(centre: Spot, at: Spot, plane: usize, other: Spot) -> f64 {
    let distance = at.distance(other);
    if distance > 3.0 * SIGMA_SPACE {
        return 0.0;
    }
    let spatial = (-0.5 * (distance / SIGMA_SPACE).powi(2)).exp() / (SIGMA_SPACE * TAU.sqrt());
    let slice = TAU / PLANES as f64;
    let difference = wrap((plane as f64 + 0.5) * slice - PI - (centre.angle - other.angle));
    let steps = 400;
    let mass: f64 = (0..steps)
        .map(|i| {
            let t = difference - slice / 2.0 + (f64::from(i) + 0.5) * slice / f64::from(steps);
            (-0.5 * (t / SIGMA_DIRECTION).powi(2)).exp() / (SIGMA_DIRECTION * TAU.sqrt())
        })
        .sum();
    spatial * mass * slice / f64::from(steps)
}

/// Whether a point is inside the convex hull or within its margin: inside some triangle of minutiae, or close to some
/// segment between two of them.
fn near_hull(spots: &[Spot], at: Spot) -> bool {
    let side = |a: Spot, b: Spot| (b.x - a.x) * (at.y - a.y) - (b.y - a.y) * (at.x - a.x);
    for (i, &a) in spots.iter().enumerate() {
        for (j, &b) in spots.iter().enumerate().skip(i) {
            let square = a.distance(b).powi(2);
            let along = if square > 0.0 {
                (((at.x - a.x) * (b.x - a.x) + (at.y - a.y) * (b.y - a.y)) / square).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let foot = Spot { x: a.x + along * (b.x - a.x), y: a.y + along * (b.y - a.y), angle: 0.0 };
            if foot.distance(at) <= HULL_MARGIN {
                return true;
            }
            let in_triangle = |c: Spot| {
                let sides = [side(a, b), side(b, c), side(c, a)];
                sides.iter().all(|&s| s > 0.0) || sides.iter().all(|&s| s < 0.0)
            };
            if spots.iter().skip(j).any(|&c| in_triangle(c)) {
                return true;
            }
        }
    }
    false
}

/// A pair of cylinders with its similarity and, later, its relaxed similarity.
struct Pair {
    probe: usize,
    gallery: usize,
    similarity: f64,
    relaxed: f64,
}

/// The score of [`crate::matcher::Matcher::compare`], 0 to 1.
#[must_use]
pub fn compare(probe: &FingerFeatures, gallery: &FingerFeatures) -> f64 {
    let size = probe.cylinders.len().min(gallery.cylinders.len());
    let mut pairs = best_pairs(probe, gallery, size);
    if pairs.len() < 2 {
        return 0.0;
    }
    let spots = |pair: &Pair| (standing(probe, pair.probe), standing(gallery, pair.gallery));
    let support: Vec<Vec<f64>> = pairs
        .iter()
        .map(|t| pairs.iter().map(|k| compatibility(spots(t), spots(k))).collect::<Vec<_>>())
        .collect();
    for _ in 0..ROUNDS {
        let old: Vec<f64> = pairs.iter().map(|pair| pair.relaxed).collect();
        for (t, pair) in pairs.iter_mut().enumerate() {
            let others: f64 = (0..old.len()).filter(|&k| k != t).map(|k| support[t][k] * old[k]).sum();
            let keep = f64::from(KEEP);
            pair.relaxed = keep * old[t] + (1.0 - keep) * others / (old.len() - 1) as f64;
        }
    }
    let agreed = consolidate(&pairs, size);
    let weight = f64::from(WEIGHTS.covered);
    let covered = covered(probe, gallery, &pairs, &support);
    ((1.0 - weight) * agreed + weight * covered).min(1.0)
}

/// The minutia that a cylinder stands on.
fn standing(finger: &FingerFeatures, cylinder: usize) -> Spot {
    Spot::new(finger.minutiae[usize::from(finger.cylinders[cylinder].minutia)])
}

fn best_pairs(probe: &FingerFeatures, gallery: &FingerFeatures, wanted: usize) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for p in 0..probe.cylinders.len() {
        for g in 0..gallery.cylinders.len() {
            let turn = wrap(standing(probe, p).angle - standing(gallery, g).angle).abs();
            let similarity = similarity(probe, p, gallery, g);
            if turn <= f64::from(MAX_TURN) * TAU / 256.0 + 1e-9 && similarity > 0.0 {
                pairs.push(Pair { probe: p, gallery: g, similarity, relaxed: similarity });
            }
        }
    }
    pairs.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    pairs.truncate(wanted);
    pairs
}

fn similarity(probe: &FingerFeatures, p: usize, gallery: &FingerFeatures, g: usize) -> f64 {
    let (a, b) = (&probe.cylinders[p], &gallery.cylinders[g]);
    let common: Vec<usize> =
        (0..CELLS).filter(|cell| a.valid >> cell & 1 == 1 && b.valid >> cell & 1 == 1).collect();
    if common.len() < MIN_COMMON_CELLS as usize {
        return 0.0;
    }
    let (mut in_a, mut in_b, mut differ) = (0.0, 0.0, 0.0);
    for plane in 0..PLANES {
        for &cell in &common {
            let (x, y) = (a.planes[plane] >> cell & 1, b.planes[plane] >> cell & 1);
            in_a += x as f64;
            in_b += y as f64;
            differ += (x ^ y) as f64;
        }
    }
    let (in_a, in_b, differ): (f64, f64, f64) = (in_a, in_b, differ);
    if in_a + in_b == 0.0 { 0.0 } else { 1.0 - differ.sqrt() / (in_a.sqrt() + in_b.sqrt()) }
}

fn compatibility((a, b): (Spot, Spot), (c, d): (Spot, Spot)) -> f64 {
    if a.distance(c) == 0.0 || b.distance(d) == 0.0 {
        return 0.0;
    }
    let distance = (a.distance(c) - b.distance(d)).abs();
    let direction = wrap((a.angle - c.angle) - (b.angle - d.angle)).abs();
    let bearing = wrap(a.bearing(c) - b.bearing(d)).abs();
    sigmoid(distance, 5.0, -1.6) * sigmoid(direction, PI / 12.0, -30.0) * sigmoid(bearing, PI / 12.0, -30.0)
}

fn consolidate(pairs: &[Pair], size: usize) -> f64 {
    let (least, most) = (f64::from(MIN_PAIRS), f64::from(MAX_PAIRS));
    let wanted = least + (sigmoid(size as f64, 20.0, 0.4) * (most - least)).round();
    let mut order: Vec<&Pair> = pairs.iter().collect();
    order.sort_by(|s, t| (t.relaxed / t.similarity).total_cmp(&(s.relaxed / s.similarity)));
    let mut taken: Vec<&Pair> = Vec::new();
    for pair in order {
        let free = taken.iter().all(|other| other.probe != pair.probe && other.gallery != pair.gallery);
        if free && (taken.len() as f64) < wanted {
            taken.push(pair);
        }
    }
    taken.iter().map(|pair| pair.relaxed).sum::<f64>() / wanted
}

/// Two minutiae taken for one, with a weight.
type Tie = (Spot, Spot, f64);

/// A probe minutia and the gallery minutia that it fell on, by their indices, and how far apart they came to lie:
/// pixels, and whole units of 360/256 degrees.
struct Meeting {
    probe: usize,
    gallery: usize,
    distance: f64,
    turn: f64,
}

fn covered(probe: &FingerFeatures, gallery: &FingerFeatures, pairs: &[Pair], support: &[Vec<f64>]) -> f64 {
    let agreement = f64::from(AGREEMENT);
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|&s, &t| pairs[t].relaxed.total_cmp(&pairs[s].relaxed));
    let mut anchors: Vec<usize> = Vec::new();
    for t in order {
        if anchors.len() < ANCHORS && anchors.iter().all(|&earlier| support[earlier][t] <= agreement) {
            anchors.push(t);
        }
    }
    let of_probe: Vec<Spot> = probe.minutiae.iter().map(|&place| Spot::new(place)).collect();
    let of_gallery: Vec<Spot> = gallery.minutiae.iter().map(|&place| Spot::new(place)).collect();
    let mut best: Option<(f64, Vec<Spot>)> = None;
    for anchor in anchors {
        let agreeing = (0..pairs.len()).filter(|&k| k == anchor || support[anchor][k] > agreement);
        let tie = |k: usize| {
            (standing(probe, pairs[k].probe), standing(gallery, pairs[k].gallery), pairs[k].relaxed)
        };
        let ties: Vec<Tie> = agreeing.map(tie).collect();
        if ties.len() >= MIN_TIES
            && let Some((paired, laid)) = refine(&of_probe, &of_gallery, ties)
            && best.as_ref().is_none_or(|(most, _)| paired > *most)
        {
            best = Some((paired, laid));
        }
    }
    best.map_or(0.0, |(_, laid)| covered_by(probe, gallery, &laid, &of_gallery))
}

/// Fits and ties in turn: how much falls together in the end, and where the probe's minutiae then lie.
fn refine(of_probe: &[Spot], of_gallery: &[Spot], mut ties: Vec<Tie>) -> Option<(f64, Vec<Spot>)> {
    let farthest = f64::from(REACH) + f64::from(PIXELS_A_TURN) * f64::from(TURN);
    let trust = |m: &Meeting| 1.0 - 0.5 * (m.distance + f64::from(PIXELS_A_TURN) * m.turn) / farthest;
    for _ in 1..FITS {
        let laid: Vec<Spot> = of_probe.iter().copied().map(fit(&ties)).collect();
        let meetings = nearest(&laid, of_gallery, f64::from(REACH));
        if meetings.len() < MIN_TIES {
            return None;
        }
        ties = meetings.iter().map(|m| (of_probe[m.probe], of_gallery[m.gallery], trust(m))).collect();
    }
    let laid: Vec<Spot> = of_probe.iter().copied().map(fit(&ties)).collect();
    let paired = nearest(&laid, of_gallery, f64::from(REACH)).iter().map(trust).sum();
    Some((paired, laid))
}

fn covered_by(probe: &FingerFeatures, gallery: &FingerFeatures, laid: &[Spot], of_gallery: &[Spot]) -> f64 {
    let mut meetings = nearest(laid, of_gallery, f64::from(REACH));
    for _ in 0..STRETCHES {
        let stretched: Vec<Spot> =
            (0..laid.len()).map(|p| stretched(laid, of_gallery, &meetings, p)).collect();
        meetings = nearest(&stretched, of_gallery, f64::from(STRETCHED_REACH));
    }
    let on = |finger: &FingerFeatures, minutia: usize| {
        finger.cylinders.iter().position(|cylinder| usize::from(cylinder.minutia) == minutia)
    };
    let paired: f64 = meetings
        .iter()
        .map(|m| {
            let alike = match (on(probe, m.probe), on(gallery, m.gallery)) {
                (Some(p), Some(g)) => {
                    let beyond = (similarity(probe, p, gallery, g) - f64::from(WEIGHTS.little)).max(0.0);
                    f64::from(WEIGHTS.unlike) + f64::from(WEIGHTS.likeness) * beyond
                }
                _ => f64::from(WEIGHTS.unknown),
            };
            let squares = (m.distance / f64::from(WEIGHTS.spread)).powi(2)
                + (m.turn / f64::from(WEIGHTS.turn_spread)).powi(2);
            (-0.5 * squares).exp() * alike
        })
        .sum();
    let in_gallery = laid.iter().filter(|&&spot| near_hull(of_gallery, spot)).count();
    // A gallery minutia lies on the probe if the probe, moved onto the gallery, surrounds it.
    let in_probe = of_gallery.iter().filter(|&&spot| near_hull(laid, spot)).count();
    let common = (in_gallery as f64).max(f64::from(WEIGHTS.min_common))
        * (in_probe as f64).max(f64::from(WEIGHTS.min_common));
    paired / common.sqrt() * paired / (paired + f64::from(WEIGHTS.chance_pairs))
}

/// Where minutia `p` lies once it is moved on by the mean of what its neighbours' meetings leave over.
fn stretched(laid: &[Spot], of_gallery: &[Spot], meetings: &[Meeting], p: usize) -> Spot {
    let (mut right, mut up, mut weights) = (0.0, 0.0, f64::from(STIFFNESS));
    for m in meetings.iter().filter(|m| m.probe != p) {
        let part = laid[m.probe].distance(laid[p]) / f64::from(NEIGHBOURHOOD);
        let weight = if part < 1.0 { (1.0 - part * part).powi(2) } else { 0.0 };
        right += weight * (of_gallery[m.gallery].x - laid[m.probe].x);
        up += weight * (of_gallery[m.gallery].y - laid[m.probe].y);
        weights += weight;
    }
    Spot { x: laid[p].x + right / weights, y: laid[p].y + up / weights, angle: laid[p].angle }
}

/// The rigid motion with the least weighted squares.
fn fit(ties: &[Tie]) -> impl Fn(Spot) -> Spot + use<> {
    let total: f64 = ties.iter().map(|tie| tie.2).sum();
    let mean = |of: &dyn Fn(&Tie) -> f64| ties.iter().map(|tie| tie.2 * of(tie)).sum::<f64>() / total;
    let from = (mean(&|tie| tie.0.x), mean(&|tie| tie.0.y));
    let to = (mean(&|tie| tie.1.x), mean(&|tie| tie.1.y));
    let lever = f64::from(LEVER).powi(2);
    let (mut cos, mut sin) = (0.0, 0.0);
    for (p, g, weight) in ties {
        let (ux, uy, vx, vy) = (p.x - from.0, p.y - from.1, g.x - to.0, g.y - to.1);
        cos += weight * (ux * vx + uy * vy + lever * (g.angle - p.angle).cos());
        sin += weight * (ux * vy - uy * vx + lever * (g.angle - p.angle).sin());
    }
    let turn = sin.atan2(cos);
    move |spot| {
        let (dx, dy) = (spot.x - from.0, spot.y - from.1);
        Spot {
            x: to.0 + dx * turn.cos() - dy * turn.sin(),
            y: to.1 + dx * turn.sin() + dy * turn.cos(),
            angle: spot.angle + turn,
        }
    }
}

/// The minutiae that fall together, nearest first, each at most once.
fn nearest(moved: &[Spot], gallery: &[Spot], reach: f64) -> Vec<Meeting> {
    let mut near = Vec::new();
    for (p, &spot) in moved.iter().enumerate() {
        for (g, &other) in gallery.iter().enumerate() {
            // Directions are compared in whole units of 360/256 degrees.
            let turn = (wrap(spot.angle - other.angle) * 256.0 / TAU).round().abs();
            let distance = spot.distance(other);
            if distance < reach && turn <= f64::from(TURN) {
                near.push(Meeting { probe: p, gallery: g, distance, turn });
            }
        }
    }
    let cost = |m: &Meeting| m.distance + f64::from(PIXELS_A_TURN) * m.turn;
    near.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    let mut met: Vec<Meeting> = Vec::new();
    for meeting in near {
        if met.iter().all(|other| other.probe != meeting.probe && other.gallery != meeting.gallery) {
            met.push(meeting);
        }
    }
    met
}

#[cfg(test)]
mod tests {
    use super::{Place, compare, cylinder};
    use crate::cylinder::{BIT_THRESHOLD, FeatureError, FingerFeatures, MIN_CYLINDERS};
    use crate::matcher::Matcher;
    use crate::record::{FingerPosition, FingerRecord, FingerView, Minutia, MinutiaKind};
    use crate::synthetic::SyntheticPerson;
    use proptest::prelude::*;

    fn record(minutiae: &[(u16, u16, u8)]) -> FingerRecord {
        let minutiae = minutiae
            .iter()
            .map(|&(x, y, angle)| Minutia { x, y, angle, kind: MinutiaKind::Ending, quality: 0 })
            .collect();
        let view =
            FingerView { position: FingerPosition::Unknown, view: 0, impression: 0, quality: 0, minutiae };
        FingerRecord { width: 400, height: 400, x_resolution: 197, y_resolution: 197, views: vec![view] }
    }

    fn places(minutiae: &[(u16, u16, u8)]) -> Vec<Place> {
        let mut places: Vec<Place> = minutiae.iter().map(|&(x, y, angle)| Place { x, y, angle }).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn minutiae(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(u16, u16, u8)>> {
        prop::collection::vec((60u16..340, 60u16..340, any::<u8>()), count)
    }

    fn features(minutiae: &[(u16, u16, u8)]) -> Result<FingerFeatures, FeatureError> {
        FingerFeatures::extract(&record(minutiae), 0, FingerPosition::Unknown)
    }

    fn assert_same_cylinders(features: &FingerFeatures, places: &[Place]) {
        let mut fast = features.cylinders.iter();
        for index in 0..places.len() {
            let Some(cells) = cylinder(places, index) else { continue };
            let found = fast.next().unwrap();
            assert_eq!(usize::from(found.minutia), index);
            for (c, cell) in cells.iter().enumerate() {
                assert_eq!(found.valid >> c & 1 == 1, cell.valid, "cell {c} of minutia {index}");
                for (plane, sum) in cell.sums.iter().enumerate() {
                    let bit = found.planes[plane] >> c & 1 == 1;
                    let doubtful = (sum - BIT_THRESHOLD).abs() < 1e-6;
                    assert!(doubtful || bit == (cell.valid && *sum > BIT_THRESHOLD), "{sum}");
                }
            }
        }
        assert!(fast.next().is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn fast_cylinders_have_the_bits_of_the_definition(minutiae in minutiae(4..22)) {
            let places = places(&minutiae);
            match features(&minutiae) {
                Ok(features) => assert_same_cylinders(&features, &places),
                Err(_) => {
                    let usable = (0..places.len()).filter(|&i| cylinder(&places, i).is_some()).count();
                    prop_assert!(usable < MIN_CYLINDERS);
                }
            }
        }

        #[test]
        fn fast_scores_are_those_of_the_definition_on_random_minutiae(a in minutiae(12..24), b in minutiae(12..24)) {
            if let (Ok(a), Ok(b)) = (features(&a), features(&b)) {
                let (fast, slow) = (f64::from(Matcher::new().compare(&a, &b).value()), compare(&a, &b));
                prop_assert!((fast - slow).abs() < 0.01, "{fast} {slow}");
            }
        }
    }

    #[test]
    fn fast_scores_are_those_of_the_definition_on_synthetic_fingers() {
        let mut matcher = Matcher::new();
        let capture = |person: u64, capture: u32| {
            let record = SyntheticPerson::new(5, person).capture(FingerPosition::RightIndex, capture);
            FingerFeatures::extract(&record, 0, FingerPosition::RightIndex).unwrap()
        };
        let record = SyntheticPerson::new(5, 0).capture(FingerPosition::RightIndex, 0);
        let slow = super::extract(&record, 0, FingerPosition::RightIndex).unwrap();
        let fast = capture(0, 0);
        let differing = fast.cylinders.iter().zip(&slow.cylinders).filter(|(a, b)| a != b).count();
        assert!(
            fast.cylinders.len() == slow.cylinders.len() && differing <= 1,
            "{differing} cylinders differ"
        );
        let fingers: Vec<_> = (0..6).map(|n| capture(n / 2, u32::try_from(n % 2).unwrap())).collect();
        for (i, a) in fingers.iter().enumerate() {
            for b in &fingers[i..] {
                let (fast, slow) = (f64::from(matcher.compare(a, b).value()), compare(a, b));
                assert!((fast - slow).abs() < 0.01, "{fast} {slow}");
            }
        }
    }
}
