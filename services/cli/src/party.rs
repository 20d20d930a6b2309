//! `plinth agency` and `plinth relying-party`: who may take part.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use plinth_client::Administrator;
use plinth_identity::dsse::PublicKey;
use plinth_identity::field::FieldViolation;
use plinth_identity::id::PartyId;
use plinth_identity::party::{Party, PartyKind, PartyStatus, RelyingPartyPolicy};
use plinth_identity::time::Timestamp;

use crate::connect::{Administration, explain};
use crate::policy::{self, PolicyChange};
use crate::table::Table;
use crate::{key_file, moment, words};

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
Examples:
  plinth relying-party add bank --name 'First Bank' --public-key ./bank.pem.pub \\
    --factors fingerprint,name,otp --networks 10.1.0.0/16 --admin-key ./admins/admin-1.pem
  plinth relying-party add desk --name 'Residents Desk' --public-key ./desk.pem.pub \\
    --factors fingerprint,otp --resident-agent --sees-reasons --admin-key ./admins/admin-1.pem")]
    Add(Box<RelyingPartyRegistration>),
    /// Change what a relying party may ask, its name or its licence, from its next request on.
    ///
    /// What is not given stays as the service lists it. Prints the whole policy as it is then: read it. The key never
    /// changes, and whether it is suspended or revoked does not either.
    #[command(after_long_help = "\
Examples:
  plinth relying-party amend bank --factors fingerprint,name,otp --mandatory otp \\
    --admin-key ./admins/admin-1.pem
  plinth relying-party amend bank --attributes name,address --encryption-key ./bank-reading.key.pub \\
    --admin-key ./admins/admin-1.pem
  plinth relying-party amend bank --valid-days 365 --partial-matching=false \\
    --admin-key ./admins/admin-1.pem")]
    Amend(Box<Amendment>),
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
    #[command(flatten)]
    policy: PolicyChange,
}

#[derive(clap::Args)]
pub(crate) struct Amendment {
    /// Its id.
    #[arg(value_parser = PartyId::parse)]
    id: PartyId,
    /// Another name for people to read.
    #[arg(long)]
    name: Option<String>,
    /// Another begin of its licence, for example 2031-02-03T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    valid_from: Option<Timestamp>,
    /// For how many days from now on its licence is valid.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    valid_days: Option<u32>,
    #[command(flatten)]
    policy: PolicyChange,
    #[command(flatten)]
    calling: Calling,
}

/// What is to be done, with the kind left to the caller.
pub(crate) enum Order {
    Add(Box<Registration>, Option<Box<PolicyChange>>),
    Amend(Box<Amendment>),
    Manage(ManageCommand),
}

impl From<AgencyCommand> for Order {
    fn from(command: AgencyCommand) -> Self {
        match command {
            AgencyCommand::Add(registration) => Self::Add(registration, None),
            AgencyCommand::Manage(command) => Self::Manage(command),
        }
    }
}

impl From<RelyingPartyCommand> for Order {
    fn from(command: RelyingPartyCommand) -> Self {
        match command {
            RelyingPartyCommand::Add(args) => {
                let RelyingPartyRegistration { registration, policy } = *args;
                Self::Add(Box::new(registration), Some(Box::new(policy)))
            }
            RelyingPartyCommand::Amend(args) => Self::Amend(args),
            RelyingPartyCommand::Manage(command) => Self::Manage(command),
        }
    }
}

pub(crate) async fn run(kind: PartyKind, order: Order) -> anyhow::Result<ExitCode> {
    match order {
        Order::Add(registration, None) => add(kind, *registration, RelyingPartyPolicy::default()).await?,
        Order::Add(registration, Some(change)) => {
            add(kind, *registration, change.apply(policy::least())?).await?;
        }
        Order::Amend(amendment) => amend(kind, *amendment).await?,
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

/// Sends the party as the service lists it, with what is given in place of what it says.
async fn amend(kind: PartyKind, amendment: Amendment) -> anyhow::Result<()> {
    let administrator = amendment.calling.open().await?;
    let parties = administrator.parties(kind, moment::now()).await.map_err(explain)?;
    let listed = parties.into_iter().find(|party| party.id == amendment.id);
    let listed =
        listed.ok_or_else(|| anyhow!("no {} is registered; `plinth relying-party list`", amendment.id))?;
    let party = amendment.into_party(listed, moment::now())?;
    let (policy, until) = (party.policy.clone(), party.valid_until);
    let answer = administrator.amend(party, moment::now()).await.map_err(explain).context("not amended")?;
    policy::print(&policy);
    println!("valid until         {until}");
    println!("logged at           {}", answer.statement.header.log_position);
    Ok(())
}

impl Amendment {
    fn into_party(self, listed: Party, now: Timestamp) -> anyhow::Result<Party> {
        let days = |days: u32| now.plus_millis(u64::from(days) * DAY_MS);
        Ok(Party::new(
            listed.kind,
            listed.id,
            self.name.unwrap_or(listed.display_name),
            listed.key,
            self.valid_from.unwrap_or(listed.valid_from),
            self.valid_days.map_or(listed.valid_until, days),
            // Not a matter of amendments: the service keeps the status that it has.
            PartyStatus::Active,
            self.policy.apply(listed.policy)?,
        )?)
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
            row.extend([
                words::list_factors(party.policy.factors),
                policy::reasons_shown(&party.policy.reasons),
            ]);
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use plinth_identity::dsse::SigningKey;
    use plinth_identity::party::{Factor, FactorSet};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: RelyingPartyCommand,
    }

    fn amendment(arguments: &[&str]) -> Amendment {
        let line = ["test", "amend", "bank"].into_iter().chain(arguments.iter().copied());
        let line = Line::try_parse_from(line.chain(["--admin-key", "admin.pem"])).unwrap();
        let RelyingPartyCommand::Amend(amendment) = line.command else { panic!("not an amendment") };
        *amendment
    }

    #[test]
    fn an_amendment_keeps_what_it_does_not_name() {
        let now = Timestamp::from_millis(5_000);
        let listed = Party::new(
            PartyKind::RelyingParty,
            PartyId::parse("bank").unwrap(),
            "First Bank".to_owned(),
            SigningKey::from_seed([1; 32]).public(),
            Timestamp::from_millis(1_000),
            Timestamp::from_millis(9_000),
            PartyStatus::Suspended,
            policy::least(),
        )
        .unwrap();
        let same = amendment(&[]).into_party(listed.clone(), now).unwrap();
        assert_eq!(same, Party { status: PartyStatus::Active, ..listed.clone() });

        let change = ["--name", "Second Bank", "--valid-days", "1", "--factors", "otp"];
        let amended = amendment(&change).into_party(listed.clone(), now).unwrap();
        assert_eq!(amended.display_name, "Second Bank");
        assert_eq!(amended.valid_until, now.plus_millis(DAY_MS));
        assert_eq!(amended.policy.factors, FactorSet::EMPTY.with(Factor::Otp));
        assert_eq!((amended.key, amended.valid_from), (listed.key, listed.valid_from));
    }
}
