//! Which deployment is tested, and with which engines.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

use super::clear_environment;
use super::network::Network;
use crate::binaries::{SERVER, binary};
use crate::process::Process;
use crate::proxy::Proxy;

/// Says which one all tests are run against.
pub const VARIABLE: &str = "GUILDHALL_TEST_DEPLOYMENT";
/// Nodes of a deployment that has several.
const NODES: usize = 3;
/// Connections of one node to Postgres, unless a deployment sets them: many deployments at a time share one Postgres.
pub(super) const CONNECTIONS: usize = 8;
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

/// What the nodes of a deployment stand on: a database of its own, and the engines of the test run.
#[derive(Debug)]
pub(super) struct Engines {
    pub(super) database: Database,
    kind: Kind,
    keyspace: String,
    /// One for each node, if there are any.
    pub(super) networks: Vec<Network>,
}

impl Engines {
    /// For a deployment of this kind; `None`: it needs none. `bare`: somebody else makes its tables.
    pub(super) async fn prepare(kind: Kind, with_network: bool, scratch: &Path, bare: bool) -> Option<Self> {
        if kind == Kind::Embedded {
            assert!(!with_network, "an embedded deployment has no network");
            return None;
        }
        let database = Database::create().await;
        let mut networks = Vec::new();
        if with_network {
            for _ in 0..kind.nodes() {
                networks.push(Network::start(kind).await);
            }
        }
        let keyspace = if bare { format!("{}_{:08x}", keyspace(), rand::random::<u32>()) } else { keyspace() };
        let engines = Self { database, kind, keyspace, networks };
        if kind == Kind::Cluster && !bare {
            static TABLES: OnceCell<()> = OnceCell::const_new();
            TABLES.get_or_init(|| engines.make_tables(scratch)).await;
        }
        Some(engines)
    }

    /// What a node is told of them.
    pub(super) fn flags(&self, node: usize) -> Vec<String> {
        let network = self.networks.get(node);
        let postgres = network.map_or_else(|| host(&service("TEST_PG_URL")), |network| network.postgres.address());
        let mut flags = vec![format!("--store={}", self.database.url_at(&postgres))];
        if self.kind == Kind::Cluster {
            let redis = network.and_then(|network| network.redis.as_ref()).map(Proxy::address);
            let redis = redis.map_or_else(|| service("TEST_REDIS_URL"), |address| format!("redis://{address}"));
            let cassandra = network.map(Network::cassandra_address).unwrap_or_else(|| service("TEST_CQL"));
            flags.push(format!("--relay={redis}"));
            flags.push(format!("--messages=cassandra://{cassandra}/{}", self.keyspace));
        }
        flags
    }

    /// The address of its database.
    pub(super) fn database_url(&self) -> String {
        self.database.url_at(&host(&service("TEST_PG_URL")))
    }

    /// Tables in Cassandra are made once for all deployments of a run: their channels have different ids.
    async fn make_tables(&self, scratch: &Path) {
        let mut command = Command::new(binary(SERVER));
        clear_environment(&mut command);
        command
            .args(["migrate", "up", "--replication", &copies().to_string()])
            .args(self.flags(0))
            .env("GUILDHALL_CLUSTER_SECRET", SECRET);
        let mut migrate = Process::start(command, Stdio::null(), &scratch.join("migrate.log")).expect("a process");
        let exit = migrate.exit(MIGRATE_WITHIN).await;
        assert!(exit.status.success(), "the tables cannot be made: {exit:?}\n{}", migrate.tail());
    }
}

/// How many nodes of Cassandra have each message: all of one, or all of three.
fn copies() -> usize {
    service("TEST_CQL").split(',').count()
}

/// The keyspace of this test run: all its deployments share it.
pub fn keyspace() -> String {
    format!("it_{}", std::process::id())
}

/// The address of a service that the run was given, by the name of its variable.
///
/// # Panics
/// If it was given none.
pub fn service(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run `cargo xtask test`, or `cargo xtask services up` and then \
             `eval \"$(cargo xtask services status)\"`"
        )
    })
}

/// `host:port` of an address.
pub(super) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

/// An empty database, gone with its handle.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// Makes it.
    ///
    /// # Panics
    /// If there is no Postgres.
    pub async fn create() -> Self {
        let name = format!("it_{}_{:08x}", std::process::id(), rand::random::<u32>());
        let mut server = PgConnection::connect(&service("TEST_PG_URL")).await.expect("Postgres");
        // Not that which others may look into at this moment.
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0"));
        sqlx::raw_sql(create).execute(&mut server).await.expect("a database");
        Self { name }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.url_at(&host(&service("TEST_PG_URL")))
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
