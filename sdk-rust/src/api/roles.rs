//! Roles: made, changed, ordered, deleted, given and taken.

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use guildhall_proto::v1::{self, role_service_client::RoleServiceClient};

use crate::client::{Call, Client, Rpc, rpc};
use crate::error::Result;
use crate::model::{Permissions, Role, required};

/// Roles of guilds, what differs in single channels, and why somebody may or may not; from [`Client::roles`].
///
/// One gives only permissions that one holds, and touches only roles and members below one's highest role.
#[derive(Clone, Debug)]
pub struct Roles(pub(super) Client);

impl Roles {
    /// Makes a role without permissions, right above everyone's; the name has 1 to 100 characters.
    pub fn create(&self, guild: GuildId, name: impl Into<String>) -> Call<v1::CreateRoleRequest> {
        self.0.call(v1::CreateRoleRequest { guild_id: guild.0, name: name.into(), ..Default::default() })
    }

    /// The roles of a guild, everyone's first, by position.
    pub fn list(&self, guild: GuildId) -> Call<v1::ListRolesRequest> {
        let guild_id = guild.0;
        self.0.call(v1::ListRolesRequest { guild_id })
    }

    /// Gives all roles but everyone's a new order, the lowest first; each must be named once.
    pub fn reorder(&self, guild: GuildId, order: impl IntoIterator<Item = RoleId>) -> Call<v1::ReorderRolesRequest> {
        self.0.call(v1::ReorderRolesRequest {
            guild_id: guild.0,
            role_ids: order.into_iter().map(u64::from).collect(),
            reason: String::new(),
        })
    }
}

/// One role; from [`GuildRef::role`](crate::GuildRef::role).
#[derive(Clone, Debug)]
pub struct RoleRef {
    client: Client,
    guild: GuildId,
    id: RoleId,
}

impl RoleRef {
    pub(super) fn new(client: Client, guild: GuildId, id: RoleId) -> Self {
        Self { client, guild, id }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> RoleId {
        self.id
    }

    /// Changes it; what is not set stays. Of everyone's role only the permissions change.
    pub fn update(&self) -> Call<v1::UpdateRoleRequest> {
        let (guild_id, role_id) = (self.guild.0, self.id.0);
        self.client.call(v1::UpdateRoleRequest { guild_id, role_id, ..Default::default() })
    }

    /// Deletes it: its bearers and all channels lose it.
    pub fn delete(&self) -> Call<v1::DeleteRoleRequest> {
        let (guild_id, role_id) = (self.guild.0, self.id.0);
        self.client.call(v1::DeleteRoleRequest { guild_id, role_id, ..Default::default() })
    }

    /// Gives it to a member. Twice is as good as once.
    pub fn give(&self, user: UserId) -> Call<v1::AddMemberRoleRequest> {
        let (guild_id, user_id, role_id) = (self.guild.0, user.0, self.id.0);
        self.client.call(v1::AddMemberRoleRequest { guild_id, user_id, role_id, ..Default::default() })
    }

    /// Takes it from a member. Twice is as good as once.
    pub fn take(&self, user: UserId) -> Call<v1::RemoveMemberRoleRequest> {
        let (guild_id, user_id, role_id) = (self.guild.0, user.0, self.id.0);
        self.client.call(v1::RemoveMemberRoleRequest { guild_id, user_id, role_id, ..Default::default() })
    }
}

impl Call<v1::CreateRoleRequest> {
    /// What it gives; only what the caller holds.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.request.permissions = permissions.0;
        self
    }

    /// 0xRRGGBB; 0 = none.
    pub fn color(mut self, color: u32) -> Self {
        self.request.color = color;
        self
    }

    /// Whether its bearers are shown as a group of their own.
    pub fn hoist(mut self, hoist: bool) -> Self {
        self.request.hoist = hoist;
        self
    }

    /// Whether everybody may mention it.
    pub fn mentionable(mut self, mentionable: bool) -> Self {
        self.request.mentionable = mentionable;
        self
    }
}

impl Call<v1::UpdateRoleRequest> {
    /// 1 to 100 characters.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request.name = Some(name.into());
        self
    }

    /// All that it gives from now on; only what the caller holds may be given or taken.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.request.permissions = Some(permissions.0);
        self
    }

    /// 0xRRGGBB; 0 = none.
    pub fn color(mut self, color: u32) -> Self {
        self.request.color = Some(color);
        self
    }

    /// Whether its bearers are shown as a group of their own.
    pub fn hoist(mut self, hoist: bool) -> Self {
        self.request.hoist = Some(hoist);
        self
    }

    /// Whether everybody may mention it.
    pub fn mentionable(mut self, mentionable: bool) -> Self {
        self.request.mentionable = Some(mentionable);
        self
    }
}

impl Rpc for v1::CreateRoleRequest {
    type Answer = Role;
    rpc!("RoleService" "CreateRole", RoleServiceClient::create_role -> CreateRoleResponse, repeatable: false);

    fn answer(&self, response: v1::CreateRoleResponse) -> Result<Role> {
        Ok(required(response.role, "role")?.into())
    }
}

impl Rpc for v1::ListRolesRequest {
    type Answer = Vec<Role>;
    rpc!("RoleService" "ListRoles", RoleServiceClient::list_roles -> ListRolesResponse, repeatable: true);

    fn answer(&self, response: v1::ListRolesResponse) -> Result<Vec<Role>> {
        Ok(response.roles.into_iter().map(Into::into).collect())
    }
}

impl Rpc for v1::UpdateRoleRequest {
    type Answer = Role;
    rpc!("RoleService" "UpdateRole", RoleServiceClient::update_role -> UpdateRoleResponse, repeatable: false);

    fn answer(&self, response: v1::UpdateRoleResponse) -> Result<Role> {
        Ok(required(response.role, "role")?.into())
    }
}

impl Rpc for v1::DeleteRoleRequest {
    type Answer = ();
    rpc!("RoleService" "DeleteRole", RoleServiceClient::delete_role -> DeleteRoleResponse, repeatable: false);

    fn answer(&self, _: v1::DeleteRoleResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ReorderRolesRequest {
    type Answer = Vec<Role>;
    rpc!("RoleService" "ReorderRoles", RoleServiceClient::reorder_roles -> ReorderRolesResponse, repeatable: false);

    fn answer(&self, response: v1::ReorderRolesResponse) -> Result<Vec<Role>> {
        Ok(response.roles.into_iter().map(Into::into).collect())
    }
}

impl Rpc for v1::AddMemberRoleRequest {
    /// All roles of the member after the change, without everyone's.
    type Answer = Vec<RoleId>;
    rpc!("RoleService" "AddMemberRole", RoleServiceClient::add_member_role -> AddMemberRoleResponse, repeatable: false);

    fn answer(&self, response: v1::AddMemberRoleResponse) -> Result<Vec<RoleId>> {
        Ok(response.role_ids.into_iter().map(RoleId).collect())
    }
}

impl Rpc for v1::RemoveMemberRoleRequest {
    /// All roles of the member after the change, without everyone's.
    type Answer = Vec<RoleId>;
    rpc!("RoleService" "RemoveMemberRole", RoleServiceClient::remove_member_role -> RemoveMemberRoleResponse, repeatable: false);

    fn answer(&self, response: v1::RemoveMemberRoleResponse) -> Result<Vec<RoleId>> {
        Ok(response.role_ids.into_iter().map(RoleId).collect())
    }
}
