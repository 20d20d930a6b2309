use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use plinth_client::identity::dsse::{PublicKey, SigningKey};
use plinth_client::identity::id::PartyId;
use plinth_client::identity::party::{FactorSet, Party, PartyKind, PartyStatus, Quotas, RelyingPartyPolicy};
use plinth_client::{Administrator, Agency, Connection, RelyingParty, Retry, Trust, now};
use rand::RngExt;
use rand::rngs::StdRng;
use tonic::transport::Channel;

/// How long one request may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

const HOUR_MS: u64 = 60 * 60 * 1000;

/// More than any load reaches.
const PLENTY: u32 = 100_000_000;

/// An agency to enrol people with, and one relying party over several connections.
pub(crate) struct Parties {
    pub(crate) agency: Agency,
    pub(crate) relying_parties: Vec<RelyingParty>,
    /// The relying party's connections, in the same order.
    pub(crate) channels: Vec<Channel>,
    pub(crate) relying_party_key: PublicKey,
}

impl Parties {
    /// Registers both through the administration listener, under names that no earlier run has used.
    pub(crate) async fn register(
        url: &str,
        admin_url: &str,
        (admin_id, admin_key): (&str, &Path),
        connections: u32,
    ) -> anyhow::Result<Self> {
        let pem = std::fs::read_to_string(admin_key)
            .with_context(|| format!("cannot read the administrator's key {}", admin_key.display()))?;
        let admin_key = SigningKey::from_pem(&pem).context("the administrator's key")?;
        let admin = Connection::open(admin_url, None).await.context(admin_url.to_owned())?;
        let trust = Trust::from(&admin.service_info().await?.info);
        let administrator = Administrator::new(admin, PartyId::parse(admin_id)?, admin_key, trust.clone());

        let mut rng: StdRng = rand::make_rng();
        let tag: u64 = rng.random();
        let agency_key = SigningKey::generate(&mut rng);
        let relying_party_key = SigningKey::generate(&mut rng);
        let agency = party(PartyKind::Agency, &format!("load-agency-{tag:016x}"), agency_key.public())?;
        let bank =
            party(PartyKind::RelyingParty, &format!("load-bank-{tag:016x}"), relying_party_key.public())?;
        let (agency_id, bank_id) = (agency.id.clone(), bank.id.clone());
        administrator.register(agency, now()).await?;
        administrator.register(bank, now()).await?;

        let connection = Connection::open(url, None).await.context(url.to_owned())?.with_deadline(DEADLINE);
        let (mut relying_parties, mut channels) = (Vec::new(), Vec::new());
        let public = relying_party_key.public();
        let key = std::sync::Arc::new(relying_party_key);
        for _ in 0..connections {
            let connection = Connection::open(url, None).await?.with_deadline(DEADLINE);
            channels.push(connection.channel());
            let party = RelyingParty::new(connection, bank_id.clone(), key.clone(), trust.clone());
            // A retry would hide what is measured.
            relying_parties.push(party.with_retry(Retry::none()));
        }
        let agency = Agency::new(connection, agency_id, agency_key, trust);
        Ok(Self { agency, relying_parties, channels, relying_party_key: public })
    }
}

fn party(kind: PartyKind, id: &str, key: PublicKey) -> anyhow::Result<Party> {
    let now = now();
    let policy = match kind {
        // No limit of its own gets in the way of what is measured.
        PartyKind::RelyingParty => {
            let quotas = Quotas {
                requests_per_second: PLENTY,
                burst: PLENTY,
                numbers_per_day: PLENTY,
                failure_percent: 100,
            };
            RelyingPartyPolicy { factors: FactorSet::ALL, quotas, ..RelyingPartyPolicy::default() }
        }
        PartyKind::Agency | PartyKind::Administrator => RelyingPartyPolicy::default(),
    };
    let until = now.plus_millis(24 * HOUR_MS);
    let id = PartyId::parse(id)?;
    Ok(Party::new(kind, id, "Load test".to_owned(), key, now, until, PartyStatus::Active, policy)?)
}
