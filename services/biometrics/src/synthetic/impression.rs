//! Impressions: one touch of one fingertip on a sensor.

use std::f64::consts::{PI, TAU};

use super::draw::Draw;
use super::fingertip::{Fingertip, Mark};
use crate::record::{Minutia, MinutiaKind};

/// Width and height of the captured image, pixels.
pub(super) const IMAGE: (u16, u16) = (300, 400);
/// Pixels a centimetre: 500 dpi, as devices round it.
pub(super) const RESOLUTION: u16 = 197;
/// A view holds at most this many (its count is one byte).
const MOST_MINUTIAE: usize = 255;
/// A capture with fewer minutiae than this would have been refused at the station.
const FEWEST_MINUTIAE: usize = 12;

/// Where fingers are touched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Station {
    /// Nobody watches: displaced, turned, partial, dry and wet touches come as they come.
    Uncontrolled,
    /// An operator sets the finger straight, and keeps the best of three touches.
    Supervised,
}

/// The circumstances of one touch.
///
/// The spreads of place, turn, distortion, loss and error are explained in [`crate::synthetic`]; `plinth-loadtest fit`
/// prints how near they come.
pub(super) struct Impression {
    /// 0 bad .. 1 good: wetness, dryness, pressure.
    quality: f64,
    /// Centre and half axes of the skin that touches, in the fingertip's frame.
    centre: (f64, f64),
    axes: (f64, f64),
    /// Place of that centre in the image and turn of the finger, radians.
    placed: (f64, f64),
    turn: f64,
    stretch: Stretch,
    /// Dry, wet or scarred places: centre and radius.
    blots: Vec<(f64, f64, f64)>,
}

impl Impression {
    /// Draws the circumstances of one touch of `finger`.
    pub(super) fn draw(draw: &mut Draw, finger: &Fingertip, station: Station) -> Self {
        let (luck, careless) = match station {
            Station::Uncontrolled => (draw.normal(), if draw.chance(0.3) { 2.4 } else { 1.0 }),
            Station::Supervised => (draw.normal().max(draw.normal()).max(draw.normal()), 0.7),
        };
        let quality = 1.0 / (1.0 + (-1.2 - 1.6 * finger.skin - 1.6 * luck).exp());
        let centre = (
            finger.habit.0 + draw.bounded(10.0 * careless, 2.5),
            finger.habit.1 + draw.bounded(18.0 * careless, 2.5),
        );
        let axes = (
            (104.0 + draw.bounded(14.0, 2.5)) * (0.85 + 0.2 * quality),
            (165.0 + draw.bounded(22.0, 2.5)) * (0.85 + 0.2 * quality),
        );
        let blots = (0..draw.poisson(1.2 - quality))
            .map(|_| {
                let (sin, cos) = draw.between(0.0, TAU).sin_cos();
                let out = draw.unit().sqrt();
                (centre.0 + out * cos * axes.0, centre.1 + out * sin * axes.1, draw.between(20.0, 50.0))
            })
            .collect();
        Self {
            quality,
            centre,
            axes,
            placed: (150.0 + draw.bounded(16.0 * careless, 2.5), 200.0 + draw.bounded(26.0 * careless, 2.5)),
            turn: draw.bounded(0.065 * careless, 2.5),
            stretch: Stretch::draw(draw),
            blots,
        }
    }

    /// The quality as a record states it, 1 to 100.
    pub(super) fn quality_byte(&self) -> u8 {
        whole(20.0 + 75.0 * self.quality).unwrap_or(20).clamp(1, 100).to_le_bytes()[0]
    }

    /// The minutiae that an extractor finds in this touch of `finger`, in the record's order (by row).
    pub(super) fn minutiae(&self, finger: &Fingertip, draw: &mut Draw) -> Vec<Minutia> {
        let mut found = Vec::with_capacity(64);
        for mark in &finger.marks {
            let chance = mark.clarity * (0.86 + 0.14 * self.quality) * self.contact(mark.x, mark.y);
            if draw.chance(chance) {
                self.find(mark, draw, &mut found);
            }
        }
        self.add_spurious(finger, draw, &mut found);
        // A station refuses a nearly empty capture: the finger is then wiped and read again without the losses.
        if found.len() < FEWEST_MINUTIAE {
            found.clear();
            for mark in finger.marks.iter().filter(|mark| self.reach(mark.x, mark.y) < 1.2) {
                self.find(mark, draw, &mut found);
            }
        }
        found.truncate(MOST_MINUTIAE);
        found.sort_by_key(|minutia| (minutia.y, minutia.x));
        found
    }

    /// Squared distance from the centre of contact, in half axes.
    fn reach(&self, x: f64, y: f64) -> f64 {
        ((x - self.centre.0) / self.axes.0).powi(2) + ((y - self.centre.1) / self.axes.1).powi(2)
    }

    /// How well the skin at a place touches: 0 outside, 1 well inside, with a soft rim.
    fn contact(&self, x: f64, y: f64) -> f64 {
        let reach = self.reach(x, y);
        if reach > 1.0 {
            return 0.0;
        }
        let blotted = self.blots.iter().any(|(bx, by, r)| (x - bx).powi(2) + (y - by).powi(2) < r * r);
        let rim = ((1.0 - reach) * 6.0).min(1.0);
        (0.6 + 0.4 * rim) * if blotted { 0.25 } else { 1.0 }
    }

