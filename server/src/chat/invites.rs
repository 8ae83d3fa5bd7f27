//! Invites: made, used, revoked.

use std::sync::Arc;

use guildhall_proto::v1::{self, AuditAction, event::Payload};

use super::{
    Caller, Chat,
    access::{Action, authorize},
    audit::Act,
    commit::{Decision, Plan},
    error::{Error, Missing, Result},
    events, validate,
    views::{GuildHandle, View},
};
use crate::{
    limits,
    store::{InviteRow, Write},
};

/// Open invites of one guild. Those that do not work any more make room by themselves.
const INVITES_MAX: usize = 500;

impl Chat {
    /// Makes an invite.
    pub async fn create_invite(
        &self,
        caller: &Caller,
        request: v1::CreateInviteRequest,
    ) -> Result<v1::CreateInviteResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let now_ms = self.clock.now_ms();
        let (open, dead): (Vec<_>, Vec<_>) =
            self.metadata().invites(handle.id()).await?.into_iter().partition(|invite| works(invite, now_ms));
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::CreateInvite)?;
            if open.len() >= INVITES_MAX {
                return Err(Error::Limit { subject: "guild.invites", max: INVITES_MAX });
            }
            let row = InviteRow {
                code: new_code(),
                guild: permit.guild(),
                creator: caller.user,
                max_uses: request.max_uses,
                uses: 0,
                expire_ms: (request.expire_seconds > 0).then(|| now_ms + u64::from(request.expire_seconds) * 1_000),
                create_ms: now_ms,
            };
            let payload = Payload::InviteCreated(v1::InviteCreated { creator_id: caller.user.get() });
            let written = self.audit(&permit, caller.user, Act::new(AuditAction::InviteCreate, 0_u64, ""));
            Plan::new(permit, row.clone())
                .write(written)
                .writes(dead.iter().map(|invite| Write::DeleteInvite(invite.code.clone())))
                .write(Write::InsertInvite(row))
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        let row = self.change(&handle, decide).await?;
        Ok(v1::CreateInviteResponse { invite: Some(events::invite(&row)) })
    }

    /// Joins the guild of an invite. Whoever is a member already uses nothing up.
    pub async fn accept_invite(
        &self,
        caller: &Caller,
        request: v1::AcceptInviteRequest,
    ) -> Result<v1::AcceptInviteResponse> {
        validate(&request)?;
        self.count(caller, limits::INVITE).await?;
        let handle = self.invited_guild(&request.code).await?;
        if !handle.is_member(caller.user) {
            self.may_have_more_guilds(caller.user).await?;
            let profile = self.profile(caller.user).await?;
            let decide = |view: &View| {
                if view.is_member(caller.user) {
                    return Ok(Decision::Nothing(()));
                }
                let join = self.join(view, &profile, Some(&request.code))?;
                Plan::new(join.permit, ()).writes(join.writes).events(join.events).decided()
            };
            self.change(&handle, decide).await?;
        }
        Ok(v1::AcceptInviteResponse { guild: Some(handle.guild_message()) })
    }

    /// The guild of an invite, whether or not the invite still works.
    pub(super) async fn invited_guild(&self, code: &str) -> Result<Arc<GuildHandle>> {
        let unknown = || Error::NotFound(Missing::Invite);
        let invite = self.metadata().invite(code).await?.ok_or_else(unknown)?;
        self.guilds.get(invite.guild).await?.ok_or_else(unknown)
    }

    /// Ends an invite: one's own, or any with the permission to manage them.
    pub async fn revoke_invite(
        &self,
        caller: &Caller,
        request: v1::RevokeInviteRequest,
    ) -> Result<v1::RevokeInviteResponse> {
        validate(&request)?;
        let unknown = || Error::NotFound(Missing::Invite);
        let invite = self.metadata().invite(&request.code).await?.ok_or_else(unknown)?;
        let handle = self.my_guild(caller, invite.guild.get()).await.map_err(|error| match error {
            Error::NotFound(Missing::Guild) => unknown(),
            other => other,
        })?;
        let action = if invite.creator == caller.user { Action::ViewGuild } else { Action::ManageInvites };
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), action)?;
            let payload = Payload::InviteRevoked(v1::InviteRevoked { creator_id: invite.creator.get() });
            let act = Act::new(AuditAction::InviteRevoke, invite.creator, "");
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, ())
                .write(written)
                .write(Write::DeleteInvite(invite.code.clone()))
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::RevokeInviteResponse {})
    }

    /// The invites that still work: all for those who manage them, else one's own.
    pub async fn list_invites(
        &self,
        caller: &Caller,
        request: v1::ListInvitesRequest,
    ) -> Result<v1::ListInvitesResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let now_ms = self.clock.now_ms();
        let rows = self.metadata().invites(handle.id()).await?;
        let permit = handle.look(|view| authorize(view, self.who(caller), Action::ViewGuild))?;
        let all = permit.also(v1::Permission::ManageChannels);
        let shown = rows.iter().filter(|row| works(row, now_ms) && (all || row.creator == caller.user));
        Ok(v1::ListInvitesResponse { invites: shown.map(events::invite).collect() })
    }
}

/// Whether an invite can be used at this moment.
pub(super) fn works(invite: &InviteRow, now_ms: u64) -> bool {
    let in_time = invite.expire_ms.is_none_or(|end_ms| end_ms > now_ms);
    in_time && (invite.max_uses == 0 || invite.uses < invite.max_uses)
}

/// 96 random bits. In hexadecimal: a code that began with a dash would be taken for an option on a command line.
fn new_code() -> String {
    format!("{:024x}", rand::random::<u128>() >> 32)
}
