//! What roles and members have more or less in single channels, and why somebody may or may not do something.

use guildhall_proto::ids::{ChannelId, GuildId, RoleId, UserId};
use guildhall_proto::v1::{self, Permission, role_service_client::RoleServiceClient};

use crate::api::Roles;
use crate::client::{Call, Rpc, rpc};
use crate::error::Result;
use crate::model::{Channel, Explanation, Overwrite, OverwriteTarget, Permissions, required};

impl Roles {
    /// Sets what a role or a member has more or less in a channel. A channel in step with its category is so no more.
    pub fn set_overwrite(&self, channel: ChannelId, overwrite: Overwrite) -> Call<v1::SetOverwriteRequest> {
        let overwrite = Some(overwrite.into());
        self.0.call(v1::SetOverwriteRequest { channel_id: channel.0, overwrite, reason: String::new() })
    }

    /// Deletes an overwrite. One that is not there is deleted already.
    pub fn delete_overwrite(&self, channel: ChannelId, target: OverwriteTarget) -> Call<v1::DeleteOverwriteRequest> {
        use v1::delete_overwrite_request::Target;
        let target = match target {
            OverwriteTarget::Role(role) => Some(Target::RoleId(role.0)),
            OverwriteTarget::Member(user) => Some(Target::UserId(user.0)),
            OverwriteTarget::Unknown => None,
        };
        self.0.call(v1::DeleteOverwriteRequest { channel_id: channel.0, target, reason: String::new() })
    }

    /// Puts a channel in step with its category again: its own overwrites go.
    pub fn put_in_step(&self, channel: ChannelId) -> Call<v1::PutInStepRequest> {
        self.0.call(v1::PutInStepRequest { channel_id: channel.0, reason: String::new() })
    }

    /// Whether the caller may do something in a guild, and every step that leads there.
    pub fn explain(&self, guild: GuildId, permission: Permission) -> Call<v1::ExplainPermissionRequest> {
        self.0.call(v1::ExplainPermissionRequest {
            guild_id: guild.0,
            permission: permission.into(),
            ..Default::default()
        })
    }
}

impl Overwrite {
    /// What a role has more and less.
    #[must_use]
    pub fn of_role(role: RoleId, allow: Permissions, deny: Permissions) -> Self {
        Self { target: OverwriteTarget::Role(role), allow, deny }
    }

    /// What a member has more and less.
    #[must_use]
    pub fn of_member(user: UserId, allow: Permissions, deny: Permissions) -> Self {
        Self { target: OverwriteTarget::Member(user), allow, deny }
    }
}

impl Call<v1::ExplainPermissionRequest> {
    /// About somebody else, for those who manage roles.
    pub fn user(mut self, user: UserId) -> Self {
        self.request.user_id = user.0;
        self
    }

    /// In a channel of the guild.
    pub fn channel(mut self, channel: ChannelId) -> Self {
        self.request.channel_id = channel.0;
        self
    }
}

impl Rpc for v1::SetOverwriteRequest {
    type Answer = Channel;
    rpc!("RoleService" "SetOverwrite", RoleServiceClient::set_overwrite -> SetOverwriteResponse, repeatable: false);

    fn answer(&self, response: v1::SetOverwriteResponse) -> Result<Channel> {
        Ok(required(response.channel, "channel")?.into())
    }
}

impl Rpc for v1::DeleteOverwriteRequest {
    type Answer = Channel;
    rpc!("RoleService" "DeleteOverwrite", RoleServiceClient::delete_overwrite -> DeleteOverwriteResponse, repeatable: false);

    fn answer(&self, response: v1::DeleteOverwriteResponse) -> Result<Channel> {
        Ok(required(response.channel, "channel")?.into())
    }
}

impl Rpc for v1::PutInStepRequest {
    type Answer = Channel;
    rpc!("RoleService" "PutInStep", RoleServiceClient::put_in_step -> PutInStepResponse, repeatable: false);

    fn answer(&self, response: v1::PutInStepResponse) -> Result<Channel> {
        Ok(required(response.channel, "channel")?.into())
    }
}

impl Rpc for v1::ExplainPermissionRequest {
    type Answer = Explanation;
    rpc!("RoleService" "ExplainPermission", RoleServiceClient::explain_permission -> ExplainPermissionResponse, repeatable: true);

    fn answer(&self, response: v1::ExplainPermissionResponse) -> Result<Explanation> {
        Ok(response.into())
    }
}
