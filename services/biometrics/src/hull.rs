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

    /// Whether a point is within [`HULL_MARGIN`] of the hull.
    pub(crate) fn holds(&self, x: f32, y: f32) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let margin = (HULL_MARGIN * HULL_MARGIN) as f32;
        let next = self.corners.iter().cycle().skip(1);
        let mut inside = self.corners.len() > 2;
        for (&(ax, ay), &(bx, by)) in self.corners.iter().zip(next) {
            let (ex, ey) = (bx - ax, by - ay);
            let (px, py) = (x - ax, y - ay);
            if ex * py - ey * px >= 0.0 {
                continue;
            }
            inside = false;
            let along = ((px * ex + py * ey) / (ex * ex + ey * ey)).clamp(0.0, 1.0);
            let (dx, dy) = (px - along * ex, py - along * ey);
            if dx * dx + dy * dy <= margin {
                return true;
            }
        }
        inside || self.near_corner(x, y, margin)
    }

    /// A hull of one point (or a line) has no inside: the corners alone decide what the edges could not.
    fn near_corner(&self, x: f32, y: f32, margin: f32) -> bool {
        self.corners.iter().any(|(cx, cy)| (x - cx) * (x - cx) + (y - cy) * (y - cy) <= margin)
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
        assert!(point.holds(100.0, 149.0) && !point.holds(100.0, 151.0));
        let line = Hull::around(&[place(0, 100), place(50, 100), place(300, 100)]);
        assert!(line.holds(200.0, 149.0) && line.holds(200.0, 51.0) && !line.holds(200.0, 151.0));
        assert!(!Hull::around(&[]).holds(0.0, 0.0));
    }
}
