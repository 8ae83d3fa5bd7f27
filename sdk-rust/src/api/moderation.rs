//! Keeping order: bans, time-outs, nicknames, and the log of who changed what.

use futures_util::stream::Stream;
use guildhall_proto::ids::{GuildId, UserId};
use guildhall_proto::v1::{self, AuditAction, moderation_service_client::ModerationServiceClient};

use crate::api::pages::{self, Paged};
use crate::client::{Call, Client, Rpc, rpc};
use crate::error::Result;
use crate::model::{AuditEntry, Ban, Timestamp, required};

/// Keeping order; from [`Client::moderation`]. Members whose highest role is not below the caller's cannot be touched.
#[derive(Clone, Debug)]
pub struct Moderation(pub(super) Client);

/// What a ban did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Banned {
    /// The ban.
    pub ban: Ban,
    /// How many messages were deleted.
    pub deleted_messages: u32,
}

/// A page of bans, by user id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BansPage {
    /// The bans.
    pub bans: Vec<Ban>,
    /// For the next page; `None` = this was the last.
    pub next_page_token: Option<String>,
}

/// A page of the audit log, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditPage {
    /// The acts.
    pub entries: Vec<AuditEntry>,
    /// For the next page; `None` = this was the last.
    pub next_page_token: Option<String>,
}

impl Moderation {
    /// Bans a user, who need not be a member.
    pub fn ban(&self, guild: GuildId, user: UserId) -> Call<v1::BanUserRequest> {
        self.0.call(v1::BanUserRequest { guild_id: guild.0, user_id: user.0, ..Default::default() })
    }

    /// Ends a ban.
    pub fn unban(&self, guild: GuildId, user: UserId) -> Call<v1::UnbanUserRequest> {
        self.0.call(v1::UnbanUserRequest { guild_id: guild.0, user_id: user.0, ..Default::default() })
    }

    /// Who is banned: a page, or [all](Call::stream).
    pub fn bans(&self, guild: GuildId) -> Call<v1::ListBansRequest> {
        self.0.call(v1::ListBansRequest { guild_id: guild.0, ..Default::default() })
    }

    /// Lets a member only look on until a moment, at most 28 days from now.
    pub fn time_out(&self, guild: GuildId, user: UserId, until: Timestamp) -> Call<v1::TimeOutMemberRequest> {
        let mut call = self.end_time_out(guild, user);
        call.request.until_time = Some(until.into());
        call
    }

    /// Ends a time-out.
    pub fn end_time_out(&self, guild: GuildId, user: UserId) -> Call<v1::TimeOutMemberRequest> {
        self.0.call(v1::TimeOutMemberRequest { guild_id: guild.0, user_id: user.0, ..Default::default() })
    }

    /// Changes a nickname, one's own or that of a member below; up to 32 characters, empty = none.
    pub fn set_nickname(
        &self,
        guild: GuildId,
        user: UserId,
        nickname: impl Into<String>,
    ) -> Call<v1::SetNicknameRequest> {
        let (guild_id, user_id, nickname) = (guild.0, user.0, nickname.into());
        self.0.call(v1::SetNicknameRequest { guild_id, user_id, nickname, reason: String::new() })
    }

    /// Who did what to a guild, the newest first: a page, or [all](Call::stream).
    pub fn audit_log(&self, guild: GuildId) -> Call<v1::ListAuditLogRequest> {
        self.0.call(v1::ListAuditLogRequest { guild_id: guild.0, ..Default::default() })
    }
}

impl Call<v1::BanUserRequest> {
    /// Deletes the user's messages of this many last days, 0 to 7.
    pub fn delete_message_days(mut self, days: u32) -> Self {
        self.request.delete_message_days = days;
        self
    }
}

impl Call<v1::ListBansRequest> {
    /// Bans a page: 1 to 1,000; 100 unless set, more is cut to 1,000.
    pub fn page_size(mut self, size: u32) -> Self {
        self.request.page_size = pages::size(size);
        self
    }

