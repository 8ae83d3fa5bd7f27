//! Where the cluster's benchmarks happen: deployments of three nodes over real engines, each in its release build, with
//! accounts, guilds and channels of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use guildhall_tests::Deployment;
use guildhall_tests::deployment::{Kind, service};
use tempfile::TempDir;

use crate::child::{self, Child, cpu_of};
use crate::lab::directory;
use crate::world::World;

/// Connections of each node to Postgres: what a server has by default.
pub(crate) const STORE_CONNECTIONS: usize = 16;

/// What a run has at hand.
pub(crate) struct Site {
    /// Whether everything is to be short.
    pub(crate) quick: bool,
    room: TempDir,
}

/// Where the logs of channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// In Postgres, as everything else.
    Postgres,
    /// In Cassandra.
    Cassandra,
}

/// Three nodes, Redis between them, and who and what there is.
pub(crate) struct Cluster {
    pub(crate) deployment: Deployment,
    pub(crate) world: World,
}

/// A Redis that can be killed.
pub(crate) struct Redis {
    addr: SocketAddr,
    room: PathBuf,
    process: Option<Child>,
}

impl Site {
    /// Makes the room.
    pub(crate) fn new(quick: bool) -> Result<Self> {
        Ok(Self { quick, room: tempfile::Builder::new().prefix("cluster-").tempdir_in(directory()?)? })
    }

    /// Starts three nodes, for so many members and senders.
    pub(crate) async fn cluster(&self, store: Store, people: (usize, usize)) -> Result<Cluster> {
        Cluster::start(store, &service("TEST_REDIS_URL"), people).await
    }

    /// The same, over Postgres and a Redis of one's own.
    pub(crate) async fn cluster_on(&self, redis: &Redis, people: (usize, usize)) -> Result<Cluster> {
        Cluster::start(Store::Postgres, &format!("redis://{}", redis.addr), people).await
    }

    /// Starts a Redis.
    pub(crate) async fn redis(&self) -> Result<Redis> {
        let mut redis = Redis { addr: child::free_address()?, room: self.room.path().to_owned(), process: None };
        redis.start().await?;
        Ok(redis)
    }

    /// The first, or when everything is to be short, the second.
    pub(crate) fn or_quick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

impl Cluster {
    async fn start(store: Store, redis: &str, people: (usize, usize)) -> Result<Self> {
        let kind = match store {
            Store::Postgres => Kind::Postgres,
            Store::Cassandra => Kind::Cluster,
        };
        let builder = Deployment::builder().kind(kind).set("store_connections", STORE_CONNECTIONS).set("log", "warn");
        // All clients have one address, and none of them sends heartbeats.
        let builder = builder.set("max_connections_per_ip", 0).set("max_sessions_per_user", 1_000_000);
        let builder = builder.set("heartbeat_seconds", 300);
        let builder = match store {
            Store::Postgres => builder.set("relay", redis),
            Store::Cassandra => builder,
        };
        let deployment = builder.start().await;
        let mut cluster = Self { deployment, world: World::default() };
        child::adopt(&cluster.pids());
        cluster.world = World::make(cluster.addr(0)?, people).await?;
        Ok(cluster)
    }

    /// Where a node is reached.
    pub(crate) fn addr(&self, number: usize) -> Result<SocketAddr> {
        let url = self.deployment.url(number);
        url.strip_prefix("http://").context("an address without TLS")?.parse().context("an address")
    }

    /// Where all of them are reached.
    pub(crate) fn addrs(&self) -> Result<Vec<SocketAddr>> {
        (0..self.nodes()).map(|number| self.addr(number)).collect()
    }

    /// How many they are.
    pub(crate) fn nodes(&self) -> usize {
        self.deployment.kind().nodes()
    }

    /// Their process ids.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.deployment.pids()
    }

    /// Kills a node.
    pub(crate) fn kill(&mut self, number: usize) {
        self.deployment.kill9_node(number);
    }

    /// Starts a node that was killed, and waits until it serves.
    pub(crate) async fn restart(&mut self, number: usize) {
        self.deployment.restart_node(number).await;
        child::adopt(&self.pids()[number..=number]);
    }

    /// Waits until the nodes do next to nothing. A machine where they never come to rest is measured all the same.
    pub(crate) async fn settle(&self) -> Result<()> {
        const STEP: Duration = Duration::from_millis(500);
        const STEPS_MAX: usize = 20;
        let mut before = cpu_of(&self.pids())?;
        for _ in 0..STEPS_MAX {
            tokio::time::sleep(STEP).await;
            let now = cpu_of(&self.pids())?;
            if now.saturating_sub(before) < STEP / 10 {
                break;
            }
            before = now;
        }
        Ok(())
    }
}

impl Redis {
    /// Starts it, empty, where it was.
    pub(crate) async fn start(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", &self.addr.ip().to_string(), "--port", &self.addr.port().to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]).arg(&self.room);
        self.process = Some(Child::start_at(self.addr, command, &self.room.join("redis.log")).await?);
        Ok(())
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }
}
