//! Ridge orientation fields.

use super::draw::Draw;
use crate::record::FingerPosition;

/// The pattern classes of Henry's system; what it calls a central pocket or an accidental is a whorl here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pattern {
    Arch,
    TentedArch,
    /// A loop that opens towards the little finger.
    UlnarLoop,
    /// A loop that opens towards the thumb.
    RadialLoop,
    Whorl,
    /// Two loops that lie in each other's bend, beside each other rather than one above the other.
    TwinLoop,
}

impl Pattern {
    const ALL: [Self; 6] =
        [Self::Arch, Self::TentedArch, Self::UlnarLoop, Self::RadialLoop, Self::Whorl, Self::TwinLoop];

    /// Draws the pattern of one finger.
    ///
    /// The frequencies by finger are those of large ten-print files (Cummins and Midlo, *Finger Prints, Palms and
    /// Soles*, 1943): thumbs and ring fingers carry the whorls, index fingers the arches and the radial loops, little
    /// fingers almost only ulnar loops; over all fingers about 5 % arches, 65 % loops, 30 % whorls and twin loops. Twin
    /// loops, which those files count among the whorls, are a sixth of these and a quarter on thumbs: an order of
    /// magnitude, fitted to nothing. `whorl_tendency` is a person's own log-odds (0 = average): the patterns of one
    /// person's fingers resemble each other.
    pub(super) fn draw(draw: &mut Draw, position: FingerPosition, whorl_tendency: f64) -> Self {
        use FingerPosition::{LeftLittle, LeftMiddle, LeftRing, LeftThumb};
        use FingerPosition::{RightLittle, RightMiddle, RightRing, RightThumb};
        let [arch, tented, ulnar, radial, whorl] = match position {
            RightThumb | LeftThumb => [0.025, 0.005, 0.55, 0.004, 0.42],
            RightMiddle | LeftMiddle => [0.05, 0.025, 0.73, 0.03, 0.17],
            RightRing | LeftRing => [0.015, 0.01, 0.54, 0.01, 0.43],
            RightLittle | LeftLittle => [0.008, 0.007, 0.84, 0.005, 0.14],
            _ => [0.06, 0.05, 0.37, 0.20, 0.32],
        };
        let lean = whorl_tendency.exp();
        let twins = whorl * if matches!(position, RightThumb | LeftThumb) { 0.25 } else { 0.14 };
        let weights = [arch / lean, tented / lean, ulnar, radial, (whorl - twins) * lean, twins * lean];
        Self::ALL[draw.weighted(&weights)]
    }
}

/// The orientation field of one fingertip.
///
/// Coordinates are pixels at 500 dpi, y upwards, the origin at the centre of the pattern. Loops, whorls and tented
/// arches follow the zero-pole model (Sherlock and Monro, *Pattern Recognition* 26(7), 1993): the doubled ridge angle
/// is the sum of the angles seen from the cores less the angles seen from the deltas. That model is too flat away from
/// its singularities (Vizcaya and Gerhardt, *Pattern Recognition* 29(7), 1996), so all patterns share a dome, the ridges
/// that follow the fingertip's outline, and a smooth random phase; a plain arch, which has no singularity, has a
/// bell-shaped slope.
pub(super) struct RidgeFlow {
    cores: Vec<(f64, f64)>,
    deltas: Vec<(f64, f64)>,
    arch: Option<Arch>,
    dome: Dome,
    /// Smooth phase: constant, and coefficients of x, y, x², xy, y², each in radians of the doubled angle.
    phase: [f64; 6],
}

/// The slope of a plain arch: `-rise * (x / width) * exp(-(x/width)²/2 - (y-height)²/(2 reach²))`, in radians.
struct Arch {
    rise: f64,
    width: f64,
    height: f64,
    reach: f64,
}

/// The slope that follows the outline: `-rise * tanh(x / width) * logistic((y - base) / reach)`, in radians.
struct Dome {
    rise: f64,
    width: f64,
    base: f64,
    reach: f64,
}

