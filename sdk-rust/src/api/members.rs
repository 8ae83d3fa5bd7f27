//! Members of guilds: listing, adding bots, removing, leaving.

use futures_util::stream::Stream;
use guildhall_proto::ids::{GuildId, UserId};
use guildhall_proto::v1::{self, guild_service_client::GuildServiceClient};

use crate::api::Guilds;
use crate::api::pages::{self, Paged};
use crate::client::{Call, Rpc, rpc};
use crate::error::Result;
use crate::model::{Member, Permissions, required};

/// A page of members, by user id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MembersPage {
    /// The members.
    pub members: Vec<Member>,
    /// For the next page; `None` = this was the last.
    pub next_page_token: Option<String>,
}

impl Guilds {
    /// The members of a guild: a page of them, or [all](Call::stream).
    pub fn members(&self, id: GuildId) -> Call<v1::ListMembersRequest> {
        self.0.call(v1::ListMembersRequest { guild_id: id.0, ..Default::default() })
    }

    /// One member of a guild.
    pub fn member(&self, id: GuildId, user: UserId) -> Call<v1::GetMemberRequest> {
        self.0.call(v1::GetMemberRequest { guild_id: id.0, user_id: user.0 })
    }

    /// Adds a bot of the caller, with a role of its own. Twice is as good as once.
    pub fn add_bot(&self, id: GuildId, bot: UserId) -> Call<v1::AddBotRequest> {
        self.0.call(v1::AddBotRequest { guild_id: id.0, bot_id: bot.0, ..Default::default() })
    }

    /// Removes somebody else from a guild.
    pub fn remove_member(&self, id: GuildId, user: UserId) -> Call<v1::RemoveMemberRequest> {
        self.0.call(v1::RemoveMemberRequest { guild_id: id.0, user_id: user.0, reason: String::new() })
    }

    /// Leaves a guild.
    pub fn leave(&self, id: GuildId) -> Call<v1::LeaveGuildRequest> {
        let guild_id = id.0;
        self.0.call(v1::LeaveGuildRequest { guild_id })
    }
}

impl Call<v1::ListMembersRequest> {
    /// Members a page: 1 to 1,000; 100 unless set, more is cut to 1,000.
    pub fn page_size(mut self, size: u32) -> Self {
        self.request.page_size = pages::size(size);
        self
    }

    /// The page that this token names, from the page before it.
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.request.turn(token.into());
        self
    }

    /// All members, page after page as they are read. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<Member>> + Send + 'static {
        pages::all(self)
    }
}

impl Paged for v1::ListMembersRequest {
    type Item = Member;

    fn take(page: MembersPage) -> (Vec<Member>, Option<String>) {
        (page.members, page.next_page_token)
    }

    fn turn(&mut self, token: String) {
        self.page_token = token;
    }
}

impl Call<v1::AddBotRequest> {
    /// What its role gives; only what the caller holds. None = no more than everyone's role.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.request.permissions = permissions.0;
        self
    }
}

impl Rpc for v1::ListMembersRequest {
    type Answer = MembersPage;
    rpc!("GuildService" "ListMembers", GuildServiceClient::list_members -> ListMembersResponse, repeatable: true);

    fn answer(&self, response: v1::ListMembersResponse) -> Result<MembersPage> {
        let members = response.members.into_iter().map(Into::into).collect();
        Ok(MembersPage { members, next_page_token: pages::token(response.next_page_token) })
    }
}

impl Rpc for v1::RemoveMemberRequest {
    type Answer = ();
    rpc!("GuildService" "RemoveMember", GuildServiceClient::remove_member -> RemoveMemberResponse, repeatable: false);

    fn answer(&self, _: v1::RemoveMemberResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::LeaveGuildRequest {
    type Answer = ();
    rpc!("GuildService" "LeaveGuild", GuildServiceClient::leave_guild -> LeaveGuildResponse, repeatable: false);

    fn answer(&self, _: v1::LeaveGuildResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::GetMemberRequest {
    type Answer = Member;
    rpc!("GuildService" "GetMember", GuildServiceClient::get_member -> GetMemberResponse, repeatable: true);

    fn answer(&self, response: v1::GetMemberResponse) -> Result<Member> {
        Ok(required(response.member, "member")?.into())
    }
}

impl Rpc for v1::AddBotRequest {
    type Answer = Member;
    rpc!("GuildService" "AddBot", GuildServiceClient::add_bot -> AddBotResponse, repeatable: false);

    fn answer(&self, response: v1::AddBotResponse) -> Result<Member> {
        Ok(required(response.member, "member")?.into())
    }
}
