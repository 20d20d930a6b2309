//! 1:1 comparison of fingers: local similarities of cylinders, relaxation over pairs of pairs (LSS-R of the MCC paper,
//! see [`crate::cylinder`]), and the share of minutiae that fall together in the alignment that the relaxed pairs imply.

use std::fmt;
use std::sync::LazyLock;

use zeroize::Zeroize;

use crate::alignment::{Alignment, Relaxed};
use crate::cylinder::{FingerFeatures, Place};
use crate::hamming::LANES;
use crate::weighing::{Evidence, Weights};

/// Two cylinders are compared only if their minutiae differ by at most 90 degrees: fingers are seldom captured
/// further turned against each other.
pub(crate) const MAX_TURN: u8 = 64;
/// Rounds of relaxation.
pub(crate) const ROUNDS: usize = 5;
/// Share of its old value that a pair keeps in each round.
pub(crate) const KEEP: f32 = 0.5;
/// Pairs that make a score: from `MIN_PAIRS` for small fingers to `MAX_PAIRS` for rich ones.
pub(crate) const MIN_PAIRS: f32 = 4.0;
pub(crate) const MAX_PAIRS: f32 = 12.0;

/// Likeness of two fingers, 0 (nothing in common) to 1 (identical). Meaning comes from [`crate::calibration`].
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Score(f32);

impl Score {
    /// A score of a given value, brought into 0 to 1; not-a-number becomes 0.
    #[must_use]
    pub fn new(value: f32) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    /// The value, 0 to 1.
    #[must_use]
    pub fn value(self) -> f32 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4}", self.0)
    }
}

/// Compares two fingers with a matcher of its own. Deterministic.
#[must_use]
pub fn compare(probe: &FingerFeatures, gallery: &FingerFeatures) -> Score {
    Matcher::new().compare(probe, gallery)
}

/// The stages of a full comparison, each with all before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Similarity of every cylinder with every other.
    Similarity,
    /// The most similar pairs.
    Selection,
    /// Their support of each other.
    Relaxation,
    /// Alignment and the share of minutiae that fall together: the whole comparison.
    Alignment,
}

/// Compares fingers, reusing its memory from one comparison to the next; results do not depend on that.
#[derive(Default)]
pub struct Matcher {
    /// How alike every probe cylinder (major) and every gallery cylinder are, gallery cylinders some at once.
    similarities: Vec<[f32; LANES]>,
    ranks: Vec<u64>,
    pairs: Vec<Pair>,
    corners: Vec<(Corner, Corner)>,
    /// x and y of the corners' probe and gallery minutiae, each side by side.
    coordinates: [Vec<f32>; 4],
    gaps: Vec<f32>,
    support: Vec<f32>,
    links: Vec<Link>,
    relaxed: Vec<f32>,
    next: Vec<f32>,
    order: Vec<usize>,
    alignment: Alignment,
    evidence: Evidence,
}

/// A probe cylinder and a gallery cylinder that may be the same minutia.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) similarity: f32,
    pub(crate) probe: u8,
    pub(crate) gallery: u8,
}

/// Two pairs that agree, and how well the other supports the one (`forth`) and the one the other.
#[derive(Clone, Copy)]
struct Link {
    one: usize,
    other: usize,
    forth: f32,
    back: f32,
}

impl Matcher {
    /// A matcher without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Full comparison: local similarities, relaxed by how well pairs agree with each other, and the share of minutiae
    /// that fall together when the fingers are aligned by what agrees.
    pub fn compare(&mut self, probe: &FingerFeatures, gallery: &FingerFeatures) -> Score {
        self.compare_until(Stage::Alignment, probe, gallery)
    }

    /// Cheap comparison: the mean of the best local similarities, blind to whether they agree on where the finger is.
    pub fn compare_local(&mut self, probe: &FingerFeatures, gallery: &FingerFeatures) -> Score {
        let wanted = pairs_of_a_score(probe.cylinders.len().min(gallery.cylinders.len()));
        self.pair_up(probe, gallery, wanted);
        let count = wanted as f32;
        Score::new(self.pairs.iter().map(|pair| pair.similarity).sum::<f32>() / count)
    }

