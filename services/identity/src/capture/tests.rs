use plinth_biometrics::record::FingerView;
use plinth_biometrics::synthetic::SyntheticPerson;
use proptest::prelude::*;

use super::*;
use FingerPosition::{LeftIndex, LeftRing, RightIndex, RightThumb, Unknown};

const FMR: f64 = 3e-4;

fn sample(position: FingerPosition, record: &FingerRecord) -> FingerSample {
    FingerSample { position, record: record.encode() }
}

fn touch(person: u64, position: FingerPosition, capture: u32) -> FingerRecord {
    SyntheticPerson::new(1, person).capture(position, capture)
}

/// A person's fingers, one sample each.
fn hands(person: u64, positions: &[FingerPosition]) -> Vec<FingerSample> {
    positions.iter().map(|position| sample(*position, &touch(person, *position, 0))).collect()
}

/// What is left of a touch when so many minutiae are.
fn faint(person: u64, position: FingerPosition, minutiae: usize) -> FingerRecord {
    let mut record = touch(person, position, 0);
    record.views[0].minutiae.truncate(minutiae);
    record
}

fn report(samples: &[FingerSample]) -> CaptureReport {
    CaptureReport::of(samples, FMR).unwrap()
}

fn problem(finger: &CheckedFinger) -> Option<(&str, Reason)> {
    finger.problem.as_ref().map(|violation| (violation.field.as_str(), violation.reason))
}

#[test]
fn ten_good_fingers_are_ready_and_nothing_is_to_be_done() {
    let report = report(&hands(3, &FingerPosition::ALL));
    assert_eq!(report.light, CaptureLight::Ready, "{}", report.sentence());
    assert_eq!((report.refusal.as_ref(), report.missing.len(), report.fingers.len()), (None, 0, 10));
    assert!(report.power > 0.999 && report.sentence().starts_with("Ready: "), "{}", report.sentence());
    for finger in &report.fingers {
        let measured = finger.measured.unwrap();
        assert!(finger.counted && finger.problem.is_none() && finger.source == PositionSource::Declared);
        assert!(measured.minutiae >= measured.cylinders && measured.cylinders >= 4 && measured.area > 10.0);
        assert!((0.0..1.0).contains(&measured.power) && measured.quality.is_some());
    }
}

#[test]
fn one_finger_is_not_enough_and_the_others_are_named() {
    let report = report(&hands(3, &[RightThumb]));
    assert_eq!(
        (report.light, report.refusal.as_ref(), report.missing.len()),
        (CaptureLight::NotEnough, None, 9)
    );
    let sentence = report.sentence();
    assert!(sentence.starts_with("Not enough: ") && sentence.contains("left ring"), "{sentence}");
}

#[test]
fn a_record_that_nobody_can_read_hides_none_of_the_others() {
    let mut samples = hands(3, &FingerPosition::ALL);
    samples[4].record.truncate(40);
    samples[7].record = b"FIR\0 not minutiae".to_vec();
    let report = report(&samples);
    assert_eq!((report.light, report.fingers.len()), (CaptureLight::CaptureAgain, 10));
    assert_eq!(report.capture_again().collect::<Vec<_>>(), [4, 7]);
    for index in [4, 7] {
        let finger = &report.fingers[index];
        assert_eq!((finger.advice, finger.counted), (CaptureAdvice::WrongFormat, false));
        assert!(finger.measured.is_none());
        assert_eq!(problem(finger), Some((format!("fingers[{index}].record").as_str(), Reason::Malformed)));
    }
    assert!(report.power > 0.99, "eight fingers are left");
    assert_eq!(report.refusal.as_ref().map(|violation| violation.field.as_str()), Some("fingers[4].record"));
    assert!(report.sentence().contains("right little (no finger record)"), "{}", report.sentence());
}

#[test]
fn a_finger_that_can_hardly_be_seen_is_to_be_captured_again() {
    let mut samples = hands(3, &[RightThumb, RightIndex, LeftIndex]);
    samples[1] = sample(RightIndex, &faint(3, RightIndex, 2));
    let report = report(&samples);
    let finger = &report.fingers[1];
    assert!(matches!(finger.advice, CaptureAdvice::CaptureAgain(_)) && !finger.counted, "{finger:?}");
    assert_eq!(problem(finger), Some(("fingers[1].record", Reason::NoBiometrics)));
    assert_eq!(report.light, CaptureLight::CaptureAgain);
}