    /// The page that this token names, from the page before it.
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.request.turn(token.into());
        self
    }

    /// All bans, page after page as they are read. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<Ban>> + Send + 'static {
        pages::all(self)
    }
}

impl Call<v1::ListAuditLogRequest> {
    /// Only acts of this user.
    pub fn actor(mut self, user: UserId) -> Self {
        self.request.actor_id = user.0;
        self
    }

    /// Only acts of this kind.
    pub fn action(mut self, action: AuditAction) -> Self {
        self.request.set_action(action);
        self
    }

    /// Only acts on this channel, role or user.
    pub fn target(mut self, id: impl Into<u64>) -> Self {
        self.request.target_id = id.into();
        self
    }

    /// Acts a page: 1 to 1,000; 100 unless set, more is cut to 1,000.
    pub fn page_size(mut self, size: u32) -> Self {
        self.request.page_size = pages::size(size);
        self
    }

    /// The page that this token names, from the page before it.
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.request.turn(token.into());
        self
    }

    /// All acts, page after page as they are read. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<AuditEntry>> + Send + 'static {
        pages::all(self)
    }
}

impl Paged for v1::ListBansRequest {
    type Item = Ban;

    fn take(page: BansPage) -> (Vec<Ban>, Option<String>) {
        (page.bans, page.next_page_token)
    }

    fn turn(&mut self, token: String) {
        self.page_token = token;
    }
}

impl Paged for v1::ListAuditLogRequest {
    type Item = AuditEntry;

    fn take(page: AuditPage) -> (Vec<AuditEntry>, Option<String>) {
        (page.entries, page.next_page_token)
    }

    fn turn(&mut self, token: String) {
        self.page_token = token;
    }
}

impl Rpc for v1::BanUserRequest {
    type Answer = Banned;
    rpc!("ModerationService" "BanUser", ModerationServiceClient::ban_user -> BanUserResponse, repeatable: false);

    fn answer(&self, response: v1::BanUserResponse) -> Result<Banned> {
        let ban = required(response.ban, "ban")?.into();
        Ok(Banned { ban, deleted_messages: response.deleted_messages })
    }
}

impl Rpc for v1::UnbanUserRequest {
    type Answer = ();
    rpc!("ModerationService" "UnbanUser", ModerationServiceClient::unban_user -> UnbanUserResponse, repeatable: false);

    fn answer(&self, _: v1::UnbanUserResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ListBansRequest {
    type Answer = BansPage;
    rpc!("ModerationService" "ListBans", ModerationServiceClient::list_bans -> ListBansResponse, repeatable: true);

    fn answer(&self, response: v1::ListBansResponse) -> Result<BansPage> {
        let bans = response.bans.into_iter().map(Into::into).collect();
        Ok(BansPage { bans, next_page_token: pages::token(response.next_page_token) })
    }
}

impl Rpc for v1::TimeOutMemberRequest {
    type Answer = ();
    rpc!("ModerationService" "TimeOutMember", ModerationServiceClient::time_out_member -> TimeOutMemberResponse, repeatable: false);

    fn answer(&self, _: v1::TimeOutMemberResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::SetNicknameRequest {
    type Answer = ();
    rpc!("ModerationService" "SetNickname", ModerationServiceClient::set_nickname -> SetNicknameResponse, repeatable: false);

    fn answer(&self, _: v1::SetNicknameResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ListAuditLogRequest {
    type Answer = AuditPage;
    rpc!("ModerationService" "ListAuditLog", ModerationServiceClient::list_audit_log -> ListAuditLogResponse, repeatable: true);

    fn answer(&self, response: v1::ListAuditLogResponse) -> Result<AuditPage> {
        let entries = response.entries.into_iter().map(Into::into).collect();
        Ok(AuditPage { entries, next_page_token: pages::token(response.next_page_token) })
    }
}
