//! A port beside that of the clients: for other nodes, or for operators. Nobody is logged in here; who may come is decided
//! by the network, and by what the routes ask for.

use std::net::SocketAddr;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Host;
use super::{ABORT_WAIT, Listener};

/// What is served there.
pub struct SideEdge {
    local_addr: SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl SideEdge {
    pub(super) fn serve(listener: Listener, site: Router) -> Self {
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
