//! Rigid motions of one finger onto another.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::cylinder::Place;

/// A minutia's direction says as much about the rotation as a second minutia at this distance, pixels.
pub(crate) const LEVER: f32 = 30.0;

/// Cosine and sine of every direction, units of 360/256 degrees.
static DIRECTIONS: LazyLock<[(f32, f32); 256]> = LazyLock::new(|| {
    let mut direction = 0.0;
    [(); 256].map(|()| {
        let angle = direction * (TAU / 256.0);
        direction += 1.0;
        (angle.cos(), angle.sin())
    })
});

/// A minutia with y upwards, pixels at 500 dpi.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// Units of 360/256 degrees, anticlockwise.
    pub(crate) angle: u8,
}

impl From<Place> for Point {
    fn from(place: Place) -> Self {
        Self { x: f32::from(place.x), y: -f32::from(place.y), angle: place.angle }
    }
}

/// Two minutiae taken for one, and how far to trust that.
#[derive(Clone, Copy)]
pub(crate) struct Tie {
    pub(crate) probe: Point,
    pub(crate) gallery: Point,
    pub(crate) weight: f32,
}

/// A rotation about one centre that lands on another.
#[derive(Clone, Copy)]
pub(crate) struct Motion {
    from: (f32, f32),
    to: (f32, f32),
    cos: f32,
    sin: f32,
    /// The rotation, rounded to units of 360/256 degrees.
    pub(crate) turn: u8,
}

impl Motion {
    /// The rigid motion with the least weighted squares over the ties' places and directions (Umeyama, *IEEE TPAMI*
    /// 13(4), 1991, in the plane). There must be a tie.
    pub(crate) fn fit(ties: &[Tie]) -> Self {
        let total: f32 = ties.iter().map(|tie| tie.weight).sum();
        let mean =
            |of: &dyn Fn(&Tie) -> f32| ties.iter().map(|tie| tie.weight * of(tie)).sum::<f32>() / total;
        let from = (mean(&|tie| tie.probe.x), mean(&|tie| tie.probe.y));
        let to = (mean(&|tie| tie.gallery.x), mean(&|tie| tie.gallery.y));
        let (mut cos, mut sin) = (0.0, 0.0);
        let directions = &*DIRECTIONS;
        for Tie { probe, gallery, weight } in ties {
            let (ux, uy) = (probe.x - from.0, probe.y - from.1);
            let (vx, vy) = (gallery.x - to.0, gallery.y - to.1);
            let turn = directions[usize::from(gallery.angle.wrapping_sub(probe.angle))];
            cos += weight * (ux * vx + uy * vy + LEVER * LEVER * turn.0);
            sin += weight * (ux * vy - uy * vx + LEVER * LEVER * turn.1);
        }
        let length = cos.hypot(sin).max(f32::MIN_POSITIVE);
        #[expect(clippy::cast_possible_truncation, reason = "between -128 and 128")]
        let turn = (sin.atan2(cos) * (256.0 / TAU)).round() as i16;
        Self { from, to, cos: cos / length, sin: sin / length, turn: turn.to_le_bytes()[0] }
    }

    /// Where a probe point falls on the gallery finger.
    pub(crate) fn forward(&self, point: &Point) -> (f32, f32) {
        let (dx, dy) = (point.x - self.from.0, point.y - self.from.1);
        (self.to.0 + dx * self.cos - dy * self.sin, self.to.1 + dx * self.sin + dy * self.cos)
    }

    /// Where a gallery point falls on the probe finger.
    pub(crate) fn backward(&self, point: &Point) -> (f32, f32) {
        let (dx, dy) = (point.x - self.to.0, point.y - self.to.1);
        (self.from.0 + dx * self.cos + dy * self.sin, self.from.1 - dx * self.sin + dy * self.cos)
    }
}

#[cfg(test)]
mod tests {
    use super::{Motion, Point, Tie};

    #[test]
    fn the_fit_of_a_moved_figure_is_its_motion_and_leads_back() {
        let turned =
            |x: f32, y: f32, angle: u8| Point { x: 40.0 - y, y: x - 7.0, angle: angle.wrapping_add(64) };
        let ties: Vec<Tie> = [(0.0, 0.0, 3), (100.0, 20.0, 250), (30.0, 90.0, 100)]
            .map(|(x, y, angle)| Tie {
                probe: Point { x, y, angle },
                gallery: turned(x, y, angle),
                weight: 0.5,
            })
            .to_vec();
        let motion = Motion::fit(&ties);
        assert_eq!(motion.turn, 64);
        for tie in &ties {
            let (there, back) = (motion.forward(&tie.probe), motion.backward(&tie.gallery));
            assert!((there.0 - tie.gallery.x).hypot(there.1 - tie.gallery.y) < 1e-3);
            assert!((back.0 - tie.probe.x).hypot(back.1 - tie.probe.y) < 1e-3);
        }
    }
}
