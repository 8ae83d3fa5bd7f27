//! The writer's connection and the transactions on it. After a failure that leaves its state in doubt it is thrown away,
//! and the next transaction begins on a new one: so writing goes on as soon as the disk lets it.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

/// A connection that can be replaced.
pub(super) struct WriteConnection {
    options: SqliteConnectOptions,
    open: Option<SqliteConnection>,
}

impl WriteConnection {
    /// This one, and how to make another.
    pub(super) fn new(options: SqliteConnectOptions, open: SqliteConnection) -> Self {
        Self { options, open: Some(open) }
    }

    /// Begins a transaction. `end` must follow.
    pub(super) async fn begin(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        if let Some(open) = &mut self.open
            && let Err(error) = begin(open).await
        {
            tracing::warn!(%error, "the write connection is replaced");
            self.discard().await;
        }
        if self.open.is_none() {
            let mut fresh = self.options.connect().await?;
            begin(&mut fresh).await?;
            self.open = Some(fresh);
        }
        self.get()
    }

    /// Ends the transaction: commits if all went well and something is to be kept. Only an `Ok` out of here may be
    /// acknowledged.
    pub(super) async fn end<T>(&mut self, result: sqlx::Result<T>, keep: bool) -> sqlx::Result<T> {
        let end = if keep && result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = sqlx::query(end).execute(self.get()?).await;
        match (result, ended) {
            (Ok(_), Err(error)) => {
                self.discard().await;
                Err(error)
            }
            // After some errors SQLite has rolled back by itself, and says no to a second time. If the connection is
            // worse off than that, the next transaction cannot begin on it.
            (result, _) => result,
        }
    }

    /// For statements outside of transactions.
    pub(super) fn get(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        self.open.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    /// Closes it; as the last connection to the file, this works the write-ahead log into the database.
    pub(super) async fn close(mut self) -> sqlx::Result<()> {
        match self.open.take() {
            Some(open) => open.close().await,
            None => Ok(()),
        }
    }

    async fn discard(&mut self) {
        if let Some(open) = self.open.take() {
            // Whatever it says: it is gone afterwards, and its transaction with it.
            let _ = open.close().await;
        }
    }
}

/// Takes the right to write at once, so that nothing that is read in the transaction can change before it ends.
async fn begin(on: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("BEGIN IMMEDIATE").execute(on).await.map(drop)
}
