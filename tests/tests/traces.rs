//! Traces as a collector takes them: one span a call, from a service that was told to.

#![allow(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use plinth_identity::number::IdentityNumber;
use plinth_identity::statement::EnrolmentOutcome;
use plinth_tests::{World, enrolment, fingers, question};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A collector on a free loopback port, and every span that it was sent.
struct Collector {
    endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
    serving: JoinHandle<()>,
}

struct Taking(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Taking {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let service = TraceServiceServer::new(Taking(Arc::clone(&spans)));
        let serving = Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
        let serving = tokio::spawn(async move { serving.await.unwrap() });
        Self { endpoint, spans, serving }
    }

    fn stop(self) -> Vec<Span> {
        self.serving.abort();
        std::mem::take(&mut *self.spans.lock().unwrap())
    }
}

/// An attribute as text.
fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

async fn enrol(world: &World, agency: &str) -> IdentityNumber {
    let agency = world.agency(agency).await;
    let request = agency.request(enrolment("Asha Rao", 1, 0, &fingers(2)), world.now()).unwrap();
    match agency.enrol(&request).await.unwrap().statement.outcome {
        EnrolmentOutcome::Issued { number } => number,
        outcome => panic!("a new person must get a number: {outcome:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_span_and_a_service_that_was_not_told_sends_none() {
    let collector = Collector::start().await;
    let endpoint = collector.endpoint.clone();
    let mut silent = World::new().await;
    let mut world = World::with(|config| config.tracing.otlp_endpoint = Some(endpoint)).await;
    enrol(&silent, "south").await;
    let number = enrol(&world, "north").await;
    let bank = world.relying_party("bank", true).await;
    let now = world.now();
    bank.authenticate(&bank.request(question(number, "Asha Rao"), now).unwrap()).await.unwrap();
    let early = now.plus_millis(3_600_000);
    let refused = bank.authenticate(&bank.request(question(number, "Asha Rao"), early).unwrap()).await;
    refused.map(drop).unwrap_err();
    // Whatever is left goes out before a stop is over.
    silent.stop().await;
    world.stop().await;

    let spans = collector.stop();
    let of = |method: &str| spans.iter().filter(|span| span.name == method).collect::<Vec<_>>();
    let enrolments = of("plinth.enrolment.v1.EnrolmentService/Enrol");
    assert_eq!(enrolments.len(), 1, "{spans:?}");
    assert_eq!(attribute(enrolments[0], "plinth.party").as_deref(), Some("north"));
    let answers = of("plinth.authentication.v1.AuthenticationService/Authenticate");
    let codes: Vec<_> = answers.iter().map(|span| attribute(span, "rpc.grpc.status_code").unwrap()).collect();
    assert_eq!(codes, ["0", "9"], "an answer, and FAILED_PRECONDITION");
    for span in answers {
        assert_eq!(span.kind(), SpanKind::Server);
        assert_eq!(attribute(span, "rpc.system").as_deref(), Some("grpc"));
        assert_eq!(attribute(span, "rpc.method").as_deref(), Some("Authenticate"));
        assert_eq!(attribute(span, "plinth.party").as_deref(), Some("bank"));
        assert_eq!(span.attributes.len(), 5, "{span:?}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let all = format!("{spans:?}");
    let digits = String::from_utf8(number.digits().to_vec()).unwrap();
    for secret in [digits.as_str(), "Asha", "Rao", "account opening", "station-1", "operator-1", "south"] {
        assert!(!all.contains(secret), "{secret} is in a span");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_keeps_nobody_waiting_for_an_answer() {
    let endpoint = {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        format!("http://{}", taken.local_addr().unwrap())
    };
    let mut world = World::with(|config| config.tracing.otlp_endpoint = Some(endpoint)).await;
    enrol(&world, "north").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_leave_this_machine_through_a_collector_on_it_only() {
    let mut world = World::new().await;
    let mut config = world.config.clone();
    config.tracing.otlp_endpoint = Some("http://192.0.2.7:4317".to_owned());
    assert!(config.check().unwrap_err().to_string().contains("tracing.otlp_endpoint"));
    world.stop().await;
}
