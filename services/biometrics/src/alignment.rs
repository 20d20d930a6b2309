//! How many minutiae fall on one another once two fingers are laid over each other.
//!
//! Relaxation looks at a dozen pairs at most. The pairs it trusts say how one finger must be moved onto the other, and
//! then every minutia in the common area is a witness: mates cover most of each other there, strangers do not. Counting
//! paired minutiae after an alignment is the classical matcher (Jain, Hong, Pankanti, Bolle, "An identity-authentication
//! system using fingerprints", *Proceedings of the IEEE* 85(9), 1997).
//!
//! Skin stretches, so no rigid motion lays a whole finger on itself. What the rigid fit leaves over varies slowly from
//! place to place if the fingers are mates, and is noise if they are strangers. So each minutia is moved on by the mean
//! of what is left over *around* it, itself left out, and only then judged by its distance: mates come closer by it,
//! and chance is not rewarded, because no minutia has a say in where it lands itself. (Kernel regression: Nadaraya,
//! *Theory of Probability and its Applications* 9(1), 1964.)

use crate::cylinder::FingerFeatures;
use crate::hamming::LANES;
use crate::hull::Hull;
use crate::matcher::Pair;
use crate::motion::{Motion, Point, Tie};
use crate::weighing::{self, Evidence};

/// Minutiae this far apart after the rigid fit, in pixels at 500 dpi, may still be the same one: two ridges (they stand
/// about 9 pixels apart), which is what skin stretches over a finger's width.
pub(crate) const REACH: f32 = 20.0;
/// The same after the skin's stretch is taken into account. The distance decides the weight, not this edge.
pub(crate) const STRETCHED_REACH: f32 = 24.0;
/// Nor are those the same that differ by more than this in direction, units of 360/256 degrees (about 31 degrees).
pub(crate) const TURN: u8 = 22;
/// What a unit of direction weighs against a pixel when the nearest partner is chosen.
pub(crate) const PIXELS_A_TURN: f32 = 0.3;
/// Pairs that agree at least this well with the anchor take part in the first fit.
pub(crate) const AGREEMENT: f32 = 0.3;
/// An anchor that fewer pairs agree with, itself counted, is not tried: one pair alone says little about a motion.
pub(crate) const MIN_TIES: usize = 2;
/// Rigid fits: by the trusted pairs first, then by whatever falls together.
pub(crate) const FITS: usize = 2;
/// Anchors tried at most.
pub(crate) const ANCHORS: usize = 3;
/// Times that the stretch is estimated from what falls together, and then shows what falls together.
pub(crate) const STRETCHES: usize = 2;
/// Neighbours within this distance, pixels, say how the skin is stretched in a place.
pub(crate) const NEIGHBOURHOOD: f32 = 111.0;
/// Weight of "not stretched", in neighbours at no distance.
pub(crate) const STIFFNESS: f32 = 0.7;
/// Memory of the alignment, reused from one comparison to the next.
#[derive(Default)]
pub(crate) struct Alignment {
    /// Minutiae of both fingers, gallery by rising x.
    probe: Vec<Point>,
    gallery: Vec<Point>,
    /// The gallery's minutiae again, some at once.
    blocks: Vec<Block>,
    /// For each strip of the gallery finger, its first minutia, or where that would be; and the end of the last.
    strips: Vec<u8>,
    /// Where the probe's minutiae fall on the gallery by the rigid motion, and where by motion and stretch.
    laid: Places,
    moved: Places,
    /// What the neighbourhood of each leaves over, and the weights of that.
    left: Places,
    weights: Vec<f32>,
    /// Candidates for meetings: distance, probe and gallery minutia, packed so that the nearest comes first.
    near: Vec<u64>,
    meetings: Vec<Meeting>,
    /// The meetings under the best motion so far.
    best: Vec<Meeting>,
    ties: Vec<Tie>,
}

