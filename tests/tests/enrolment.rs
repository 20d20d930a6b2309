//! Enrolment over the wire: one person, one number, whoever asks and however often.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeSet;

use plinth_client::{Agency, ClientError, SignedRequest};
use plinth_identity::id::RequestId;
use plinth_identity::reason::Reason;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_identity::{Envelope, Verdict};
use plinth_tests::{World, enrolment, fingers, question};
use tokio_stream::StreamExt as _;

fn number(outcome: &EnrolmentOutcome) -> Option<String> {
    match outcome {
        EnrolmentOutcome::Issued { number } => Some(number.reveal()),
        _ => None,
    }
}

fn refused(error: ClientError) -> Reason {
    error.reason().unwrap_or_else(|| panic!("not a refusal with a reason: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_gets_a_number_that_authenticates_at_once() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let bank = world.relying_party("bank", false).await;
    let request = agency.request(enrolment("Asha Rao", 1, 0, &fingers(10)), world.now()).unwrap();
    let answer = agency.enrol(&request).await.unwrap();
    let EnrolmentOutcome::Issued { number } = answer.statement.outcome else {
        panic!("a new person must get a number");
    };
    assert_eq!(answer.statement.fingers, 10);
    let question = bank.request(question(number, "asha  RAO"), world.now()).unwrap();
    let verdict = bank.authenticate(&question).await.unwrap();
    assert_eq!(verdict.statement.verdict, Verdict::Yes);
    assert!(verdict.statement.token.is_some());
    assert!(verdict.statement.header.log_position > answer.statement.header.log_position);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_capture_under_another_name_is_a_duplicate_and_reveals_nothing() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let other = world.agency("south").await;
    let first = agency.request(enrolment("Asha Rao", 1, 0, &fingers(10)), world.now()).unwrap();
    let issued = agency.enrol(&first).await.unwrap();
    let number = number(&issued.statement.outcome).unwrap();
    let second = other.request(enrolment("Maya Devi", 1, 1, &fingers(10)), world.now()).unwrap();
    let answer = other.enrol(&second).await.unwrap();
    assert_eq!(answer.statement.outcome, EnrolmentOutcome::Duplicate);
    let bytes = answer.envelope.payload();
    assert!(!bytes.windows(12).any(|window| window == number.as_bytes()), "the other person's number leaked");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_fingers_are_accepted_and_recorded() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    for (person, count) in [(1, 1), (2, 2), (3, 4)] {
        let draft = enrolment("Somebody", person, 0, &fingers(count));
        let answer = agency.enrol(&agency.request(draft, world.now()).unwrap()).await.unwrap();
        assert!(matches!(answer.statement.outcome, EnrolmentOutcome::Issued { .. }));
        assert_eq!(usize::from(answer.statement.fingers), count);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_get_the_same_answer_byte_for_byte_after_a_restart_too() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let request = agency.request(enrolment("Asha Rao", 1, 0, &fingers(2)), world.now()).unwrap();
    let first = agency.enrol(&request).await.unwrap().to_bytes();
    assert_eq!(agency.enrol(&request).await.unwrap().to_bytes(), first);
    world.restart().await;
    let agency = world.agency_again("north").await;
    assert_eq!(agency.enrol(&request).await.unwrap().to_bytes(), first);
    let (entries, next) = agency.enrolments("", 10, world.now()).await.unwrap();
    assert_eq!((entries.len(), next.as_str()), (1, ""), "a re-sent request must not be listed twice");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_bytes_is_refused() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let id = RequestId::from_bytes([9; 16]);
    let first = agency.request_with_id(enrolment("Asha Rao", 1, 0, &fingers(2)), id, world.now()).unwrap();
    agency.enrol(&first).await.unwrap();
    let second = agency.request_with_id(enrolment("Maya Devi", 2, 0, &fingers(2)), id, world.now()).unwrap();
    assert_eq!(refused(agency.enrol(&second).await.unwrap_err()), Reason::ReplayConflict);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_reads_its_own_enrolments_page_by_page_and_nobody_elses() {
    let mut world = World::new().await;
    let (north, south) = (world.agency("north").await, world.agency("south").await);
    let mut sent = Vec::new();
    for person in 0..5 {
        let request = north.request(enrolment("Somebody", person, 0, &fingers(2)), world.now()).unwrap();
        north.enrol(&request).await.unwrap();
        sent.push(request);
    }
    let (mut listed, mut token) = (Vec::new(), String::new());
    loop {
        let (entries, next) = north.enrolments(&token, 2, world.now()).await.unwrap();
        listed.extend(entries.into_iter().map(|entry| entry.request_id));
        if next.is_empty() {
            break;
        }
        token = next;
    }
    assert_eq!(listed, sent.iter().map(SignedRequest::request_id).collect::<Vec<_>>());
    let one = north.enrolment(sent[3].request_id(), world.now()).await.unwrap();
    assert_eq!(one.request_id, sent[3].request_id());
    assert!(south.enrolments("", 10, world.now()).await.unwrap().0.is_empty());
    let foreign = south.enrolment(sent[0].request_id(), world.now()).await.map(drop);
    assert_eq!(refused(foreign.unwrap_err()), Reason::NotFound);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_answers_every_request_and_one_bad_one_does_not_end_it() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let mut requests: Vec<SignedRequest> = (0..20)
        .map(|person| {
            let draft = enrolment("Somebody", person, 0, &fingers(2));
            agency.request(draft, world.now()).unwrap()
        })
        .collect();
    requests[7] = altered(&requests[7]);
    let bad = requests[7].request_id();
    let mut answers = Box::pin(agency.enrol_many(tokio_stream::iter(requests.clone())));
    let mut issued = BTreeSet::new();
    let mut count = 0;
    while let Some((id, answer)) = answers.next().await {
        count += 1;
        if id == bad {
            assert_eq!(refused(answer.map(drop).unwrap_err()), Reason::SignatureInvalid);
        } else {
            issued.extend(number(&answer.unwrap().statement.outcome));
        }
    }
    assert_eq!((count, issued.len()), (20, 19));
    world.stop().await;
}

/// The same request with one bit of its signature turned.
fn altered(request: &SignedRequest) -> SignedRequest {
    let envelope = request.envelope();
    let mut signature = *envelope.signature();
    signature[3] ^= 1;
    let key = envelope.key_id().copied();
    let (kind, payload) = (envelope.payload_type().to_owned(), envelope.payload().to_vec());
    SignedRequest::from_envelope(Envelope::new(kind, payload, key, signature)).unwrap()
}

/// Sends `copies` requests of one person at once: half of them one by one over several connections, half in one stream.
async fn send_copies(agencies: &[Agency], requests: Vec<SignedRequest>) -> Vec<EnrolmentOutcome> {
    let half = requests.len() / 2;
    let mut tasks = tokio::task::JoinSet::new();
    for (index, request) in requests[..half].iter().cloned().enumerate() {
        let agency = agencies[index % agencies.len()].clone();
        tasks.spawn(async move { vec![agency.enrol(&request).await.unwrap().statement.outcome] });
    }
    let stream = agencies[0].enrol_many(tokio_stream::iter(requests[half..].to_vec()));
    tasks.spawn(async move {
        let answers: Vec<_> = Box::pin(stream).collect().await;
        answers.into_iter().map(|(_, answer)| answer.unwrap().statement.outcome).collect()
    });
    tasks.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_sent_64_times_at_once_gets_exactly_one_number_200_times_over() {
    let mut world = World::new().await;
    let mut agencies = vec![world.agency("north").await];
    for _ in 0..3 {
        agencies.push(world.agency_again("north").await);
    }
    for person in 0..200 {
        let draft = enrolment("Somebody", person, 0, &fingers(2));
        let requests = (0..64).map(|_| agencies[0].request(draft.clone(), world.now()).unwrap()).collect();
        let outcomes = send_copies(&agencies, requests).await;
        assert_eq!(outcomes.len(), 64);
        let issued = outcomes.iter().filter(|outcome| number(outcome).is_some()).count();
        let duplicates = outcomes.iter().filter(|outcome| **outcome == EnrolmentOutcome::Duplicate).count();
        assert_eq!((issued, duplicates), (1, 63), "person {person}");
    }
    world.stop().await;
}
