//! Postgres: the engine of several nodes that share one database.
//!
//! An append is one statement, a change of metadata one transaction, a read one statement and so one snapshot. No node
//! remembers anything that decides: every write stands under the head of its stream, compared and set under that row's
//! lock. A file per noun holds that noun's statements. Nothing outside of this folder knows SQL.

mod append;
pub mod archive;
mod audit;
mod bans;
mod blocks;
mod changes;
mod channels;
mod codec;
mod erasures;
mod failure;
mod guilds;
mod invites;
mod link;
mod log;
mod members;
mod metadata;
pub mod nodes;
mod notices;
pub mod notify;
mod overwrites;
mod page;
mod place;
pub mod presences;
mod roles;
mod rows;
mod setup;
mod streams;
mod tidy;
mod tokens;
mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::failure::OpenError;

use self::link::Link;
use self::place::Place;
use super::{Error, Result, Store};
use crate::breaker::Breaker;

/// Where the database is, and how it is used.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user:password@host:port/database?sslmode=...`
    pub url: String,
    /// How many statements may run at once; further ones wait, for a second.
    pub max_connections: u32,
}

/// An open database. Dropped or closed, the `Store` of it answers `Unavailable` from then on.
pub struct Postgres {
    engine: Arc<Engine>,
    tidy: JoinHandle<()>,
    closing: DropGuard,
}

/// How the server does, as it was seen. A cheap handle.
#[derive(Clone)]
pub struct Pulse(Link);

impl Pulse {
    /// Whether it answers.
    pub fn breaker(&self) -> &Breaker {
        self.0.breaker()
    }

    /// Asks the database for nothing but an answer, whatever the breaker says, which is told what came of it. The probes that
    /// the breaker lets through are work of somebody who may give it up; this one is not, so that an end of an outage is
    /// noticed.
    pub async fn ask(&self) {
        // The breaker has been told.
        let _ = self.0.settling().row(|| sqlx::query("SELECT 1")).await;
    }

    /// Connections that are open, and those of them that wait for work.
    pub fn connections(&self) -> (u32, usize) {
        let pool = self.0.pool();
        (pool.size(), pool.num_idle())
    }
}

/// What the two traits are implemented on.
struct Engine {
    link: Link,
    /// A channel was deleted: there are rows to erase.
    erase: Arc<Notify>,
}

/// Opens the database and brings its schema up to date. Any number of nodes may do so at once.
///
/// # Errors
/// The address cannot be read; nobody answers there; the data is of a newer version; the database will not do; a move
/// into it was not brought to its end.
pub async fn open(options: Options) -> std::result::Result<(Store, Postgres), OpenError> {
    open_as(options, false).await
}

/// The same, also while it is being filled from another store.
///
/// # Errors
/// As `open`.
pub async fn open_to_fill(options: Options) -> std::result::Result<(Store, Postgres), OpenError> {
    open_as(options, true).await
}

async fn open_as(options: Options, half_moved: bool) -> std::result::Result<(Store, Postgres), OpenError> {
    let place = Place::parse(&options.url)?;
    place.migrate(half_moved).await?;
    let link = Link::new(place.pool(&options).await?);
    let erase = Arc::new(Notify::new());
    let closing = CancellationToken::new();
    let tidy = tokio::spawn(tidy::run(link.clone(), Arc::clone(&erase), closing.clone()));
    let engine = Arc::new(Engine { link, erase });
    let store = Store { log: Arc::clone(&engine) as _, metadata: Arc::clone(&engine) as _ };
    Ok((store, Postgres { engine, tidy, closing: closing.drop_guard() }))
}

impl Postgres {
    /// The connections, for what else lies in the same database.
    pub(crate) fn pool(&self) -> &PgPool {
        self.engine.link.pool()
    }

    /// How the server does.
    pub fn pulse(&self) -> Pulse {
        Pulse(self.engine.link.clone())
    }

    /// Waits for what is being written, and ends all connections.
    ///
    /// # Errors
    /// The task that tidies up had died.
    pub async fn close(self) -> Result<()> {
        drop(self.closing);
        self.tidy.await.map_err(|error| Error::Unavailable(error.into()))
    }
}
