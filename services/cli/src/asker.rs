//! A relying party at its terminal: who it is, and what becomes of the request that it signs.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use plinth_client::{RelyingParty, SignedRequest, Trust};
use plinth_identity::id::{DeploymentId, PartyId};

use crate::connect::Service;
use crate::{envelope_json, key_file};

/// Who asks, whom, and what is kept of it.
#[derive(clap::Args)]
#[command(next_help_heading = "Who asks")]
pub(crate) struct Asker {
    /// Your id as a relying party.
    #[arg(long, env = "PLINTH_RELYING_PARTY", value_name = "ID", value_parser = PartyId::parse)]
    relying_party: PartyId,
    /// Your private key.
    #[arg(long, env = "PLINTH_KEY", value_name = "FILE")]
    key: PathBuf,
    /// Keep the request and the answer in this directory, for `plinth verify`. Both are readable by you alone.
    #[arg(long, value_name = "DIR", conflicts_with = "print_json")]
    save: Option<PathBuf>,
    /// Print the signed request as JSON, as `buf curl --data @-` takes it, and do not send it.
    #[arg(long)]
    print_json: bool,
    /// With --print-json: the deployment that the request is for, as `plinth init` printed it. Without it the service is
    /// asked who it is.
    #[arg(long, value_name = "ID", value_parser = DeploymentId::parse, requires = "print_json")]
    deployment: Option<DeploymentId>,
    #[command(flatten)]
    service: Service,
}

impl Asker {
    /// Connects, unless the request is only to be printed for a deployment that is known.
    pub(crate) async fn open(&self) -> anyhow::Result<RelyingParty> {
        let key = key_file::read_private(&self.key)?;
        let (connection, trust) = match self.deployment {
            Some(deployment) => (self.service.lazy()?, Trust::new(deployment, Vec::new())),
            None => self.service.open().await?,
        };
        Ok(RelyingParty::new(connection, self.relying_party.clone(), key, trust))
    }

    /// Prints the request, if that is all that was asked for. False if it is to be sent.
    pub(crate) fn prints(&self, request: &SignedRequest) -> anyhow::Result<bool> {
        if self.print_json {
            println!("{}", envelope_json::request(request.envelope())?);
        }
        Ok(self.print_json)
    }

    /// Keeps the request and its answer, if that was asked for.
    pub(crate) fn keep(&self, request: &SignedRequest, answer: &[u8]) -> anyhow::Result<()> {
        let Some(directory) = &self.save else { return Ok(()) };
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        let name = request.request_id();
        for (extension, bytes) in [("request", request.to_bytes().as_slice()), ("answer", answer)] {
            let path = directory.join(format!("{name}.{extension}"));
            write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{extension:<12} {}", path.display());
        }
        Ok(())
    }
}

/// Writes a file that only its owner reads: it holds a number, and perhaps fingerprints.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}
