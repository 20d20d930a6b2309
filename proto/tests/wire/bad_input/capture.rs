//! The capture check.

use plinth_identity::capture::{CaptureAdvice, CaptureQuery, CaptureReport, Weakness};
use plinth_identity::reason::Reason;
use plinth_proto::convert::capture::encode_capture_query;
use plinth_proto::enrolment::v1;
use plinth_proto::person::v1::FingerSample;
use prost::Message;

use super::{malformed, refused, survives};
use crate::draw::Draw;

#[test]
fn a_capture_query_has_one_to_ten_samples_and_what_is_in_them_is_answered_later() {
    type Spoil = fn(&mut v1::CaptureQuery);
    let spoils: [(&str, Reason, Spoil); 5] = [
        ("header", Reason::Malformed, |wire| wire.header = None),
        ("fingers", Reason::Malformed, |wire| wire.fingers.clear()),
        ("fingers", Reason::TooManyFingers, |wire| wire.fingers = vec![FingerSample::default(); 11]),
        ("fingers[0].position", Reason::Malformed, |wire| wire.fingers[0].position = 11),
        ("fingers[0].position", Reason::Malformed, |wire| wire.fingers[0].position = -1),
    ];
    let bytes = encode_capture_query(&Draw::new(3).capture_query());
    for (field, reason, spoil) in spoils {
        assert_eq!(refused::<v1::CaptureQuery, CaptureQuery>(&bytes, spoil), (field.to_owned(), reason));
    }
    let mut wire = v1::CaptureQuery::decode(&bytes[..]).unwrap();
    wire.fingers = vec![FingerSample::default(); 10];
    assert!(CaptureQuery::try_from(wire).is_ok());
}

/// A report with two fingers, the first of which has figures and is to be captured again.
fn report() -> Vec<u8> {
    let report = (0..).map(|seed| Draw::new(seed).capture_report()).find(|report| {
        let first = report.fingers.first();
        let advice = CaptureAdvice::CaptureAgain(Weakness::SmallArea);
        report.fingers.len() > 1 && first.is_some_and(|one| one.measured.is_some() && one.advice == advice)
    });
    v1::CaptureReport::from(&report.unwrap()).encode_to_vec()
}

#[test]
fn every_field_of_a_capture_report_is_named_when_it_is_wrong() {
    type Spoil = fn(&mut v1::CaptureReport);
    fn figures(wire: &mut v1::CaptureReport) -> &mut v1::CaptureFigures {
        wire.fingers[0].figures.as_mut().unwrap()
    }
    fn unknown() -> v1::FieldViolation {
        v1::FieldViolation { field: "x".to_owned(), reason_code: 65_000, description: String::new() }
    }
    let spoils: [(&str, Spoil); 18] = [
        ("light", |wire| wire.light = 0),
        ("light", |wire| wire.light = 4),
        ("refusal.reason_code", |wire| wire.refusal = Some(unknown())),
        ("power", |wire| wire.power = f64::NAN),
        ("power", |wire| wire.power = 1.5),
        ("missing[0]", |wire| wire.missing = vec![0]),
        ("fingers[0].sample", |wire| wire.fingers[0].sample = 256),
        ("fingers[0].position", |wire| wire.fingers[0].position = 11),
        ("fingers[0].position_source", |wire| wire.fingers[0].position_source = 3),
        ("fingers[0].advice", |wire| (wire.fingers[0].advice, wire.fingers[0].weakness) = (0, 0)),
        ("fingers[0].weakness", |wire| wire.fingers[0].weakness = 0),
        ("fingers[0].weakness", |wire| wire.fingers[0].advice = 1),
        ("fingers[0].other", |wire| {
            (wire.fingers[0].advice, wire.fingers[0].weakness, wire.fingers[0].other) = (5, 0, 99);
        }),
        ("fingers[0].problem.reason_code", |wire| wire.fingers[0].problem = Some(unknown())),
        ("fingers[0].figures.format", |wire| figures(wire).format = 0),
        ("fingers[0].figures.area", |wire| figures(wire).area = f32::NAN),
        ("fingers[0].figures.quality", |wire| figures(wire).quality = 300),
        ("fingers[0].figures.power", |wire| figures(wire).power = -0.1),
    ];
    let bytes = report();
    for (field, spoil) in spoils {
        assert_eq!(refused::<v1::CaptureReport, CaptureReport>(&bytes, spoil), malformed(field));
    }
}

#[test]
fn altered_captures_never_panic() {
    for seed in 0..400 {
        let draw = &mut Draw::new(seed);
        let bytes = encode_capture_query(&draw.capture_query());
        survives::<v1::CaptureQuery, CaptureQuery>(draw, bytes);
        let bytes = v1::CaptureReport::from(&draw.capture_report()).encode_to_vec();
        survives::<v1::CaptureReport, CaptureReport>(draw, bytes);
    }
}
