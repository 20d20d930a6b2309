//! `plinth`: the identity service, and everything that its operators, administrators, agencies and relying parties do
//! with it from a terminal.
//!
//! Each subcommand is one file, named by it. They are thin: deciding is the server's work, signing and verifying the
//! client's.

mod accept_clock;
mod asker;
mod authenticate;
mod backup;
mod cases;
mod check_capture;
mod config;
mod connect;
mod demo;
mod enrol;
mod envelope_json;
mod evaluate;
mod floor;
mod fsck;
mod holder;
mod import;
mod init;
mod key_file;
mod keygen;
mod logging;
mod moment;
mod otp;
mod particulars;
mod party;
mod person;
mod policy;
mod populate;
mod reasons;
mod reindex;
mod resident;
mod restore;
mod sandbox;
mod serve;
mod shown;
mod table;
mod verify;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use plinth_identity::party::PartyKind;

use crate::logging::Logging;

/// Requests are taken in, decided and answered on different threads, so most memory is freed by another thread than took
/// it; the system's allocator makes them wait for each other then.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An identity service: one number for each person, and signed answers that anybody can check.
///
/// Agencies enrol people with their fingerprints, the service finds those it knows already, and gives everyone else one
/// number. Relying parties ask whether a person is who they say, and get a signed yes or no.
#[derive(Parser)]
#[command(name = "plinth", version, propagate_version = true, max_term_width = 110, after_long_help = TOUR)]
struct Cli {
    #[command(flatten)]
    logging: Logging,
    #[command(subcommand)]
    command: Command,
}

const TOUR: &str = "\
See everything at work on made-up people:
  plinth demo

A service from nothing, with one agency and one relying party:
  plinth init --data ./data --root-key ./root.key --admin-keys ./admins
  plinth serve --data ./data --root-key ./root.key
  plinth keygen --out ./agency.pem
  export PLINTH_ADMIN_ID=admin-1 PLINTH_ADMIN_KEY=./admins/admin-1.pem
  plinth agency add north --name 'Northern Registry' --public-key ./agency.pem.pub
  plinth enrol ./people --agency north --key ./agency.pem --report ./report

Exit status: 0 done, or yes; 1 refused, broken, or no; 2 wrong usage.";

#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Serve(Box<serve::Args>),
    Keygen(keygen::Args),
    #[command(subcommand)]
    Agency(party::AgencyCommand),
    #[command(subcommand)]
    RelyingParty(party::RelyingPartyCommand),
    Enrol(Box<enrol::Args>),
    CheckCapture(Box<check_capture::Args>),
    Authenticate(Box<authenticate::Args>),
    #[command(subcommand)]
    Otp(otp::OtpCommand),
    #[command(subcommand)]
    Person(person::PersonCommand),
    #[command(subcommand)]
    Resident(resident::ResidentCommand),
    Verify(verify::Args),
    Reasons(reasons::Args),
    #[command(subcommand)]
    Cases(cases::CasesCommand),
    Backup(Box<backup::Args>),
    Restore(restore::Args),
    Import(import::Args),
    Imports(Box<reindex::ImportsArgs>),
    Reindex(Box<reindex::ReindexArgs>),
    Fsck(fsck::Args),
    AcceptClock(accept_clock::Args),
    Evaluate(evaluate::Args),
    Floor(floor::Args),
    Populate(populate::Args),
    Demo(Box<demo::Args>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.logging.start(matches!(cli.command, Command::Serve(_)));
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", describe(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Serve(args) => wait_for(serve::run(*args)),
        Command::Keygen(args) => keygen::run(&args),
        Command::Agency(command) => wait_for(party::run(PartyKind::Agency, command.into())),
        Command::RelyingParty(command) => wait_for(party::run(PartyKind::RelyingParty, command.into())),
        Command::Enrol(args) => wait_for(enrol::run(*args)),
        Command::CheckCapture(args) => wait_for(check_capture::run(*args)),
        Command::Authenticate(args) => wait_for(authenticate::run(*args)),
        Command::Otp(command) => wait_for(otp::run(command)),
        Command::Person(command) => wait_for(person::run(command)),
        Command::Resident(command) => wait_for(resident::run(command)),
        Command::Verify(args) => verify::run(&args),
        Command::Reasons(args) => reasons::run(&args),
        Command::Cases(command) => wait_for(cases::run(command)),
        Command::Backup(args) => wait_for(backup::run(*args)),
        Command::Restore(args) => restore::run(&args),
        Command::Import(args) => wait_for(import::run(args)),
        Command::Imports(args) => wait_for(reindex::imports(*args)),
        Command::Reindex(args) => wait_for(reindex::reindex(*args)),
        Command::Fsck(args) => fsck::run(&args),
        Command::AcceptClock(args) => accept_clock::run(&args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Floor(args) => floor::run(&args),
        Command::Populate(args) => populate::run(&args),
        Command::Demo(args) => wait_for(demo::run(*args)),
    }
}

/// Runs a command that waits on the network. What it leaves behind is given half a second, not for ever.
fn wait_for(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(Box::pin(command));
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

/// The whole chain of causes, each once: some messages quote their cause already.
fn describe(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        quoted if quoted.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};
    use clap::CommandFactory;

    use super::{Cli, describe};

    #[test]
    fn an_error_names_every_cause_once() {
        let error = Err::<(), _>(anyhow!("no such file"))
            .context("cannot read x: no such file")
            .context("not started");
        assert_eq!(
            error.map_err(|error| describe(&error)),
            Err("not started: cannot read x: no such file".to_owned())
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        for command in leaves(&Cli::command(), "plinth") {
            let (path, mut command) = command;
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{path} has no example:\n{help}");
            assert!(help.contains(&path), "the example of {path} does not call it:\n{help}");
        }
    }

    /// Every command that does something, with the words that call it.
    fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        if command.get_subcommands().next().is_none() {
            return vec![(path.to_owned(), command.clone())];
        }
        let below = |inner: &clap::Command| leaves(inner, &format!("{path} {}", inner.get_name()));
        command.get_subcommands().flat_map(below).collect()
    }
}