/// Points by their coordinates: loops over all of them work on several at once.
#[derive(Default)]
struct Places {
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Places {
    fn at(&self, index: usize) -> (f32, f32) {
        (self.x[index], self.y[index])
    }

    fn set(&mut self, index: usize, (x, y): (f32, f32)) {
        (self.x[index], self.y[index]) = (x, y);
    }

    fn fill(&mut self, value: f32) {
        self.x.fill(value);
        self.y.fill(value);
    }

    /// So many points at the origin.
    fn reset(&mut self, count: usize) {
        for axis in [&mut self.x, &mut self.y] {
            axis.clear();
            axis.resize(count, 0.0);
        }
    }
}

/// So many minutiae by their coordinates; lanes that are left over are infinitely far away.
struct Block {
    x: [f32; LANES],
    y: [f32; LANES],
    angle: [u8; LANES],
}

impl Block {
    fn of(points: &[Point]) -> Self {
        let mut block = Self { x: [f32::INFINITY; LANES], y: [0.0; LANES], angle: [0; LANES] };
        for (lane, point) in points.iter().enumerate().take(LANES) {
            (block.x[lane], block.y[lane], block.angle[lane]) = (point.x, point.y, point.angle);
        }
        block
    }
}

/// Upright strips that a finger is cut into for finding neighbours, and their width in pixels. What is beyond the last
/// (no finger is so broad) is counted to it.
const STRIPS: usize = 64;
const STRIP: f32 = 12.0;

/// The strip of a place.
fn strip(x: f32) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=63")]
    let strip = (x * (1.0 / STRIP)).clamp(0.0, (STRIPS - 1) as f32) as usize;
    strip
}

/// A probe minutia and the gallery minutia that it fell on, by their indices.
#[derive(Clone, Copy)]
struct Meeting {
    probe: u8,
    gallery: u8,
}

/// The pairs of a comparison after relaxation.
pub(crate) struct Relaxed<'a> {
    pub(crate) pairs: &'a [Pair],
    /// Relaxed similarities.
    pub(crate) values: &'a [f32],
    /// How well pair `k` agrees with pair `t`, at `t * n + k`.
    pub(crate) support: &'a [f32],
    /// Indices of the pairs, highest relaxed similarity first.
    pub(crate) order: &'a [usize],
    /// How alike every probe cylinder (major) and every gallery cylinder are.
    pub(crate) similarities: &'a [[f32; LANES]],
}

impl Alignment {
    /// Finds what falls together on the best of a few alignments; nothing, if there is none.
    pub(crate) fn align(
        &mut self,
        probe: &FingerFeatures,
        gallery: &FingerFeatures,
        relaxed: &Relaxed<'_>,
        evidence: &mut Evidence,
    ) {
        self.probe.clear();
        self.probe.extend(probe.minutiae.iter().map(|&place| Point::from(place)));
        self.gallery.clear();
        self.gallery.extend(gallery.minutiae.iter().map(|&place| Point::from(place)));
        // Minutiae are stored by rising x.
        self.strips.clear();
        for (g, point) in (0..=u8::MAX).zip(&self.gallery) {
            let reached = self.strips.len().max(strip(point.x) + 1);
            self.strips.resize(reached, g);
        }
        self.strips.resize(STRIPS + 1, u8::try_from(self.gallery.len()).unwrap_or(u8::MAX));
        self.blocks.clear();
        self.blocks.extend(self.gallery.chunks(LANES).map(Block::of));
        let Some(motion) = self.best_motion(probe, gallery, relaxed) else { return };
        self.lay(&motion);
        std::mem::swap(&mut self.meetings, &mut self.best);
        for _ in 0..STRETCHES {
            self.stretch();
            self.meet(motion.turn, STRETCHED_REACH);
        }
        evidence.common = self.common(&motion, &probe.hull, &gallery.hull);
        let similar = |meeting: &Meeting| {
            let (p, g) = (standing_on(probe, meeting.probe)?, standing_on(gallery, meeting.gallery)?);
            let row = p * gallery.cylinders.len().div_ceil(LANES);
            Some(relaxed.similarities.get(row + g / LANES)?[g % LANES])
        };
        evidence.meetings.extend(self.meetings.iter().map(|meeting| {
            let (square, turn) = self.apart(motion.turn, meeting);
            weighing::Meeting { square, turn, similarity: similar(meeting) }
        }));
    }

    /// The motion, of those that the most trusted pairs lead to, under which most falls together.
    fn best_motion(
        &mut self,
        probe: &FingerFeatures,
        gallery: &FingerFeatures,
        relaxed: &Relaxed<'_>,
    ) -> Option<Motion> {
        let n = relaxed.pairs.len();
        let mut anchors: [usize; ANCHORS] = [0; ANCHORS];
        let mut tried = 0;
        let mut best: Option<(f32, Motion)> = None;
        for &anchor in relaxed.order {
            // An anchor that agrees with an earlier one would lead to the same alignment.
            if anchors[..tried].iter().any(|earlier| relaxed.support[earlier * n + anchor] > AGREEMENT) {
                continue;
            }
            anchors[tried] = anchor;
            tried += 1;
            self.tie_trusted(probe, gallery, relaxed, anchor);
            if self.ties.len() >= MIN_TIES
                && let Some((paired, motion)) = self.refine()
                && best.as_ref().is_none_or(|(most, _)| paired > *most)
            {
                best = Some((paired, motion));
                std::mem::swap(&mut self.meetings, &mut self.best);
            }
            if tried == ANCHORS {
                break;
            }
        }
        best.map(|(_, motion)| motion)
    }

