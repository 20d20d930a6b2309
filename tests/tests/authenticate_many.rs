//! Many authentications at once: over a stream, under one signature, and below one root. Each is decided as if it came
//! alone.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::HashMap;
use std::time::Duration;

use plinth_client::{
    Ask, AuthenticationDraft, ClientError, Proved, RelyingParty, SignedMessage, SignedRequest, Trust,
    VerifyError, verify,
};
use plinth_identity::batch::SignatureForm;
use plinth_identity::dsse::{SigningKey, payload_type};
use plinth_identity::number::IdentityNumber;
use plinth_identity::reason::Reason;
use plinth_identity::statement::{AuthenticationStatement, EnrolmentOutcome};
use plinth_identity::{RequestId, Verdict};
use plinth_proto::authentication::v1::authentication_service_client::AuthenticationServiceClient;
use plinth_proto::authentication::v1::{
    AuthenticateManyRequest, RequestBatch, authenticate_many_request, authentication_answer,
};
use plinth_tests::{World, enrolment, fingers, question, samples};
use tokio_stream::StreamExt as _;
use tonic::transport::Endpoint;

const NAME: &str = "Asha Rao";
const OTHER: &str = "Somebody Else";

type Answers = HashMap<RequestId, Result<Proved<AuthenticationStatement>, ClientError>>;

async fn enrol(world: &World) -> IdentityNumber {
    let agency = world.agency("town-hall").await;
    let request = agency.request(enrolment(NAME, 1, 0, &fingers(2)), world.now()).unwrap();
    match agency.enrol(&request).await.unwrap().statement.outcome {
        EnrolmentOutcome::Issued { number } => number,
        _ => panic!("a new person must get a number"),
    }
}

/// Questions about one person, every third with the wrong name. So few wrong ones that no budget is touched.
fn drafts(number: IdentityNumber, count: usize) -> Vec<AuthenticationDraft> {
    (0..count).map(|index| question(number, if index % 3 == 2 { OTHER } else { NAME })).collect()
}

fn truth(index: usize) -> Verdict {
    if index % 3 == 2 { Verdict::No } else { Verdict::Yes }
}

async fn ask(bank: &RelyingParty, asks: Vec<Ask>, form: SignatureForm) -> Answers {
    bank.authenticate_many(tokio_stream::iter(asks), form).collect().await
}

