//! Invites: codes that let others join a guild.

use std::time::Duration;

use guildhall_proto::ids::GuildId;
use guildhall_proto::v1::{self, guild_service_client::GuildServiceClient};

use crate::api::Guilds;
use crate::client::{Call, Rpc, rpc};
use crate::error::Result;
use crate::model::{Guild, Invite, required};

impl Guilds {
    /// Makes an invite that works for ever and for everybody, unless limited.
    pub fn create_invite(&self, id: GuildId) -> Call<v1::CreateInviteRequest> {
        self.0.call(v1::CreateInviteRequest { guild_id: id.0, ..Default::default() })
    }

    /// Joins the guild of an invite. Whoever is a member already gets the guild and uses nothing up.
    pub fn accept_invite(&self, code: impl Into<String>) -> Call<v1::AcceptInviteRequest> {
        let code = code.into();
        self.0.call(v1::AcceptInviteRequest { code })
    }

    /// Ends an invite.
    pub fn revoke_invite(&self, code: impl Into<String>) -> Call<v1::RevokeInviteRequest> {
        let code = code.into();
        self.0.call(v1::RevokeInviteRequest { code })
    }

    /// The invites of a guild that still work.
    pub fn invites(&self, id: GuildId) -> Call<v1::ListInvitesRequest> {
        let guild_id = id.0;
        self.0.call(v1::ListInvitesRequest { guild_id })
    }
}

impl Call<v1::CreateInviteRequest> {
    /// How often it may be used, up to 10,000; 0 = any number.
    pub fn max_uses(mut self, uses: u32) -> Self {
        self.request.max_uses = uses;
        self
    }

    /// In what time it ends, in whole seconds, up to 30 days; zero = never.
    pub fn expires_in(mut self, time: Duration) -> Self {
        // A part of a second is a whole one: rounded down to 0 it would mean never.
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.request.expire_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self
    }
}

impl Rpc for v1::CreateInviteRequest {
    type Answer = Invite;
    rpc!("GuildService" "CreateInvite", GuildServiceClient::create_invite -> CreateInviteResponse, repeatable: false);

    fn answer(&self, response: v1::CreateInviteResponse) -> Result<Invite> {
        Ok(required(response.invite, "invite")?.into())
    }
}

impl Rpc for v1::AcceptInviteRequest {
    type Answer = Guild;
    rpc!("GuildService" "AcceptInvite", GuildServiceClient::accept_invite -> AcceptInviteResponse, repeatable: false);

    fn answer(&self, response: v1::AcceptInviteResponse) -> Result<Guild> {
        Ok(required(response.guild, "guild")?.into())
    }
}

impl Rpc for v1::RevokeInviteRequest {
    type Answer = ();
    rpc!("GuildService" "RevokeInvite", GuildServiceClient::revoke_invite -> RevokeInviteResponse, repeatable: false);

    fn answer(&self, _: v1::RevokeInviteResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ListInvitesRequest {
    type Answer = Vec<Invite>;
    rpc!("GuildService" "ListInvites", GuildServiceClient::list_invites -> ListInvitesResponse, repeatable: true);

    fn answer(&self, response: v1::ListInvitesResponse) -> Result<Vec<Invite>> {
        Ok(response.invites.into_iter().map(Into::into).collect())
    }
}
