//! The two listeners: bounds, TLS, health, reflection, and a drain that always ends.

use std::net::SocketAddr;
use std::time::Duration;

use plinth_proto::authentication::v1::authentication_service_server::AuthenticationServiceServer;
use plinth_proto::enrolment::v1::enrolment_service_server::EnrolmentServiceServer;
use plinth_proto::evidence::v1::evidence_service_server::EvidenceServiceServer;
use plinth_proto::registry::v1::registry_service_server::RegistryServiceServer;
use plinth_proto::resident::v1::resident_service_server::ResidentServiceServer;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Router as Routes, TcpIncoming};
use tonic::transport::{Certificate, Identity, Server as Bound, ServerTlsConfig};
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower::layer::util::{Identity as Bare, Stack};

use crate::ServeError;
use crate::authentication::Authentications;
use crate::config::{ServeConfig, TlsConfig};
use crate::core::Door;
use crate::enrolment::Enrolments;
use crate::evidence::Evidence;
use crate::gathered::Gathered;
use crate::metrics::WatchCalls;
use crate::registry::Registry;
use crate::resident::Residents;

/// A transport whose calls are watched.
type Server = Bound<Stack<WatchCalls, Bare>>;

/// Its methods.
type Router = Routes<Stack<WatchCalls, Bare>>;

/// A bound listener that has not accepted anything yet.
pub(crate) struct Listener {
    socket: TcpListener,
    /// The address that was bound, with the port that the system chose if 0 was asked for.
    pub(crate) address: SocketAddr,
}

impl Listener {
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// Serves until `stop` is cancelled and every connection has closed. The caller bounds how long it waits for that.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken) -> Result<(), ServeError> {
        // Without it, the last segment of a small answer waits for the peer's delayed acknowledgement, some 40 ms.
        let incoming = TcpIncoming::from(self.socket)
            .with_nodelay(Some(true))
            .map(|accepted| accepted.map(Gathered::new));
        router
            .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
            .await
            .map_err(|error| ServeError::Transport(describe(&error)))
    }
}

/// What agencies, relying parties and the public reach.
pub(crate) fn public_router(
    config: &ServeConfig,
    door: &Door,
    watch: &WatchCalls,
    health: &HealthReporter,
) -> Result<Router, ServeError> {
    let bytes = config.limits.message_bytes;
    Ok(builder(config, watch)?
        .add_service(health_service(health))
        .add_service(EvidenceServiceServer::new(Evidence(door.clone())).max_decoding_message_size(bytes))
        .add_service(EnrolmentServiceServer::new(Enrolments(door.clone())).max_decoding_message_size(bytes))
        .add_service(
            AuthenticationServiceServer::new(Authentications(door.clone())).max_decoding_message_size(bytes),
        )
        .add_service(ResidentServiceServer::new(Residents(door.clone())).max_decoding_message_size(bytes)))
}

/// What administrators reach: the registry and cases, and reflection for their tools.
pub(crate) fn admin_router(
    config: &ServeConfig,
    door: &Door,
    watch: &WatchCalls,
    health: &HealthReporter,
) -> Result<Router, ServeError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(plinth_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| ServeError::Transport(error.to_string()))?;
    let bytes = config.limits.message_bytes;
    Ok(builder(config, watch)?
        .add_service(health_service(health))
        .add_service(reflection)
        .add_service(EvidenceServiceServer::new(Evidence(door.clone())).max_decoding_message_size(bytes))
        .add_service(RegistryServiceServer::new(Registry(door.clone())).max_decoding_message_size(bytes)))
}

/// Tells health watchers of every service at once.
pub(crate) async fn report_health(reporter: &HealthReporter, serving: bool) {
    let status =
        if serving { tonic_health::ServingStatus::Serving } else { tonic_health::ServingStatus::NotServing };
    for name in [
        "",
        "plinth.enrolment.v1.EnrolmentService",
        "plinth.authentication.v1.AuthenticationService",
        "plinth.evidence.v1.EvidenceService",
        "plinth.registry.v1.RegistryService",
        "plinth.resident.v1.ResidentService",
    ] {
        reporter.set_service_status(name, status).await;
    }
}

fn health_service(reporter: &HealthReporter) -> HealthServer<HealthService> {
    HealthServer::new(HealthService::from_health_reporter(reporter.clone()))
}

/// Transport bounds that hold for both listeners.
fn builder(config: &ServeConfig, watch: &WatchCalls) -> Result<Server, ServeError> {
    let server = Bound::builder()
        // One connection may carry many requests, but not so many that it starves the others.
        .max_concurrent_streams(Some(256))
        // A peer that has vanished is noticed within half a minute.
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(Some(16 << 10))
        // Rapid-reset floods end the connection (CVE-2023-44487).
        .http2_max_pending_accept_reset_streams(Some(64))
        .layer(watch.clone());
    match &config.tls {
        None => Ok(server),
        Some(tls) => server.tls_config(tls_config(tls)?).map_err(|error| ServeError::Tls(describe(&error))),
    }
}

/// Mutual TLS: a client without a certificate of the stated authority is turned away in the handshake.
fn tls_config(tls: &TlsConfig) -> Result<ServerTlsConfig, ServeError> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|source| ServeError::File { path: path.to_owned(), source })
    };
    Ok(ServerTlsConfig::new()
        .identity(Identity::from_pem(read(&tls.certificate)?, read(&tls.key)?))
        .client_ca_root(Certificate::from_pem(read(&tls.client_ca)?)))
}

/// The whole chain of causes: the outermost one alone says "transport error".
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
