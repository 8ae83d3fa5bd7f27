//! The way to the server: connections are lent for one piece of work, every answer is awaited for a bounded time, and a
//! connection whose state is in doubt is thrown away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgPool, PgRow};
use tokio::time::{Instant, sleep, timeout};

use super::failure;
use crate::breaker::{Breaker, Verdict};
use crate::metrics::Dependency;

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
    breaker: Arc<Breaker>,
    /// Connections that are lent.
    lent: Arc<AtomicU32>,
    /// What goes over it is about work whose outcome is not known: the breaker refuses it nothing.
    settles: bool,
}

/// A connection, lent. Unless its work ended in a known state (`keep`), it is closed when it is given back: so it is
/// when the work was cancelled.
pub(super) struct Lease {
    connection: PoolConnection<Postgres>,
    keep: bool,
    breaker: Arc<Breaker>,
    lent: Arc<AtomicU32>,
}

impl Link {
    /// Over this pool.
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, breaker: Arc::new(Breaker::new(Dependency::Database)), lent: Arc::default(), settles: false }
    }

    /// What is seen of the server.
    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// For finding out what became of what was sent. It has an end of its own, and must be tried until then.
    pub(super) fn settling(&self) -> Self {
        Self { settles: true, ..self.clone() }
    }

    /// All connections.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection. Fails before anything was sent.
    pub(super) async fn lease(&self) -> sqlx::Result<Lease> {
        if !self.settles {
            self.breaker.admit().map_err(failure::refused)?;
        }
        let began = Instant::now();
        match self.pool.acquire().await {
            Ok(connection) => {
                self.lent.fetch_add(1, Ordering::Relaxed);
                let (breaker, lent) = (Arc::clone(&self.breaker), Arc::clone(&self.lent));
                Ok(Lease { connection, keep: false, breaker, lent })
            }
            Err(error) => {
                self.not_connected(began, &error);
                Err(error)
            }
        }
    }

    /// No connection was got. Where most are at work, those tell how the server is; there are too few of them.
    fn not_connected(&self, began: Instant, error: &sqlx::Error) {
        let busy = 2 * self.lent.load(Ordering::Relaxed) >= self.pool.options().get_max_connections();
        match error {
            sqlx::Error::PoolTimedOut if busy => {}
            sqlx::Error::PoolTimedOut => self.breaker.note(began, Verdict::TimedOut),
            // It was there, and broke.
            _ if failure::is_in_doubt(error) => {}
            _ => self.breaker.note(began, Verdict::Failed),
        }
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
        let began = Instant::now();
        let answer = timeout(ANSWER_TIMEOUT, query.fetch_all(&mut *self.connection)).await;
        let result = answer.unwrap_or_else(|_| Err(failure::timed_out()));
        self.note(began, &result);
        self.keep = result.as_ref().err().is_none_or(failure::is_of_the_statement);
        result
    }

    /// Tells the breaker what was seen. A connection that broke says nothing of the server: whether there is one shows when
    /// the next one is made.
    pub(super) fn note<T>(&self, began: Instant, result: &sqlx::Result<T>) {
        match result.as_ref().err() {
            None => self.breaker.note(began, Verdict::Answered),
            Some(error) if failure::is_timed_out(error) => self.breaker.note(began, Verdict::TimedOut),
            Some(error) if failure::is_of_the_statement(error) => self.breaker.note(began, Verdict::Answered),
            Some(error) if failure::is_read_only(error) => self.breaker.note(began, Verdict::Failed),
            Some(_) => {}
        }
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
        self.lent.fetch_sub(1, Ordering::Relaxed);
        if !self.keep {
            self.connection.close_on_drop();
        }
    }
}
