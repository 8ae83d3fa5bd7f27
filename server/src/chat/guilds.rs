//! Guilds: made, shown, changed, deleted.

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, GuildId, RoleId, StreamKey, UserId},
    v1::{self, AuditAction, event::Payload},
};

use super::{
    Caller, Chat,
    access::{Action, Permissions, authorize},
    audit::Act,
    commit::{Batch, Decision, Plan},
    error::{Error, Missing, Result},
    events, validate,
    views::{GuildHandle, View},
};
use crate::{
    limits,
    store::{ChannelRow, GuildRow, MemberRow, NewEvent, RoleRow, UserRow, Write},
};

/// Guilds of one user. Two joins at the same moment may exceed it by one.
const GUILDS_MAX: usize = 200;
/// The first channel of a guild.
pub(super) const FIRST_CHANNEL: &str = "general";

impl Chat {
    /// A guild that the caller is a member of.
    pub(super) async fn my_guild(&self, caller: &Caller, id: u64) -> Result<Arc<GuildHandle>> {
        let hidden = || Error::NotFound(Missing::Guild);
        let handle = self.guilds.get(GuildId(id)).await?.ok_or_else(hidden)?;
        self.refresh(&handle).await;
        if handle.is_member(caller.user) { Ok(handle) } else { Err(hidden()) }
    }

    /// Makes a guild that the caller owns.
    pub async fn create_guild(
        &self,
        caller: &Caller,
        request: v1::CreateGuildRequest,
    ) -> Result<v1::CreateGuildResponse> {
        validate(&request)?;
        self.count(caller, limits::GUILD).await?;
        self.may_have_more_guilds(caller.user).await?;
        let profile = self.profile(caller.user).await?;
        let (guild, channel) = self.found_guild(&profile, &request).await?;
        Ok(v1::CreateGuildResponse { guild: Some(events::guild(&guild, 1)), channel_id: channel.get() })
    }

    pub(super) async fn found_guild(
        &self,
        owner: &UserRow,
        request: &v1::CreateGuildRequest,
    ) -> Result<(GuildRow, ChannelId)> {
        self.create(|| self.new_guild(owner, request), || {}).await
    }

    fn new_guild(&self, owner: &UserRow, request: &v1::CreateGuildRequest) -> (Batch, (GuildRow, ChannelId)) {
        let now_ms = self.clock.now_ms();
        let guild = GuildRow {
            id: GuildId(self.new_id()),
            name: request.name.clone(),
            icon_url: request.icon_url.clone(),
            owner: owner.id,
            create_ms: now_ms,
        };
        let channel = ChannelRow {
            id: ChannelId(self.new_id()),
            guild: guild.id,
            name: FIRST_CHANNEL.into(),
            kind: v1::ChannelKind::Text.into(),
            position: 0,
            parent: None,
            topic: String::new(),
            create_ms: now_ms,
            overwrites: Vec::new(),
            in_step: false,
            slow_mode_seconds: 0,
        };
        let everyone = everyone(&guild);
        let member = MemberRow::new(guild.id, owner.id, now_ms);
        let shown = || Some(events::guild(&guild, 1));
        let event = |stream: StreamKey, payload| events::new_event(stream, owner.id, now_ms, payload);
        let stream = StreamKey::guild(guild.id);
        let told = vec![
            event(stream, Payload::GuildCreated(v1::GuildCreated { guild: shown() })),
            event(stream, Payload::RoleCreated(v1::RoleCreated { role: Some(events::role(&everyone)) })),
            event(stream, Payload::MemberJoined(v1::MemberJoined { member: Some(events::member(&member, owner)) })),
            event(stream, Payload::ChannelCreated(v1::ChannelCreated { channel: Some(events::channel(&channel)) })),
            event(owner.id.into(), Payload::GuildJoined(v1::GuildJoined { guild: shown() })),
        ];
        let answer = (guild.clone(), channel.id);
        let writes = vec![
            Write::InsertGuild(guild),
            Write::InsertRole(everyone),
            Write::InsertMember(member),
            Write::InsertChannel(channel),
        ];
        (Batch { expected: None, writes, events: told }, answer)
    }

