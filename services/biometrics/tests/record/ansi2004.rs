//! ANSI/INCITS 378-2004.

use plinth_biometrics::record::{
    FingerPosition, FingerRecord, FingerView, MAX_RECORD_BYTES, MinutiaKind, RecordError, RecordFormat,
};

use crate::{every_defect_is_named, every_truncation_is_refused, format_of, iso2005, minutia, small};

/// Two views of one finger; the second with extended data.
pub(crate) const GOLDEN: &[u8] = &[
    b'F', b'M', b'R', 0, // format identifier
    b' ', b'2', b'0', 0, // version
    0, 64, // length of the record
    0x00, 0x1b, // product owner
    0x02, 0x01, // product type
    0x80, 0x07, // capture device: certified, identifier 7
    0x01, 0x2c, // width 300
    0x01, 0x90, // height 400
    0x00, 0xc5, // 197 pixels a centimetre across
    0x00, 0xc5, // and down
    2,    // views
    0,    // reserved
    // first view
    7,    // left index finger
    0x00, // view 0, live-scan plain
    60,   // quality
    2,    // minutiae
    0x40, 0x0a, 0x00, 0x14, 45, 90, // ending at (10, 20), 90 degrees, quality 90
    0x81, 0x2b, 0x01, 0x8f, 179, 0, // bifurcation at (299, 399), 358 degrees, no quality
    0, 0, // no extended data
    // second view
    7,    // left index finger
    0x12, // view 1, not live, plain
    0,    // no quality
    1,    // minutia
    0x00, 0x00, 0x00, 0x05, 16, 0, // other, at (0, 5), 32 degrees
    0, 8, // extended data: eight bytes
    0x00, 0x01, 0x00, 0x08, 0x01, 0x00, 0x01, 0x03, // ridge counts: an area of type 1 and length 8
];

fn golden() -> FingerRecord {
    let first = FingerView {
        position: FingerPosition::LeftIndex,
        view: 0,
        impression: 0,
        quality: 60,
        minutiae: vec![
            minutia(10, 20, 64, MinutiaKind::Ending, 90),
            minutia(299, 399, 255, MinutiaKind::Bifurcation, 0), // 358.6 degrees
        ],
    };
    let second = FingerView {
        position: FingerPosition::LeftIndex,
        view: 1,
        impression: 2,
        quality: 0,
        minutiae: vec![minutia(0, 5, 23, MinutiaKind::Other, 0)], // 32.3 degrees
    };
    FingerRecord { width: 300, height: 400, x_resolution: 197, y_resolution: 197, views: vec![first, second] }
}

/// The same record with a length of six bytes.
fn long_form() -> Vec<u8> {
    let mut bytes = GOLDEN.to_vec();
    bytes.splice(8..10, [0, 0, 0, 0, 0, 68]);
    bytes
}

#[test]
fn the_golden_record_decodes_to_what_its_comments_say() {
    for bytes in [GOLDEN, &long_form()] {
        assert_eq!(FingerRecord::decode(bytes), Ok(golden()));
        assert_eq!(format_of(bytes), Ok(RecordFormat::Ansi2004));
    }
}

#[test]
fn encoding_drops_extended_data_and_makers_and_nothing_else() {
    let mut expected = GOLDEN[..56].to_vec();
    expected[55] = 0; // length of the extended data
    expected[9] = 56;
    expected[10..16].fill(0); // product and capture device
    assert_eq!(golden().encode_as(RecordFormat::Ansi2004), expected);
}

