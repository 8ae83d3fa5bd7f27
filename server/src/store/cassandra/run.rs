//! Running statements: reads, and writes that may be repeated, are tried again until they succeed or it is too late.

use futures_util::future;
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use tokio::time::{Duration, Instant, sleep};

use super::codec::Values;
use super::{Engine, failure};
use crate::store::{Error, Result};

/// How long an append may take in all, with whatever had to be settled on its way.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a read is tried again. One that took its whole time is not: this is for connections that break.
const READ_PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts, at most; a random part of it. Longer ones starve a writer that others overtake.
const PAUSE_MS_MAX: u64 = 8;
/// Between attempts, once some have failed: the cluster is not just busy.
const LONG_PAUSE: Duration = Duration::from_millis(100);

/// Statements of one partition, done together.
#[derive(Default)]
pub(super) struct Writes {
    statements: Vec<PreparedStatement>,
    values: Vec<Values>,
}

impl Writes {
    /// One more.
    pub(super) fn push(&mut self, statement: &PreparedStatement, values: impl Into<Values>) {
        self.statements.push(statement.clone());
        self.values.push(values.into());
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Sends them, once.
    pub(super) async fn send(&self, session: &Session) -> std::result::Result<QueryResult, ExecutionError> {
        if let ([statement], [values]) = (self.statements.as_slice(), self.values.as_slice()) {
            return session.execute_unpaged(statement, values).await;
        }
        let mut batch = Batch::new(BatchType::Unlogged);
        self.statements.iter().for_each(|statement| batch.append_statement(statement.clone()));
        session.batch(&batch, &self.values).await
    }
}

impl Engine {
    /// Whether the cluster is worth asking. Asked once, when a piece of work begins: what it has begun it ends.
    pub(super) fn admit(&self) -> Result<()> {
        self.breaker.admit().map_err(|refused| Error::Unavailable(refused.into()))
    }

    /// Awaits an answer, and tells the breaker how that went.
    pub(super) async fn noted<T>(
        &self,
        asked: impl Future<Output = std::result::Result<T, ExecutionError>>,
    ) -> std::result::Result<T, ExecutionError> {
        let began = Instant::now();
        let answer = asked.await;
        if let Some(verdict) = failure::verdict(answer.as_ref().err()) {
            self.breaker.note(began, verdict);
        }
        answer
    }

    /// The rows of a select.
    pub(super) async fn rows<R>(&self, select: &PreparedStatement, values: impl Into<Values>) -> Result<Vec<R>>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let values = values.into();
        let (until, mut attempts) = (Instant::now() + READ_PATIENCE, 0);
        let answer = loop {
            match self.noted(self.session.execute_unpaged(select, &values)).await {
                Err(source) if !failure::is_final(&source) && Instant::now() < until => pause(&mut attempts).await,
                answer => break answer,
            }
        };
        let rows = answer.map_err(failure::error)?.into_rows_result().map_err(failure::unreadable)?;
        rows.rows::<R>().map_err(failure::rows)?.map(|row| row.map_err(failure::column)).collect()
    }

    /// Does writes that may be repeated.
    pub(super) async fn write(&self, writes: &Writes, until: Instant) -> Result<()> {
        let mut attempts = 0;
        loop {
            match self.noted(writes.send(&self.session)).await {
                Ok(_) => return Ok(()),
                Err(source) if failure::is_final(&source) || Instant::now() >= until => {
                    return Err(failure::error(source));
                }
                Err(_) => pause(&mut attempts).await,
            }
        }
    }

    /// Does writes of several partitions, all at once.
    pub(super) async fn write_all(&self, all: impl IntoIterator<Item = Writes>, until: Instant) -> Result<()> {
        let each = all.into_iter().map(|writes| async move { self.write(&writes, until).await });
        future::try_join_all(each).await.map(drop)
    }

    /// Does one write that may be repeated.
    pub(super) async fn write_one(
        &self,
        statement: &PreparedStatement,
        values: impl Into<Values>,
        until: Instant,
    ) -> Result<()> {
        let mut writes = Writes::default();
        writes.push(statement, values);
        self.write(&writes, until).await
    }
}

/// Lets others pass.
pub(super) async fn pause(attempts: &mut u32) {
    *attempts += 1;
    let wait = match attempts {
        1..=8 => Duration::from_millis(rand::random_range(1..=PAUSE_MS_MAX)),
        _ => LONG_PAUSE,
    };
    sleep(wait).await;
}
