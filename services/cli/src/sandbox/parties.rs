//! Who deals with a sandbox: two administrators, an agency, and three relying parties that may ask different things.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use plinth_client::{Administrator, Agency, Connection, RelyingParty, Trust};
use plinth_identity::dsse::{PublicKey, SigningKey};
use plinth_identity::id::PartyId;
use plinth_identity::party::{
    AttributeSet, Factor, FactorSet, Party, PartyKind, PartyStatus, Quotas, ReasonView, RelyingPartyPolicy,
};
use plinth_identity::sealing::EncryptionKey;
use plinth_server::Running;
use rand::rngs::StdRng;

use crate::{key_file, moment};

/// Licences of a sandbox: ten years.
const LICENCE_MS: u64 = 3_650 * 24 * 60 * 60 * 1000;

/// Enough of everything: whoever tries out failures must not be stopped by a quota.
const PLENTY: u32 = 1_000_000;

pub(super) const ADMINISTRATORS: [&str; 2] = ["admin-1", "admin-2"];
pub(super) const AGENCY: &str = "sandbox-agency";
/// May ask everything that can be matched, and learns every reason.
pub(super) const BANK: &str = "sandbox-bank";
/// May ask little, by virtual numbers only, and learns no reason.
pub(super) const SHOP: &str = "sandbox-shop";
/// Serves residents.
pub(super) const AGENT: &str = "sandbox-agent";

/// The keys of all of them, as they were drawn for one sandbox.
pub(super) struct Keys {
    administrators: [Arc<SigningKey>; 2],
    agency: Arc<SigningKey>,
    bank: Arc<SigningKey>,
    shop: Arc<SigningKey>,
    agent: Arc<SigningKey>,
    reading: EncryptionKey,
}

/// They at the telephone.
pub(super) struct Desk {
    administrator: Administrator,
    pub(super) agency: Agency,
    pub(super) agent: RelyingParty,
}

impl Keys {
    pub(super) fn draw() -> Self {
        let mut random = rand::make_rng::<StdRng>();
        let mut key = || Arc::new(SigningKey::generate(&mut random));
        let administrators = [key(), key()];
        let (agency, bank, shop, agent) = (key(), key(), key(), key());
        Self { administrators, agency, bank, shop, agent, reading: EncryptionKey::generate(&mut random) }
    }

    /// Writes all of them to a folder, each with its public half beside it.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let named = ADMINISTRATORS.into_iter().zip(&self.administrators).chain([
            (AGENCY, &self.agency),
            (BANK, &self.bank),
            (SHOP, &self.shop),
            (AGENT, &self.agent),
        ]);
        for (name, key) in named {
            key_file::write_pair(&folder.join(format!("{name}.pem")), key)?;
        }
        key_file::write_encryption_pair(&reading_key(folder), &self.reading)?;
        Ok(())
    }

    pub(super) fn administrators(&self) -> anyhow::Result<[(PartyId, PublicKey); 2]> {
        let [first, second] = &self.administrators;
        Ok([
            (PartyId::parse(ADMINISTRATORS[0])?, first.public()),
            (PartyId::parse(ADMINISTRATORS[1])?, second.public()),
        ])
    }

    /// Connects those who make the sandbox to the service that runs.
    pub(super) fn connect(&self, running: &Running, trust: &Trust) -> anyhow::Result<Desk> {
        let public = Connection::lazy(&format!("http://{}", running.address), None)?;
        let admin = Connection::lazy(&format!("http://{}", running.admin_address), None)?;
        let id = PartyId::parse;
        let first = Arc::clone(&self.administrators[0]);
        Ok(Desk {
            administrator: Administrator::new(admin, id(ADMINISTRATORS[0])?, first, trust.clone()),
            agency: Agency::new(public.clone(), id(AGENCY)?, Arc::clone(&self.agency), trust.clone()),
            agent: RelyingParty::new(public, id(AGENT)?, Arc::clone(&self.agent), trust.clone()),
        })
    }
}

/// The key that opens what `sandbox-bank` may read of people.
pub(super) fn reading_key(keys: &Path) -> PathBuf {
    keys.join(format!("{BANK}.encryption"))
}

impl Desk {
    /// Registers the agency and the relying parties.
    pub(super) async fn register(&self, keys: &Keys) -> anyhow::Result<()> {
        let now = moment::now();
        let (relying, nothing) = (PartyKind::RelyingParty, RelyingPartyPolicy::default());
        for (kind, id, name, key, policy) in [
            (PartyKind::Agency, AGENCY, "Sandbox Agency", &keys.agency, nothing),
            (relying, BANK, "Sandbox Bank", &keys.bank, bank(keys.reading.public())),
            (relying, SHOP, "Sandbox Shop", &keys.shop, shop()),
            (relying, AGENT, "Sandbox Residents Desk", &keys.agent, agent()),
        ] {
            let (id, name, until) = (PartyId::parse(id)?, name.to_owned(), now.plus_millis(LICENCE_MS));
            let party = Party::new(kind, id, name, key.public(), now, until, PartyStatus::Active, policy)?;
            let registered = self.administrator.register(party, now).await;
            registered.context("an administrator could not register a party")?;
        }
        Ok(())
    }
}

fn bank(encryption_key: [u8; 32]) -> RelyingPartyPolicy {
    RelyingPartyPolicy {
        factors: FactorSet::ALL
            .iter()
            .filter(|factor| !matches!(factor, Factor::Iris | Factor::Face))
            .collect(),
        partial_matching: true,
        full_address: true,
        attributes: AttributeSet::ALL,
        reasons: ReasonView::All,
        quotas: plenty(),
        encryption_key: Some(encryption_key),
        ..RelyingPartyPolicy::default()
    }
}

fn shop() -> RelyingPartyPolicy {
    RelyingPartyPolicy {
        factors: FactorSet::EMPTY.with(Factor::Name).with(Factor::Otp),
        reasons: ReasonView::None,
        virtual_number_only: true,
        quotas: plenty(),
        ..RelyingPartyPolicy::default()
    }
}

fn agent() -> RelyingPartyPolicy {
    RelyingPartyPolicy {
        factors: FactorSet::EMPTY.with(Factor::Fingerprint).with(Factor::Name).with(Factor::Otp),
        reasons: ReasonView::All,
        resident_agent: true,
        quotas: plenty(),
        ..RelyingPartyPolicy::default()
    }
}

/// No limit but those of the persons themselves.
fn plenty() -> Quotas {
    Quotas { requests_per_second: PLENTY, burst: PLENTY, numbers_per_day: PLENTY, failure_percent: 100 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_one_that_can_be_registered() {
        for policy in [bank([9; 32]), shop(), agent()] {
            policy.check().unwrap();
        }
    }

    #[test]
    fn the_keys_are_found_where_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::draw();
        keys.write(folder.path()).unwrap();
        let bank = key_file::read_private(&folder.path().join("sandbox-bank.pem")).unwrap();
        assert_eq!(bank.public(), keys.bank.public());
        let reading = key_file::read_encryption(&reading_key(folder.path())).unwrap();
        assert_eq!(reading.public(), keys.reading.public());
    }
}