fn trust_of(info: &plinth_client::SignedInfo) -> Trust {
    Trust::from(&info.info)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_a_stream_is_answered_once_in_either_form_and_proved_offline() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let trust = trust_of(&world.connect().await.service_info().await.unwrap());
    for form in [SignatureForm::Individual, SignatureForm::Batch] {
        let requests: Vec<SignedRequest> =
            drafts(number, 100).into_iter().map(|draft| bank.request(draft, world.now()).unwrap()).collect();
        let mut answers = ask(&bank, requests.iter().cloned().map(Ask::One).collect(), form).await;
        assert_eq!(answers.len(), requests.len());
        for (index, request) in requests.iter().enumerate() {
            let answer = answers.remove(&request.request_id()).unwrap().unwrap();
            assert_eq!(answer.statement.verdict, truth(index), "{index}");
            let in_form = matches!(answer.proof, SignedMessage::Below(_)) == (form == SignatureForm::Batch);
            assert!(in_form, "{index}");
            // From bytes alone, as somebody else would.
            let kept = SignedMessage::from_bytes(&answer.to_bytes()).unwrap();
            let asked = SignedMessage::from_bytes(&request.to_bytes()).unwrap();
            let statement = verify::proved_authentication(&asked, &kept, &trust).unwrap();
            assert_eq!(statement, answer.statement);
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_one_signature_are_decided_one_by_one_and_once() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let trust = trust_of(&world.connect().await.service_info().await.unwrap());
    let batch = bank.request_batch(drafts(number, 256), world.now()).unwrap();
    let before = head(&bank, number, &world).await;
    let mut first: HashMap<RequestId, Vec<u8>> = HashMap::new();
    // The second time everything is a repetition, and so it is after a restart.
    for round in 0..3 {
        if round == 2 {
            world.restart().await;
        }
        let bank = world.relying_party_again("bank").await;
        let mut answers = ask(&bank, vec![batch.clone().into()], SignatureForm::Batch).await;
        assert_eq!(answers.len(), 256);
        for ((index, id), message) in batch.request_ids().enumerate().zip(batch.messages()) {
            let answer = answers.remove(&id).unwrap().unwrap();
            assert_eq!(answer.statement.verdict, truth(index));
            let statement = verify::proved_authentication(&message, &answer.proof, &trust).unwrap();
            assert_eq!(statement.header.request, answer.statement.header.request);
            let bytes = answer.to_bytes();
            assert_eq!(
                *first.entry(id).or_insert_with(|| bytes.clone()),
                bytes,
                "byte for byte, round {round}"
            );
        }
    }
    let bank = world.relying_party_again("bank").await;
    assert_eq!(head(&bank, number, &world).await, before + 256 + 1, "each was logged once");
    world.stop().await;
}

/// Where the log is, found out by one more question.
async fn head(bank: &RelyingParty, number: IdentityNumber, world: &World) -> u64 {
    let request = bank.request(question(number, NAME), world.now()).unwrap();
    bank.authenticate(&request).await.unwrap().statement.header.log_position.get()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unary_call_may_ask_for_a_root_and_a_repetition_is_the_same_bytes() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let requests: Vec<SignedRequest> =
        drafts(number, 40).into_iter().map(|draft| bank.request(draft, world.now()).unwrap()).collect();
    let calls = requests.iter().map(|request| bank.authenticate_as(request, SignatureForm::Batch));
    let mut first = Vec::new();
    for call in calls {
        first.push(call.await.unwrap());
    }
    world.restart().await;
    let bank = world.relying_party_again("bank").await;
    for (request, first) in requests.iter().zip(&first) {
        let again = bank.authenticate_as(request, SignatureForm::Batch).await.unwrap();
        assert_eq!(again.to_bytes(), first.to_bytes());
        // The same statement, proved the other way.
        let alone = bank.authenticate(request).await.unwrap();
        assert_eq!(alone.statement, first.statement);
        assert_eq!(alone.envelope.payload(), first.proof.payload());
    }
    // What was only ever signed alone has no root to be below.
    let request = bank.request(question(number, NAME), world.now()).unwrap();
    let alone = bank.authenticate(&request).await.unwrap();
    let again = bank.authenticate_as(&request, SignatureForm::Batch).await.unwrap();
    assert_eq!(again.to_bytes(), alone.to_bytes());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_a_batch_changes_nothing_for_the_others() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let mut asked = drafts(number, 5);
    // Two samples of one finger that no policy forbids, then a wrong one: a finger nobody recorded matches nobody.
    asked.push(AuthenticationDraft {
        fingers: samples(2, 0, &fingers(1)),
        ..AuthenticationDraft::new(number)
    });
    let batch = bank.request_batch(asked, world.now()).unwrap();
    let ids: Vec<RequestId> = batch.request_ids().collect();
    // The same ids and nonces once more under other bytes cannot be made by this client, so the clock makes them stale.
    world.clock.advance(31_000);
    let answers = ask(&bank, vec![batch.into()], SignatureForm::Individual).await;
    for id in &ids {
        let error = answers[id].as_ref().unwrap_err();
        assert_eq!(error.reason(), Some(Reason::Expired));
    }
    // One stale batch does not end the stream.
    let stale = bank.request_batch(drafts(number, 3), world.now()).unwrap();
    world.clock.advance(31_000);
    let fresh = bank.request_batch(drafts(number, 3), world.now()).unwrap();
    let (stale_ids, fresh_ids): (Vec<_>, Vec<_>) =
        (stale.request_ids().collect(), fresh.request_ids().collect());
    let answers = ask(&bank, vec![stale.into(), fresh.into()], SignatureForm::Individual).await;
    assert!(stale_ids.iter().all(|id| answers[id].is_err()));
    assert!(fresh_ids.iter().all(|id| answers[id].is_ok()));
    world.stop().await;
}

/// Sends one batch as these bytes, and returns the refusals' fields.
async fn refused(world: &World, batch: Option<RequestBatch>) -> Vec<(u64, u32, String)> {
    let channel = world.connect().await.channel();
    let ask = batch.map(authenticate_many_request::Ask::Batch);
    let message = AuthenticateManyRequest { correlation: 7, ask, signature_form: 0 };
    let mut client = AuthenticationServiceClient::new(channel);
    let mut answers = client.authenticate_many(tokio_stream::iter([message])).await.unwrap().into_inner();
    let mut refused = Vec::new();
    while let Some(message) = answers.message().await.unwrap() {
        for answer in message.answers {
            let Some(authentication_answer::Answer::Refusal(refusal)) = answer.answer else {
                panic!("answered")
            };
            let field = refusal.violations.first().map(|violation| violation.field.clone());
            refused.push((answer.correlation, refusal.reason_code, field.unwrap_or_default()));
        }
    }
    refused.sort();
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_its_root_does_not_prove_is_refused_as_a_whole() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let batch = bank.request_batch(drafts(number, 3), world.now()).unwrap();
    let SignedMessage::Below(one) = &batch.messages()[0] else { panic!("below a root") };
    let payloads: Vec<Vec<u8>> = batch.messages().iter().map(|message| message.payload().to_vec()).collect();
    let sound = RequestBatch { payloads: payloads.clone(), root: Some((&one.root).into()) };
    let other = world.relying_party("other", false).await;
    let before = head(&bank, number, &world).await;

    let signature = u32::from(Reason::SignatureInvalid.code());
    let malformed = u32::from(Reason::Malformed.code());
    let mut moved = sound.clone();
    moved.payloads.swap(0, 1);
    let mut fewer = sound.clone();
    fewer.payloads.pop();
    let mut altered = sound.clone();
    *altered.payloads[1].last_mut().unwrap() ^= 1;
    for spoilt in [moved, fewer, altered] {
        let count = spoilt.payloads.len();
        let refused = refused(&world, Some(spoilt)).await;
        let expected: Vec<_> =
            (7..).take(count).map(|at| (at, signature, "batch.root.root_hash".to_owned())).collect();
        assert_eq!(refused, expected);
    }
    let mut forged = sound.clone();
    forged.root.as_mut().unwrap().signatures[0].sig[0] ^= 1;
    assert_eq!(refused(&world, Some(forged)).await[0].2, "batch.root.signatures[0].sig");
    let stranger = SigningKey::from_seed([99; 32]);
    let mut unknown = sound.clone();
    unknown.root = Some(stranger.sign(payload_type::REQUEST_BATCH_ROOT, one.root.payload().to_vec()).into());
    assert_eq!(refused(&world, Some(unknown)).await[0].1, u32::from(Reason::UnknownParty.code()));
    let mut retyped = sound.clone();
    retyped.root.as_mut().unwrap().payload_type = payload_type::BATCH_ROOT.to_owned();
    assert_eq!(refused(&world, Some(retyped)).await[0].2, "batch.root.payload_type");
    let rootless = RequestBatch { root: None, ..sound.clone() };
    assert_eq!(refused(&world, Some(rootless)).await[0], (7, malformed, "batch.root".to_owned()));
    let empty = RequestBatch { payloads: Vec::new(), ..sound.clone() };
    assert_eq!(refused(&world, Some(empty)).await, [(7, malformed, "batch.payloads".to_owned())]);
    let many = RequestBatch { payloads: vec![vec![1]; 257], ..sound.clone() };
    assert_eq!(refused(&world, Some(many)).await[0], (7, malformed, "batch.payloads".to_owned()));
    assert_eq!(refused(&world, None).await, [(7, malformed, "ask".to_owned())]);
    // Somebody else's root over this party's requests.
    let theirs = other.request_batch(drafts(number, 3), world.now()).unwrap();
    let SignedMessage::Below(below) = &theirs.messages()[0] else { panic!("below a root") };
    let mixed = RequestBatch { payloads, root: Some((&below.root).into()) };
    assert_eq!(refused(&world, Some(mixed)).await[0].2, "batch.root.root_hash");

    assert_eq!(head(&bank, number, &world).await, before + 1, "nothing was decided");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_below_a_root_is_believed_for_its_own_request_and_place_only() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let trust = trust_of(&world.connect().await.service_info().await.unwrap());
    let batch = bank.request_batch(drafts(number, 16), world.now()).unwrap();
    let asked = batch.messages();
    let ids: Vec<RequestId> = batch.request_ids().collect();
    let answers = ask(&bank, vec![batch.into()], SignatureForm::Batch).await;
    let answer = |index: usize| match &answers[&ids[index]].as_ref().unwrap().proof {
        SignedMessage::Below(below) => below.clone(),
        SignedMessage::Alone(_) => panic!("asked for a root"),
    };
    let check = |index: usize, below| {
        verify::proved_authentication(&asked[index], &SignedMessage::Below(below), &trust)
    };
    assert!(check(3, answer(3)).is_ok());
    assert_eq!(check(3, answer(4)), Err(VerifyError::Request));
    let mut altered = answer(3);
    *altered.payload.last_mut().unwrap() ^= 1;
    assert_eq!(check(3, altered), Err(VerifyError::NotBelow));
    let mut moved = answer(3);
    moved.leaf_index ^= 1;
    assert_eq!(check(3, moved), Err(VerifyError::NotBelow));
    let mut forged = answer(3);
    forged.root =
        SigningKey::from_seed([8; 32]).sign(payload_type::BATCH_ROOT, forged.root.payload().to_vec());
    assert_eq!(check(3, forged), Err(VerifyError::UntrustedKey));
    let mut unsigned = answer(3);
    unsigned.path.push([0; 32]);
    assert_eq!(check(3, unsigned), Err(VerifyError::NotBelow));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fingers_and_overtaken_comparisons_work_over_a_stream_as_they_do_alone() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", true).await;
    let finger = |person| AuthenticationDraft {
        fingers: samples(person, 2, &fingers(1)),
        ..AuthenticationDraft::new(number)
    };
    let batch = bank.request_batch(vec![finger(1), finger(2), finger(1)], world.now()).unwrap();
    let ids: Vec<RequestId> = batch.request_ids().collect();
    let answers = ask(&bank, vec![batch.into()], SignatureForm::Batch).await;
    let verdicts: Vec<_> = ids.iter().map(|id| answers[id].as_ref().unwrap().statement.verdict).collect();
    assert_eq!(verdicts, [Verdict::Yes, Verdict::No, Verdict::Yes]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_service_drains_what_was_taken_in_is_answered_and_the_rest_comes_back() {
    let mut world = World::new().await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let requests: Vec<SignedRequest> =
        (0..8).map(|_| bank.request(question(number, NAME), world.now()).unwrap()).collect();
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    let receiver = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = bank.authenticate_many(receiver, SignatureForm::Individual);
    for request in &requests {
        sender.send(Ask::One(request.clone())).await.unwrap();
        // Answered before the next one goes: the stream is in use.
        let (id, answer) = answers.next().await.unwrap();
        assert_eq!((id, answer.unwrap().statement.verdict), (request.request_id(), Verdict::Yes));
    }
    world.stop().await;
    drop(sender.send(Ask::One(requests[0].clone())).await);
    while let Some((_, answer)) = answers.next().await {
        assert!(answer.is_err_and(|error| error.retryable()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_its_caller_leaves_is_not_worked_off() {
    let mut world = World::new().await;
    let agency = world.agency("town-hall").await;
    let request = agency.request(enrolment(NAME, 1, 0, &fingers(10)), world.now()).unwrap();
    let EnrolmentOutcome::Issued { number } = agency.enrol(&request).await.unwrap().statement.outcome else {
        panic!("a new person must get a number");
    };
    let bank = world.relying_party("bank", false).await;
    // Ten fingers each: all of them together take a core for a second or so, the first for a hundredth of it.
    let draft =
        AuthenticationDraft { fingers: samples(1, 2, &fingers(10)), ..AuthenticationDraft::new(number) };
    let batch = bank.request_batch(vec![draft; BATCH], world.now()).unwrap();
    let before = head(&bank, number, &world).await;
    let mut answers = bank.authenticate_many(tokio_stream::iter([batch.into()]), SignatureForm::Individual);
    assert!(answers.next().await.unwrap().1.is_ok());
    drop(answers);
    // The log rests when nothing of the stream is left: then each of many questions makes it one longer.
    let (mut heads, mut in_a_row) = (1, 0);
    let mut last = head(&bank, number, &world).await;
    while in_a_row < 200 {
        let next = head(&bank, number, &world).await;
        heads += 1;
        in_a_row = if next == last + 1 { in_a_row + 1 } else { 0 };
        last = next;
    }
    let decided = last - before - heads;
    assert!(decided < u64::try_from(BATCH).unwrap(), "all {decided} were decided for nobody");
    world.stop().await;
}

/// Requests with ten fingers that fit one message.
const BATCH: usize = 96;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_keeps_no_place_from_others() {
    let mut world = World::with(|config| config.limits.in_flight = 8).await;
    let number = enrol(&world).await;
    let bank = world.relying_party("bank", false).await;
    let other = world.relying_party("other", false).await.with_retry(plinth_client::Retry::none());
    let messages: Vec<_> = (0..3_000)
        .map(|correlation| {
            let request = bank.request(question(number, NAME), world.now()).unwrap();
            let ask = Some(authenticate_many_request::Ask::Envelope(request.envelope().into()));
            AuthenticateManyRequest { correlation, ask, signature_form: 0 }
        })
        .collect();
    let endpoint = Endpoint::from_shared(world.url()).unwrap().initial_stream_window_size(65_535);
    let mut client = AuthenticationServiceClient::new(endpoint.connect().await.unwrap());
    // More answers than the transport and the stream hold for a caller who takes none of them.
    let unread = client.authenticate_many(tokio_stream::iter(messages)).await.unwrap();
    let served = async {
        // Long enough in a row that the stream has come to rest: it takes nothing more in until somebody reads.
        let mut in_a_row = 0;
        while in_a_row < 200 {
            let request = other.request(question(number, NAME), world.now()).unwrap();
            match other.authenticate(&request).await {
                Ok(_) => in_a_row += 1,
                Err(error) => {
                    assert_eq!(error.reason(), Some(Reason::Overloaded));
                    in_a_row = 0;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), served).await.unwrap();
    drop(unread);
    world.stop().await;
}
