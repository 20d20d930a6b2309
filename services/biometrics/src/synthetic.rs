//! Seeded people for demonstrations, tests and load.
//!
//! A person is a pure function of a seed and an index: nothing is stored, and any of millions can be made alone, in
//! any order. Fingertips are grown from an orientation field (`RidgeFlow`), minutiae stand where the field forces
//! them (`Fingertip`), and every capture displaces, turns, stretches, loses and invents some (`Impression`). The
//! generator imitates *uncontrolled* touches of a flat sensor, worse than a supervised enrolment.
//!
//! Its spreads were set by hand from the literature and from the minutiae of FVC2002's public B sets: counts, spacing,
//! directions by place, residuals between aligned touches of one finger, and shared index buckets. The thresholds of
//! [`crate::calibration`] follow from the generator alone, but on those sets their agreement is no independent proof.
//!
//! A generator is only worth what its statistics are worth: `plinth-loadtest fit` prints them beside those of a folder of
//! real records. No accuracy of a matcher on synthetic fingers says anything about an accuracy on real ones.

mod civil;
mod draw;
mod fingertip;
mod impression;
mod ridge_flow;

use std::ops::Range;

use civil::Civil;
use draw::Draw;
use fingertip::{Build, Fingertip};
use impression::{IMAGE, Impression, RESOLUTION, Station};

use crate::record::{FingerPosition, FingerRecord, FingerView};

/// Counts up whenever the same seed begins to give other people, so that what was made and kept can be told apart.
pub const VERSION: u32 = 2;

/// One invented person: civil particulars and ten fingers.
#[derive(Clone)]
pub struct SyntheticPerson {
    seed: u64,
    index: u64,
    name: String,
    date_of_birth: (u16, u8, u8),
    gender: char,
    build: Build,
    station: Station,
}

impl SyntheticPerson {
    /// The person number `index` of the population named by `seed`. Fingers are grown when they are captured.
    #[must_use]
    pub fn new(seed: u64, index: u64) -> Self {
        let mut draw = Draw::new("person", &[seed, index]);
        let Civil { name, date_of_birth, gender } = Civil::draw(&mut draw);
        let build = Build::draw(&mut draw, gender == 'F');
        Self { seed, index, name, date_of_birth, gender, build, station: Station::Uncontrolled }
    }

    /// Full name, given names first, in one of several scripts. Names repeat within a large population, as real ones do.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Date of birth as year (1935 to 2006), month and day, always a date of the Gregorian calendar.
    #[must_use]
    pub fn date_of_birth(&self) -> (u16, u8, u8) {
        self.date_of_birth
    }

    /// Gender: `F`, `M` or `T`.
    #[must_use]
    pub fn gender(&self) -> char {
        self.gender
    }

    /// The same person at a supervised station: an operator watches over place and turn, and the best of three touches is
    /// kept. No real records were at hand to hold this against, so nothing that is measured on such captures is an
    /// estimate of anything; they are for galleries whose captures must be good.
    #[must_use]
    pub fn supervised(self) -> Self {
        Self { station: Station::Supervised, ..self }
    }

    /// A record of one finger. Equal arguments give equal records; another `capture` is another touch of the same
    /// finger. [`FingerPosition::Unknown`] is the right index finger, declared as unknown.
    #[must_use]
    pub fn capture(&self, position: FingerPosition, capture: u32) -> FingerRecord {
        self.record(capture, &[position])
    }

    /// A record with one view of each of `positions`, in that order: the fingers of [`SyntheticPerson::capture`].
    #[must_use]
    pub fn record(&self, capture: u32, positions: &[FingerPosition]) -> FingerRecord {
        record(
            positions
                .iter()
                .map(|position| self.view(&self.fingertip(*position), *position, capture))
                .collect(),
        )
    }

    /// The records of `captures`, each as [`SyntheticPerson::record`] gives it. Cheaper than one by one: a finger is grown
    /// once for all its touches.
    #[must_use]
    pub fn records(&self, captures: Range<u32>, positions: &[FingerPosition]) -> Vec<FingerRecord> {
        let fingertips: Vec<_> =
            positions.iter().map(|position| (*position, self.fingertip(*position))).collect();
        let views = |capture| {
            fingertips.iter().map(|(position, fingertip)| self.view(fingertip, *position, capture)).collect()
        };
        captures.map(|capture| record(views(capture))).collect()
    }

    fn fingertip(&self, declared: FingerPosition) -> Fingertip {
        let position = grown(declared);
        let finger = u64::from(position.code());
        Fingertip::grow(&mut Draw::new("finger", &[self.seed, self.index, finger]), position, self.build)
    }

    fn view(&self, fingertip: &Fingertip, declared: FingerPosition, capture: u32) -> FingerView {
        let finger = u64::from(grown(declared).code());
        let mut draw = Draw::new("capture", &[self.seed, self.index, finger, u64::from(capture)]);
        let impression = Impression::draw(&mut draw, fingertip, self.station);
        let minutiae = impression.minutiae(fingertip, &mut draw);
        FingerView {
            position: declared,
            view: 0,
            impression: 0,
            quality: impression.quality_byte(),
            minutiae,
        }
    }
}

/// The finger that is touched when one is asked for.
fn grown(declared: FingerPosition) -> FingerPosition {
    match declared {
        FingerPosition::Unknown => FingerPosition::RightIndex,
        known => known,
    }
}

