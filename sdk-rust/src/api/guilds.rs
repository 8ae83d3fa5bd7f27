//! Guilds. Their members and invites have files of their own.

use guildhall_proto::ids::{ChannelId, GuildId, RoleId, UserId};
use guildhall_proto::v1::{self, ChannelKind, Permission, guild_service_client::GuildServiceClient};

use crate::api::RoleRef;
use crate::client::{Call, Client, Rpc, rpc};
use crate::error::Result;
use crate::model::{Guild, Timestamp, required};

/// Guilds, members and invites; from [`Client::guilds`].
#[derive(Clone, Debug)]
pub struct Guilds(pub(super) Client);

/// A guild that was just made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewGuild {
    /// The guild.
    pub guild: Guild,
    /// Its first channel, `general`.
    pub channel_id: ChannelId,
}

impl Guilds {
    /// Makes a guild that the caller owns; the name has 2 to 100 characters.
    pub fn create(&self, name: impl Into<String>) -> Call<v1::CreateGuildRequest> {
        self.0.call(v1::CreateGuildRequest { name: name.into(), ..Default::default() })
    }

    /// One guild of the caller.
    pub fn get(&self, id: GuildId) -> Call<v1::GetGuildRequest> {
        let guild_id = id.0;
        self.0.call(v1::GetGuildRequest { guild_id })
    }

    /// All guilds of the caller, oldest membership first.
    pub fn list(&self) -> Call<v1::ListMyGuildsRequest> {
        self.0.call(v1::ListMyGuildsRequest {})
    }

    /// Changes a guild; what is not set stays.
    pub fn update(&self, id: GuildId) -> Call<v1::UpdateGuildRequest> {
        self.0.call(v1::UpdateGuildRequest { guild_id: id.0, ..Default::default() })
    }

    /// Deletes a guild with its channels.
    pub fn delete(&self, id: GuildId) -> Call<v1::DeleteGuildRequest> {
        let guild_id = id.0;
        self.0.call(v1::DeleteGuildRequest { guild_id })
    }

    /// Gives a guild to another member, who must be a person. Only its owner can.
    pub fn transfer(&self, id: GuildId, heir: UserId) -> Call<v1::TransferGuildRequest> {
        self.0.call(v1::TransferGuildRequest { guild_id: id.0, user_id: heir.0 })
    }
}

/// One guild; from [`Client::guild`].
#[derive(Clone, Debug)]
pub struct GuildRef {
    client: Client,
    id: GuildId,
}

impl GuildRef {
    pub(super) fn new(client: Client, id: GuildId) -> Self {
        Self { client, id }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> GuildId {
        self.id
    }

    /// The guild as it is.
    pub fn get(&self) -> Call<v1::GetGuildRequest> {
        self.client.guilds().get(self.id)
    }

    /// Changes it; what is not set stays.
    pub fn update(&self) -> Call<v1::UpdateGuildRequest> {
        self.client.guilds().update(self.id)
    }

    /// Deletes it with its channels.
    pub fn delete(&self) -> Call<v1::DeleteGuildRequest> {
        self.client.guilds().delete(self.id)
    }

    /// Leaves it.
    pub fn leave(&self) -> Call<v1::LeaveGuildRequest> {
        self.client.guilds().leave(self.id)
    }

    /// Its members.
    pub fn members(&self) -> Call<v1::ListMembersRequest> {
        self.client.guilds().members(self.id)
    }

    /// One member.
    pub fn member(&self, user: UserId) -> Call<v1::GetMemberRequest> {
        self.client.guilds().member(self.id, user)
    }

    /// Gives it to another member, who must be a person.
    pub fn transfer(&self, heir: UserId) -> Call<v1::TransferGuildRequest> {
        self.client.guilds().transfer(self.id, heir)
    }

    /// Adds a bot of the caller.
    pub fn add_bot(&self, bot: UserId) -> Call<v1::AddBotRequest> {
        self.client.guilds().add_bot(self.id, bot)
    }

    /// One role of it.
    #[must_use]
    pub fn role(&self, id: RoleId) -> RoleRef {
        RoleRef::new(self.client.clone(), self.id, id)
    }

    /// Its roles, everyone's first.
    pub fn roles(&self) -> Call<v1::ListRolesRequest> {
        self.client.roles().list(self.id)
    }

    /// Makes a role in it.
    pub fn create_role(&self, name: impl Into<String>) -> Call<v1::CreateRoleRequest> {
        self.client.roles().create(self.id, name)
    }

    /// Whether the caller, or another user, may do something, and why.
    pub fn explain(&self, permission: Permission) -> Call<v1::ExplainPermissionRequest> {
        self.client.roles().explain(self.id, permission)
    }

    /// Bans a user.
    pub fn ban(&self, user: UserId) -> Call<v1::BanUserRequest> {
        self.client.moderation().ban(self.id, user)
    }

    /// Ends a ban.
    pub fn unban(&self, user: UserId) -> Call<v1::UnbanUserRequest> {
        self.client.moderation().unban(self.id, user)
    }

    /// Who is banned.
    pub fn bans(&self) -> Call<v1::ListBansRequest> {
        self.client.moderation().bans(self.id)
    }

    /// Lets a member only look on until a moment.
    pub fn time_out(&self, user: UserId, until: Timestamp) -> Call<v1::TimeOutMemberRequest> {
        self.client.moderation().time_out(self.id, user, until)
    }

    /// Who did what to it, the newest first.
    pub fn audit_log(&self) -> Call<v1::ListAuditLogRequest> {
        self.client.moderation().audit_log(self.id)
    }

    /// Removes a member.
    pub fn remove_member(&self, user: UserId) -> Call<v1::RemoveMemberRequest> {
        self.client.guilds().remove_member(self.id, user)
    }

    /// Makes an invite.
    pub fn create_invite(&self) -> Call<v1::CreateInviteRequest> {
        self.client.guilds().create_invite(self.id)
    }

    /// Its invites that still work.
    pub fn invites(&self) -> Call<v1::ListInvitesRequest> {
        self.client.guilds().invites(self.id)
    }

    /// Its channels that the caller may see.
    pub fn channels(&self) -> Call<v1::ListChannelsRequest> {
        self.client.channels().list(self.id)
    }

    /// Makes a channel in it.
    pub fn create_channel(&self, name: impl Into<String>, kind: ChannelKind) -> Call<v1::CreateChannelRequest> {
        self.client.channels().create(self.id, name, kind)
    }

    /// Gives all its channels a new order.
    pub fn reorder_channels(&self, order: impl IntoIterator<Item = ChannelId>) -> Call<v1::ReorderChannelsRequest> {
        self.client.channels().reorder(self.id, order)
    }
}

impl Call<v1::CreateGuildRequest> {
    /// Address of a picture, `http` or `https`, up to 512 characters.
    pub fn icon_url(mut self, url: impl Into<String>) -> Self {
        self.request.icon_url = url.into();
        self
    }
}

impl Call<v1::UpdateGuildRequest> {
    /// 2 to 100 characters.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request.name = Some(name.into());
        self
    }

