//! Members: who is there, who comes, who goes.

use guildhall_proto::{
    ids::UserId,
    v1::{self, AuditAction, event::Payload},
};

use super::{
    Caller, Chat,
    access::{self, Action, Permit, authorize},
    audit::Act,
    commit::{Decision, Plan},
    error::{Error, Missing, Result},
    events, pages, validate,
    views::View,
};
use crate::store::{MemberRow, NewEvent, UserRow, Write};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

/// What it takes that somebody joins.
pub(super) struct Join {
    pub(super) permit: Permit,
    pub(super) writes: Vec<Write>,
    pub(super) events: Vec<NewEvent>,
}

impl Chat {
    /// Members by id, a page at a time.
    pub async fn list_members(
        &self,
        caller: &Caller,
        request: v1::ListMembersRequest,
    ) -> Result<v1::ListMembersResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let after = pages::after(pages::List::Members, handle.id(), &request.page_token)?;
        let limit = pages::size(request.page_size, PAGE_DEFAULT, PAGE_MAX);
        let mut rows = self.metadata().members(handle.id(), after, limit + 1).await?;
        // A removal in between wins.
        handle.look(|view| authorize(view, self.who(caller), Action::ViewGuild).map(drop))?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more).map(|(member, _)| member.user);
        Ok(v1::ListMembersResponse {
            members: rows.iter().map(|(member, profile)| events::member(member, profile)).collect(),
            next_page_token: last
                .map_or_else(String::new, |last| pages::token(pages::List::Members, handle.id(), last.get())),
        })
    }

    /// Removes somebody else. When this returns, nothing authorised from now on reaches the removed one.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        request: v1::RemoveMemberRequest,
    ) -> Result<v1::RemoveMemberResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let user = UserId(request.user_id);
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::Kick)?;
            if !view.is_member(user) {
                return Err(Error::NotFound(Missing::Member));
            }
            if view.guild().owner == user {
                return Err(Error::OwnerStays);
            }
            access::above_user(view, caller.user, user)?;
            let act = Act::new(AuditAction::MemberKick, user, &request.reason);
            let plan = Plan::new(permit, ());
            let written = self.audit(plan.permit(), caller.user, act);
            let plan = plan.write(written);
            Ok(Decision::Write(self.without_member(view, plan, caller.user, user, v1::LeaveReason::Removed)))
        };
        self.change(&handle, decide).await?;
        Ok(v1::RemoveMemberResponse {})
    }

    /// The caller leaves.
    pub async fn leave_guild(&self, caller: &Caller, request: v1::LeaveGuildRequest) -> Result<v1::LeaveGuildResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::Leave)?;
            if view.guild().owner == caller.user {
                return Err(Error::OwnerStays);
            }
            let plan = Plan::new(permit, ());
            Ok(Decision::Write(self.without_member(view, plan, caller.user, caller.user, v1::LeaveReason::Left)))
        };
        self.change(&handle, decide).await?;
        Ok(v1::LeaveGuildResponse {})
    }

    /// What it takes that a member goes, with the member's roles and overwrites, and a bot with its own role. Nothing, if
    /// the user is no member.
    pub(super) fn without_member<T>(
        &self,
        view: &View,
        plan: Plan<T>,
        actor: UserId,
        user: UserId,
        reason: v1::LeaveReason,
    ) -> Plan<T> {
        if !view.is_member(user) {
            return plan;
        }
        let id = view.guild().id;
        let removed = v1::MemberRemoved { user_id: user.get(), reason: reason.into() };
        let plan = plan
            .write(Write::DeleteMember(id, user))
            .event(self.guild_event(view, actor, Payload::MemberRemoved(removed)))
            .event(self.guild_left(actor, user, id, reason));
        match view.roles().into_iter().find(|role| role.bot == Some(user)) {
            Some(role) => self.without_role(view, plan, actor, role),
            None => plan,
        }
    }

    /// One member.
    pub async fn get_member(&self, caller: &Caller, request: v1::GetMemberRequest) -> Result<v1::GetMemberResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let user = UserId(request.user_id);
        let unknown = || Error::NotFound(Missing::Member);
        let profile = self.metadata().user(user).await?.ok_or_else(unknown)?;
        let member = handle.look(|view| view.member(user).map(|row| events::member(row, &profile)));
        Ok(v1::GetMemberResponse { member: Some(member.ok_or_else(unknown)?) })
    }

    /// What it takes that a user joins, by an invite or, if there is none, because the server itself says so.
    pub(super) fn join(&self, view: &View, profile: &UserRow, invite: Option<&str>) -> Result<Join> {
        let permit = access::admit(view).ok_or(Error::NotFound(Missing::Invite))?;
        let now_ms = self.clock.now_ms();
        let row = MemberRow::new(permit.guild(), profile.id, now_ms);
        let used = invite.map(|code| Write::UseInvite { code: code.to_owned(), now_ms });
        let joined = v1::MemberJoined { member: Some(events::member(&row, profile)) };
        let guild = events::guild(view.guild(), view.members().len() + 1);
        let own = Payload::GuildJoined(v1::GuildJoined { guild: Some(guild) });
        Ok(Join {
            permit,
            writes: used.into_iter().chain([Write::InsertMember(row)]).collect(),
            events: vec![
                self.guild_event(view, profile.id, Payload::MemberJoined(joined)),
                events::new_event(profile.id, profile.id, now_ms, own),
            ],
        })
    }
}
