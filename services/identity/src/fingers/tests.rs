use super::*;

use plinth_biometrics::record::{Minutia, MinutiaKind, RecordFormat};
use plinth_biometrics::synthetic::SyntheticPerson;
use proptest::prelude::*;

use FingerPosition::{LeftIndex, RightIndex, RightThumb, Unknown};

fn sample(declared: FingerPosition, record: &FingerRecord) -> FingerSample {
    FingerSample { position: declared, record: record.encode() }
}

/// A small record with one view for each position, its minutiae different for each seed below 100.
fn record(seed: u16, positions: &[FingerPosition]) -> FingerRecord {
    let view = |(index, &position): (u16, &FingerPosition)| FingerView {
        position,
        view: 0,
        impression: 0,
        quality: 50,
        minutiae: (0..3).map(|i| minutia(100 * i + seed, 50 + index, 0)).collect(),
    };
    record_of((0..).zip(positions).map(view).collect())
}

fn record_of(views: Vec<FingerView>) -> FingerRecord {
    FingerRecord { width: 300, height: 300, x_resolution: 197, y_resolution: 197, views }
}

fn minutia(x: u16, y: u16, angle: u8) -> Minutia {
    Minutia { x, y, angle, kind: MinutiaKind::Ending, quality: 0 }
}

/// One right index finger with these minutiae.
fn finger(minutiae: Vec<Minutia>) -> FingerSample {
    let view = FingerView { position: RightIndex, view: 0, impression: 0, quality: 0, minutiae };
    sample(Unknown, &record_of(vec![view]))
}

fn refused(samples: Vec<FingerSample>) -> (String, Reason) {
    let violation = Fingers::new(samples).unwrap_err();
    (violation.field, violation.reason)
}

fn features(samples: Vec<FingerSample>) -> Result<Vec<FingerFeatures>, (String, Reason)> {
    Fingers::new(samples).unwrap().features().map_err(|violation| (violation.field, violation.reason))
}

#[test]
fn a_declared_position_fills_in_what_the_record_leaves_open() {
    let fingers = Fingers::new(vec![
        sample(RightThumb, &record(1, &[Unknown])),
        sample(Unknown, &record(2, &[RightIndex])),
        sample(LeftIndex, &record(3, &[LeftIndex])),
        sample(Unknown, &record(4, &[Unknown])),
        sample(Unknown, &record(5, &[Unknown])),
    ])
    .unwrap();
    assert_eq!(format!("{fingers:?}"), "[RightThumb, RightIndex, LeftIndex, Unknown, Unknown]");
    assert_eq!((fingers.count(), fingers.samples().len()), (5, 5));
}

#[test]
fn views_of_several_fingers_are_as_many_fingers() {
    let fingers = Fingers::new(vec![sample(Unknown, &record(1, &[RightThumb, Unknown, Unknown]))]).unwrap();
    assert_eq!(format!("{fingers:?}"), "[RightThumb, Unknown, Unknown]");
    assert_eq!((fingers.count(), fingers.samples().len()), (3, 1));
}

#[test]
fn views_of_one_finger_are_one_finger() {
    let record_names = record(1, &[RightThumb, RightIndex, RightThumb]);
    let fingers = Fingers::new(vec![sample(Unknown, &record_names)]).unwrap();
    assert_eq!(format!("{fingers:?}"), "[RightThumb, RightIndex]");
    let sender_names = record(1, &[Unknown, RightThumb, Unknown]);
    let fingers = Fingers::new(vec![sample(RightThumb, &sender_names)]).unwrap();
    assert_eq!(format!("{fingers:?}"), "[RightThumb]");
}

#[test]
fn the_view_with_the_most_cylinders_stands_for_its_finger() {
    let person = SyntheticPerson::new(1, 1);
    let views: Vec<_> = (0..4).flat_map(|capture| person.capture(RightIndex, capture).views).collect();
    let alone = |view: &FingerView| {
        let whole = person.capture(RightIndex, 0);
        let record = FingerRecord { views: vec![view.clone()], ..whole };
        FingerFeatures::extract(&record, 0, RightIndex).unwrap()
    };
    let counts: Vec<_> = views.iter().map(|view| alone(view).cylinder_count()).collect();
    let most = *counts.iter().max().unwrap();
    let best = counts.iter().position(|&count| count == most).unwrap();
    let best = alone(&views[best]).to_bytes();
    let mut together = FingerRecord { views, ..person.capture(RightIndex, 0) };
    let found = features(vec![sample(Unknown, &together)]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_bytes(), best);
    // One that cannot be used does no harm.
    together.views.insert(0, record(1, &[RightIndex]).views.remove(0));
    assert_eq!(features(vec![sample(Unknown, &together)]).unwrap()[0].to_bytes(), best);
}