#[test]
fn a_weak_finger_among_strong_ones_is_only_worth_another_try() {
    let mut samples = hands(3, &FingerPosition::ALL);
    samples[2] = sample(samples[2].position, &faint(3, samples[2].position, 9));
    let report = report(&samples);
    assert_eq!((report.light, report.refusal.as_ref()), (CaptureLight::Ready, None));
    assert_eq!(report.capture_again().collect::<Vec<_>>(), [2]);
    assert!(
        report.fingers[2].counted && report.sentence().contains("If there is time"),
        "{}",
        report.sentence()
    );
}

#[test]
fn one_finger_captured_under_two_names_is_found_out() {
    let mut samples = hands(3, &[RightThumb, RightIndex, LeftIndex, LeftRing]);
    let mut again = touch(3, RightIndex, 1);
    again.views[0].position = Unknown;
    samples[3] = sample(LeftRing, &again);
    let report = report(&samples);
    assert_eq!(report.fingers[1].advice, CaptureAdvice::SameFingerTwice { other: 3 });
    assert_eq!(report.fingers[3].advice, CaptureAdvice::SameFingerTwice { other: 1 });
    assert!(report.fingers[1].counted && !report.fingers[3].counted);
    // An enrolment compares with other people only: it would not notice.
    assert_eq!((report.light, report.refusal.as_ref()), (CaptureLight::CaptureAgain, None));
}

#[test]
fn one_record_under_two_names_and_one_name_for_two_records_are_refused_as_by_an_enrolment() {
    let mut samples = hands(3, &[RightThumb, RightIndex, LeftIndex]);
    samples[1].record = samples[0].record.clone();
    samples[1].position = Unknown;
    samples[2].position = RightThumb;
    samples[2].record = touch(4, LeftIndex, 0).encode();
    // A synthetic record names its own finger; here they leave it to the sender.
    for sample in &mut samples {
        let mut record = FingerRecord::decode(&sample.record).unwrap();
        record.views[0].position = Unknown;
        sample.record = record.encode();
    }
    let report = report(&samples);
    assert_eq!(problem(&report.fingers[1]), Some(("fingers[1].record", Reason::SameFingerTwice)));
    assert_eq!(problem(&report.fingers[2]), Some(("fingers[2].position", Reason::SameFingerTwice)));
    assert_eq!(report.fingers.iter().filter(|finger| finger.counted).count(), 1);
    assert_eq!(report.refusal.map(|violation| violation.reason), Some(Reason::SameFingerTwice));
}

#[test]
fn a_declaration_against_the_record_is_named() {
    let samples =
        vec![sample(RightThumb, &touch(3, RightIndex, 0)), sample(LeftIndex, &touch(3, LeftIndex, 0))];
    let report = report(&samples);
    assert_eq!(report.fingers[0].advice, CaptureAdvice::WrongPosition);
    assert_eq!(problem(&report.fingers[0]), Some(("fingers[0].position", Reason::Malformed)));
    assert!(!report.fingers[0].counted && report.fingers[1].counted);
}

#[test]
fn the_record_or_nobody_may_say_which_finger_it_is() {
    let mut open = touch(3, RightIndex, 0);
    open.views[0].position = Unknown;
    let report = report(&[sample(Unknown, &open), sample(Unknown, &touch(3, LeftIndex, 0))]);
    let told: Vec<_> = report.fingers.iter().map(|finger| (finger.position, finger.source)).collect();
    assert_eq!(told, [(Unknown, PositionSource::Unknown), (LeftIndex, PositionSource::Recorded)]);
    assert!(report.missing.is_empty(), "nobody knows what is missing");
}

#[test]
fn all_views_of_one_record_are_judged() {
    let record = SyntheticPerson::new(1, 3).record(0, &[RightThumb, RightIndex, LeftIndex, LeftRing]);
    let report = report(&[sample(Unknown, &record)]);
    let places: Vec<_> =
        report.fingers.iter().map(|finger| (finger.sample, finger.view, finger.position)).collect();
    assert_eq!(places, [(0, 0, RightThumb), (0, 1, RightIndex), (0, 2, LeftIndex), (0, 3, LeftRing)]);
    assert!(report.fingers.iter().all(|finger| finger.counted && finger.advice == CaptureAdvice::Keep));
}

#[test]
fn of_several_views_of_one_finger_the_best_counts_and_the_others_are_spare() {
    let mut record = faint(3, RightThumb, 9);
    record.views.push(touch(3, RightThumb, 1).views.remove(0));
    record.views[1].view = 1;
    record.views.extend(SyntheticPerson::new(1, 3).record(0, &[LeftIndex, LeftRing]).views);
    let report = report(&[sample(Unknown, &record)]);
    let counted: Vec<_> = report.fingers.iter().map(|finger| finger.counted).collect();
    assert_eq!(counted, [false, true, true, true]);
    assert!(report.fingers.iter().all(|finger| finger.advice == CaptureAdvice::Keep), "{report:?}");
    assert_eq!((report.light, report.refusal.as_ref()), (CaptureLight::Ready, None));
}

