//! Counts refusals where they leave the service: one layer around all methods, so that none can forget to.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::Status;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use super::Metrics;

/// Puts a count of refusals around a router.
#[derive(Clone)]
pub(crate) struct CountRefusals(pub(crate) Arc<Metrics>);

impl<S> Layer<S> for CountRefusals {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: Arc::clone(&self.0) }
    }
}

/// A service whose refusals are counted.
#[derive(Clone)]
pub(crate) struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, B, R> Service<Request<B>> for Counted<S>
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

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (answer, metrics) = (self.inner.call(request), Arc::clone(&self.metrics));
        Box::pin(async move {
            let answer = answer.await?;
            // A call that fails before its first message carries its status in the head (gRPC's "trailers-only").
            if let Some(status) = Status::from_header_map(answer.headers()) {
                metrics.refused(&status);
            }
            Ok(answer)
        })
    }
}
