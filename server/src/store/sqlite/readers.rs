//! Connections that only read: a fixed number, handed out one at a time and taken back as they are.
//!
//! The driver's own pool asks each connection, when it comes back, whether it still works. Here that is a thread's answer
//! over a file that does not go away; asking costs as much as most of the reads.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a read waits for a free connection; then it is refused as unavailable.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long reads under way are waited for when the database is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// The connections. A cheap handle.
#[derive(Clone)]
pub(super) struct Readers {
    permits: Arc<Semaphore>,
    free: Arc<Mutex<Vec<SqliteConnection>>>,
    options: Arc<SqliteConnectOptions>,
    count: u32,
}

/// A connection of one's own until it is dropped.
pub(super) struct Reader {
    connection: Option<SqliteConnection>,
    free: Arc<Mutex<Vec<SqliteConnection>>>,
    // Dropped last: whoever gets the permit finds the connection.
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens so many, at least one.
    pub(super) async fn open(options: SqliteConnectOptions, count: u32) -> sqlx::Result<Self> {
        let count = count.max(1);
        let mut free = Vec::new();
        for _ in 0..count {
            free.push(options.connect().await?);
        }
        let permits = Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(1)));
        Ok(Self { permits, free: Arc::new(Mutex::new(free)), options: Arc::new(options), count })
    }

    /// Waits for a free one.
    pub(super) async fn get(&self) -> sqlx::Result<Reader> {
        let permit = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::PoolClosed)?;
        let free = self.free.lock().pop();
        let connection = match free {
            Some(connection) => connection,
            // One was lost with a task that panicked.
            None => self.options.connect().await?,
        };
        Ok(Reader { connection: Some(connection), free: Arc::clone(&self.free), _permit: permit })
    }

    /// Gives out no more, waits for those that are out, and closes all.
    pub(super) async fn close(&self) {
        // Too slow a read closes its connection when it ends.
        let _ = tokio::time::timeout(CLOSE_WAIT, self.permits.acquire_many(self.count)).await;
        self.permits.close();
        let free = std::mem::take(&mut *self.free.lock());
        for connection in free {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "closing a reader failed");
            }
        }
    }
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match &self.connection {
            Some(connection) => connection,
            // It is there until the drop.
            None => unreachable!("a reader without a connection"),
        }
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match &mut self.connection {
            Some(connection) => connection,
            None => unreachable!("a reader without a connection"),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.free.lock().extend(self.connection.take());
    }
}
