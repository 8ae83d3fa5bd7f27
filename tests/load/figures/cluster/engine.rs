//! What differs between the engines that hold the logs of channels: how a bare writer is started, and how large the
//! server's appends were.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use guildhall_tests::deployment::{keyspace, service};

use crate::baseline::{cassandra, postgres};
use crate::figure::{Spec, Target};
use crate::lab;
use crate::noise::median;
use crate::site::{Cluster, STORE_CONNECTIONS, Store};

/// Connections of each node to each node of Cassandra.
const CASSANDRA_CONNECTIONS: usize = 2;

/// An engine.
pub(crate) trait Engine {
    /// Which it is.
    const STORE: Store;
    /// The rows of `sends`.
    const SENDS: &'static [Spec];
    /// The rows of `hot`.
    const HOT: &'static [Spec];

    /// Rows of each of the newest appends.
    async fn sizes(cluster: &Cluster) -> Result<Vec<f64>>;

    /// The bare writer, with as many connections as all nodes together.
    fn writer(cluster: &Cluster) -> Result<Command>;

    /// The median of the newest appends, in rows.
    async fn batch(cluster: &Cluster) -> Result<usize> {
        Ok((median(&Self::sizes(cluster).await?).round() as usize).max(1))
    }

    /// Rows a second that the bare writer stores in as many channels, so many in a batch.
    fn bare_rate(cluster: &Cluster, batch: usize, duration: Duration) -> Result<f64> {
        let mut writer = Self::writer(cluster)?;
        writer.args(["--channels", &cluster.world.yard.len().to_string(), "--batch", &batch.to_string()]);
        lab::printed_rate(writer.args(["--seconds", &duration.as_secs_f64().to_string()]))
    }
}

/// Everything is in Postgres.
pub(crate) struct Postgres;

/// The logs of channels are in Cassandra.
pub(crate) struct Cassandra;

const ROWS: Spec =
    Spec { figure: "  rows of an append, median", unit: "rows", against: "the same", target: Target::None };
const ONE_NODE: &str = "the same through one node, whichever is best";

impl Engine for Postgres {
    const STORE: Store = Store::Postgres;
    const SENDS: &'static [Spec] = &[
        Spec {
            figure: "durable sends, Postgres, 64 channels x 16 senders, 3 nodes",
            unit: "sends/s",
            against: "sqlx, as many rows a transaction, same tables",
            target: Target::RatioAtLeast(0.6),
        },
        ROWS,
    ];
    const HOT: &'static [Spec] = &[Spec {
        figure: "one hot channel through three nodes, Postgres",
        unit: "sends/s",
        against: ONE_NODE,
        target: Target::RatioAtLeast(0.8),
    }];

    async fn sizes(cluster: &Cluster) -> Result<Vec<f64>> {
        postgres::sizes(&database(cluster)?, &cluster.world.yard).await
    }

    fn writer(cluster: &Cluster) -> Result<Command> {
        let mut command = lab::baseline("baseline-postgres");
        command.arg(database(cluster)?);
        command.args(["--connections", &(cluster.nodes() * STORE_CONNECTIONS).to_string()]);
        Ok(command)
    }
}

impl Engine for Cassandra {
    const STORE: Store = Store::Cassandra;
    const SENDS: &'static [Spec] = &[
        Spec {
            figure: "durable sends, Cassandra, 64 channels x 16 senders, 3 nodes",
            unit: "sends/s",
            against: "scylla, conditional batches of as many rows",
            target: Target::RatioAtLeast(0.7),
        },
        ROWS,
    ];
    const HOT: &'static [Spec] = &[Spec {
        figure: "one hot channel through three nodes, Cassandra",
        unit: "sends/s",
        against: ONE_NODE,
        target: Target::RatioAtLeast(0.8),
    }];

    async fn sizes(cluster: &Cluster) -> Result<Vec<f64>> {
        cassandra::sizes(&service("TEST_CQL"), &keyspace(), &cluster.world.yard).await
    }

    fn writer(cluster: &Cluster) -> Result<Command> {
        let mut command = lab::baseline("baseline-cassandra");
        command.arg(service("TEST_CQL")).arg(keyspace());
        command.args(["--connections", &(cluster.nodes() * CASSANDRA_CONNECTIONS).to_string()]);
        Ok(command)
    }
}

fn database(cluster: &Cluster) -> Result<String> {
    cluster.deployment.database_url().context("a cluster has a database")
}
