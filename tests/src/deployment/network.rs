//! Proxies between a node and what it stands on, so that its network can be bad while that of others is not.

use std::net::IpAddr;

use super::Kind;
use super::kind::{host, service};
use crate::ports::free_port;
use crate::proxy::Proxy;

/// The network of one node.
#[derive(Debug)]
pub struct Network {
    /// Before Postgres.
    pub postgres: Proxy,
    /// Before Redis, if the deployment has it.
    pub redis: Option<Proxy>,
    /// Before the nodes of Cassandra, if the deployment has it.
    pub cassandra: Vec<Proxy>,
}

impl Network {
    pub(super) async fn start(kind: Kind) -> Self {
        let postgres = Proxy::start(host(&service("TEST_PG_URL"))).await;
        let mut network = Self { postgres, redis: None, cassandra: Vec::new() };
        if kind == Kind::Cluster {
            network.redis = Some(Proxy::start(host(&service("TEST_REDIS_URL"))).await);
            network.cassandra = cassandra().await;
        }
        network
    }

    pub(super) fn cassandra_address(&self) -> String {
        self.cassandra.iter().map(Proxy::address).collect::<Vec<_>>().join(",")
    }
}

/// A driver that knows one node looks for the others at the addresses that this one tells, and at the port by which it
/// reached it. So each proxy listens at its node's address, all at one port, and nothing goes past them.
async fn cassandra() -> Vec<Proxy> {
    let (nodes, port) = (service("TEST_CQL"), free_port());
    let mut proxies = Vec::new();
    for node in nodes.split(',') {
        let address: IpAddr = node.split(':').next().and_then(|address| address.parse().ok()).expect("an address");
        proxies.push(Proxy::start_at((address, port).into(), node).await);
    }
    proxies
}
