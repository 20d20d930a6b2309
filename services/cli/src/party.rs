//! `plinth agency` and `plinth relying-party`: who may take part.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use plinth_client::Administrator;
use plinth_identity::dsse::PublicKey;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::PartyId;
use plinth_identity::party::{Factor, FactorSet, Party, PartyKind, PartyStatus, RelyingPartyPolicy};
use plinth_identity::time::Timestamp;

use crate::connect::{Administration, explain};
use crate::table::Table;
use crate::{key_file, moment};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Register and manage the agencies that may enrol people.
#[derive(Subcommand)]
pub(crate) enum AgencyCommand {
    /// Register an agency with its public key.
    #[command(after_long_help = "\
Example:
  plinth agency add north --name 'Northern Registry' --public-key ./agency.pem.pub --admin-key ./admins/admin-1.pem")]
    Add(Box<Registration>),
    #[command(flatten)]
    Manage(ManageCommand),
}

/// Register and manage the relying parties that may ask who somebody is.
#[derive(Subcommand)]
pub(crate) enum RelyingPartyCommand {
    /// Register a relying party with its public key, and what it may ask.
    #[command(after_long_help = "\
Example:
  plinth relying-party add bank --name 'First Bank' --public-key ./bank.pem.pub --factors fingerprint,name \\
    --admin-key ./admins/admin-1.pem")]
    Add(Box<RelyingPartyRegistration>),
    #[command(flatten)]
    Manage(ManageCommand),
}

/// What is done with parties of either kind.
#[derive(Subcommand)]
pub(crate) enum ManageCommand {
    /// List those who are registered.
    #[command(after_long_help = "\
Examples:
  plinth agency list --admin-key ./admins/admin-1.pem
  plinth relying-party list --admin-key ./admins/admin-1.pem")]
    List(Box<Calling>),
    /// Keep one from taking part, from its next request on, until it is reinstated.
    #[command(after_long_help = "\
Examples:
  plinth agency suspend north --admin-key ./admins/admin-1.pem
  plinth relying-party suspend bank --admin-key ./admins/admin-1.pem")]
    Suspend(Box<Named>),
    /// Let a suspended one take part again.
    #[command(after_long_help = "\
Examples:
  plinth agency reinstate north --admin-key ./admins/admin-1.pem
  plinth relying-party reinstate bank --admin-key ./admins/admin-1.pem")]
    Reinstate(Box<Named>),
    /// Keep one from taking part for ever, from its next request on.
    #[command(after_long_help = "\
Examples:
  plinth agency revoke north --admin-key ./admins/admin-1.pem
  plinth relying-party revoke bank --admin-key ./admins/admin-1.pem")]
    Revoke(Box<Named>),
}

/// Who calls, with which key.
#[derive(clap::Args)]
pub(crate) struct Calling {
    /// Your private key as an administrator.
    #[arg(long, env = "PLINTH_ADMIN_KEY", value_name = "FILE")]
    admin_key: PathBuf,
    #[command(flatten)]
    administration: Administration,
}

#[derive(clap::Args)]
pub(crate) struct Named {
    /// Its id.
    #[arg(value_parser = PartyId::parse)]
    id: PartyId,
    #[command(flatten)]
    calling: Calling,
}

#[derive(clap::Args)]
pub(crate) struct Registration {
    /// Its id: 1 to 32 characters of a-z, 0-9 and hyphen.
    #[arg(value_parser = PartyId::parse)]
    id: PartyId,
    /// Its name for people to read.
    #[arg(long)]
    name: String,
    /// The public key that it signs with (PEM), as `plinth keygen` wrote it.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// When its licence begins, for example 2031-02-03T00:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    valid_from: Option<Timestamp>,
    /// For how many days its licence is valid.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    valid_days: u32,
    #[command(flatten)]
    calling: Calling,
}

#[derive(clap::Args)]
pub(crate) struct RelyingPartyRegistration {
    #[command(flatten)]
    registration: Registration,
    /// What its requests may use.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = FactorName::ALL)]
    factors: Vec<FactorName>,
    /// A no tells it why. It can then tell unknown numbers from others.
    #[arg(long)]
    sees_reasons: bool,
}

/// A factor as it is written on the command line.
#[derive(Clone, Copy, ValueEnum)]
enum FactorName {
    /// Fingerprints.
    Fingerprint,
    /// The name.
    Name,
    /// The date of birth.
    DateOfBirth,
    /// The gender.
    Gender,
}

impl FactorName {
    const ALL: [Self; 4] = [Self::Fingerprint, Self::Name, Self::DateOfBirth, Self::Gender];
}

impl From<FactorName> for Factor {
    fn from(name: FactorName) -> Self {
        match name {
            FactorName::Fingerprint => Self::Fingerprint,
            FactorName::Name => Self::Name,
            FactorName::DateOfBirth => Self::DateOfBirth,
            FactorName::Gender => Self::Gender,
        }
    }
}

