//! Everything but the logs of channels: changes go to the writer, reads to the pool. The statements are in a file per
//! noun.

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, UserId};
use tokio::sync::oneshot;

use super::changes::Change;
use super::writer::Job;
use super::{
    Engine, audit, bans, blocks, channels, erasures, failure, guilds, invites, members, streams, tokens, users,
};
use crate::store::{
    AuditQuery, AuditRow, BanRow, BlockRow, Commit, ErasureRow, EventRow, GuildSnapshot, InviteRow, MemberRow,
    Metadata, NewEvent, Position, Result, TokenRow, UserRow, Write,
};

#[async_trait]
impl Metadata for Engine {
    async fn commit(
        &self,
        expected: Option<(StreamKey, u64)>,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<Commit> {
        let (waiter, answer) = oneshot::channel();
        let job = Job::Change(Change { expected, writes, events }, waiter);
        self.queue.send(job).await.map_err(|_| failure::closed())?;
        answer.await.map_err(|_| failure::closed())?
    }

    async fn user(&self, id: UserId) -> Result<Option<UserRow>> {
        users::by_id(&mut *self.reader().await?, id).await.map_err(failure::error)
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<UserRow>> {
        users::by_name(&mut *self.reader().await?, username).await.map_err(failure::error)
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<UserRow>> {
        users::by_ids(&mut *self.reader().await?, ids).await.map_err(failure::error)
    }

    async fn bots_of(&self, owner: UserId) -> Result<Vec<UserRow>> {
        users::bots_of(&mut *self.reader().await?, owner).await.map_err(failure::error)
    }

    async fn has_admin(&self) -> Result<bool> {
        users::has_admin(&mut *self.reader().await?).await.map_err(failure::error)
    }

    async fn blocks(&self, user: UserId) -> Result<Vec<BlockRow>> {
        blocks::of_user(&mut *self.reader().await?, user).await.map_err(failure::error)
    }

    async fn hidden_from(&self, user: UserId) -> Result<Vec<UserId>> {
        blocks::hidden_from(&mut *self.reader().await?, user).await.map_err(failure::error)
    }

    async fn blocks_between(&self, one: UserId, other: UserId) -> Result<Vec<BlockRow>> {
        blocks::between(&mut *self.reader().await?, one, other).await.map_err(failure::error)
    }

    async fn erasures(&self, now_ms: u64, limit: usize) -> Result<Vec<ErasureRow>> {
        erasures::due(&mut *self.reader().await?, now_ms, limit).await.map_err(failure::error)
    }

    async fn token(&self, digest: &[u8; 32]) -> Result<Option<(TokenRow, UserRow)>> {
        tokens::by_digest(&mut *self.reader().await?, digest).await.map_err(failure::error)
    }

    async fn tokens(&self, user: UserId) -> Result<Vec<TokenRow>> {
        tokens::of_user(&mut *self.reader().await?, user).await.map_err(failure::error)
    }

    async fn guild(&self, id: GuildId) -> Result<Option<GuildSnapshot>> {
        guilds::snapshot(&mut *self.reader().await?, id).await.map_err(failure::error)
    }

    async fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>> {
        guilds::of_user(&mut *self.reader().await?, user).await.map_err(failure::error)
    }

    async fn beginning(&self, id: UserId) -> Result<Option<(UserRow, Position, Vec<GuildId>)>> {
        users::beginning(&mut *self.reader().await?, id).await.map_err(failure::error)
    }

    async fn guilds_owned(&self, user: UserId) -> Result<Vec<GuildId>> {
        users::guilds_owned(&mut *self.reader().await?, user).await.map_err(failure::error)
    }

    async fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>> {
        channels::guild_of(&mut *self.reader().await?, channel).await.map_err(failure::error)
    }

    async fn members(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(MemberRow, UserRow)>> {
        members::page(&mut *self.reader().await?, guild, after, limit).await.map_err(failure::error)
    }

    async fn ban(&self, guild: GuildId, user: UserId) -> Result<Option<BanRow>> {
        bans::of_user(&mut *self.reader().await?, guild, user).await.map_err(failure::error)
    }

    async fn bans(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(BanRow, Option<UserRow>)>> {
        bans::page(&mut *self.reader().await?, guild, after, limit).await.map_err(failure::error)
    }

    async fn audit(&self, guild: GuildId, query: AuditQuery, limit: usize) -> Result<Vec<AuditRow>> {
        audit::page(&mut *self.reader().await?, guild, query, limit).await.map_err(failure::error)
    }

    async fn invite(&self, code: &str) -> Result<Option<InviteRow>> {
        invites::by_code(&mut *self.reader().await?, code).await.map_err(failure::error)
    }

    async fn invites(&self, guild: GuildId) -> Result<Vec<InviteRow>> {
        invites::of_guild(&mut *self.reader().await?, guild).await.map_err(failure::error)
    }

    async fn stream_position(&self, stream: StreamKey) -> Result<Option<Position>> {
        streams::position(&mut *self.reader().await?, stream).await.map_err(failure::error)
    }

    async fn stream_positions(&self, streams: &[StreamKey]) -> Result<Vec<Option<Position>>> {
        streams::positions(&mut *self.reader().await?, streams).await.map_err(failure::error)
    }

    async fn stream_events(&self, stream: StreamKey, after: u64, limit: usize) -> Result<Vec<EventRow>> {
        streams::events(&mut *self.reader().await?, stream, after, limit).await.map_err(failure::error)
    }
}
