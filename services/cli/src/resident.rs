//! `plinth resident`: what people do with their own numbers, through a party that serves them.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use plinth_client::ResidentDraft;
use plinth_identity::authentication::{ResidentAction, Verdict};
use plinth_identity::history::{HistoryEntry, HistoryEvent};
use plinth_identity::id::LogPosition;
use plinth_identity::identity_record::Locks;
use plinth_identity::statement::ResidentOutcome;
use plinth_identity::virtual_number::VirtualNumberKind;

use crate::asker::Asker;
use crate::connect::explain;
use crate::holder::OwnNumber;
use crate::shown::{Evidence, Shown};
use crate::table::Table;
use crate::{moment, words};

/// Act for a person on their own number: virtual numbers, locks, an authenticator, their history.
///
/// Only for a relying party whose policy makes it a resident agent. The person shows who they are each time, with fingers
/// or a one-time code among the rest; status 1 if they did not.
#[derive(Subcommand)]
pub(crate) enum ResidentCommand {
    #[command(subcommand)]
    VirtualNumber(VirtualNumberCommand),
    /// Lock the number, or what is measured on the body, against every use.
    ///
    /// A locked number is answered with no; its virtual number still works. What is locked is unlocked by another factor.
    #[command(after_long_help = "\
Examples:
  plinth resident lock number --totp 123456 --relying-party desk --key ./desk.pem
  plinth resident lock fingers irises face --otp 123456 --transaction ID --relying-party desk --key ./desk.pem")]
    Lock(Box<LockArgs>),
    /// Unlock what was locked.
    #[command(after_long_help = "\
Example:
  plinth resident unlock fingers --otp 123456 --transaction ID --relying-party desk --key ./desk.pem")]
    Unlock(Box<LockArgs>),
    #[command(subcommand)]
    Totp(TotpCommand),
    /// Show who asked about the number, when, with which factors, for what purpose, and how it ended.
    #[command(after_long_help = "\
Examples:
  plinth resident history --totp 123456 --relying-party desk --key ./desk.pem
  plinth resident history --before 1207 --page-size 50 --totp 654321 \\
    --relying-party desk --key ./desk.pem")]
    History(Box<HistoryArgs>),
}

/// Give out numbers that stand for the person's own and can be taken back.
#[derive(Subcommand)]
pub(crate) enum VirtualNumberCommand {
    /// Create a virtual number. The one before it, if there is one, is revoked.
    #[command(after_long_help = "\
Examples:
  plinth resident virtual-number create --kind one-time --totp 123456 --relying-party desk --key ./desk.pem
  plinth resident virtual-number create --kind expiring --valid-hours 48 --totp 123456 \\
    --relying-party desk --key ./desk.pem")]
    Create(Box<CreateArgs>),
    /// Revoke the virtual number.
    #[command(after_long_help = "\
Example:
  plinth resident virtual-number revoke --totp 123456 --relying-party desk --key ./desk.pem")]
    Revoke(Box<Person>),
}

/// Make the person's own device a source of one-time codes (RFC 6238).
#[derive(Subcommand)]
pub(crate) enum TotpCommand {
    /// Create the secret of an authenticator, and print it once. The one before it, if there is one, becomes void.
    #[command(after_long_help = "\
Example:
  plinth resident totp create --otp 123456 --transaction ID --relying-party desk --key ./desk.pem")]
    Create(Box<Person>),
    /// Make the authenticator void.
    #[command(after_long_help = "\
Example:
  plinth resident totp remove --otp 123456 --transaction ID --relying-party desk --key ./desk.pem")]
    Remove(Box<Person>),
}

/// The person, what they show, and who asks for them.
#[derive(clap::Args)]
pub(crate) struct Person {
    #[command(flatten)]
    number: OwnNumber,
    /// What it is for; it is signed along with the request, and stands in the person's history.
    #[arg(long, default_value = "resident service")]
    purpose: String,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    asker: Asker,
}

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// How long it lives.
    #[arg(long, value_enum, default_value = "perpetual")]
    kind: KindName,
    /// With --kind expiring: for how many hours.
    #[arg(long, value_name = "HOURS", required_if_eq("kind", "expiring"), value_parser = clap::value_parser!(u32).range(1..=876_000))]
    valid_hours: Option<u32>,
    #[command(flatten)]
    person: Person,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindName {
    /// For one authentication.
    OneTime,
    /// Until a moment.
    Expiring,
    /// Until it is revoked or replaced.
    Perpetual,
}

