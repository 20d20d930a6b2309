//! `plinth keygen`: a signing key for an agency or a relying party, or a key that attributes are sealed to.

use std::path::PathBuf;
use std::process::ExitCode;

use plinth_identity::dsse::SigningKey;
use plinth_identity::sealing::EncryptionKey;
use rand::rngs::StdRng;

use crate::key_file;

/// Make a key for an agency or a relying party.
///
/// Writes an Ed25519 private key (PKCS#8 PEM, readable by you alone) and, beside it with `.pub` appended, the public key
/// (PEM) that an administrator registers. The private key never leaves this machine.
///
/// With --encryption it is a relying party's other key: an X25519 key that the service seals people's attributes to, for
/// `plinth person get`.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  plinth keygen --out ./agency.pem
  plinth agency add north --name 'Northern Registry' --public-key ./agency.pem.pub
  plinth keygen --encryption --out ./bank-reading.key
  plinth relying-party amend bank --attributes name --encryption-key ./bank-reading.key.pub")]
pub(crate) struct Args {
    /// Where the private key goes. It must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Make a key that attributes are sealed to, not one that signs.
    #[arg(long)]
    encryption: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut random = rand::make_rng::<StdRng>();
    let (public, key_id) = if args.encryption {
        let key = EncryptionKey::generate(&mut random);
        (key_file::write_encryption_pair(&args.out, &key)?, None)
    } else {
        let key = SigningKey::generate(&mut random);
        (key_file::write_pair(&args.out, &key)?, Some(key.public().key_id()))
    };
    println!("private key  {}  (keep it secret)", args.out.display());
    println!("public key   {}  (give it to an administrator)", public.display());
    if let Some(key_id) = key_id {
        println!("key id       {key_id}");
    }
    Ok(ExitCode::SUCCESS)
}
