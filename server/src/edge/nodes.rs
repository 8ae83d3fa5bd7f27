//! The edge towards other nodes: a port of its own, and nobody gets past it without the key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use http::header::AUTHORIZATION;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::service::Routes;
use tower::ServiceBuilder;

use super::connection::Host;
use super::{ABORT_WAIT, Listener, answer, caught};
use crate::nodes::Key;

/// How long a call may take. Whoever asks has stopped waiting before.
const CALL: Duration = Duration::from_secs(15);

/// The running edge towards other nodes.
pub struct NodeEdge {
    local_addr: SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl NodeEdge {
    /// Serves `routes` to those who come in through `listener` and have the key.
    pub fn start(listener: Listener, routes: Routes, key: Key) -> Self {
        let layers = ServiceBuilder::new()
            .layer(from_fn(caught::catch_panic))
            // Before anything else is said, even that there is no such method.
            .layer(from_fn_with_state(Arc::new(key), open))
            .layer(from_fn(bounded));
        let site = routes.into_axum_router().fallback(answer::method_not_found).layer(layers).with_state(());
        let edge = Self {
            local_addr: listener.local_addr(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let host = Host::new(site, edge.tasks.clone(), &edge.stop, &edge.abort);
        edge.tasks.spawn(listener.accept_all(host));
        edge
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Accepts no new connections and waits until those that are there have ended; they end when their calls have.
    pub async fn finish(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Drops all connections, and waits for the tasks to be gone.
    pub async fn abort(self) {
        self.abort.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(ABORT_WAIT, self.tasks.wait()).await;
    }
}

/// Lets nodes through.
async fn open(State(key): State<Arc<Key>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown.is_some_and(|shown| key.opens(shown)) {
        return next.run(request).await;
    }
    tracing::warn!("a call to the port of nodes without their key was refused");
    answer::refuse_unread(request, Status::unauthenticated("this port is for nodes of this cluster")).await
}

/// Ends a call that takes too long. What it has queued is done all the same.
async fn bounded(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(CALL, next.run(request)).await;
    answered.unwrap_or_else(|_| answer::refuse(Status::deadline_exceeded("it took too long")))
}