/// The ridge tangent at one place.
pub(super) struct Tangent {
    cos: f64,
    sin: f64,
    /// Divergence of the unit tangent, per pixel: how fast ridges fan out along it.
    pub(super) divergence: f64,
}

impl Tangent {
    /// Ridge angle in radians, in `[-pi/2, pi/2]`, anticlockwise from the x axis.
    pub(super) fn angle(&self) -> f64 {
        self.sin.atan2(self.cos)
    }
}

/// The doubled ridge angle at one place, in parts, and how it changes from there.
pub(super) struct Slope {
    /// The share of everything but the singularities, radians.
    smooth: f64,
    /// The share of the singularities, as a complex number of any length.
    turned: (f64, f64),
    /// Radians of the doubled angle per pixel, towards x and y.
    gradient: (f64, f64),
}

impl Slope {
    /// What the divergence of the tangent is at most, whichever way the ridges run: half the gradient's length.
    pub(super) fn divergence_bound(&self) -> f64 {
        (self.gradient.0 * self.gradient.0 + self.gradient.1 * self.gradient.1).sqrt() / 2.0
    }

    pub(super) fn tangent(&self) -> Tangent {
        let (im, re) = self.smooth.sin_cos();
        let (a, b) = self.turned;
        let (re, im) = (re * a - im * b, re * b + im * a);
        let length = (re * re + im * im).sqrt().max(f64::MIN_POSITIVE);
        let (re, im) = (re / length, im / length);
        // Half of the angle, by the half-angle formula that loses no digits.
        let (cos, sin) = if re >= 0.0 {
            let cos = ((1.0 + re) / 2.0).sqrt();
            (cos, im / (2.0 * cos))
        } else {
            let sin = ((1.0 - re) / 2.0).sqrt().copysign(im);
            (im / (2.0 * sin), sin)
        };
        Tangent { cos, sin, divergence: (cos * self.gradient.1 - sin * self.gradient.0) / 2.0 }
    }
}

/// Length in which the phase coefficients are counted, pixels.
const PHASE_LENGTH: f64 = 100.0;

impl RidgeFlow {
    /// Draws a field of the given pattern; `mirrored` for a left hand.
    pub(super) fn draw(draw: &mut Draw, pattern: Pattern, mirrored: bool, scale: f64) -> Self {
        let mut cores = Vec::new();
        let mut deltas = Vec::new();
        let mut arch = None;
        // Seen on the print of a right hand the little finger is to the right.
        let ulnar = if mirrored { -1.0 } else { 1.0 };
        match pattern {
            Pattern::Arch => {
                arch = Some(Arch {
                    rise: draw.between(0.7, 1.5),
                    width: draw.between(55.0, 85.0) * scale,
                    height: draw.bounded(15.0, 2.5),
                    reach: draw.between(60.0, 110.0) * scale,
                });
            }
            Pattern::TentedArch => {
                cores.push((0.0, 0.0));
                deltas.push((draw.bounded(8.0, 2.0) * scale, -draw.between(35.0, 80.0) * scale));
            }
            Pattern::UlnarLoop | Pattern::RadialLoop => {
                // The delta lies opposite to where the loop opens.
                let side = if pattern == Pattern::UlnarLoop { -ulnar } else { ulnar };
                cores.push((0.0, 0.0));
                deltas.push((side * draw.between(55.0, 130.0) * scale, -draw.between(105.0, 210.0) * scale));
            }
            Pattern::Whorl => {
                let apart = draw.between(14.0, 70.0) * scale;
                cores.push((0.0, apart / 2.0));
                cores.push((draw.bounded(12.0, 2.5) * scale, -apart / 2.0));
                deltas.push((-draw.between(70.0, 135.0) * scale, -draw.between(105.0, 210.0) * scale));
                deltas.push((draw.between(70.0, 135.0) * scale, -draw.between(105.0, 210.0) * scale));
            }
            Pattern::TwinLoop => {
                let side = if draw.chance(0.5) { 1.0 } else { -1.0 };
                let (beside, below) =
                    (side * draw.between(26.0, 62.0) * scale, draw.between(16.0, 60.0) * scale);
                cores.push((-beside / 2.0, below / 2.0));
                cores.push((beside / 2.0, -below / 2.0));
                deltas.push((-draw.between(75.0, 140.0) * scale, -draw.between(105.0, 210.0) * scale));
                deltas.push((draw.between(75.0, 140.0) * scale, -draw.between(105.0, 210.0) * scale));
            }
        }
        let rise = match pattern {
            Pattern::Whorl | Pattern::TwinLoop => 0.25,
            Pattern::Arch | Pattern::TentedArch => 0.55,
            Pattern::UlnarLoop | Pattern::RadialLoop => 0.45,
        };
        let dome = Dome {
            rise: rise + draw.bounded(0.08, 2.5),
            width: draw.between(45.0, 70.0) * scale,
            base: -draw.between(90.0, 150.0) * scale,
            reach: draw.between(25.0, 40.0) * scale,
        };
        let phase = [0.08, 0.10, 0.08, 0.06, 0.07, 0.05].map(|sd| draw.bounded(sd, 2.5));
        Self { cores, deltas, arch, dome, phase }
    }

