//! Health: whether the process lives, and whether it wants calls. One switch, read by the health service, by `/readyz`
//! and by the layer that admits calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use super::methods::Methods;
use crate::metrics::METRICS;

/// What a person sees who opens the address in a browser.
const ABOUT: &str = "This is Guildhall, a chat server that speaks gRPC and gRPC-web.\n\
    Use the `guildhall` command or one of the SDKs. Health: /healthz, /readyz, grpc.health.v1.Health\n";

/// The time after which an event loop that has not turned is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// The switch. A cheap handle.
#[derive(Clone)]
pub(super) struct Readiness {
    state: Arc<State>,
    reporter: HealthReporter,
}

struct State {
    draining: AtomicBool,
    seen: Mutex<Seen>,
}

struct Seen {
    /// When it was last looked.
    at: Instant,
    condition: Condition,
}

/// How this node is, as whoever watches it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Why it should get no calls though others should; `None`: it should.
    pub unfit: Option<&'static str>,
    /// What it stands on, by name, and whether that answers. Shown, and no reason to take it out: others may stand on
    /// the same.
    pub dependencies: Vec<(&'static str, bool)>,
}

/// A server that is ready, and the health service that says so.
pub(super) async fn readiness() -> (Readiness, HealthServer<impl Health>) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let seen = Seen { at: Instant::now(), condition: Condition::default() };
    let state = Arc::new(State { draining: AtomicBool::new(false), seen: Mutex::new(seen) });
    let readiness = Readiness { state, reporter };
    readiness.report(ServingStatus::Serving).await;
    (readiness, service)
}

impl Readiness {
    /// Whether the server is going down.
    pub(super) fn is_draining(&self) -> bool {
        self.state.draining.load(Ordering::Relaxed)
    }

    /// From now on, the server is going down.
    pub(super) async fn drain(&self) {
        self.state.draining.store(true, Ordering::Relaxed);
        METRICS.ready.set(0);
        self.report(ServingStatus::NotServing).await;
    }

    /// Takes note of how the node is now. To be called every second; without that the event loop is taken to be stuck.
    pub(super) async fn see(&self, condition: Condition) {
        let before = {
            let mut seen = self.state.seen.lock();
            seen.at = Instant::now();
            std::mem::replace(&mut seen.condition, condition.clone())
        };
        for (name, up) in &condition.dependencies {
            if before.dependencies.iter().find(|(known, _)| known == name).is_none_or(|(_, known)| known != up) {
                self.reporter.set_service_status(*name, serving(*up)).await;
            }
        }
        if self.is_draining() {
            return;
        }
        METRICS.ready.set(condition.unfit.is_none().into());
        if before.unfit != condition.unfit {
            self.report(serving(condition.unfit.is_none())).await;
        }
    }

    /// Why there should be no calls; `None`: there should.
    fn objection(&self) -> Option<&'static str> {
        if self.is_draining() {
            return Some("draining");
        }
        let seen = self.state.seen.lock();
        if seen.at.elapsed() > STUCK_AFTER {
            return Some("the event loop is stuck");
        }
        seen.condition.unfit
    }

    /// Ends the streams of those who watch the health: they have heard that it is over, and would hold their connections.
    pub(super) async fn end_watches(&self) {
        let mut reporter = self.reporter.clone();
        let dependencies = self.state.seen.lock().condition.dependencies.clone();
        for name in names().chain(dependencies.iter().map(|(name, _)| (*name).to_owned())) {
            reporter.clear_service_status(&name).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        for name in names() {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

fn serving(yes: bool) -> ServingStatus {
    if yes { ServingStatus::Serving } else { ServingStatus::NotServing }
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

async fn readyz(extract::State(readiness): extract::State<Readiness>) -> impl IntoResponse {
    match readiness.objection() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_this_node_alone_has_makes_it_unready_and_what_all_share_does_not() {
        let (readiness, _service) = readiness().await;
        let see = async |unfit, up| readiness.see(Condition { unfit, dependencies: vec![("database", up)] }).await;
        see(None, false).await;
        assert_eq!(readiness.objection(), None);
        see(Some("cut off"), false).await;
        assert_eq!(readiness.objection(), Some("cut off"));
        see(None, true).await;
        assert_eq!(readiness.objection(), None);
        tokio::time::advance(STUCK_AFTER * 2).await;
        assert_eq!(readiness.objection(), Some("the event loop is stuck"));
        see(None, true).await;
        assert_eq!(readiness.objection(), None);
        readiness.drain().await;
        see(None, true).await;
        assert_eq!(readiness.objection(), Some("draining"));
    }
}
