//! `plinth restore`: a data directory from a backup.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::fsck;

/// Make a data directory from a backup.
///
/// Copies the backup into a new directory and checks it: the root key, every byte against its checksum, and that the log
/// has no holes. What does not pass cannot be served. People who enrolled after the backup are not in it: their agencies
/// send them again, from the requests that `plinth enrol` keeps.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth restore /backups/monday --data ./restored --root-key ./root.key --verify
  plinth serve --data ./restored --root-key ./root.key")]
pub(crate) struct Args {
    /// The backup: a directory that `plinth backup` wrote.
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The data directory to make. It must be empty or not exist.
    #[arg(long, env = "PLINTH_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The root key of the deployment that was backed up.
    #[arg(long, env = "PLINTH_ROOT_KEY", value_name = "FILE")]
    root_key: PathBuf,
    /// Also check every table against the others, as `plinth fsck` does.
    #[arg(long)]
    verify: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root_key = plinth_server::read_root_key(&args.root_key)?;
    let report = plinth_storage::restore(&args.backup, &args.data, &root_key)
        .with_context(|| format!("cannot restore {} to {}", args.backup.display(), args.data.display()))?;
    println!("restored     {}", args.data.display());
    println!("deployment   {}", report.deployment);
    println!("identities   {}", report.head.identities);
    println!("log leaves   {}, dense", report.leaves);
    if args.verify { fsck::check(&args.data, &root_key) } else { Ok(ExitCode::SUCCESS) }
}