    /// The slope at `(x, y)`: all that is cheap to know of the ridges there. Its gradient is unbounded near a singularity.
    pub(super) fn slope(&self, x: f64, y: f64) -> Slope {
        let (u, v) = (x / PHASE_LENGTH, y / PHASE_LENGTH);
        let [constant, px, py, pxx, pxy, pyy] = self.phase;
        let mut smooth = constant + px * u + py * v + pxx * u * u + pxy * u * v + pyy * v * v;
        let mut gradient =
            ((px + 2.0 * pxx * u + pxy * v) / PHASE_LENGTH, (py + pxy * u + 2.0 * pyy * v) / PHASE_LENGTH);
        if let Some(arch) = &self.arch {
            let (s, t) = (x / arch.width, (y - arch.height) / arch.reach);
            let bell = arch.rise * (-(s * s + t * t) / 2.0).exp();
            smooth -= 2.0 * s * bell;
            gradient.0 -= 2.0 * bell * (1.0 - s * s) / arch.width;
            gradient.1 += 2.0 * bell * s * t / arch.reach;
        }
        let Dome { rise, width, base, reach } = self.dome;
        // The hyperbolic tangent by one exponential; the places of a fingertip are some widths away, where it is exact enough.
        let across = 1.0 - 2.0 / (1.0 + (2.0 * x / width).exp());
        let upward = 1.0 / (1.0 + ((base - y) / reach).exp());
        smooth -= 2.0 * rise * across * upward;
        gradient.0 -= 2.0 * rise * (1.0 - across * across) * upward / width;
        gradient.1 -= 2.0 * rise * across * upward * (1.0 - upward) / reach;
        // The singularities' share of the doubled angle is kept as a complex number, so that no branch of an arctangent is
        // ever chosen; its gradient is a sum of rational terms.
        let mut turned = (1.0, 0.0);
        for (singularities, sign) in [(&self.cores, 1.0), (&self.deltas, -1.0)] {
            for (cx, cy) in singularities {
                let (dx, dy) = (x - cx, y - cy);
                let square = (dx * dx + dy * dy).max(1.0);
                let dy = sign * dy;
                turned = (turned.0 * dx - turned.1 * dy, turned.0 * dy + turned.1 * dx);
                gradient.0 -= dy / square;
                gradient.1 += sign * dx / square;
            }
        }
        Slope { smooth, turned, gradient }
    }

    /// The tangent at `(x, y)`. The divergence is unbounded near a singularity: the caller bounds it.
    pub(super) fn at(&self, x: f64, y: f64) -> Tangent {
        self.slope(x, y).tangent()
    }

