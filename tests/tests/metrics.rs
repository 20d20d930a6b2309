//! The metrics page as a collector sees it: counts that move, and nobody in them. What is written about it, and the
//! dashboard, name what is on it.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plinth_client::{AuthenticationDraft, RelyingParty};
use plinth_identity::Verdict;
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{Quotas, RelyingPartyPolicy};
use plinth_identity::statement::EnrolmentOutcome;
use plinth_server::config::ServeConfig;
use plinth_tests::{World, enrolment, fingers, matchable, policy, question, samples};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_stream::StreamExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_has_stopped_waiting_for_is_not_decided() {
    let mut world = World::with(|config| {
        with_metrics(config);
        config.limits.commit_interval_ms = 100;
    })
    .await;
    let number = enrol(&world, 0).await;
    let bank = world.relying_party("bank", false).await;
    let impatient = world.connect().await.with_deadline(Duration::from_millis(20));
    let hasty = world.relying_party_over(impatient, "bank");
    let ask = |by: &RelyingParty| by.request(question(number, "Asha Rao"), world.now()).unwrap();
    let mut undecided = None;
    for _ in 0..200 {
        // The first of two is decided at once or soon; meanwhile the second waits for its commit, a tenth of a second away.
        let before = bank.authenticate(&ask(&bank)).await.unwrap().statement.header.log_position;
        let late = ask(&bank);
        let left = value(&scrape(&world).await, "plinth_abandoned_total");
        let gone = hasty.authenticate(&late).await.is_err();
        let after = bank.authenticate(&ask(&bank)).await.unwrap().statement.header.log_position;
        if gone && value(&scrape(&world).await, "plinth_abandoned_total") > left {
            assert_eq!(after.get(), before.get() + 1, "it was decided for nobody");
            undecided = Some((late, after));
            break;
        }
    }
    let (late, after) = undecided.expect("a caller who leaves while the service gathers");
    // Nothing is held against the request: it is decided when somebody waits for it.
    let answer = bank.authenticate(&late).await.unwrap().statement;
    assert_eq!((answer.verdict, answer.header.log_position.get()), (Verdict::Yes, after.get() + 1));
    world.stop().await;
}

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
    if person == 0 {
        drop(world.agency("north").await);
    }
    enrol_again(world, person).await
}

/// Enrols by an agency that is registered already.
async fn enrol_again(world: &World, person: u64) -> IdentityNumber {
    let agency = world.agency_again("north").await;
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
        ("plinth_requests_in_flight", 0.0),
        (
            "plinth_calls_total{method=\"plinth.authentication.v1.AuthenticationService/Authenticate\",code=\"OK\"}",
            24.0,
        ),
        ("plinth_call_seconds_count{method=\"plinth.enrolment.v1.EnrolmentService/Enrol\"}", 12.0),
        ("plinth_party_requests_total{kind=\"agency\",party=\"north\"}", 12.0),
        ("plinth_party_answers_total{kind=\"agency\",party=\"north\",answer=\"issued\"}", 12.0),
        ("plinth_party_requests_total{kind=\"relying_party\",party=\"bank\"}", 25.0),
        ("plinth_party_answers_total{kind=\"relying_party\",party=\"bank\",answer=\"yes\"}", 12.0),
        ("plinth_party_answers_total{kind=\"relying_party\",party=\"bank\",answer=\"no\"}", 12.0),
        ("plinth_party_answers_total{kind=\"relying_party\",party=\"bank\",answer=\"refused\"}", 1.0),
        ("plinth_party_authentication_seconds_count{party=\"bank\"}", 25.0),
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
    for name in ["Asha", "Rao", "pension", "station-1", "operator-1"] {
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

/// A page with something of everything: a stream with an answer and a refusal, a yes, and a budget that is used up.
async fn full_page() -> String {
    let mut world = World::with(with_metrics).await;
    let agency = world.agency("north").await;
    let early = world.now().plus_millis(3_600_000);
    let requests = [world.now(), early].map(|at| {
        let draft = enrolment("Asha Rao", 1, 0, &fingers(2));
        agency.request(draft, at).unwrap()
    });
    let outcomes: Vec<_> = agency.enrol_many(tokio_stream::iter(requests)).collect().await;
    assert_eq!(outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count(), 1);
    let number = enrol_again(&world, 2).await;
    let one_number = Quotas { numbers_per_day: 1, ..Quotas::default() };
    let bank = world
        .relying_party_with("bank", RelyingPartyPolicy { quotas: one_number, ..policy(matchable(), true) })
        .await;
    let ask = || bank.request(question(number, "Asha Rao"), world.now()).unwrap();
    assert_eq!(bank.authenticate(&ask()).await.unwrap().statement.verdict, Verdict::Yes);
    let other =
        bank.request(question(IdentityNumber::parse("234567890124").unwrap(), "Asha Rao"), world.now());
    bank.authenticate(&other.unwrap()).await.map(drop).unwrap_err();
    let page = scrape(&world).await;
    world.stop().await;
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_stream_and_budgets_that_are_used_up_are_counted() {
    let page = full_page().await;
    let stream = "method=\"plinth.enrolment.v1.EnrolmentService/EnrolMany\"";
    for (name, expected) in [
        (format!("plinth_calls_total{{{stream},code=\"OK\"}}"), 1.0),
        (format!("plinth_stream_messages_total{{{stream},code=\"OK\"}}"), 1.0),
        (format!("plinth_stream_messages_total{{{stream},code=\"FAILED_PRECONDITION\"}}"), 1.0),
        (format!("plinth_call_seconds_count{{{stream}}}"), 2.0),
        ("plinth_party_requests_total{kind=\"agency\",party=\"north\"}".to_owned(), 3.0),
        ("plinth_party_answers_total{kind=\"agency\",party=\"north\",answer=\"refused\"}".to_owned(), 1.0),
        ("plinth_budget_refusals_total{budget=\"numbers_per_day\"}".to_owned(), 1.0),
    ] {
        assert_eq!(value(&page, &name), expected, "{name}\n{page}");
    }
}

/// What a page holds: every family, with the names of its samples and of its labels.
fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::new();
    for declared in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = declared.split_once(' ').unwrap();
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let samples: BTreeSet<String> = suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect();
        // Counters go by the name of their sample, histograms by that of the family.
        let called = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let rows = page.lines().filter_map(|line| line.split_once('{'));
        let own = rows.filter(|(sample, _)| samples.contains(*sample));
        let labels = own.flat_map(|(_, rest)| label_names(rest.rsplit_once('}').unwrap().0)).collect();
        families.insert(called, Family { samples, labels });
    }
    families
}

struct Family {
    samples: BTreeSet<String>,
    labels: BTreeSet<String>,
}

/// The names in a list of labels with quoted values, such as `le="1.0",method=~"a|b"`.
fn label_names(list: &str) -> Vec<String> {
    let names = list.split('"').step_by(2).map(|part| part.trim_matches([',', '=', '~', '!', ' ']));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The names of metrics in a text or an expression.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("plinth_")).map(str::to_owned).collect()
}