    pub(super) async fn may_have_more_guilds(&self, user: UserId) -> Result<()> {
        let full = self.metadata().guilds_of(user).await?.len() >= GUILDS_MAX;
        if full { Err(Error::Limit { subject: "user.guilds", max: GUILDS_MAX }) } else { Ok(()) }
    }

    /// One guild of the caller.
    pub async fn get_guild(&self, caller: &Caller, request: v1::GetGuildRequest) -> Result<v1::GetGuildResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        Ok(v1::GetGuildResponse { guild: Some(handle.guild_message()) })
    }

    /// All guilds of the caller, oldest membership first.
    pub async fn list_my_guilds(
        &self,
        caller: &Caller,
        request: v1::ListMyGuildsRequest,
    ) -> Result<v1::ListMyGuildsResponse> {
        validate(&request)?;
        let handles = self.guilds_of(caller.user).await?;
        let guilds = handles.iter().map(|handle| handle.guild_message()).collect();
        Ok(v1::ListMyGuildsResponse { guilds })
    }

    /// Changes name or icon.
    pub async fn update_guild(
        &self,
        caller: &Caller,
        request: v1::UpdateGuildRequest,
    ) -> Result<v1::UpdateGuildResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ManageGuild)?;
            let old = view.guild();
            let row = GuildRow {
                name: request.name.as_ref().unwrap_or(&old.name).clone(),
                icon_url: request.icon_url.as_ref().unwrap_or(&old.icon_url).clone(),
                ..old.clone()
            };
            let shown = events::guild(&row, view.members().len());
            if row == *old {
                return Ok(Decision::Nothing(shown));
            }
            let payload = Payload::GuildUpdated(v1::GuildUpdated { guild: Some(shown.clone()) });
            let event = self.guild_event(view, caller.user, payload);
            let act = Act::new(AuditAction::GuildUpdate, 0_u64, "").changed("name", &old.name, &row.name).changed(
                "icon_url",
                &old.icon_url,
                &row.icon_url,
            );
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, shown).write(Write::UpdateGuild(row)).write(written).event(event).decided()
        };
        let guild = self.change(&handle, decide).await?;
        Ok(v1::UpdateGuildResponse { guild: Some(guild) })
    }

    /// Deletes a guild with all that is in it. Every member is told in the member's own stream.
    pub async fn delete_guild(
        &self,
        caller: &Caller,
        request: v1::DeleteGuildRequest,
    ) -> Result<v1::DeleteGuildResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::DeleteGuild)?;
            let id = view.guild().id;
            let reason = v1::LeaveReason::GuildDeleted;
            let left = view.members().map(|user| self.guild_left(caller.user, user, id, reason));
            Plan::new(permit, ())
                .write(Write::DeleteGuild(id))
                .event(self.guild_event(view, caller.user, Payload::GuildDeleted(v1::GuildDeleted {})))
                .events(left)
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::DeleteGuildResponse {})
    }

    /// An event of the guild's stream.
    pub(super) fn guild_event(&self, view: &View, actor: UserId, payload: Payload) -> NewEvent {
        events::new_event(view.guild().id, actor, self.clock.now_ms(), payload)
    }

    /// What a user's own stream tells of a lost guild.
    pub(super) fn guild_left(&self, actor: UserId, user: UserId, guild: GuildId, reason: v1::LeaveReason) -> NewEvent {
        let payload = Payload::GuildLeft(v1::GuildLeft { guild_id: guild.get(), reason: reason.into() });
        events::new_event(user, actor, self.clock.now_ms(), payload)
    }
}

/// What all members of a new guild may do.
pub(super) fn everyone(guild: &GuildRow) -> RoleRow {
    RoleRow {
        id: RoleId(guild.id.get()),
        guild: guild.id,
        name: "everyone".into(),
        permissions: Permissions::MEMBER.bits(),
        color: 0,
        hoist: false,
        mentionable: false,
        position: 0,
        bot: None,
        create_ms: guild.create_ms,
    }
}
