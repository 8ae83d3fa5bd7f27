//! What one task of each node does beside the work: it erases the rows of deleted channels in small steps, and drops old
//! notices. Nodes that do so at once take different channels, and nothing in here is ever waited for.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::codec::Columns;
use super::link::{ANSWER_TIMEOUT, Link};
use super::{failure, notices};

/// How many rows of a table one step erases.
const STEP_ROWS: i64 = 500;
/// How long it pauses between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(10);
/// How long after its last look it looks again by itself: for what another node left when it died, and for old notices.
const INTERVAL: Duration = Duration::from_secs(30);

/// A deleted channel that no other node is erasing.
pub(super) const NEXT: &str =
    "SELECT id FROM streams WHERE kind = 1 AND closed ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";

/// One step in each table.
pub(super) const STEPS: [&str; 3] = [
    "DELETE FROM messages WHERE channel_id = $1 AND message_id IN
     (SELECT message_id FROM messages WHERE channel_id = $1 ORDER BY message_id LIMIT $2)",
    "DELETE FROM tombstones WHERE channel_id = $1 AND message_id IN
     (SELECT message_id FROM tombstones WHERE channel_id = $1 ORDER BY message_id LIMIT $2)",
    "DELETE FROM log WHERE channel_id = $1 AND seq IN
     (SELECT seq FROM log WHERE channel_id = $1 ORDER BY seq LIMIT $2)",
];

/// Tidies up until `closing`: at the start, when woken, and now and then. Then all connections end, when their work has.
pub(super) async fn run(link: Link, erase: Arc<Notify>, closing: CancellationToken) {
    closing.run_until_cancelled(work(&link, erase)).await;
    link.pool().close().await;
}

async fn work(link: &Link, erase: Arc<Notify>) {
    loop {
        let looked = Instant::now();
        if let Err(error) = tidy(link).await {
            tracing::warn!(%error, "tidying up failed; it is tried again");
        }
        tokio::select! {
            () = erase.notified() => {}
            () = tokio::time::sleep_until(looked + INTERVAL) => {}
        }
    }
}

async fn tidy(link: &Link) -> sqlx::Result<()> {
    while step(link).await? {
        sleep(STEP_PAUSE).await;
    }
    notices::prune(link).await
}

/// Erases some rows. False: there are none that are free.
async fn step(link: &Link) -> sqlx::Result<bool> {
    let mut lease = link.lease().await?;
    let stepped = timeout(ANSWER_TIMEOUT, erase_some(lease.connection())).await;
    let more = stepped.unwrap_or_else(|_| Err(failure::timed_out()))?;
    lease.keep();
    Ok(more)
}

async fn erase_some(on: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::raw_sql("BEGIN").execute(&mut *on).await?;
    let found = sqlx::query(NEXT).fetch_optional(&mut *on).await?;
    if let Some(row) = &found {
        erase_of(on, Columns::of(row).get()?).await?;
    }
    sqlx::raw_sql("COMMIT").execute(on).await?;
    Ok(found.is_some())
}

/// Of the first table in which the channel has rows; in the end, the stream.
async fn erase_of(on: &mut PgConnection, channel: i64) -> sqlx::Result<()> {
    for table in STEPS {
        let erased = sqlx::query(table).bind(channel).bind(STEP_ROWS).execute(&mut *on).await?;
        if erased.rows_affected() > 0 {
            return Ok(());
        }
    }
    sqlx::query("DELETE FROM streams WHERE kind = 1 AND id = $1 AND closed").bind(channel).execute(on).await.map(drop)
}
