//! Whole fingertips: what a finger carries before it is captured.

use std::f64::consts::PI;

use super::draw::Draw;
use super::ridge_flow::{Pattern, RidgeFlow};
use crate::record::FingerPosition;

/// One minutia of a fingertip. Pixels at 500 dpi, y upwards, the origin at the centre of the pattern; radians.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) angle: f64,
    pub(super) ending: bool,
    /// Chance that a clean capture shows it: some minutiae are worn, tiny or doubtful every time.
    pub(super) clarity: f64,
}

/// A fingertip: its ridge flow and its minutiae.
///
/// A minutia is a dislocation of the ridges' phase: where the unit tangent `t` of the ridges diverges, new ridges must
/// start, and they do at the rate `divergence / ridge period` a unit of area (Larkin and Fletcher, *Optics Express*
/// 15(14), 2007; Feng and Jain, *IEEE TPAMI* 33(2), 2011). So the flow alone decides where minutiae crowd (cores,
/// deltas) and which of the two directions along the ridge they take: two fingers of one pattern are alike in both,
/// which is what makes the strangers that a matcher confuses. Ridges that widen take up part of the divergence
/// (all but `FORCED`); the rest of the minutiae come in either direction, with a smooth lean of their own.
pub(super) struct Fingertip {
    pub(super) flow: RidgeFlow,
    pub(super) marks: Vec<Mark>,
    /// How well this finger's skin prints, in standard deviations.
    pub(super) skin: f64,
    /// The place that usually meets the sensor's centre.
    pub(super) habit: (f64, f64),
}

/// What fingers of one person have in common.
#[derive(Clone, Copy)]
pub(super) struct Build {
    /// Log-odds of whorls against the average.
    pub(super) whorl_tendency: f64,
    /// Size of the hand, 1 = average.
    pub(super) size: f64,
    /// Distance from ridge to ridge, pixels at 500 dpi (about 9).
    pub(super) ridge_period: f64,
    /// Minutiae, 1 = average.
    pub(super) density: f64,
    /// How well the skin of the hand prints, in standard deviations.
    pub(super) skin: f64,
}

impl Build {
    pub(super) fn draw(draw: &mut Draw, female: bool) -> Self {
        let size = if female { 0.94 } else { 1.03 };
        Self {
            whorl_tendency: draw.bounded(0.8, 3.0),
            size: size + draw.bounded(0.05, 2.5),
            ridge_period: 9.0 * size + draw.bounded(0.5, 2.5),
            density: draw.bounded(0.12, 3.0).exp(),
            skin: draw.bounded(0.6, 3.0),
        }
    }
}

/// Half the width and height of the skin that captures can show, pixels.
const HALF_WIDTH: f64 = 165.0;
const HALF_HEIGHT: f64 = 235.0;
/// Height of the middle of that skin: the pattern's centre lies towards the tip.
const MIDDLE: f64 = -35.0;
/// Minutiae a square pixel, away from cores and deltas, before neighbours suppress some.
const BASE_DENSITY: f64 = 0.54e-3;
/// More than this a square pixel never stands anywhere: ridges would have to end at every other period.
const TOP_DENSITY: f64 = 3.0e-3;
/// Share of the divergence that new ridges take up; ridges that widen take up the rest.
const FORCED: f64 = 0.9;
/// How many more minutiae than elsewhere stand freely at a core or a delta.
const CROWD: f64 = 0.35;