impl From<KindName> for VirtualNumberKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::OneTime => Self::OneTime,
            KindName::Expiring => Self::Expiring,
            KindName::Perpetual => Self::Perpetual,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct LockArgs {
    /// What it is about.
    #[arg(value_enum, required = true)]
    what: Vec<Lockable>,
    #[command(flatten)]
    person: Person,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lockable {
    /// The number itself.
    Number,
    /// Fingerprints.
    Fingers,
    /// Irises.
    Irises,
    /// The face.
    Face,
}

#[derive(clap::Args)]
pub(crate) struct HistoryArgs {
    /// Entries at most, newest first.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    page_size: u16,
    /// Only what was logged before this position: the next page, as the page before it said.
    #[arg(long, value_name = "POSITION")]
    before: Option<u64>,
    #[command(flatten)]
    person: Person,
}

pub(crate) async fn run(command: ResidentCommand) -> anyhow::Result<ExitCode> {
    let (person, action) = order(command)?;
    let number = person.number.read()?;
    let Evidence { claim, fingers, code } = person.shown.read()?;
    let agent = person.asker.open().await?;
    let draft = ResidentDraft { number, claim, fingers, code, action, purpose: person.purpose };
    let request = agent.resident_request(draft, moment::now()).map_err(explain)?;
    if person.asker.prints(&request)? {
        return Ok(ExitCode::SUCCESS);
    }
    let answer = agent.resident(&request).await.map_err(explain)?;
    let statement = &answer.statement;
    if statement.verdict == Verdict::No {
        println!("no");
    }
    if let Some(reason) = statement.reason {
        println!("reason       {reason}: {}", reason.explanation());
    }
    if let Some(outcome) = &statement.outcome {
        print(outcome);
    }
    println!("logged at    {}", statement.header.log_position);
    person.asker.keep(&request, &answer.to_bytes())?;
    Ok(if statement.verdict == Verdict::Yes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who a command is about, and what it asks for.
fn order(command: ResidentCommand) -> anyhow::Result<(Person, ResidentAction)> {
    Ok(match command {
        ResidentCommand::VirtualNumber(VirtualNumberCommand::Create(args)) => {
            let CreateArgs { kind, valid_hours, person } = *args;
            anyhow::ensure!(
                valid_hours.is_none() || matches!(kind, KindName::Expiring),
                "--valid-hours goes with --kind expiring only"
            );
            let valid_for_ms = valid_hours.map(|hours| u64::from(hours) * 3_600_000);
            (person, ResidentAction::CreateVirtualNumber { kind: kind.into(), valid_for_ms })
        }
        ResidentCommand::VirtualNumber(VirtualNumberCommand::Revoke(person)) => {
            (*person, ResidentAction::RevokeVirtualNumber)
        }
        ResidentCommand::Lock(args) => (args.person, locks(&args.what, true)),
        ResidentCommand::Unlock(args) => (args.person, locks(&args.what, false)),
        ResidentCommand::Totp(TotpCommand::Create(person)) => (*person, ResidentAction::CreateTotp),
        ResidentCommand::Totp(TotpCommand::Remove(person)) => (*person, ResidentAction::RemoveTotp),
        ResidentCommand::History(args) => {
            let HistoryArgs { page_size, before, person } = *args;
            (person, ResidentAction::ReadHistory { page_size, before: before.map(LogPosition::new) })
        }
    })
}

/// Sets what is named to `locked` and leaves the rest as it is.
fn locks(what: &[Lockable], locked: bool) -> ResidentAction {
    let named = |lock| what.contains(&lock).then_some(locked);
    ResidentAction::SetLocks {
        number: named(Lockable::Number),
        fingers: named(Lockable::Fingers),
        irises: named(Lockable::Irises),
        face: named(Lockable::Face),
    }
}

fn print(outcome: &ResidentOutcome) {
    match outcome {
        ResidentOutcome::VirtualNumber { number, expires_at } => {
            // For the person, who has no other way to it.
            println!("virtual      {}", number.reveal());
            if let Some(expires_at) = expires_at {
                println!("good until   {expires_at}");
            }
        }
        ResidentOutcome::VirtualNumberRevoked => println!("the virtual number is revoked"),
        ResidentOutcome::Locks(locks) => print_locks(*locks),
        ResidentOutcome::Totp { uri } => {
            println!("authenticator {uri}");
            println!("scan it or type it in now: it is not shown again");
        }
        ResidentOutcome::TotpRemoved => println!("the authenticator is void"),
        ResidentOutcome::History { entries, next } => print_history(entries, *next),
    }
}

fn print_locks(locks: Locks) {
    let Locks { number, fingers, irises, face } = locks;
    for (what, locked) in [("number", number), ("fingers", fingers), ("irises", irises), ("face", face)] {
        println!("{what:<12} {}", if locked { "locked" } else { "open" });
    }
}

fn print_history(entries: &[(LogPosition, HistoryEntry)], next: Option<LogPosition>) {
    let mut table = Table::new(&["position", "when", "who", "what", "factors", "purpose", "result"]);
    for (position, entry) in entries {
        let result = match (entry.verdict, entry.reason) {
            (Verdict::Yes, _) => "yes".to_owned(),
            (Verdict::No, None) => "no".to_owned(),
            (Verdict::No, Some(reason)) => format!("no: {reason}"),
        };
        table.row([
            position.to_string(),
            entry.at.to_string(),
            entry.party.to_string(),
            event(entry.event).to_owned(),
            words::list_factors(entry.factors),
            entry.purpose.clone(),
            result,
        ]);
    }
    print!("{table}");
    if let Some(next) = next {
        println!("older entries: --before {next}");
    }
}

fn event(event: HistoryEvent) -> &'static str {
    match event {
        HistoryEvent::Authentication => "authentication",
        HistoryEvent::OtpRequest => "one-time code",
        HistoryEvent::PersonData => "personal data",
        HistoryEvent::Resident => "own request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_locked_or_unlocked() {
        let ResidentAction::SetLocks { number, fingers, irises, face } =
            locks(&[Lockable::Number, Lockable::Face], true)
        else {
            panic!("locks")
        };
        assert_eq!((number, fingers, irises, face), (Some(true), None, None, Some(true)));
        let ResidentAction::SetLocks { number, fingers, irises, face } = locks(&[Lockable::Fingers], false)
        else {
            panic!("locks")
        };
        assert_eq!((number, fingers, irises, face), (None, Some(false), None, None));
    }
}
