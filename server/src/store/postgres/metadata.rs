//! Everything but the logs of channels. The statements are in a file per noun.

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, UserId};

use super::changes::Change;
use super::{
    Engine, audit, bans, blocks, changes, channels, erasures, failure, guilds, invites, members, notices, streams,
    tokens, users,
};
use crate::store::{
    AuditQuery, AuditRow, BanRow, BlockRow, Commit, ErasureRow, EventRow, GuildSnapshot, InviteRow, MemberRow,
    Metadata, NewEvent, Notice, Position, Result, TokenRow, UserRow, Write,
};

#[async_trait]
impl Metadata for Engine {
    async fn commit(
        &self,
        expected: Option<(StreamKey, u64)>,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<Commit> {
        let change = Change { expected, writes, events };
        let commit = changes::commit(&self.link, &change).await.map_err(failure::error)?;
        if change.deletes_channels() && matches!(commit, Commit::Done(_)) {
            self.erase.notify_one();
        }
        Ok(commit)
    }

    async fn user(&self, id: UserId) -> Result<Option<UserRow>> {
        users::by_id(&self.link, id).await.map_err(failure::error)
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<UserRow>> {
        users::by_name(&self.link, username).await.map_err(failure::error)
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<UserRow>> {
        users::by_ids(&self.link, ids).await.map_err(failure::error)
    }

    async fn bots_of(&self, owner: UserId) -> Result<Vec<UserRow>> {
        users::bots_of(&self.link, owner).await.map_err(failure::error)
    }

    async fn has_admin(&self) -> Result<bool> {
        users::has_admin(&self.link).await.map_err(failure::error)
    }

    async fn blocks(&self, user: UserId) -> Result<Vec<BlockRow>> {
        blocks::of_user(&self.link, user).await.map_err(failure::error)
    }

    async fn hidden_from(&self, user: UserId) -> Result<Vec<UserId>> {
        blocks::hidden_from(&self.link, user).await.map_err(failure::error)
    }

    async fn blocks_between(&self, one: UserId, other: UserId) -> Result<Vec<BlockRow>> {
        blocks::between(&self.link, one, other).await.map_err(failure::error)
    }

    async fn erasures(&self, now_ms: u64, limit: usize) -> Result<Vec<ErasureRow>> {
        erasures::due(&self.link, now_ms, limit).await.map_err(failure::error)
    }

    async fn token(&self, digest: &[u8; 32]) -> Result<Option<(TokenRow, UserRow)>> {
        tokens::by_digest(&self.link, digest).await.map_err(failure::error)
    }

    async fn tokens(&self, user: UserId) -> Result<Vec<TokenRow>> {
        tokens::of_user(&self.link, user).await.map_err(failure::error)
    }

    async fn guild(&self, id: GuildId) -> Result<Option<GuildSnapshot>> {
        guilds::snapshot(&self.link, id).await.map_err(failure::error)
    }

    async fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>> {
        guilds::of_user(&self.link, user).await.map_err(failure::error)
    }

    async fn beginning(&self, id: UserId) -> Result<Option<(UserRow, Position, Vec<GuildId>)>> {
        users::beginning(&self.link, id).await.map_err(failure::error)
    }

    async fn guilds_owned(&self, user: UserId) -> Result<Vec<GuildId>> {
        users::guilds_owned(&self.link, user).await.map_err(failure::error)
    }

    async fn guild_of(&self, channel: ChannelId) -> Result<Option<GuildId>> {
        channels::guild_of(&self.link, channel).await.map_err(failure::error)
    }

    async fn members(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(MemberRow, UserRow)>> {
        members::page(&self.link, guild, after, limit).await.map_err(failure::error)
    }

    async fn ban(&self, guild: GuildId, user: UserId) -> Result<Option<BanRow>> {
        bans::of_user(&self.link, guild, user).await.map_err(failure::error)
    }

    async fn bans(&self, guild: GuildId, after: UserId, limit: usize) -> Result<Vec<(BanRow, Option<UserRow>)>> {
        bans::page(&self.link, guild, after, limit).await.map_err(failure::error)
    }

    async fn audit(&self, guild: GuildId, query: AuditQuery, limit: usize) -> Result<Vec<AuditRow>> {
        audit::page(&self.link, guild, query, limit).await.map_err(failure::error)
    }

    async fn invite(&self, code: &str) -> Result<Option<InviteRow>> {
        invites::by_code(&self.link, code).await.map_err(failure::error)
    }

    async fn invites(&self, guild: GuildId) -> Result<Vec<InviteRow>> {
        invites::of_guild(&self.link, guild).await.map_err(failure::error)
    }

    async fn stream_position(&self, stream: StreamKey) -> Result<Option<Position>> {
        streams::position(&self.link, stream).await.map_err(failure::error)
    }

    async fn stream_positions(&self, streams: &[StreamKey]) -> Result<Vec<Option<Position>>> {
        streams::positions(&self.link, streams).await.map_err(failure::error)
    }

    async fn stream_events(&self, stream: StreamKey, after: u64, limit: usize) -> Result<Vec<EventRow>> {
        streams::events(&self.link, stream, after, limit).await.map_err(failure::error)
    }

    async fn notices(&self, after: u64) -> Result<(u64, Vec<Notice>)> {
        notices::after(&self.link, after).await.map_err(failure::error)
    }
}
