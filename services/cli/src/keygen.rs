//! `plinth keygen`: a signing key for an agency or a relying party.

use std::path::PathBuf;
use std::process::ExitCode;

use plinth_identity::dsse::SigningKey;
use rand::rngs::StdRng;

use crate::key_file;

/// Make a signing key for an agency or a relying party.
///
/// Writes an Ed25519 private key (PKCS#8 PEM, readable by you alone) and, beside it with `.pub` appended, the public key
/// (PEM) that an administrator registers. The private key never leaves this machine.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth keygen --out ./agency.pem
  plinth agency add north --name 'Northern Registry' --public-key ./agency.pem.pub")]
pub(crate) struct Args {
    /// Where the private key goes. It must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let key = SigningKey::generate(&mut rand::make_rng::<StdRng>());
    let public = key_file::write_pair(&args.out, &key)?;
    println!("private key  {}  (keep it secret)", args.out.display());
    println!("public key   {}  (give it to an administrator)", public.display());
    println!("key id       {}", key.public().key_id());
    Ok(ExitCode::SUCCESS)
}
