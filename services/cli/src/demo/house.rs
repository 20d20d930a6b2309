//! The service of a demonstration: a real one, in a folder of its own, reached over the network like any other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use plinth_client::register::{EncodedRecord, RegisterDraft, RegisterWriter};
use plinth_client::{Administrator, Agency, Connection, RelyingParty, Trust};
use plinth_identity::dsse::SigningKey;
use plinth_identity::id::PartyId;
use plinth_identity::party::{FactorSet, Party, PartyKind, PartyStatus, Quotas, RelyingPartyPolicy};
use plinth_identity::policy::DeduplicationPolicy;
use plinth_identity::register::RegisterRecord;
use plinth_server::Running;
use plinth_server::clock::SystemClock;
use plinth_server::config::{DeduplicationSettings, EnrolmentQuotas, ServeConfig};
use plinth_storage::StoreOptions;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::tell;
use crate::{import, key_file, moment};

const AGENCY: &str = "northern-registry";
const RELYING_PARTY: &str = "first-bank";
const ADMINISTRATORS: [&str; 2] = ["admin-1", "admin-2"];
/// The licences of a demonstration last a day.
const LICENCE_MS: u64 = 24 * 60 * 60 * 1000;

/// People that it may ask about on that day: more than there ever are.
const NUMBERS: u32 = 100_000_000;

/// A running service and the people who deal with it.
pub(crate) struct House {
    folder: TempDir,
    settings: DeduplicationSettings,
    running: Running,
    keys: Keys,
    /// Whose signatures count: the key that `init` printed, never one that the service shows.
    pub(crate) trust: Trust,
    /// Enrols people.
    pub(crate) agency: Agency,
    /// Asks who they are.
    pub(crate) relying_party: RelyingParty,
    /// Decide together what matching left open.
    pub(crate) administrators: [Administrator; 2],
}

struct Keys {
    agency: Arc<SigningKey>,
    relying_party: Arc<SigningKey>,
    administrators: [Arc<SigningKey>; 2],
}

impl House {
    /// Founds a deployment in a fresh folder, starts its service on free loopback ports, and registers one agency and
    /// one relying party. With `keep` the folder stays when the house is gone.
    ///
    /// # Errors
    /// If the folder cannot be written, the ports not be bound, or the service does not answer as it should.
    pub(crate) async fn found(settings: DeduplicationSettings, keep: bool) -> anyhow::Result<Self> {
        let mut folder =
            TempDir::with_prefix("plinth-demo-").context("cannot make a folder for the demonstration")?;
        folder.disable_cleanup(keep);
        let keys = Keys::generate();
        keys.write(folder.path())?;
        let named: Vec<_> =
            keys.administrators()?.iter().map(|(id, key)| (id.clone(), key.public())).collect();
        let made = plinth_server::init(&data(&folder), &root_key(&folder), &named, moment::now())?;
        tell(format_args!(
            "Here is a new deployment, {}: an empty store, its root key, two administrators.",
            made.deployment
        ));

        let trust = Trust::new(made.deployment, vec![made.service_key]);
        let running = start(&folder, settings).await?;
        let (agency, relying_party, administrators) = connect(&running, &keys, &trust)?;
        tell(format_args!(
            "Its service listens at {} (administrators at {}).",
            running.address, running.admin_address
        ));
        let house = Self { folder, settings, running, keys, trust, agency, relying_party, administrators };
        house.register().await?;
        Ok(house)
    }

    /// Stops the service, loads people from a register as `plinth import` does, and starts it again with other thresholds.
    /// They get numbers without being compared. Returns how many there are, too.
    ///
    /// # Errors
    /// If one of them cannot be loaded, or the service does not start again.
    pub(crate) async fn load(
        self,
        people: impl Iterator<Item = anyhow::Result<RegisterRecord>>,
        settings: DeduplicationSettings,
    ) -> anyhow::Result<(Self, u64)> {
        let Self { folder, running, keys, trust, .. } = self;
        running.stop().await;
        let register = folder.path().join("register");
        let mut writer = RegisterWriter::open(&register)?;
        for person in people {
            writer.push(EncodedRecord::from(&person?))?;
        }
        let draft = RegisterDraft {
            name: "strangers".to_owned(),
            party: PartyId::parse(AGENCY)?,
            audience: None,
            created_at: moment::now(),
        };
        writer.finish(draft, &keys.agency)?;
        let results = folder.path().join("register.jsonl");
        let loaded = import::load(config(&folder, settings), &register, &results).await?;
        ensure!(loaded.refused == 0, "{} people of a register were refused", loaded.refused);
        let running = start(&folder, settings).await?;
        let (agency, relying_party, administrators) = connect(&running, &keys, &trust)?;
        let house = Self { folder, settings, running, keys, trust, agency, relying_party, administrators };
        Ok((house, loaded.loaded))
    }

    /// The thresholds of the running service.
    pub(crate) fn policy(&self) -> DeduplicationPolicy {
        let DeduplicationSettings { target_fpir, certainty } = self.settings;
        DeduplicationPolicy { target_fpir, certainty, ..DeduplicationPolicy::default() }
    }

