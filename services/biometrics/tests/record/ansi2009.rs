//! ANSI/INCITS 378-2009, before and after its amendment.

use plinth_biometrics::record::{
    FingerPosition, FingerRecord, FingerView, MinutiaKind, RecordError, RecordFormat,
};

use crate::{every_defect_is_named, every_truncation_is_refused, format_of, minutia};

/// Two fingers from images of two sizes; the first with extended data.
pub(crate) const GOLDEN: &[u8] = &[
    b'F', b'M', b'R', 0, // format identifier
    b'0', b'3', b'0', 0, // version
    0, 0, 0, 83, // length of the record
    0x00, 0x42, // product owner
    0x00, 0x11, // product type
    0x80, // capture device: certified
    0x00, 0xb5, // and its identifier
    2,    // views
    0,    // reserved
    // first view
    2,  // right index finger
    0,  // view 0
    24, // live-scan optical contactless
    90, // quality
    0x00, 0x06, 0x00, 0x37, // quality algorithm: owner 6, identifier 55
    0x01, 0x2c, // width 300
    0x01, 0x90, // height 400
    0x00, 0xc5, // 197 pixels a centimetre across
    0x00, 0xc5, // and down
    2,    // minutiae
    0x40, 0x0a, 0x00, 0x14, 45, 90, // ending at (10, 20), 90 degrees, quality 90
    0x81, 0x2b, 0x01, 0x8f, 0, 254, // bifurcation at (299, 399), 0 degrees, quality not told
    0, 6, // extended data: six bytes
    0x00, 0x02, 0x00, 0x06, 0xab, 0xcd, // an area of type 2 and length 6, two bytes of content
    // second view
    0,   // unknown finger
    1,   // view 1
    29,  // impression type unknown
    254, // quality not told
    0x00, 0x00, 0x00, 0x00, // nor by whom
    0x02, 0x00, // width 512
    0x01, 0x00, // height 256
    0x00, 0xc5, // 197 pixels a centimetre across
    0x00, 0xc5, // and down
    1,    // minutia
    0x01, 0xff, 0x00, 0x05, 90, 255, // other, at (511, 5), 180 degrees, quality could not be told
    0, 0, // no extended data
];

fn golden() -> FingerRecord {
    let first = FingerView {
        position: FingerPosition::RightIndex,
        view: 0,
        impression: 24,
        quality: 90,
        minutiae: vec![
            minutia(10, 20, 64, MinutiaKind::Ending, 90),
            minutia(299, 399, 0, MinutiaKind::Bifurcation, 0),
        ],
    };
    let second = FingerView {
        position: FingerPosition::Unknown,
        view: 1,
        impression: 29,
        quality: 0,
        minutiae: vec![minutia(511, 5, 128, MinutiaKind::Other, 0)],
    };
    FingerRecord { width: 512, height: 400, x_resolution: 197, y_resolution: 197, views: vec![first, second] }
}

/// The same record with another version.
fn amended() -> Vec<u8> {
    let mut bytes = GOLDEN.to_vec();
    bytes[6] = b'5';
    bytes
}

#[test]
fn the_golden_record_decodes_to_what_its_comments_say() {
    for (bytes, format) in [(GOLDEN, RecordFormat::Ansi2009), (&amended(), RecordFormat::Ansi2009Amendment1)]
    {
        assert_eq!(FingerRecord::decode(bytes), Ok(golden()));
        assert_eq!(format_of(bytes), Ok(format));
    }
}

#[test]
fn encoding_drops_extended_data_and_makers_and_gives_all_views_one_size() {
    let mut expected = GOLDEN.to_vec();
    expected[80] = 254; // quality could not be told: it is not told
    expected[66..70].copy_from_slice(&[0x02, 0x00, 0x01, 0x90]);
    expected[29..33].copy_from_slice(&[0x02, 0x00, 0x01, 0x90]);
    expected[25..29].fill(0); // quality algorithm
    expected[12..19].fill(0); // product and capture device
    expected[51] = 0;
    expected.splice(52..58, []); // the extended data
    expected[11] -= 6;
    assert_eq!(golden().encode_as(RecordFormat::Ansi2009), expected);
    expected[6] = b'5';
    assert_eq!(golden().encode_as(RecordFormat::Ansi2009Amendment1), expected);
}

#[test]
fn every_defect_has_an_error_that_names_its_field_and_place() {
    for golden in [GOLDEN, &amended()] {
        every_defect_is_named(
            golden,
            &[
                (&[(6, b'1')], RecordError::Version),
                (&[(11, 84)], RecordError::Length { declared: 84, actual: 83 }),
                (&[(19, 0)], RecordError::NoViews { offset: 19 }),
                (&[(19, 161)], RecordError::TooManyViews { offset: 19, views: 161 }),
                (&[(21, 40)], RecordError::Position { view: 0, offset: 21, code: 40 }),
                (&[(22, 16)], RecordError::Nibble { field: "view number", view: 0 }),
                (&[(29, 0), (30, 0)], RecordError::ImageSize { field: "image width", offset: 29, value: 0 }),
                (&[(33, 9)], RecordError::Resolution { field: "x resolution", offset: 33, value: 0x09c5 }),
                (&[(37, 0)], RecordError::NoMinutiae { view: 0, offset: 37 }),
                (&[(38, 0xc0)], RecordError::Kind { view: 0, minutia: 0, offset: 38 }),
                (&[(42, 200)], RecordError::Angle { view: 0, minutia: 0, offset: 38 }),
                (&[(77, 2)], RecordError::Coordinates { view: 1, minutia: 0, offset: 75 }),
                (&[(76, 0xff), (75, 0x02)], RecordError::Coordinates { view: 1, minutia: 0, offset: 75 }),
                (&[(55, 200)], RecordError::ExtendedData { view: 0, offset: 52 }),
                (&[(19, 1)], RecordError::Trailing { offset: 58, bytes: 25 }),
            ],
        );
    }
}

#[test]
fn every_truncation_is_refused_with_the_length_as_declared_or_mended() {
    let mend = |bytes: &mut [u8]| bytes[11] = u8::try_from(bytes.len()).unwrap();
    every_truncation_is_refused(GOLDEN, mend);
    every_truncation_is_refused(&amended(), mend);
}

#[test]
fn a_view_at_another_resolution_is_brought_to_that_of_the_first() {
    let mut bytes = GOLDEN.to_vec();
    bytes[70..74].copy_from_slice(&[0x01, 0x8a, 0x01, 0x8a]); // 394 pixels a centimetre, twice as many
    let record = FingerRecord::decode(&bytes).unwrap();
    assert_eq!((record.width, record.height, record.x_resolution), (300, 400, 197));
    let [found] = record.views[1].minutiae[..] else { panic!("the view has one minutia") };
    assert_eq!((found.x, found.y), (255, 2));
    // A hundredfold finer first view: its image would be larger than coordinates can reach.
    bytes[33..37].copy_from_slice(&[0x03, 0xe8, 0x03, 0xe8]);
    bytes[70..74].copy_from_slice(&[0x00, 0x32, 0x00, 0x32]);
    bytes[66..68].copy_from_slice(&[0x20, 0x00]);
    assert_eq!(FingerRecord::decode(&bytes), Err(RecordError::Rescaled { view: 1 }));
}
