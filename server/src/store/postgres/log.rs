//! The logs of channels: what is read from them.

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, MessageId, StreamKey, StreamKind, UserId};
use uuid::Uuid;

use super::codec::{self, Columns};
use super::link::Link;
use super::rows::{CREATED, DELETED, EDITED};
use super::{Engine, append, failure, page, streams};
use crate::metrics::{self, METRICS};
use crate::store::log::Change;
use crate::store::{Anchor, Append, ChannelLog, Entry, MessageRow, Page, Position, Record, Result, Sent};

#[async_trait]
impl ChannelLog for Engine {
    async fn append(&self, channel: ChannelId, expected_head: u64, entries: Vec<Entry>) -> Result<Append> {
        let append = append::append(&self.link, channel, expected_head, &entries);
        METRICS.append(metrics::Engine::Postgres, append).await.map_err(failure::error)
    }

    async fn position(&self, channel: ChannelId) -> Result<Option<Position>> {
        streams::position(&self.link, stream(channel)).await.map_err(failure::error)
    }

    async fn positions(&self, channels: &[ChannelId]) -> Result<Vec<Option<Position>>> {
        let streams: Vec<StreamKey> = channels.iter().map(|channel| stream(*channel)).collect();
        streams::positions(&self.link, &streams).await.map_err(failure::error)
    }

    async fn read(&self, channel: ChannelId, after: u64, limit: usize) -> Result<Vec<Record>> {
        read(&self.link, channel, after, limit).await.map_err(failure::error)
    }

    async fn sent(&self, channel: ChannelId, author: UserId, nonce: Uuid) -> Result<Option<Sent>> {
        sent(&self.link, channel, author, nonce).await.map_err(failure::error)
    }

    async fn messages(&self, channel: ChannelId, ids: &[MessageId]) -> Result<Vec<MessageRow>> {
        messages(&self.link, channel, ids).await.map_err(failure::error)
    }

    async fn page(&self, channel: ChannelId, anchor: Anchor, limit: usize) -> Result<Option<Page>> {
        page::read(&self.link, channel, anchor, limit).await.map_err(failure::error)
    }
}

fn stream(channel: ChannelId) -> StreamKey {
    StreamKey { kind: StreamKind::Channel, id: channel.into() }
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
WHERE l.channel_id = $1 AND l.seq > $2 AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = $1 AND NOT closed)
ORDER BY l.seq LIMIT $3";

/// Messages by id, live or not.
pub(super) const MESSAGES: &str = "
SELECT m.message_id, m.author_id, m.content, m.nonce, m.fingerprint, m.reply_to, m.create_ms, m.edit_ms, NULL::bigint,
       m.guild_seq
FROM messages AS m
WHERE m.channel_id = $1 AND m.message_id = ANY ($2)
  AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = $1 AND NOT closed)
UNION ALL
SELECT t.message_id, t.author_id, '', t.nonce, NULL, t.reply_to, t.create_ms, t.edit_ms, t.delete_ms, 0
FROM tombstones AS t
WHERE t.channel_id = $1 AND t.message_id = ANY ($2)
  AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = $1 AND NOT closed)";

/// What a nonce stands for.
pub(super) const SENT: &str = "
SELECT message_id, fingerprint, create_ms FROM messages
WHERE channel_id = $1 AND author_id = $2 AND nonce = $3
  AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = $1 AND NOT closed)
UNION ALL
SELECT message_id, NULL, create_ms FROM tombstones
WHERE channel_id = $1 AND author_id = $2 AND nonce = $3
  AND EXISTS (SELECT 1 FROM streams WHERE kind = 1 AND id = $1 AND NOT closed)";

async fn read(on: &Link, channel: ChannelId, after: u64, limit: usize) -> sqlx::Result<Vec<Record>> {
    let (channel, after, limit) = (codec::id(channel), codec::bound(after), codec::limit(limit));
    let rows = on.rows(|| sqlx::query(READ).bind(channel).bind(after).bind(limit)).await?;
    rows.iter().map(|row| record(&mut Columns::of(row))).collect()
}

fn record(columns: &mut Columns<'_>) -> sqlx::Result<Record> {
    Ok(Record {
        seq: columns.id()?,
        actor: columns.id()?,
        time_ms: columns.id()?,
        guild_seq: columns.id()?,
        change: match columns.get::<i16>()? {
            CREATED => Change::Created(columns.message()?),
            EDITED => Change::Edited(columns.message()?),
            DELETED => Change::Deleted(columns.id()?),
            _ => return Err(columns.wrong("unknown kind of entry")),
        },
    })
}

async fn messages(on: &Link, channel: ChannelId, ids: &[MessageId]) -> sqlx::Result<Vec<MessageRow>> {
    let ids: Vec<i64> = ids.iter().map(|id| codec::bound(*id)).collect();
    let rows = on.rows(|| sqlx::query(MESSAGES).bind(codec::id(channel)).bind(&ids)).await?;
    rows.iter().map(|row| Columns::of(row).message()).collect()
}

async fn sent(on: &Link, channel: ChannelId, author: UserId, nonce: Uuid) -> sqlx::Result<Option<Sent>> {
    let query = || sqlx::query(SENT).bind(codec::id(channel)).bind(codec::id(author)).bind(&nonce.as_bytes()[..]);
    on.row(query).await?.map(|row| Columns::of(&row).sent()).transpose()
}
