//! ISO/IEC 19794-2:2005.

use plinth_biometrics::record::{
    FingerPosition, FingerRecord, FingerView, MAX_RECORD_BYTES, MinutiaKind, RecordError, RecordFormat,
};

use crate::{every_defect_is_named, every_truncation_is_refused, format_of, minutia, small, with};

/// Two views; the first with two minutiae and extended data, the second with one minutia.
pub(crate) const GOLDEN: &[u8] = &[
    b'F', b'M', b'R', 0, // format identifier
    b' ', b'2', b'0', 0, // version
    0, 0, 0, 60, // length of the record
    0x80, 0x01, // capture device: certified, type 1
    0x01, 0x2c, // width 300
    0x01, 0x90, // height 400
    0x00, 0xc5, // 197 pixels a centimetre across
    0x00, 0xc5, // and down
    2,    // views
    0,    // reserved
    // first view
    2,    // right index finger
    0x10, // view 1, live-scan plain
    80,   // quality
    2,    // minutiae
    0x40, 0x0a, 0x00, 0x14, 0x40, 0x5a, // ending at (10, 20), 90 degrees, quality 90
    0x81, 0x2b, 0x01, 0x8f, 0xff, 0x00, // bifurcation at (299, 399), 358.6 degrees, no quality
    0, 6, // extended data: six bytes
    0x00, 0x02, 0x00, 0x06, 0xab, 0xcd, // an area of type 2 and length 6, two bytes of content
    // second view
    0,    // unknown finger
    0x01, // view 0, live-scan rolled
    0,    // no quality
    1,    // minutia
    0x00, 0x00, 0xc0, 0x05, 0x00, 0x00, // other, at (0, 5): the reserved bits of y are set, and ignored
    0, 0, // no extended data
];

fn golden() -> FingerRecord {
    let first = FingerView {
        position: FingerPosition::RightIndex,
        view: 1,
        impression: 0,
        quality: 80,
        minutiae: vec![
            minutia(10, 20, 0x40, MinutiaKind::Ending, 90),
            minutia(299, 399, 0xff, MinutiaKind::Bifurcation, 0),
        ],
    };
    let second = FingerView {
        position: FingerPosition::Unknown,
        view: 0,
        impression: 1,
        quality: 0,
        minutiae: vec![minutia(0, 5, 0, MinutiaKind::Other, 0)],
    };
    FingerRecord { width: 300, height: 400, x_resolution: 197, y_resolution: 197, views: vec![first, second] }
}

#[test]
fn the_golden_record_decodes_to_what_its_comments_say() {
    assert_eq!(FingerRecord::decode(GOLDEN), Ok(golden()));
    assert_eq!(format_of(GOLDEN), Ok(RecordFormat::Iso2005));
}

#[test]
fn encoding_drops_extended_data_device_and_reserved_bits_and_nothing_else() {
    let mut expected = GOLDEN.to_vec();
    expected.splice(42..48, []); // the extended data
    expected[41] = 0;
    expected[40] = 0;
    expected[11] -= 6;
    (expected[12], expected[13]) = (0, 0);
    expected[48] = 0; // the reserved bits of y
    assert_eq!(golden().encode(), expected);
}

