//! `plinth accept-clock`: the way on after a clock that was ahead has been set right.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::moment;

/// Accept that this machine's clock was set back.
///
/// A service whose clock is more than two seconds behind its newest commit decides nothing (1019 CLOCK_BEHIND): old
/// requests would be young again. If the clock is wrong now, set it right, and nothing else is needed. If it was wrong
/// before, and is right now, stop the service and run this. From then on commits carry the new time, and every request
/// that was issued before, and for a minute after, is refused as expired: agencies sign waiting enrolments anew.
///
/// Look at both times before you agree: statements that were signed in between carry the wrong one.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth accept-clock --data ./data --root-key ./root.key --yes")]
pub(crate) struct Args {
    /// The data directory. Nobody may be serving it.
    #[arg(long, env = "PLINTH_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The root key file.
    #[arg(long, env = "PLINTH_ROOT_KEY", value_name = "FILE")]
    root_key: PathBuf,
    /// Do it: this machine's clock is right.
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now = moment::now();
    anyhow::ensure!(
        args.yes,
        "this machine says that it is {now}; if that is right, run this again with --yes"
    );
    match plinth_server::accept_clock(&args.data, &args.root_key, now)? {
        None => println!("the clock is not behind the newest commit; nothing was changed"),
        Some((before, floor)) => {
            println!("newest commit    {before}");
            println!("clock            {now}, accepted");
            println!("requests         issued before {floor} are refused");
        }
    }
    Ok(ExitCode::SUCCESS)
}
