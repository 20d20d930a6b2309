//! The service as its supervisor sees it: signals, settings, health and reflection.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod fsck;
mod raw;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use plinth_client::{Administrator, Agency, ClientError, Connection, Retry, SignedRequest, Trust};
use plinth_identity::party::{FactorSet, PartyKind};
use plinth_identity::reason::Reason;
use plinth_proto::enrolment::v1::enrolment_service_client::EnrolmentServiceClient;
use plinth_proto::enrolment::v1::{EnrolManyRequest, EnrolManyResponse};
use plinth_server::clock::ManualClock;
use plinth_server::config::ServeConfig;
use plinth_tests::{START, World, binary, enrolment, fingers, party, party_id, signing_key};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// What was promised to supervisors: from the signal to the end of the process.
const DRAIN: Duration = Duration::from_secs(10);

/// `plinth serve` on a deployment of its own.
struct Service {
    config: ServeConfig,
    trust: Trust,
    child: Child,
    url: String,
    admin_url: String,
    _folder: TempDir,
}

impl Service {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (data, root_key) = (folder.path().join("data"), folder.path().join("root.key"));
        let administrators =
            [1, 2].map(|seed| (party_id(&format!("admin-{seed}")), signing_key(seed).public()));
        let made = plinth_server::init(&data, &root_key, &administrators, plinth_client::now()).unwrap();
        let trust = Trust::new(made.deployment, vec![made.service_key]);
        let config = ServeConfig::new(data, root_key).on_free_ports();
        let (child, url, admin_url) = spawn(&config);
        Self { config, trust, child, url, admin_url, _folder: folder }
    }

    fn serve_again(&mut self) {
        (self.child, self.url, self.admin_url) = spawn(&self.config);
    }

    async fn register(&self) {
        let connection = Connection::open(&self.admin_url, None).await.unwrap();
        let administrator =
            Administrator::new(connection, party_id("admin-1"), signing_key(1), self.trust.clone());
        let now = plinth_client::now();
        let mut north = party(PartyKind::Agency, "north", &signing_key(5), FactorSet::EMPTY, false);
        (north.valid_from, north.valid_until) = (now, now.plus_millis(24 * 3_600_000));
        administrator.register(north, now).await.unwrap();
    }

    async fn agency(&self) -> Agency {
        let connection = Connection::open(&self.url, None).await.unwrap();
        Agency::new(connection, party_id("north"), signing_key(5), self.trust.clone())
            .with_retry(Retry::none())
    }

    /// Sends a signal and waits, for as long as a drain may take, for the process to end.
    async fn signal(&mut self, name: &str) -> ExitStatus {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &process]).status().unwrap().success());
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                // Only this waits on real time: processes tell nobody but their parent that they have ended.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(DRAIN, ended).await.expect("the process must end within 10 seconds")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A test that failed must not leave its server behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary, with no setting but those given.
fn plinth(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLINTH_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn spawn(config: &ServeConfig) -> (Child, String, String) {
    let mut child = plinth(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--log-level", "warn"])
        .args([Path::new("--data"), &config.data, Path::new("--root-key"), &config.root_key])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = |name: &str| {
        let found = line.split_whitespace().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
        format!("http://{}", found.unwrap_or_else(|| panic!("the server said: {line:?}")))
    };
    let addresses = (address("public="), address("admin="));
    (child, addresses.0, addresses.1)
}

/// A client that sends envelopes which are refused, as many as the stream takes, and never reads an answer. Its window
/// holds a few hundred of them; then the service cannot send any more.
async fn deaf(url: &str) -> Streaming<EnrolManyResponse> {
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap().initial_stream_window_size(65_535);
    let endless = tokio_stream::iter(0..).map(|correlation| EnrolManyRequest { correlation, envelope: None });
    let mut client = EnrolmentServiceClient::new(endpoint.connect().await.unwrap());
    client.enrol_many(endless).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_process_in_time_whatever_clients_hold_open_and_answers_what_was_taken_in() {
    let mut service = Service::new();
    service.register().await;
    let agency = service.agency().await;
    let requests: Vec<SignedRequest> = (0..40)
        .map(|person| {
            let draft = enrolment("Somebody", person, 0, &fingers(2));
            agency.request(draft, plinth_client::now()).unwrap()
        })
        .collect();

    // One that keeps its stream open, one that is idle, one that never speaks, one that never listens.
    let (sender, receiver) = mpsc::channel(64);
    let mut answers = agency.enrol_many(ReceiverStream::new(receiver));
    let idle = service.agency().await;
    idle.enrolments("", 1, plinth_client::now()).await.unwrap();
    let silent = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
    let deaf = deaf(&service.url).await;
    for request in &requests {
        sender.send(request.clone()).await.unwrap();
    }
    let (id, first) = answers.next().await.unwrap();
    let mut acknowledged = BTreeMap::from([(id, first.unwrap().to_bytes())]);
    let rest = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        while let Some(outcome) = answers.next().await {
            outcomes.push(outcome);
        }
        outcomes
    });

    assert!(service.signal("-TERM").await.success());
    let rest = rest.await.unwrap();
    for (id, outcome) in rest {
        match outcome {
            Ok(answer) => drop(acknowledged.insert(id, answer.to_bytes())),
            Err(ClientError::Refused(refusal)) => assert_eq!(refusal.reason, Some(Reason::ShuttingDown)),
            // Not taken in before the connection ended.
            Err(error) => assert!(matches!(error, ClientError::Transport(_)), "{error}"),
        }
    }
    assert!(idle.enrolments("", 1, plinth_client::now()).await.is_err(), "nobody is there any more");
    drop((sender, silent, deaf));

    service.serve_again();
    let agency = service.agency().await;
    for request in &requests {
        let answer = agency.enrol(request).await.unwrap().to_bytes();
        let earlier = acknowledged.get(&request.request_id());
        assert!(earlier.is_none_or(|earlier| *earlier == answer), "an answer that was given has changed");
    }
    // Without anyone connected, as a supervisor's restart finds it; and the other signal means the same.
    drop((agency, idle));
    assert!(service.signal("-INT").await.success());
    let counts = fsck::must_be_clean(&service.config);
    assert_eq!((counts.identities, counts.enrolments), (40, 40));
}

#[test]
fn a_setting_that_does_not_exist_or_contradicts_another_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("plinth.toml");
    for (addition, named) in [
        ("listne = \"127.0.0.1:0\"", "listne"),
        ("[limits]\nin_flihgt = 1", "in_flihgt"),
        ("[deduplication]\ntarget_fpir = 1e-3\nfmr = 1e-4", "`fmr`"),
        ("[tls]\ncertificate = \"c\"\nkey = \"k\"", "client_ca"),
        ("[deduplication]\ntarget_fpir = 0.6", "deduplication.target_fpir"),
        ("[deduplication]\ncertainty = 0.9", "deduplication.certainty"),
        ("[limits]\ndrain_seconds = 10", "limits.drain_seconds"),
        ("listen = \"0.0.0.0:0\"", "without TLS only loopback"),
        ("listen = \"somewhere\"", "listen"),
    ] {
        let root_key = folder.path().join("root.key");
        let text = format!("data = \"{}\"\nroot_key = {root_key:?}\n{addition}\n", folder.path().display());
        fs::write(&file, text).unwrap();
        let output = plinth(&["serve", "--config"]).arg(&file).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{addition}");
        assert!(said.contains(named), "{addition}: {said}");
        assert!(output.stdout.is_empty(), "nothing was served");
    }
}

