//! The page that a collector of metrics fetches: HTTP/1.1, `GET /metrics`, nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Metrics;
use crate::ServeError;
use crate::clock::Clock;
use crate::core::Door;

/// Connections served at once; the next one waits to be accepted.
const CONNECTIONS: usize = 4;

/// How long a client may take over its request's head.
const HEAD: Duration = Duration::from_secs(5);

/// How long a connection may last in all, answer included.
const WHOLE: Duration = Duration::from_secs(10);

/// How long the listener rests when the system has no connection to give, out of descriptors for instance.
const REST: Duration = Duration::from_millis(100);

/// The type of the page, as the OpenMetrics specification names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A bound listener for collectors of metrics.
pub(crate) struct MetricsPage {
    socket: TcpListener,
    /// The address that was bound.
    pub(crate) address: SocketAddr,
    sight: Sight,
}

/// What a page is made from.
#[derive(Clone)]
struct Sight {
    metrics: Arc<Metrics>,
    door: Door,
    clock: Arc<dyn Clock>,
}

impl MetricsPage {
    pub(crate) async fn bind(
        address: SocketAddr,
        metrics: Arc<Metrics>,
        door: Door,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, sight: Sight { metrics, door, clock } })
    }

    /// Serves until `stop` is cancelled. Connections that are open then are cut: a collector asks again.
    pub(crate) async fn serve(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "the metrics listener could not accept a connection");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let (sight, stop) = (self.sight.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = tokio::time::timeout(WHOLE, serve_one(stream, sight)) => {}
                }
                drop(place);
            });
        }
    }
}

async fn serve_one(stream: TcpStream, sight: Sight) {
    let service = service_fn(|request| {
        let answer = sight.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        // The smallest that hyper knows: a request for this page fits many times over.
        .max_buf_size(8 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        debug!(%error, "a collector of metrics went away");
    }
}

impl Sight {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/metrics" {
            return plain(StatusCode::NOT_FOUND, "the only page here is /metrics\n");
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read\n");
            answer.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let core = self.door.core().ok();
        match self.metrics.page(self.clock.now(), core.as_deref()) {
            Ok(page) => {
                let mut answer = Response::new(Full::from(page));
                let headers = answer.headers_mut();
                headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(OPEN_METRICS));
                headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
                answer
            }
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written\n"),
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer
}
