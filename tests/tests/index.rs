//! The 1:N index at work: segments, restarts, withdrawals and renewals, while people are enrolled and found.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod fsck;

use plinth_biometrics::record::FingerPosition;
use plinth_client::Agency;
use plinth_identity::case::CaseDecision;
use plinth_identity::statement::{EnrolmentOutcome, RegistryChange};
use plinth_proto::registry::v1::IndexState;
use plinth_server::config::DeduplicationSettings;
use plinth_tests::{World, enrolment, fingers};
use tokio_stream::StreamExt as _;

/// People of a town whose index makes a segment of every eight.
const TOWN: u64 = 40;

async fn world() -> World {
    World::with(|config| config.index.newest = 8).await
}

async fn outcome(
    world: &World,
    agency: &Agency,
    person: u64,
    capture: u32,
    count: usize,
) -> EnrolmentOutcome {
    let draft = enrolment("Somebody", person, capture, &fingers(count));
    agency.enrol(&agency.request(draft, world.now()).unwrap()).await.unwrap().statement.outcome
}

async fn enrol_all(world: &World, agency: &Agency, people: std::ops::Range<u64>) {
    let request =
        |person| agency.request(enrolment("Somebody", person, 0, &fingers(4)), world.now()).unwrap();
    let requests: Vec<_> = people.map(request).collect();
    let mut answers = agency.enrol_many(tokio_stream::iter(requests));
    while let Some((_, answer)) = answers.next().await {
        assert!(matches!(answer.unwrap().statement.outcome, EnrolmentOutcome::Issued { .. }));
    }
}

async fn all_come_again(world: &World, agency: &Agency, people: std::ops::Range<u64>) {
    for person in people {
        let again = outcome(world, agency, person, 1, 4).await;
        assert_eq!(again, EnrolmentOutcome::Duplicate, "person {person}");
    }
}

