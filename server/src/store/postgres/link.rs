//! The way to the server: connections are lent for one piece of work, every answer is awaited for a bounded time, and a
//! connection whose state is in doubt is thrown away.

use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgPool, PgRow};
use tokio::time::{Instant, sleep, timeout};

use super::failure;

/// How long an answer may take; a little more than the server gives a statement, so that this is for a dead network.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);
/// How long a read is tried again on other connections. After a restart of the server all that are open are dead.
const READ_PATIENCE: Duration = Duration::from_secs(1);
/// How long it waits before another try.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// A statement with its arguments.
pub(super) type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// What leads to the server. A cheap handle.
#[derive(Clone)]
pub(super) struct Link {
    pool: PgPool,
}

/// A connection, lent. Unless its work ended in a known state (`keep`), it is closed when it is given back: so it is
/// when the work was cancelled.
pub(super) struct Lease {
    connection: PoolConnection<Postgres>,
    keep: bool,
}

impl Link {
    /// Over this pool.
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// All connections.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection. Fails before anything was sent.
    pub(super) async fn lease(&self) -> sqlx::Result<Lease> {
        Ok(Lease { connection: self.pool.acquire().await?, keep: false })
    }

    /// The rows that a statement gives which only reads: it is tried again when a connection breaks.
    pub(super) async fn rows(&self, query: impl Fn() -> Query + Send + Sync) -> sqlx::Result<Vec<PgRow>> {
        let until = Instant::now() + READ_PATIENCE;
        loop {
            match self.lease().await?.fetch(query()).await {
                Err(error) if failure::is_in_doubt(&error) && Instant::now() < until => sleep(RETRY_PAUSE).await,
                result => return result,
            }
        }
    }

    /// The first of them.
    pub(super) async fn row(&self, query: impl Fn() -> Query + Send + Sync) -> sqlx::Result<Option<PgRow>> {
        Ok(self.rows(query).await?.into_iter().next())
    }
}

impl Lease {
    /// Runs a statement that is a transaction of its own.
    pub(super) async fn fetch(&mut self, query: Query) -> sqlx::Result<Vec<PgRow>> {
        self.keep = false;
        let answer = timeout(ANSWER_TIMEOUT, query.fetch_all(&mut *self.connection)).await;
        let result = answer.unwrap_or_else(|_| Err(failure::timed_out()));
        self.keep = result.as_ref().err().is_none_or(failure::is_of_the_statement);
        result
    }

    /// For a transaction of several statements.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.keep = false;
        &mut self.connection
    }

    /// The transaction has ended, and is known to have.
    pub(super) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.keep {
            self.connection.close_on_drop();
        }
    }
}
