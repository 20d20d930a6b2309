//! Capture queries and reports.

use plinth_identity::application::{FingerPosition, FingerSample};
use plinth_identity::capture::{
    CaptureAdvice, CaptureLight, CaptureQuery, CaptureReport, CheckedFinger, Measured, PositionSource,
    RecordFormat, Weakness,
};
use plinth_identity::field::FieldViolation;
use plinth_identity::reason::Reason;

use super::Draw;

impl Draw {
    /// A query whose records may be no records: they are looked at later.
    pub(crate) fn capture_query(&mut self) -> CaptureQuery {
        let header = self.header();
        let samples = (0..=self.below(9)).map(|_| {
            let position = self.finger_position();
            let record = if self.flag() { self.record(position.code()) } else { self.bytes::<9>().to_vec() };
            FingerSample { position, record }
        });
        let samples = samples.collect();
        CaptureQuery::new(header, samples).unwrap()
    }

    pub(crate) fn capture_report(&mut self) -> CaptureReport {
        let count = self.below(12);
        CaptureReport {
            light: self.one_of(&[CaptureLight::Ready, CaptureLight::CaptureAgain, CaptureLight::NotEnough]),
            refusal: self.violation(),
            power: self.share(),
            fingers: (0..count).map(|_| self.checked_finger(count)).collect(),
            missing: FingerPosition::ALL.into_iter().filter(|_| self.flag()).collect(),
        }
    }

    fn checked_finger(&mut self, count: usize) -> CheckedFinger {
        let other = u16::try_from(self.below(count)).unwrap();
        CheckedFinger {
            sample: self.byte() % 10,
            view: self.byte(),
            position: self.finger_position(),
            source: self.one_of(&[
                PositionSource::Unknown,
                PositionSource::Declared,
                PositionSource::Recorded,
            ]),
            counted: self.flag(),
            measured: self.flag().then(|| self.measured()),
            advice: self.one_of(&[
                CaptureAdvice::Keep,
                CaptureAdvice::CaptureAgain(Weakness::FewMinutiae),
                CaptureAdvice::CaptureAgain(Weakness::SmallArea),
                CaptureAdvice::CaptureAgain(Weakness::RepeatedMinutiae),
                CaptureAdvice::WrongFormat,
                CaptureAdvice::WrongPosition,
                CaptureAdvice::SameFingerTwice { other },
            ]),
            problem: self.violation(),
        }
    }

    fn measured(&mut self) -> Measured {
        Measured {
            format: self.one_of(&RecordFormat::ALL),
            minutiae: u16::from(self.byte()),
            cylinders: u16::from(self.byte()),
            area: f32::from(self.byte()) / 7.0,
            quality: self.flag().then(|| 1 + self.byte() % 100),
            power: self.share(),
        }
    }

    fn finger_position(&mut self) -> FingerPosition {
        FingerPosition::try_from(self.byte() % 11).unwrap()
    }

    fn share(&mut self) -> f64 {
        f64::from(self.byte()) / 255.0
    }

    fn violation(&mut self) -> Option<FieldViolation> {
        let reason = self.one_of(&[Reason::Malformed, Reason::NoBiometrics, Reason::SameFingerTwice]);
        let field = format!("fingers[{}].record", self.below(10));
        self.flag().then(|| FieldViolation::new(field, reason, "must be something else"))
    }
}
