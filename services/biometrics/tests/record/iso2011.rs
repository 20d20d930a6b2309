//! ISO/IEC 19794-2:2011.

use plinth_biometrics::record::{
    FingerPosition, FingerRecord, FingerView, MinutiaKind, RecordError, RecordFormat,
};

use crate::{ansi2009, every_defect_is_named, format_of, minutia, with};

/// Two views: the first certified, with two quality blocks, minutiae with qualities and extended data; the second with
/// none of these.
pub(crate) const GOLDEN: &[u8] = &[
    b'F', b'M', b'R', 0, // format identifier
    b'0', b'3', b'0', 0, // version
    0, 0, 0, 119, // length of the record
    0, 2, // views
    1, // views tell certifications
    // first view
    0, 0, 0, 64, // its length
    0x07, 0xdb, 12, 15, 10, 20, 30, 0x01, 0xf4, // 2011-12-15 10:20:30.500
    4,    // monochromatic visible optical sensor
    0x00, 0x2a, // its vendor
    0x00, 0x07, // its type
    2,    // quality blocks
    255, 0x00, 0x2a, 0x00, 0x01, // could not be told by algorithm 1 of vendor 42
    73, 0x00, 0x2a, 0x00, 0x02, // 73 by algorithm 2
    1,    // certification
    0x00, 0x10, 2, // by authority 16, scheme 2
    6, // left thumb
    0, // view 0
    0x00, 0xc5, // 197 pixels a centimetre across
    0x00, 0xc5, // and down
    0,    // live-scan plain
    0x01, 0x2c, // width 300
    0x01, 0x90, // height 400
    0x60, // six bytes a minutia; ridge endings at the fork of the valley
    2,    // minutiae
    0x40, 0x0a, 0x00, 0x14, 0x40, 90, // ending at (10, 20), 90 degrees, quality 90
    0x81, 0x2b, 0x01, 0x8f, 0xff, 254, // bifurcation at (299, 399), 358.6 degrees, quality not told
    0, 4, // extended data: four bytes
    0x01, 0x00, 0x00, 0x04, // an area of a vendor's own, empty
    // second view
    0, 0, 0, 40, // its length
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // date and time not told
    0,    // sensor not told
    0x00, 0x00, // nor its vendor
    0x00, 0x00, // nor its type
    0,    // quality blocks
    0,    // certifications
    0,    // unknown finger
    3,    // view 3
    0x00, 0xc5, // 197 pixels a centimetre across
    0x00, 0xc5, // and down
    24,   // live-scan optical contactless
    0x01, 0x2c, // width 300
    0x01, 0x90, // height 400
    0x51, // five bytes a minutia; ridge endings at the end of the ridge
    1,    // minutia
    0x00, 0x00, 0x00, 0x05, 0x80, // other, at (0, 5), 180 degrees
    0, 0, // no extended data
];

fn golden() -> FingerRecord {
    let first = FingerView {
        position: FingerPosition::LeftThumb,
        view: 0,
        impression: 0,
        quality: 73,
        minutiae: vec![
            minutia(10, 20, 0x40, MinutiaKind::Ending, 90),
            minutia(299, 399, 0xff, MinutiaKind::Bifurcation, 0),
        ],
    };
    let second = FingerView {
        position: FingerPosition::Unknown,
        view: 3,
        impression: 24,
        quality: 0,
        minutiae: vec![minutia(0, 5, 0x80, MinutiaKind::Other, 0)],
    };
    FingerRecord { width: 300, height: 400, x_resolution: 197, y_resolution: 197, views: vec![first, second] }
}

#[test]
fn the_golden_record_decodes_to_what_its_comments_say() {
    assert_eq!(FingerRecord::decode(GOLDEN), Ok(golden()));
    assert_eq!(format_of(GOLDEN), Ok(RecordFormat::Iso2011));
}