/// What is to be done, with the kind left to the caller.
pub(crate) enum Order {
    Add(Box<Registration>, RelyingPartyPolicy),
    Manage(ManageCommand),
}

impl From<AgencyCommand> for Order {
    fn from(command: AgencyCommand) -> Self {
        match command {
            AgencyCommand::Add(registration) => Self::Add(registration, RelyingPartyPolicy::default()),
            AgencyCommand::Manage(command) => Self::Manage(command),
        }
    }
}

impl From<RelyingPartyCommand> for Order {
    fn from(command: RelyingPartyCommand) -> Self {
        match command {
            RelyingPartyCommand::Add(args) => {
                let RelyingPartyRegistration { registration, factors, sees_reasons } = *args;
                let factors: FactorSet = factors.into_iter().map(Factor::from).collect();
                Self::Add(Box::new(registration), RelyingPartyPolicy { factors, sees_reasons })
            }
            RelyingPartyCommand::Manage(command) => Self::Manage(command),
        }
    }
}

pub(crate) async fn run(kind: PartyKind, order: Order) -> anyhow::Result<ExitCode> {
    match order {
        Order::Add(registration, policy) => add(kind, *registration, policy).await?,
        Order::Manage(ManageCommand::List(calling)) => list(&calling.open().await?, kind).await?,
        Order::Manage(ManageCommand::Suspend(named)) => {
            named.calling.open().await?.suspend(kind, &named.id, moment::now()).await.map_err(explain)?;
            println!("suspended {}", named.id);
        }
        Order::Manage(ManageCommand::Reinstate(named)) => {
            named.calling.open().await?.reinstate(kind, &named.id, moment::now()).await.map_err(explain)?;
            println!("reinstated {}", named.id);
        }
        Order::Manage(ManageCommand::Revoke(named)) => {
            named.calling.open().await?.revoke(kind, &named.id, moment::now()).await.map_err(explain)?;
            println!("revoked {} for ever", named.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Calling {
    async fn open(&self) -> anyhow::Result<Administrator> {
        self.administration.open(&self.admin_key).await
    }
}

async fn add(kind: PartyKind, registration: Registration, policy: RelyingPartyPolicy) -> anyhow::Result<()> {
    let key = key_file::read_public(&registration.public_key)?;
    let administrator = registration.calling.open().await?;
    let now = moment::now();
    let party = registration.into_party(kind, key, policy, now)?;
    let (id, key_id, until) = (party.id.clone(), party.key.key_id(), party.valid_until);
    let answer = administrator.register(party, now).await.map_err(explain).context("not registered")?;
    println!("registered   {id}");
    println!("key id       {key_id}");
    println!("valid until  {until}");
    println!("logged at    {}", answer.statement.header.log_position);
    Ok(())
}

impl Registration {
    fn into_party(
        self,
        kind: PartyKind,
        key: PublicKey,
        policy: RelyingPartyPolicy,
        now: Timestamp,
    ) -> Result<Party, FieldViolation> {
        let valid_from = self.valid_from.unwrap_or(now);
        let valid_until = valid_from.plus_millis(u64::from(self.valid_days) * DAY_MS);
        Party::new(kind, self.id, self.name, key, valid_from, valid_until, PartyStatus::Active, policy)
    }
}

async fn list(administrator: &Administrator, kind: PartyKind) -> anyhow::Result<()> {
    let parties = administrator.parties(kind, moment::now()).await.map_err(explain)?;
    let relying = kind == PartyKind::RelyingParty;
    let mut headings = vec!["id", "name", "status", "valid until", "key id"];
    if relying {
        headings.extend(["may use", "sees reasons"]);
    }
    let mut table = Table::new(&headings);
    for party in &parties {
        let mut row = vec![
            party.id.to_string(),
            party.display_name.clone(),
            status(party.status).to_owned(),
            party.valid_until.to_string(),
            party.key.key_id().to_string().chars().take(16).collect(),
        ];
        if relying {
            let factors: Vec<&str> = party.policy.factors.iter().map(factor).collect();
            row.extend([factors.join(", "), if party.policy.sees_reasons { "yes" } else { "no" }.to_owned()]);
        }
        table.row(row);
    }
    print!("{table}");
    Ok(())
}

fn status(status: PartyStatus) -> &'static str {
    match status {
        PartyStatus::Active => "active",
        PartyStatus::Suspended => "suspended",
        PartyStatus::Revoked => "revoked",
    }
}

fn factor(factor: Factor) -> &'static str {
    match factor {
        Factor::Fingerprint => "fingerprint",
        Factor::Name => "name",
        Factor::DateOfBirth => "date of birth",
        Factor::Gender => "gender",
    }
}