/// Asks until the index is as it should be. The service works on it meanwhile; nothing else is waited for.
async fn until(world: &World, ready: impl Fn(&IndexState) -> bool) -> IndexState {
    let administrator = world.administrator(0).await;
    loop {
        let state = administrator.index(world.now()).await.unwrap();
        if ready(&state) {
            return state;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_in_segments_and_in_memory_and_after_a_restart_too() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    enrol_all(&world, &agency, 0..TOWN).await;
    let state = until(&world, |state| state.segments > 0 && state.newest < 8).await;
    assert_eq!((state.people, state.epoch), (TOWN, 1));
    assert!(state.bytes > 0);
    all_come_again(&world, &agency, 0..TOWN).await;
    let mut town = TOWN;
    let agency = loop {
        world.restart().await;
        let agency = world.agency_again("north").await;
        let state = until(&world, |state| state.newest < 8).await;
        assert_eq!((state.people, state.epoch), (town, 1));
        if state.newest > 0 {
            break agency;
        }
        // Everybody is in segments: one more, whom the next start finds in no segment.
        enrol_all(&world, &agency, town..town + 1).await;
        town += 1;
    };
    all_come_again(&world, &agency, 0..town).await;
    let new = outcome(&world, &agency, town, 0, 4).await;
    assert!(matches!(new, EnrolmentOutcome::Issued { .. }));
    world.stop().await;
    fsck::must_be_clean(&world.config);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_withdrawn_is_not_found_any_more_and_can_enrol_again() {
    // One finger proves nothing here, so the second capture of one is for administrators.
    let mut world = World::with(|config| {
        config.index.newest = 4;
        config.deduplication = DeduplicationSettings { target_fpir: 0.03, certainty: 1e9 };
    })
    .await;
    let agency = world.agency("north").await;
    let thumb = [FingerPosition::RightThumb];
    let send = async |person, capture| {
        let draft = enrolment("Somebody", person, capture, &thumb);
        agency.enrol(&agency.request(draft, world.now()).unwrap()).await.unwrap().statement.outcome
    };
    for person in 1..8 {
        assert!(matches!(send(person, 0).await, EnrolmentOutcome::Issued { .. }));
    }
    let EnrolmentOutcome::Pending { case } = send(1, 1).await else { panic!("not for a human") };
    // What is built after the first segment holds the case's person, too.
    let first = until(&world, |state| state.segments > 0).await.bytes;
    for person in 8..12 {
        send(person, 0).await;
    }
    let before = until(&world, |state| state.people == 12 && state.bytes != first).await;
    let (one, two) = (world.administrator(0).await, world.administrator(1).await);
    let payload = one.case_decision(case, CaseDecision::Refuse, "the same person", world.now()).unwrap();
    one.decide_case([one.approve(payload.clone()), two.approve(payload)]).await.unwrap();
    let after = until(&world, |_| true).await;
    assert_eq!(after.people, before.people - 1, "the withdrawn capture has left the gallery");
    // The same capture comes again: its first holder is found, the withdrawn row is not.
    let EnrolmentOutcome::Pending { case } = send(1, 1).await else { panic!("not for a human") };
    let listed = one.case(case, world.now()).await.unwrap();
    assert_eq!(listed.candidates.len(), 1, "only the one who holds a number");
    world.restart().await;
    let administrator = world.administrator(0).await;
    assert_eq!(administrator.case(case, world.now()).await.unwrap().candidates.len(), 1);
    // Whoever has left is in no segment that is made from now on.
    let agency = world.agency_again("north").await;
    let before = until(&world, |_| true).await.bytes;
    for person in 12..20 {
        let draft = enrolment("Somebody", person, 0, &thumb);
        agency.enrol(&agency.request(draft, world.now()).unwrap()).await.unwrap();
    }
    until(&world, |state| state.bytes != before).await;
    world.stop().await;
    fsck::must_be_clean(&world.config);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_renewed_under_a_new_key_while_people_enrol_and_are_found() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    enrol_all(&world, &agency, 0..TOWN).await;
    let administrator = world.administrator(0).await;
    let ordered = administrator.renew_index(world.now()).await.unwrap();
    assert_eq!(ordered.statement.change, RegistryChange::IndexRenewed { epoch: 2 });
    // The town grows and comes again while the new index is built.
    enrol_all(&world, &agency, TOWN..TOWN + 10).await;
    all_come_again(&world, &agency, 0..TOWN + 10).await;
    let state = until(&world, |state| state.epoch == 2 && state.renewal.is_none()).await;
    assert_eq!(state.people, TOWN + 10);
    all_come_again(&world, &agency, 0..TOWN + 10).await;
    world.restart().await;
    let agency = world.agency_again("north").await;
    assert_eq!(until(&world, |_| true).await.epoch, 2);
    all_come_again(&world, &agency, 0..TOWN + 10).await;
    world.stop().await;
    fsck::must_be_clean(&world.config);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_goes_on_after_the_service_was_stopped_on_the_way() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    enrol_all(&world, &agency, 0..TOWN).await;
    world.administrator(0).await.renew_index(world.now()).await.unwrap();
    // Stopped at once: whatever is built by now is kept, and nobody orders it again.
    world.restart().await;
    until(&world, |state| state.epoch == 2 && state.renewal.is_none()).await;
    let agency = world.agency_again("north").await;
    all_come_again(&world, &agency, 0..TOWN).await;
    world.stop().await;
    fsck::must_be_clean(&world.config);
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_hands_and_one_foreign_finger_of_ten_are_still_the_same_person() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    for person in 0..12 {
        let first = outcome(&world, &agency, person, 0, 10).await;
        assert!(matches!(first, EnrolmentOutcome::Issued { .. }));
    }
    until(&world, |state| state.segments > 0).await;
    for person in 0..12 {
        let disguised = |capture, disguise: fn(u8) -> u8| {
            let mut draft = enrolment("Somebody", person, capture, &fingers(10));
            for sample in &mut draft.fingers {
                sample.position = FingerPosition::try_from(disguise(sample.position.code())).unwrap();
                // What the record itself says must agree with what is declared.
                let mut record = plinth_biometrics::FingerRecord::decode(&sample.record).unwrap();
                record.views[0].position = sample.position;
                sample.record = record.encode();
            }
            draft
        };
        let swapped = disguised(1, |code| if code > 5 { code - 5 } else { code + 5 });
        // Four fingers of one hand as they lie on the scanner from left to right, called those of the other.
        let slaps = disguised(3, |code| if code % 5 == 1 { 7 - code } else { 12 - code });
        let mut foreign = enrolment("Somebody", person, 2, &fingers(10));
        foreign.fingers[3] = enrolment("Somebody", person + 500, 0, &fingers(10)).fingers.swap_remove(3);
        for (what, draft) in
            [("swapped hands", swapped), ("swapped slaps", slaps), ("a foreign finger", foreign)]
        {
            let answer = agency.enrol(&agency.request(draft, world.now()).unwrap()).await.unwrap();
            assert_eq!(answer.statement.outcome, EnrolmentOutcome::Duplicate, "{what} of person {person}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_positions_are_searched_against_all_ten() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    for person in 0..12 {
        assert!(matches!(outcome(&world, &agency, person, 0, 10).await, EnrolmentOutcome::Issued { .. }));
    }
    for person in 0..12 {
        let mut unnamed = enrolment("Somebody", person, 1, &fingers(10));
        for sample in &mut unnamed.fingers {
            sample.position = FingerPosition::Unknown;
            let mut record = plinth_biometrics::FingerRecord::decode(&sample.record).unwrap();
            record.views[0].position = FingerPosition::Unknown;
            sample.record = record.encode();
        }
        let answer = agency.enrol(&agency.request(unnamed, world.now()).unwrap()).await.unwrap();
        assert_eq!(answer.statement.outcome, EnrolmentOutcome::Duplicate, "person {person}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrored_fingers_are_nobody_elses() {
    let mut world = world().await;
    let agency = world.agency("north").await;
    for person in 0..6 {
        assert!(matches!(outcome(&world, &agency, person, 0, 10).await, EnrolmentOutcome::Issued { .. }));
    }
    for person in 0..6 {
        let mut mirrored = enrolment("Somebody", person, 1, &fingers(10));
        for sample in &mut mirrored.fingers {
            let mut record = plinth_biometrics::FingerRecord::decode(&sample.record).unwrap();
            let width = record.width;
            for minutia in &mut record.views[0].minutiae {
                minutia.x = width - 1 - minutia.x;
                // Half a turn, 128 of 256, less the angle.
                minutia.angle = 128_u8.wrapping_sub(minutia.angle);
            }
            sample.record = record.encode();
        }
        let answer = agency.enrol(&agency.request(mirrored, world.now()).unwrap()).await.unwrap();
        assert!(
            matches!(answer.statement.outcome, EnrolmentOutcome::Issued { .. }),
            "a mirrored hand is another hand: {:?}",
            answer.statement.outcome
        );
    }
    world.stop().await;
}
