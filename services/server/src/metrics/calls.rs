//! Watches calls where they enter and leave the service: one layer around all methods, so that none can forget to.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use plinth_identity::party::Party;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::methods::Method;
use super::parties::{PartyCounts, REFUSED};
use super::{Metrics, Stopwatch};
use crate::traces::{Span, Tracer};

/// Puts counts, and spans if they are wanted, around a router.
#[derive(Clone)]
pub(crate) struct WatchCalls {
    /// Where calls are counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where spans begin, if anybody wants them.
    pub(crate) tracer: Option<Tracer>,
}

/// One call, or one request of a stream. It travels with the request as far as the gate, which knows who signed it.
#[derive(Clone)]
pub(crate) struct Call(Arc<Subject>);

struct Subject {
    method: Arc<Method>,
    signer: OnceLock<Arc<PartyCounts>>,
}

impl Call {
    pub(super) fn new(method: Arc<Method>) -> Self {
        Self(Arc::new(Subject { method, signer: OnceLock::new() }))
    }

    /// One of the requests that this call carries: each may have another signer.
    pub(crate) fn message(&self) -> Self {
        Self::new(Arc::clone(&self.0.method))
    }

    fn signer(&self) -> Option<&PartyCounts> {
        self.0.signer.get().map(Arc::as_ref)
    }

    /// Counts, for whoever signed, that it was answered with this code after so long.
    fn answered(&self, code: Code, elapsed: Duration) {
        let Some(signer) = self.signer() else { return };
        if !matches!(code, Code::Ok | Code::Cancelled) {
            signer.answered(REFUSED);
        }
        if self.0.method.by_party {
            signer.took(elapsed);
        }
    }
}

impl Metrics {
    /// A signature was found good: counts the request as the party's, and so its refusal if there will be one.
    pub(crate) fn signed(&self, call: Option<&Call>, party: &Party) {
        let counts = self.parties.of(party.kind, &party.id);
        counts.asked();
        if let Some(call) = call {
            // A request has one signature; should it ever be asked for twice, the first was counted.
            let _ = call.0.signer.set(counts);
        }
    }

    /// One request of a stream was answered.
    pub(crate) fn message(&self, call: &Call, code: Code, stopwatch: &Stopwatch) {
        let elapsed = stopwatch.elapsed();
        call.0.method.message(code, elapsed);
        call.answered(code, elapsed);
    }
}

impl<S> Layer<S> for WatchCalls {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { inner, watch: self.clone() }
    }
}

/// A service whose calls are watched.
#[derive(Clone)]
pub(crate) struct Watched<S> {
    inner: S,
    watch: WatchCalls,
}

impl<S, B, R> Service<Request<B>> for Watched<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let underway = Underway::begin(&self.watch, request.uri().path());
        request.extensions_mut().insert(underway.call.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            // A call that fails before its first message carries its status in the head (gRPC's "trailers-only").
            underway.end(Status::from_header_map(answer.headers()).as_ref());
            Ok(answer)
        })
    }
}

/// A call in hand. Whoever goes away drops it, and it is counted as cancelled.
struct Underway {
    metrics: Arc<Metrics>,
    call: Call,
    since: Stopwatch,
    span: Option<Span>,
    code: Code,
}

impl Underway {
    fn begin(watch: &WatchCalls, path: &str) -> Self {
        let method = watch.metrics.methods.at(path);
        Self {
            metrics: Arc::clone(&watch.metrics),
            call: Call::new(Arc::clone(method)),
            since: Stopwatch::start(),
            span: watch.tracer.as_ref().map(|tracer| tracer.begin(&method.name)),
            code: Code::Cancelled,
        }
    }

    fn end(mut self, status: Option<&Status>) {
        self.code = status.map_or(Code::Ok, Status::code);
        if let Some(status) = status {
            self.metrics.refused(status);
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let elapsed = self.since.elapsed();
        self.call.0.method.called(self.code, elapsed);
        self.call.answered(self.code, elapsed);
        if let Some(span) = self.span.take() {
            span.end(self.code, self.call.signer().map(|signer| signer.id.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};

    use plinth_identity::id::PartyId;
    use plinth_identity::party::PartyKind;
    use plinth_identity::reason::Reason;
    use plinth_proto::status::Refusal;
    use tower::service_fn;

    use super::*;

    const AUTHENTICATE: &str = "/plinth.authentication.v1.AuthenticationService/Authenticate";

    fn request() -> Request<()> {
        Request::builder().uri(AUTHENTICATE).body(()).unwrap()
    }

    /// A service whose gate finds that a bank has signed, and which then answers.
    fn signed_by_bank(
        metrics: Arc<Metrics>,
        answer: fn() -> Response<()>,
    ) -> impl Service<
        Request<()>,
        Response = Response<()>,
        Error = Infallible,
        Future = Ready<Result<Response<()>, Infallible>>,
    > {
        service_fn(move |request: Request<()>| {
            let call = request.extensions().get::<Call>().unwrap();
            let bank = metrics.parties.of(PartyKind::RelyingParty, &PartyId::parse("bank").unwrap());
            bank.asked();
            assert!(call.0.signer.set(bank).is_ok(), "one signature");
            ready(Ok(answer()))
        })
    }

    fn assert_lines(metrics: &Metrics, lines: &[&str]) {
        let page = metrics.page(plinth_identity::time::Timestamp::from_millis(0), None).unwrap();
        for line in lines {
            assert!(page.lines().any(|found| found == *line), "{line}\n{page}");
        }
    }

    #[tokio::test]
    async fn a_call_is_counted_with_its_code_and_its_signer() {
        let metrics = Arc::new(Metrics::new());
        let watch = WatchCalls { metrics: Arc::clone(&metrics), tracer: None };
        let refusal: fn() -> Response<()> = || Status::from(Refusal::from(Reason::Expired)).into_http();
        for answer in [|| Response::new(()), refusal] {
            watch.layer(signed_by_bank(Arc::clone(&metrics), answer)).call(request()).await.unwrap();
        }
        assert_lines(
            &metrics,
            &[
                "plinth_calls_total{method=\"plinth.authentication.v1.AuthenticationService/Authenticate\",code=\"OK\"} 1",
                "plinth_refusals_total{reason=\"EXPIRED\"} 1",
                "plinth_party_requests_total{kind=\"relying_party\",party=\"bank\"} 2",
                "plinth_party_answers_total{kind=\"relying_party\",party=\"bank\",answer=\"refused\"} 1",
                "plinth_party_authentication_seconds_count{party=\"bank\"} 2",
            ],
        );
    }

    #[tokio::test]
    async fn whoever_goes_away_before_the_answer_is_counted_as_cancelled() {
        let metrics = Arc::new(Metrics::new());
        let watch = WatchCalls { metrics: Arc::clone(&metrics), tracer: None };
        let silent = service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, Infallible>>());
        drop(watch.layer(silent).call(request()));
        let line = "plinth_calls_total{method=\"plinth.authentication.v1.AuthenticationService/Authenticate\",code=\"CANCELLED\"} 1";
        assert_lines(&metrics, &[line]);
    }
}