    /// What a full comparison finds, before it is weighed: [`Weights::BUILT`] give the score of [`Self::compare`] for it.
    pub fn examine(&mut self, probe: &FingerFeatures, gallery: &FingerFeatures) -> Evidence {
        self.compare(probe, gallery);
        self.evidence.clone()
    }

    /// A full comparison broken off after a stage, for finding out what each takes. Scores compare only with those
    /// of the same stage; those of [`Stage::Similarity`] and [`Stage::Selection`] mean nothing.
    pub fn compare_until(&mut self, last: Stage, probe: &FingerFeatures, gallery: &FingerFeatures) -> Score {
        if last == Stage::Similarity {
            self.similarities.clear();
            for cylinder in &probe.cylinders {
                gallery.lanes.similarities(cylinder, &mut self.similarities);
            }
            return Score::new(self.similarities.as_flattened().iter().copied().fold(0.0, f32::max));
        }
        self.evidence.agreed = 0.0;
        self.evidence.meetings.clear();
        let size = probe.cylinders.len().min(gallery.cylinders.len());
        self.pair_up(probe, gallery, size);
        if self.pairs.len() < 2 || last == Stage::Selection {
            return Score(0.0);
        }
        self.relax(probe, gallery);
        self.evidence.agreed = self.consolidate(pairs_of_a_score(size));
        if last == Stage::Relaxation {
            return Score::new(self.evidence.agreed);
        }
        self.order.sort_unstable_by(|&s, &t| self.relaxed[t].total_cmp(&self.relaxed[s]).then(s.cmp(&t)));
        let relaxed = Relaxed {
            pairs: &self.pairs,
            values: &self.relaxed,
            support: &self.support,
            order: &self.order,
            similarities: &self.similarities,
        };
        self.alignment.align(probe, gallery, &relaxed, &mut self.evidence);
        Weights::BUILT.score(&self.evidence)
    }

    /// Fills `pairs` with the `wanted` most similar pairs, most similar first.
    fn pair_up(&mut self, probe: &FingerFeatures, gallery: &FingerFeatures, wanted: usize) {
        self.ranks.clear();
        // Whenever several times too many pairs have gathered, the worst go, and from then on pairs like those do not
        // even enter.
        let most = 3 * wanted + LANES;
        let mut floor = f32::MIN_POSITIVE;
        self.similarities.clear();
        for (p, a) in probe.cylinders.iter().enumerate() {
            let before = self.similarities.len();
            gallery.lanes.similarities(a, &mut self.similarities);
            for (block, similarities) in self.similarities[before..].iter().enumerate() {
                // All eight at once, then only those that qualify.
                let mut lanes = similarities
                    .iter()
                    .enumerate()
                    .fold(0u32, |lanes, (lane, similarity)| lanes | u32::from(*similarity >= floor) << lane);
                while lanes != 0 {
                    let lane = lanes.trailing_zeros() as usize;
                    lanes &= lanes - 1;
                    let g = block * LANES + lane;
                    let turn = a.angle.wrapping_sub(gallery.cylinders[g].angle);
                    if turn.min(turn.wrapping_neg()) <= MAX_TURN {
                        self.ranks.push(rank(similarities[lane], p, g));
                    }
                }
                if self.ranks.len() > most {
                    self.ranks.select_nth_unstable(wanted - 1);
                    self.ranks.truncate(wanted);
                    floor = ranked(self.ranks[wanted - 1]).similarity;
                }
            }
        }
        if self.ranks.len() > wanted {
            self.ranks.select_nth_unstable(wanted);
            self.ranks.truncate(wanted);
        }
        self.ranks.sort_unstable();
        self.pairs.clear();
        self.pairs.extend(self.ranks.iter().copied().map(ranked));
    }