async fn health(connection: &Connection, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(connection.channel()).check(request).await.unwrap().into_inner().status()
}

/// The services that grpc.health.v1 is asked about; the empty name is the whole server.
const SERVICES: [&str; 5] = [
    "",
    "plinth.enrolment.v1.EnrolmentService",
    "plinth.authentication.v1.AuthenticationService",
    "plinth.evidence.v1.EvidenceService",
    "plinth.registry.v1.RegistryService",
];

#[tokio::test(flavor = "multi_thread")]
async fn health_says_not_serving_until_the_store_is_open_and_requests_are_told_so() {
    let mut world = World::new().await;
    world.stop().await;
    // A description that cannot be read to its end holds the opening of the store where it is.
    let description = world.config.data.join("PLINTH");
    let (kept, pipe) = (description.with_file_name("kept"), description.with_file_name("pipe"));
    fs::copy(&description, &kept).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &description).unwrap();

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = ServeConfig { listen: port, ..world.config.clone() };
    let starting = tokio::spawn(plinth_server::start(config, Arc::new(ManualClock::at(START))));
    let connection = loop {
        match Connection::open(&format!("http://{port}"), None).await {
            Ok(connection) => break connection,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let mut while_opening = Vec::new();
    for service in SERVICES {
        while_opening.push(health(&connection, service).await);
    }
    let agency = Agency::new(connection.clone(), party_id("north"), signing_key(5), world.trust.clone());
    let refused = agency.with_retry(Retry::none()).enrolments("", 1, START).await.map(drop);

    // The pipe has been opened by now, or will be: whoever opens the other end meets the server there.
    let resumed = tokio::task::spawn_blocking(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(&description).unwrap();
        let text = fs::read(&kept).unwrap();
        fs::rename(&kept, &description).unwrap();
        pipe.write_all(&text).unwrap();
    });
    resumed.await.unwrap();
    let running = starting.await.unwrap().unwrap();
    assert_eq!(while_opening, [ServingStatus::NotServing; 5]);
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::NotServing));
    for service in SERVICES {
        assert_eq!(health(&connection, service).await, ServingStatus::Serving, "{service}");
    }
    running.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_health_hears_that_a_drain_begins_before_it_ends() {
    let mut world = World::with(|config| config.limits.drain_seconds = 1).await;
    let watch = async |url: &str| {
        let channel = Connection::open(url, None).await.unwrap().channel();
        HealthClient::new(channel).watch(HealthCheckRequest::default()).await.unwrap().into_inner()
    };
    let mut watchers = [watch(&world.url()).await, watch(&world.admin_url()).await];
    let status = |answer: Option<HealthCheckResponse>| answer.unwrap().status();
    for watcher in &mut watchers {
        assert_eq!(status(watcher.message().await.unwrap()), ServingStatus::Serving);
    }
    world.stop().await;
    for watcher in &mut watchers {
        assert_eq!(status(watcher.message().await.unwrap()), ServingStatus::NotServing);
    }
}

