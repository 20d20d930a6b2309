//! How many minutiae fall on one another once two fingers are laid over each other.
//!
//! Relaxation looks at a dozen pairs at most. The pairs it trusts say how one finger must be moved onto the other, and
//! then every minutia in the common area is a witness: mates cover most of each other there, strangers do not. Counting
//! paired minutiae after an alignment is the classical matcher (Jain, Hong, Pankanti, Bolle, "An identity-authentication
//! system using fingerprints", *Proceedings of the IEEE* 85(9), 1997).

use std::f32::consts::TAU;

use crate::cylinder::{FingerFeatures, Hull, Place};
use crate::matcher::Pair;

/// Minutiae this far apart after the alignment, in pixels at 500 dpi, are no longer the same one: a ridge and a half
/// (ridges stand about 9 pixels apart), which is what skin stretches over a finger's width.
pub(crate) const REACH: f32 = 13.5;
/// Nor are those that differ by more than this in direction, units of 360/256 degrees (about 31 degrees).
pub(crate) const TURN: u8 = 22;
/// What a unit of direction weighs against a pixel when the nearest partner is chosen.
pub(crate) const PIXELS_A_TURN: f32 = 0.3;
/// Pairs that agree at least this well with the anchor take part in the first fit.
pub(crate) const AGREEMENT: f32 = 0.3;
/// A minutia's direction says as much about the rotation as a second minutia at this distance, pixels.
pub(crate) const LEVER: f32 = 30.0;
/// Fits: by the trusted pairs first, then by whatever falls together.
pub(crate) const FITS: usize = 3;
/// Anchors tried at most.
pub(crate) const ANCHORS: usize = 3;
/// A common area with fewer minutiae than this counts as if it had so many.
pub(crate) const MIN_COMMON: f32 = 8.0;
/// Shrinkage: this many paired minutiae count half, because a few fall together by chance.
pub(crate) const CHANCE_PAIRS: f32 = 4.0;

/// Two minutiae taken for one, and how far to trust that.
#[derive(Clone, Copy)]
struct Tie {
    probe: Point,
    gallery: Point,
    weight: f32,
}

/// A minutia with y upwards.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) angle: u8,
}

impl From<Place> for Point {
    fn from(place: Place) -> Self {
        Self { x: f32::from(place.x), y: -f32::from(place.y), angle: place.angle }
    }
}

/// Memory of the alignment, reused from one comparison to the next.
#[derive(Default)]
pub(crate) struct Alignment {
    ties: Vec<Tie>,
    near: Vec<(f32, u8, u8)>,
    probe: Vec<Point>,
    gallery: Vec<Point>,
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
}