    fn tie_trusted(
        &mut self,
        probe: &FingerFeatures,
        gallery: &FingerFeatures,
        relaxed: &Relaxed<'_>,
        anchor: usize,
    ) {
        let n = relaxed.pairs.len();
        let support = &relaxed.support[anchor * n..(anchor + 1) * n];
        self.ties.clear();
        for (k, (pair, &weight)) in relaxed.pairs.iter().zip(relaxed.values).enumerate() {
            if k == anchor || support[k] > AGREEMENT {
                let (probe, gallery) = (probe.place(pair.probe).into(), gallery.place(pair.gallery).into());
                self.ties.push(Tie { probe, gallery, weight });
            }
        }
    }

    /// Fits, ties what falls together, and fits again: the last motion, and how much falls together under it.
    fn refine(&mut self) -> Option<(f32, Motion)> {
        let mut motion = Motion::fit(&self.ties);
        for _ in 1..FITS {
            self.tie_nearest(&motion);
            if self.ties.len() < MIN_TIES {
                return None;
            }
            motion = Motion::fit(&self.ties);
        }
        self.tie_nearest(&motion);
        Some((self.ties.iter().map(|tie| tie.weight).sum(), motion))
    }

    /// Ties minutiae that fall together under a rigid motion, the nearer the more trusted.
    fn tie_nearest(&mut self, motion: &Motion) {
        self.lay(motion);
        self.meet(motion.turn, REACH);
        let farthest = REACH + PIXELS_A_TURN * f32::from(TURN);
        self.ties.clear();
        self.ties.extend(self.meetings.iter().map(|meeting| {
            let (p, g) = (usize::from(meeting.probe), usize::from(meeting.gallery));
            let (probe, gallery) = (self.probe[p], self.gallery[g]);
            let (x, y) = self.moved.at(p);
            let (dx, dy) = (x - gallery.x, y - gallery.y);
            let turn = difference(probe.angle.wrapping_add(motion.turn), gallery.angle);
            let distance = (dx * dx + dy * dy).sqrt() + PIXELS_A_TURN * f32::from(turn);
            Tie { probe, gallery, weight: 1.0 - 0.5 * distance / farthest }
        }));
    }

    /// Lays the probe's minutiae on the gallery finger.
    fn lay(&mut self, motion: &Motion) {
        self.laid.reset(self.probe.len());
        for (index, point) in self.probe.iter().enumerate() {
            self.laid.set(index, motion.forward(point));
        }
        self.moved.x.clone_from(&self.laid.x);
        self.moved.y.clone_from(&self.laid.y);
    }

    /// Finds the minutiae that fall together, nearest first, each at most once.
    fn meet(&mut self, turn: u8, reach: f32) {
        self.near.clear();
        for (p, probe) in self.probe.iter().enumerate() {
            let (x, y) = self.moved.at(p);
            let angle = probe.angle.wrapping_add(turn);
            // Only what stands between x - reach and x + reach can be near.
            let first = usize::from(self.strips[strip(x - reach)]) / LANES;
            let last = usize::from(self.strips[strip(x + reach) + 1]).div_ceil(LANES);
            for block in first..last {
                let Block { x: xs, y: ys, angle: angles } = &self.blocks[block];
                let mut squares = [0f32; LANES];
                let mut lanes = 0u32;
                for lane in 0..LANES {
                    let (dx, dy) = (x - xs[lane], y - ys[lane]);
                    squares[lane] = dx * dx + dy * dy;
                    lanes |= u32::from(squares[lane] < reach * reach) << lane;
                }
                while lanes != 0 {
                    let lane = lanes.trailing_zeros() as usize;
                    lanes &= lanes - 1;
                    let turn = difference(angle, angles[lane]);
                    if turn > TURN {
                        continue;
                    }
                    let distance = squares[lane].sqrt() + PIXELS_A_TURN * f32::from(turn);
                    // The bits of positive floats are in the order of their values; an index fits a byte.
                    let (distance, g) = (u64::from(distance.to_bits()), block * LANES + lane);
                    self.near.push(distance << 16 | (p << 8 | g) as u64);
                }
            }
        }
        self.near.sort_unstable();
        let (mut probe_met, mut gallery_met) = ([false; 256], [false; 256]);
        self.meetings.clear();
        for near in &self.near {
            let [.., probe, gallery] = near.to_be_bytes();
            let met = (&mut probe_met[usize::from(probe)], &mut gallery_met[usize::from(gallery)]);
            if !*met.0 && !*met.1 {
                (*met.0, *met.1) = (true, true);
                self.meetings.push(Meeting { probe, gallery });
            }
        }
    }

