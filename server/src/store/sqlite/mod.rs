//! SQLite: the engine of a server alone, with nothing to install.
//!
//! One task writes (`writer`), over one connection, and commits in groups; a pool of connections reads. A file per noun
//! holds that noun's statements. Nothing outside of this folder knows SQL.

pub mod archive;
mod audit;
mod bans;
mod blocks;
mod changes;
mod channels;
mod codec;
mod connection;
mod erasures;
mod failure;
mod group;
mod guilds;
mod invites;
mod log;
mod members;
mod metadata;
mod overwrites;
mod page;
mod place;
mod readers;
mod roles;
mod rows;
mod setup;
mod streams;
mod tidy;
mod tokens;
mod users;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::failure::OpenError;

use self::codec::Columns;
use self::connection::WriteConnection;
use self::readers::{Reader, Readers};
use self::writer::{Job, QUEUE_MAX, Writer};
use super::{Error, Result, Store};

/// A disk with so many bytes free is not full any more.
const ROOM_BYTES: u64 = 1 << 20;

/// Where the data is, and how it is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; made if it does not exist, for this user alone.
    pub path: PathBuf,
    /// How many reads may run at once; further ones wait, for some seconds.
    pub read_connections: u32,
}

/// An open database. Dropped or closed, it writes what waits and lets go of the files; the `Store` of it answers
/// `Unavailable` from then on.
pub struct Sqlite {
    room: Room,
    engine: Arc<Engine>,
    writer: JoinHandle<()>,
    closing: DropGuard,
}

/// Whether the disk has room, as the last write found. A cheap handle.
#[derive(Clone)]
pub struct Room {
    full: Arc<AtomicBool>,
    directory: PathBuf,
}

impl Room {
    /// Whether a write failed for want of room, and there has been none since: neither a write that went well nor, because
    /// nobody may be there to write, free space.
    pub fn is_full(&self) -> bool {
        if !self.full.load(Ordering::Relaxed) {
            return false;
        }
        let free = rustix::fs::statvfs(&self.directory).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        if free.is_ok_and(|free| free >= ROOM_BYTES) {
            self.full.store(false, Ordering::Relaxed);
        }
        self.full.load(Ordering::Relaxed)
    }

    /// A write ended so.
    fn note<T>(&self, result: &sqlx::Result<T>) {
        let full = result.as_ref().err().is_some_and(failure::is_full);
        // A write that failed for another reason says nothing of the disk.
        if (full || result.is_ok()) && self.full.swap(full, Ordering::Relaxed) != full {
            tracing::warn!(full, "the disk of the database");
        }
    }
}

/// What the two traits are implemented on.
struct Engine {
    queue: mpsc::Sender<Job>,
    readers: Readers,
}

impl Engine {
    /// A connection to read over.
    async fn reader(&self) -> Result<Reader> {
        self.readers.get().await.map_err(failure::error)
    }
}

/// Opens the database of a data directory, or makes it, and brings its schema up to date.
///
/// # Errors
/// Another process has it open; it is of a newer version; the directory cannot be written; the disk is full; a move into
/// it was not brought to its end.
pub async fn open(options: Options) -> std::result::Result<(Store, Sqlite), OpenError> {
    open_as(options, false).await
}

/// The same, also while it is being filled from another store.
///
/// # Errors
/// As `open`.
pub async fn open_to_fill(options: Options) -> std::result::Result<(Store, Sqlite), OpenError> {
    open_as(options, true).await
}

async fn open_as(options: Options, half_moved: bool) -> std::result::Result<(Store, Sqlite), OpenError> {
    let directory = options.path;
    let lock = place::occupy(&directory).await?;
    let connect = place::write_options(&directory);
    let mut connection = place::migrate(&directory, &connect).await?;
    if !half_moved
        && archive::is_half_moved(&mut connection).await.map_err(|error| OpenError::sqlx(&directory, error))?
    {
        return Err(OpenError::HalfMoved { path: directory });
    }
    let readers = place::readers(&directory, options.read_connections).await?;
    let (queue, jobs) = mpsc::channel(QUEUE_MAX);
    let room = Room { full: Arc::default(), directory };
    let writer = Writer::new(WriteConnection::new(connect, connection), jobs, room.clone());
    let closing = CancellationToken::new();
    let writer = tokio::spawn(writer.run(closing.clone(), readers.clone(), lock));
    let engine = Arc::new(Engine { queue, readers });
    let store = Store { log: Arc::clone(&engine) as _, metadata: Arc::clone(&engine) as _ };
    Ok((store, Sqlite { room, engine, writer, closing: closing.drop_guard() }))
}

impl Sqlite {
    /// Whether the disk has room.
    pub fn room(&self) -> Room {
        self.room.clone()
    }

    /// Writes what waits, works the write-ahead log into the database, and lets go of the files.
    ///
    /// # Errors
    /// The writer had died.
    pub async fn close(self) -> Result<()> {
        drop(self.closing);
        self.writer.await.map_err(|error| Error::Unavailable(error.into()))
    }

    /// Whether the file is sound: SQLite looks at every page.
    ///
    /// # Errors
    /// `Corrupt` with what was found, or the database does not answer.
    pub async fn integrity_check(&self) -> Result<()> {
        let rows = sqlx::query("PRAGMA integrity_check").fetch_all(&mut *self.engine.reader().await?).await;
        let lines = rows.map_err(failure::error)?;
        let lines: sqlx::Result<Vec<String>> = lines.iter().map(|row| Columns::of(row).get()).collect();
        match lines.map_err(failure::error)?.as_slice() {
            [line] if line == "ok" => Ok(()),
            lines => Err(Error::Corrupt(lines.join("; "))),
        }
    }
}