impl Alignment {
    /// The best share of paired minutiae, 0 to 1, over alignments on the most trusted pairs.
    pub(crate) fn best(
        &mut self,
        probe: &FingerFeatures,
        gallery: &FingerFeatures,
        relaxed: &Relaxed<'_>,
    ) -> f32 {
        self.probe.clear();
        self.probe.extend(probe.minutiae.iter().map(|&place| Point::from(place)));
        self.gallery.clear();
        self.gallery.extend(gallery.minutiae.iter().map(|&place| Point::from(place)));
        let n = relaxed.pairs.len();
        let mut anchors: [usize; ANCHORS] = [0; ANCHORS];
        let mut tried = 0;
        let mut best = 0.0f32;
        for &anchor in relaxed.order {
            // An anchor that agrees with an earlier one would lead to the same alignment.
            if anchors[..tried].iter().any(|earlier| relaxed.support[earlier * n + anchor] > AGREEMENT) {
                continue;
            }
            anchors[tried] = anchor;
            tried += 1;
            self.tie_trusted(probe, gallery, relaxed, anchor);
            best = best.max(self.refine(&probe.hull, &gallery.hull));
            if tried == ANCHORS {
                break;
            }
        }
        best
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

    /// Fits, pairs what falls together, and fits again; the share paired in the end.
    fn refine(&mut self, probe_hull: &Hull, gallery_hull: &Hull) -> f32 {
        let mut motion = Motion::fit(&self.ties);
        for _ in 1..FITS {
            self.tie_nearest(&motion);
            if self.ties.len() < 2 {
                return 0.0;
            }
            motion = Motion::fit(&self.ties);
        }
        self.tie_nearest(&motion);
        let paired: f32 = self.ties.iter().map(|tie| tie.weight).sum();
        let common = |points: &[Point], seen: &dyn Fn(&Point) -> bool| {
            let common = points.iter().filter(|point| seen(point)).count() as f32;
            common.max(MIN_COMMON)
        };
        let in_probe = common(&self.probe, &|point| {
            let (x, y) = motion.forward(point);
            gallery_hull.holds(x, -y)
        });
        let in_gallery = common(&self.gallery, &|point| {
            let (x, y) = motion.backward(point);
            probe_hull.holds(x, -y)
        });
        let share = paired / (in_probe * in_gallery).sqrt();
        share * paired / (paired + CHANCE_PAIRS)
    }

    /// Ties minutiae that fall together, nearest first, each at most once.
    fn tie_nearest(&mut self, motion: &Motion) {
        self.near.clear();
        for (p, probe) in (0..=u8::MAX).zip(&self.probe) {
            let (x, y) = motion.forward(probe);
            let angle = probe.angle.wrapping_add(motion.turn);
            for (g, gallery) in (0..=u8::MAX).zip(&self.gallery) {
                let (dx, dy) = (x - gallery.x, y - gallery.y);
                let square = dx * dx + dy * dy;
                if square >= REACH * REACH {
                    continue;
                }
                let turn = angle.wrapping_sub(gallery.angle);
                let turn = turn.min(turn.wrapping_neg());
                if turn <= TURN {
                    self.near.push((square.sqrt() + PIXELS_A_TURN * f32::from(turn), p, g));
                }
            }
        }
        self.near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let (mut probe_tied, mut gallery_tied) = ([false; 256], [false; 256]);
        let farthest = REACH + PIXELS_A_TURN * f32::from(TURN);
        self.ties.clear();
        for &(distance, p, g) in &self.near {
            let (p, g) = (usize::from(p), usize::from(g));
            if !probe_tied[p] && !gallery_tied[g] {
                (probe_tied[p], gallery_tied[g]) = (true, true);
                let weight = 1.0 - 0.5 * distance / farthest;
                self.ties.push(Tie { probe: self.probe[p], gallery: self.gallery[g], weight });
            }
        }
    }

    /// Overwrites what was learnt of the last two fingers.
    pub(crate) fn wipe(&mut self) {
        let nowhere = Point { x: 0.0, y: 0.0, angle: 0 };
        self.probe.fill(nowhere);
        self.gallery.fill(nowhere);
        self.ties.fill(Tie { probe: nowhere, gallery: nowhere, weight: 0.0 });
        self.near.fill((0.0, 0, 0));
    }
}

/// A rotation about one centre that lands on another.
struct Motion {
    from: (f32, f32),
    to: (f32, f32),
    cos: f32,
    sin: f32,
    /// The rotation, rounded to units of 360/256 degrees.
    turn: u8,
}

impl Motion {
    /// The rigid motion with the least weighted squares over the ties' places and directions (Umeyama, *IEEE TPAMI*
    /// 13(4), 1991, in the plane).
    fn fit(ties: &[Tie]) -> Self {
        let total: f32 = ties.iter().map(|tie| tie.weight).sum();
        let mean =
            |of: &dyn Fn(&Tie) -> f32| ties.iter().map(|tie| tie.weight * of(tie)).sum::<f32>() / total;
        let from = (mean(&|tie| tie.probe.x), mean(&|tie| tie.probe.y));
        let to = (mean(&|tie| tie.gallery.x), mean(&|tie| tie.gallery.y));
        let (mut cos, mut sin) = (0.0, 0.0);
        for Tie { probe, gallery, weight } in ties {
            let (ux, uy) = (probe.x - from.0, probe.y - from.1);
            let (vx, vy) = (gallery.x - to.0, gallery.y - to.1);
            let turn = f32::from(gallery.angle.wrapping_sub(probe.angle)) * (TAU / 256.0);
            cos += weight * (ux * vx + uy * vy + LEVER * LEVER * turn.cos());
            sin += weight * (ux * vy - uy * vx + LEVER * LEVER * turn.sin());
        }
        let length = cos.hypot(sin).max(f32::MIN_POSITIVE);
        #[expect(clippy::cast_possible_truncation, reason = "between -128 and 128")]
        let turn = (sin.atan2(cos) * (256.0 / TAU)).round() as i16;
        Self { from, to, cos: cos / length, sin: sin / length, turn: turn.to_le_bytes()[0] }
    }

    /// Where a probe point falls on the gallery finger.
    fn forward(&self, point: &Point) -> (f32, f32) {
        let (dx, dy) = (point.x - self.from.0, point.y - self.from.1);
        (self.to.0 + dx * self.cos - dy * self.sin, self.to.1 + dx * self.sin + dy * self.cos)
    }

    /// Where a gallery point falls on the probe finger.
    fn backward(&self, point: &Point) -> (f32, f32) {
        let (dx, dy) = (point.x - self.to.0, point.y - self.to.1);
        (self.from.0 + dx * self.cos + dy * self.sin, self.from.1 - dx * self.sin + dy * self.cos)
    }
}
