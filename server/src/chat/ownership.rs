//! Who owns a guild, and the bots that its members bring along.

use guildhall_proto::{
    ids::{RoleId, UserId},
    v1::{self, AuditAction, event::Payload},
};

use super::{
    Caller, Chat,
    access::{self, Action, authorize},
    audit::Act,
    commit::{Decision, Plan},
    error::{Error, Missing, Result},
    events, roles, validate,
    views::View,
};
use crate::store::{GuildRow, MemberRow, RoleRow, Write};

impl Chat {
    /// Gives a guild to another member.
    pub async fn transfer_guild(
        &self,
        caller: &Caller,
        request: v1::TransferGuildRequest,
    ) -> Result<v1::TransferGuildResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let heir = UserId(request.user_id);
        let is_bot = self.metadata().user(heir).await?.is_some_and(|user| user.bot_owner.is_some());
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ChangeOwner)?;
            if !view.is_member(heir) {
                return Err(Error::NotFound(Missing::Member));
            }
            if is_bot {
                return Err(Error::field("user_id", "transfer.person", "must be a person"));
            }
            let row = GuildRow { owner: heir, ..view.guild().clone() };
            let shown = events::guild(&row, view.members().len());
            if heir == caller.user {
                return Ok(Decision::Nothing(shown));
            }
            let act = Act::new(AuditAction::OwnerChange, heir, "").changed("owner", caller.user, heir);
            let written = self.audit(&permit, caller.user, act);
            let payload = Payload::OwnerChanged(v1::OwnerChanged { owner_id: heir.get() });
            Plan::new(permit, shown)
                .write(Write::SetOwner(row.id, heir))
                .write(written)
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        let guild = self.change(&handle, decide).await?;
        Ok(v1::TransferGuildResponse { guild: Some(guild) })
    }

    /// Adds a bot of the caller, with a role of its own.
    pub async fn add_bot(&self, caller: &Caller, request: v1::AddBotRequest) -> Result<v1::AddBotResponse> {
        validate(&request)?;
        let permissions = roles::known(request.permissions)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let bot = self.metadata().user(UserId(request.bot_id)).await?;
        let bot = bot.filter(|bot| bot.bot_owner == Some(caller.user)).ok_or(Error::NotFound(Missing::Bot))?;
        let decide = |view: &View| {
            let who = self.who(caller);
            let permit = authorize(view, who, Action::ManageGuild)?;
            if let Some(member) = view.member(bot.id) {
                return Ok(Decision::Nothing(member.clone()));
            }
            access::holds(view, who, permissions)?;
            let now_ms = self.clock.now_ms();
            let role = RoleRow {
                id: RoleId(self.new_id()),
                guild: permit.guild(),
                name: bot.display_name.clone(),
                permissions: permissions.bits(),
                color: 0,
                hoist: false,
                mentionable: false,
                position: 1,
                bot: Some(bot.id),
                create_ms: now_ms,
            };
            let member = MemberRow { roles: vec![role.id], ..MemberRow::new(permit.guild(), bot.id, now_ms) };
            let joined = v1::MemberJoined { member: Some(events::member(&member, &bot)) };
            let guild = events::guild(view.guild(), view.members().len() + 1);
            let own = Payload::GuildJoined(v1::GuildJoined { guild: Some(guild) });
            let act = Act::new(AuditAction::BotAdd, bot.id, &request.reason);
            let plan = self.new_role(view, Plan::new(permit, member.clone()), caller.user, role, act);
            plan.write(Write::InsertMember(member))
                .event(self.guild_event(view, caller.user, Payload::MemberJoined(joined)))
                .event(events::new_event(bot.id, caller.user, now_ms, own))
                .decided()
        };
        let member = self.change(&handle, decide).await?;
        Ok(v1::AddBotResponse { member: Some(events::member(&member, &bot)) })
    }
}
