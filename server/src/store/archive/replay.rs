//! The logs of channels: entries are read as they are now, and appended again where they stood.
//!
//! An edit carries the message's last text, not the one that it brought: what was replaced is gone from the source, and
//! is nowhere in the target. A message that was deleted is made without a text, and deleted again.

use futures_util::{TryStreamExt, stream};
use guildhall_proto::ids::ChannelId;

use super::{CHANNELS_MAX, Channel, Gauge, MoveError, PAGE_ROWS, patiently, source, target};
use crate::store::log::Change;
use crate::store::{Append, Body, Entry, Record, Store};

/// Appends what is missing, of several channels at once.
pub(super) async fn channels(from: &Store, to: &Store, channels: &[Channel], gauge: &Gauge) -> Result<(), MoveError> {
    gauge.begin("moving messages", channels.iter().map(|channel| channel.head).sum());
    let moves = channels.iter().map(|channel| Ok(one(from, to, *channel, gauge)));
    stream::iter(moves).try_buffer_unordered(CHANNELS_MAX).try_collect().await
}

/// Until all of it is there. A store that is busy, or gone for a while, is waited for: whatever became of an append, the
/// head tells where to go on.
async fn one(from: &Store, to: &Store, channel: Channel, gauge: &Gauge) -> Result<(), MoveError> {
    if channel.head == 0 {
        return Ok(());
    }
    let mut reached = 0;
    patiently(async || {
        let before = reached;
        let went = go_on(from, to, channel, &mut reached, gauge).await;
        (went, reached > before)
    })
    .await
}

/// While a page is appended the next one is read.
async fn go_on(from: &Store, to: &Store, channel: Channel, reached: &mut u64, gauge: &Gauge) -> Result<(), MoveError> {
    let mut reach = |head: u64| {
        gauge.add(usize::try_from(head.saturating_sub(*reached)).unwrap_or_default());
        *reached = head.max(*reached);
    };
    let position = to.log.position(channel.id).await.map_err(target)?;
    let mut head = position.ok_or(MoveError::Disturbed(channel.id))?.seq;
    reach(head);
    let read = async |after: u64| from.log.read(channel.id, after, PAGE_ROWS).await.map_err(source);
    let mut page = read(head).await?;
    let mut at_once = PAGE_ROWS;
    while !page.is_empty() {
        let last = head + page.len() as u64;
        let entries = page.into_iter().map(entry).collect();
        let (next, taken) = tokio::try_join!(read(last), append(to, channel.id, head, entries, at_once))?;
        reach(last);
        (head, page, at_once) = (last, next, taken);
    }
    if head < channel.head { Err(MoveError::SourceChanged) } else { Ok(()) }
}

/// Appends all of these after `head`, some at once; returns how many at once the engine takes.
async fn append(
    to: &Store,
    channel: ChannelId,
    mut head: u64,
    mut entries: Vec<Entry>,
    mut at_once: usize,
) -> Result<usize, MoveError> {
    while !entries.is_empty() {
        let rest = entries.split_off(at_once.clamp(1, entries.len()));
        let given = entries.len();
        match to.log.append(channel, head, entries.clone()).await.map_err(target)? {
            Append::Done { taken } => {
                head += taken as u64;
                entries.drain(..taken);
                if taken < given {
                    at_once = taken;
                }
            }
            // An append that was given up has landed late, or somebody else writes here.
            Append::HeadMoved { .. } | Append::Duplicates(_) | Append::Gone | Append::Closed => {
                return Err(MoveError::Disturbed(channel));
            }
        }
        entries.extend(rest);
    }
    Ok(at_once)
}

/// What has to be appended for this to be read again.
pub(in crate::store) fn entry(record: Record) -> Entry {
    let body = match record.change {
        Change::Created(row) => Body::Create {
            nonce: row.nonce,
            // A deleted message has none, and gets none.
            fingerprint: row.fingerprint.unwrap_or_default(),
            content: row.content,
            reply_to: row.reply_to,
        },
        Change::Edited(row) => Body::Edit { message: row.id, content: row.content },
        Change::Deleted(message) => Body::Delete { message },
    };
    Entry { actor: record.actor, time_ms: record.time_ms, guild_seq: record.guild_seq, body }
}
