//! What a node of several does beside its own callers' work: it forgets what others have changed, and lets the relay read.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey, StreamKind},
    v1::{self, event::Payload},
};
use tokio::time::{Instant, sleep, timeout};

use super::Chat;
use crate::{
    fanout::relay::{Logs, ReadResult},
    store::{self, Notice},
};

/// How often the notices of other nodes are read, if nobody says that there are some.
const NOTICES_EVERY: Duration = Duration::from_millis(500);
/// Notices that are poked for are read at most this often.
const NOTICES_PAUSE: Duration = Duration::from_millis(20);
/// How long reading them may take: longer than the storage itself waits for an answer, or it would never learn that there
/// was none.
const NOTICES_WITHIN: Duration = Duration::from_secs(8);
/// Without them for this long, tokens that are held count for nothing and are asked for anew.
const TRUST: Duration = Duration::from_secs(30);

impl Chat {
    /// Forgets what other nodes have changed, for ever. To be run where there are other nodes, before the first call is
    /// served; until the first answer of the storage, nothing that is held counts.
    pub async fn take_notices(&self) {
        self.among_others.store(true, Ordering::Relaxed);
        self.tokens.trust(false);
        let mut watermark = None;
        let mut heard = None;
        // Whether notices may have been missed.
        let mut blind = true;
        loop {
            match timeout(NOTICES_WITHIN, self.read_notices(watermark, blind)).await {
                Ok(Ok(next)) => {
                    (watermark, heard, blind) = (Some(next), Some(Instant::now()), false);
                    self.tokens.trust(true);
                }
                Ok(Err(error)) => tracing::warn!(%error, "the notices of other nodes cannot be read"),
                Err(_) => tracing::warn!("the notices of other nodes are not read in time"),
            }
            if heard.is_none_or(|heard| heard.elapsed() > TRUST) {
                self.tokens.trust(false);
                self.people.forget_all();
                blind = true;
            }
            sleep(NOTICES_PAUSE).await;
            // Poked or not: the notices are read.
            let _ = timeout(NOTICES_EVERY, self.notices_due.notified()).await;
        }
    }

    /// The next watermark.
    async fn read_notices(&self, watermark: Option<u64>, blind: bool) -> store::Result<u64> {
        let (next, notices) = self.metadata().notices(watermark.unwrap_or(0)).await?;
        if blind {
            self.relationships.all_changed().await?;
        }
        for notice in notices {
            match notice {
                Notice::LoginEnded(session) => self.tokens.ended_elsewhere(session),
                Notice::TokensExpire { user, expire_ms } => self.tokens.expire(user, expire_ms),
                Notice::ProfileChanged(user) => self.people.forget(user),
                Notice::BlocksChanged(user) => self.relationships.changed(user).await?,
            }
        }
        Ok(next)
    }
}

/// The guild that the user of a stream joined or left.
fn guild_of_membership(event: &v1::Event) -> Option<GuildId> {
    match event.payload.as_ref()? {
        Payload::GuildLeft(left) => Some(GuildId(left.guild_id)),
        Payload::GuildJoined(joined) => joined.guild.as_ref().map(|guild| GuildId(guild.id)),
        _ => None,
    }
}

#[async_trait]
impl Logs for Chat {
    async fn heads(&self, streams: &[StreamKey]) -> ReadResult<Vec<Option<u64>>> {
        let channels: Vec<_> =
            streams.iter().filter(|stream| stream.is_channel()).map(|stream| ChannelId(stream.id)).collect();
        let others: Vec<_> = streams.iter().filter(|stream| !stream.is_channel()).copied().collect();
        let of_channels =
            async { if channels.is_empty() { Ok(Vec::new()) } else { self.store.log.positions(&channels).await } };
        let of_others =
            async { if others.is_empty() { Ok(Vec::new()) } else { self.metadata().stream_positions(&others).await } };
        let (of_channels, of_others) = tokio::try_join!(of_channels, of_others)?;
        let (mut of_channels, mut of_others) = (of_channels.into_iter(), of_others.into_iter());
        let heads = streams.iter().map(|stream| {
            let next = if stream.is_channel() { of_channels.next() } else { of_others.next() };
            next.flatten().map(|position| position.seq)
        });
        Ok(heads.collect())
    }

    async fn read(&self, stream: StreamKey, after: u64, limit: usize) -> ReadResult<Vec<v1::Event>> {
        let events = self.read_stream(stream, after, limit).await?;
        if stream.kind == StreamKind::User {
            // Whoever hears of having left must not be shown, by an older picture, what is said afterwards.
            for guild in events.iter().filter_map(guild_of_membership) {
                self.follow_guild(guild).await?;
            }
        }
        Ok(events)
    }

    async fn follow_guild(&self, guild: GuildId) -> ReadResult<()> {
        match self.guilds.held(guild) {
            Some(handle) => Ok(self.guilds.catch_up(&handle).await?),
            None => Ok(()),
        }
    }

    fn guild_at(&self, guild: GuildId) -> Option<u64> {
        self.guilds.held(guild).map(|handle| handle.position().seq)
    }

    fn guild_of(&self, channel: ChannelId) -> Option<GuildId> {
        self.guilds.known_guild_of(channel)
    }

    fn notices_due(&self) {
        self.notices_due.notify_one();
    }
}
