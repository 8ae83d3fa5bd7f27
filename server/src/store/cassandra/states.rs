//! Messages as they are now.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use guildhall_proto::ids::ChannelId;
use scylla::DeserializeRow;

use super::codec::{self, CREATED, What};
use super::{Engine, failure};
use crate::store::{MessageRow, Result};

/// Ids in one select.
const IDS_MAX: usize = 200;
/// Selects that one call has in flight.
pub(super) const READS_MAX: usize = 16;

/// A row of `messages`.
#[derive(DeserializeRow)]
pub(super) struct StateRow {
    pub(super) id: i64,
    made: Option<Vec<u8>>,
    content: Option<String>,
    fingerprint: Option<i64>,
    changed: Option<i64>,
    guild_seq: Option<i64>,
    edit_ms: Option<i64>,
    delete_ms: Option<i64>,
}

/// A message, and how recent that is.
pub(super) struct State {
    /// The message; `None` until its create was written out.
    pub(super) message: Option<MessageRow>,
    /// The seq of the last change that is in here.
    pub(super) changed: i64,
}

impl State {
    /// Whether what this seq did to the message `id`, or something later, is in here.
    pub(super) fn shows(&self, id: i64, seq: i64) -> bool {
        self.changed >= seq && (id != seq || self.message.is_some())
    }
}

impl StateRow {
    /// As the rooms above know it.
    pub(super) fn state(self) -> Result<State> {
        let created = if self.made.is_some() { self.id } else { 0 };
        let changed = self.changed.unwrap_or(created);
        Ok(State { message: self.message()?, changed })
    }

    /// The message, if it is whole. Whatever was written after a deletion is not shown.
    pub(super) fn message(self) -> Result<Option<MessageRow>> {
        let Some(made) = &self.made else { return Ok(None) };
        let meta = codec::meta(CREATED, made)?;
        let What::Created { nonce, reply_to } = meta.what else {
            return Err(failure::unreadable("a message that was not created"));
        };
        let number = |value: Option<i64>| value.map(i64::cast_unsigned);
        let live = self.delete_ms.is_none();
        Ok(Some(MessageRow {
            id: self.id.cast_unsigned().into(),
            author: meta.actor.into(),
            content: self.content.filter(|_| live).unwrap_or_default(),
            nonce,
            fingerprint: number(self.fingerprint).filter(|_| live),
            reply_to: reply_to.map(Into::into),
            create_ms: meta.time_ms,
            edit_ms: number(self.edit_ms),
            delete_ms: number(self.delete_ms),
            guild_seq: if live { number(self.guild_seq).unwrap_or(meta.guild_seq) } else { 0 },
        }))
    }
}

impl Engine {
    /// Messages by id; those of which nothing was written are left out.
    pub(super) async fn states(
        &self,
        channel: ChannelId,
        ids: impl IntoIterator<Item = i64>,
    ) -> Result<HashMap<i64, State>> {
        let selects = self.by_bucket(ids).into_iter().map(|(bucket, ids)| async move {
            let values = [codec::id(channel).into(), bucket.into(), codec::Value::list(&ids)];
            self.rows::<StateRow>(&self.statements.by_id, values).await
        });
        let found: Vec<Vec<StateRow>> = stream::iter(selects).buffer_unordered(READS_MAX).try_collect().await?;
        found.into_iter().flatten().map(|row| Ok((row.id, row.state()?))).collect()
    }

    /// Seqs as selects want them: without doubles, by bucket, not too many at once.
    pub(super) fn by_bucket(&self, seqs: impl IntoIterator<Item = i64>) -> Vec<(i32, Vec<i64>)> {
        let mut buckets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for seq in seqs.into_iter().filter(|seq| *seq > 0) {
            buckets.entry(self.buckets.holding(seq)).or_default().push(seq);
        }
        let mut parts = Vec::new();
        for (bucket, mut seqs) in buckets {
            seqs.sort_unstable();
            seqs.dedup();
            parts.extend(seqs.chunks(IDS_MAX).map(|seqs| (bucket, seqs.to_vec())));
        }
        parts
    }
}