#[test]
fn every_defect_has_an_error_that_names_its_field_and_place() {
    every_defect_is_named(
        GOLDEN,
        &[
            (&[(5, b'3')], RecordError::Version),
            (&[(9, 65)], RecordError::Length { declared: 65, actual: 64 }),
            (&[(8, 1)], RecordError::Length { declared: 320, actual: 64 }),
            (&[(8, 255)], RecordError::Length { declared: 0xff40, actual: 64 }),
            (&[(17, 0), (16, 0)], RecordError::ImageSize { field: "image width", offset: 16, value: 0 }),
            (&[(23, 1)], RecordError::Resolution { field: "y resolution", offset: 22, value: 1 }),
            (&[(24, 0)], RecordError::NoViews { offset: 24 }),
            (&[(24, 255)], RecordError::TooManyViews { offset: 24, views: 255 }),
            (&[(26, 13)], RecordError::Position { view: 0, offset: 26, code: 13 }),
            (&[(29, 0)], RecordError::NoMinutiae { view: 0, offset: 29 }),
            (&[(36, 0xc0)], RecordError::Kind { view: 0, minutia: 1, offset: 36 }),
            (&[(40, 180)], RecordError::Angle { view: 0, minutia: 1, offset: 36 }),
            (&[(38, 2)], RecordError::Coordinates { view: 0, minutia: 1, offset: 36 }),
            (&[(59, 9)], RecordError::ExtendedData { view: 1, offset: 56 }),
            (&[(24, 1)], RecordError::Trailing { offset: 44, bytes: 20 }),
        ],
    );
}

#[test]
fn every_truncation_is_refused_with_the_length_as_declared_or_mended() {
    // Without its extended data a record says so, and ends there.
    every_truncation_is_refused(GOLDEN, |bytes| bytes[9] = u8::try_from(bytes.len()).unwrap());
    every_truncation_is_refused(&long_form(), |bytes| bytes[13] = u8::try_from(bytes.len()).unwrap());
}

#[test]
fn a_length_never_fits_both_standards_of_version_20() {
    // Both read only the length before the rest: whatever follows an ISO length cannot make it ANSI's.
    for length in 24..=MAX_RECORD_BYTES {
        let iso = u32::try_from(length).unwrap().to_be_bytes();
        let short = usize::from(u16::from_be_bytes([iso[0], iso[1]]));
        assert_ne!(short, length);
        // The longer form begins with two zero bytes; then come ISO's lower two, and two that can be anything.
        let least = u32::from_be_bytes([iso[2], iso[3], 0, 0]);
        assert!(short != 0 || usize::try_from(least).unwrap() > length);
    }
    assert_eq!(format_of(iso2005::GOLDEN), Ok(RecordFormat::Iso2005));
}

#[test]
fn the_longest_record_is_written_with_a_long_length_and_told_from_iso() {
    // 65,536 bytes: every format's largest record, in which the ISO length begins with 1.
    let mut record = small(&[FingerPosition::Unknown; 43]);
    let [first, ..] = record.views[0].minutiae[..] else { panic!("a view has a minutia") };
    for view in &mut record.views {
        view.minutiae = vec![first; 252];
    }
    let fill = |format: RecordFormat, record: &FingerRecord| {
        let mut record = record.clone();
        // Extended data in the last view fills up what minutiae cannot.
        let mut bytes = record.encode_as(format);
        while bytes.len() > MAX_RECORD_BYTES {
            record.views[0].minutiae.pop();
            bytes = record.encode_as(format);
        }
        bytes
    };
    for (format, header) in [(RecordFormat::Iso2005, 4), (RecordFormat::Ansi2004, 6)] {
        let mut bytes = fill(format, &record);
        if format == RecordFormat::Ansi2004 && bytes[8..10] != [0, 0] {
            bytes.splice(8..10, [0; 6]);
        }
        let missing = MAX_RECORD_BYTES - bytes.len();
        if missing > 0 {
            assert!(missing >= 4, "{missing} bytes are too few for an area of extended data");
            let end = bytes.len() - 2;
            bytes[end..].copy_from_slice(&u16::try_from(missing).unwrap().to_be_bytes());
            bytes.extend([0, 9]);
            bytes.extend(u16::try_from(missing).unwrap().to_be_bytes());
            bytes.resize(MAX_RECORD_BYTES, 0);
        }
        let length = [0, 0, 0, 1, 0, 0];
        bytes[8..8 + header].copy_from_slice(&length[6 - header..]);
        if format == RecordFormat::Ansi2004 {
            bytes[8..14].copy_from_slice(&length);
        }
        assert_eq!(format_of(&bytes), Ok(format));
    }
}
