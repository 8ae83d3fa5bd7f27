//! The data directory: it is made, locked against a second process, and the database file in it is opened and brought to
//! this version's schema.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep};

use super::failure::OpenError;
use super::readers::Readers;

/// The schema, one file per version.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const DATABASE: &str = "guildhall.db";
const LOCK: &str = "guildhall.lock";

/// How long a statement waits for a lock. Nobody else writes; a backup tool may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a locked directory is asked again: the process before this one may just be ending.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
const LOCK_INTERVAL: Duration = Duration::from_millis(20);
/// Pages of the write-ahead log before it is worked into the database: 16 MiB. Fewer cost more syncs, more cost memory.
const CHECKPOINT_PAGES: &str = "4000";
/// What is left of the write-ahead log's file after it grew beyond that.
const JOURNAL_BYTES_MAX: &str = "67108864";

/// Makes the directory if need be, and holds it for this process until the file is dropped.
pub(super) async fn occupy(directory: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::io(directory, source);
    private_directory().create(directory).map_err(io)?;
    let lock = private_file().open(directory.join(LOCK)).map_err(io)?;
    let patience = Instant::now() + LOCK_PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < patience => sleep(LOCK_INTERVAL).await,
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: directory.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
    }
    // An empty file is an empty database. Made here, it is private; SQLite gives its other files the same mode.
    private_file().open(directory.join(DATABASE)).map_err(io)?;
    Ok(lock)
}

/// Whether there is a database; nothing is made.
pub(super) fn exists(directory: &Path) -> bool {
    directory.join(DATABASE).is_file()
}

/// How the writer connects.
pub(super) fn write_options(directory: &Path) -> SqliteConnectOptions {
    options(directory)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // Erased text is overwritten, on freed pages too (which "fast" would leave alone); it costs nothing measurable.
        // Copies that moved with their neighbours when a page was split are beyond its reach: of 1,000 deleted messages,
        // about 4 still lie in an unused part of some page. Only VACUUM removes those.
        .pragma("secure_delete", "on")
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", JOURNAL_BYTES_MAX)
        // A statement over many rows keeps the pages it changes, to undo itself alone. In memory: half as dear.
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-32768")
}

/// Brings the schema to this version, or refuses a newer one.
pub(super) async fn migrate(directory: &Path, options: &SqliteConnectOptions) -> Result<SqliteConnection, OpenError> {
    let mut connection = options.connect().await.map_err(|source| OpenError::sqlx(directory, source))?;
    match MIGRATIONS.run_direct(None, &mut connection, false).await {
        Ok(()) => Ok(connection),
        Err(source) => {
            let _ = connection.close().await;
            Err(OpenError::migrate(directory, source))
        }
    }
}

/// Connections that only read. They see everything that was acknowledged before they were asked.
pub(super) async fn readers(directory: &Path, connections: u32) -> Result<Readers, OpenError> {
    let options = options(directory).read_only(true).pragma("cache_size", "-8192").row_buffer_size(512);
    Readers::open(options, connections).await.map_err(|source| OpenError::sqlx(directory, source))
}

/// What all connections share. The file is not mapped into memory: there, a failing disk kills the process instead of
/// failing a statement.
fn options(directory: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(directory.join(DATABASE))
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        .pragma("trusted_schema", "off")
        .disable_statement_logging()
}

fn private_directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
