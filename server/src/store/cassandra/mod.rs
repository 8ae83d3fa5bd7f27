//! Cassandra: the logs of channels, for what has grown beyond one Postgres.
//!
//! An append is one conditional batch on one partition: the head is compared and set, and the rows lie beside it. What
//! messages are now is written after the append and before the answer, stamped with seqs, so that it may be written
//! again in any order. Whatever else there is lies in the directory's engine. Nothing outside of this folder knows CQL.

mod append;
mod apply;
mod bucket;
mod closing;
mod codec;
mod connect;
mod directory;
mod failure;
mod known;
mod log;
mod metadata;
mod nonces;
mod page;
mod promise;
mod read;
mod recents;
mod run;
mod schema;
mod statements;
mod states;
mod tip;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scylla::client::session::Session;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::failure::OpenError;

use self::bucket::Buckets;
use self::closing::{JOBS_MAX, Janitor, Job};
use self::known::Channels;
use self::metadata::Closing;
use self::recents::Recents;
use self::statements::Statements;
use super::{Error, Result, Store};
use crate::breaker::Breaker;
use crate::metrics::Dependency;

/// Where the cluster is, and what it has to promise.
#[derive(Clone, Debug)]
pub struct Options {
    /// Contact points, `host:port`. The other nodes are found through them; give all, for one may be down.
    pub nodes: Vec<String>,
    /// The keyspace.
    pub keyspace: String,
    /// User and password, if the cluster wants them.
    pub login: Option<(String, SecretString)>,
    /// How many copies take part.
    pub consistency: Level,
    /// The data centre whose nodes are asked.
    pub datacenter: Option<String>,
    /// Start although nodes acknowledge what is not on disk yet.
    pub accept_weak_durability: bool,
}

/// How many copies take part in every read and write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// A majority of all.
    #[default]
    Quorum,
    /// A majority of the data centre's. All nodes of this server must use the same one, or there is no one order.
    LocalQuorum,
}

/// How a keyspace is made.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The copies.
    pub replication: Replication,
    /// Seqs in a bucket. It can never be changed.
    pub bucket_rows: u32,
}

/// How many copies there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// So many, anywhere.
    Simple(u8),
    /// So many in each of these data centres.
    Datacenters(Vec<(String, u8)>),
}

/// Seqs in a bucket: a partition of some megabytes.
pub const BUCKET_ROWS: u32 = 5_000;

/// An open keyspace. Dropped or closed, it stops erasing what was deleted; another node, or the next start, goes on.
pub struct Cassandra {
    janitor: JoinHandle<()>,
    closing: DropGuard,
    engine: Arc<Engine>,
}

/// What the trait is implemented on.
struct Engine {
    session: Session,
    options: Options,
    statements: Statements,
    buckets: Buckets,
    generation: i64,
    channels: Channels,
    recents: Recents,
    directory: Store,
    breaker: Arc<Breaker>,
    jobs: mpsc::Sender<Job>,
    /// Writes whose outcome had to be found out.
    unknown: AtomicU64,
}

/// Opens a keyspace, which `migrate` made. Whether a channel exists is asked of `directory`, which has all metadata.
///
/// # Errors
/// Nobody answers; the login is refused; the schema is missing, older or newer; there are too few copies, or they are
/// not on disk when they should be.
pub async fn open(options: Options, directory: Store) -> std::result::Result<(Store, Cassandra), OpenError> {
    check_name(&options)?;
    let session = connect::session(&options).await?;
    let facts = schema::facts(&session, &options).await?;
    promise::copies(&session, &options)?;
    promise::durability(&session, &options).await?;
    let statements = Statements::prepare(&session, &options.keyspace, options.consistency).await;
    let statements = statements.map_err(|source| schema::database(&options, source.into()))?;
    let (jobs, queue) = mpsc::channel(JOBS_MAX);
    let metadata = Arc::clone(&directory.metadata);
    let engine = Arc::new(Engine {
        session,
        options,
        statements,
        buckets: Buckets::of(facts.bucket_rows),
        generation: facts.generation,
        channels: Channels::default(),
        recents: Recents::default(),
        directory,
        breaker: Arc::new(Breaker::new(Dependency::Log)),
        jobs,
        unknown: AtomicU64::new(0),
    });
    let closing = CancellationToken::new();
    let janitor = tokio::spawn(Janitor::new(Arc::clone(&engine), queue).run(closing.clone()));
    let metadata = Arc::new(Closing::new(Arc::clone(&engine), metadata));
    let store = Store { log: Arc::clone(&engine) as _, metadata };
    let cassandra = Cassandra { janitor, closing: closing.drop_guard(), engine };
    Ok((store, cassandra))
}

/// Makes the keyspace and its tables, or brings them to this version. Any number of these may run at once or be broken
/// off; the next one ends what was begun.
///
/// # Errors
/// Nobody answers; the login is refused; the schema is newer; the nodes do not agree with each other.
pub async fn migrate(options: &Options, layout: &Layout) -> std::result::Result<(), OpenError> {
    check_name(options)?;
    schema::migrate(options, layout).await
}

/// Whether nobody has written a message to a keyspace yet.
///
/// # Errors
/// Nobody answers; the login is refused; the schema is missing, older or newer.
pub async fn is_empty(options: &Options) -> std::result::Result<bool, OpenError> {
    check_name(options)?;
    schema::is_empty(options).await
}

/// The name goes into statements as it is.
fn check_name(options: &Options) -> std::result::Result<(), OpenError> {
    let keyspace = &options.keyspace;
    let plain = keyspace.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain && (1..=48).contains(&keyspace.len()) {
        return Ok(());
    }
    Err(OpenError::Name { keyspace: keyspace.clone() })
}

impl Default for Layout {
    /// One copy.
    fn default() -> Self {
        Self { replication: Replication::Simple(1), bucket_rows: BUCKET_ROWS }
    }
}

impl Cassandra {
    /// How many appends the cluster left in the dark, so that the engine had to find out what became of them. Some are
    /// ordinary where nodes write one channel at once; many tell of a sick cluster.
    pub fn unknown_outcomes(&self) -> u64 {
        self.engine.unknown.load(Ordering::Relaxed)
    }

    /// What is seen of the cluster.
    pub fn breaker(&self) -> &Arc<Breaker> {
        &self.engine.breaker
    }

    /// Stops the background work.
    ///
    /// # Errors
    /// The background work had died.
    pub async fn close(self) -> Result<()> {
        drop(self.closing);
        self.janitor.await.map_err(|error| Error::Unavailable(error.into()))
    }
}
