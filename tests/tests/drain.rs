//! SIGTERM, as a supervisor sends it: what is in hand is answered, and the process is gone within ten seconds.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use plinth_client::SignedRequest;
use plinth_tests::{World, enrolment, fingers};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_answers_what_was_taken_in_and_ends_an_open_stream_with_a_status() {
    let mut world = World::new().await;
    let agency = world.agency("north").await;
    let requests: Vec<SignedRequest> = (0..8)
        .map(|person| agency.request(enrolment("Somebody", person, 0, &fingers(2)), world.now()).unwrap())
        .collect();
    // The client never closes its side of the stream, and holds the connection open to the end.
    let (sender, receiver) = mpsc::channel(16);
    let mut answers = Box::pin(agency.enrol_many(ReceiverStream::new(receiver)));
    for request in &requests {
        sender.send(request.clone()).await.unwrap();
    }
    let (_, first) = answers.next().await.unwrap();
    assert!(first.is_ok());
    let rest = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        while let Some((_, answer)) = answers.next().await {
            outcomes.push(answer.map(drop));
        }
        outcomes
    });
    world.stop().await;
    let outcomes = rest.await.unwrap();
    assert_eq!(
        outcomes.len(),
        requests.len() - 1,
        "every request that was sent ends in an answer or a status"
    );
    drop(sender);

    // Whatever was refused by the drain is answered after it.
    world.restart().await;
    let agency = world.agency_again("north").await;
    for request in &requests {
        agency.enrol(request).await.unwrap();
    }
    world.stop().await;
}
