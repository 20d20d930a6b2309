//! The capture check: samples on their way in, a report on its way out.

use plinth_identity::application::FingerPosition;
use plinth_identity::capture::{
    CaptureAdvice, CaptureLight, CaptureQuery, CaptureReport, CheckedFinger, Measured, PositionSource,
    RecordFormat, Weakness,
};
use plinth_identity::dsse::Verified;
use plinth_identity::field::FieldViolation;
use prost::Message;

use super::decode_body;
use super::header::{encode_request_header, request_header};
use super::person::{encode_samples, position, samples};
use crate::enrolment::v1;

/// The bytes of a capture query, for the agency to sign.
#[must_use]
pub fn encode_capture_query(query: &CaptureQuery) -> Vec<u8> {
    v1::CaptureQuery {
        header: Some(encode_request_header(&query.header)),
        fingers: encode_samples(&query.samples),
    }
    .encode_to_vec()
}

/// The capture query in a verified envelope. Its records are not decoded here.
///
/// # Errors
///
/// Names the first field at fault.
pub fn decode_capture_query(verified: &Verified) -> Result<CaptureQuery, FieldViolation> {
    decode_body::<v1::CaptureQuery>(verified)?.try_into()
}

impl TryFrom<v1::CaptureQuery> for CaptureQuery {
    type Error = FieldViolation;

    fn try_from(wire: v1::CaptureQuery) -> Result<Self, FieldViolation> {
        Self::new(request_header(wire.header)?, samples(wire.fingers)?)
    }
}

impl From<&CaptureReport> for v1::CaptureReport {
    fn from(report: &CaptureReport) -> Self {
        Self {
            light: match report.light {
                CaptureLight::Ready => v1::CaptureLight::Ready,
                CaptureLight::CaptureAgain => v1::CaptureLight::CaptureAgain,
                CaptureLight::NotEnough => v1::CaptureLight::NotEnough,
            }
            .into(),
            sentence: report.sentence(),
            refusal: report.refusal.as_ref().map(Into::into),
            power: report.power,
            fingers: report.fingers.iter().map(Into::into).collect(),
            capture_again: report
                .capture_again()
                .map(|index| u32::try_from(index).unwrap_or(u32::MAX))
                .collect(),
            missing: report.missing.iter().map(|position| i32::from(position.code())).collect(),
        }
    }
}

impl TryFrom<v1::CaptureReport> for CaptureReport {
    type Error = FieldViolation;

