//! The body of an enrolment: the field at fault is named, whatever it is, on a call as on a stream.

use plinth_biometrics::record::FingerPosition;
use plinth_identity::reason::Reason;
use plinth_proto::convert::enrolment::Answer;
use plinth_proto::enrolment::v1::enrolment_service_client::EnrolmentServiceClient;
use plinth_proto::enrolment::v1::{EnrolManyRequest, EnrolmentRequest};
use plinth_proto::envelope::v1::RequestHeader;
use plinth_proto::person::v1::Demographics;

use crate::bench::{BEFORE, Bench, changed, hand, unnamed};

/// What is wrong, how it is made wrong, and the reason and field that are named.
pub(crate) type Case = (&'static str, fn(&mut EnrolmentRequest), Reason, &'static str);

const DAY_MS: u64 = 24 * 3_600_000;

fn header(body: &mut EnrolmentRequest) -> &mut RequestHeader {
    body.header.as_mut().unwrap()
}

fn person(body: &mut EnrolmentRequest) -> &mut Demographics {
    body.demographics.as_mut().unwrap()
}

/// Sends every case as a call of its own, then all of them in one stream: both name the same reason and field.
pub(crate) async fn refuse_all(cases: &[Case]) {
    let mut bench = Bench::new().await;
    let mut sent = Vec::new();
    for (index, (what, change, reason, field)) in cases.iter().enumerate() {
        let mut body = bench.enrolment();
        change(&mut body);
        let envelope = bench.signed_enrolment(&body);
        let refusal = bench.refuses_enrolment(what, envelope.clone(), *reason, field).await;
        let correlation = u64::try_from(index).unwrap();
        sent.push((EnrolManyRequest { correlation, envelope: Some(envelope) }, refusal));
    }
    let mut client = EnrolmentServiceClient::new(bench.channel.clone());
    let requests: Vec<_> = sent.iter().map(|(request, _)| request.clone()).collect();
    let mut answers = client.enrol_many(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut count = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        let answer = Answer::try_from(answer).unwrap();
        let index = usize::try_from(answer.correlation).unwrap();
        assert_eq!(answer.outcome.unwrap_err(), sent[index].1, "{}", cases[index].0);
        count += 1;
    }
    assert_eq!(count, cases.len());
    let good = bench.enrolment();
    bench.decides_enrolment(&good).await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_for_another_deployment_party_or_time_is_refused_at_its_field() {
    let cases: [Case; 18] = [
        ("no header", |b| b.header = None, Reason::Malformed, "header"),
        (
            "another audience",
            |b| header(b).audience = "0".repeat(32),
            Reason::WrongAudience,
            "header.audience",
        ),
        ("no audience", |b| header(b).audience.clear(), Reason::Malformed, "header.audience"),
        ("another party", |b| header(b).party = "south".to_owned(), Reason::SignatureInvalid, "header.party"),
        ("no party", |b| header(b).party.clear(), Reason::Malformed, "header.party"),
        ("an odd party", |b| header(b).party = "North Agency".to_owned(), Reason::Malformed, "header.party"),
        ("a long purpose", |b| header(b).purpose = "p".repeat(65), Reason::Malformed, "header.purpose"),
        ("a short id", |b| header(b).request_id.truncate(15), Reason::Malformed, "header.request_id"),
        ("no id", |b| header(b).request_id.clear(), Reason::Malformed, "header.request_id"),
        ("a long nonce", |b| header(b).nonce.push(0), Reason::Malformed, "header.nonce"),
        (
            "an end at its beginning",
            |b| header(b).not_after_ms = header(b).issued_at_ms,
            Reason::Malformed,
            "header.not_after_ms",
        ),
        (
            "an end before its beginning",
            |b| header(b).not_after_ms = BEFORE,
            Reason::Malformed,
            "header.not_after_ms",
        ),
        (
            "an end in 32 days",
            |b| header(b).not_after_ms = header(b).issued_at_ms + 32 * DAY_MS,
            Reason::Malformed,
            "header.not_after_ms",
        ),
        ("the end of time", |b| header(b).not_after_ms = u64::MAX, Reason::Malformed, "header.not_after_ms"),
        (
            "the future",
            |b| {
                header(b).issued_at_ms += 5_001;
                header(b).not_after_ms += 5_001;
            },
            Reason::FromFuture,
            "header.issued_at_ms",
        ),
        (
            "the far future",
            |b| {
                header(b).issued_at_ms = u64::MAX - 1;
                header(b).not_after_ms = u64::MAX;
            },
            Reason::FromFuture,
            "header.issued_at_ms",
        ),
        (
            "past its own end",
            |b| {
                header(b).issued_at_ms -= 60_000;
                header(b).not_after_ms = BEFORE;
            },
            Reason::Expired,
            "header.issued_at_ms",
        ),
        (
            "older than 30 days",
            |b| {
                header(b).issued_at_ms = BEFORE - 30 * DAY_MS;
                header(b).not_after_ms = BEFORE + DAY_MS;
            },
            Reason::Expired,
            "header.issued_at_ms",
        ),
    ];
    refuse_all(&cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn demographics_that_cannot_be_are_refused_at_their_field() {
    const NAME: &str = "demographics.name";
    const BIRTH: &str = "demographics.date_of_birth";
    let cases: [Case; 22] = [
        ("none", |b| b.demographics = None, Reason::Malformed, "demographics"),
        ("no name", |b| person(b).name.clear(), Reason::Malformed, NAME),
        ("spaces", |b| person(b).name = "   ".to_owned(), Reason::Malformed, NAME),
        ("nothing visible", |b| person(b).name = "\u{200b}\u{ad}".to_owned(), Reason::Malformed, NAME),
        ("digits", |b| person(b).name = "12345".to_owned(), Reason::Malformed, NAME),
        ("a control character", |b| person(b).name = "Asha\nRao".to_owned(), Reason::Malformed, NAME),
        ("201 characters", |b| person(b).name = "n".repeat(201), Reason::Malformed, NAME),
        ("no date", |b| person(b).date_of_birth.clear(), Reason::BadDate, BIRTH),
        ("30 February", |b| person(b).date_of_birth = "1990-02-30".to_owned(), Reason::BadDate, BIRTH),
        ("29 February 1900", |b| person(b).date_of_birth = "1900-02-29".to_owned(), Reason::BadDate, BIRTH),
        ("31 April", |b| person(b).date_of_birth = "1990-04-31".to_owned(), Reason::BadDate, BIRTH),
        ("month 0", |b| person(b).date_of_birth = "1990-00-10".to_owned(), Reason::BadDate, BIRTH),
        ("month 13", |b| person(b).date_of_birth = "1990-13-10".to_owned(), Reason::BadDate, BIRTH),
        ("day 0", |b| person(b).date_of_birth = "1990-04-00".to_owned(), Reason::BadDate, BIRTH),
        ("before 1850", |b| person(b).date_of_birth = "1849-12-31".to_owned(), Reason::BadDate, BIRTH),
        ("not yet born", |b| person(b).date_of_birth = "2026-01-03".to_owned(), Reason::BadDate, BIRTH),
        ("another order", |b| person(b).date_of_birth = "17-04-1990".to_owned(), Reason::BadDate, BIRTH),
        ("short", |b| person(b).date_of_birth = "1990-4-17".to_owned(), Reason::BadDate, BIRTH),
        ("other digits", |b| person(b).date_of_birth = "١٩٩٠-٠٤-١٧".to_owned(), Reason::BadDate, BIRTH),
        ("a sign", |b| person(b).date_of_birth = "+990-04-17".to_owned(), Reason::BadDate, BIRTH),
        ("no gender", |b| person(b).gender = 0, Reason::Malformed, "demographics.gender"),
        ("gender 9", |b| person(b).gender = 9, Reason::Malformed, "demographics.gender"),
    ];
    refuse_all(&cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fingers_that_are_too_many_the_same_or_not_what_they_are_declared_are_refused() {
    const RECORD_0: &str = "fingers[0].record";
    const RECORD_1: &str = "fingers[1].record";
    const POSITION_0: &str = "fingers[0].position";
    const POSITION_1: &str = "fingers[1].position";
    let cases: [Case; 18] = [
        ("none", |b| b.fingers.clear(), Reason::Malformed, "fingers"),
        (
            "eleven",
            |b| {
                b.fingers = hand(10);
                b.fingers.push(unnamed(&hand(1)[0].record, FingerPosition::Unknown));
            },
            Reason::TooManyFingers,
            "fingers",
        ),
        ("a thousand", |b| b.fingers = vec![hand(1).remove(0); 1000], Reason::TooManyFingers, "fingers"),
        (
            "eleven unknown fingers in one record",
            |b| {
                b.fingers.truncate(1);
                b.fingers[0].position = 0;
                b.fingers[0].record = changed(&b.fingers[0].record, |record| {
                    record.views[0].position = FingerPosition::Unknown;
                    record.views = vec![record.views[0].clone(); 11];
                });
            },
            Reason::TooManyFingers,
            "fingers",
        ),
        (
            "the same position declared twice",
            |b| {
                b.fingers[0] = unnamed(&b.fingers[0].record, FingerPosition::LeftThumb);
                b.fingers[1] = unnamed(&b.fingers[1].record, FingerPosition::LeftThumb);
            },
            Reason::SameFingerTwice,
            POSITION_1,
        ),
        (
            "the same position, declared and recorded",
            |b| b.fingers[1] = unnamed(&b.fingers[1].record, FingerPosition::RightThumb),
            Reason::SameFingerTwice,
            POSITION_1,
        ),
        ("the same finger twice", |b| b.fingers[1] = b.fingers[0].clone(), Reason::SameFingerTwice, RECORD_1),
        (
            "the same content as two fingers",
            |b| b.fingers[1] = unnamed(&b.fingers[0].record, FingerPosition::LeftIndex),
            Reason::SameFingerTwice,
            RECORD_1,
        ),
        (
            "the same content in another order",
            |b| {
                let record = changed(&b.fingers[0].record, |record| record.views[0].minutiae.reverse());
                b.fingers[1] = unnamed(&record, FingerPosition::LeftIndex);
            },
            Reason::SameFingerTwice,
            RECORD_1,
        ),
        ("a position that the record denies", |b| b.fingers[0].position = 6, Reason::Malformed, POSITION_0),
        ("position 11", |b| b.fingers[0].position = 11, Reason::Malformed, POSITION_0),
        ("position -1", |b| b.fingers[1].position = -1, Reason::Malformed, POSITION_1),
        ("no record", |b| b.fingers[0].record.clear(), Reason::Malformed, RECORD_0),
        ("not a record", |b| b.fingers[1].record = vec![0xff; 300], Reason::Malformed, RECORD_1),
        (
            "too few minutiae",
            |b| {
                b.fingers[0].record =
                    changed(&b.fingers[0].record, |record| record.views[0].minutiae.truncate(1));
            },
            Reason::NoBiometrics,
            RECORD_0,
        ),
        (
            "a minutia outside the image",
            |b| b.fingers[0].record = changed(&b.fingers[0].record, |record| record.width = 1),
            Reason::Malformed,
            RECORD_0,
        ),
        ("a long station", |b| b.station = "s".repeat(33), Reason::Malformed, "station"),
        ("an odd operator", |b| b.operator = "a\u{7}".to_owned(), Reason::Malformed, "operator"),
    ];
    refuse_all(&cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_cut_anywhere_longer_than_it_says_or_over_64_kib_is_refused_at_its_record() {
    let mut bench = Bench::new().await;
    let whole = hand(1).remove(0).record;
    let mut records: Vec<_> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    // The cut record that says itself how long it is now.
    records.extend((12..whole.len()).map(|length| {
        let mut record = whole[..length].to_vec();
        record[8..12].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        record
    }));
    records.push([whole.clone(), vec![0]].concat());
    let mut oversize = whole.clone();
    oversize.resize(65_537, 0);
    oversize[8..12].copy_from_slice(&65_537_u32.to_be_bytes());
    records.push(oversize);
    for record in records {
        let mut body = bench.enrolment();
        let what = format!("{} bytes", record.len());
        body.fingers[1].record = record;
        let envelope = bench.signed_enrolment(&body);
        bench.refuses_enrolment(&what, envelope, Reason::Malformed, "fingers[1].record").await;
    }
    let good = bench.enrolment();
    bench.decides_enrolment(&good).await;
    bench.finish().await;
}