/// What is written of the golden record.
const ENCODED: &[u8] = &[
    b'F', b'M', b'R', 0, // format identifier
    b'0', b'3', b'0', 0, // version
    0, 0, 0, 105, // length of the record
    0, 2, // views
    0, // views tell no certifications
    // first view
    0, 0, 0, 51, // its length
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // date and time not told
    0, 0, 0, 0, 0, // capture device not told
    1, // quality block
    73, 0, 0, 0, 0, // 73, not told by whom
    6, // left thumb
    0, // view 0
    0x00, 0xc5, 0x00, 0xc5, // 197 pixels a centimetre
    0,    // live-scan plain
    0x01, 0x2c, 0x01, 0x90, // 300 by 400 pixels
    0x60, // six bytes a minutia
    2,    // minutiae
    0x40, 0x0a, 0x00, 0x14, 0x40, 90, // ending at (10, 20), 90 degrees, quality 90
    0x81, 0x2b, 0x01, 0x8f, 0xff, 254, // bifurcation at (299, 399), 358.6 degrees, quality not told
    0, 0, // no extended data
    // second view
    0, 0, 0, 39, // its length
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // date and time not told
    0, 0, 0, 0, 0, // capture device not told
    0, // quality blocks
    0, // unknown finger
    3, // view 3
    0x00, 0xc5, 0x00, 0xc5, // 197 pixels a centimetre
    24,   // live-scan optical contactless
    0x01, 0x2c, 0x01, 0x90, // 300 by 400 pixels
    0x50, // five bytes a minutia
    1,    // minutia
    0x00, 0x00, 0x00, 0x05, 0x80, // other, at (0, 5), 180 degrees
    0, 0, // no extended data
];

#[test]
fn encoding_drops_extended_data_certifications_and_makers_and_nothing_else() {
    assert_eq!(golden().encode_as(RecordFormat::Iso2011), ENCODED);
    assert_eq!(FingerRecord::decode(ENCODED), Ok(golden()));
}

#[test]
fn every_defect_has_an_error_that_names_its_field_and_place() {
    every_defect_is_named(
        GOLDEN,
        &[
            (&[(6, b'1')], RecordError::Version),
            (&[(11, 122)], RecordError::Length { declared: 122, actual: 119 }),
            (&[(13, 3)], RecordError::Truncated { field: "view length", offset: 119 }),
            (&[(13, 1)], RecordError::Trailing { offset: 79, bytes: 40 }),
            (&[(18, 65)], RecordError::ViewLength { view: 0, offset: 15, declared: 65, actual: 64 }),
            (&[(82, 39)], RecordError::ViewLength { view: 1, offset: 79, declared: 39, actual: 40 }),
            (&[(48, 15)], RecordError::Position { view: 0, offset: 48, code: 15 }),
            (&[(49, 16)], RecordError::Nibble { field: "view number", view: 0 }),
            (&[(51, 49)], RecordError::Resolution { field: "x resolution", offset: 50, value: 49 }),
            (&[(55, 0x40)], RecordError::ImageSize { field: "image width", offset: 55, value: 0x402c }),
            (&[(59, 0x40)], RecordError::MinutiaLength { view: 0, offset: 59, bytes: 4 }),
            (&[(60, 0)], RecordError::NoMinutiae { view: 0, offset: 60 }),
            (&[(67, 0xc1)], RecordError::Kind { view: 0, minutia: 1, offset: 67 }),
            (&[(68, 0x2c)], RecordError::Coordinates { view: 0, minutia: 1, offset: 67 }),
            (&[(78, 5)], RecordError::ExtendedData { view: 0, offset: 75 }),
        ],
    );
    // A flag that nobody knows leaves it open whether certifications follow. The header could be either standard's
    // then, and the record is neither.
    assert!(with(GOLDEN, &[(14, 2)]).is_err());
}

#[test]
fn a_missing_certification_count_is_noticed_by_the_length() {
    assert!(with(GOLDEN, &[(14, 0)]).is_err());
}

