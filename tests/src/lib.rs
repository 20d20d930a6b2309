//! A world for tests: a real server in this process, on loopback, with a clock that the test moves, and the parties that
//! talk to it over the wire.

#![allow(clippy::unwrap_used, reason = "a test world may stop where it fails")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread::ThreadId;

use plinth_biometrics::record::FingerPosition;
use plinth_biometrics::synthetic::SyntheticPerson;
use plinth_client::{
    Administrator, Agency, AuthenticationDraft, Connection, EnrolmentDraft, RelyingParty, Retry, Trust,
};
use plinth_identity::application::FingerSample;
use plinth_identity::demographics::{
    DateOfBirth, DemographicClaim, Demographics, Gender, Name, NameClaim, Strategy,
};
use plinth_identity::dsse::SigningKey;
use plinth_identity::id::PartyId;
use plinth_identity::number::Identifier;
use plinth_identity::party::{
    Factor, FactorSet, Party, PartyKind, PartyStatus, Quotas, ReasonView, RelyingPartyPolicy,
};
use plinth_identity::time::Timestamp;
use plinth_server::Running;
use plinth_server::clock::{Clock as _, ManualClock};
use plinth_server::config::{EnrolmentQuotas, ServeConfig};
use tempfile::TempDir;

/// Where the manual clock starts: 1 January 2026, 00:00 UTC.
pub const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Panics seen in this process so far, in threads and tasks that no test runs on: a test that fails says so itself.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// The threads that tests run on.
static TESTS: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

/// A deployment with its server, clock and administrators.
pub struct World {
    /// The folder that holds data directory and root key.
    pub folder: TempDir,
    /// The clock that the server reads.
    pub clock: Arc<ManualClock>,
    /// How the server was configured.
    pub config: ServeConfig,
    /// What clients trust: the deployment and its key.
    pub trust: Trust,
    running: Option<Running>,
    keys: [Arc<SigningKey>; 2],
}

impl World {
    /// A fresh deployment that serves on free loopback ports.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A fresh deployment whose settings the test changes first.
    pub async fn with(change: impl FnOnce(&mut ServeConfig)) -> Self {
        count_panics();
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let (data, root_key) = (folder.path().join("data"), folder.path().join("root.key"));
        let keys = [signing_key(1), signing_key(2)].map(Arc::new);
        let administrators =
            [("admin-1", &keys[0]), ("admin-2", &keys[1])].map(|(name, key)| (party_id(name), key.public()));
        let made = plinth_server::init(&data, &root_key, &administrators, START).unwrap();
        let mut config = ServeConfig::new(data, root_key).on_free_ports();
        // Tests enrol the same people over and over; those about the quotas set their own.
        config.quotas = EnrolmentQuotas::none();
        change(&mut config);
        let trust = Trust::new(made.deployment, vec![made.service_key]);
        let mut world = Self { folder, clock, config, trust, running: None, keys };
        world.serve().await;
        world
    }

    async fn serve(&mut self) {
        let clock: Arc<ManualClock> = Arc::clone(&self.clock);
        self.running = Some(plinth_server::start(self.config.clone(), clock).await.unwrap());
    }

    /// Stops the server and starts it again on the same folder. Addresses change.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.serve().await;
    }

    /// Stops the server; every panic of a spawned task since the process began fails the test here.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "a task panicked");
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The address that agencies and relying parties use.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.running.as_ref().unwrap().address)
    }

    /// The address that administrators use.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.running.as_ref().unwrap().admin_address)
    }

    /// Where metrics are read, if the configuration asks for it.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.running.as_ref().unwrap().metrics_address
    }

    /// A new connection to the public listener.
    pub async fn connect(&self) -> Connection {
        Connection::open(&self.url(), None).await.unwrap()
    }

    /// The first or second administrator, freshly connected.
    pub async fn administrator(&self, index: usize) -> Administrator {
        let connection = Connection::open(&self.admin_url(), None).await.unwrap();
        let id = party_id(["admin-1", "admin-2"][index]);
        Administrator::new(connection, id, Arc::clone(&self.keys[index]), self.trust.clone())
            .with_retry(Retry::none())
    }

    /// Registers an agency and connects it.
    pub async fn agency(&self, name: &str) -> Agency {
        let key = Arc::new(signing_key(name_seed(name)));
        self.register(party(PartyKind::Agency, name, &key, FactorSet::EMPTY, false)).await;
        self.agency_again(name).await
    }

    /// A further connection of an agency that is registered already.
    pub async fn agency_again(&self, name: &str) -> Agency {
        let key = Arc::new(signing_key(name_seed(name)));
        Agency::new(self.connect().await, party_id(name), key, self.trust.clone()).with_retry(Retry::none())
    }

    /// Registers a relying party that may use every factor that can be matched, and connects it.
    pub async fn relying_party(&self, name: &str, sees_reasons: bool) -> RelyingParty {
        self.relying_party_with(name, policy(matchable(), sees_reasons)).await
    }

    /// Registers a relying party with a policy of the test's own, and connects it.
    pub async fn relying_party_with(&self, name: &str, policy: RelyingPartyPolicy) -> RelyingParty {
        let key = signing_key(name_seed(name));
        let party = party(PartyKind::RelyingParty, name, &key, FactorSet::EMPTY, false);
        self.register(Party { policy, ..party }).await;
        self.relying_party_again(name).await
    }

    /// Registers a relying party through which people reach their own records, and connects it. It sees every reason.
    pub async fn resident_agent(&self, name: &str) -> RelyingParty {
        let policy = RelyingPartyPolicy { resident_agent: true, ..policy(matchable(), true) };
        self.relying_party_with(name, policy).await
    }

    /// A further connection of a relying party that is registered already.
    pub async fn relying_party_again(&self, name: &str) -> RelyingParty {
        self.relying_party_over(self.connect().await, name)
    }

    /// The same over a connection of the test's own.
    #[must_use]
    pub fn relying_party_over(&self, connection: Connection, name: &str) -> RelyingParty {
        let key = Arc::new(signing_key(name_seed(name)));
        RelyingParty::new(connection, party_id(name), key, self.trust.clone()).with_retry(Retry::none())
    }

    /// Registers a party through the admin listener.
    pub async fn register(&self, party: Party) {
        self.administrator(0).await.register(party, self.now()).await.unwrap();
    }
}