/// The labels that an expression groups or chooses by.
fn labels_of(expression: &str) -> BTreeSet<String> {
    let chosen =
        expression.split('{').skip(1).filter_map(|rest| rest.split('}').next()).flat_map(label_names);
    let groups = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let grouped =
        groups.flat_map(|list| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    chosen.chain(grouped).collect()
}

/// Every expression that a dashboard sends to Prometheus: of panels, and of variables.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                match inner {
                    Value::String(text) if ["expr", "query", "definition"].contains(&key.as_str()) => {
                        found.push(text.clone());
                    }
                    _ => expressions(inner, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|inner| expressions(inner, found)),
        _ => {}
    }
}

/// Asked for at run time: checkouts may share one build folder.
fn docs() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&here).parent().unwrap().join("docs")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_dashboard_asks_for_is_on_the_page() {
    let page = families(&full_page().await);
    let text = std::fs::read_to_string(docs().join("grafana/plinth.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{} asks for nothing", panel["title"]);
    }
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 40, "{} expressions", asked.len());
    let mut seen = BTreeSet::new();
    for expression in &asked {
        let mut labels = BTreeSet::new();
        for name in metric_names(expression) {
            let family = page.iter().find(|(_, family)| family.samples.contains(&name));
            let (called, family) =
                family.unwrap_or_else(|| panic!("{name} is not on the page: {expression}"));
            labels.extend(family.labels.iter().cloned());
            seen.insert(called.clone());
        }
        let strange: Vec<_> = labels_of(expression).difference(&labels).cloned().collect();
        assert!(strange.is_empty(), "no metric has the labels {strange:?}: {expression}");
    }
    let unseen: Vec<_> = page.keys().filter(|name| !seen.contains(*name)).collect();
    assert!(unseen.is_empty(), "on the page, and on no panel: {unseen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_every_metric_with_its_labels_and_no_other() {
    let page = families(&full_page().await);
    let text = std::fs::read_to_string(docs().join("metrics.md")).unwrap();
    let mut described = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `plinth_")) {
        let mut cells = row.split('|').skip(1);
        let (names, labels) = (cells.next().unwrap(), cells.next().unwrap());
        let labels: BTreeSet<String> = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        described.extend(metric_names(names).into_iter().map(|name| (name, labels.clone())));
    }
    assert_eq!(described.keys().collect::<Vec<_>>(), page.keys().collect::<Vec<_>>());
    for (name, labels) in described {
        let on_page: BTreeSet<String> =
            page[&name].labels.iter().filter(|label| *label != "le").cloned().collect();
        assert_eq!(labels, on_page, "the labels of {name}");
    }
    // What is said about them elsewhere names them as they are.
    for name in metric_names(&text) {
        let known = page.iter().any(|(called, family)| *called == name || family.samples.contains(&name));
        assert!(known, "docs/metrics.md names {name}");
    }
}
