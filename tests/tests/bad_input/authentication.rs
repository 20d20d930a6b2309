//! The body of an authentication: what is wrong is malformed, and never a "no".

use plinth_biometrics::record::FingerPosition;
use plinth_identity::number::IdentityNumber;
use plinth_identity::reason::Reason;
use plinth_proto::authentication::v1::{AuthenticationRequest, DemographicClaim, Factor};
use plinth_proto::envelope::v1::RequestHeader;
use plinth_proto::person::v1::Gender;

use crate::bench::{BEFORE, Bench, NUMBER, hand, unnamed};

type Case = (&'static str, fn(&mut AuthenticationRequest), Reason, &'static str);

const DECLARED: &str = "declared";

fn header(body: &mut AuthenticationRequest) -> &mut RequestHeader {
    body.header.as_mut().unwrap()
}

fn claim(body: &mut AuthenticationRequest) -> &mut DemographicClaim {
    body.claim.as_mut().unwrap()
}

async fn refuse_all(cases: &[Case]) {
    let mut bench = Bench::new().await;
    for (what, change, reason, field) in cases {
        let mut body = bench.question();
        change(&mut body);
        let envelope = bench.signed_question(&body);
        bench.refuses_question(what, envelope, *reason, field).await;
    }
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_with_a_mistake_in_it_is_malformed_and_not_a_no() {
    let mut bench = Bench::new().await;
    let mut wrong: Vec<String> =
        ["", "12", "0", "not a number", "1234 5678 9012 3456", "٢٣٤٥٦٧٨٩٠١٢٣"].map(str::to_owned).to_vec();
    wrong.push(NUMBER[..11].to_owned());
    wrong.push(format!("{}0", *NUMBER));
    wrong.push(format!("1{}", &NUMBER[1..]));
    for place in 0..NUMBER.len() {
        for digit in '0'..='9' {
            let mut number = NUMBER.clone();
            number.replace_range(place..=place, &digit.to_string());
            wrong.push(number);
        }
        let mut digits = NUMBER.clone().into_bytes();
        if place + 1 < digits.len() {
            digits.swap(place, place + 1);
        }
        wrong.push(String::from_utf8(digits).unwrap());
    }
    for number in wrong.into_iter().filter(|number| *number != *NUMBER) {
        assert!(IdentityNumber::parse(&number).is_err());
        let body = AuthenticationRequest { number, ..bench.question() };
        let envelope = bench.signed_question(&body);
        // 16 digits are a virtual number, which has a reason of its own.
        let digits = body.number.bytes().filter(u8::is_ascii_digit).count();
        let reason = if digits == 16 { Reason::InvalidVirtualNumber } else { Reason::Malformed };
        bench.refuses_question("a wrong number", envelope, reason, "number").await;
    }
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_factors_that_are_not_those_sent_are_refused() {
    let cases: [Case; 9] = [
        ("nothing declared", |b| b.declared.clear(), Reason::Declaration, DECLARED),
        ("something else", |b| b.declared = vec![Factor::Gender.into()], Reason::Declaration, DECLARED),
        ("more than sent", |b| b.declared.push(Factor::Fingerprint.into()), Reason::Declaration, DECLARED),
        ("less than sent", |b| claim(b).gender = Gender::Male.into(), Reason::Declaration, DECLARED),
        ("fingers undeclared", |b| b.fingers = hand(1), Reason::Declaration, DECLARED),
        (
            "no factor at all",
            |b| {
                b.claim = None;
                b.declared.clear();
            },
            Reason::NoFactor,
            DECLARED,
        ),
        ("one twice", |b| b.declared.push(Factor::Name.into()), Reason::Malformed, "declared[1]"),
        ("unspecified", |b| b.declared.push(0), Reason::Malformed, "declared[1]"),
        ("an unknown one", |b| b.declared[0] = 99, Reason::Malformed, "declared[0]"),
    ];
    refuse_all(&cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_and_fingers_that_cannot_be_are_refused_at_their_field() {
    let cases: [Case; 10] = [
        ("an empty name", |b| claim(b).name = Some(String::new()), Reason::Malformed, "claim.name"),
        ("a long name", |b| claim(b).name = Some("n".repeat(201)), Reason::Malformed, "claim.name"),
        (
            "an impossible date",
            |b| claim(b).date_of_birth = Some("1990-02-30".to_owned()),
            Reason::BadDate,
            "claim.date_of_birth",
        ),
        (
            "an empty date",
            |b| claim(b).date_of_birth = Some(String::new()),
            Reason::BadDate,
            "claim.date_of_birth",
        ),
        ("gender 9", |b| claim(b).gender = 9, Reason::Malformed, "claim.gender"),
        (
            "eleven fingers",
            |b| {
                b.fingers = hand(10);
                b.fingers.push(unnamed(&hand(1)[0].record, FingerPosition::Unknown));
            },
            Reason::TooManyFingers,
            "fingers",
        ),
        (
            "the same finger twice",
            |b| b.fingers = vec![hand(1).remove(0); 2],
            Reason::SameFingerTwice,
            "fingers[1].record",
        ),
        (
            "a cut template",
            |b| {
                b.fingers = hand(2);
                b.fingers[1].record.truncate(40);
            },
            Reason::Malformed,
            "fingers[1].record",
        ),
        (
            "another audience",
            |b| header(b).audience = "0".repeat(32),
            Reason::WrongAudience,
            "header.audience",
        ),
        ("no header", |b| b.header = None, Reason::Malformed, "header"),
    ];
    refuse_all(&cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_out_of_its_time_is_refused_and_told_what_time_it_is() {
    let mut bench = Bench::new().await;
    let cases: [Case; 4] = [
        (
            "30 seconds and a millisecond old",
            |b| header(b).issued_at_ms = BEFORE - 30_000,
            Reason::Expired,
            "header.issued_at_ms",
        ),
        (
            "past its own end",
            |b| {
                header(b).issued_at_ms -= 10;
                header(b).not_after_ms = BEFORE;
            },
            Reason::Expired,
            "header.issued_at_ms",
        ),
        (
            "a month old",
            |b| header(b).issued_at_ms = BEFORE - 31 * 86_400_000 + 30_001,
            Reason::Expired,
            "header.issued_at_ms",
        ),
        (
            "more than five seconds ahead",
            |b| header(b).issued_at_ms += 5_001,
            Reason::FromFuture,
            "header.issued_at_ms",
        ),
    ];
    for (what, change, reason, field) in cases {
        let mut body = bench.question();
        change(&mut body);
        let envelope = bench.signed_question(&body);
        let refusal = bench.refuses_question(what, envelope, reason, field).await;
        assert_eq!(refusal.server_time, Some(bench.world.now()), "{what}");
    }
    // The last moments at which each is still taken.
    let latest: [fn(&mut AuthenticationRequest); 2] =
        [|b| header(b).issued_at_ms -= 30_000, |b| header(b).issued_at_ms += 5_000];
    for change in latest {
        let mut body = bench.question();
        change(&mut body);
        bench.decides_question(&body).await;
    }
    bench.finish().await;
}
