//! What roles and members have more or less in single channels.

use guildhall_proto::{
    ids::ChannelId,
    v1::{self, AuditAction, Permission, event::Payload},
};

use super::{
    Caller, Chat,
    access::{self, Action, Denied, Permissions, Permit, authorize},
    audit::Act,
    commit::{Decision, Plan},
    error::{Error, Missing, Result},
    events, validate,
    views::View,
};
use crate::store::{ChannelRow, OverwriteRow, Target, Write};

/// Overwrites of one channel.
const OVERWRITES_MAX: usize = 500;

impl Chat {
    /// Sets what a role or a member has more or less in a channel.
    pub async fn set_overwrite(
        &self,
        caller: &Caller,
        request: v1::SetOverwriteRequest,
    ) -> Result<v1::SetOverwriteResponse> {
        validate(&request)?;
        let wanted = wanted(request.overwrite.as_ref())?;
        let decide = |view: &View, permit: &Permit, old: &ChannelRow| {
            self.may_touch(view, caller, wanted.target)?;
            let mut overwrites = view.overwrites(old).to_vec();
            let place = overwrites.binary_search_by_key(&wanted.target, |row| row.target);
            let before = place.map_or(OverwriteRow { allow: 0, deny: 0, ..wanted }, |place| overwrites[place]);
            may_change(permit, before, wanted)?;
            match place {
                Ok(place) => overwrites[place] = wanted,
                Err(_) if overwrites.len() >= OVERWRITES_MAX => {
                    return Err(Error::Limit { subject: "channel.overwrites", max: OVERWRITES_MAX });
                }
                Err(place) => overwrites.insert(place, wanted),
            }
            let act = Act::new(AuditAction::OverwriteSet, old.id, &request.reason)
                .changed("target", "", id(wanted.target))
                .changed("allow", before.allow, wanted.allow)
                .changed("deny", before.deny, wanted.deny);
            Ok((ChannelRow { overwrites, in_step: false, ..old.clone() }, act))
        };
        let channel = self.change_overwrites(caller, request.channel_id, decide).await?;
        Ok(v1::SetOverwriteResponse { channel: Some(channel) })
    }

    /// Deletes an overwrite.
    pub async fn delete_overwrite(
        &self,
        caller: &Caller,
        request: v1::DeleteOverwriteRequest,
    ) -> Result<v1::DeleteOverwriteResponse> {
        use v1::delete_overwrite_request::Target as Wire;
        validate(&request)?;
        let target = match request.target {
            Some(Wire::RoleId(role)) => Target::Role(role.into()),
            Some(Wire::UserId(user)) => Target::Member(user.into()),
            None => return Err(Error::field("target", "required", "exactly one field is required in oneof")),
        };
        let decide = |view: &View, permit: &Permit, old: &ChannelRow| {
            let mut overwrites = view.overwrites(old).to_vec();
            let Ok(place) = overwrites.binary_search_by_key(&target, |row| row.target) else {
                return Ok((old.clone(), Act::new(AuditAction::OverwriteDelete, old.id, &request.reason)));
            };
            self.may_touch(view, caller, target)?;
            let before = overwrites.remove(place);
            may_change(permit, before, OverwriteRow { target, allow: 0, deny: 0 })?;
            let act = Act::new(AuditAction::OverwriteDelete, old.id, &request.reason)
                .changed("target", id(target), "")
                .changed("allow", before.allow, 0)
                .changed("deny", before.deny, 0);
            Ok((ChannelRow { overwrites, in_step: false, ..old.clone() }, act))
        };
        let channel = self.change_overwrites(caller, request.channel_id, decide).await?;
        Ok(v1::DeleteOverwriteResponse { channel: Some(channel) })
    }

