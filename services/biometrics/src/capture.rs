//! What a capture is worth, judged before the person has left: what is in it, and how likely a later capture of the same
//! finger is to be recognised by it.
//!
//! A capture is measured by what the matcher will have of it: usable cylinders ([`crate::cylinder`]), distinct minutiae,
//! and the area that they span. Its **power** is the share of later touches of the same finger that reach a decision's
//! threshold. It is read from a table of synthetic mates ([`power_table`]): a row for a number of usable cylinders, and
//! in it the share of mates that score below each of [`SCORES`]. Both ways it only rises.
//!
//! What the table can and cannot say: its touches are the uncontrolled ones of [`crate::synthetic`], worse than a
//! supervised enrolment; small captures, which the generator's station refuses, are made by cutting larger ones down.
//! Minutiae and area predict hardly anything beyond the cylinders (they go with them), and the **quality byte is not used**
//! although the generator's own would help: devices fill it on scales of their own, NFIQ's runs the other way, and a
//! wrong guess would send everybody's fingers back. The example `capture_power` makes the table, and prints how well it
//! foretells synthetic people of another seed and the records of any folder.

mod power;
mod table;

use crate::calibration::threshold_at_fmr;
use crate::cylinder::{FeatureError, FingerFeatures};
use crate::matcher::Matcher;
use crate::record::{FingerPosition, FingerRecord, Minutia};

pub use power::{CapturedFinger, finger_power, person_power};
pub use table::{MatedScore, PowerRow, SCORES, mated_scores, power_table};

/// The false match rate at which one finger's power is stated.
pub const FINGER_FMR: f64 = 1e-4;
/// A finger whose power is below this is worth capturing again.
pub const WEAK_POWER: f64 = 0.9;
/// Square millimetres: captures that span less are called small. About one synthetic touch in twenty does.
pub const SMALL_AREA: f32 = 50.0;
/// More than this share of a view's minutiae repeating others is a fault of the device, or made up.
pub const MOST_REPEATED: f32 = 0.1;
/// Two captures are called one finger at this false match rate of strangers. Forty-five pairs of ten strangers' fingers
/// would raise one false alarm in some twenty thousand people; fingers of one person resemble each other more. The
/// example `capture_power` counts both the alarms and what is caught.
pub const SAME_FINGER_FMR: f64 = 1e-6;
/// Usable cylinders of an ordinary capture: the median of the synthetic touches.
pub const ORDINARY_CYLINDERS: usize = 32;

/// What one view of a record holds.
#[derive(Clone, Debug)]
pub struct FingerCapture {
    /// Minutiae as the record lists them.
    pub minutiae: usize,
    /// Those of them that repeat another one's place and direction.
    pub repeated: usize,
    /// Minutiae with a usable cylinder. Below [`crate::cylinder::MIN_CYLINDERS`] there are no features.
    pub cylinders: usize,
    /// Area of the convex hull of the minutiae, square millimetres.
    pub area: f32,
    /// The finger's quality as the record reports it, 1 to 100, or 0 for not reported. Not interpreted.
    pub quality: u8,
    /// What is compared; absent if the view has too few usable minutiae.
    pub features: Option<FingerFeatures>,
}

/// What is poor about a capture that can be used, or almost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weakness {
    /// Too few minutiae have neighbours enough: a faint, dry or wet finger.
    FewMinutiae,
    /// Too little of the finger touched the sensor.
    SmallArea,
    /// The device reports the same minutiae several times.
    RepeatedMinutiae,
}

impl FingerCapture {
    /// Measures one view, taken to be of the finger `position`.
    ///
    /// # Errors
    /// [`FeatureError::View`] if the record has no such view. Too few minutiae are no error here.
    pub fn measure(
        record: &FingerRecord,
        view: usize,
        position: FingerPosition,
    ) -> Result<Self, FeatureError> {
        let views = record.views.len();
        let seen = record.views.get(view).ok_or(FeatureError::View { view, views })?;
        let (cylinders, features) = match FingerFeatures::extract(record, view, position) {
            Ok(features) => (features.cylinder_count(), Some(features)),
            Err(FeatureError::TooFewMinutiae { usable, .. }) => (usable, None),
            Err(other) => return Err(other),
        };
        let mut places: Vec<_> = seen.minutiae.iter().map(|m| (m.x, m.y, m.angle)).collect();
        places.sort_unstable();
        places.dedup();
        // A hundred square millimetres a square centimetre.
        let scale = 100.0 / (f64::from(record.x_resolution.max(1)) * f64::from(record.y_resolution.max(1)));
        Ok(Self {
            minutiae: seen.minutiae.len(),
            repeated: seen.minutiae.len() - places.len(),
            cylinders,
            area: narrow(hull_area(&seen.minutiae) * scale),
            quality: seen.quality,
            features,
        })
    }

    /// The chance that a later touch of this finger reaches [`FINGER_FMR`]'s threshold; 0 without features.
    #[must_use]
    pub fn power(&self) -> f64 {
        self.features.as_ref().map_or(0.0, |features| finger_power(features.cylinder_count(), FINGER_FMR))
    }

    /// Why this capture should be made again, if it should.
    #[must_use]
    pub fn weakness(&self) -> Option<Weakness> {
        if self.repeated as f32 > MOST_REPEATED * self.minutiae as f32 {
            Some(Weakness::RepeatedMinutiae)
        } else if self.power() >= WEAK_POWER {
            None
        } else if self.area < SMALL_AREA {
            Some(Weakness::SmallArea)
        } else {
            Some(Weakness::FewMinutiae)
        }
    }
}

