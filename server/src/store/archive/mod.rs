//! Moving everything from one store to another, whichever engines they are.
//!
//! What lies in tables is copied row by row, so that ids, epochs, heads, digests of tokens and whatever a table gets one
//! day stay as they are. The logs of channels are appended again, entry by entry, under the same compare-and-set as every
//! other append: so seqs, nonces and tombstones come out the same by the engine's own rules, and the head of a channel
//! tells where a move that was broken off goes on. Nothing in here knows SQL or CQL.

mod copy;
mod replay;
#[cfg(test)]
pub(in crate::store) mod tests;
mod verify;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use guildhall_proto::ids::ChannelId;
use parking_lot::Mutex;
use tokio::time::{Duration, sleep};

pub use self::verify::Line;

use super::{Error, Result, Store};

/// Tables that are not copied. Of channels' logs the messages are appended again; the rest is of processes, not of people.
/// Every other table is copied as it is, and a test names them all: whoever makes a table decides here what becomes of it.
const NOT_COPIED: &[&str] =
    &["log", "messages", "tombstones", "moves", "nodes", "notices", "presence_nodes", "presences", "_sqlx_migrations"];
/// The table of all streams, of which the heads of channels are not copied: appending moves them.
const STREAMS: &str = "streams";
/// A store in which a server was once started, and nobody did anything, has an open setup code and nothing else.
const SETUP: &str = "setup";
/// Rows that are read, and written, at once.
const PAGE_ROWS: usize = 1_000;
/// Channels that are appended to, or compared, at once. It bounds the memory: each holds two pages of entries.
const CHANNELS_MAX: usize = 8;

/// How often a stream is tried again while it comes no further, and how long is waited before. A store may be restarted
/// meanwhile.
const TRIES_MAX: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// A value of a row, in whichever engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none.
    None,
    /// A number or a flag (0, 1).
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Number,
    /// True and false; only Postgres tells them from numbers.
    Flag,
    /// Texts.
    Text,
    /// Bytes.
    Bytes,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, by name: so rows of all engines look alike.
    pub columns: Vec<Column>,
    /// Which columns are its primary key, in the key's order.
    pub key: Vec<usize>,
}

/// Values in the order of the table's columns.
pub type Row = Vec<Value>;

/// What stands in a store that is being filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A digest of the source's streams.
    pub picture: Vec<u8>,
    /// The keyspace for the logs of channels; empty: none.
    pub keyspace: String,
}

/// The tables of a SQL engine, over a connection of its own. Names of tables and columns come out of `tables` only.
#[async_trait]
pub trait Tables: Send {
    /// All tables, by name, but for those named.
    async fn tables(&mut self, without: &[&str]) -> Result<Vec<Table>>;
    /// How many rows a table has.
    async fn count(&mut self, table: &Table) -> Result<u64>;
    /// Up to `limit` rows behind this one, or from the first on, by key. Texts are compared byte by byte.
    async fn rows(&mut self, table: &Table, after: Option<&Row>, limit: usize) -> Result<Vec<Row>>;
    /// Adds rows. Whose key is there already is left as it is.
    async fn add(&mut self, table: &Table, rows: &[Row]) -> Result<()>;
    /// Removes all rows.
    async fn clear(&mut self, table: &Table) -> Result<()>;
    /// What stands here of a move into this store; `None`: it is not being filled.
    async fn mark(&mut self) -> Result<Option<Mark>>;
    /// Says that it is being filled, or that it is not any more.
    async fn set_mark(&mut self, mark: Option<&Mark>) -> Result<()>;
}

/// One end of a move.
pub struct Side {
    /// Its rows.
    pub tables: Box<dyn Tables>,
    /// The same store as the rooms above see it.
    pub store: Store,
    /// The keyspace that holds its logs of channels; empty: they are in its tables.
    pub keyspace: String,
    /// Whether that keyspace holds nothing.
    pub keyspace_is_empty: bool,
}

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Target,
}

