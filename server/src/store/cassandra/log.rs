//! The logs of channels, as the rooms above see them.

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use guildhall_proto::ids::{ChannelId, MessageId, UserId};
use uuid::Uuid;

use super::known::Known;
use super::tip::Tip;
use super::{Engine, codec};
use crate::metrics::{self, METRICS};
use crate::store::{Anchor, Append, ChannelLog, Entry, MessageRow, Page, Position, Record, Result, Sent};

/// Heads that one call reads at once.
const HEADS_MAX: usize = 64;

#[async_trait]
impl ChannelLog for Engine {
    async fn append(&self, channel: ChannelId, expected_head: u64, entries: Vec<Entry>) -> Result<Append> {
        self.admit()?;
        let appended = Box::pin(self.append_entries(channel, expected_head, &entries));
        METRICS.append(metrics::Engine::Cassandra, appended).await
    }

    /// Everything up to it is written out: whoever asks is about to decide by what the messages are now.
    async fn position(&self, channel: ChannelId) -> Result<Option<Position>> {
        self.admit()?;
        let Some(known) = self.known(channel).await? else { return Ok(None) };
        let tip = self.settled(channel, known).await?;
        Ok(tip.map(|tip| position(known, tip)))
    }

    async fn positions(&self, channels: &[ChannelId]) -> Result<Vec<Option<Position>>> {
        self.admit()?;
        let known = self.known_all(channels).await?;
        let asked: Vec<_> = channels.iter().copied().zip(known).collect();
        let heads = asked.into_iter().map(|(channel, known)| async move {
            let Some(known) = known else { return Ok(None) };
            Ok(self.tip(channel, known).await?.map(|tip| position(known, tip)))
        });
        stream::iter(heads).buffered(HEADS_MAX).try_collect().await
    }

    async fn read(&self, channel: ChannelId, after: u64, limit: usize) -> Result<Vec<Record>> {
        self.admit()?;
        self.records(channel, after, limit).await
    }

    async fn sent(&self, channel: ChannelId, author: UserId, nonce: Uuid) -> Result<Option<Sent>> {
        self.admit()?;
        self.find_sent(channel, author, nonce).await
    }

    async fn messages(&self, channel: ChannelId, ids: &[MessageId]) -> Result<Vec<MessageRow>> {
        self.admit()?;
        if self.known(channel).await?.is_none() {
            return Ok(Vec::new());
        }
        let states = self.states(channel, ids.iter().map(|id| codec::bound(*id))).await?;
        Ok(states.into_values().filter_map(|state| state.message).collect())
    }

    async fn page(&self, channel: ChannelId, anchor: Anchor, limit: usize) -> Result<Option<Page>> {
        self.admit()?;
        Box::pin(self.page_of(channel, anchor, limit)).await
    }
}

impl Engine {
    /// The end of a channel's log, with everything up to it written out; `None`: it is closed.
    pub(super) async fn settled(&self, channel: ChannelId, known: Known) -> Result<Option<Tip>> {
        let Some(tip) = self.tip(channel, known).await? else { return Ok(None) };
        let from = known.seen.max(known.applied).max(tip.applied);
        if from < tip.seq {
            self.see(channel, from, tip.seq).await?;
        }
        Ok(Some(tip))
    }
}

fn position(known: Known, tip: Tip) -> Position {
    Position { epoch: known.epoch, seq: tip.seq.cast_unsigned() }
}