/// Whether two captures are, beyond reasonable doubt, of one finger ([`SAME_FINGER_FMR`]).
#[must_use]
pub fn same_finger(matcher: &mut Matcher, a: &FingerFeatures, b: &FingerFeatures) -> bool {
    matcher.compare(a, b) >= threshold_at_fmr(SAME_FINGER_FMR)
}

/// Area of the convex hull, square pixels: Andrew's monotone chain, then the shoelace formula.
fn hull_area(minutiae: &[Minutia]) -> f64 {
    let mut points: Vec<(i64, i64)> = minutiae.iter().map(|m| (i64::from(m.x), i64::from(m.y))).collect();
    points.sort_unstable();
    points.dedup();
    let mut twice = 0;
    for reversed in [false, true] {
        let mut chain: Vec<(i64, i64)> = Vec::new();
        let mut extend = |point: (i64, i64)| {
            while let [.., a, b] = chain[..]
                && (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) <= 0
            {
                chain.pop();
            }
            chain.push(point);
        };
        if reversed {
            points.iter().rev().copied().for_each(&mut extend);
        } else {
            points.iter().copied().for_each(&mut extend);
        }
        twice += chain.windows(2).map(|edge| edge[0].0 * edge[1].1 - edge[1].0 * edge[0].1).sum::<i64>();
    }
    twice.unsigned_abs() as f64 / 2.0
}

#[expect(clippy::cast_possible_truncation, reason = "shares and small figures, rounded to f32 on purpose")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FingerView, MinutiaKind};
    use crate::synthetic::SyntheticPerson;

    use FingerPosition::RightIndex;

    fn minutia(x: u16, y: u16, angle: u8) -> Minutia {
        Minutia { x, y, angle, kind: MinutiaKind::Ending, quality: 0 }
    }

    fn record(resolution: u16, minutiae: Vec<Minutia>) -> FingerRecord {
        let view = FingerView { position: RightIndex, view: 0, impression: 0, quality: 0, minutiae };
        FingerRecord {
            width: 1000,
            height: 1000,
            x_resolution: resolution,
            y_resolution: resolution,
            views: vec![view],
        }
    }

    fn measure(record: &FingerRecord) -> FingerCapture {
        FingerCapture::measure(record, 0, RightIndex).unwrap()
    }

    #[test]
    fn the_area_is_that_of_the_hull_in_square_millimetres() {
        let corners = [(0, 0), (200, 0), (200, 100), (0, 100), (50, 50), (100, 50)];
        let square = |resolution| record(resolution, corners.map(|(x, y)| minutia(x, y, 0)).to_vec());
        assert!((measure(&square(100)).area - 200.0).abs() < 1e-3);
        assert!((measure(&square(200)).area - 50.0).abs() < 1e-3);
        for line in [vec![minutia(5, 5, 0)], vec![minutia(5, 5, 0), minutia(9, 9, 0), minutia(7, 7, 0)]] {
            assert_eq!(measure(&record(197, line)).area, 0.0);
        }
    }

    #[test]
    fn a_view_without_usable_minutiae_is_measured_and_has_no_power() {
        let capture = measure(&record(197, vec![minutia(5, 5, 0); 200]));
        assert_eq!((capture.minutiae, capture.repeated, capture.cylinders), (200, 199, 0));
        assert_eq!((capture.power(), capture.weakness()), (0.0, Some(Weakness::RepeatedMinutiae)));
        let few = measure(&record(197, vec![minutia(5, 5, 0), minutia(300, 400, 9)]));
        assert_eq!(few.weakness(), Some(Weakness::SmallArea));
        let missing = FingerCapture::measure(&record(197, vec![minutia(5, 5, 0)]), 1, RightIndex).err();
        assert_eq!(missing, Some(FeatureError::View { view: 1, views: 1 }));
    }

    #[test]
    fn a_good_touch_is_kept_and_a_part_of_it_is_not() {
        let mut touch = SyntheticPerson::new(1, 1).capture(RightIndex, 0);
        let whole = measure(&touch);
        assert!(whole.weakness().is_none() && whole.power() >= WEAK_POWER, "{whole:?}");
        assert!(whole.quality > 0 && whole.area > 40.0 && whole.repeated == 0);
        touch.views[0].minutiae.truncate(9);
        let part = measure(&touch);
        assert!(part.weakness().is_some() && part.power() < whole.power(), "{part:?}");
    }

    #[test]
    fn minutiae_that_a_device_repeats_are_a_fault_of_its_own() {
        let mut touch = SyntheticPerson::new(1, 1).capture(RightIndex, 0);
        let minutiae = &mut touch.views[0].minutiae;
        let copies = minutiae[..minutiae.len() / 2].to_vec();
        minutiae.extend(copies);
        assert_eq!(measure(&touch).weakness(), Some(Weakness::RepeatedMinutiae));
    }

    #[test]
    fn two_touches_of_a_finger_are_told_from_two_fingers_of_one_person() {
        let mut matcher = Matcher::new();
        let (mut caught, mut alarms) = (0, 0);
        for index in 0..30 {
            let person = SyntheticPerson::new(5, index);
            let features = |touch| {
                let record = person.record(touch, &FingerPosition::ALL);
                FingerPosition::ALL
                    .iter()
                    .enumerate()
                    .map(|(view, position)| FingerFeatures::extract(&record, view, *position).unwrap())
                    .collect::<Vec<_>>()
            };
            let (first, second) = (features(0), features(1));
            for (a, one) in first.iter().enumerate() {
                caught += u32::from(same_finger(&mut matcher, one, &second[a]));
                let others = first.iter().skip(a + 1);
                alarms += others.filter(|other| same_finger(&mut matcher, one, other)).count();
            }
        }
        assert!(caught >= 270 && alarms == 0, "{caught} of 300 caught, {alarms} of 1,350 alarms");
    }
}