    /// The squared distance to the nearest core or delta, square pixels; infinite for a plain arch.
    pub(super) fn singularity_distance_squared(&self, x: f64, y: f64) -> f64 {
        let square = |(cx, cy): &(f64, f64)| (x - cx) * (x - cx) + (y - cy) * (y - cy);
        self.cores.iter().chain(&self.deltas).map(square).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(pattern: Pattern, n: u64) -> RidgeFlow {
        RidgeFlow::draw(&mut Draw::new("flow", &[n]), pattern, false, 1.0)
    }

    /// Turns of the ridge angle along a circle: half a turn for each core inside, less half for each delta.
    fn index_on_circle(flow: &RidgeFlow, centre: (f64, f64), radius: f64) -> f64 {
        let at = |k: u32| {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(k) / 720.0).sin_cos();
            flow.at(centre.0 + radius * cos, centre.1 + radius * sin).angle()
        };
        let mut turned = 0.0;
        for k in 0..720 {
            let step = at(k + 1) - at(k);
            turned += step - (step / std::f64::consts::PI).round() * std::f64::consts::PI;
        }
        turned / std::f64::consts::TAU
    }

    #[test]
    fn cores_and_deltas_have_the_index_of_their_class() {
        for n in 0..20 {
            assert!(index_on_circle(&flow(Pattern::Arch, n), (0.0, 0.0), 200.0).abs() < 0.01);
            for pattern in Pattern::ALL.into_iter().filter(|pattern| *pattern != Pattern::Arch) {
                let flow = flow(pattern, n);
                assert!((index_on_circle(&flow, flow.cores[0], 3.0) - 0.5).abs() < 0.01);
                assert!((index_on_circle(&flow, flow.deltas[0], 3.0) + 0.5).abs() < 0.01);
                assert_eq!(flow.cores.len(), flow.deltas.len(), "far ridges turn with nothing");
            }
        }
    }

    #[test]
    fn divergence_is_that_of_the_tangent_by_finite_differences() {
        for (n, pattern) in Pattern::ALL.into_iter().enumerate() {
            let flow = flow(pattern, n as u64);
            for (x, y) in [(33.0, 41.0), (-52.0, 18.0), (25.0, -47.0), (-31.0, -80.0)] {
                let h = 1e-4;
                let centre = flow.at(x, y);
                // Tangents are taken in the sense of the centre's: an axis has no sign of its own.
                let tangent = |x: f64, y: f64| {
                    let (sin, cos) = flow.at(x, y).angle().sin_cos();
                    let sense = (cos * centre.angle().cos() + sin * centre.angle().sin()).signum();
                    (sense * cos, sense * sin)
                };
                let slow = (tangent(x + h, y).0 - tangent(x - h, y).0 + tangent(x, y + h).1
                    - tangent(x, y - h).1)
                    / (2.0 * h);
                assert!((slow - centre.divergence).abs() < 1e-5, "{pattern:?} {slow} {}", centre.divergence);
            }
        }
    }

    #[test]
    fn no_divergence_exceeds_its_bound() {
        for (n, pattern) in Pattern::ALL.into_iter().enumerate() {
            let flow = flow(pattern, n as u64);
            let mut draw = Draw::new("places", &[n as u64]);
            for _ in 0..2_000 {
                let slope = flow.slope(draw.between(-190.0, 190.0), draw.between(-300.0, 230.0));
                assert!(slope.tangent().divergence.abs() <= slope.divergence_bound() * (1.0 + 1e-12));
            }
        }
    }

    #[test]
    fn patterns_have_the_frequencies_of_large_files() {
        let mut counts = [0.0; 6];
        for n in 0..4_000 {
            let mut draw = Draw::new("patterns", &[n]);
            let tendency = draw.bounded(0.8, 3.0);
            for position in FingerPosition::ALL {
                let pattern = Pattern::draw(&mut draw, position, tendency);
                counts[Pattern::ALL.iter().position(|p| *p == pattern).unwrap()] += 1.0 / 40_000.0;
            }
        }
        let [arch, tented, ulnar, radial, whorl, twin] = counts;
        assert!((0.03..0.08).contains(&(arch + tented)), "{counts:?}");
        assert!((0.58..0.70).contains(&(ulnar + radial)), "{counts:?}");
        assert!((0.25..0.36).contains(&(whorl + twin)), "{counts:?}");
        assert!((0.10..0.25).contains(&(twin / (whorl + twin))), "{counts:?}");
    }
}
