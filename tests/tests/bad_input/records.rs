//! Finger records over the wire: every format is taken, several views of a finger are one finger, and what only looks
//! like fingers is refused at its record.

use plinth_biometrics::record::{FingerPosition, FingerRecord, Minutia, RecordFormat};
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_identity::reason::Reason;
use plinth_proto::enrolment::v1::{EnrolmentOutcome, EnrolmentRequest, EnrolmentStatement};
use plinth_proto::person::v1::FingerSample;
use prost::Message;

use crate::bench::{Bench, changed, hand};
use crate::enrolment::{Case, refuse_all};

const RECORD_0: &str = "fingers[0].record";
const RECORD_1: &str = "fingers[1].record";
const FORMATS: [RecordFormat; 5] = RecordFormat::ALL;

/// The same record in another format.
fn written_as(record: &[u8], format: RecordFormat) -> Vec<u8> {
    FingerRecord::decode(record).unwrap().encode_as(format)
}

/// Changes the minutiae of the first finger's record.
fn minutiae(body: &mut EnrolmentRequest, change: impl FnOnce(&mut Vec<Minutia>)) {
    let record = &mut body.fingers[0].record;
    *record = changed(record, |record| change(&mut record.views[0].minutiae));
}

/// Declares the second finger to be what the first one is, under its own position.
fn copy_to_second(body: &mut EnrolmentRequest, format: RecordFormat, change: fn(&mut Vec<Minutia>)) {
    let second = FingerPosition::try_from(u8::try_from(body.fingers[1].position).unwrap()).unwrap();
    let record = changed(&body.fingers[0].record, |record| {
        record.views[0].position = second;
        change(&mut record.views[0].minutiae);
    });
    body.fingers[1].record = written_as(&record, format);
}

/// What was decided of these fingers.
async fn outcome(bench: &mut Bench, fingers: Vec<FingerSample>) -> (EnrolmentOutcome, u32) {
    let body = EnrolmentRequest { fingers, ..bench.enrolment() };
    let answer = bench.decides_enrolment(&body).await;
    let statement = EnrolmentStatement::decode(&*answer.payload).unwrap();
    (statement.outcome(), statement.fingers)
}

/// A sample that declares no position.
fn undeclared(record: Vec<u8>) -> FingerSample {
    FingerSample { position: 0, record }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_person_is_recognised_in_every_format() {
    let mut bench = Bench::new().await;
    let person = SyntheticPerson::new(1, 7);
    assert_eq!(
        outcome(&mut bench, vec![undeclared(person.record(0, &FingerPosition::ALL).encode())]).await,
        (EnrolmentOutcome::Issued, 10)
    );
    for (format, capture) in FORMATS.into_iter().zip(1..) {
        let record = person.record(capture, &FingerPosition::ALL).encode_as(format);
        let decided = outcome(&mut bench, vec![undeclared(record)]).await.0;
        assert_eq!(decided, EnrolmentOutcome::Duplicate, "{format}");
    }
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_views_of_a_finger_are_one_finger() {
    let mut bench = Bench::new().await;
    let person = SyntheticPerson::new(1, 8);
    let two = [FingerPosition::RightThumb, FingerPosition::LeftRing];
    let mut record = person.record(0, &two);
    for capture in 1..4 {
        record.views.extend(person.record(capture, &two).views);
    }
    assert_eq!(outcome(&mut bench, vec![undeclared(record.encode())]).await, (EnrolmentOutcome::Issued, 2));
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_minutiae_do_not_hide_a_person() {
    let mut bench = Bench::new().await;
    assert_eq!(outcome(&mut bench, hand(4)).await.0, EnrolmentOutcome::Issued);
    let mut again = hand(4);
    for sample in &mut again {
        sample.record = changed(&sample.record, |record| {
            let minutiae = &mut record.views[0].minutiae;
            *minutiae = minutiae.iter().cycle().take(255).copied().collect();
        });
    }
    assert_eq!(outcome(&mut bench, again).await.0, EnrolmentOutcome::Duplicate);
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn minutiae_that_are_none_or_say_nothing_are_refused() {
    let cases: [Case; 6] = [
        ("no minutiae", |b| b.fingers[0].record[27] = 0, Reason::Malformed, RECORD_0),
        ("more than there are", |b| b.fingers[0].record[27] = 255, Reason::Malformed, RECORD_0),
        ("more views than there are", |b| b.fingers[0].record[22] = 160, Reason::Malformed, RECORD_0),
        (
            "all at one point",
            |b| {
                minutiae(b, |minutiae| {
                    let first = minutiae[0];
                    *minutiae = (0..=254).map(|angle| Minutia { angle, ..first }).collect();
                });
            },
            Reason::NoBiometrics,
            RECORD_0,
        ),
        (
            "one of them, many times",
            |b| minutiae(b, |minutiae| *minutiae = vec![minutiae[0]; 255]),
            Reason::NoBiometrics,
            RECORD_0,
        ),
        (
            "seventeen views of a thumb",
            |b| {
                let record = &mut b.fingers[0].record;
                *record = changed(record, |record| record.views = vec![record.views[0].clone(); 17]);
            },
            Reason::Malformed,
            RECORD_0,
        ),
    ];
    refuse_all(&cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_template_at_two_positions_is_refused_however_it_is_dressed() {
    let cases: [Case; 5] = [
        ("as it is", |b| copy_to_second(b, RecordFormat::Iso2005, |_| {}), Reason::SameFingerTwice, RECORD_1),
        (
            "in another format",
            |b| copy_to_second(b, RecordFormat::Ansi2004, |_| {}),
            Reason::SameFingerTwice,
            RECORD_1,
        ),
        (
            "with minutiae left out",
            |b| {
                copy_to_second(b, RecordFormat::Iso2011, |minutiae| minutiae.truncate(minutiae.len() * 3 / 4))
            },
            Reason::SameFingerTwice,
            RECORD_1,
        ),
        (
            "with minutiae repeated",
            |b| copy_to_second(b, RecordFormat::Ansi2009, |minutiae| minutiae.extend_from_within(..9)),
            Reason::SameFingerTwice,
            RECORD_1,
        ),
        (
            "as two views of one record",
            |b| {
                let record = changed(&b.fingers[0].record, |record| {
                    let mut second = record.views[0].clone();
                    second.position = FingerPosition::LeftLittle;
                    record.views.push(second);
                });
                b.fingers = vec![undeclared(record)];
            },
            Reason::SameFingerTwice,
            RECORD_0,
        ),
    ];
    refuse_all(&cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_cut_anywhere_is_refused_in_every_format() {
    let mut bench = Bench::new().await;
    let whole = hand(1).remove(0).record;
    for format in FORMATS {
        let record = written_as(&whole, format);
        // Every twentieth length, and those around the header.
        for length in (0..record.len()).filter(|length| *length < 40 || length % 20 == 0) {
            let mut body = bench.enrolment();
            body.fingers[1].record = record[..length].to_vec();
            let envelope = bench.signed_enrolment(&body);
            let what = format!("{length} bytes of {format}");
            bench.refuses_enrolment(&what, envelope, Reason::Malformed, RECORD_1).await;
        }
    }
    bench.finish().await;
}
