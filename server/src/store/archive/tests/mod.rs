//! Moves from every SQL engine to every other, and what is refused. Cassandra's pairs are with Cassandra's tests.

mod fixture;
mod refusals;

use guildhall_proto::ids::ChannelId;
use tempfile::TempDir;

pub(in crate::store) use self::fixture::fill;

use super::{End, Gauge, MoveError, NOT_COPIED, Side, Summary, Tables, transfer};
use crate::store::contract::{append, create};
use crate::store::{Append, Store, postgres, sqlite, testing_postgres};

/// Where a store of these tests lies.
pub(in crate::store) enum Place {
    Sqlite(TempDir),
    Postgres(String),
}

/// An open store: it is closed by `close`, so that the other end of a test may open it again.
pub(in crate::store) struct Open {
    pub(in crate::store) side: Side,
    guard: Guard,
}

enum Guard {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Place {
    pub(in crate::store) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(in crate::store) async fn postgres() -> Self {
        Self::Postgres(testing_postgres::database().await)
    }

    /// As a move opens it.
    pub(in crate::store) async fn open(&self) -> Open {
        match self {
            Self::Sqlite(directory) => {
                let path = directory.path().join("data");
                let (store, sqlite) = sqlite::open_to_fill(sqlite_options(directory)).await.unwrap();
                let tables = Box::new(sqlite::archive::Archive::open(&path).await.unwrap());
                Open { side: side(tables, store), guard: Guard::Sqlite(sqlite) }
            }
            Self::Postgres(url) => {
                let tables = Box::new(postgres::archive::Archive::occupy(url).await.unwrap());
                let (store, postgres) = postgres::open_to_fill(postgres_options(url)).await.unwrap();
                Open { side: side(tables, store), guard: Guard::Postgres(postgres) }
            }
        }
    }

    /// Whether a server would start on it.
    async fn is_served(&self) -> bool {
        match self {
            Self::Sqlite(directory) => match sqlite::open(sqlite_options(directory)).await {
                Ok((_, sqlite)) => sqlite.close().await.is_ok(),
                Err(error) => !matches!(error, sqlite::OpenError::HalfMoved { .. }),
            },
            Self::Postgres(url) => match postgres::open(postgres_options(url)).await {
                Ok((_, postgres)) => postgres.close().await.is_ok(),
                Err(error) => !matches!(error, postgres::OpenError::HalfMoved { .. }),
            },
        }
    }
}

fn sqlite_options(directory: &TempDir) -> sqlite::Options {
    sqlite::Options { path: directory.path().join("data"), read_connections: 4 }
}

fn postgres_options(url: &str) -> postgres::Options {
    postgres::Options { url: url.to_owned(), max_connections: 8 }
}

fn side(tables: Box<dyn Tables>, store: Store) -> Side {
    Side { tables, store, keyspace: String::new(), keyspace_is_empty: true }
}

impl Open {
    pub(in crate::store) async fn close(self) {
        drop(self.side);
        match self.guard {
            Guard::Sqlite(sqlite) => sqlite.close().await.unwrap(),
            Guard::Postgres(postgres) => postgres.close().await.unwrap(),
        }
    }
}

/// A move.
pub(in crate::store) async fn run(from: &mut Side, to: &mut Side) -> Result<Summary, MoveError> {
    transfer(from, to, &Default::default()).await
}

/// A move that is broken off once so many of its messages were written.
pub(in crate::store) async fn break_off(from: &mut Side, to: &mut Side, messages: u64) {
    let gauge = std::sync::Arc::new(Gauge::default());
    let far = async {
        while gauge.read().0 != "moving messages" || gauge.read().1 < messages {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        moved = transfer(from, to, &gauge) => panic!("it was too fast: {moved:?}"),
        () = far => {}
    }
}

/// The whole story of a pair of engines.
async fn story(from: Place, to: Place) {
    let (mut source, mut target) = (from.open().await, to.open().await);
    let filled = fill(&source.side.store).await;
    break_off(&mut source.side, &mut target.side, 1_500).await;
    source.close().await;
    target.close().await;
    assert!(!to.is_served().await, "it is half moved");
    assert!(from.is_served().await, "the source is as it was");

    let (mut source, mut target) = (from.open().await, to.open().await);
    let summary = run(&mut source.side, &mut target.side).await.unwrap();
    assert!(summary.is_equal(), "{summary:#?}");
    assert_eq!(target.side.tables.mark().await.unwrap(), None);
    filled.assert_same(&source.side.store, &target.side.store).await;
    goes_on(&target.side.store, filled.long, filled.head).await;
    target.close().await;
    source.close().await;
    assert!(to.is_served().await);
}

/// The log of a channel that was moved is one like any other.
pub(in crate::store) async fn goes_on(store: &Store, channel: ChannelId, head: u64) {
    let stale = store.log.append(channel, head - 1, vec![create("late")]).await.unwrap();
    assert_eq!(stale, Append::HeadMoved { actual: head });
    append(store, channel, head, vec![create("new")]).await;
}

#[tokio::test]
async fn sqlite_moves_to_postgres() {
    story(Place::sqlite(), Place::postgres().await).await;
}

#[tokio::test]
async fn postgres_moves_to_sqlite() {
    story(Place::postgres().await, Place::sqlite()).await;
}

#[tokio::test]
async fn postgres_moves_to_postgres() {
    story(Place::postgres().await, Place::postgres().await).await;
}

/// Whoever makes a table has to decide whether it is copied as it is. One with rows of channels' logs is not.
#[tokio::test]
async fn it_is_decided_of_every_table() {
    let copied = [
        "audit",
        "bans",
        "blocks",
        "channels",
        "erasures",
        "events",
        "guilds",
        "invites",
        "member_roles",
        "members",
        "overwrites",
        "roles",
        "setup",
        "streams",
        "tokens",
        "users",
    ];
    for place in [Place::sqlite(), Place::postgres().await] {
        let mut open = place.open().await;
        let tables = open.side.tables.tables(NOT_COPIED).await.unwrap();
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, copied);
        assert!(tables.iter().all(|table| !table.key.is_empty()), "{tables:?}");
        open.close().await;
    }
}
