//! Laws that hold for every format.

use plinth_biometrics::record::{FingerPosition, FingerRecord, MAX_VIEWS, RecordError, RecordFormat};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_biometrics::{FingerFeatures, compare};
use proptest::prelude::*;

use crate::{ansi2004, ansi2009, iso2005, iso2011, small};

#[test]
fn every_format_carries_ten_fingers_in_one_record() {
    let record = SyntheticPerson::new(3, 1).record(0, &FingerPosition::ALL);
    for format in RecordFormat::ALL {
        let (found, decoded) = FingerRecord::decode_with_format(&record.encode_as(format)).unwrap();
        assert_eq!(found, format);
        let positions: Vec<_> = decoded.views.iter().map(|view| view.position).collect();
        assert_eq!(positions, FingerPosition::ALL, "{format}");
    }
}

#[test]
fn every_format_carries_as_many_views_as_are_accepted_and_no_more() {
    let views: Vec<_> = FingerPosition::ALL.iter().flat_map(|&finger| [finger; 16]).collect();
    assert_eq!(views.len(), MAX_VIEWS);
    let full = small(&views);
    let more = small(&[views, vec![FingerPosition::Unknown]].concat());
    for format in RecordFormat::ALL {
        assert_eq!(full.check_as(format), Ok(()));
        let refused = FingerRecord::decode(&more.encode_as(format)).unwrap_err();
        assert!(matches!(refused, RecordError::TooManyViews { views: 161, .. }), "{format}: {refused}");
    }
}

#[test]
fn a_finger_is_the_same_finger_in_every_format() {
    let person = SyntheticPerson::new(5, 2);
    let features =
        |record: &FingerRecord| FingerFeatures::extract(record, 0, FingerPosition::RightIndex).unwrap();
    let [first, second] = [0, 1].map(|capture| person.capture(FingerPosition::RightIndex, capture));
    let plain = compare(&features(&first), &features(&second)).value();
    for format in RecordFormat::ALL {
        let other = FingerRecord::decode(&second.encode_as(format)).unwrap();
        let score = compare(&features(&first), &features(&other)).value();
        assert!((score - plain).abs() < 0.03, "{format}: {score} instead of {plain}");
    }
}

#[test]
fn nothing_that_prints_shows_a_coordinate() {
    let record = FingerRecord::decode(iso2005::GOLDEN).unwrap();
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

/// What is true of any bytes: they are refused, or are a record that every format writes and reads back.
fn refused_or_read_back(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok((found, record)) = FingerRecord::decode_with_format(bytes) else { return Ok(()) };
    prop_assert_eq!(record.check_as(found), Ok(()));
    for format in RecordFormat::ALL {
        if record.check_as(format).is_err() {
            continue; // an impression type of the newer standards, or more bytes than are accepted
        }
        let read = FingerRecord::decode_with_format(&record.encode_as(format));
        let (same, mut read) = read.unwrap();
        prop_assert_eq!(same, format);
        // Angles of two degrees are the nearest to what they were, and then stay.
        for (view, own) in read.views.iter_mut().zip(&record.views) {
            for (minutia, own) in view.minutiae.iter_mut().zip(&own.minutiae) {
                let turn = minutia.angle.wrapping_sub(own.angle).min(own.angle.wrapping_sub(minutia.angle));
                prop_assert!(turn <= 1);
                minutia.angle = own.angle;
            }
        }
        prop_assert_eq!(&read, &record);
    }
    for view in 0..record.views.len() {
        if let Ok(features) = FingerFeatures::extract(&record, view, FingerPosition::LeftRing) {
            let score = compare(&features, &features).value();
            prop_assert!((0.0..=1.0).contains(&score));
        }
    }
    Ok(())
}

fn a_format() -> impl Strategy<Value = RecordFormat> {
    prop::sample::select(RecordFormat::ALL.to_vec())
}

/// One of the golden records.
fn a_golden_record() -> impl Strategy<Value = Vec<u8>> {
    let golden = [iso2005::GOLDEN, iso2011::GOLDEN, ansi2004::GOLDEN, ansi2009::GOLDEN];
    prop::sample::select(golden.map(<[u8]>::to_vec).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn any_bytes_are_refused_or_read_back_as_they_were_understood(
        signature in prop::sample::select(vec![b"FMR\0 20\0", b"FMR\x00030\0", b"FMR\x00035\0"]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        refused_or_read_back(&rest)?;
        refused_or_read_back(&[signature.as_slice(), &rest].concat())?;
    }

    #[test]
    fn flipped_bits_of_golden_records_never_panic_anywhere_downstream(
        mut bytes in a_golden_record(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6),
    ) {
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        refused_or_read_back(&bytes)?;
    }

    #[test]
    fn flipped_bits_of_real_sizes_never_panic_anywhere_downstream(
        person in 0u64..20,
        format in a_format(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6),
    ) {
        let mut bytes = SyntheticPerson::new(9, person).capture(FingerPosition::LeftRing, 0).encode_as(format);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        refused_or_read_back(&bytes)?;
    }

    #[test]
    fn records_cut_short_are_refused(
        person in 0u64..20,
        format in a_format(),
        length in any::<prop::sample::Index>(),
    ) {
        let bytes = SyntheticPerson::new(9, person).capture(FingerPosition::LeftRing, 0).encode_as(format);
        prop_assert!(FingerRecord::decode(&bytes[..length.index(bytes.len())]).is_err());
    }
}
