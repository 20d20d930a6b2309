//! `plinth backup`: a consistent copy of the running service's database.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::connect::{Administration, explain};
use crate::moment;

/// Copy the running service's database.
///
/// The service writes a consistent copy to a directory on its own machine while it serves. The copy is sealed like the
/// original, and opens with the same root key, which is not in it. Move it to another machine.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth backup /backups/monday --admin-key ./admins/admin-1.pem
  plinth restore /backups/monday --data ./restored --root-key ./root.key --verify")]
pub(crate) struct Args {
    /// The directory to write: an absolute path on the service's machine, which does not exist yet.
    #[arg(value_name = "DIR")]
    directory: String,
    /// Your private key as an administrator.
    #[arg(long, env = "PLINTH_ADMIN_KEY", value_name = "FILE")]
    admin_key: PathBuf,
    #[command(flatten)]
    administration: Administration,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let administrator = args.administration.open(&args.admin_key).await?;
    let summary = administrator.backup(&args.directory, moment::now()).await.map_err(explain)?;
    println!("backup       {}", summary.directory);
    println!("log leaves   {}", summary.log_position);
    println!("bytes        {}", summary.bytes);
    Ok(ExitCode::SUCCESS)
}
