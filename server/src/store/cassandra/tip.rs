//! Where the head of a channel is: in its newest bucket, which a hint tells and a look upward confirms.

use guildhall_proto::ids::ChannelId;
use scylla::statement::prepared::PreparedStatement;

use super::known::Known;
use super::{Engine, codec};
use crate::store::Result;

/// In place of the head, once a channel is closed: no append can expect it.
pub(super) const CLOSED: i64 = -1;

/// The end of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tip {
    /// The newest bucket.
    pub(super) bucket: i32,
    /// The head; 0 = nothing yet.
    pub(super) seq: i64,
    /// Up to here the state of all messages is written.
    pub(super) applied: i64,
}

impl Engine {
    /// The end of a channel's log; `None`: it is closed.
    pub(super) async fn tip(&self, channel: ChannelId, known: Known) -> Result<Option<Tip>> {
        let hint = match known.newest {
            Some(bucket) => bucket,
            None => self.hint(channel).await?,
        };
        let tip = self.tip_from(channel, hint).await?;
        match tip {
            Some(tip) if tip.seq < known.seen => self.channels.forget(channel),
            Some(tip) => self.channels.learn(channel, |known| known.newest = known.newest.max(Some(tip.bucket))),
            None => self.channels.forget(channel),
        }
        Ok(tip)
    }

    /// Looks upward from a bucket that should exist, in growing steps.
    pub(super) async fn tip_from(&self, channel: ChannelId, hint: i32) -> Result<Option<Tip>> {
        let mut bucket = hint;
        let mut found = self.head(channel, bucket).await?;
        if found.is_none() && bucket > 0 {
            bucket = 0;
            found = self.head(channel, bucket).await?;
        }
        let Some(mut found) = found else { return Ok(Some(Tip { bucket: 0, seq: 0, applied: 0 })) };
        let mut step = 1;
        loop {
            if found.0 == CLOSED {
                return Ok(None);
            }
            let tip = Tip { bucket, seq: found.0, applied: found.1 };
            if found.0 < self.buckets.last(bucket) {
                return Ok(Some(tip));
            }
            match self.head(channel, bucket.saturating_add(step)).await? {
                Some(next) => {
                    found = next;
                    bucket += step;
                    step *= 2;
                }
                None if step == 1 => return Ok(Some(tip)),
                None => step = 1,
            }
        }
    }

    /// Head and applied of a bucket, if it was begun.
    pub(super) async fn head(&self, channel: ChannelId, bucket: i32) -> Result<Option<(i64, i64)>> {
        self.head_by(&self.statements.head, channel, bucket).await
    }

    /// The same, after whatever is in flight was finished or buried.
    pub(super) async fn head_serial(&self, channel: ChannelId, bucket: i32) -> Result<Option<(i64, i64)>> {
        self.head_by(&self.statements.head_serial, channel, bucket).await
    }

    async fn head_by(&self, select: &PreparedStatement, channel: ChannelId, bucket: i32) -> Result<Option<(i64, i64)>> {
        let at = [codec::id(channel).into(), bucket.into()];
        let rows: Vec<(Option<i64>, Option<i64>)> = self.rows(select, at).await?;
        let before = self.buckets.before(bucket);
        let begun = rows.first().and_then(|(head, applied)| head.map(|head| (head, applied.unwrap_or(0))));
        Ok(begun.map(|(head, applied)| (head, applied.max(before))))
    }

    async fn hint(&self, channel: ChannelId) -> Result<i32> {
        let rows: Vec<(Option<i32>,)> = self.rows(&self.statements.newest, [codec::id(channel).into()]).await?;
        Ok(rows.first().and_then(|row| row.0).unwrap_or(0).max(0))
    }
}