/// A party that is valid for a year from the start of the clock.
#[must_use]
pub fn party(kind: PartyKind, name: &str, key: &SigningKey, factors: FactorSet, sees_reasons: bool) -> Party {
    Party {
        kind,
        id: party_id(name),
        display_name: name.to_owned(),
        key: key.public(),
        valid_from: START,
        valid_until: START.plus_millis(365 * 24 * 3_600_000),
        status: PartyStatus::Active,
        policy: policy(factors, sees_reasons),
    }
}

/// A policy with these factors, matched in every way that there is, that no quota gets in the way of.
#[must_use]
pub fn policy(factors: FactorSet, sees_reasons: bool) -> RelyingPartyPolicy {
    const PLENTY: u32 = 1_000_000;
    RelyingPartyPolicy {
        factors,
        partial_matching: true,
        full_address: true,
        reasons: if sees_reasons { ReasonView::All } else { ReasonView::None },
        quotas: Quotas {
            requests_per_second: PLENTY,
            burst: PLENTY,
            numbers_per_day: PLENTY,
            failure_percent: 100,
        },
        ..RelyingPartyPolicy::default()
    }
}

/// Every factor that the service can match: all but irises and faces.
#[must_use]
pub fn matchable() -> FactorSet {
    FactorSet::ALL.iter().filter(|factor| !matches!(factor, Factor::Iris | Factor::Face)).collect()
}

/// A party's id.
#[must_use]
pub fn party_id(name: &str) -> PartyId {
    PartyId::parse(name).unwrap()
}

/// A reproducible key.
#[must_use]
pub fn signing_key(seed: u64) -> SigningKey {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    SigningKey::from_seed(bytes)
}

fn name_seed(name: &str) -> u64 {
    name.bytes().fold(1_000, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// The first `count` fingers of hands.
#[must_use]
pub fn fingers(count: usize) -> Vec<FingerPosition> {
    FingerPosition::ALL.into_iter().filter(|position| position.code() != 0).take(count).collect()
}

/// A capture of a synthetic person's fingers, one record a finger.
#[must_use]
pub fn samples(person: u64, capture: u32, positions: &[FingerPosition]) -> Vec<FingerSample> {
    let person = SyntheticPerson::new(1, person);
    positions
        .iter()
        .map(|position| FingerSample {
            position: *position,
            record: person.capture(*position, capture).encode(),
        })
        .collect()
}

/// Demographics that a test invents.
#[must_use]
pub fn demographics(name: &str) -> Demographics {
    Demographics {
        name: Name::parse(name).unwrap(),
        date_of_birth: DateOfBirth::parse("1990-04-17").unwrap(),
        gender: Gender::Female,
        phone: None,
        email: None,
        address: None,
    }
}

/// An enrolment of a synthetic person under a name.
#[must_use]
pub fn enrolment(name: &str, person: u64, capture: u32, positions: &[FingerPosition]) -> EnrolmentDraft {
    EnrolmentDraft {
        demographics: demographics(name),
        fingers: samples(person, capture, positions),
        station: "station-1".to_owned(),
        operator: "operator-1".to_owned(),
        purpose: "enrolment".to_owned(),
    }
}

/// A question about a number or virtual number: whether it belongs to someone of this name.
#[must_use]
pub fn question(number: impl Into<Identifier>, name: &str) -> AuthenticationDraft {
    AuthenticationDraft {
        claim: named(name),
        purpose: "account opening".to_owned(),
        ..AuthenticationDraft::new(number)
    }
}

/// The claim of a name, compared exactly.
#[must_use]
pub fn named(name: &str) -> DemographicClaim {
    let name = NameClaim { name: Name::parse(name).unwrap(), strategy: Strategy::Exact };
    DemographicClaim { name: Some(name), ..DemographicClaim::default() }
}

/// The `plinth` binary of this build, for tests that need a process of its own.
#[must_use]
pub fn binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let release = tests.parent().and_then(Path::parent).unwrap();
    let binary = release.join("plinth");
    assert!(binary.exists(), "{} is missing: cargo build --release --workspace --locked", binary.display());
    binary
}

/// The folder of real test data, if `PLINTH_TEST_DATA` names one.
#[must_use]
pub fn real_data() -> Option<PathBuf> {
    std::env::var_os("PLINTH_TEST_DATA").map(PathBuf::from)
}

fn count_panics() {
    static ONCE: Once = Once::new();
    let this = std::thread::current().id();
    TESTS.lock().unwrap_or_else(PoisonError::into_inner).push(this);
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let id = std::thread::current().id();
            if !TESTS.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            usual(panic);
        }));
    });
}
