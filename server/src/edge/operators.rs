//! The port for operators: numbers and health in plain HTTP. It is a port of its own because a path on that of the clients
//! would be shown to whoever reaches them, through a proxy to the whole internet.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use super::ready::{self, Readiness};
use super::{Listener, SideEdge};
use crate::metrics;

impl SideEdge {
    pub(super) fn for_operators(listener: Listener, readiness: Readiness) -> Self {
        Self::serve(listener, Router::new().route("/metrics", get(numbers)).merge(ready::pages(readiness)))
    }
}

async fn numbers() -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::METRICS.render())
}