/// `ServerReflectionRequest { list_services: "*" }` of grpc.reflection.v1: field 7, one byte long.
const LIST_SERVICES: [u8; 3] = [7 << 3 | 2, 1, b'*'];

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_services_on_the_admin_listener_only() {
    let mut world = World::new().await;
    let list = async |url: &str, method| {
        let channel = Connection::open(url, None).await.unwrap().channel();
        raw::call(channel, method, vec![LIST_SERVICES.to_vec()]).await
    };
    let method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let listed = list(&world.admin_url(), method).await.unwrap();
    let listed = String::from_utf8_lossy(&listed);
    for service in &SERVICES[1..] {
        assert!(listed.contains(service), "{service} is not listed");
    }
    assert!(listed.contains("grpc.health.v1.Health"));
    assert_eq!(list(&world.url(), method).await.unwrap_err().code(), Code::Unimplemented);
    // Administration itself is on its own listener too, and the other services are not.
    for (url, method) in [
        (world.url(), "/plinth.registry.v1.RegistryService/ListParties"),
        (world.admin_url(), "/plinth.enrolment.v1.EnrolmentService/Enrol"),
        (world.admin_url(), "/plinth.authentication.v1.AuthenticationService/Authenticate"),
    ] {
        assert_eq!(list(&url, method).await.unwrap_err().code(), Code::Unimplemented, "{method}");
    }
    world.stop().await;
}
