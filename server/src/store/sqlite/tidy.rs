//! What the writer does when nobody waits: it erases the rows of deleted channels in small steps, and works the
//! write-ahead log into the database after text was erased, because the log still holds it.
//!
//! Nothing in here is ever waited for, and all of it is found again after a restart.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tokio::time::{Instant, sleep_until};

use super::codec::Columns;
use super::connection::WriteConnection;

/// How many rows of a table one step erases. It bounds how long a write waits behind it.
const STEP_ROWS: i64 = 500;
/// How long it pauses between two steps, so that most writes of an almost idle server find nothing in their way.
const STEP_PAUSE: Duration = Duration::from_millis(10);
/// While it is busy, the writer takes one step in so many turns.
const TURNS_PER_STEP: u32 = 16;
/// How long erased text may stay in the write-ahead log of an idle server.
const CHECKPOINT_DELAY: Duration = Duration::from_secs(1);
/// How long a failed or hindered step waits for its next try.
const RETRY_DELAY: Duration = Duration::from_secs(30);

/// What is to be done, and from when on.
pub(super) struct Tidy {
    purge: Option<Instant>,
    checkpoint: Option<Instant>,
    turns: u32,
}

impl Tidy {
    /// Looks once for channels whose erasure a restart has interrupted.
    pub(super) fn new() -> Self {
        Self { purge: Some(Instant::now()), checkpoint: None, turns: 0 }
    }

    /// There are rows to erase.
    pub(super) fn channel_was_deleted(&mut self) {
        self.purge = Some(Instant::now());
    }

    /// The write-ahead log holds text that is to be gone.
    pub(super) fn text_was_erased(&mut self) {
        self.checkpoint.get_or_insert_with(|| Instant::now() + CHECKPOINT_DELAY);
    }

    /// Returns when there is something to do.
    pub(super) async fn due(&self) {
        match [self.purge, self.checkpoint].into_iter().flatten().min() {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Now and then, so that a server that is never idle gets rid of deleted channels too.
    pub(super) async fn between_turns(&mut self, connection: &mut WriteConnection) {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(TURNS_PER_STEP) && self.purge.is_some_and(is_due) {
            self.purge(connection).await;
        }
    }

    /// Does one step of what is due.
    pub(super) async fn when_idle(&mut self, connection: &mut WriteConnection) {
        if self.purge.is_some_and(is_due) {
            self.purge(connection).await;
        } else if self.checkpoint.is_some_and(is_due) {
            self.checkpoint(connection).await;
        }
    }

    async fn purge(&mut self, connection: &mut WriteConnection) {
        match purge_in_transaction(connection).await {
            Ok(Purged::Rows) => self.purge = Some(Instant::now() + STEP_PAUSE),
            Ok(Purged::Channel) => self.text_was_erased(),
            Ok(Purged::Nothing) => self.purge = None,
            Err(error) => {
                tracing::warn!(%error, "erasing a deleted channel failed; it is tried again");
                self.purge = Some(Instant::now() + RETRY_DELAY);
            }
        }
    }

    async fn checkpoint(&mut self, connection: &mut WriteConnection) {
        self.checkpoint = match checkpoint(connection).await {
            Ok(true) => None,
            // Somebody reads from the log.
            Ok(false) => Some(Instant::now() + RETRY_DELAY),
            Err(error) => {
                tracing::warn!(%error, "the checkpoint failed; it is tried again");
                Some(Instant::now() + RETRY_DELAY)
            }
        };
    }
}

fn is_due(at: Instant) -> bool {
    at <= Instant::now()
}

/// What a step of erasure did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purged {
    /// Some rows of a channel went.
    Rows,
    /// The last trace of a channel went.
    Channel,
    /// There is no deleted channel (any more).
    Nothing,
}

async fn purge_in_transaction(connection: &mut WriteConnection) -> sqlx::Result<Purged> {
    let result = purge(connection.begin().await?).await;
    let keep = result.as_ref().is_ok_and(|purged| *purged != Purged::Nothing);
    connection.end(result, keep).await
}

async fn purge(on: &mut SqliteConnection) -> sqlx::Result<Purged> {
    let closed = sqlx::query("SELECT id FROM streams WHERE kind = 1 AND closed = 1 LIMIT 1");
    let Some(row) = closed.fetch_optional(&mut *on).await? else { return Ok(Purged::Nothing) };
    let channel: i64 = Columns::of(&row).get()?;
    for table in [
        "DELETE FROM messages WHERE channel_id = ?1 AND message_id IN
         (SELECT message_id FROM messages WHERE channel_id = ?1 ORDER BY message_id LIMIT ?2)",
        "DELETE FROM tombstones WHERE channel_id = ?1 AND message_id IN
         (SELECT message_id FROM tombstones WHERE channel_id = ?1 ORDER BY message_id LIMIT ?2)",
        "DELETE FROM log WHERE channel_id = ?1 AND seq IN
         (SELECT seq FROM log WHERE channel_id = ?1 ORDER BY seq LIMIT ?2)",
    ] {
        let erased = sqlx::query(table).bind(channel).bind(STEP_ROWS).execute(&mut *on).await?;
        if erased.rows_affected() > 0 {
            return Ok(Purged::Rows);
        }
    }
    let stream = sqlx::query("DELETE FROM streams WHERE kind = 1 AND id = ?1 AND closed = 1");
    stream.bind(channel).execute(on).await?;
    Ok(Purged::Channel)
}

/// False: a reader was in the way. It is not waited for: writes would wait too.
async fn checkpoint(connection: &mut WriteConnection) -> sqlx::Result<bool> {
    let on = connection.get()?;
    sqlx::query("PRAGMA busy_timeout = 0").execute(&mut *on).await?;
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *on).await;
    sqlx::query("PRAGMA busy_timeout = 5000").execute(&mut *on).await?;
    let busy: i64 = Columns::of(&row?).get()?;
    Ok(busy == 0)
}
