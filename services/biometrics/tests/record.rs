//! The record codec against golden bytes, and against everything that devices and attackers get wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

use plinth_biometrics::record::{
    FingerPosition, FingerRecord, FingerView, MAX_RECORD_BYTES, Minutia, MinutiaKind, RecordError,
};
use plinth_biometrics::{FingerFeatures, synthetic::SyntheticPerson};
use proptest::prelude::*;

/// Two views; the first with two minutiae and extended data, the second with one minutia.
const GOLDEN: &[u8] = &[
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
    let minutia = |x, y, angle, kind, quality| Minutia { x, y, angle, kind, quality };
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

fn with(changes: &[(usize, u8)]) -> Result<FingerRecord, RecordError> {
    let mut bytes = GOLDEN.to_vec();
    for &(at, byte) in changes {
        bytes[at] = byte;
    }
    FingerRecord::decode(&bytes)
}

#[test]
fn the_golden_record_decodes_to_what_its_comments_say() {
    assert_eq!(FingerRecord::decode(GOLDEN), Ok(golden()));
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
    let cases: [(&[(usize, u8)], RecordError); 15] = [
        (&[(0, b'G')], RecordError::Magic),
        (&[(5, b'3')], RecordError::Version),
        (&[(11, 59)], RecordError::Length { declared: 59, actual: 60 }),
        (&[(8, 255)], RecordError::Length { declared: 0xff00_003c, actual: 60 }),
        (&[(14, 0), (15, 0)], RecordError::ImageSize { field: "image width", offset: 14 }),
        (&[(19, 0)], RecordError::Resolution { field: "x resolution", offset: 18, value: 0 }),
        (&[(20, 0xff)], RecordError::Resolution { field: "y resolution", offset: 20, value: 0xffc5 }),
        (&[(22, 0)], RecordError::NoViews),
        (&[(22, 17)], RecordError::TooManyViews { views: 17 }),
        (&[(24, 11)], RecordError::Position { view: 0, offset: 24, code: 11 }),
        (&[(27, 0)], RecordError::NoMinutiae { view: 0, offset: 27 }),
        (&[(28, 0xc0)], RecordError::Kind { view: 0, minutia: 0, offset: 28 }),
        (&[(35, 0x2c)], RecordError::Coordinates { view: 0, minutia: 1, offset: 34 }),
        (&[(45, 7)], RecordError::ExtendedData { view: 0, offset: 42 }),
        (&[(22, 1)], RecordError::Trailing { offset: 48, bytes: 12 }),
    ];
    for (changes, error) in cases {
        assert_eq!(with(changes).err(), Some(error), "{changes:?}");
    }
    assert!(
        matches!(with(&[(45, 3)]), Err(RecordError::ExtendedData { .. })),
        "an area shorter than its own header"
    );
    assert!(matches!(with(&[(22, 3)]), Err(RecordError::Truncated { field: "finger position", .. })));
    let long = vec![0; MAX_RECORD_BYTES + 1];
    assert_eq!(
        FingerRecord::decode(&long).err(),
        Some(RecordError::TooLarge { bytes: MAX_RECORD_BYTES + 1 })
    );
}

#[test]
fn every_truncation_is_refused_with_the_length_as_declared_or_mended() {
    for length in 0..GOLDEN.len() {
        let mut bytes = GOLDEN[..length].to_vec();
        assert!(FingerRecord::decode(&bytes).is_err());
        if length >= 12 {
            bytes[11] = u8::try_from(length).unwrap();
            assert!(matches!(
                FingerRecord::decode(&bytes),
                Err(RecordError::Truncated { .. } | RecordError::ExtendedData { .. })
            ));
        }
    }
}

#[test]
fn records_built_by_hand_are_checked_like_decoded_ones() {
    assert_eq!(golden().check(), Ok(()));
    let broken = |change: fn(&mut FingerRecord)| {
        let mut record = golden();
        change(&mut record);
        record.encode(); // does not panic
        record.check().unwrap_err()
    };
    assert_eq!(broken(|r| r.views.clear()), RecordError::NoViews);
    assert_eq!(broken(|r| r.views[1].minutiae.clear()), RecordError::NoMinutiae { view: 1, offset: 45 });
    assert_eq!(broken(|r| r.views[0].view = 16), RecordError::Nibble { field: "view number", view: 0 });
    assert_eq!(
        broken(|r| r.views[0].minutiae[1].x = 300),
        RecordError::Coordinates { view: 0, minutia: 1, offset: 34 }
    );
    let many = |r: &mut FingerRecord| r.views[0].minutiae = vec![r.views[0].minutiae[0]; 256];
    assert_eq!(broken(many), RecordError::TooManyMinutiae { view: 0 });
}

#[test]
fn nothing_that_prints_shows_a_coordinate() {
    let record = golden();
    assert_eq!(format!("{record:?}"), "FingerRecord(2 views, 3 minutiae)");
    assert_eq!(format!("{:?}", record.views[0]), "FingerView(right-index, 2 minutiae)");
    assert_eq!(format!("{:?}", record.views[0].minutiae[0]), "Minutia(..)");
}

#[test]
fn positions_read_their_own_names_and_codes() {
    for position in FingerPosition::ALL.into_iter().chain([FingerPosition::Unknown]) {
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!(FingerPosition::try_from(position.code()), Ok(position));
    }
    assert_eq!(FingerPosition::try_from(11), Err(RecordError::PositionCode { code: 11 }));
    assert_eq!("Right-Thumb".parse::<FingerPosition>(), Err(RecordError::PositionName));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn any_bytes_are_refused_or_read_back_as_they_were_understood(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(record) = FingerRecord::decode(&bytes) {
            prop_assert_eq!(FingerRecord::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn flipped_bits_never_panic_anywhere_downstream(
        person in 0u64..20,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6),
    ) {
        let mut bytes = SyntheticPerson::new(9, person).capture(FingerPosition::LeftRing, 0).encode();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Ok(record) = FingerRecord::decode(&bytes) {
            prop_assert_eq!(record.check(), Ok(()));
            prop_assert_eq!(FingerRecord::decode(&record.encode()), Ok(record.clone()));
            for view in 0..record.views.len() {
                if let Ok(features) = FingerFeatures::extract(&record, view, FingerPosition::LeftRing) {
                    let score = plinth_biometrics::compare(&features, &features).value();
                    prop_assert!((0.0..=1.0).contains(&score));
                }
            }
        }
    }
}
