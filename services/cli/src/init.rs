//! `plinth init`: a data directory, its root key, and two administrators.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use plinth_identity::dsse::{PublicKey, SigningKey};
use plinth_identity::id::PartyId;
use rand::rngs::StdRng;

use crate::{key_file, moment};

/// Who may administer a new deployment. Two, since a case is decided by two.
const ADMINISTRATORS: [&str; 2] = ["admin-1", "admin-2"];

/// Create a data directory, its root key and two administrators.
///
/// Nothing that exists is overwritten. Afterwards move the root key to another device than the data, give each of the two
/// administrators their own key file, and publish `service.pem`: with it anybody can check the service's answers.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  plinth init --data ./data --root-key ./root.key --admin-keys ./admins
  plinth serve --data ./data --root-key ./root.key")]
pub(crate) struct Args {
    /// The data directory to make. It must be empty or not exist.
    #[arg(long, env = "PLINTH_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The root key file to write. Everything in the data directory is sealed under it: whoever loses it loses the data.
    #[arg(long, env = "PLINTH_ROOT_KEY", value_name = "FILE")]
    root_key: PathBuf,
    /// Where to write admin-1.pem, admin-2.pem, their public keys and service.pem.
    #[arg(long, value_name = "DIR")]
    admin_keys: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let keys = &args.admin_keys;
    private_folder(&args.data)?;
    private_folder(keys)?;
    let service_pem = keys.join("service.pem");
    anyhow::ensure!(
        !service_pem.exists(),
        "{} exists: give a directory for the keys of a new deployment",
        service_pem.display()
    );

    // Kept before the deployment knows them: a deployment whose administrators lost their keys before they had them
    // could never be administered.
    let mut written = Written::default();
    let administrators = ADMINISTRATORS
        .into_iter()
        .map(|name| administrator(name, keys, &mut written))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let made = plinth_server::init(&args.data, &args.root_key, &administrators, moment::now())?;
    written.keep();
    key_file::write_public(&service_pem, &made.service_key)?;

    println!("deployment      {}", made.deployment);
    println!("data            {}", args.data.display());
    println!("root key        {}  (keep it on another device)", args.root_key.display());
    for name in ADMINISTRATORS {
        println!("administrator   {}  (give it to {name})", keys.join(format!("{name}.pem")).display());
    }
    println!("service key     {}  (publish it)", service_pem.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes a folder that only its owner can look into, unless it is there.
fn private_folder(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the directory {}", path.display()))
}

/// Makes an administrator's key and writes it.
fn administrator(name: &str, keys: &Path, written: &mut Written) -> anyhow::Result<(PartyId, PublicKey)> {
    let key = SigningKey::generate(&mut rand::make_rng::<StdRng>());
    let private = keys.join(format!("{name}.pem"));
    let public = key_file::write_pair(&private, &key)?;
    written.0.extend([private, public]);
    Ok((PartyId::parse(name)?, key.public()))
}

/// Key files of a deployment that does not exist yet. They are removed if it never comes to exist, so that the command can
/// be run again.
#[derive(Default)]
struct Written(Vec<PathBuf>);

impl Written {
    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        for file in &self.0 {
            // What cannot be removed is named when the command is run again.
            drop(std::fs::remove_file(file));
        }
    }
}
