//! How the driver is set up, and questions that only one node can answer.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::cluster::Node;
use scylla::errors::{ExecutionError, NewSessionError};
use scylla::policies::load_balancing::{
    DefaultPolicy, LoadBalancingPolicy, NodeIdentifier, SingleTargetLoadBalancingPolicy,
};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::QueryResult;
use scylla::statement::unprepared::Statement;
use scylla::statement::{Consistency, SerialConsistency};
use secrecy::ExposeSecret;

use super::failure::{self, OpenError};
use super::{Level, Options};

/// A little more than the nodes give themselves (a write 2 s, a contended one 1.8 s).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter ones broke healthy connections to busy nodes.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Schema changes take long on a busy cluster.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests of one connection are answered by one thread of the node; beyond a few, more connections are no help.
const CONNECTIONS_PER_NODE: NonZeroUsize = NonZeroUsize::new(2).unwrap();

impl Level {
    /// For reads and writes.
    pub(super) fn consistency(self) -> Consistency {
        match self {
            Self::Quorum => Consistency::Quorum,
            Self::LocalQuorum => Consistency::LocalQuorum,
        }
    }

    /// For the compare-and-set.
    fn serial(self) -> SerialConsistency {
        match self {
            Self::Quorum => SerialConsistency::Serial,
            Self::LocalQuorum => SerialConsistency::LocalSerial,
        }
    }

    /// For a read that finishes what is in flight.
    pub(super) fn serial_read(self) -> Consistency {
        match self {
            Self::Quorum => Consistency::Serial,
            Self::LocalQuorum => Consistency::LocalSerial,
        }
    }

    /// Its name in Cassandra.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Quorum => "QUORUM",
            Self::LocalQuorum => "LOCAL_QUORUM",
        }
    }
}

/// Connects. Nodes that do not answer are tried again in the background, for ever.
pub(super) async fn session(options: &Options) -> Result<Session, OpenError> {
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.nodes)
        .default_execution_profile_handle(profile(options).into_handle())
        .pool_size(PoolSize::PerHost(CONNECTIONS_PER_NODE))
        .connection_timeout(CONNECT_TIMEOUT)
        .keepalive_interval(KEEPALIVE)
        .keepalive_timeout(KEEPALIVE_TIMEOUT)
        .schema_agreement_timeout(SCHEMA_TIMEOUT)
        .keyspaces_to_fetch([&options.keyspace]);
    if let Some((user, password)) = &options.login {
        builder = builder.user(user, password.expose_secret());
    }
    builder.build().await.map_err(|source| unreachable(options, source))
}

fn unreachable(options: &Options, source: NewSessionError) -> OpenError {
    let nodes = options.nodes.join(", ");
    if failure::is_about_login(&source) {
        return OpenError::Refused { nodes, source: source.into() };
    }
    match source {
        NewSessionError::IllegalConfig(_) | NewSessionError::EmptyKnownNodesList => {
            OpenError::Database { keyspace: options.keyspace.clone(), source: source.into() }
        }
        source => OpenError::Unreachable { nodes, source: source.into() },
    }
}

/// Nothing is sent twice, and nothing to two nodes: what became of a write is found out by the engine, which knows what
/// to look for. The appends of a channel go to one replica, or they would overtake each other's ballots.
fn profile(options: &Options) -> ExecutionProfile {
    ExecutionProfile::builder()
        .consistency(options.consistency.consistency())
        .serial_consistency(Some(options.consistency.serial()))
        .request_timeout(Some(REQUEST_TIMEOUT))
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .speculative_execution_policy(None)
        .load_balancing_policy(balancing(options))
        .build()
}

fn balancing(options: &Options) -> Arc<dyn LoadBalancingPolicy> {
    let policy = DefaultPolicy::builder().enable_shuffling_replicas(false);
    match &options.datacenter {
        Some(name) => policy.prefer_datacenter(name.clone()).permit_dc_failover(options.consistency == Level::Quorum),
        None => policy,
    }
    .build()
}

/// Asks one node, and no other.
pub(super) async fn ask(session: &Session, node: &Arc<Node>, text: String) -> Result<QueryResult, ExecutionError> {
    let mut statement = Statement::new(text);
    let target = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::Node(Arc::clone(node)), None);
    statement.set_load_balancing_policy(Some(target));
    statement.set_consistency(Consistency::One);
    session.query_unpaged(statement, ()).await
}

/// A node's address.
pub(super) fn address(node: &Node) -> String {
    format!("{}:{}", node.address.ip(), node.address.port())
}