    /// Lets every pair be supported by those that agree with it, in `ROUNDS` rounds.
    fn relax(&mut self, probe: &FingerFeatures, gallery: &FingerFeatures) {
        let n = self.pairs.len();
        let tables = &*TABLES;
        self.corners.clear();
        self.corners.extend(self.pairs.iter().map(|pair| {
            (tables.corner(probe.place(pair.probe)), tables.corner(gallery.place(pair.gallery)))
        }));
        self.coordinates.iter_mut().for_each(Vec::clear);
        for (p, g) in &self.corners {
            for (all, coordinate) in self.coordinates.iter_mut().zip([p.x, p.y, g.x, g.y]) {
                all.push(coordinate);
            }
        }
        self.support.clear();
        self.support.resize(n * n, 0.0);
        self.links.clear();
        self.gaps.clear();
        self.gaps.resize(n, 0.0);
        for (t, one) in self.corners.iter().enumerate() {
            // Most pairs disagree, and most of those by their distances, which go many at once.
            let others = &self.corners[t + 1..];
            let [px, py, gx, gy] = self.coordinates.each_ref().map(|all| &all[t + 1..]);
            let coordinates = px.iter().zip(py).zip(gx).zip(gy);
            for (gap, (((px, py), gx), gy)) in self.gaps.iter_mut().zip(coordinates) {
                let (probe, gallery) = ((px - one.0.x, py - one.0.y), (gx - one.1.x, gy - one.1.y));
                *gap = (length(probe) - length(gallery)).abs();
            }
            for (i, (gap, other)) in self.gaps.iter().zip(others).enumerate() {
                if *gap > MAX_GAP {
                    continue;
                }
                let (forth, back) = compatibility(tables, *gap, one, other);
                if forth > 0.0 || back > 0.0 {
                    let k = t + 1 + i;
                    self.support[t * n + k] = forth;
                    self.support[k * n + t] = back;
                    self.links.push(Link { one: t, other: k, forth, back });
                }
            }
        }
        self.relaxed.clear();
        self.relaxed.extend(self.pairs.iter().map(|pair| pair.similarity));
        let share = (1.0 - KEEP) / (n - 1) as f32;
        for _ in 0..ROUNDS {
            self.next.clear();
            self.next.extend(self.relaxed.iter().map(|own| KEEP * own));
            // Links stand by their first pair, whose sum is written when it is complete.
            for links in self.links.chunk_by(|a, b| a.one == b.one) {
                let one = links[0].one;
                let (mut sum, own) = (self.next[one], self.relaxed[one]);
                for &Link { other, forth, back, .. } in links {
                    sum += share * forth * self.relaxed[other];
                    self.next[other] += share * back * own;
                }
                self.next[one] = sum;
            }
            std::mem::swap(&mut self.relaxed, &mut self.next);
        }
    }

    /// Mean of the relaxed similarities of the pairs that kept most of theirs, no minutia used twice.
    fn consolidate(&mut self, wanted: usize) -> f32 {
        self.next.clear();
        self.next
            .extend(self.relaxed.iter().zip(&self.pairs).map(|(relaxed, pair)| relaxed / pair.similarity));
        self.order.clear();
        self.order.extend(0..self.pairs.len());
        self.order.sort_unstable_by(|&s, &t| self.next[t].total_cmp(&self.next[s]).then(s.cmp(&t)));
        let (mut probe_used, mut gallery_used) = ([false; 256], [false; 256]);
        let (mut left, mut sum) = (wanted, 0.0);
        for &t in &self.order {
            let (p, g) = (usize::from(self.pairs[t].probe), usize::from(self.pairs[t].gallery));
            if probe_used[p] || gallery_used[g] {
                continue;
            }
            (probe_used[p], gallery_used[g]) = (true, true);
            sum += self.relaxed[t];
            left -= 1;
            if left == 0 {
                break;
            }
        }
        let count = wanted as f32;
        sum / count
    }
}

impl Drop for Matcher {
    fn drop(&mut self) {
        self.similarities.as_flattened_mut().zeroize();
        self.ranks.zeroize();
        self.coordinates.zeroize();
        self.gaps.zeroize();
        self.support.zeroize();
        self.relaxed.zeroize();
        self.next.zeroize();
        self.order.zeroize();
        self.pairs.fill(Pair { similarity: 0.0, probe: 0, gallery: 0 });
        self.links.fill(Link { one: 0, other: 0, forth: 0.0, back: 0.0 });
        self.corners.fill((Corner::default(), Corner::default()));
        self.alignment.wipe();
        self.evidence.wipe();
    }
}

