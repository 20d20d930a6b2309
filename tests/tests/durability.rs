//! What was acknowledged survives `kill -9`: a client keeps its own synced ledger and holds the server to it.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use plinth_client::{Administrator, Agency, Connection, Retry, SignedRequest, Trust};
use plinth_identity::dsse::{PublicKey, SigningKey};
use plinth_identity::id::{DeploymentId, RequestId};
use plinth_identity::party::{FactorSet, PartyKind};
use plinth_identity::statement::EnrolmentOutcome;
use plinth_tests::{binary, enrolment, fingers, party, party_id, signing_key};
use tempfile::TempDir;
use tokio::sync::Mutex;

const KILLS: u64 = 20;
const WORKERS: u64 = 32;
/// Enrolments acknowledged before each kill, so that the moment differs from round to round without a clock.
const ACKNOWLEDGED_BEFORE_KILL: [usize; 5] = [1, 7, 20, 33, 48];

/// A deployment served by a process of its own.
struct Service {
    folder: TempDir,
    child: Child,
    url: String,
    trust: Trust,
}

impl Service {
    fn plinth(arguments: &[&Path]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).stdin(Stdio::null()).env_remove("PLINTH_DATA").env_remove("PLINTH_ROOT_KEY");
        command
    }

    fn found() -> (TempDir, Trust) {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let output = Self::plinth(&["init".as_ref(), "--data".as_ref(), &path("data")])
            .args([Path::new("--root-key"), &path("root.key"), Path::new("--admin-keys"), &path("admins")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let id = text.lines().find_map(|line| line.strip_prefix("deployment ")).unwrap();
        let pem = fs::read_to_string(path("admins").join("service.pem")).unwrap();
        let trust =
            Trust::new(DeploymentId::parse(id.trim()).unwrap(), vec![PublicKey::from_pem(&pem).unwrap()]);
        (folder, trust)
    }

    /// Serves a folder; returns when the process says that it is listening.
    fn serve(folder: TempDir, trust: Trust) -> (Self, String) {
        let (child, url, admin) = spawn(folder.path());
        (Self { folder, child, url, trust }, admin)
    }

    async fn agency(&self) -> Agency {
        let connection = Connection::open(&self.url, None).await.unwrap();
        Agency::new(connection, party_id("north"), signing_key(5), self.trust.clone())
            .with_retry(Retry::none())
    }

    /// SIGKILL, then the same folder again.
    fn kill_and_serve_again(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (child, url, _) = spawn(self.folder.path());
        self.child = child;
        self.url = url;
    }

    /// Ends the process for good and checks every index against every other.
    fn stop_and_check(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let output = Self::plinth(&["fsck".as_ref(), "--data".as_ref(), &self.folder.path().join("data")])
            .args([Path::new("--root-key"), &self.folder.path().join("root.key")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

fn spawn(folder: &Path) -> (Child, String, String) {
    let mut child = Service::plinth(&["serve".as_ref(), "--data".as_ref(), &folder.join("data")])
        .args([Path::new("--root-key"), &folder.join("root.key")])
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = |name: &str| {
        let found = line.split_whitespace().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
        format!("http://{}", found.unwrap_or_else(|| panic!("the server said: {line:?}")))
    };
    (child, address("public="), address("admin="))
}

/// The oracle: what was sent, and what came back. Every line is on disk before the next step.
struct Ledger {
    file: File,
    sent: BTreeMap<RequestId, (u64, SignedRequest)>,
    issued: BTreeMap<RequestId, String>,
}

impl Ledger {
    fn new(path: PathBuf) -> Self {
        Self { file: File::create(path).unwrap(), sent: BTreeMap::new(), issued: BTreeMap::new() }
    }

    fn sending(&mut self, person: u64, request: &SignedRequest) {
        writeln!(self.file, "sent {} {person}", request.request_id()).unwrap();
        self.file.sync_data().unwrap();
        self.sent.insert(request.request_id(), (person, request.clone()));
    }

    fn acknowledged(&mut self, request: &SignedRequest, outcome: &EnrolmentOutcome) {
        let EnrolmentOutcome::Issued { number } = outcome else {
            panic!("every person of this test is new");
        };
        writeln!(self.file, "acknowledged {}", request.request_id()).unwrap();
        self.file.sync_data().unwrap();
        let earlier = self.issued.insert(request.request_id(), number.reveal());
        assert!(earlier.is_none_or(|earlier| earlier == number.reveal()), "an acknowledged number changed");
    }

    fn unanswered(&self) -> Vec<SignedRequest> {
        let unknown = self.sent.iter().filter(|(id, _)| !self.issued.contains_key(*id));
        unknown.map(|(_, (_, request))| request.clone()).collect()
    }
}

/// 32 workers enrol new people until the server is killed under them, once `target` more are acknowledged.
async fn load_until_killed(
    service: &mut Service,
    ledger: &Arc<Mutex<Ledger>>,
    next: &mut u64,
    target: usize,
) {
    let goal = ledger.lock().await.issued.len() + target;
    let (reached, mut wait) = tokio::sync::watch::channel(false);
    let reached = Arc::new(reached);
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let agency = service.agency().await;
        let (ledger, reached) = (Arc::clone(ledger), Arc::clone(&reached));
        let first = *next + worker;
        workers.spawn(async move {
            for person in (first..).step_by(usize::try_from(WORKERS).unwrap()) {
                let draft = enrolment("Somebody", person, 0, &fingers(4));
                let request = agency.request(draft, plinth_client::now()).unwrap();
                ledger.lock().await.sending(person, &request);
                let Ok(answer) = agency.enrol(&request).await else { return };
                let mut ledger = ledger.lock().await;
                ledger.acknowledged(&request, &answer.statement.outcome);
                if ledger.issued.len() >= goal {
                    reached.send_replace(true);
                }
            }
        });
    }
    wait.wait_for(|reached| *reached).await.unwrap();
    service.kill_and_serve_again();
    workers.join_all().await;
    *next = ledger.lock().await.sent.values().map(|(person, _)| person + 1).max().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_enrolment_survives_20_kills_under_load_and_no_person_gets_two_numbers() {
    let (folder, trust) = Service::found();
    let (mut service, admin_url) = Service::serve(folder, trust);
    register(&service, &admin_url).await;
    let ledger = Arc::new(Mutex::new(Ledger::new(service.folder.path().join("ledger"))));
    let mut next = 0;
    for kill in 0..KILLS {
        let target =
            ACKNOWLEDGED_BEFORE_KILL[usize::try_from(kill).unwrap() % ACKNOWLEDGED_BEFORE_KILL.len()];
        load_until_killed(&mut service, &ledger, &mut next, target).await;
        check(&service, &ledger).await;
    }
    let ledger = ledger.lock().await;
    let numbers: BTreeSet<&String> = ledger.issued.values().collect();
    assert_eq!(numbers.len(), ledger.issued.len(), "a number was given twice");
    assert_eq!(ledger.issued.len(), ledger.sent.len(), "someone was never answered");
    drop(ledger);
    service.stop_and_check();
}

/// Every acknowledged request still has its number; every unanswered one, sent again, gets exactly one.
async fn check(service: &Service, ledger: &Arc<Mutex<Ledger>>) {
    let agency = service.agency().await;
    let mut ledger = ledger.lock().await;
    let acknowledged: Vec<_> = ledger.issued.keys().map(|id| ledger.sent[id].1.clone()).collect();
    for request in acknowledged.into_iter().chain(ledger.unanswered()) {
        let answer = agency.enrol(&request).await.unwrap();
        ledger.acknowledged(&request, &answer.statement.outcome);
    }
}

async fn register(service: &Service, admin_url: &str) {
    let pem = fs::read_to_string(service.folder.path().join("admins").join("admin-1.pem")).unwrap();
    let key = SigningKey::from_pem(&pem).unwrap();
    let connection = Connection::open(admin_url, None).await.unwrap();
    let administrator = Administrator::new(connection, party_id("admin-1"), key, service.trust.clone());
    let now = plinth_client::now();
    let mut agency = party(PartyKind::Agency, "north", &signing_key(5), FactorSet::EMPTY, false);
    agency.valid_from = now;
    agency.valid_until = now.plus_millis(24 * 3_600_000);
    administrator.register(agency, now).await.unwrap();
}
