//! The logs of channels: appends go to the writer, reads to the pool.

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, MessageId, StreamKey, StreamKind, UserId};
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::codec::{self, Columns};
use super::rows::{CREATED, DELETED, EDITED, Rows};
use super::writer::Job;
use super::{Engine, failure, page, streams};
use crate::metrics::{self, METRICS};
use crate::store::log::Change;
use crate::store::{Anchor, Append, ChannelLog, Entry, MessageRow, Page, Position, Record, Result, Sent};

#[async_trait]
impl ChannelLog for Engine {
    async fn append(&self, channel: ChannelId, expected_head: u64, entries: Vec<Entry>) -> Result<Append> {
        let rows = Rows::new(channel, expected_head, &entries);
        let (waiter, answer) = oneshot::channel();
        let append = async {
            self.queue.send(Job::Append(rows, waiter)).await.map_err(|_| failure::closed())?;
            answer.await.map_err(|_| failure::closed())?
        };
        METRICS.append(metrics::Engine::Sqlite, append).await
    }

    async fn position(&self, channel: ChannelId) -> Result<Option<Position>> {
        let stream = StreamKey { kind: StreamKind::Channel, id: channel.into() };
        streams::position(&mut *self.reader().await?, stream).await.map_err(failure::error)
    }

    async fn positions(&self, channels: &[ChannelId]) -> Result<Vec<Option<Position>>> {
        positions(&mut *self.reader().await?, channels).await.map_err(failure::error)
    }

    async fn read(&self, channel: ChannelId, after: u64, limit: usize) -> Result<Vec<Record>> {
        read(&mut *self.reader().await?, channel, after, limit).await.map_err(failure::error)
    }

    async fn sent(&self, channel: ChannelId, author: UserId, nonce: Uuid) -> Result<Option<Sent>> {
        sent(&mut *self.reader().await?, channel, author, nonce).await.map_err(failure::error)
    }

    async fn messages(&self, channel: ChannelId, ids: &[MessageId]) -> Result<Vec<MessageRow>> {
        messages(&mut *self.reader().await?, channel, ids).await.map_err(failure::error)
    }

    async fn page(&self, channel: ChannelId, anchor: Anchor, limit: usize) -> Result<Option<Page>> {
        page::read(&mut *self.reader().await?, channel, anchor, limit).await.map_err(failure::error)
    }
}

async fn positions(on: &mut SqliteConnection, channels: &[ChannelId]) -> sqlx::Result<Vec<Option<Position>>> {
    let select = "SELECT j.key, s.epoch, s.head FROM json_each(?1) AS j CROSS JOIN streams AS s
                  WHERE s.kind = 1 AND s.id = j.value AND s.closed = 0";
    let ids = codec::list(channels.iter().map(|channel| codec::id(*channel)));
    let mut positions = vec![None; channels.len()];
    for row in sqlx::query(select).bind(ids).fetch_all(on).await? {
        let mut columns = Columns::of(&row);
        let index: usize = columns.number()?;
        positions[index] = Some(streams::read_position(&mut columns)?);
    }
    Ok(positions)
}

/// The log with the messages as they are now: live ones, or what is left of deleted ones. A deleted channel has none.
pub(super) const READ: &str = "
SELECT l.seq, l.actor_id, l.time_ms, l.guild_seq, l.kind, l.message_id,
       COALESCE(m.author_id, t.author_id), COALESCE(m.content, ''), COALESCE(m.nonce, t.nonce), m.fingerprint,
       COALESCE(m.reply_to, t.reply_to), COALESCE(m.create_ms, t.create_ms), COALESCE(m.edit_ms, t.edit_ms), t.delete_ms,
       COALESCE(m.guild_seq, 0)
FROM log AS l
LEFT JOIN messages AS m ON l.kind <> 3 AND m.channel_id = l.channel_id AND m.message_id = l.message_id
LEFT JOIN tombstones AS t
    ON l.kind <> 3 AND m.message_id IS NULL AND t.channel_id = l.channel_id AND t.message_id = l.message_id
WHERE l.channel_id = ?1 AND l.seq > ?2 AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = ?1 AND closed = 0)
ORDER BY l.seq LIMIT ?3";

async fn read(on: &mut SqliteConnection, channel: ChannelId, after: u64, limit: usize) -> sqlx::Result<Vec<Record>> {
    let rows = sqlx::query(READ)
        .bind(codec::id(channel))
        .bind(codec::bound(after))
        .bind(codec::limit(limit))
        .fetch_all(on)
        .await?;
    rows.iter().map(|row| record(&mut Columns::of(row))).collect()
}

fn record(columns: &mut Columns<'_>) -> sqlx::Result<Record> {
    Ok(Record {
        seq: columns.id()?,
        actor: columns.id()?,
        time_ms: columns.id()?,
        guild_seq: columns.id()?,
        change: match columns.get::<i64>()? {
            CREATED => Change::Created(columns.message()?),
            EDITED => Change::Edited(columns.message()?),
            DELETED => Change::Deleted(columns.id()?),
            _ => return Err(columns.wrong("unknown kind of entry")),
        },
    })
}

async fn messages(on: &mut SqliteConnection, channel: ChannelId, ids: &[MessageId]) -> sqlx::Result<Vec<MessageRow>> {
    let select = "
        SELECT message_id, author_id, content, nonce, fingerprint, reply_to, create_ms, edit_ms, NULL, guild_seq
        FROM messages
        WHERE channel_id = ?1 AND message_id IN (SELECT value FROM json_each(?2))
          AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = ?1 AND closed = 0)
        UNION ALL
        SELECT message_id, author_id, '', nonce, NULL, reply_to, create_ms, edit_ms, delete_ms, 0 FROM tombstones
        WHERE channel_id = ?1 AND message_id IN (SELECT value FROM json_each(?2))
          AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = ?1 AND closed = 0)";
    let ids = codec::list(ids.iter().map(|id| codec::bound(*id)));
    let rows = sqlx::query(select).bind(codec::id(channel)).bind(ids).fetch_all(on).await?;
    rows.iter().map(|row| Columns::of(row).message()).collect()
}

async fn sent(
    on: &mut SqliteConnection,
    channel: ChannelId,
    author: UserId,
    nonce: Uuid,
) -> sqlx::Result<Option<Sent>> {
    let select = "
        SELECT message_id, fingerprint, create_ms FROM messages
        WHERE channel_id = ?1 AND author_id = ?2 AND nonce = ?3
          AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = ?1 AND closed = 0)
        UNION ALL
        SELECT message_id, NULL, create_ms FROM tombstones
        WHERE channel_id = ?1 AND author_id = ?2 AND nonce = ?3
          AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = ?1 AND closed = 0)";
    let query = sqlx::query(select).bind(codec::id(channel)).bind(codec::id(author)).bind(&nonce.as_bytes()[..]);
    query.fetch_optional(on).await?.map(|row| Columns::of(&row).sent()).transpose()
}
