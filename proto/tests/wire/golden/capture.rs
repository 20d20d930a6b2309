//! The capture check.

use plinth_identity::application::{FingerPosition, FingerSample};
use plinth_identity::capture::{
    CaptureAdvice, CaptureLight, CaptureQuery, CaptureReport, CheckedFinger, Measured, PositionSource,
    RecordFormat, Weakness,
};
use plinth_identity::field::FieldViolation;
use plinth_proto::convert::capture::encode_capture_query;
use plinth_proto::enrolment::v1;
use prost::Message;

use super::{Hex, Record, Text, bytes, record, request, request_header};

#[test]
fn a_capture_query_has_these_bytes() {
    let samples = vec![
        FingerSample { position: FingerPosition::RightThumb, record: record() },
        FingerSample { position: FingerPosition::Unknown, record: b"no record".to_vec() },
    ];
    let query = CaptureQuery::new(request_header(), samples).unwrap();
    let expected = request(&[
        Hex("12 82 01"), // field 2, fingers, the first of 130 bytes
        Hex("08 01"),    //   field 1, position: right thumb
        Hex("12 7e"),    //   field 2, record, 126 bytes
        Record,
        Hex("12 0b"), // field 2, fingers, the second of 11 bytes (no field 1: no position)
        Hex("12 09"), //   field 2, record, 9 bytes
        Text("no record"),
    ]);
    assert_eq!(encode_capture_query(&query), expected);
}

fn unreadable() -> CheckedFinger {
    CheckedFinger {
        sample: 1,
        view: 0,
        position: FingerPosition::LeftRing,
        source: PositionSource::Declared,
        counted: false,
        measured: None,
        advice: CaptureAdvice::WrongFormat,
        problem: Some(FieldViolation::malformed("fingers[1].record", "no")),
    }
}

#[test]
fn a_capture_report_has_these_bytes() {
    let measured = Measured {
        format: RecordFormat::Iso2005,
        minutiae: 12,
        cylinders: 9,
        area: 0.5,
        quality: Some(80),
        power: 0.5,
    };
    let faint = CheckedFinger {
        sample: 0,
        view: 2,
        position: FingerPosition::RightThumb,
        source: PositionSource::Recorded,
        counted: true,
        measured: Some(measured),
        advice: CaptureAdvice::CaptureAgain(Weakness::SmallArea),
        problem: None,
    };
    let report = CaptureReport {
        light: CaptureLight::CaptureAgain,
        refusal: None,
        power: 0.25,
        fingers: vec![faint, unreadable()],
        missing: vec![FingerPosition::RightIndex, FingerPosition::LeftLittle],
    };
    let expected = bytes(&[
        Hex("08 02"), // field 1, light: capture again
        Hex("12 54"), // field 2, sentence, 84 characters (no field 3: no refusal)
        Text("Capture again: right thumb (too little of the finger), left ring (no finger record)."),
        Hex("21 00 00 00 00 00 00 d0 3f"), // field 4, power: 0.25
        Hex("2a 24"),                      // field 5, fingers, the first of 36 bytes (no field 1: sample 0)
        Hex("10 02"),                      //   field 2, view: 2
        Hex("18 01"),                      //   field 3, position: right thumb
        Hex("20 02"),                      //   field 4, position_source: recorded
        Hex("28 01"),                      //   field 5, counted
        Hex("32 16"),                      //   field 6, figures, 22 bytes
        Hex("08 01"),                      //     field 1, format: ISO 2005
        Hex("10 0c"),                      //     field 2, minutiae: 12
        Hex("18 09"),                      //     field 3, usable: 9
        Hex("25 00 00 00 3f"),             //     field 4, area: 0.5
        Hex("28 50"),                      //     field 5, quality: 80
        Hex("31 00 00 00 00 00 00 e0 3f"), //     field 6, power: 0.5
        Hex("38 02"),                      //   field 7, advice: capture again
        Hex("40 02"),                      //   field 8, weakness: small area
        Hex("2a 24"), // field 5, fingers, the second of 36 bytes (no field 2: view 0; 5: not counted; 6: no figures)
        Hex("08 01"), //   field 1, sample: 1
        Hex("18 09"), //   field 3, position: left ring
        Hex("20 01"), //   field 4, position_source: declared
        Hex("38 03"), //   field 7, advice: wrong format
        Hex("52 1a"), //   field 10, problem, 26 bytes
        Hex("0a 11"), //     field 1, field, 17 characters
        Text("fingers[1].record"),
        Hex("10 fe 03"), //     field 2, reason_code: 510
        Hex("1a 02"),    //     field 3, description, 2 characters
        Text("no"),
        Hex("32 02 00 01"), // field 6, capture_again, packed: 0 and 1
        Hex("3a 02 02 0a"), // field 7, missing, packed: right index and left little
    ]);
    assert_eq!(v1::CaptureReport::from(&report).encode_to_vec(), expected);
}

#[test]
fn a_finger_that_repeats_another_points_at_it() {
    let again = CheckedFinger {
        advice: CaptureAdvice::SameFingerTwice { other: 300 },
        problem: None,
        ..unreadable()
    };
    let expected = bytes(&[
        Hex("08 01"),    // field 1, sample: 1
        Hex("18 09"),    // field 3, position: left ring
        Hex("20 01"),    // field 4, position_source: declared
        Hex("38 05"),    // field 7, advice: same finger twice
        Hex("48 ac 02"), // field 9, other: 300
    ]);
    assert_eq!(v1::CheckedFinger::from(&again).encode_to_vec(), expected);
}
