//! Which deployment is tested, and with which engines.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

use super::clear_environment;
use crate::binaries::{SERVER, binary};
use crate::process::Process;
use crate::proxy::Proxy;

/// Says which one all tests are run against.
pub const VARIABLE: &str = "GUILDHALL_TEST_DEPLOYMENT";
/// Nodes of a deployment that has several.
const NODES: usize = 3;
/// Connections of one node to Postgres.
const CONNECTIONS: usize = 8;
/// What the nodes of a deployment show each other.
pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const MIGRATE_WITHIN: Duration = Duration::from_secs(120);

/// What a deployment is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One process over SQLite.
    Embedded,
    /// Three over Postgres, which is their bus as well.
    Postgres,
    /// Three over Postgres, with Redis as their bus and the logs of channels in Cassandra.
    Cluster,
}

impl Kind {
    /// The one that is tested: embedded, unless the variable says otherwise.
    ///
    /// # Panics
    /// If the variable says something else.
    pub fn tested() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded,
            Ok("postgres") => Self::Postgres,
            Ok("cluster") => Self::Cluster,
            Ok(other) => panic!("{VARIABLE} is embedded, postgres or cluster, not `{other}`"),
        }
    }

    /// How many nodes it has.
    pub fn nodes(self) -> usize {
        match self {
            Self::Embedded => 1,
            Self::Postgres | Self::Cluster => NODES,
        }
    }
}

/// Proxies between the nodes of a deployment and what they stand on.
#[derive(Debug)]
pub struct Network {
    /// Before Postgres.
    pub postgres: Proxy,
    /// Before Redis, if the deployment has it.
    pub redis: Option<Proxy>,
    /// Before Cassandra, if the deployment has it.
    pub cassandra: Option<Proxy>,
}

/// What the nodes of a deployment stand on: a database of its own, and the engines of the test run.
#[derive(Debug)]
pub(super) struct Engines {
    database: Database,
    kind: Kind,
    keyspace: String,
    pub(super) network: Option<Network>,
}

impl Engines {
    /// For a deployment of this kind; `None`: it needs none. `bare`: somebody else makes its tables.
    pub(super) async fn prepare(kind: Kind, with_network: bool, scratch: &Path, bare: bool) -> Option<Self> {
        if kind == Kind::Embedded {
            assert!(!with_network, "an embedded deployment has no network");
            return None;
        }
        let database = Database::create().await;
        let network = match with_network {
            true => Some(network(kind).await),
            false => None,
        };
        let keyspace = if bare { format!("{}_{:08x}", keyspace(), rand::random::<u32>()) } else { keyspace() };
        let engines = Self { database, kind, keyspace, network };
        if kind == Kind::Cluster && !bare {
            static TABLES: OnceCell<()> = OnceCell::const_new();
            TABLES.get_or_init(|| engines.make_tables(scratch)).await;
        }
        Some(engines)
    }

    /// What a server is told of them.
    pub(super) fn flags(&self) -> Vec<String> {
        let network = self.network.as_ref();
        let postgres = network.map_or_else(|| host(&service("TEST_PG_URL")), |network| network.postgres.address());
        let mut flags = vec![format!("--store={}", self.database.url_at(&postgres))];
        // Many deployments at a time share one Postgres.
        flags.push(format!("--store-connections={CONNECTIONS}"));
        if self.kind == Kind::Cluster {
            let redis = network.and_then(|network| network.redis.as_ref()).map(Proxy::address);
            let redis = redis.map_or_else(|| service("TEST_REDIS_URL"), |address| format!("redis://{address}"));
            let cassandra = network.and_then(|network| network.cassandra.as_ref()).map(Proxy::address);
            let cassandra = cassandra.unwrap_or_else(|| service("TEST_CQL"));
            flags.push(format!("--relay={redis}"));
            flags.push(format!("--messages=cassandra://{cassandra}/{}", self.keyspace));
        }
        flags
    }

    /// Tables in Cassandra are made once for all deployments of a run: their channels have different ids.
    async fn make_tables(&self, scratch: &Path) {
        let mut command = Command::new(binary(SERVER));
        clear_environment(&mut command);
        command
            .args(["migrate", "up", "--replication", "1"])
            .args(self.flags())
            .env("GUILDHALL_CLUSTER_SECRET", SECRET);
        let mut migrate = Process::start(command, Stdio::null(), &scratch.join("migrate.log")).expect("a process");
        let exit = migrate.exit(MIGRATE_WITHIN).await;
        assert!(exit.status.success(), "the tables cannot be made: {exit:?}\n{}", migrate.tail());
    }
}

async fn network(kind: Kind) -> Network {
    let postgres = Proxy::start(host(&service("TEST_PG_URL"))).await;
    let (redis, cassandra) = match kind {
        Kind::Cluster => {
            let redis = Proxy::start(host(&service("TEST_REDIS_URL"))).await;
            (Some(redis), Some(Proxy::start(service("TEST_CQL")).await))
        }
        Kind::Embedded | Kind::Postgres => (None, None),
    };
    Network { postgres, redis, cassandra }
}

/// A name of this test run.
fn keyspace() -> String {
    format!("it_{}", std::process::id())
}

/// The address of a service that the run was given.
fn service(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run `cargo xtask test`, or `cargo xtask services up` and then \
             `eval \"$(cargo xtask services status)\"`"
        )
    })
}

/// `host:port` of an address.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

/// An empty database, gone with its handle.
#[derive(Debug)]
struct Database {
    name: String,
}

impl Database {
    async fn create() -> Self {
        let name = format!("it_{}_{:08x}", std::process::id(), rand::random::<u32>());
        let mut server = PgConnection::connect(&service("TEST_PG_URL")).await.expect("Postgres");
        // Not that which others may look into at this moment.
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0"));
        sqlx::raw_sql(create).execute(&mut server).await.expect("a database");
        Self { name }
    }

    /// Its address, with the server reached at `host`.
    fn url_at(&self, at: &str) -> String {
        let server = service("TEST_PG_URL");
        let (server, _) = server.rsplit_once('/').expect("the address of Postgres ends with a database");
        format!("{}/{}", server.replace(&host(server), at), self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A runtime of its own: that of the test may be at its end.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut server = PgConnection::connect(&service("TEST_PG_URL")).await?;
                sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut server).await?;
                anyhow::Ok(())
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("the database {} is left behind: {error:#}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_addresses() {
        assert_eq!(host("postgres://app@127.0.0.1:5432/postgres"), "127.0.0.1:5432");
        assert_eq!(host("redis://127.0.0.1:6379"), "127.0.0.1:6379");
        assert_eq!(host("127.0.0.1:9042"), "127.0.0.1:9042");
    }
}