    /// Address of a picture, `http` or `https`, up to 512 characters; empty clears.
    pub fn icon_url(mut self, url: impl Into<String>) -> Self {
        self.request.icon_url = Some(url.into());
        self
    }
}

impl Rpc for v1::CreateGuildRequest {
    type Answer = NewGuild;
    rpc!("GuildService" "CreateGuild", GuildServiceClient::create_guild -> CreateGuildResponse, repeatable: false);

    fn answer(&self, response: v1::CreateGuildResponse) -> Result<NewGuild> {
        let guild = required(response.guild, "guild")?.into();
        let channel_id = ChannelId(response.channel_id);
        Ok(NewGuild { guild, channel_id })
    }
}

impl Rpc for v1::GetGuildRequest {
    type Answer = Guild;
    rpc!("GuildService" "GetGuild", GuildServiceClient::get_guild -> GetGuildResponse, repeatable: true);

    fn answer(&self, response: v1::GetGuildResponse) -> Result<Guild> {
        Ok(required(response.guild, "guild")?.into())
    }
}

impl Rpc for v1::ListMyGuildsRequest {
    type Answer = Vec<Guild>;
    rpc!("GuildService" "ListMyGuilds", GuildServiceClient::list_my_guilds -> ListMyGuildsResponse, repeatable: true);

    fn answer(&self, response: v1::ListMyGuildsResponse) -> Result<Vec<Guild>> {
        Ok(response.guilds.into_iter().map(Into::into).collect())
    }
}

impl Rpc for v1::UpdateGuildRequest {
    type Answer = Guild;
    rpc!("GuildService" "UpdateGuild", GuildServiceClient::update_guild -> UpdateGuildResponse, repeatable: false);

    fn answer(&self, response: v1::UpdateGuildResponse) -> Result<Guild> {
        Ok(required(response.guild, "guild")?.into())
    }
}

impl Rpc for v1::DeleteGuildRequest {
    type Answer = ();
    rpc!("GuildService" "DeleteGuild", GuildServiceClient::delete_guild -> DeleteGuildResponse, repeatable: false);

    fn answer(&self, _: v1::DeleteGuildResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::TransferGuildRequest {
    type Answer = Guild;
    rpc!("GuildService" "TransferGuild", GuildServiceClient::transfer_guild -> TransferGuildResponse, repeatable: false);

    fn answer(&self, response: v1::TransferGuildResponse) -> Result<Guild> {
        Ok(required(response.guild, "guild")?.into())
    }
}