#[test]
fn every_format_is_named_and_judged_alike() {
    let record = SyntheticPerson::new(1, 3).record(0, &[RightThumb, RightIndex, LeftIndex]);
    for format in RecordFormat::ALL {
        let report = report(&[FingerSample { position: Unknown, record: record.encode_as(format) }]);
        assert!(report.fingers.iter().all(|finger| finger.measured.is_some_and(|one| one.format == format)));
        assert_eq!(report.light, CaptureLight::Ready, "{format:?}: {}", report.sentence());
    }
}

#[test]
fn more_minutiae_than_ten_full_views_are_refused_before_they_are_measured() {
    let mut record = touch(3, RightThumb, 0);
    let minutia = record.views[0].minutiae[0];
    record.views[0].minutiae = vec![minutia; 255];
    let view = record.views[0].clone();
    record.views = (0..16).map(|number| FingerView { view: number, ..view.clone() }).collect();
    let violation = CaptureReport::of(&[sample(Unknown, &record)], FMR).unwrap_err();
    assert_eq!((violation.field.as_str(), violation.reason), ("fingers", Reason::TooManyFingers));
}

#[test]
fn more_than_ten_fingers_and_none_are_refused() {
    let refused = |samples: &[FingerSample]| {
        let violation = CaptureReport::of(samples, FMR).unwrap_err();
        (violation.field, violation.reason)
    };
    assert_eq!(refused(&[]), ("fingers".to_owned(), Reason::Malformed));
    let eleven: Vec<_> = (0..11).map(|person| sample(Unknown, &touch(person, RightThumb, 0))).collect();
    assert_eq!(refused(&eleven), ("fingers".to_owned(), Reason::TooManyFingers));
    let ten = SyntheticPerson::new(1, 3).record(0, &FingerPosition::ALL);
    let packed = [sample(Unknown, &ten), sample(Unknown, &touch(4, RightThumb, 0))];
    assert_eq!(refused(&packed), ("fingers".to_owned(), Reason::TooManyFingers));
}

/// How a sample of a random request may be spoilt.
fn spoil(kind: u8, mut one: FingerSample) -> FingerSample {
    let mut record = FingerRecord::decode(&one.record).unwrap();
    let view: &mut FingerView = &mut record.views[0];
    match kind {
        0 => one.record.truncate(30),
        1 => view.minutiae.truncate(2),
        2 => view.position = LeftRing,
        3 => view.position = Unknown,
        4 => one.position = Unknown,
        5 => view.minutiae.extend(view.minutiae.clone()),
        6 => view.minutiae.iter_mut().for_each(|minutia| (minutia.x, minutia.y) = (9, 9)),
        _ => {}
    }
    if kind != 0 {
        one.record = record.encode();
    }
    one
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_an_enrolment_refuses_is_somebodys_problem_and_nothing_else_is(
        kinds in proptest::collection::vec((0u8..16, 0usize..10, 0u64..3), 1..8),
    ) {
        let samples: Vec<_> = kinds
            .iter()
            .map(|&(kind, finger, person)| {
                let position = FingerPosition::ALL[finger];
                spoil(kind, sample(position, &touch(person, position, 0)))
            })
            .collect();
        let report = report(&samples);
        let enrolled = Fingers::new(samples).and_then(|fingers| fingers.features());
        prop_assert_eq!(&enrolled.err(), &report.refusal);
        let problems: Vec<_> = report.fingers.iter().filter_map(|finger| finger.problem.clone()).collect();
        match &report.refusal {
            None => prop_assert_eq!(problems, Vec::new()),
            Some(refusal) => {
                let named = problems.iter().any(|one| one.field == refusal.field && one.reason == refusal.reason);
                prop_assert!(named, "{refusal:?} {problems:?}");
            }
        }
        let ready = report.light == CaptureLight::Ready;
        prop_assert!(!ready || (report.refusal.is_none() && report.power >= ENOUGH_POWER));
        prop_assert!((0.0..=1.0).contains(&report.power) && !report.sentence().is_empty());
        for index in report.capture_again() {
            prop_assert!(report.fingers[index].advice != CaptureAdvice::Keep);
        }
    }
}