    /// Stops the service, opens its folder once more and compares every table with the others. Returns how many
    /// disagreements there are.
    ///
    /// # Errors
    /// If the folder does not open again.
    pub(crate) async fn close(self) -> anyhow::Result<u64> {
        let Self { folder, running, agency, relying_party, administrators, .. } = self;
        drop((agency, relying_party, administrators));
        running.stop().await;
        let (data, root_key) = (data(&folder), root_key(&folder));
        tokio::task::spawn_blocking(move || examine(&data, &root_key)).await?
    }

    /// Where everything of this house lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn register(&self) -> anyhow::Result<()> {
        let now = moment::now();
        let party = |kind, id: &str, name: &str, key: &SigningKey, policy| -> anyhow::Result<Party> {
            let until = now.plus_millis(LICENCE_MS);
            let (id, name, key) = (PartyId::parse(id)?, name.to_owned(), key.public());
            Ok(Party::new(kind, id, name, key, now, until, PartyStatus::Active, policy)?)
        };
        let nothing = RelyingPartyPolicy::default();
        // Half of its questions are wrong on purpose.
        let quotas = Quotas { numbers_per_day: NUMBERS, failure_percent: 100, ..Quotas::default() };
        let everything =
            RelyingPartyPolicy { factors: FactorSet::ALL, quotas, ..RelyingPartyPolicy::default() };
        let agency = party(PartyKind::Agency, AGENCY, "Northern Registry", &self.keys.agency, nothing)?;
        let bank = party(
            PartyKind::RelyingParty,
            RELYING_PARTY,
            "First Bank",
            &self.keys.relying_party,
            everything,
        )?;
        for party in [agency, bank] {
            self.administrators[0]
                .register(party, now)
                .await
                .context("an administrator could not register a party")?;
        }
        tell(format_args!(
            "An administrator registers an agency, Northern Registry, and a relying party, First Bank."
        ));
        Ok(())
    }
}

impl Keys {
    #[expect(clippy::disallowed_methods, reason = "an edge of the program, where keys are made")]
    fn generate() -> Self {
        let key = || Arc::new(SigningKey::generate(&mut rand::rng()));
        Self { agency: key(), relying_party: key(), administrators: [key(), key()] }
    }

    fn administrators(&self) -> anyhow::Result<[(PartyId, Arc<SigningKey>); 2]> {
        let [first, second] = &self.administrators;
        Ok([
            (PartyId::parse(ADMINISTRATORS[0])?, Arc::clone(first)),
            (PartyId::parse(ADMINISTRATORS[1])?, Arc::clone(second)),
        ])
    }

    /// Leaves the keys where whoever keeps the folder will look for them.
    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        key_file::write_pair(&folder.join("agency.pem"), &self.agency)?;
        key_file::write_pair(&folder.join("relying-party.pem"), &self.relying_party)?;
        for (name, key) in ADMINISTRATORS.iter().zip(&self.administrators) {
            key_file::write_pair(&folder.join(format!("{name}.pem")), key)?;
        }
        Ok(())
    }
}

fn config(folder: &TempDir, settings: DeduplicationSettings) -> ServeConfig {
    let mut config = ServeConfig::new(data(folder), root_key(folder)).on_free_ports();
    config.deduplication = settings;
    // Strangers are loaded to be in the way, not to be found.
    config.index.sweep = false;
    // The second captures are hundreds of duplicates, from one operator at one station.
    config.quotas = EnrolmentQuotas::none();
    config
}

async fn start(folder: &TempDir, settings: DeduplicationSettings) -> anyhow::Result<Running> {
    let started = plinth_server::start(config(folder, settings), Arc::new(SystemClock));
    started.await.context("the service did not start")
}

fn connect(
    running: &Running,
    keys: &Keys,
    trust: &Trust,
) -> anyhow::Result<(Agency, RelyingParty, [Administrator; 2])> {
    let public = Connection::lazy(&format!("http://{}", running.address), None)?;
    let admin = Connection::lazy(&format!("http://{}", running.admin_address), None)?;
    let agency =
        Agency::new(public.clone(), PartyId::parse(AGENCY)?, Arc::clone(&keys.agency), trust.clone());
    let bank = RelyingParty::new(
        public,
        PartyId::parse(RELYING_PARTY)?,
        Arc::clone(&keys.relying_party),
        trust.clone(),
    );
    let [first, second] =
        keys.administrators()?.map(|(id, key)| Administrator::new(admin.clone(), id, key, trust.clone()));
    Ok((agency, bank, [first, second]))
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

fn root_key(folder: &TempDir) -> PathBuf {
    folder.path().join("root.key")
}

/// Compares every table of a stopped service with the others; returns how many rows disagree.
fn examine(data: &Path, root_key: &Path) -> anyhow::Result<u64> {
    let root_key = plinth_server::read_root_key(root_key)?;
    let mut random = rand::make_rng::<StdRng>();
    let nonces = Box::new(move || random.random());
    let (reader, _writer) = plinth_storage::open(data, &root_key, &StoreOptions::default(), nonces)
        .context("the folder does not open again")?;
    let report = plinth_storage::check(&reader, &mut |_| ())?;
    Ok(report.problems.values().sum())
}