    /// Puts a channel in step with its category again.
    pub async fn put_in_step(&self, caller: &Caller, request: v1::PutInStepRequest) -> Result<v1::PutInStepResponse> {
        validate(&request)?;
        let decide = |view: &View, permit: &Permit, old: &ChannelRow| {
            let above = old.parent.and_then(|id| view.channel(id));
            let no_category =
                || Error::field("channel_id", "overwrites.category", "must be a channel below a category");
            let above = above.ok_or_else(no_category)?;
            let (mine, theirs) = (view.overwrites(old), &above.overwrites);
            for row in mine.iter().chain(theirs) {
                let find = |rows: &[OverwriteRow]| rows.iter().find(|other| other.target == row.target).copied();
                let nothing = OverwriteRow { target: row.target, allow: 0, deny: 0 };
                may_change(permit, find(mine).unwrap_or(nothing), find(theirs).unwrap_or(nothing))?;
            }
            let act = Act::new(AuditAction::OverwriteSync, old.id, &request.reason);
            Ok((ChannelRow { overwrites: Vec::new(), in_step: true, ..old.clone() }, act))
        };
        let channel = self.change_overwrites(caller, request.channel_id, decide).await?;
        Ok(v1::PutInStepResponse { channel: Some(channel) })
    }

    /// Changes a channel's overwrites as `decide` says.
    async fn change_overwrites<'a>(
        &self,
        caller: &Caller,
        channel: u64,
        decide: impl Fn(&View, &Permit, &ChannelRow) -> Result<(ChannelRow, Act<'a>)>,
    ) -> Result<v1::Channel> {
        let handle = self.channel_guild(channel).await?;
        let id = ChannelId(channel);
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ManageOverwrites(id))?;
            let old = view.channel(id).ok_or(Error::NotFound(Missing::Channel))?;
            let (row, act) = decide(view, &permit, old)?;
            let shown = events::channel(&row);
            if row == *old {
                return Ok(Decision::Nothing(shown));
            }
            let payload = Payload::ChannelUpdated(v1::ChannelUpdated { channel: Some(shown.clone()) });
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, shown)
                .write(Write::UpdateChannel(row))
                .write(written)
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        self.change(&handle, decide).await
    }

    /// Whether the target is of this guild, and below the caller.
    fn may_touch(&self, view: &View, caller: &Caller, target: Target) -> Result<()> {
        match target {
            Target::Role(role) if role == view.everyone() => Ok(()),
            Target::Role(role) => {
                let role = view.role(role).ok_or(Error::NotFound(Missing::Role))?;
                Ok(access::above_role(view, caller.user, role)?)
            }
            Target::Member(user) => {
                let is_member = view.is_member(user).then_some(());
                is_member.ok_or(Error::NotFound(Missing::Member))?;
                Ok(access::above_user(view, caller.user, user)?)
            }
        }
    }
}

fn wanted(overwrite: Option<&v1::PermissionOverwrite>) -> Result<OverwriteRow> {
    let row = overwrite.and_then(events::overwrite_row);
    let row =
        row.ok_or_else(|| Error::field("overwrite.target", "required", "exactly one field is required in oneof"))?;
    if [row.allow, row.deny].into_iter().any(|bits| Permissions::from_bits(bits).bits() != bits) {
        return Err(Error::field("overwrite", "permissions.known", "must not have bits that mean nothing"));
    }
    if row.allow & row.deny != 0 {
        return Err(Error::field("overwrite", "overwrite.both", "must not give and take the same permission"));
    }
    let guild_wide = Permissions::of(&[Permission::Administrator]);
    if Permissions::from_bits(row.allow | row.deny).has_all(guild_wide) {
        return Err(Error::field("overwrite", "overwrite.administrator", "cannot be given or taken in a channel"));
    }
    Ok(row)
}

/// Whether its bearer holds, in this channel, all that is given or taken.
fn may_change(permit: &Permit, before: OverwriteRow, after: OverwriteRow) -> Result<()> {
    let touched = Permissions::from_bits((before.allow ^ after.allow) | (before.deny ^ after.deny));
    match touched.each().find(|permission| !permit.also(*permission)) {
        Some(lacking) => Err(Denied::Missing(lacking).into()),
        None => Ok(()),
    }
}

fn id(target: Target) -> String {
    match target {
        Target::Role(role) => format!("role {role}"),
        Target::Member(user) => format!("user {user}"),
    }
}
