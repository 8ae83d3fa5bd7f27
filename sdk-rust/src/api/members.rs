//! Members of guilds: listing, removing, leaving.

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use guildhall_proto::ids::{GuildId, UserId};
use guildhall_proto::v1::{self, guild_service_client::GuildServiceClient};

use crate::api::Guilds;
use crate::client::{Call, Rpc, rpc};
use crate::error::{Error, Result};
use crate::model::Member;

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
        self.request.page_size = i32::try_from(size).unwrap_or(i32::MAX);
        self
    }

    /// The page that this token names, from the page before it.
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.request.page_token = token.into();
        self
    }

    /// All members, page after page as they are read. An error ends the stream.
    pub fn stream(self) -> impl Stream<Item = Result<Member>> + Send + 'static {
        let pages = stream::try_unfold(Some(self), |next| async {
            let Some(call) = next else {
                return Ok::<_, Error>(None);
            };
            let page = call.clone().await?;
            let next = page.next_page_token.map(|token| call.page_token(token));
            let members = stream::iter(page.members).map(Ok);
            Ok(Some((members, next)))
        });
        pages.try_flatten()
    }
}

impl Rpc for v1::ListMembersRequest {
    type Answer = MembersPage;
    rpc!("GuildService" "ListMembers", GuildServiceClient::list_members -> ListMembersResponse, repeatable: true);

    fn answer(&self, response: v1::ListMembersResponse) -> Result<MembersPage> {
        let members = response.members.into_iter().map(Into::into).collect();
        let next_page_token = Some(response.next_page_token).filter(|token| !token.is_empty());
        Ok(MembersPage { members, next_page_token })
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
