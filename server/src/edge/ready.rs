//! Health: whether the process lives, and whether it wants calls. One switch, read by the health service, by `/readyz`
//! and by the layer that admits calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use super::methods::Methods;

/// What a person sees who opens the address in a browser.
const ABOUT: &str = "This is Guildhall, a chat server that speaks gRPC and gRPC-web.\n\
    Use the `guildhall` command or one of the SDKs. Health: /healthz, /readyz, grpc.health.v1.Health\n";

/// The switch. A cheap handle.
#[derive(Clone)]
pub(super) struct Readiness {
    draining: Arc<AtomicBool>,
    reporter: HealthReporter,
}

/// A server that is ready, and the health service that says so.
pub(super) async fn readiness() -> (Readiness, HealthServer<impl Health>) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let readiness = Readiness { draining: Arc::default(), reporter };
    readiness.report(ServingStatus::Serving).await;
    (readiness, service)
}

impl Readiness {
    /// Whether the server is going down.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on, the server is going down.
    pub(super) async fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.report(ServingStatus::NotServing).await;
    }

    /// Ends the streams of those who watch the health: they have heard that it is over, and would hold their connections.
    pub(super) async fn end_watches(&self) {
        let mut reporter = self.reporter.clone();
        for name in names() {
            reporter.clear_service_status(&name).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for name in names() {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

/// The whole server, which is the empty name, and each service.
fn names() -> impl Iterator<Item = String> {
    std::iter::once(String::new()).chain(Methods::services())
}

/// The plain HTTP pages.
pub(super) fn pages(readiness: Readiness) -> Router {
    Router::new()
        .route("/", get(|| async { ABOUT }))
        // That it answers at all is the answer.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
        .with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    match readiness.is_draining() {
        false => (StatusCode::OK, "ready\n"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}
