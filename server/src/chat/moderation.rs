//! Keeping order: bans, time-outs, nicknames.

use guildhall_proto::{
    ids::UserId,
    v1::{self, AuditAction, Permission, event::Payload},
};

use super::{
    Caller, Chat,
    access::{self, Action, Who, authorize, permissions},
    audit::Act,
    commit::{Decision, Plan},
    error::{Error, Missing, Result},
    events, pages, validate,
    views::View,
};
use crate::store::{BanRow, MemberRow, Write};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;
/// The longest time-out.
const TIME_OUT_MAX_MS: u64 = 28 * DAY_MS;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

impl Chat {
    /// Bans a user, who need not be a member nor exist. When this returns, nothing authorised from now on reaches the
    /// banned one, and the messages that were to be deleted are.
    pub async fn ban_user(&self, caller: &Caller, request: v1::BanUserRequest) -> Result<v1::BanUserResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let user = UserId(request.user_id);
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::Ban)?;
            if user == caller.user {
                return Err(Error::field("user_id", "ban.oneself", "must not be the caller"));
            }
            access::above_user(view, caller.user, user)?;
            let row = BanRow {
                guild: permit.guild(),
                user,
                actor: caller.user,
                reason: request.reason.clone(),
                create_ms: self.clock.now_ms(),
            };
            let written = self.audit(&permit, caller.user, Act::new(AuditAction::MemberBan, user, &request.reason));
            let banned = Payload::MemberBanned(v1::MemberBanned { user_id: user.get() });
            let plan = Plan::new(permit, row.clone()).write(Write::InsertBan(row)).write(written);
            let plan = plan.event(self.guild_event(view, caller.user, banned));
            Ok(Decision::Write(self.without_member(view, plan, caller.user, user, v1::LeaveReason::Banned)))
        };
        let row = self.change(&handle, decide).await?;
        let deleted = match request.delete_message_days {
            0 => 0,
            days => self.delete_recent(&handle, caller, user, row.create_ms - u64::from(days) * DAY_MS).await?,
        };
        let known = self.metadata().user(user).await?;
        Ok(v1::BanUserResponse { ban: Some(ban(&row, known.as_ref())), deleted_messages: deleted })
    }

    /// Ends a ban.
    pub async fn unban_user(&self, caller: &Caller, request: v1::UnbanUserRequest) -> Result<v1::UnbanUserResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let user = UserId(request.user_id);
        self.decide(&handle, |view| Ok(authorize(view, self.who(caller), Action::Ban).map(drop)?)).await?;
        self.metadata().ban(handle.id(), user).await?.ok_or(Error::NotFound(Missing::Ban))?;
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::Ban)?;
            let written = self.audit(&permit, caller.user, Act::new(AuditAction::MemberUnban, user, &request.reason));
            let payload = Payload::MemberUnbanned(v1::MemberUnbanned { user_id: user.get() });
            Plan::new(permit, ())
                .write(Write::DeleteBan(view.guild().id, user))
                .write(written)
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::UnbanUserResponse {})
    }

    /// Who is banned, by user id, a page at a time.
    pub async fn list_bans(&self, caller: &Caller, request: v1::ListBansRequest) -> Result<v1::ListBansResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        self.decide(&handle, |view| Ok(authorize(view, self.who(caller), Action::Ban).map(drop)?)).await?;
        let after = pages::after(pages::List::Bans, handle.id(), &request.page_token)?;
        let limit = pages::size(request.page_size, PAGE_DEFAULT, PAGE_MAX);
        let mut rows = self.metadata().bans(handle.id(), after, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more).map(|(row, _)| row.user.get());
        let token = |last| pages::token(pages::List::Bans, handle.id(), last);
        Ok(v1::ListBansResponse {
            bans: rows.iter().map(|(row, user)| ban(row, user.as_ref())).collect(),
            next_page_token: last.map_or_else(String::new, token),
        })
    }

    /// Lets a member only look on until a moment, or ends that.
    pub async fn time_out_member(
        &self,
        caller: &Caller,
        request: v1::TimeOutMemberRequest,
    ) -> Result<v1::TimeOutMemberResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let user = UserId(request.user_id);
        let until_ms = request.until_time.map(events::unix_ms);
        let decide = |view: &View| {
            let who = self.who(caller);
            let permit = authorize(view, who, Action::TimeOut)?;
            within(until_ms, who.now_ms)?;
            let old = view.member(user).ok_or(Error::NotFound(Missing::Member))?;
            access::above_user(view, caller.user, user)?;
            let mighty = permissions(view, Who { user, ..who }).is_some_and(|held| held.has(Permission::Administrator));
            if mighty && until_ms.is_some() {
                return Err(Error::NotBelow);
            }
            if old.time_out_ms == until_ms {
                return Ok(Decision::Nothing(()));
            }
            let moment = |ms: Option<u64>| ms.map_or_else(String::new, |ms| ms.to_string());
            let act = Act::new(AuditAction::MemberTimeOut, user, &request.reason).changed(
                "until_unix_ms",
                moment(old.time_out_ms),
                moment(until_ms),
            );
            let written = self.audit(&permit, caller.user, act);
            let payload = v1::MemberTimedOut { user_id: user.get(), until_time: until_ms.map(events::timestamp) };
            Plan::new(permit, ())
                .write(Write::UpdateMember(MemberRow { time_out_ms: until_ms, ..old.clone() }))
                .write(written)
                .event(self.guild_event(view, caller.user, Payload::MemberTimedOut(payload)))
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::TimeOutMemberResponse {})
    }

    /// Changes a nickname: one's own, or that of a member below.
    pub async fn set_nickname(
        &self,
        caller: &Caller,
        request: v1::SetNicknameRequest,
    ) -> Result<v1::SetNicknameResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let user = UserId(request.user_id);
        let decide = |view: &View| {
            let own = user == caller.user;
            let action = if own { Action::ChangeNickname } else { Action::ManageNicknames };
            let permit = authorize(view, self.who(caller), action)?;
            let old = view.member(user).ok_or(Error::NotFound(Missing::Member))?;
            if !own {
                access::above_user(view, caller.user, user)?;
            }
            if old.nickname == request.nickname {
                return Ok(Decision::Nothing(()));
            }
            let act = Act::new(AuditAction::MemberNickname, user, &request.reason).changed(
                "nickname",
                &old.nickname,
                &request.nickname,
            );
            let written = self.audit(&permit, caller.user, act);
            let payload = v1::MemberNicknameUpdated { user_id: user.get(), nickname: request.nickname.clone() };
            Plan::new(permit, ())
                .write(Write::UpdateMember(MemberRow { nickname: request.nickname.clone(), ..old.clone() }))
                .write(written)
                .event(self.guild_event(view, caller.user, Payload::MemberNicknameUpdated(payload)))
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::SetNicknameResponse {})
    }
}

/// A time-out ends in the future, and not too far in it.
fn within(until_ms: Option<u64>, now_ms: u64) -> Result<()> {
    match until_ms {
        Some(until_ms) if until_ms <= now_ms => {
            Err(Error::field("until_time", "time_out.future", "must be in the future"))
        }
        Some(until_ms) if until_ms > now_ms + TIME_OUT_MAX_MS => {
            Err(Error::field("until_time", "time_out.max", "must be at most 28 days from now"))
        }
        _ => Ok(()),
    }
}

fn ban(row: &BanRow, user: Option<&crate::store::UserRow>) -> v1::Ban {
    let unknown = || v1::User { id: row.user.get(), ..v1::User::default() };
    v1::Ban {
        guild_id: row.guild.get(),
        user: Some(user.map_or_else(unknown, events::user)),
        reason: row.reason.clone(),
        actor_id: row.actor.get(),
        create_time: Some(events::timestamp(row.create_ms)),
    }
}