/// Why a move did not come to its end. What was written stays; the same move goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// A store failed.
    #[error("{0}: {1}")]
    Store(End, #[source] Error),
    /// There is something else in the target.
    #[error("the target is not empty: {0}")]
    Foreign(String),
    /// The target was begun to be filled with something else.
    #[error(
        "the target holds a move that was broken off: of another source, of this one before somebody wrote to it again, \
         or with its messages elsewhere"
    )]
    OtherMove,
    /// The two stores do not have the same tables.
    #[error("the target has no table {0} with the same columns as the source")]
    Schema(String),
    /// A channel cannot be appended to as it should.
    #[error("channel {0} of the target is written by somebody else")]
    Disturbed(ChannelId),
    /// Somebody wrote to the source meanwhile.
    #[error("somebody wrote to the source while it was moved")]
    SourceChanged,
}

/// What a move has done, for whoever shows it.
#[derive(Debug, Default)]
pub struct Gauge {
    step: Mutex<&'static str>,
    done: AtomicU64,
    total: AtomicU64,
}

/// What a move came to.
#[derive(Debug)]
pub struct Summary {
    /// What was compared, with both ends' figures.
    pub lines: Vec<Line>,
    /// Streams that were compared.
    pub streams: u64,
    /// Streams that differ, at most a hundred of them.
    pub different: Vec<String>,
}

/// A channel of the source.
#[derive(Clone, Copy)]
struct Channel {
    id: ChannelId,
    head: u64,
}

/// Moves everything, or goes on with it; then compares both ends, reading the target by the same code that serves it.
/// The target is marked from before the first row until all is equal. Returns what was compared: with a difference the
/// mark stays.
///
/// # Errors
/// Without a change to a target that holds something else; later with whatever the stores failed of.
pub async fn transfer(from: &mut Side, to: &mut Side, gauge: &Arc<Gauge>) -> std::result::Result<Summary, MoveError> {
    gauge.begin("looking at the source", 0);
    let (picture, channels) = copy::picture(from).await?;
    let tables = copy::common(from, to).await?;
    let mark = Mark { picture, keyspace: to.keyspace.clone() };
    copy::claim(to, &tables, &mark).await?;
    for table in &tables {
        copy::table(from, to, table, gauge).await?;
    }
    replay::channels(&from.store, &to.store, &channels, gauge).await?;
    let summary = verify::compare(from, to, &tables, &channels, gauge).await?;
    if copy::picture(from).await?.0 != mark.picture {
        return Err(MoveError::SourceChanged);
    }
    if summary.is_equal() {
        to.tables.set_mark(None).await.map_err(target)?;
    }
    Ok(summary)
}

impl Summary {
    /// Whether both ends hold the same.
    pub fn is_equal(&self) -> bool {
        self.different.is_empty() && self.lines.iter().all(Line::is_equal)
    }
}

impl Gauge {
    /// What is done now, how much of it, and how much there is; 0 = that is not known.
    pub fn read(&self) -> (&'static str, u64, u64) {
        (*self.step.lock(), self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    fn begin(&self, step: &'static str, total: u64) {
        *self.step.lock() = step;
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    fn add(&self, done: usize) {
        self.done.fetch_add(done as u64, Ordering::Relaxed);
    }
}

impl Table {
    /// Where a column is.
    fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Tries until it works, fails of what waiting does not heal, or came no further for `TRIES_MAX` tries. An attempt tells
/// how it went, and whether it came further.
async fn patiently<T>(
    mut attempt: impl AsyncFnMut() -> (std::result::Result<T, MoveError>, bool),
) -> std::result::Result<T, MoveError> {
    let mut tries = 0;
    loop {
        let (outcome, further) = attempt().await;
        tries = if further { 0 } else { tries + 1 };
        match outcome {
            Err(MoveError::Store(_, Error::Unavailable(_)) | MoveError::Disturbed(_)) if tries < TRIES_MAX => {
                sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

fn source(error: Error) -> MoveError {
    MoveError::Store(End::Source, error)
}

fn target(error: Error) -> MoveError {
    MoveError::Store(End::Target, error)
}
