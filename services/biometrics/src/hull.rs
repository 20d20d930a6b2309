//! Where a finger was seen: the convex hull of its minutiae, and a margin around it.

use zeroize::Zeroize;

use crate::cylinder::{HULL_MARGIN, Place};

/// The convex hull of a finger's minutiae.
#[derive(Clone, PartialEq)]
pub(crate) struct Hull {
    /// Corners in order around the hull, pixels; one or two of them if all minutiae are on one point or line.
    corners: Vec<(f32, f32)>,
}

/// Corners are whole numbers, never not-a-number.
impl Eq for Hull {}

impl Hull {
    /// Andrew's monotone chain.
    pub(crate) fn around(places: &[Place]) -> Self {
        let points: Vec<(i64, i64)> =
            places.iter().map(|place| (i64::from(place.x), i64::from(place.y))).collect();
        let half = |points: &mut dyn Iterator<Item = (i64, i64)>| {
            let mut chain: Vec<(i64, i64)> = Vec::new();
            for point in points {
                while let [.., a, b] = chain[..]
                    && (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) <= 0
                {
                    chain.pop();
                }
                chain.push(point);
            }
            chain.pop();
            chain
        };
        let mut corners = half(&mut points.iter().copied());
        corners.extend(half(&mut points.iter().rev().copied()));
        if corners.is_empty() {
            corners.extend(points.first());
        }
        // Coordinates below 65,536 are exact in f32.
        let corners = corners.into_iter().map(|(x, y)| (x as f32, y as f32)).collect();
        Self { corners }
    }

    /// Which of some points are within [`HULL_MARGIN`] of the hull. All of them at once, edge by edge, without a branch.
    pub(crate) fn holds<const N: usize>(&self, xs: &[f32; N], ys: &[f32; N]) -> [bool; N] {
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let margin = (HULL_MARGIN * HULL_MARGIN) as f32;
        let mut inside = [self.corners.len() > 2; N];
        let mut near = [false; N];
        let next = self.corners.iter().skip(1).chain(self.corners.first());
        for (&(ax, ay), &(bx, by)) in self.corners.iter().zip(next) {
            let (ex, ey) = (bx - ax, by - ay);
            // A hull of one point has one edge, of no length: what is near is near its corner.
            let square = (ex * ex + ey * ey).max(f32::MIN_POSITIVE);
            for i in 0..N {
                let (px, py) = (xs[i] - ax, ys[i] - ay);
                let along = ((px * ex + py * ey) / square).clamp(0.0, 1.0);
                let (dx, dy) = (px - along * ex, py - along * ey);
                inside[i] &= ex * py - ey * px >= 0.0;
                near[i] |= dx * dx + dy * dy <= margin;
            }
        }
        std::array::from_fn(|i| inside[i] | near[i])
    }

    /// How many points are within [`HULL_MARGIN`] of the hull.
    pub(crate) fn count(&self, points: impl Iterator<Item = (f32, f32)>) -> usize {
        const AT_ONCE: usize = 8;
        let mut points = points.fuse();
        let mut held = 0;
        loop {
            let (mut xs, mut ys, mut taken) = ([0.0; AT_ONCE], [0.0; AT_ONCE], 0);
            for ((x, y), point) in xs.iter_mut().zip(&mut ys).zip(&mut points) {
                (*x, *y) = point;
                taken += 1;
            }
            if taken > 0 {
                held += self.holds(&xs, &ys).iter().take(taken).filter(|held| **held).count();
            }
            if taken < AT_ONCE {
                return held;
            }
        }
    }
}

impl Zeroize for Hull {
    fn zeroize(&mut self) {
        self.corners.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Hull;
    use crate::cylinder::Place;

    #[test]
    fn hulls_of_a_point_and_of_a_line_hold_what_is_near() {
        let place = |x, y| Place { x, y, angle: 0 };
        let point = Hull::around(&[place(100, 100)]);
        let holds = |hull: &Hull, x, y| hull.holds(&[x], &[y]) == [true];
        assert!(holds(&point, 100.0, 149.0) && !holds(&point, 100.0, 151.0));
        let line = Hull::around(&[place(0, 100), place(50, 100), place(300, 100)]);
        assert!(holds(&line, 200.0, 149.0) && holds(&line, 200.0, 51.0) && !holds(&line, 200.0, 151.0));
        assert!(!holds(&Hull::around(&[]), 0.0, 0.0));
        let square = Hull::around(&[place(0, 0), place(0, 300), place(300, 0), place(300, 300)]);
        for (x, y, held) in
            [(150.0, 150.0, true), (-49.0, 10.0, true), (-40.0, -40.0, false), (0.0, 351.0, false)]
        {
            assert_eq!(holds(&square, x, y), held, "{x} {y}");
        }
        let places = (0..20).map(|step: u8| (f32::from(step) * 10.0, -45.0));
        assert_eq!(square.count(places), 20);
        assert_eq!(square.count((0..9).map(|_| (0.0, -60.0))), 0);
    }
}