impl Fingertip {
    /// Grows the fingertip of the given stream of draws.
    pub(super) fn grow(draw: &mut Draw, position: FingerPosition, build: Build) -> Self {
        use FingerPosition::{
            LeftIndex, LeftLittle, LeftMiddle, LeftRing, LeftThumb, RightLittle, RightThumb,
        };
        let mirrored = matches!(position, LeftThumb | LeftIndex | LeftMiddle | LeftRing | LeftLittle);
        let size = build.size
            * match position {
                RightThumb | LeftThumb => 1.12,
                RightLittle | LeftLittle => 0.88,
                _ => 1.0,
            };
        let pattern = Pattern::draw(draw, position, build.whorl_tendency);
        let flow = RidgeFlow::draw(draw, pattern, mirrored, size);
        let lean = Lean::draw(draw);
        let density = BASE_DENSITY * build.density * draw.bounded(0.15, 3.0).exp();
        let (half_width, half_height) = (HALF_WIDTH * size, HALF_HEIGHT * size);
        // A Poisson process of the highest density, thinned to the local one and by the neighbours already standing.
        let proposals = draw.poisson(TOP_DENSITY * 4.0 * half_width * half_height);
        let mut marks: Vec<Mark> = Vec::with_capacity(160);
        for _ in 0..proposals {
            let (x, y) =
                (draw.between(-half_width, half_width), MIDDLE + draw.between(-half_height, half_height));
            let height = draw.unit() * TOP_DENSITY;
            let edge = (x / half_width).powi(2) + ((y - MIDDLE) / half_height).powi(2);
            if edge > 1.0 {
                continue;
            }
            let slope = flow.slope(x, y);
            let most = density * (1.0 + CROWD) + FORCED * slope.divergence_bound() / build.ridge_period / 2.0;
            if height > most {
                continue; // the same verdict as below, for most proposals, without the direction of the ridges
            }
            let tangent = slope.tangent();
            let near = (-flow.singularity_distance_squared(x, y) / (2.0 * 45.0 * 45.0)).exp();
            let free = density * (1.0 + CROWD * near);
            let forced = FORCED * tangent.divergence / build.ridge_period;
            let local = (free + forced.abs() * 0.5).min(TOP_DENSITY);
            if height > local {
                continue;
            }
            let room = standing_room(&marks, x, y, build.ridge_period);
            if !draw.chance(room) {
                continue;
            }
            // Ridges bend around a close neighbour.
            let bend = draw.bounded(0.07 + 0.25 * (1.0 - room), 3.0);
            let along = (0.5 + 0.5 * (1.4 * forced / local + lean.at(x, y))).clamp(0.03, 0.97);
            let turn = if draw.chance(along) { 0.0 } else { PI };
            marks.push(Mark {
                x,
                y,
                angle: tangent.angle() + turn + bend,
                ending: draw.chance(0.6),
                clarity: 1.0 - 0.6 * draw.unit().powi(6),
            });
        }
        let habit = (draw.bounded(8.0, 2.5), MIDDLE + draw.bounded(28.0, 2.0));
        Self { flow, marks, skin: build.skin + draw.bounded(0.6, 3.0), habit }
    }
}

/// The chance that a minutia can stand at `(x, y)`: two of them seldom share one ridge period.
fn standing_room(marks: &[Mark], x: f64, y: f64, ridge_period: f64) -> f64 {
    let reach = 1.8 * ridge_period;
    let mut room = 1.0;
    for mark in marks {
        let square = (mark.x - x).powi(2) + (mark.y - y).powi(2);
        if square < reach * reach {
            let distance = square.sqrt() / reach;
            room *= 0.08 + 0.92 * distance;
        }
    }
    room
}

/// A smooth lean of the minutiae towards one of the two directions, left by ridge widths that vary over the finger.
struct Lean {
    strength: f64,
    waves: [(f64, f64, f64); 3],
}

impl Lean {
    fn draw(draw: &mut Draw) -> Self {
        Self {
            strength: draw.between(0.1, 0.85),
            waves: [0, 1, 2].map(|_| {
                let wavelength = draw.between(140.0, 320.0);
                let (sin, cos) = draw.between(0.0, PI).sin_cos();
                (cos * 2.0 * PI / wavelength, sin * 2.0 * PI / wavelength, draw.between(0.0, 2.0 * PI))
            }),
        }
    }

    fn at(&self, x: f64, y: f64) -> f64 {
        self.strength * self.waves.iter().map(|(kx, ky, phase)| (kx * x + ky * y + phase).sin()).sum::<f64>()
    }
}