/// One integer that ranks a pair, the most similar lowest: the bits of positive floats are in the order of their values.
/// Equal similarities go by their cylinders (at most 255 each), so that the ranking is the same everywhere.
fn rank(similarity: f32, probe: usize, gallery: usize) -> u64 {
    u64::from(!similarity.to_bits()) << 16 | (probe << 8 | gallery) as u64
}

/// The pair of a rank.
fn ranked(rank: u64) -> Pair {
    let [_, _, s3, s2, s1, s0, probe, gallery] = rank.to_be_bytes();
    Pair { similarity: f32::from_bits(!u32::from_be_bytes([s3, s2, s1, s0])), probe, gallery }
}

/// Where a minutia is, y upwards, and which way it points.
#[derive(Clone, Copy, Default)]
struct Corner {
    x: f32,
    y: f32,
    cos: f32,
    sin: f32,
    angle: u8,
}

/// Pairs that a score is averaged over, for fingers of `size` cylinders (the smaller of the two).
fn pairs_of_a_score(size: usize) -> usize {
    let share = 1.0 / (1.0 + (-0.4 * (size as f32 - 20.0)).exp());
    #[expect(clippy::cast_possible_truncation, reason = "between 4 and 12")]
    let pairs = (MIN_PAIRS + (share * (MAX_PAIRS - MIN_PAIRS)).round()) as usize;
    pairs
}

/// Sigmoids of the relaxation, by their middles and slopes in the paper's terms.
const DISTANCE_SIGMOID: (f32, f32) = (5.0, -1.6);
const DIRECTION_SIGMOID: (f32, f32) = (std::f32::consts::PI / 12.0, -30.0);
/// Agreements below this are taken for none.
const NEGLIGIBLE: f32 = 1e-4;
/// Distances that differ by more pixels agree less than that: `DISTANCE_SIGMOID` reaches it at 10.8.
const MAX_GAP: f32 = 11.0;

fn length((x, y): (f32, f32)) -> f32 {
    (x * x + y * y).sqrt()
}

fn sigmoid(value: f32, (middle, slope): (f32, f32)) -> f32 {
    1.0 / (1.0 + (-slope * (value - middle)).exp())
}

struct Tables {
    unit: [(f32, f32); 256],
    /// Agreement of two relative directions, by their difference.
    direction: [f32; 256],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let turn = |angle: usize| angle as f32 * std::f32::consts::TAU / 256.0;
    Tables {
        unit: std::array::from_fn(|angle| (turn(angle).cos(), turn(angle).sin())),
        direction: std::array::from_fn(|angle| sigmoid(turn(angle.min(256 - angle)), DIRECTION_SIGMOID)),
    }
});

impl Tables {
    fn corner(&self, place: Place) -> Corner {
        let (cos, sin) = self.unit[usize::from(place.angle)];
        Corner { x: f32::from(place.x), y: -f32::from(place.y), cos, sin, angle: place.angle }
    }
}

/// How well one pair agrees with another and the other with the one, given by how many pixels their distances differ
/// (`gap`): in distance, relative direction, and bearing as seen from the first minutia of each.
fn compatibility(
    tables: &Tables,
    gap: f32,
    (a, b): &(Corner, Corner),
    (c, d): &(Corner, Corner),
) -> (f32, f32) {
    let turn = a.angle.wrapping_sub(c.angle).wrapping_sub(b.angle.wrapping_sub(d.angle));
    let direction = tables.direction[usize::from(turn)];
    if direction < NEGLIGIBLE {
        return (0.0, 0.0);
    }
    let (u, v) = ((c.x - a.x, c.y - a.y), (d.x - b.x, d.y - b.y));
    if u == (0.0, 0.0) || v == (0.0, 0.0) {
        return (0.0, 0.0);
    }
    let (forth, back) = (bearing(a, b, u, v), bearing(c, d, u, v));
    if forth == 0.0 && back == 0.0 {
        return (0.0, 0.0);
    }
    let distance = sigmoid(gap, DISTANCE_SIGMOID);
    if distance < NEGLIGIBLE {
        return (0.0, 0.0);
    }
    let both = direction * distance;
    (both * forth, both * back)
}