#[test]
fn every_defect_has_an_error_that_names_its_field_and_place() {
    every_defect_is_named(
        GOLDEN,
        &[
            (&[(0, b'G')], RecordError::Magic),
            (&[(5, b'3')], RecordError::Version),
            (&[(11, 59)], RecordError::Length { declared: 59, actual: 60 }),
            (&[(14, 0), (15, 0)], RecordError::ImageSize { field: "image width", offset: 14, value: 0 }),
            (&[(16, 0x40)], RecordError::ImageSize { field: "image height", offset: 16, value: 0x4090 }),
            (&[(19, 0)], RecordError::Resolution { field: "x resolution", offset: 18, value: 0 }),
            (&[(20, 0xff)], RecordError::Resolution { field: "y resolution", offset: 20, value: 0xffc5 }),
            (&[(22, 0)], RecordError::NoViews { offset: 22 }),
            (&[(22, 161)], RecordError::TooManyViews { offset: 22, views: 161 }),
            (&[(24, 11)], RecordError::Position { view: 0, offset: 24, code: 11 }),
            (&[(27, 0)], RecordError::NoMinutiae { view: 0, offset: 27 }),
            (&[(28, 0xc0)], RecordError::Kind { view: 0, minutia: 0, offset: 28 }),
            (&[(35, 0x2c)], RecordError::Coordinates { view: 0, minutia: 1, offset: 34 }),
            (&[(45, 3)], RecordError::ExtendedData { view: 0, offset: 42 }), // shorter than its own header
            (&[(45, 7)], RecordError::ExtendedData { view: 0, offset: 42 }),
            (&[(22, 1)], RecordError::Trailing { offset: 48, bytes: 12 }),
        ],
    );
    assert!(matches!(
        with(GOLDEN, &[(22, 3)]),
        Err(RecordError::Truncated { field: "finger position", offset: 60 })
    ));
    let long = vec![0; MAX_RECORD_BYTES + 1];
    assert_eq!(
        FingerRecord::decode(&long).err(),
        Some(RecordError::TooLarge { bytes: MAX_RECORD_BYTES + 1 })
    );
}

#[test]
fn more_minutiae_than_there_are_are_refused() {
    let mut bytes = small(&[FingerPosition::Unknown]).encode();
    bytes[27] = 255;
    let refused = FingerRecord::decode(&bytes).err();
    assert_eq!(refused, Some(RecordError::Truncated { field: "minutia", offset: 34 }));
}

#[test]
fn every_truncation_is_refused_with_the_length_as_declared_or_mended() {
    every_truncation_is_refused(GOLDEN, |bytes| bytes[11] = u8::try_from(bytes.len()).unwrap());
}

#[test]
fn records_built_by_hand_are_checked_like_decoded_ones() {
    assert_eq!(golden().check(), Ok(()));
    let broken = |change: fn(&mut FingerRecord)| {
        let mut record = golden();
        change(&mut record);
        let _ = record.encode(); // does not panic
        record.check().unwrap_err()
    };
    assert_eq!(broken(|r| r.views.clear()), RecordError::NoViews { offset: 22 });
    assert_eq!(broken(|r| r.views[1].minutiae.clear()), RecordError::NoMinutiae { view: 1, offset: 45 });
    assert_eq!(broken(|r| r.views[0].view = 16), RecordError::Nibble { field: "view number", view: 0 });
    assert_eq!(
        broken(|r| r.views[1].impression = 16),
        RecordError::Nibble { field: "impression type", view: 1 }
    );
    assert_eq!(broken(|r| r.views[1].quality = 101), RecordError::Quality { view: 1 });
    assert_eq!(broken(|r| r.views[0].minutiae[1].quality = 254), RecordError::Quality { view: 0 });
    for outside in [300, 0x4000, u16::MAX] {
        let mut record = golden();
        record.views[0].minutiae[1].x = outside;
        let coordinates = RecordError::Coordinates { view: 0, minutia: 1, offset: 34 };
        assert_eq!(record.check(), Err(coordinates), "{outside}");
    }
    let many = |r: &mut FingerRecord| r.views[0].minutiae = vec![r.views[0].minutiae[0]; 256];
    assert_eq!(broken(many), RecordError::TooManyMinutiae { view: 0 });
    let views = |r: &mut FingerRecord| r.views = vec![r.views[1].clone(); 300];
    assert_eq!(broken(views), RecordError::TooManyViews { offset: 22, views: 255 });
}

#[test]
fn a_finger_may_have_sixteen_views_and_an_unknown_one_more() {
    let mut record = golden();
    record.views = vec![record.views[0].clone(); 16];
    assert_eq!(record.check(), Ok(()));
    record.views.push(record.views[0].clone());
    let finger = FingerPosition::RightIndex;
    assert_eq!(record.check(), Err(RecordError::TooManyViewsOfAFinger { finger, views: 17 }));
    for view in &mut record.views {
        view.position = FingerPosition::Unknown;
    }
    assert_eq!(record.check(), Ok(()));
}

#[test]
fn qualities_that_say_nothing_are_none() {
    let record = with(GOLDEN, &[(26, 101), (33, 255)]).unwrap();
    assert_eq!((record.views[0].quality, record.views[0].minutiae[0].quality), (0, 0));
}