fn record(views: Vec<FingerView>) -> FingerRecord {
    FingerRecord {
        width: IMAGE.0,
        height: IMAGE.1,
        x_resolution: RESOLUTION,
        y_resolution: RESOLUTION,
        views,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_pure_function_of_seed_and_index() {
        let person = SyntheticPerson::new(7, 11);
        let again = SyntheticPerson::new(7, 11);
        assert_eq!(person.name(), again.name());
        assert_eq!(person.date_of_birth(), again.date_of_birth());
        let record = person.record(3, &FingerPosition::ALL).encode();
        assert_eq!(record, again.record(3, &FingerPosition::ALL).encode());
        assert_ne!(record, person.record(4, &FingerPosition::ALL).encode());
        assert_ne!(record, SyntheticPerson::new(8, 11).record(3, &FingerPosition::ALL).encode());
        assert_ne!(record, SyntheticPerson::new(7, 12).record(3, &FingerPosition::ALL).encode());
    }

    #[test]
    fn captures_made_together_are_those_made_alone() {
        let person = SyntheticPerson::new(7, 11).supervised();
        let positions = [FingerPosition::LeftThumb, FingerPosition::Unknown];
        let together = person.records(1..4, &positions);
        let alone: Vec<_> = (1..4).map(|capture| person.record(capture, &positions)).collect();
        assert_eq!(together, alone);
    }

    #[test]
    fn a_supervised_station_takes_better_captures_of_the_same_fingers() {
        let mean = |supervised: bool| {
            let quality = |index| {
                let person = SyntheticPerson::new(6, index);
                let person = if supervised { person.supervised() } else { person };
                person
                    .record(0, &FingerPosition::ALL)
                    .views
                    .iter()
                    .map(|view| f64::from(view.quality))
                    .sum::<f64>()
            };
            (0..40).map(quality).sum::<f64>() / 400.0
        };
        assert!(mean(true) > mean(false) + 10.0, "{} {}", mean(true), mean(false));
    }

    #[test]
    fn every_capture_survives_its_own_codec() {
        for index in 0..40 {
            let person = SyntheticPerson::new(1, index);
            let bytes = person.record(0, &FingerPosition::ALL).encode();
            let decoded = FingerRecord::decode(&bytes).unwrap();
            assert_eq!(decoded.views.len(), 10);
            assert_eq!(decoded.encode(), bytes);
            for view in &decoded.views {
                assert!((12..=110).contains(&view.minutiae.len()), "{}", view.minutiae.len());
            }
        }
    }

    #[test]
    fn dates_of_birth_are_dates_and_genders_are_known() {
        for index in 0..2_000 {
            let person = SyntheticPerson::new(2, index);
            let (year, month, day) = person.date_of_birth();
            assert!((1935..=2006).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day));
            assert!(matches!(person.gender(), 'F' | 'M' | 'T'));
            assert!(person.name().contains(' '));
        }
    }

    /// Minutiae of many captures as (x, y, direction in turns).
    fn captures() -> Vec<Vec<(f64, f64, f64)>> {
        let place = |m: &crate::record::Minutia| (f64::from(m.x), f64::from(m.y), f64::from(m.angle) / 256.0);
        (0..300)
            .zip(FingerPosition::ALL.into_iter().cycle())
            .map(|(index, position)| {
                let record = SyntheticPerson::new(4, index).capture(position, 0);
                record.views[0].minutiae.iter().map(place).collect()
            })
            .collect()
    }

    #[test]
    fn counts_and_spacing_are_those_of_flat_touches() {
        let captures = captures();
        let mean = captures.iter().map(Vec::len).sum::<usize>() as f64 / captures.len() as f64;
        assert!((27.0..38.0).contains(&mean), "{mean} minutiae");
        let mut nearest: Vec<f64> = Vec::new();
        for capture in &captures {
            for (index, a) in capture.iter().enumerate() {
                let others = capture.iter().enumerate().filter(|(other, _)| *other != index);
                nearest.push(others.map(|(_, b)| (a.0 - b.0).hypot(a.1 - b.1)).fold(f64::MAX, f64::min));
            }
        }
        nearest.sort_by(f64::total_cmp);
        let median = nearest[nearest.len() / 2];
        assert!((17.0..23.0).contains(&median), "{median} pixels");
        // Points strewn without regard for each other would have some 9 % nearer than 6 pixels.
        let close = nearest.partition_point(|distance| *distance < 6.0) as f64 / nearest.len() as f64;
        assert!(close < 0.06, "{close}");
    }

    #[test]
    fn neighbouring_minutiae_follow_one_ridge_flow_and_lean_one_way() {
        let (mut along, mut same, mut pairs) = (0.0, 0.0, 0.0);
        for capture in captures() {
            for (index, a) in capture.iter().enumerate() {
                for b in &capture[..index] {
                    if (16.0..32.0).contains(&(a.0 - b.0).hypot(a.1 - b.1)) {
                        let turn = (a.2 - b.2).rem_euclid(1.0);
                        let axis = turn.rem_euclid(0.5);
                        pairs += 1.0;
                        along += f64::from(u8::from(axis.min(0.5 - axis) < 1.0 / 16.0));
                        same += f64::from(u8::from(turn.min(1.0 - turn) < 1.0 / 16.0));
                    }
                }
            }
        }
        assert!((0.68..0.88).contains(&(along / pairs)), "{}", along / pairs);
        assert!((0.40..0.62).contains(&(same / pairs)), "{}", same / pairs);
    }
}
