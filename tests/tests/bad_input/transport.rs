//! Below the signature: messages that are too large or none, and callers that go away in the middle.

use std::net::SocketAddr;

use plinth_client::{Agency, Connection, Retry};
use plinth_identity::dsse::payload_type;
use plinth_identity::reason::Reason;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_proto::enrolment::v1::enrolment_service_client::EnrolmentServiceClient;
use plinth_proto::enrolment::v1::{EnrolManyRequest, EnrolRequest};
use plinth_proto::envelope::v1::Envelope;
use plinth_tests::{enrolment, fingers, party_id, signing_key};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::bench::Bench;
use crate::raw;

/// An envelope around so many bytes, signed.
fn large(bench: &Bench, bytes: usize) -> Envelope {
    bench.agency.sign(payload_type::ENROLMENT_REQUEST, vec![0; bytes]).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_64_mib_is_refused_with_the_limit_and_the_connection_goes_on() {
    let mut bench = Bench::new().await;
    let envelope = large(&bench, 64 << 20);
    let status = bench.enrol(Some(envelope.clone())).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    let limit = bench.world.config.limits.message_bytes.to_string();
    assert!(status.message().contains(&limit), "the message must tell the limit: {status:?}");

    let mut client = EnrolmentServiceClient::new(bench.channel.clone());
    let good = bench.enrolment();
    let requests = vec![
        EnrolManyRequest { correlation: 1, envelope: Some(bench.signed_enrolment(&good)) },
        EnrolManyRequest { correlation: 2, envelope: Some(envelope) },
    ];
    let mut answers = client.enrol_many(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!(first.correlation, 1, "what came before it is answered");
    assert_eq!(answers.message().await.unwrap_err().code(), Code::OutOfRange);
    bench.logged(1);
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_beyond_1_mib_is_too_large_whatever_the_messages_may_be() {
    let bench = Bench::with(|config| config.limits.message_bytes = 64 << 20).await;
    for bytes in [(1 << 20) + 1, 32 << 20] {
        let bad = large(&bench, bytes);
        bench.refuses_enrolment("large", bad, Reason::TooLarge, "envelope.payload").await;
    }
    let just_fits = large(&bench, 1 << 20);
    bench.refuses_enrolment("1 MiB of zeros", just_fits, Reason::Malformed, "payload").await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_garbage_end_their_call_and_nothing_else() {
    let mut bench = Bench::new().await;
    let methods = [
        "/plinth.enrolment.v1.EnrolmentService/Enrol",
        "/plinth.enrolment.v1.EnrolmentService/EnrolMany",
        "/plinth.enrolment.v1.EnrolmentService/GetEnrolment",
        "/plinth.authentication.v1.AuthenticationService/Authenticate",
    ];
    for method in methods {
        for garbage in [vec![0xff; 1000], b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0x0a, 0x7f]] {
            let status = raw::call(bench.channel.clone(), method, vec![garbage]).await.unwrap_err();
            assert!(status.message().contains("decode Protobuf message"), "{method}: {status:?}");
            assert!(matches!(status.code(), Code::Internal | Code::InvalidArgument), "{method}: {status:?}");
        }
    }
    let nothing = raw::call(bench.channel.clone(), methods[0], Vec::new()).await.unwrap_err();
    assert!(nothing.message().contains("Missing request message"), "{nothing:?}");
    let unknown = "/plinth.enrolment.v1.EnrolmentService/Forget";
    let unknown = raw::call(bench.channel.clone(), unknown, vec![Vec::new()]).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);

    // Not even HTTP/2.
    let address = address(&bench);
    for garbage in [vec![0; 4096], b"GET / HTTP/1.1\r\nHost: plinth\r\n\r\n".to_vec()] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // The server may close before it has read everything; either way it closes.
        drop(socket.write_all(&garbage).await);
        drop(socket.read_to_end(&mut Vec::new()).await);
    }
    let good = bench.enrolment();
    bench.decides_enrolment(&good).await;
    bench.finish().await;
}

fn address(bench: &Bench) -> SocketAddr {
    bench.world.url().strip_prefix("http://").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_mid_stream_sends_again_and_everyone_has_one_number() {
    let mut bench = Bench::new().await;
    let url = bench.world.url();
    let agency = async || {
        let connection = Connection::open(&url, None).await.unwrap();
        let key = signing_key(11);
        Agency::new(connection, party_id("north"), key, bench.world.trust.clone()).with_retry(Retry::none())
    };
    let leaver = agency().await;
    let requests: Vec<_> = (0..30)
        .map(|person| {
            let draft = enrolment("Somebody", person, 0, &fingers(2));
            leaver.request(draft, bench.world.now()).unwrap()
        })
        .collect();
    let mut answers = Box::pin(leaver.enrol_many(tokio_stream::iter(requests.clone())));
    let mut heard = Vec::new();
    for _ in 0..3 {
        let (id, answer) = answers.next().await.unwrap();
        heard.push((id, answer.unwrap().to_bytes()));
    }
    drop(answers);
    drop(leaver);

    let agency = agency().await;
    let mut numbers = std::collections::BTreeSet::new();
    for request in &requests {
        let answer = agency.enrol(request).await.unwrap();
        if let Some((_, bytes)) = heard.iter().find(|(id, _)| *id == request.request_id()) {
            assert_eq!(answer.to_bytes(), *bytes, "an answer that was heard has changed");
        }
        let EnrolmentOutcome::Issued { number } = answer.statement.outcome else {
            panic!("everyone is new, once");
        };
        numbers.insert(number.reveal());
    }
    assert_eq!(numbers.len(), requests.len());
    bench.logged(30);
    bench.finish().await;
}

/// A wire that is cut after so many bytes have gone to the server.
async fn cut_after(bytes: u64, server: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        let (from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let forth = async {
            drop(tokio::io::copy(&mut from_client.take(bytes), &mut to_server).await);
        };
        let back = async {
            drop(tokio::io::copy(&mut from_server, &mut to_client).await);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = forth => {}
            () = back => {}
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wire_that_is_cut_anywhere_in_a_request_leaves_nothing_or_the_whole_enrolment() {
    let mut bench = Bench::new().await;
    let server = address(&bench);
    // Within the preface, the settings, the headers, the message, and after all of it.
    for (person, bytes) in [10, 30, 60, 120, 250, 400, 600, 900, 1_000_000].into_iter().enumerate() {
        let person = u64::try_from(person).unwrap();
        let key = || signing_key(11);
        let connect = |connection| {
            let agency = Agency::new(connection, party_id("north"), key(), bench.world.trust.clone());
            agency.with_retry(Retry::none())
        };
        let straight = connect(bench.world.connect().await);
        let draft = enrolment("Somebody", person + 100, 0, &fingers(2));
        let request = straight.request(draft, bench.world.now()).unwrap();
        let first = match Connection::open(&cut_after(bytes, server).await, None).await {
            Ok(connection) => connect(connection).enrol(&request).await.ok(),
            Err(_) => None,
        };
        let again = straight.enrol(&request).await.unwrap();
        assert!(matches!(again.statement.outcome, EnrolmentOutcome::Issued { .. }), "cut after {bytes}");
        assert!(first.is_none_or(|first| first.to_bytes() == again.to_bytes()), "cut after {bytes}");
        bench.logged(1);
    }
    let mut client = EnrolmentServiceClient::new(bench.channel.clone());
    let nothing = client.enrol(EnrolRequest { envelope: None }).await.unwrap_err();
    assert_eq!(nothing.code(), Code::InvalidArgument);
    bench.finish().await;
}
