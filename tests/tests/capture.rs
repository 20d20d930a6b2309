//! The capture check over the wire: every finger gets its verdict, nothing is stored, and nobody else is looked at.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use plinth_biometrics::record::FingerPosition;
use plinth_client::ClientError;
use plinth_identity::capture::{CaptureAdvice, CaptureLight, CaptureReport};
use plinth_identity::party::PartyKind;
use plinth_identity::reason::Reason;
use plinth_tests::{World, enrolment, fingers, party_id, samples};

fn reason(refused: Result<CaptureReport, ClientError>) -> Option<Reason> {
    refused.unwrap_err().reason()
}

#[tokio::test(flavor = "multi_thread")]
async fn good_fingers_are_ready_and_can_then_be_enrolled() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let report = agency.check_capture(samples(1, 0, &fingers(10)), world.now()).await.unwrap();
    assert_eq!(report.light, CaptureLight::Ready, "{}", report.sentence());
    assert_eq!((report.fingers.len(), report.refusal.as_ref()), (10, None));
    assert!(report.power > 0.99);
    let request = agency.request(enrolment("Asha Rao", 1, 0, &fingers(10)), world.now()).unwrap();
    agency.enrol(&request).await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_sample_is_named_and_hides_none_of_the_others() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let mut sent = samples(1, 0, &fingers(10));
    sent[3].record.truncate(100);
    sent[5].record = samples(1, 1, &[FingerPosition::RightThumb])[0].record.clone();
    let report = agency.check_capture(sent, world.now()).await.unwrap();
    assert_eq!((report.light, report.fingers.len()), (CaptureLight::CaptureAgain, 10));
    let problem =
        |index: usize| report.fingers[index].problem.as_ref().map(|one| (one.field.as_str(), one.reason));
    assert_eq!(report.fingers[3].advice, CaptureAdvice::WrongFormat);
    assert_eq!(problem(3), Some(("fingers[3].record", Reason::Malformed)));
    // The record names the right thumb, the operator another finger.
    assert_eq!(report.fingers[5].advice, CaptureAdvice::WrongPosition);
    assert_eq!(problem(5), Some(("fingers[5].position", Reason::Malformed)));
    assert_eq!(report.fingers.iter().filter(|finger| finger.advice == CaptureAdvice::Keep).count(), 8);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_strangers_must_be_told_apart_more_surely_the_same_fingers_are_worth_less() {
    let mut powers = Vec::new();
    for target_fpir in [0.1, 1e-6] {
        let mut world = World::with(|config| config.deduplication.target_fpir = target_fpir).await;
        let agency = world.agency("north").await;
        let report = agency.check_capture(samples(1, 0, &fingers(1)), world.now()).await.unwrap();
        powers.push(report.power);
        world.stop().await;
    }
    assert!(powers[0] > powers[1] + 0.01, "{powers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_the_same_whoever_is_enrolled_and_leaves_nothing_behind() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let ask = || samples(1, 0, &fingers(4));
    let before = agency.check_capture(ask(), world.now()).await.unwrap();
    for (name, capture) in [("Asha Rao", 1), ("Maya Devi", 0)] {
        let request = agency.request(enrolment(name, 1, capture, &fingers(10)), world.now()).unwrap();
        agency.enrol(&request).await.unwrap();
        assert_eq!(agency.check_capture(ask(), world.now()).await.unwrap(), before, "an oracle");
    }
    let (entries, _) = agency.enrolments("", 10, world.now()).await.unwrap();
    assert_eq!(entries.len(), 2, "checks are no enrolments");
    let positions: Vec<u64> =
        entries.iter().map(|entry| entry.receipt.statement.header.log_position.get()).collect();
    assert_eq!(positions[1], positions[0] + 1, "a check has left a leaf in the log");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_agency_in_good_standing_may_ask_and_only_about_ten_fingers() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let ask = || samples(1, 0, &fingers(2));
    assert!(agency.check_capture(ask(), world.now()).await.is_ok());
    // What the client would not send is refused by the service as well: eleven fingers in two samples.
    let person = plinth_biometrics::synthetic::SyntheticPerson::new(1, 1);
    let all = person.record(0, &FingerPosition::ALL).encode();
    let packed =
        plinth_identity::application::FingerSample { position: FingerPosition::Unknown, record: all };
    let mut eleven = samples(2, 0, &fingers(1));
    eleven.push(packed);
    assert_eq!(reason(agency.check_capture(eleven, world.now()).await), Some(Reason::TooManyFingers));
    let old = plinth_identity::time::Timestamp::from_millis(world.now().millis() - 60_000);
    assert_eq!(reason(agency.check_capture(ask(), old).await), Some(Reason::Expired));
    let id = party_id("north");
    world.administrator(0).await.suspend(PartyKind::Agency, &id, world.now()).await.unwrap();
    assert_eq!(reason(agency.check_capture(ask(), world.now()).await), Some(Reason::PartySuspended));
    world.stop().await;
}
