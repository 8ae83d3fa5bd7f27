//! One connection from its first byte to its last: handshake, HTTP, deadlines, end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::peers::{PeerAddr, Place};
use super::progress::{Progress, Watched};
use crate::limits::Peer;

/// How long a peer may take to begin: a TLS handshake, and after it the preface of HTTP/2 or the start of a request.
const BEGIN: Duration = Duration::from_secs(5);
/// How long a connection may be there without ever making a call.
const FIRST_CALL: Duration = Duration::from_secs(60);
/// How long the head of an HTTP/1.1 request may take, and an idle HTTP/1.1 connection may stay.
const HEADER: Duration = Duration::from_secs(15);
/// How long a peer that has made no call may take to go, once it is told to: HTTP/2 has it answer before its connection
/// ends, and one that does not would hold up the end of this server.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often a silent HTTP/2 peer is asked whether it lives, and how long it may think about it.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// Calls in flight on one connection; a client with more waits.
const STREAMS_MAX: u32 = 256;
/// Bytes that a stream may have waiting in this process; a reader that does not read holds no more than that.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that a connection of HTTP/1.1 may have waiting.
const HTTP1_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes of a request's headers.
const HEADERS_BYTES_MAX: u32 = 8 * 1024;
/// Streams that a peer may open and reset before the server has looked at them (rapid reset).
const PENDING_RESETS_MAX: usize = 20;
/// Resets that a peer may provoke on the server's side (MadeYouReset).
const LOCAL_RESETS_MAX: usize = 64;

/// What answers the requests. It is always ready, so a clone of it need not be asked.
pub(super) trait Site:
    Service<
        http::Request<Incoming>,
        Response = http::Response<axum::body::Body>,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl Site for guildhall_web_bridge::Bridge {}

impl Site for axum::Router {}

/// What all connections have in common. A cheap handle.
pub(super) struct Host<S>(Arc<Shared<S>>);

impl<S> Clone for Host<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<S> {
    site: S,
    http: auto::Builder<Tracked>,
    tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl<S: Site> Host<S> {
    pub(super) fn new(site: S, tasks: TaskTracker, stop: &CancellationToken, abort: &CancellationToken) -> Self {
        Self(Arc::new(Shared {
            site,
            http: http(Tracked(tasks.clone())),
            tasks,
            stop: stop.clone(),
            abort: abort.clone(),
        }))
    }

    /// Ends when no more connections are to be taken.
    pub(super) async fn stopped(&self) {
        tokio::select! {
            () = self.0.stop.cancelled() => (),
            () = self.0.abort.cancelled() => (),
        }
    }

    /// Serves a connection, in a task of its own.
    pub(super) fn spawn(&self, stream: TcpStream, peer: PeerAddr, place: Place, tls: Option<TlsAcceptor>) {
        let host = self.clone();
        self.0.tasks.spawn(async move {
            let _place = place;
            match tls {
                None => host.serve(stream, peer).await,
                Some(acceptor) => {
                    if let Some(stream) = host.handshake(acceptor, stream).await {
                        host.serve(stream, peer).await;
                    }
                }
            }
        });
    }

    async fn handshake(
        &self,
        acceptor: TlsAcceptor,
        stream: TcpStream,
    ) -> Option<Box<tokio_rustls::server::TlsStream<TcpStream>>> {
        tokio::select! {
            done = timeout(BEGIN, acceptor.accept(stream)) => match done {
                Ok(Ok(stream)) => Some(Box::new(stream)),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "TLS handshake failed");
                    None
                }
                Err(_) => None,
            },
            () = self.stopped() => None,
        }
    }

    async fn serve<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, io: I, peer: PeerAddr) {
        let progress = Arc::<Progress>::default();
        let service = Entrance { site: self.0.site.clone(), peer, progress: progress.clone() };
        let io = TokioIo::new(Watched::new(io, progress.clone()));
        let mut connection = pin!(self.0.http.serve_connection(io, service));
        let mut overdue = pin!(overdue(&progress));
        let mut farewell = pin!(sleep(FAREWELL));
        let (mut ending, mut proven) = (false, false);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "connection ended");
                    }
                    return;
                }
                () = self.0.abort.cancelled() => return,
                () = self.0.stop.cancelled(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                    farewell.as_mut().reset(Instant::now() + FAREWELL);
                }
                () = farewell.as_mut(), if ending && !progress.has_called() => return,
                what = overdue.as_mut(), if !proven => match what {
                    Overdue::Nothing => proven = true,
                    Overdue::Beginning => return,
                    Overdue::FirstCall => {
                        (ending, proven) = (true, true);
                        connection.as_mut().graceful_shutdown();
                        farewell.as_mut().reset(Instant::now() + FAREWELL);
                    }
                },
            }
        }
    }
}

/// What a connection is late with.
enum Overdue {
    Nothing,
    Beginning,
    FirstCall,
}

/// Waits until a connection is late with something, or has proven that it is in use. hyper waits for a preface for
/// ever, and its keepalive begins after it.
async fn overdue(progress: &Progress) -> Overdue {
    sleep(BEGIN).await;
    if !progress.has_spoken() {
        return Overdue::Beginning;
    }
    if !progress.has_called() {
        sleep(FIRST_CALL.saturating_sub(BEGIN)).await;
    }
    match progress.has_called() {
        true => Overdue::Nothing,
        false => Overdue::FirstCall,
    }
}

fn http(tasks: Tracked) -> auto::Builder<Tracked> {
    let mut http = auto::Builder::new(tasks);
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER).max_buf_size(HTTP1_BUFFER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .max_concurrent_streams(STREAMS_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(HEADERS_BYTES_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(LOCAL_RESETS_MAX);
    http
}

/// Runs the streams of HTTP/2 in tasks that the edge owns and waits for.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// Where the requests of one connection come in.
struct Entrance<S> {
    site: S,
    peer: PeerAddr,
    progress: Arc<Progress>,
}

impl<S: Site> hyper::service::Service<http::Request<Incoming>> for Entrance<S> {
    type Response = http::Response<axum::body::Body>;
    type Error = std::convert::Infallible;
    type Future = S::Future;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        self.progress.call();
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(Peer::from(self.peer.0.ip()));
        self.site.clone().call(request)
    }
}