    /// # Errors
    ///
    /// Names the first field at fault. The sentence and the list of fingers to capture again follow from the rest, and
    /// are made again from it.
    fn try_from(wire: v1::CaptureReport) -> Result<Self, FieldViolation> {
        let light = match v1::CaptureLight::try_from(wire.light) {
            Ok(v1::CaptureLight::Ready) => CaptureLight::Ready,
            Ok(v1::CaptureLight::CaptureAgain) => CaptureLight::CaptureAgain,
            Ok(v1::CaptureLight::NotEnough) => CaptureLight::NotEnough,
            Ok(v1::CaptureLight::Unspecified) | Err(_) => {
                return Err(FieldViolation::malformed("light", "must be one of the lights"));
            }
        };
        let count = wire.fingers.len();
        let finger = |(index, finger): (usize, v1::CheckedFinger)| {
            checked_finger(finger, count).map_err(|violation| violation.at(&format!("fingers[{index}]")))
        };
        let missing = |(index, code): (usize, &i32)| {
            let found = position(*code).filter(|position| *position != FingerPosition::Unknown);
            found.ok_or_else(|| FieldViolation::malformed(format!("missing[{index}]"), "must be a finger"))
        };
        Ok(Self {
            light,
            refusal: wire.refusal.map(|violation| violation_at(violation, "refusal")).transpose()?,
            power: probability(wire.power)?,
            fingers: wire.fingers.into_iter().enumerate().map(finger).collect::<Result<_, _>>()?,
            missing: wire.missing.iter().enumerate().map(missing).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&CheckedFinger> for v1::CheckedFinger {
    fn from(finger: &CheckedFinger) -> Self {
        let (advice, weakness, other) = advice_on_wire(finger.advice);
        Self {
            sample: finger.sample.into(),
            view: finger.view.into(),
            position: i32::from(finger.position.code()),
            position_source: match finger.source {
                PositionSource::Unknown => v1::PositionSource::Unspecified,
                PositionSource::Declared => v1::PositionSource::Declared,
                PositionSource::Recorded => v1::PositionSource::Recorded,
            }
            .into(),
            counted: finger.counted,
            figures: finger.measured.as_ref().map(Into::into),
            advice: advice.into(),
            weakness: weakness.into(),
            other,
            problem: finger.problem.as_ref().map(Into::into),
        }
    }
}

fn checked_finger(wire: v1::CheckedFinger, count: usize) -> Result<CheckedFinger, FieldViolation> {
    let source = match v1::PositionSource::try_from(wire.position_source) {
        Ok(v1::PositionSource::Unspecified) => PositionSource::Unknown,
        Ok(v1::PositionSource::Declared) => PositionSource::Declared,
        Ok(v1::PositionSource::Recorded) => PositionSource::Recorded,
        Err(_) => return Err(FieldViolation::malformed("position_source", "must be declared or recorded")),
    };
    Ok(CheckedFinger {
        sample: narrow(wire.sample, "sample")?,
        view: narrow(wire.view, "view")?,
        position: position(wire.position)
            .ok_or_else(|| FieldViolation::malformed("position", "must be a finger position, 0 to 10"))?,
        source,
        counted: wire.counted,
        advice: advice(&wire, count)?,
        measured: wire
            .figures
            .map(Measured::try_from)
            .transpose()
            .map_err(|violation: FieldViolation| violation.at("figures"))?,
        problem: wire.problem.map(|violation| violation_at(violation, "problem")).transpose()?,
    })
}

fn advice_on_wire(advice: CaptureAdvice) -> (v1::CaptureAdvice, v1::CaptureWeakness, u32) {
    let plain = |advice| (advice, v1::CaptureWeakness::Unspecified, 0);
    match advice {
        CaptureAdvice::Keep => plain(v1::CaptureAdvice::Keep),
        CaptureAdvice::WrongFormat => plain(v1::CaptureAdvice::WrongFormat),
        CaptureAdvice::WrongPosition => plain(v1::CaptureAdvice::WrongPosition),
        CaptureAdvice::CaptureAgain(weakness) => {
            let weakness = match weakness {
                Weakness::FewMinutiae => v1::CaptureWeakness::FewMinutiae,
                Weakness::SmallArea => v1::CaptureWeakness::SmallArea,
                Weakness::RepeatedMinutiae => v1::CaptureWeakness::RepeatedMinutiae,
            };
            (v1::CaptureAdvice::CaptureAgain, weakness, 0)
        }
        CaptureAdvice::SameFingerTwice { other } => {
            (v1::CaptureAdvice::SameFingerTwice, v1::CaptureWeakness::Unspecified, other.into())
        }
    }
}

/// The advice, which may point at another of `count` fingers.
fn advice(wire: &v1::CheckedFinger, count: usize) -> Result<CaptureAdvice, FieldViolation> {
    let weakness = match v1::CaptureWeakness::try_from(wire.weakness) {
        Ok(v1::CaptureWeakness::Unspecified) => None,
        Ok(v1::CaptureWeakness::FewMinutiae) => Some(Weakness::FewMinutiae),
        Ok(v1::CaptureWeakness::SmallArea) => Some(Weakness::SmallArea),
        Ok(v1::CaptureWeakness::RepeatedMinutiae) => Some(Weakness::RepeatedMinutiae),
        Err(_) => return Err(FieldViolation::malformed("weakness", "must be one of the weaknesses")),
    };
    match (v1::CaptureAdvice::try_from(wire.advice), weakness) {
        (Ok(v1::CaptureAdvice::CaptureAgain), Some(weakness)) => Ok(CaptureAdvice::CaptureAgain(weakness)),
        (Ok(v1::CaptureAdvice::CaptureAgain), None) | (Ok(_), Some(_)) => Err(FieldViolation::malformed(
            "weakness",
            "belongs to a finger to capture again, and only to that",
        )),
        (Ok(v1::CaptureAdvice::Keep), None) => Ok(CaptureAdvice::Keep),
        (Ok(v1::CaptureAdvice::WrongFormat), None) => Ok(CaptureAdvice::WrongFormat),
        (Ok(v1::CaptureAdvice::WrongPosition), None) => Ok(CaptureAdvice::WrongPosition),
        (Ok(v1::CaptureAdvice::SameFingerTwice), None) => {
            let known = u16::try_from(wire.other).ok().filter(|other| usize::from(*other) < count);
            let other =
                known.ok_or_else(|| FieldViolation::malformed("other", "must be one of the fingers"))?;
            Ok(CaptureAdvice::SameFingerTwice { other })
        }
        (Ok(v1::CaptureAdvice::Unspecified) | Err(_), _) => {
            Err(FieldViolation::malformed("advice", "must be one of the advices"))
        }
    }
}

impl From<&Measured> for v1::CaptureFigures {
    fn from(measured: &Measured) -> Self {
        Self {
            format: match measured.format {
                RecordFormat::Iso2005 => v1::RecordFormat::Iso2005,
                RecordFormat::Iso2011 => v1::RecordFormat::Iso2011,
                RecordFormat::Ansi2004 => v1::RecordFormat::Ansi2004,
                RecordFormat::Ansi2009 => v1::RecordFormat::Ansi2009,
                RecordFormat::Ansi2009Amendment1 => v1::RecordFormat::Ansi2009Amendment1,
            }
            .into(),
            minutiae: measured.minutiae.into(),
            usable: measured.cylinders.into(),
            area: measured.area,
            quality: measured.quality.unwrap_or(0).into(),
            power: measured.power,
        }
    }
}

impl TryFrom<v1::CaptureFigures> for Measured {
    type Error = FieldViolation;

    fn try_from(wire: v1::CaptureFigures) -> Result<Self, FieldViolation> {
        let format = match v1::RecordFormat::try_from(wire.format) {
            Ok(v1::RecordFormat::Iso2005) => RecordFormat::Iso2005,
            Ok(v1::RecordFormat::Iso2011) => RecordFormat::Iso2011,
            Ok(v1::RecordFormat::Ansi2004) => RecordFormat::Ansi2004,
            Ok(v1::RecordFormat::Ansi2009) => RecordFormat::Ansi2009,
            Ok(v1::RecordFormat::Ansi2009Amendment1) => RecordFormat::Ansi2009Amendment1,
            Ok(v1::RecordFormat::Unspecified) | Err(_) => {
                return Err(FieldViolation::malformed("format", "must be one of the formats"));
            }
        };
        // A comparison with NaN is false: it lands in the error.
        if !(0.0..=f32::MAX).contains(&wire.area) {
            return Err(FieldViolation::malformed("area", "must not be negative"));
        }
        let quality: u8 = narrow(wire.quality, "quality")?;
        Ok(Self {
            format,
            minutiae: narrow(wire.minutiae, "minutiae")?,
            cylinders: narrow(wire.usable, "usable")?,
            area: wire.area,
            quality: (quality > 0).then_some(quality),
            power: probability(wire.power)?,
        })
    }
}

fn violation_at(wire: v1::FieldViolation, field: &str) -> Result<FieldViolation, FieldViolation> {
    wire.try_into().map_err(|violation: FieldViolation| violation.at(field))
}

fn probability(value: f64) -> Result<f64, FieldViolation> {
    // A comparison with NaN is false: it lands in the error.
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(FieldViolation::malformed("power", "must be between 0 and 1"))
    }
}

fn narrow<T: TryFrom<u32>>(value: u32, field: &str) -> Result<T, FieldViolation> {
    T::try_from(value).map_err(|_| FieldViolation::malformed(field, "is larger than it can be"))
}
