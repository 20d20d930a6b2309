//! Traces of calls for whoever wants them: one span a call, handed over OTLP to a collector on this machine.
//!
//! A span names the method, the gRPC code, and the party that signed; nothing of what was asked or answered. Every call
//! begins a trace of its own: a trace that strangers could choose would be theirs to read something into. The SDK's own
//! environment variables hold, such as `OTEL_TRACES_SAMPLER` for the share of calls that is traced. Without an endpoint
//! none of this runs.

use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tonic::Code;

use crate::ServeError;
use crate::config::TracingSettings;

/// How long the collector may take over a batch of spans.
const EXPORT: Duration = Duration::from_secs(3);

/// How long a stop waits for the last spans.
pub(crate) const LAST: Duration = Duration::from_secs(1);

/// The exporter. A full queue drops spans: no call waits for a collector.
pub(crate) struct Traces(SdkTracerProvider);

/// Begins spans. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Tracer(SdkTracer);

/// The span of one call in hand.
pub(crate) struct Span(opentelemetry_sdk::trace::Span);

impl Traces {
    /// The exporter that the settings ask for, if they ask for one. Must be called on the runtime that will carry it.
    pub(crate) fn start(settings: &TracingSettings) -> Result<Option<Self>, ServeError> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT)
            .build()
            .map_err(|error| ServeError::Config(format!("tracing.otlp_endpoint: {error}")))?;
        let resource = Resource::builder()
            .with_service_name("plinth")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource);
        Ok(Some(Self(provider.build())))
    }

    pub(crate) fn tracer(&self) -> Tracer {
        Tracer(self.0.tracer("plinth"))
    }

    /// Hands over what is left, and blocks until that is done or [`LAST`] is over.
    pub(crate) fn stop(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST) {
            tracing::warn!(%error, "the last spans could not be handed to the collector");
        }
    }
}

/// Whether an endpoint is one that spans may be sent to: this machine's own, since they go out in the clear.
pub(crate) fn is_local(endpoint: &str) -> bool {
    let address = endpoint.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    address.and_then(|address| address.parse().ok()).is_some_and(|at: SocketAddr| at.ip().is_loopback())
}

impl Tracer {
    /// The span of a call of this method, from now on.
    pub(crate) fn begin(&self, method: &str) -> Span {
        let (service, name) = method.split_once('/').unwrap_or(("", method));
        let attributes = [
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", service.to_owned()),
            KeyValue::new("rpc.method", name.to_owned()),
        ];
        let span = self.0.span_builder(method.to_owned()).with_kind(SpanKind::Server);
        Span(self.0.build_with_context(span.with_attributes(attributes), &Context::new()))
    }
}

impl Span {
    /// The call ended with this code; `party` signed it.
    pub(crate) fn end(mut self, code: Code, party: Option<&str>) {
        self.0.set_attribute(KeyValue::new("rpc.grpc.status_code", i64::from(i32::from(code))));
        if let Some(party) = party {
            self.0.set_attribute(KeyValue::new("plinth.party", party.to_owned()));
        }
        // The codes that are the service's own fault, by OpenTelemetry's conventions for gRPC servers.
        let own_fault = matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        );
        if own_fault {
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn spans_go_to_this_machine_only() {
        for endpoint in ["http://127.0.0.1:4317", "http://127.0.0.1:4317/", "http://[::1]:4317"] {
            assert!(is_local(endpoint), "{endpoint}");
        }
        for endpoint in [
            "127.0.0.1:4317",
            "https://127.0.0.1:4317",
            "http://10.0.0.5:4317",
            "http://127.0.0.1",
            "http://",
        ] {
            assert!(!is_local(endpoint), "{endpoint}");
        }
    }
}
