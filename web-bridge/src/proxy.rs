//! gRPC-web in front of any gRPC server: a pool of HTTP/2 connections behind the bridge. Bytes pass as they are.
//!
//! When a client goes away its request is dropped here, and that resets the stream at the upstream.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Uri};
use http_body::{Body as HttpBody, Frame};
use tonic::body::Body;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};
use tower::{BoxError, Service, ServiceExt};

use crate::{Bridge, Origin, bridge};

/// How long a connection to the upstream may take before the call is answered UNAVAILABLE.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an idle upstream connection is asked whether it lives, and how long it may think about it.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// What stands behind the bridge.
pub struct Proxy {
    /// The gRPC server: `http://host:port` (HTTP/2 without TLS) or `https://host:port`.
    pub upstream: Uri,
    /// PEM certificates to trust instead of the well-known ones.
    pub upstream_ca: Option<Vec<u8>>,
    /// How many HTTP/2 connections to hold. Many servers allow some 100 to 250 streams on each, and a stream over the
    /// limit waits without a word.
    pub connections: usize,
}

/// Why a proxy cannot be made.
#[derive(Debug)]
pub struct ProxyError(tonic::transport::Error);

impl std::fmt::Display for ProxyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the upstream cannot be used: {}", self.0)
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Proxy {
    /// The bridge in front of this upstream. It connects when the first call comes, and again when a connection breaks.
    ///
    /// # Errors
    /// If the URL or the certificates are of no use.
    pub fn into_bridge(self, origins: &[Origin]) -> Result<Bridge, ProxyError> {
        let plain = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/", get(|| async { "guildhall-web-bridge: gRPC-web and gRPC in, gRPC out\n" }));
        let pool = self.pool().map_err(ProxyError)?;
        Ok(bridge(Router::new().fallback_service(pool), plain, origins))
    }

    fn pool(self) -> Result<Pool, tonic::transport::Error> {
        let tls = self.upstream.scheme_str() == Some("https");
        let mut endpoint = Endpoint::from(self.upstream)
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE.0)
            .keep_alive_timeout(KEEPALIVE.1)
            .tcp_nodelay(true);
        if tls {
            endpoint = endpoint.tls_config(match self.upstream_ca {
                Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
                None => ClientTlsConfig::new().with_webpki_roots(),
            })?;
        }
        Ok(Pool {
            channels: (0..self.connections.max(1)).map(|_| endpoint.connect_lazy()).collect(),
            next: Arc::default(),
        })
    }
}

/// Connections to one upstream, used in turn.
#[derive(Clone)]
struct Pool {
    channels: Arc<[Channel]>,
    next: Arc<AtomicUsize>,
}

impl Service<Request<axum::body::Body>> for Pool {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<axum::body::Body>) -> Self::Future {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.channels.len();
        let channel = self.channels[turn].clone();
        // The upstream's name is the endpoint's, not the one that the browser used.
        request.headers_mut().remove(HOST);
        let request = request.map(|body| Body::new(Unsized(body)));
        Box::pin(async move {
            Ok(match channel.oneshot(request).await {
                Ok(response) => response,
                Err(error) => refusal(error.into()),
            })
        })
    }
}

/// The answer when the upstream gave none.
fn refusal(error: BoxError) -> Response<Body> {
    tracing::warn!(error = %chain(&*error), "upstream gave no answer");
    let status = Status::from_error(error);
    match status.code() {
        Code::Cancelled | Code::DeadlineExceeded | Code::ResourceExhausted => status,
        _ => Status::unavailable("the bridge's upstream does not answer"),
    }
    .into_http()
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

/// A body of unknown length. A base64 (`grpc-web-text`) body with a content-length keeps the length of its encoded form
/// in tonic-web's size hint; sent on as HTTP/2 it would be a content-length that does not match, a protocol error.
struct Unsized<B>(B);

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Unsized<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}
