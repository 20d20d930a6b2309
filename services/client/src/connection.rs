use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use plinth_identity::dsse::{Envelope, payload_type};
use plinth_identity::statement::ServiceInfo;
use plinth_proto::convert::{envelope, evidence};
use plinth_proto::evidence::v1::GetServiceInfoRequest;
use plinth_proto::evidence::v1::evidence_service_client::EvidenceServiceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Response};
use tower::retry::budget::TpsBudget;

use crate::error::ClientError;
use crate::retry::{Retry, allowance};
use crate::trust::Trust;
use crate::verify::{self, VerifyError};

/// How long a call may take unless [`Connection::with_deadline`] says otherwise.
const DEADLINE: Duration = Duration::from_secs(30);

/// A connection to one listener of a service. Clones share it; calls of all of them travel side by side, and a lost
/// connection is made again by the next call. They also share what may be sent again after failures: one in five of the last
/// ten seconds' calls, and 20 besides.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Channel,
    deadline: Duration,
    /// What all clones together may send again.
    allowance: Arc<TpsBudget>,
}

/// The client's side of mutual TLS, PEM.
#[derive(Clone)]
pub struct ClientTls {
    /// The authority that signed the server's certificate.
    pub ca_pem: Vec<u8>,
    /// The client's certificate chain.
    pub certificate_pem: Vec<u8>,
    /// The client's private key (PKCS#8).
    pub key_pem: Vec<u8>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// What the service says about itself, and the signed bytes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedInfo {
    /// As the service signed it.
    pub envelope: Envelope,
    /// What it says.
    pub info: ServiceInfo,
}

impl Connection {
    /// Connects to `http://HOST:PORT` or, with `tls`, to `https://HOST:PORT`.
    ///
    /// # Errors
    /// [`ClientError::Url`], [`ClientError::Tls`], or [`ClientError::Transport`] if nobody answers there.
    pub async fn open(url: &str, tls: Option<&ClientTls>) -> Result<Self, ClientError> {
        let channel = endpoint(url, tls)?.connect().await?;
        Ok(Self::over(channel))
    }

    /// The same without waiting: the first call connects. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`ClientError::Url`] or [`ClientError::Tls`].
    pub fn lazy(url: &str, tls: Option<&ClientTls>) -> Result<Self, ClientError> {
        Ok(Self::over(endpoint(url, tls)?.connect_lazy()))
    }

    fn over(channel: Channel) -> Self {
        Self { channel, deadline: DEADLINE, allowance: Arc::new(allowance()) }
    }

    pub(crate) fn allowance(&self) -> &TpsBudget {
        &self.allowance
    }

    /// The same connection with another deadline for each try of each call (30 seconds unless set). The service is told,
    /// and stops working for a caller who no longer waits. Streams have none.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The gRPC channel beneath, for calls that this crate does not make (health, reflection).
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// What the service says about itself, signed by one of the keys that it names: trust on first use. Where a key is
    /// known already, check the envelope with [`verify::service_info`].
    ///
    /// # Errors
    /// [`ClientError::Answer`] if no key that it names has signed it; otherwise as every call.
    pub async fn service_info(&self) -> Result<SignedInfo, ClientError> {
        let response = Retry::default()
            .run(&self.allowance, || {
                let mut client = EvidenceServiceClient::new(self.channel());
                let request = self.timed(GetServiceInfoRequest {});
                async move {
                    client
                        .get_service_info(request)
                        .await
                        .map(Response::into_inner)
                        .map_err(ClientError::from)
                }
            })
            .await?;
        let envelope = envelope::required(response.info, "info").map_err(ClientError::malformed_answer)?;
        let named = introduce(&envelope).map_err(ClientError::Answer)?;
        let info = verify::service_info(&envelope, &Trust::from(&named)).map_err(ClientError::Answer)?;
        Ok(SignedInfo { envelope, info })
    }

    /// A request that tells the service its deadline.
    pub(crate) fn timed<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        request
    }
}

/// Reads whom the service claims to be, which nothing proves yet.
fn introduce(envelope: &Envelope) -> Result<ServiceInfo, VerifyError> {
    if envelope.payload_type() != payload_type::SERVICE_INFO {
        return Err(VerifyError::PayloadType { expected: payload_type::SERVICE_INFO });
    }
    evidence::decode_unverified_service_info(envelope).map_err(VerifyError::Body)
}

fn endpoint(url: &str, tls: Option<&ClientTls>) -> Result<Endpoint, ClientError> {
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| ClientError::Url(url.to_owned()))?;
    let endpoint = endpoint
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        // A service that has vanished is noticed within half a minute, also while nothing is asked.
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true);
    match (endpoint.uri().scheme_str(), tls) {
        (Some("http"), None) => Ok(endpoint),
        (Some("https"), Some(tls)) => {
            let config = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(&tls.ca_pem))
                .identity(Identity::from_pem(&tls.certificate_pem, &tls.key_pem));
            endpoint.tls_config(config).map_err(|error| ClientError::Tls(error.to_string()))
        }
        (Some("http"), Some(_)) => {
            Err(ClientError::Tls("certificates are given, but the address is http".to_owned()))
        }
        (Some("https"), None) => Err(ClientError::Tls(
            "https needs the authority's certificate, and a certificate and key of your own".to_owned(),
        )),
        _ => Err(ClientError::Url(url.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_must_say_http_or_https() {
        for url in ["", "127.0.0.1:7770", "ftp://127.0.0.1", "http://[", "plinth"] {
            assert_eq!(endpoint(url, None).err(), Some(ClientError::Url(url.to_owned())), "{url}");
        }
        assert!(endpoint("http://127.0.0.1:7770", None).is_ok());
    }

    #[test]
    fn tls_is_never_left_out_by_mistake() {
        let tls = ClientTls { ca_pem: Vec::new(), certificate_pem: Vec::new(), key_pem: Vec::new() };
        assert!(matches!(endpoint("https://plinth.example", None), Err(ClientError::Tls(_))));
        assert!(matches!(endpoint("http://plinth.example", Some(&tls)), Err(ClientError::Tls(_))));
    }
}
