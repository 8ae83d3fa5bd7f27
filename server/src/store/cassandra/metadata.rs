//! The directory's metadata, but that a deletion of channels closes their logs here too.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, UserId};
use uuid::Uuid;

use super::Engine;
use super::closing::Job;
use crate::store::{
    AuditQuery, AuditRow, BanRow, BlockRow, Commit, ErasureRow, EventRow, GuildSnapshot, InviteRow, MemberRow,
    Metadata, NewEvent, Notice, Position, Result, TokenRow, UserRow, Write,
};

/// Logs that are closed at once.
const CLOSINGS_MAX: usize = 32;

/// The decorator.
pub(super) struct Closing {
    engine: Arc<Engine>,
    inner: Arc<dyn Metadata>,
}

impl Closing {
    /// Around the directory's.
    pub(super) fn new(engine: Arc<Engine>, inner: Arc<dyn Metadata>) -> Self {
        Self { engine, inner }
    }

    /// The channels that a commit deletes. A guild's are those of its picture: a channel that is made after it moves the
    /// guild's head, and the commit with it.
    async fn doomed(&self, writes: &[Write]) -> Result<Vec<ChannelId>> {
        let mut channels = Vec::new();
        for write in writes {
            match write {
                Write::DeleteChannel(channel) => channels.push(*channel),
                Write::DeleteGuild(guild) => {
                    let picture = self.inner.guild(*guild).await?;
                    channels.extend(picture.iter().flat_map(|picture| &picture.channels).map(|channel| channel.id));
                }
                _ => {}
            }
        }
        Ok(channels)
    }

    /// The directory knows them no more: their logs are closed. What does not succeed now is done by the janitor.
    async fn close(&self, channels: &[ChannelId], attempt: Uuid) {
        let closing = channels.iter().map(|channel| self.engine.close_log(*channel)).collect::<Vec<_>>();
        let closed: Vec<_> = stream::iter(closing).buffered(CLOSINGS_MAX).collect().await;
        for (channel, closed) in channels.iter().zip(closed) {
            if let Err(error) = closed {
                tracing::warn!(%error, channel = u64::from(*channel), "a deleted channel is not closed yet");
            }
            // When the queue is full, the next look at all attempts finds it.
            let _ = self.engine.jobs.try_send(Job { channel: *channel, attempt: Some(attempt) });
        }
    }
}

#[async_trait]
impl Metadata for Closing {
    async fn commit(
        &self,
        expected: Option<(StreamKey, u64)>,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<Commit> {
        let channels = self.doomed(&writes).await?;
        if channels.is_empty() {
            return self.inner.commit(expected, writes, events).await;
        }
        let attempt = Uuid::now_v7();
        self.engine.will_close(&channels, attempt).await?;
        let outcome = self.inner.commit(expected, writes, events).await;
        match &outcome {
            Ok(Commit::Done(_)) => self.close(&channels, attempt).await,
            // What stays of it is harmless.
            Ok(Commit::Moved(_) | Commit::Taken(_)) => drop(self.engine.has_closed(&channels, attempt).await),
            // It may have happened: the janitor asks the directory.
            Err(_) => {}
        }
        outcome
    }

    async fn user(&self, id: UserId) -> Result<Option<UserRow>> {
        self.inner.user(id).await
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<UserRow>> {
        self.inner.user_by_name(username).await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<UserRow>> {
        self.inner.users(ids).await
    }

    async fn bots_of(&self, owner: UserId) -> Result<Vec<UserRow>> {
        self.inner.bots_of(owner).await
    }

    async fn has_admin(&self) -> Result<bool> {
        self.inner.has_admin().await
    }

    async fn blocks(&self, user: UserId) -> Result<Vec<BlockRow>> {
        self.inner.blocks(user).await
    }

    async fn hidden_from(&self, user: UserId) -> Result<Vec<UserId>> {
        self.inner.hidden_from(user).await
    }

    async fn blocks_between(&self, one: UserId, other: UserId) -> Result<Vec<BlockRow>> {
        self.inner.blocks_between(one, other).await
    }

    async fn erasures(&self, now_ms: u64, limit: usize) -> Result<Vec<ErasureRow>> {
        self.inner.erasures(now_ms, limit).await
    }

    async fn token(&self, digest: &[u8; 32]) -> Result<Option<(TokenRow, UserRow)>> {
        self.inner.token(digest).await
    }

    async fn tokens(&self, user: UserId) -> Result<Vec<TokenRow>> {
        self.inner.tokens(user).await
    }

    async fn guild(&self, id: GuildId) -> Result<Option<GuildSnapshot>> {
        self.inner.guild(id).await
    }

    async fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>> {
        self.inner.guilds_of(user).await
    }

    async fn guilds_owned(&self, user: UserId) -> Result<Vec<GuildId>> {
        self.inner.guilds_owned(user).await
    }

    async fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>> {
        self.inner.guild_of(channel).await
    }

    async fn members(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(MemberRow, UserRow)>> {
        self.inner.members(guild, after, limit).await
    }

    async fn ban(&self, guild: GuildId, user: UserId) -> Result<Option<BanRow>> {
        self.inner.ban(guild, user).await
    }

    async fn bans(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(BanRow, Option<UserRow>)>> {
        self.inner.bans(guild, after, limit).await
    }

    async fn audit(&self, guild: GuildId, query: AuditQuery, limit: usize) -> Result<Vec<AuditRow>> {
        self.inner.audit(guild, query, limit).await
    }

    async fn invite(&self, code: &str) -> Result<Option<InviteRow>> {
        self.inner.invite(code).await
    }

    async fn invites(&self, guild: GuildId) -> Result<Vec<InviteRow>> {
        self.inner.invites(guild).await
    }

    async fn stream_position(&self, stream: StreamKey) -> Result<Option<Position>> {
        self.inner.stream_position(stream).await
    }

    async fn stream_positions(&self, streams: &[StreamKey]) -> Result<Vec<Option<Position>>> {
        self.inner.stream_positions(streams).await
    }

    async fn stream_events(&self, stream: StreamKey, after: u64, limit: usize) -> Result<Vec<EventRow>> {
        self.inner.stream_events(stream, after, limit).await
    }

    async fn notices(&self, after: u64) -> Result<(u64, Vec<Notice>)> {
        self.inner.notices(after).await
    }
}
