//! The edge: sockets, TLS, HTTP, and the layers that every call passes before a service sees it.
//!
//! What is decided in here is decided about connections and calls, never about guilds, channels or messages. The accept
//! loop is ours because only so can a connection be refused, timed and ended as design demands; tonic's server reaches
//! none of that.

mod admit;
mod answer;
mod auth;
mod caught;
mod connection;
mod files;
mod listener;
mod methods;
mod nodes;
mod operators;
mod peers;
mod progress;
mod ready;
mod side;
mod tls;
mod trace;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use guildhall_web_bridge::{Bridge, bridge};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tower::ServiceBuilder;

pub use files::raise_open_files;
pub use listener::{BindError, Listener};
pub use peers::PeerAddr;
pub use ready::Condition;
pub use side::SideEdge;
pub use tls::TlsError;
pub use trace::RequestId;

use crate::chat::Chat;
use crate::config::Settings;
use methods::Methods;
use ready::Readiness;

/// How long to wait for tasks whose connections are gone.
const ABORT_WAIT: Duration = Duration::from_secs(1);

/// The layers around every gRPC call, outermost first, one reason each.
fn stack(routes: Routes, chat: Arc<Chat>, admission: Arc<admit::Admission>) -> Router {
    let layers = ServiceBuilder::new()
        // Outermost, so that every answer has an id and every call a line in the log, refused ones included.
        .layer(from_fn_with_state(admission.clone(), trace::trace))
        // A handler that panics costs its caller an INTERNAL, not the connection with all its other calls.
        .layer(from_fn(caught::catch_panic))
        // Before any work is done: is there such a method, is the server going down, is there room for one more call?
        .layer(from_fn_with_state(admission.clone(), admit::admit))
        // Last, because it may ask the storage: who is it?
        .layer(from_fn_with_state(
            auth::Auth::new(chat, admission),
            auth::authenticate,
        ));
    routes.into_axum_router().fallback(answer::method_not_found).layer(layers).with_state(())
}

/// The running edge.
pub struct Edge {
    local_addr: SocketAddr,
    readiness: Readiness,
    tasks: TaskTracker,
    /// Cancelled: no new connections, and those that are there end when their calls have.
    stop: CancellationToken,
    /// Cancelled: connections are dropped.
    abort: CancellationToken,
}

impl Edge {
    /// Serves `routes` to whoever comes in through `listener`.
    ///
    /// # Errors
    /// If the contract that the server was built with cannot be served by reflection.
    pub async fn start(
        settings: &Settings,
        listener: Listener,
        routes: Routes,
        chat: Arc<Chat>,
    ) -> Result<Self, ReflectionError> {
        let (readiness, health) = ready::readiness().await;
        let mut routes = routes.add_service(health);
        if settings.reflection {
            routes = routes.add_service(reflection()?);
        }
        let methods = Methods::new(settings.reflection);
        let admission = admit::Admission::new(methods, settings.max_calls, readiness.clone());
        let bridge = bridge(
            stack(routes, chat, Arc::new(admission)),
            ready::pages(readiness.clone()),
            &settings.allowed_origins,
        );
        Ok(Self::run(listener, readiness, bridge))
    }

    fn run(listener: Listener, readiness: Readiness, bridge: Bridge) -> Self {
        let edge = Self {
            local_addr: listener.local_addr(),
            readiness,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let host = connection::Host::new(bridge, edge.tasks.clone(), &edge.stop, &edge.abort);
        edge.tasks.spawn(listener.accept_all(host));
        edge
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves operators who come in through `listener`, as long as this one does.
    pub fn for_operators(&self, listener: Listener) -> SideEdge {
        SideEdge::for_operators(listener, self.readiness.clone())
    }

    /// Whoever watches the node tells by this what it found.
    pub fn outlook(&self) -> Outlook {
        Outlook(self.readiness.clone())
    }

    /// Says "not ready" to all who ask, refuses new calls and accepts no new connections. Calls and streams go on.
    pub async fn refuse(&self) {
        self.readiness.drain().await;
        self.stop.cancel();
    }

    /// Waits until all connections have ended; they end when their calls have. For as long as that takes.
    pub async fn finish(&self) {
        self.stop.cancel();
        self.readiness.end_watches().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Drops all connections, and waits for the tasks to be gone.
    pub async fn abort(self) {
        self.abort.cancel();
        self.tasks.close();
        // A dropped connection takes its streams with it; a handler that computes may take a moment more.
        let _ = tokio::time::timeout(ABORT_WAIT, self.tasks.wait()).await;
    }
}

/// Tells the edge how the node is. A cheap handle.
#[derive(Clone)]
pub struct Outlook(Readiness);

impl Outlook {
    /// How it is now. To be called every second: without that the event loop is taken to be stuck.
    pub async fn tell(&self, condition: Condition) {
        self.0.see(condition).await;
    }
}

/// Why reflection cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("reflection cannot be served: {0}")]
pub struct ReflectionError(#[from] tonic_reflection::server::Error);

fn reflection() -> Result<
    tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>,
    ReflectionError,
> {
    Ok(tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(guildhall_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?)
}