#[test]
fn every_truncation_is_refused_with_the_length_as_declared_or_mended() {
    for length in 0..GOLDEN.len() {
        let mut bytes = GOLDEN[..length].to_vec();
        assert!(FingerRecord::decode(&bytes).is_err());
        if length >= 12 {
            bytes[11] = u8::try_from(length).unwrap();
            assert!(FingerRecord::decode(&bytes).is_err(), "{length}");
        }
    }
    // The second view cut off and not counted is a record again.
    let mut first = GOLDEN[..79].to_vec();
    (first[11], first[13]) = (79, 1);
    assert_eq!(FingerRecord::decode(&first).map(|record| record.views.len()), Ok(1));
}

/// A record that both standards of version 030 read whole, each with other minutiae.
fn two_faced() -> Vec<u8> {
    let mut bytes = b"FMR\x00030\0".to_vec();
    bytes.extend([0; 4]); // the length, written last
    bytes.extend([0, 1]); // one view                          | product owner 1
    bytes.push(0); // no certifications                        | product type
    bytes.extend([0; 4]); // length of the view, written last  | type, certification, device
    // The date begins with the number of views and the reserved byte of the other standard, which then goes on with
    // position, view number, impression, quality and the owner of its algorithm.
    bytes.extend([1, 0, 2, 0, 0, 50, 0, 0, 0]);
    bytes.push(0); // technology                               | quality algorithm
    bytes.extend([1, 0x2c]); // vendor                         | width 300
    bytes.extend([1, 0x2c]); // type                           | height 300
    bytes.push(1); // one quality block                        | x resolution 0x01..
    bytes.extend([100, 0, 197, 1, 0]); //                      | ..64, y resolution 197, one minutia, ..
    bytes.extend([2, 0]); // right index, view 0               | at (2, 0..
    bytes.extend([0, 100]); // x resolution 100                | ..0), 200 degrees
    bytes.extend([0, 100]); // y resolution 100                | quality 0, extended data 0x64..
    bytes.push(0); // impression                               | ..00
    bytes.extend([1, 0]); // width 256                         | area type
    bytes.extend([0, 200]); // height 200                      | area length 200
    let area = bytes.len() - 4;
    bytes.extend([0x50, 1]); // one minutia of five bytes
    bytes.extend([0x40, 7, 0, 7, 7]);
    let end = area + 0x6400;
    let extended = end - bytes.len() - 2;
    bytes.extend(u16::try_from(extended).unwrap().to_be_bytes());
    let own = bytes.len();
    bytes.resize(end, 0);
    // One area for either standard; that of the other begins where its first one of 200 bytes ends.
    let [left, whole] =
        [end - (area + 200), extended].map(|length| u16::try_from(length).unwrap().to_be_bytes());
    bytes[area + 202..area + 204].copy_from_slice(&left);
    bytes[own + 2..own + 4].copy_from_slice(&whole);
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[15..19].copy_from_slice(&(length - 15).to_be_bytes());
    bytes
}

#[test]
fn a_record_of_two_standards_at_once_is_refused() {
    let mut bytes = two_faced();
    assert_eq!(format_of(&bytes), Err(RecordError::Ambiguous));
    bytes[15 + 3] ^= 1; // the length of ISO's view
    assert_eq!(format_of(&bytes), Ok(RecordFormat::Ansi2009));
    let mut bytes = two_faced();
    bytes[42] = 200; // ISO's resolution, and an angle that the other standard does not have
    assert_eq!(format_of(&bytes), Ok(RecordFormat::Iso2011));
}

#[test]
fn the_standards_of_version_030_are_told_apart_without_asking() {
    assert_eq!(format_of(GOLDEN), Ok(RecordFormat::Iso2011));
    assert_eq!(format_of(ansi2009::GOLDEN), Ok(RecordFormat::Ansi2009));
}