    /// Extractors see minutiae that are not there: broken and bridged ridges, most of them at blots and at the rim.
    fn add_spurious(&self, finger: &Fingertip, draw: &mut Draw, found: &mut Vec<Minutia>) {
        let mean = 0.2 + 4.5 * (1.0 - self.quality);
        for _ in 0..draw.poisson(mean) {
            let (sin, cos) = draw.between(0.0, TAU).sin_cos();
            let (x, y) = match draw.below(self.blots.len() + 2) {
                n if n < self.blots.len() => {
                    let (bx, by, r) = self.blots[n];
                    let out = draw.unit().sqrt() * r;
                    (bx + out * cos, by + out * sin)
                }
                _ => {
                    let out = draw.unit().powf(0.35);
                    (self.centre.0 + out * cos * self.axes.0, self.centre.1 + out * sin * self.axes.1)
                }
            };
            if self.reach(x, y) > 1.0 {
                continue;
            }
            let turn = if draw.chance(0.5) { PI } else { 0.0 };
            let angle = finger.flow.at(x, y).angle() + turn + draw.bounded(0.2, 3.0);
            self.find(&Mark { x, y, angle, ending: draw.chance(0.7), clarity: 1.0 }, draw, found);
        }
    }

    /// Maps a mark into the image, with the errors of an extractor.
    fn find(&self, mark: &Mark, draw: &mut Draw, found: &mut Vec<Minutia>) {
        let rough = 1.8 - 1.55 * self.quality;
        let (x, y, bent) = self.stretch.apply(mark.x, mark.y, mark.angle);
        let along = draw.bounded(1.4 * rough, 3.0);
        let across = draw.bounded(0.95 * rough, 3.0);
        let (sin, cos) = bent.sin_cos();
        let (x, y) = (x + along * cos - across * sin, y + along * sin + across * cos);
        let error = if draw.chance(0.05) { 0.25 } else { 0.045 };
        let angle = bent + self.turn + draw.bounded(error * rough, 3.0);
        let (sin, cos) = self.turn.sin_cos();
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let image_x = self.placed.0 + cos * dx - sin * dy;
        // The image's y runs downwards.
        let image_y = self.placed.1 - (sin * dx + cos * dy);
        let (Some(x), Some(y)) = (whole(image_x), whole(image_y)) else { return };
        let Some(units) = whole(angle.rem_euclid(TAU) * 256.0 / TAU) else { return };
        if x >= IMAGE.0 || y >= IMAGE.1 || found.iter().any(|other| other.x == x && other.y == y) {
            return;
        }
        let ending = mark.ending != draw.chance(0.12);
        let quality = whole((mark.clarity * (0.4 + 0.6 * self.quality) * 100.0).max(1.0)).unwrap_or(1);
        found.push(Minutia {
            x,
            y,
            angle: units.to_le_bytes()[0],
            kind: if ending { MinutiaKind::Ending } else { MinutiaKind::Bifurcation },
            quality: quality.min(100).to_le_bytes()[0],
        });
    }
}

/// Smooth distortion of the skin: pressure stretches it, and friction drags it (after Cappelli, Maio and Maltoni,
/// *Modelling plastic distortion in fingerprint images*, ICAPR 2001), as a quadratic displacement field.
struct Stretch {
    /// Coefficients of x, y, x², xy, y² of the displacement in x and in y, pixels at `STRETCH_LENGTH`.
    field: [[f64; 5]; 2],
}

/// Length in which the coefficients are counted, pixels.
const STRETCH_LENGTH: f64 = 100.0;

impl Stretch {
    fn draw(draw: &mut Draw) -> Self {
        let strength = 0.6 + 0.8 * draw.unit();
        let field = [0, 1].map(|_| [2.4, 2.4, 2.6, 2.6, 2.6].map(|sd| strength * draw.bounded(sd, 2.5)));
        Self { field }
    }

    /// The displaced place, and the angle turned by the local rotation and shear.
    fn apply(&self, x: f64, y: f64, angle: f64) -> (f64, f64, f64) {
        let (u, v) = (x / STRETCH_LENGTH, y / STRETCH_LENGTH);
        let shift = |[a, b, c, d, e]: [f64; 5]| a * u + b * v + c * u * u + d * u * v + e * v * v;
        let slope = |[a, b, c, d, e]: [f64; 5]| {
            ((a + 2.0 * c * u + d * v) / STRETCH_LENGTH, (b + d * u + 2.0 * e * v) / STRETCH_LENGTH)
        };
        let ((xx, xy), (yx, yy)) = (slope(self.field[0]), slope(self.field[1]));
        let (sin, cos) = angle.sin_cos();
        let bent = (sin + yx * cos + yy * sin).atan2(cos + xx * cos + xy * sin);
        (x + shift(self.field[0]), y + shift(self.field[1]), bent)
    }
}

/// The nearest whole number, if it fits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before the cast"
)]
fn whole(value: f64) -> Option<u16> {
    let value = value.round();
    (0.0..=65_535.0).contains(&value).then_some(value as u16)
}
