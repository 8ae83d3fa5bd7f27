//! Pages of messages.

use guildhall_proto::ids::ChannelId;

use super::codec::{self, Value};
use super::states::StateRow;
use super::tip::Tip;
use super::{Engine, codec::bound};
use crate::store::{Anchor, MessageRow, Page, Position, Result};

/// Rows in one select.
const ROWS_MAX: usize = 500;
/// More than the page wants, at first: some may be deleted.
const SPARE: usize = 10;

impl Engine {
    /// See `ChannelLog::page`. The position is read first, and all up to it is written out; so the page shows at least
    /// what the position says, and what it shows beyond that comes again.
    pub(super) async fn page_of(&self, channel: ChannelId, anchor: Anchor, limit: usize) -> Result<Option<Page>> {
        let Some(known) = self.known(channel).await? else { return Ok(None) };
        let Some(tip) = self.settled(channel, known).await? else { return Ok(None) };
        let position = Position { epoch: known.epoch, seq: tip.seq.cast_unsigned() };
        let (border, before) = match anchor {
            Anchor::Newest => (i64::MAX, limit),
            Anchor::Before(id) => (bound(id), limit),
            Anchor::After(id) => (bound(id).saturating_add(1), 0),
            Anchor::Around(id) => (bound(id), limit / 2),
        };
        let after = match anchor {
            Anchor::Newest | Anchor::Before(_) => 0,
            Anchor::After(_) | Anchor::Around(_) => limit,
        };
        // One more than is wanted on either side tells whether there are more.
        let below = self.below(channel, tip, border, before.saturating_add(1));
        let above = self.above(channel, tip, border, after.saturating_add(1));
        let (mut below, mut above) = tokio::try_join!(below, above)?;
        let after = match anchor {
            Anchor::Around(_) => limit - before.min(below.len()),
            _ => after,
        };
        let (more_before, more_after) = (below.len() > before, above.len() > after);
        below.truncate(before);
        below.reverse();
        above.truncate(after);
        below.append(&mut above);
        Ok(Some(Page { messages: below, more_before, more_after, position }))
    }

    /// Live messages below an id, the newest first.
    async fn below(&self, channel: ChannelId, tip: Tip, border: i64, limit: usize) -> Result<Vec<MessageRow>> {
        let mut found = Vec::new();
        let mut border = border.min(self.buckets.last(tip.bucket).saturating_add(1));
        while border > 1 && found.len() < limit {
            let bucket = self.buckets.holding(border - 1);
            let asked = (limit - found.len()).saturating_add(SPARE).min(ROWS_MAX);
            let values: [Value; 4] =
                [codec::id(channel).into(), bucket.into(), border.into(), codec::limit(asked).into()];
            let rows: Vec<StateRow> = self.rows(&self.statements.below, values).await?;
            border = match rows.last() {
                Some(row) if rows.len() == asked => row.id,
                _ => self.buckets.before(bucket) + 1,
            };
            take_live(&mut found, rows)?;
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Live messages from an id on, the oldest first.
    async fn above(&self, channel: ChannelId, tip: Tip, border: i64, limit: usize) -> Result<Vec<MessageRow>> {
        let mut found = Vec::new();
        let mut border = border.max(1);
        let end = self.buckets.last(tip.bucket);
        while border <= end && found.len() < limit {
            let bucket = self.buckets.holding(border);
            let asked = (limit - found.len()).saturating_add(SPARE).min(ROWS_MAX);
            let values: [Value; 4] =
                [codec::id(channel).into(), bucket.into(), border.into(), codec::limit(asked).into()];
            let rows: Vec<StateRow> = self.rows(&self.statements.from, values).await?;
            border = match rows.last() {
                Some(row) if rows.len() == asked => row.id + 1,
                _ => self.buckets.last(bucket) + 1,
            };
            take_live(&mut found, rows)?;
        }
        found.truncate(limit);
        Ok(found)
    }
}

fn take_live(found: &mut Vec<MessageRow>, rows: Vec<StateRow>) -> Result<()> {
    for row in rows {
        found.extend(row.message()?.filter(|message| message.delete_ms.is_none()));
    }
    Ok(())
}