#[test]
fn a_declaration_that_contradicts_the_record_is_malformed() {
    let samples = vec![sample(Unknown, &record(1, &[Unknown])), sample(RightThumb, &record(2, &[LeftIndex]))];
    assert_eq!(refused(samples), ("fingers[1].position".to_owned(), Reason::Malformed));
    let samples = vec![sample(RightThumb, &record(1, &[RightThumb, RightIndex]))];
    assert_eq!(refused(samples), ("fingers[0].position".to_owned(), Reason::Malformed));
}

#[test]
fn a_finger_is_not_sent_in_two_samples() {
    let twice = vec![sample(RightThumb, &record(1, &[Unknown])), sample(Unknown, &record(2, &[RightThumb]))];
    assert_eq!(refused(twice), ("fingers[1].position".to_owned(), Reason::SameFingerTwice));
    let same_bytes = vec![sample(Unknown, &record(1, &[Unknown])); 2];
    assert_eq!(refused(same_bytes), ("fingers[1].record".to_owned(), Reason::SameFingerTwice));
}

/// Makes a template look like another one.
type Dressing = fn(&mut Vec<Minutia>);

#[test]
fn one_template_at_two_positions_is_refused_however_it_is_dressed() {
    let person = SyntheticPerson::new(1, 1);
    let template = person.capture(RightIndex, 0);
    let dressed: [(&str, Dressing); 5] = [
        ("as it is", |_| {}),
        ("in another order", |minutiae| minutiae.reverse()),
        ("with minutiae left out", |minutiae| minutiae.truncate(minutiae.len() * 3 / 4)),
        ("with minutiae repeated", |minutiae| minutiae.extend_from_within(..10)),
        ("with minutiae put in between", |minutiae| minutiae.extend((0..30).map(|i| minutia(7 * i, 3, 9)))),
    ];
    for (what, change) in dressed {
        for format in RecordFormat::ALL {
            let mut other = template.clone();
            other.views[0].position = LeftIndex;
            change(&mut other.views[0].minutiae);
            let other = FingerSample { position: LeftIndex, record: other.encode_as(format) };
            let samples = vec![sample(RightIndex, &template), other];
            let expected = ("fingers[1].record".to_owned(), Reason::SameFingerTwice);
            assert_eq!(refused(samples), expected, "{what}, {format}");
        }
    }
    // Nor as two views of one record.
    let mut views = template.clone();
    views.views.push(FingerView { position: LeftIndex, ..template.views[0].clone() });
    assert_eq!(
        refused(vec![sample(Unknown, &views)]),
        ("fingers[0].record".to_owned(), Reason::SameFingerTwice)
    );
}

#[test]
fn two_touches_of_a_finger_and_the_fingers_of_a_hand_are_not_one_template() {
    for person in 0..20 {
        let person = SyntheticPerson::new(1, person);
        let mut both = person.record(0, &FingerPosition::ALL);
        both.views.extend(person.record(1, &FingerPosition::ALL).views);
        assert_eq!(Fingers::new(vec![sample(Unknown, &both)]).unwrap().count(), 10);
    }
}

#[test]
fn one_to_ten_fingers_are_accepted_however_they_are_packed() {
    let singles =
        |count: u16| (0..count).map(|i| sample(Unknown, &record(i, &[Unknown]))).collect::<Vec<_>>();
    assert_eq!(refused(Vec::new()), ("fingers".to_owned(), Reason::Malformed));
    assert_eq!(Fingers::new(singles(10)).unwrap().count(), 10);
    assert_eq!(refused(singles(11)), ("fingers".to_owned(), Reason::TooManyFingers));
    let mut packed = singles(9);
    packed.push(sample(Unknown, &record(99, &[RightThumb, RightIndex])));
    assert_eq!(refused(packed), ("fingers".to_owned(), Reason::TooManyFingers));
    let eleven = [FingerPosition::ALL.as_slice(), &[Unknown]].concat();
    assert_eq!(
        refused(vec![sample(Unknown, &record(1, &eleven))]),
        ("fingers".to_owned(), Reason::TooManyFingers)
    );
}

#[test]
fn a_request_has_at_most_160_views() {
    let many = |count: usize, seed| sample(Unknown, &record(seed, &vec![RightThumb; count]));
    assert_eq!(Fingers::new(vec![many(16, 1)]).unwrap().count(), 1);
    assert_eq!(refused(vec![many(17, 1)]), ("fingers[0].record".to_owned(), Reason::Malformed));
    // A declared position lets views leave theirs open.
    let declared = |declared, seed| sample(declared, &record(seed, &[Unknown; 80]));
    let mut samples = vec![declared(RightThumb, 1), declared(RightIndex, 2)];
    assert_eq!(Fingers::new(samples.clone()).unwrap().count(), 2);
    samples.push(sample(LeftIndex, &record(3, &[LeftIndex])));
    assert_eq!(refused(samples), ("fingers".to_owned(), Reason::TooManyFingers));
}

