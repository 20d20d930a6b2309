//! Budgets and used codes survive SIGKILL: a process of its own is killed at once after it answered.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use plinth_client::{Administrator, Agency, AuthenticationDraft, Connection, RelyingParty, Retry, Trust};
use plinth_identity::authentication::Verdict;
use plinth_identity::number::IdentityNumber;
use plinth_identity::party::{FactorSet, Party, PartyKind};
use plinth_identity::reason::Reason;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_server::config::ServeConfig;
use plinth_tests::{binary, enrolment, fingers, party, party_id, signing_key};
use tempfile::TempDir;

use crate::fsck;
use crate::town::{NAME, by_fingers, by_name, hand, open_policy, reason, refusal, strange_finger};

/// `plinth serve` on a deployment of its own, by the system's clock.
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
        let config = ServeConfig::new(data, root_key);
        let (child, url, admin_url) = spawn(&config);
        Self { config, trust, child, url, admin_url, _folder: folder }
    }

    fn kill_and_serve_again(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.url, self.admin_url) = spawn(&self.config);
    }

    async fn register(&self, party: Party) {
        let connection = Connection::open(&self.admin_url, None).await.unwrap();
        let administrator =
            Administrator::new(connection, party_id("admin-1"), signing_key(1), self.trust.clone());
        let now = plinth_client::now();
        let party = Party { valid_from: now, valid_until: now.plus_millis(24 * 3_600_000), ..party };
        administrator.register(party, now).await.unwrap();
    }

    async fn enrol(&self, person: u64) -> IdentityNumber {
        self.register(party(PartyKind::Agency, "north", &signing_key(5), FactorSet::EMPTY, false)).await;
        let connection = Connection::open(&self.url, None).await.unwrap();
        let agency = Agency::new(connection, party_id("north"), signing_key(5), self.trust.clone());
        let draft = enrolment(NAME, person, 0, &fingers(4));
        let answer = agency.enrol(&agency.request(draft, plinth_client::now()).unwrap()).await.unwrap();
        match answer.statement.outcome {
            EnrolmentOutcome::Issued { number } => number,
            _ => panic!("a new person must get a number"),
        }
    }

    async fn bank(&self) -> RelyingParty {
        let connection = Connection::open(&self.url, None).await.unwrap();
        RelyingParty::new(connection, party_id("bank"), signing_key(6), self.trust.clone())
            .with_retry(Retry::none())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A test that failed must not leave its server behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(config: &ServeConfig) -> (Child, String, String) {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLINTH_")) {
        command.env_remove(name);
    }
    let mut child = command
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn"])
        .args([Path::new("--data"), &config.data, Path::new("--root-key"), &config.root_key])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = |name: &str| {
        let found = line.split_whitespace().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
        format!("http://{}", found.unwrap_or_else(|| panic!("the server said: {line:?}")))
    };
    let (url, admin_url) = (address("public="), address("admin="));
    (child, url, admin_url)
}

async fn ask(bank: &RelyingParty, draft: AuthenticationDraft) -> Result<Verdict, Reason> {
    let request = bank.request(draft, plinth_client::now()).unwrap();
    match bank.authenticate(&request).await {
        Ok(answer) => Ok(answer.statement.verdict),
        Err(error) => Err(reason(&refusal(error))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_are_five_however_often_the_service_is_killed_in_between() {
    let mut service = Service::new();
    let number = service.enrol(1).await;
    let plain = party(PartyKind::RelyingParty, "bank", &signing_key(6), FactorSet::ALL, true);
    service.register(Party { policy: open_policy(), ..plain }).await;
    for _ in 0..5 {
        let wrong = by_fingers(number, strange_finger());
        assert_eq!(ask(&service.bank().await, wrong).await, Ok(Verdict::No));
        service.kill_and_serve_again();
    }
    // The wait is half a minute and more; these come at once.
    for draft in [by_fingers(number, strange_finger()), by_fingers(number, hand(1)), by_name(number, NAME)] {
        assert_eq!(ask(&service.bank().await, draft).await, Err(Reason::TooManyAttempts));
        service.kill_and_serve_again();
    }
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    fsck::must_be_clean(&service.config);
}
