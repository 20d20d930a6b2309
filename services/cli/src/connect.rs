//! Reaching a service: where it is, who it is, and how the connection is kept private.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use plinth_client::{Administrator, ClientError, ClientTls, Connection, Trust};
use plinth_identity::id::PartyId;

use crate::key_file;

/// How the service is recognised, and how it recognises this machine.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Security {
    /// The service's public key, as `plinth init` wrote it. Without it the key that the service shows is believed.
    #[arg(long, env = "PLINTH_SERVICE_KEY", value_name = "FILE")]
    service_key: Option<PathBuf>,
    /// TLS: the authority that signed the service's certificate (PEM).
    #[arg(long, env = "PLINTH_CA", value_name = "FILE", requires_all = ["certificate", "certificate_key"])]
    ca: Option<PathBuf>,
    /// TLS: this machine's certificate (PEM).
    #[arg(long, env = "PLINTH_CERTIFICATE", value_name = "FILE", requires = "ca")]
    certificate: Option<PathBuf>,
    /// TLS: this machine's private key (PEM, PKCS#8).
    #[arg(long, env = "PLINTH_CERTIFICATE_KEY", value_name = "FILE", requires = "ca")]
    certificate_key: Option<PathBuf>,
}

/// The listener for agencies and relying parties.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Service {
    /// Where the service listens.
    #[arg(long, env = "PLINTH_SERVER", value_name = "URL", default_value = "http://127.0.0.1:7770")]
    server: String,
    #[command(flatten)]
    security: Security,
}

/// The listener for administrators, and who calls.
#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Administration {
    /// Where the service listens for administrators.
    #[arg(long, env = "PLINTH_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:7771")]
    admin: String,
    /// Your id as an administrator.
    #[arg(long, env = "PLINTH_ADMIN_ID", value_name = "ID", value_parser = PartyId::parse, default_value = "admin-1")]
    admin_id: PartyId,
    #[command(flatten)]
    security: Security,
}

impl Service {
    /// Connects, and learns whose signatures to trust.
    pub(crate) async fn open(&self) -> anyhow::Result<(Connection, Trust)> {
        self.security.open(&self.server).await
    }

    /// A connection that is not made before something is sent, for what is only signed.
    pub(crate) fn lazy(&self) -> anyhow::Result<Connection> {
        Connection::lazy(&self.server, self.security.tls()?.as_ref()).map_err(explain)
    }
}

impl Administration {
    /// Connects as the administrator who holds the private key in a file.
    pub(crate) async fn open(&self, key: &Path) -> anyhow::Result<Administrator> {
        let key = key_file::read_private(key)?;
        let (connection, trust) = self.security.open(&self.admin).await?;
        Ok(Administrator::new(connection, self.admin_id.clone(), key, trust))
    }
}

impl Security {
    async fn open(&self, url: &str) -> anyhow::Result<(Connection, Trust)> {
        let tls = self.tls()?;
        let unreachable =
            || format!("cannot reach the service at {url}; is it running there? (see `plinth serve --help`)");
        let connection =
            Connection::open(url, tls.as_ref()).await.map_err(explain).with_context(unreachable)?;
        let info = connection.service_info().await.map_err(explain).with_context(unreachable)?;
        if let Some(file) = &self.service_key {
            let pinned = key_file::read_public(file)?;
            if info.envelope.verify(plinth_identity::dsse::payload_type::SERVICE_INFO, &pinned).is_err() {
                bail!(
                    "the service at {url} is not the one whose key is in {}: do not send it anything",
                    file.display()
                );
            }
        }
        Ok((connection, Trust::from(&info.info)))
    }

    fn tls(&self) -> anyhow::Result<Option<ClientTls>> {
        let (Some(ca), Some(certificate), Some(key)) = (&self.ca, &self.certificate, &self.certificate_key)
        else {
            return Ok(None);
        };
        let read =
            |file: &Path| std::fs::read(file).with_context(|| format!("cannot read {}", file.display()));
        Ok(Some(ClientTls { ca_pem: read(ca)?, certificate_pem: read(certificate)?, key_pem: read(key)? }))
    }
}

/// A client's error as an operator needs it: what happened, the field, and what to do next.
pub(crate) fn explain(error: ClientError) -> anyhow::Error {
    match error.reason() {
        Some(reason) => anyhow!("{error}\n  next step: {}", reason.next_step()),
        None => error.into(),
    }
}
