//! The metrics page as a collector sees it: counts that move, and nobody in them.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::net::{Ipv4Addr, SocketAddr};

use plinth_client::AuthenticationDraft;
use plinth_identity::Verdict;
use plinth_identity::number::IdentityNumber;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_server::config::ServeConfig;
use plinth_tests::{World, enrolment, fingers, question, samples};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// People enrolled: enough that one enrolment's search after another verifies ten people.
const PEOPLE: u64 = 12;

fn with_metrics(config: &mut ServeConfig) {
    config.metrics_listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
}

/// Sends bytes and reads the whole answer: the page closes its connections.
async fn exchange(world: &World, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.metrics_address().unwrap()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn scrape(world: &World) -> String {
    exchange(world, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await
}

/// The value of a line of the page.
fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find(|line| line.rsplit_once(' ').is_some_and(|(found, _)| found == name));
    line.unwrap_or_else(|| panic!("{name} is not on the page:\n{page}"))
        .rsplit_once(' ')
        .unwrap()
        .1
        .parse()
        .unwrap()
}

async fn enrol(world: &World, person: u64) -> IdentityNumber {
    let agency = if person == 0 { world.agency("north").await } else { world.agency_again("north").await };
    let request = agency.request(enrolment("Asha Rao", person, 0, &fingers(2)), world.now()).unwrap();
    match agency.enrol(&request).await.unwrap().statement.outcome {
        EnrolmentOutcome::Issued { number } => number,
        outcome => panic!("a new person must get a number: {outcome:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_on_the_page_and_who_it_happened_to_is_not() {
    let mut world = World::with(with_metrics).await;
    let mut numbers = Vec::new();
    for person in 0..PEOPLE {
        numbers.push(enrol(&world, person).await);
    }
    let page = scrape(&world).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("application/openmetrics-text; version=1.0.0"), "{page}");

    let bank = world.relying_party("bank", true).await;
    for (person, number) in numbers.iter().enumerate() {
        let person = u64::try_from(person).unwrap();
        for (sent, expected) in [(person, Verdict::Yes), (person + 1_000, Verdict::No)] {
            let draft = AuthenticationDraft {
                fingers: samples(sent, 2, &fingers(2)),
                purpose: "pension".to_owned(),
                ..AuthenticationDraft::new(*number)
            };
            let answer = bank.authenticate(&bank.request(draft, world.now()).unwrap()).await.unwrap();
            assert_eq!(answer.statement.verdict, expected);
        }
    }
    let early = world.now().plus_millis(3_600_000);
    let draft = question(numbers[0], "Asha Rao");
    bank.authenticate(&bank.request(draft, early).unwrap()).await.map(drop).unwrap_err();

    let soon = scrape(&world).await;
    assert_eq!(value(&soon, "plinth_authentications_total{verdict=\"yes\"}"), 12.0);
    let unseen = value(&soon, "plinth_authentication_finger_llr_count{finding=\"match\"}");
    assert_eq!(unseen, 0.0, "no score is shown within the minute in which it came");

    world.clock.advance(60_000);
    let page = scrape(&world).await;
    for (name, expected) in [
        ("plinth_serving", 1.0),
        ("plinth_gallery_people", 12.0),
        ("plinth_queue_length", 0.0),
        ("plinth_enrolments_total{outcome=\"issued\"}", 12.0),
        ("plinth_enrolments_total{outcome=\"duplicate\"}", 0.0),
        ("plinth_search_seconds_count", 12.0),
        ("plinth_authentications_total{verdict=\"no\"}", 12.0),
        ("plinth_refusals_total{reason=\"FROM_FUTURE\"}", 1.0),
        ("plinth_authentication_finger_llr_count{finding=\"match\"}", 12.0),
        ("plinth_authentication_finger_llr_count{finding=\"no_match\"}", 12.0),
        // What strangers reach never gets near ten decades.
        ("plinth_authentication_finger_llr_bucket{le=\"10.0\",finding=\"no_match\"}", 12.0),
    ] {
        assert_eq!(value(&page, name), expected, "{name}\n{page}");
    }
    assert!(value(&page, "plinth_commit_seconds_count") >= 12.0, "{page}");
    for secret in
        numbers.iter().map(IdentityNumber::digits).map(|digits| String::from_utf8(digits.to_vec()).unwrap())
    {
        assert!(!page.contains(&secret), "a number is on the page");
    }
    for name in ["Asha", "Rao", "north", "bank", "pension", "station-1"] {
        assert!(!page.contains(name), "{name} is on the page");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_the_only_one_and_can_only_be_read() {
    let mut world = World::with(with_metrics).await;
    let head = |answer: String| answer.lines().next().unwrap().to_owned();
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("GET /metrics/ HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (
            "POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 405 Method Not Allowed",
        ),
        ("HEAD /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /metrics?x=y HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 200 OK"),
    ] {
        assert_eq!(head(exchange(&world, request.as_bytes()).await), expected, "{request}");
    }
    let nonsense = exchange(&world, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(nonsense.is_empty() || nonsense.starts_with("HTTP/1.1 4"), "{nonsense}");
    let long = format!("GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let mut stream = TcpStream::connect(world.metrics_address().unwrap()).await.unwrap();
    // The server may hang up before it has read everything.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "a head that is too long gets no page");
    // Whoever opens connections and says nothing keeps nobody from the page for longer than the time a head may take,
    // and a drain does not wait for them.
    let silent = TcpStream::connect(world.metrics_address().unwrap()).await.unwrap();
    assert!(scrape(&world).await.starts_with("HTTP/1.1 200 OK"));
    world.stop().await;
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_asked_for_there_is_no_page_and_elsewhere_than_here_it_is_refused() {
    let mut world = World::new().await;
    assert!(world.metrics_address().is_none());
    let config = ServeConfig {
        metrics_listen: Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
        ..world.config.clone()
    };
    assert!(config.check().unwrap_err().to_string().contains("metrics_listen"));
    world.stop().await;
}
