//! A capture's report, as people and as programs read it.

use plinth_identity::capture::{
    CaptureAdvice, CaptureLight, CaptureReport, CheckedFinger, PositionSource, RecordFormat, Weakness,
};
use plinth_identity::field::FieldViolation;
use serde::Serialize;

use crate::table::Table;

/// One person's sheet.
pub(super) fn table(name: &str, report: &CaptureReport) -> String {
    let mut table = Table::new(&[
        "finger",
        "told by",
        "format",
        "minutiae",
        "usable",
        "mm²",
        "quality",
        "recognised",
        "advice",
    ]);
    for finger in &report.fingers {
        let dash = || "-".to_owned();
        let measured = finger.measured;
        let figure = |value: Option<String>| value.unwrap_or_else(dash);
        table.row([
            finger_name(finger),
            source(finger.source).to_owned(),
            figure(measured.map(|one| format(one.format).to_owned())),
            figure(measured.map(|one| one.minutiae.to_string())),
            figure(measured.map(|one| one.cylinders.to_string())),
            figure(measured.map(|one| format!("{:.0}", one.area))),
            figure(measured.and_then(|one| one.quality).map(|quality| quality.to_string())),
            figure(measured.map(|one| percent(one.power))),
            advice(report, finger),
        ]);
    }
    let problems: String = report
        .fingers
        .iter()
        .filter_map(|finger| finger.problem.as_ref())
        .fold(String::new(), |text, problem| format!("{text}{problem}\n"));
    format!("{name}\n{table}{problems}{}\n", report.sentence())
}

/// One person's line.
pub(super) fn json(name: &str, report: &CaptureReport) -> serde_json::Result<String> {
    serde_json::to_string(&Sheet {
        person: name,
        light: light(report.light),
        sentence: report.sentence(),
        refusal: report.refusal.as_ref().map(Problem::from),
        power: report.power,
        fingers: report.fingers.iter().map(|finger| Finger::of(report, finger)).collect(),
        capture_again: report.capture_again().collect(),
        missing: report.missing.iter().map(ToString::to_string).collect(),
    })
}

#[derive(Serialize)]
struct Sheet<'a> {
    person: &'a str,
    light: &'static str,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Problem>,
    power: f64,
    fingers: Vec<Finger>,
    capture_again: Vec<usize>,
    missing: Vec<String>,
}

#[derive(Serialize)]
struct Finger {
    sample: u8,
    view: u8,
    position: String,
    told_by: &'static str,
    counted: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    figures: Option<Figures>,
    advice: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

#[derive(Serialize)]
struct Figures {
    format: &'static str,
    minutiae: u16,
    usable: u16,
    area_mm2: f32,
    quality: Option<u8>,
    power: f64,
}

#[derive(Serialize)]
struct Problem {
    field: String,
    code: u16,
    reason: &'static str,
    description: String,
}

impl From<&FieldViolation> for Problem {
    fn from(violation: &FieldViolation) -> Self {
        Self {
            field: violation.field.clone(),
            code: violation.reason.code(),
            reason: violation.reason.name(),
            description: violation.description.clone(),
        }
    }
}

impl Finger {
    fn of(report: &CaptureReport, finger: &CheckedFinger) -> Self {
        Self {
            sample: finger.sample,
            view: finger.view,
            position: finger.position.to_string(),
            told_by: source(finger.source),
            counted: finger.counted,
            figures: finger.measured.map(|one| Figures {
                format: format(one.format),
                minutiae: one.minutiae,
                usable: one.cylinders,
                area_mm2: one.area,
                quality: one.quality,
                power: one.power,
            }),
            advice: advice(report, finger),
            problem: finger.problem.as_ref().map(Problem::from),
        }
    }
}

fn light(light: CaptureLight) -> &'static str {
    match light {
        CaptureLight::Ready => "ready",
        CaptureLight::CaptureAgain => "capture-again",
        CaptureLight::NotEnough => "not-enough",
    }
}

fn source(source: PositionSource) -> &'static str {
    match source {
        PositionSource::Unknown => "nobody",
        PositionSource::Declared => "sender",
        PositionSource::Recorded => "record",
    }
}

fn format(format: RecordFormat) -> &'static str {
    match format {
        RecordFormat::Iso2005 => "ISO 19794-2:2005",
        RecordFormat::Iso2011 => "ISO 19794-2:2011",
        RecordFormat::Ansi2004 => "ANSI 378-2004",
        RecordFormat::Ansi2009 => "ANSI 378-2009",
        RecordFormat::Ansi2009Amendment1 => "ANSI 378-2009/Am1",
    }
}

/// The finger, or the place of the sample if nobody knows which it is.
fn finger_name(finger: &CheckedFinger) -> String {
    match finger.source {
        PositionSource::Unknown => format!("fingers[{}]", finger.sample),
        PositionSource::Declared | PositionSource::Recorded => finger.position.to_string(),
    }
}

fn advice(report: &CaptureReport, finger: &CheckedFinger) -> String {
    match finger.advice {
        CaptureAdvice::Keep if !finger.counted => "spare".to_owned(),
        CaptureAdvice::Keep => "keep".to_owned(),
        CaptureAdvice::CaptureAgain(Weakness::FewMinutiae) => "capture again: too few minutiae".to_owned(),
        CaptureAdvice::CaptureAgain(Weakness::SmallArea) => {
            "capture again: too little of the finger".to_owned()
        }
        CaptureAdvice::CaptureAgain(Weakness::RepeatedMinutiae) => {
            "capture again: repeated minutiae".to_owned()
        }
        CaptureAdvice::WrongFormat => "wrong format".to_owned(),
        CaptureAdvice::WrongPosition => "wrong position".to_owned(),
        CaptureAdvice::SameFingerTwice { other } => {
            let other = report.fingers.get(usize::from(other)).map_or_else(String::new, finger_name);
            format!("same finger as {other}")
        }
    }
}

/// Rounded down: nothing is certain.
fn percent(power: f64) -> String {
    format!("{:.1} %", (power.clamp(0.0, 0.9999) * 1000.0).floor() / 10.0)
}