#[test]
fn an_eleventh_record_is_not_even_read() {
    let mut samples: Vec<_> = (0..10).map(|i| sample(Unknown, &record(i, &[Unknown]))).collect();
    samples.push(FingerSample { position: Unknown, record: Vec::new() });
    assert_eq!(refused(samples), ("fingers".to_owned(), Reason::TooManyFingers));
}

#[test]
fn a_finger_with_too_few_minutiae_is_no_biometrics() {
    let person = SyntheticPerson::new(1, 1);
    let good = person.capture(RightIndex, 0);
    let one_poor = vec![sample(RightIndex, &good), sample(Unknown, &record(1, &[Unknown]))];
    assert_eq!(features(one_poor).unwrap_err(), ("fingers[1].record".to_owned(), Reason::NoBiometrics));
    let features = features(vec![sample(RightIndex, &good)]).unwrap();
    assert_eq!(features.iter().map(FingerFeatures::position).collect::<Vec<_>>(), [RightIndex]);
}

#[test]
fn minutiae_that_say_nothing_are_no_biometrics() {
    let no_biometrics = Err(("fingers[0].record".to_owned(), Reason::NoBiometrics));
    let at_one_point = finger((0..=254).map(|angle| minutia(150, 150, angle)).collect());
    assert_eq!(features(vec![at_one_point]).map(drop), no_biometrics);
    let one_repeated = finger(vec![minutia(150, 150, 7); 255]);
    assert_eq!(features(vec![one_repeated]).map(drop), no_biometrics);
    let at_two_points = finger((0..=254).map(|i| minutia(150 + u16::from(i) % 2, 150, i)).collect());
    assert_eq!(features(vec![at_two_points]).map(drop), no_biometrics);
}

#[test]
fn repeating_minutiae_changes_nothing() {
    let template = SyntheticPerson::new(1, 1).capture(RightIndex, 0);
    let mut repeated = template.clone();
    let minutiae = &mut repeated.views[0].minutiae;
    *minutiae = minutiae.iter().cycle().take(255).copied().collect();
    let [once, often] =
        [&template, &repeated].map(|record| features(vec![sample(RightIndex, record)]).unwrap());
    assert_eq!(once[0].to_bytes(), often[0].to_bytes());
}

#[test]
fn minutiae_that_are_not_there_and_none_at_all_are_malformed() {
    let malformed = ("fingers[0].record".to_owned(), Reason::Malformed);
    for (format, count) in [
        (RecordFormat::Iso2005, 27),
        (RecordFormat::Iso2011, 46),
        (RecordFormat::Ansi2004, 29),
        (RecordFormat::Ansi2009, 37),
        (RecordFormat::Ansi2009Amendment1, 37),
    ] {
        let mut three = record(1, &[Unknown]);
        three.views[0].quality = 0;
        let bytes = three.encode_as(format);
        assert_eq!(bytes[count], 3, "{format}");
        for claim in [0, 255] {
            let mut bytes = bytes.clone();
            bytes[count] = claim;
            let samples = vec![FingerSample { position: Unknown, record: bytes }];
            assert_eq!(refused(samples), malformed, "{format}, {claim} minutiae");
        }
    }
}

#[test]
fn a_finger_of_many_full_views_costs_no_more_than_one() {
    // The first view is tried and uses up what may be tried; the second, which is better, is not reached.
    let person = SyntheticPerson::new(1, 1);
    let good = person.capture(RightIndex, 0);
    let full: Vec<_> = (0..=254).map(|angle| minutia(1, 1, angle)).collect();
    let mut views = good.clone();
    views.views.insert(0, FingerView { minutiae: full, ..good.views[0].clone() });
    let found = features(vec![sample(Unknown, &views)]);
    assert_eq!(found.map(drop), Err(("fingers[0].record".to_owned(), Reason::NoBiometrics)));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_a_named_field(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let samples = vec![FingerSample { position: Unknown, record: bytes }];
        if let Err(violation) = Fingers::new(samples) {
            prop_assert_eq!(violation.field, "fingers[0].record");
        }
    }

    #[test]
    fn a_flipped_bit_gives_fingers_or_a_named_field(
        format in prop::sample::select(RecordFormat::ALL.to_vec()),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut bytes = record(1, &[RightThumb, LeftIndex]).encode_as(format);
        let bit = flip.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Err(violation) = Fingers::new(vec![FingerSample { position: Unknown, record: bytes }]) {
            prop_assert!(violation.field.starts_with("fingers[0]."));
        }
    }
}
