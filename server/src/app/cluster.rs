//! What a node among others has beside its own callers: the others, the bus between them, and what they changed.
//!
//! All of it is absent in one process alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::StartError;
use crate::chat::Chat;
use crate::config::Settings;
use crate::edge::{Listener, SideEdge};
use crate::fanout::Hub;
use crate::fanout::relay::postgres::{PostgresBus, PostgresRecords};
use crate::fanout::relay::{self, Health, Relay, redis};
use crate::nodes::{Membership, Nodes, Options};
use crate::rpc;
use crate::session::Sessions;
use crate::store::postgres::{self, Postgres};

/// How long calls of other nodes may take to end when this one goes down.
const FINISH: Duration = Duration::from_secs(2);

/// The port for other nodes and this node's name among them, before anybody is told.
pub(super) struct Place {
    listener: Listener,
    pub(super) nodes: Nodes,
}

/// This node among others.
pub(super) struct Cluster {
    relay: Relay,
    notices: JoinHandle<()>,
    edge: Option<SideEdge>,
    membership: Option<Membership>,
}

impl Place {
    /// Takes the port, if the settings name one.
    ///
    /// # Errors
    /// The port cannot be taken.
    pub(super) fn take(settings: &Settings, postgres: &Postgres) -> Result<Option<Self>, StartError> {
        let (Some(addr), Some(secret)) = (settings.node_listen, &settings.cluster_secret) else {
            tracing::warn!(
                "node_listen and cluster_secret are not set: commands are committed where they arrive, and a browser must \
                 always reach the same node"
            );
            return Ok(None);
        };
        if addr.ip().is_unspecified() && settings.node_address.is_none() {
            let why = "node_listen is every address of the machine: say in node_address by which one others reach it";
            return Err(StartError::Settings(vec![why.to_owned()]));
        }
        let listener = Listener::bind_beside(addr)?;
        let options = Options {
            address: address(settings, listener.local_addr()),
            secret: secret.reveal().to_owned(),
            registry: Arc::new(postgres::nodes::Nodes::new(postgres.pool().clone())),
        };
        Ok(Some(Self { listener, nodes: Nodes::new(options) }))
    }
}

/// Where the others reach this node.
fn address(settings: &Settings, local: SocketAddr) -> String {
    settings.node_address.clone().unwrap_or_else(|| local.to_string())
}

impl Cluster {
    /// Joins the others. From here on calls of clients may be served.
    ///
    /// # Errors
    /// The address of the bus cannot be read; the database does not answer any more.
    pub(super) async fn join(
        settings: &Settings,
        postgres: &Postgres,
        place: Option<Place>,
        (chat, hub, sessions): (Arc<Chat>, Arc<Hub>, Sessions),
    ) -> Result<Self, StartError> {
        let node = place.as_ref().map_or_else(rand::random, |place| place.nodes.id());
        let relay = Relay::start(parts(settings, postgres, node, (chat.clone(), hub, &sessions))?);
        let listened = chat.clone();
        let notices = tokio::spawn(async move { listened.take_notices().await });
        let (edge, membership) = match place {
            Some(Place { listener, nodes }) => {
                chat.sequencer().set_router(Arc::new(nodes.clone()));
                let (pulse, here) = (postgres.pulse(), sessions.clone());
                let reach = move || pulse.breaker().silent_for().is_none() && here.are_welcome();
                let routes = rpc::node_routes(chat, sessions.clone(), Box::new(reach));
                let edge = SideEdge::for_nodes(listener, routes, nodes.key().clone());
                tracing::info!(addr = %edge.local_addr(), "serves other nodes");
                let membership = nodes.join(move || sessions.count()).await.map_err(crate::chat::Error::from)?;
                (Some(edge), Some(membership))
            }
            None => (None, None),
        };
        Ok(Self { relay, notices, edge, membership })
    }

    /// Tells how the bus does.
    pub(super) fn relay(&self) -> impl Fn() -> Option<Health> + Send + Sync + use<> {
        self.relay.watch()
    }

    /// Takes this node off the list: the others hand nothing over to it any more. It still answers them.
    pub(super) async fn leave(&mut self) {
        if let Some(membership) = self.membership.take() {
            membership.leave().await;
        }
    }

    /// Ends it, after the last session.
    pub(super) async fn close(self) {
        self.relay.close().await;
        self.notices.abort();
        if let Some(edge) = self.edge {
            let _ = timeout(FINISH, edge.finish()).await;
            edge.abort().await;
        }
    }
}

fn parts(
    settings: &Settings,
    postgres: &Postgres,
    node: u64,
    (chat, hub, sessions): (Arc<Chat>, Arc<Hub>, &Sessions),
) -> Result<relay::Parts, StartError> {
    let presences = sessions.presences();
    let limited = chat.clone();
    let parts = |bus, records| relay::Parts { node, hub, presences, logs: chat, bus, records };
    Ok(match &settings.relay {
        Some(address) => {
            let (bus, records) = redis::open(address.0.reveal()).map_err(StartError::Relay)?;
            limited.limits().share(Arc::new(records.ledger()));
            parts(Box::new(bus), Arc::new(records))
        }
        None => {
            let bus = PostgresBus::new(postgres.notify());
            let records = PostgresRecords::new(postgres.presences());
            parts(Box::new(bus), Arc::new(records))
        }
    })
}