/// Agreement of the bearings of `u`, seen from `a`'s direction, and of `v`, seen from `b`'s. The other ends see both
/// vectors reversed, which changes nothing.
fn bearing(a: &Corner, b: &Corner, u: (f32, f32), v: (f32, f32)) -> f32 {
    let (px, py) = (u.0 * a.cos + u.1 * a.sin, u.1 * a.cos - u.0 * a.sin);
    let (qx, qy) = (v.0 * b.cos + v.1 * b.sin, v.1 * b.cos - v.0 * b.sin);
    let (dot, cross) = (px * qx + py * qy, (px * qy - py * qx).abs());
    // Beyond 45 degrees the sigmoid is below 2e-7.
    if dot <= cross { 0.0 } else { sigmoid((cross / dot).atan(), DIRECTION_SIGMOID) }
}

#[cfg(test)]
mod tests {
    use super::{Matcher, Score, compare};
    use crate::cylinder::FingerFeatures;
    use crate::record::{FingerPosition, FingerRecord, Minutia};
    use crate::synthetic::SyntheticPerson;
    use crate::weighing::Weights;

    fn record(person: u64, capture: u32) -> FingerRecord {
        SyntheticPerson::new(2, person).capture(FingerPosition::RightIndex, capture)
    }

    fn features(record: &FingerRecord) -> FingerFeatures {
        FingerFeatures::extract(record, 0, FingerPosition::RightIndex).unwrap()
    }

    #[test]
    fn a_used_matcher_gives_the_scores_of_a_fresh_one() {
        let fingers: Vec<_> = (0..6).map(|person| features(&record(person, 0))).collect();
        let mut used = Matcher::new();
        for a in &fingers {
            for b in &fingers {
                assert_eq!(used.compare(a, b), compare(a, b));
                assert_eq!(used.compare_local(a, b), Matcher::new().compare_local(a, b));
            }
        }
    }

    #[test]
    fn evidence_weighed_as_built_is_the_score() {
        let fingers =
            [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(person, capture)| features(&record(person, capture)));
        let mut matcher = Matcher::new();
        for a in &fingers {
            for b in &fingers {
                let evidence = matcher.examine(a, b);
                assert!(evidence.meetings.len() <= a.minutiae.len().min(b.minutiae.len()));
                assert_eq!(Weights::BUILT.score(&evidence), matcher.compare(a, b));
            }
        }
    }

    #[test]
    fn a_capture_is_most_like_itself_and_mates_are_more_alike_than_strangers() {
        let mut matcher = Matcher::new();
        let (mut mates, mut strangers) = (0.0, 0.0);
        for person in 0..20 {
            let first = features(&record(person, 0));
            let second = matcher.compare(&features(&record(person, 1)), &first);
            assert!(matcher.compare(&first, &first) > second);
            assert!(matcher.compare(&first, &first).value() > 0.5);
            mates += second.value();
            strangers += matcher.compare(&features(&record(person + 20, 1)), &first).value();
        }
        assert!(mates > 3.0 * strangers, "{mates} {strangers}");
    }

    /// Turns a record by a quarter, anticlockwise as seen.
    fn turned(record: &FingerRecord) -> FingerRecord {
        let mut turned = record.clone();
        (turned.width, turned.height) = (record.height, record.width);
        for minutia in &mut turned.views[0].minutiae {
            let Minutia { x, y, angle, .. } = *minutia;
            (minutia.x, minutia.y, minutia.angle) = (y, record.width - 1 - x, angle.wrapping_add(64));
        }
        turned
    }

    #[test]
    fn a_quarter_turn_hardly_changes_the_score_and_half_a_turn_leaves_nothing() {
        let upright = record(1, 0);
        let quarter = turned(&upright);
        let half = turned(&quarter);
        let own = compare(&features(&upright), &features(&upright)).value();
        let by_quarter = compare(&features(&upright), &features(&quarter)).value();
        assert!(by_quarter > 0.8 * own, "{by_quarter} {own}");
        assert!(compare(&features(&upright), &features(&half)).value() < 0.2 * own);
    }

    #[test]
    fn scores_stay_within_their_range() {
        assert_eq!(Score::new(f32::NAN).value(), 0.0);
        assert_eq!(Score::new(-1.0).value(), 0.0);
        assert_eq!(Score::new(2.0).value(), 1.0);
        assert_eq!(Score::new(0.25).to_string(), "0.2500");
    }
}
