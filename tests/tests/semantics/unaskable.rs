//! Questions that cannot be asked: each is refused with its own code, at its field, before anything is looked up, counted,
//! logged or remembered.

use plinth_proto::authentication::v1::{
    AuthenticationRequest, DemographicClaim as WireClaim, Factor as WireFactor, MatchStrategy,
};
use plinth_proto::person::v1::{
    FaceSample, FingerSample as WireFinger, Gender as WireGender, IrisEye, IrisSample,
};

use crate::town::{Town, address, by_fingers, hand, phone, reason, strange_finger, unknown_number};

type Change = fn(&mut AuthenticationRequest);

fn claim(body: &mut AuthenticationRequest) -> &mut WireClaim {
    body.claim.as_mut().unwrap()
}

fn irises(eyes: &[IrisEye]) -> Vec<IrisSample> {
    eyes.iter().map(|eye| IrisSample { eye: (*eye).into(), template: vec![1; 64] }).collect()
}

fn faces(count: usize) -> Vec<FaceSample> {
    vec![FaceSample { template: vec![1; 64] }; count]
}

fn declare(body: &mut AuthenticationRequest, factors: &[WireFactor]) {
    body.declared = factors.iter().map(|factor| (*factor).into()).collect();
}

/// Sends each of these questions, changed from one about a name, about somebody and about nobody. Both must be refused
/// alike, and nothing of it may count, be logged or be remembered.
async fn all_are_refused(cases: &[(&str, Change, u16, &str)]) {
    let town = Town::new().await;
    let resident = town.enrol(1).await;
    let office = town.office().await;
    let bank = town.bank().await;
    let right = || by_fingers(resident.number, hand(1));
    let before = town.ask(&bank, right()).await.unwrap().header.log_position;
    for (what, change, code, field) in cases {
        // Five failures in a row would have to wait.
        for _ in 0..3 {
            let mut refusals = Vec::new();
            for number in [resident.number, unknown_number(1)] {
                let mut body = town.question("bank", number);
                change(&mut body);
                refusals.push(town.put(&bank, &body).await.expect_err(what));
            }
            assert_eq!(reason(&refusals[0]).code(), *code, "{what}");
            let fields: Vec<_> = refusals[0].violations.iter().map(|one| one.field.as_str()).collect();
            let expected = if field.is_empty() { vec![] } else { vec![*field] };
            assert_eq!(fields, expected, "{what}");
            assert_eq!(refusals[0], refusals[1], "{what}");
        }
    }
    let after = town.ask(&bank, right()).await.unwrap().header.log_position;
    assert_eq!(after, before.next(), "a refused question stands in the log");
    assert_eq!(town.page(&office, resident, 100, None).await.0.len(), 2, "a refused question is remembered");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_is_what_is_sent_and_is_enough() {
    use WireFactor::{Age, DateOfBirth, Fingerprint, Gender, Name};
    all_are_refused(&[
        ("more declared than sent", |b| declare(b, &[Name, Fingerprint]), 550, "declared"),
        ("less declared than sent", |b| claim(b).phone = Some(phone(1)), 550, "declared"),
        ("something else declared", |b| declare(b, &[WireFactor::Email]), 550, "declared"),
        ("nothing declared", |b| b.declared.clear(), 550, "declared"),
        (
            "nothing at all",
            |b| {
                b.claim = None;
                b.declared.clear();
            },
            901,
            "declared",
        ),
        (
            "a gender alone",
            |b| {
                b.claim = Some(WireClaim { gender: WireGender::Female.into(), ..WireClaim::default() });
                declare(b, &[Gender]);
            },
            901,
            "declared",
        ),
        (
            "a year alone",
            |b| {
                b.claim = Some(WireClaim { date_of_birth: Some("1990".to_owned()), ..WireClaim::default() });
                declare(b, &[DateOfBirth]);
            },
            901,
            "declared",
        ),
        (
            "an age, a year and a gender",
            |b| {
                b.claim = Some(WireClaim {
                    date_of_birth: Some("1990".to_owned()),
                    gender: WireGender::Female.into(),
                    minimum_age: Some(18),
                    ..WireClaim::default()
                });
                declare(b, &[DateOfBirth, Gender, Age]);
            },
            901,
            "declared",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_contradict_themselves_are_refused() {
    use WireFactor::{Address, Name};
    all_are_refused(&[
        (
            "both addresses",
            |b| {
                claim(b).address = Some((&address(1)).into());
                claim(b).full_address = Some("1 Lake Street".to_owned());
                declare(b, &[Name, Address]);
            },
            913,
            "claim.full_address",
        ),
        (
            "more than all of the name",
            |b| {
                claim(b).name_strategy = MatchStrategy::Partial.into();
                claim(b).name_match_value = 101;
            },
            912,
            "claim.name_match_value",
        ),
        (
            "a share of an exact name",
            |b| {
                claim(b).name_strategy = MatchStrategy::Exact.into();
                claim(b).name_match_value = 50;
            },
            912,
            "claim.name_match_value",
        ),
        (
            "more than all of the address",
            |b| {
                claim(b).full_address = Some("1 Lake Street".to_owned());
                claim(b).full_address_strategy = MatchStrategy::Partial.into();
                claim(b).full_address_match_value = 4_000_000_000;
                declare(b, &[Name, Address]);
            },
            912,
            "claim.full_address_match_value",
        ),
        (
            "a date that does not exist",
            |b| {
                claim(b).date_of_birth = Some("1990-02-30".to_owned());
                declare(b, &[Name, WireFactor::DateOfBirth]);
            },
            902,
            "claim.date_of_birth",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_of_irises_and_faces_have_limits_and_no_matcher_yet() {
    use IrisEye::{Left, Right, Unspecified};
    use WireFactor::{Face, Iris, Name};
    all_are_refused(&[
        (
            "three irises",
            |b| {
                b.irises = irises(&[Left, Right, Unspecified]);
                declare(b, &[Name, Iris]);
            },
            315,
            "irises",
        ),
        (
            "one eye twice",
            |b| {
                b.irises = irises(&[Left, Left]);
                declare(b, &[Name, Iris]);
            },
            311,
            "irises[1].eye",
        ),
        (
            "two faces",
            |b| {
                b.faces = faces(2);
                declare(b, &[Name, Face]);
            },
            316,
            "faces",
        ),
        (
            "a face alone",
            |b| {
                b.claim = None;
                b.faces = faces(1);
                declare(b, &[Face]);
            },
            914,
            "faces",
        ),
        (
            "a face and a gender",
            |b| {
                b.claim = Some(WireClaim { gender: WireGender::Female.into(), ..WireClaim::default() });
                b.faces = faces(1);
                declare(b, &[WireFactor::Gender, Face]);
            },
            914,
            "faces",
        ),
        ("an iris that is not declared", |b| b.irises = irises(&[Left]), 550, "declared"),
        (
            "two irises, which nothing can match",
            |b| {
                b.irises = irises(&[Left, Right]);
                declare(b, &[Name, Iris]);
            },
            1014,
            "",
        ),
        (
            "an iris alone, which nothing can match",
            |b| {
                b.claim = None;
                b.irises = irises(&[Unspecified]);
                declare(b, &[Iris]);
            },
            1014,
            "",
        ),
        (
            "a face beside a name, which nothing can match",
            |b| {
                b.faces = faces(1);
                declare(b, &[Name, Face]);
            },
            1014,
            "",
        ),
        (
            "an iris beside a stranger's finger",
            |b| {
                let finger = strange_finger().remove(0);
                b.fingers = vec![WireFinger {
                    position: finger.position.code().into(),
                    record: finger.record.clone(),
                }];
                b.irises = irises(&[Left]);
                declare(b, &[Name, WireFactor::Fingerprint, Iris]);
            },
            1014,
            "",
        ),
    ])
    .await;
}
