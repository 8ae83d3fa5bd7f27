//! The edge towards other nodes: a port of its own, and nobody gets past it without the key.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use http::header::AUTHORIZATION;
use tonic::Status;
use tonic::service::Routes;
use tower::ServiceBuilder;

use super::{Listener, SideEdge, answer, caught};
use crate::nodes::Key;

/// How long a call may take. Whoever asks has stopped waiting before.
const CALL: Duration = Duration::from_secs(15);

impl SideEdge {
    /// Serves `routes` to those who come in through `listener` and have the key.
    pub fn for_nodes(listener: Listener, routes: Routes, key: Key) -> Self {
        let layers = ServiceBuilder::new()
            .layer(from_fn(caught::catch_panic))
            // Before anything else is said, even that there is no such method.
            .layer(from_fn_with_state(Arc::new(key), open))
            .layer(from_fn(bounded));
        let site = routes.into_axum_router().fallback(answer::method_not_found).layer(layers).with_state(());
        Self::serve(listener, site)
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