    /// Moves every minutia on from where the rigid motion laid it, by what its neighbours' meetings leave over.
    fn stretch(&mut self) {
        let count = self.probe.len();
        self.left.reset(count);
        self.weights.clear();
        self.weights.resize(count, STIFFNESS);
        for meeting in &self.meetings {
            let own = usize::from(meeting.probe);
            let (x, y) = self.laid.at(own);
            let gallery = self.gallery[usize::from(meeting.gallery)];
            let (dx, dy) = (gallery.x - x, gallery.y - y);
            let of_own = (self.left.at(own), self.weights[own]);
            let left = self.left.x.iter_mut().zip(&mut self.left.y).zip(&mut self.weights);
            for (((right, up), weights), (px, py)) in left.zip(self.laid.x.iter().zip(&self.laid.y)) {
                let square = (x - px) * (x - px) + (y - py) * (y - py);
                let near = (1.0 - square * (1.0 / (NEIGHBOURHOOD * NEIGHBOURHOOD))).max(0.0);
                *right += near * near * dx;
                *up += near * near * dy;
                *weights += near * near;
            }
            self.left.set(own, of_own.0);
            self.weights[own] = of_own.1;
        }
        for (index, weights) in self.weights.iter().enumerate() {
            let ((x, y), (right, up)) = (self.laid.at(index), self.left.at(index));
            self.moved.set(index, (x + right / weights, y + up / weights));
        }
    }

    /// The square of the distance of two that met, pixels, and how far they are turned against each other.
    fn apart(&self, turn: u8, meeting: &Meeting) -> (f32, f32) {
        let (p, g) = (usize::from(meeting.probe), usize::from(meeting.gallery));
        let (x, y) = self.moved.at(p);
        let (dx, dy) = (x - self.gallery[g].x, y - self.gallery[g].y);
        let turn = difference(self.probe[p].angle.wrapping_add(turn), self.gallery[g].angle);
        (dx * dx + dy * dy, f32::from(turn))
    }

    /// Minutiae of each finger where the other was seen too.
    fn common(&self, motion: &Motion, probe_hull: &Hull, gallery_hull: &Hull) -> (f32, f32) {
        let upright = |(x, y): (f32, f32)| (x, -y);
        let of_probe = gallery_hull.count(self.probe.iter().map(|point| upright(motion.forward(point))));
        let of_gallery = probe_hull.count(self.gallery.iter().map(|point| upright(motion.backward(point))));
        (of_probe as f32, of_gallery as f32)
    }

    /// Overwrites what was learnt of the last two fingers.
    pub(crate) fn wipe(&mut self) {
        let nowhere = Point { x: 0.0, y: 0.0, angle: 0 };
        self.probe.fill(nowhere);
        self.gallery.fill(nowhere);
        self.laid.fill(0.0);
        self.moved.fill(0.0);
        self.blocks.fill_with(|| Block::of(&[]));
        self.strips.fill(0);
        self.left.fill(0.0);
        self.weights.fill(0.0);
        self.near.fill(0);
        self.meetings.fill(Meeting { probe: 0, gallery: 0 });
        self.best.fill(Meeting { probe: 0, gallery: 0 });
        self.ties.fill(Tie { probe: nowhere, gallery: nowhere, weight: 0.0 });
    }
}

/// The smaller way round between two directions, units of 360/256 degrees.
fn difference(a: u8, b: u8) -> u8 {
    let turn = a.wrapping_sub(b);
    turn.min(turn.wrapping_neg())
}

/// The index of the cylinder over a minutia: they stand in the order of the minutiae.
fn standing_on(finger: &FingerFeatures, minutia: u8) -> Option<usize> {
    finger.cylinders.binary_search_by_key(&minutia, |cylinder| cylinder.minutia).ok()
}
