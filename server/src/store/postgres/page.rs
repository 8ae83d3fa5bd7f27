//! Pages of messages.

use guildhall_proto::ids::ChannelId;

use super::codec::{self, Columns};
use super::link::Link;
use super::streams;
use crate::store::{Anchor, MessageRow, Page};

/// Both sides of a border: the nearest $3 messages below the id $2, and the nearest $4 from it on. One statement, so one
/// snapshot, and its position with it. Deleted messages are in another table: what is walked over is what is found.
pub(super) const AROUND: &str = "
SELECT s.epoch, s.head,
       p.message_id, p.author_id, p.content, p.nonce, p.fingerprint, p.reply_to, p.create_ms, p.edit_ms, NULL::bigint,
       p.guild_seq
FROM streams AS s LEFT JOIN (
    (SELECT * FROM messages WHERE channel_id = $1 AND message_id < $2 ORDER BY message_id DESC LIMIT $3)
    UNION ALL
    (SELECT * FROM messages WHERE channel_id = $1 AND message_id >= $2 ORDER BY message_id LIMIT $4)
) AS p ON TRUE
WHERE s.kind = 1 AND s.id = $1 AND NOT s.closed";

/// A page; `None`: no such channel.
pub(super) async fn read(on: &Link, channel: ChannelId, anchor: Anchor, limit: usize) -> sqlx::Result<Option<Page>> {
    let (border, before) = match anchor {
        Anchor::Newest => (i64::MAX, limit),
        Anchor::Before(id) => (codec::bound(id), limit),
        Anchor::After(id) => (codec::bound(id).saturating_add(1), 0),
        Anchor::Around(id) => (codec::bound(id), limit / 2),
    };
    // One more than is wanted on either side tells whether there are more.
    let query = || {
        sqlx::query(AROUND)
            .bind(codec::id(channel))
            .bind(border)
            .bind(codec::limit(before.saturating_add(1)))
            .bind(codec::limit(limit.saturating_add(1)))
    };
    let rows = on.rows(query).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let position = streams::read_position(&mut Columns::of(first))?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        messages.extend(message(&mut Columns::of(row))?);
    }
    messages.sort_unstable_by_key(|message| message.id);
    let lower = messages.partition_point(|message| codec::bound(message.id) < border);
    let after = match anchor {
        Anchor::Newest | Anchor::Before(_) => 0,
        Anchor::After(_) => limit,
        Anchor::Around(_) => limit - before.min(lower),
    };
    let end = messages.len().min(lower.saturating_add(after));
    let (more_before, more_after) = (lower > before, messages.len() > end);
    messages.truncate(end);
    messages.drain(..lower.saturating_sub(before));
    Ok(Some(Page { messages, more_before, more_after, position }))
}

/// After the position: a message, or nothing if there is none on either side.
fn message(columns: &mut Columns<'_>) -> sqlx::Result<Option<MessageRow>> {
    columns.skip(2);
    if columns.is_null()? { Ok(None) } else { columns.message().map(Some) }
}
