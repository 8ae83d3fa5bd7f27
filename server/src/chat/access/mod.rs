//! Who may do what: pure functions of a guild's picture and the time. No store, no clock, nothing that waits.
//!
//! Every entry point (unary calls, commands of sessions, replay, live delivery) decides here. What is not allowed
//! explicitly is denied. A decision that leads to a write yields a `Permit`, which the write uses up: it carries the seq
//! of the guild's stream, which is the version of all rights in the guild, and a change lands only at that version.

mod audience;
mod evaluate;
mod hierarchy;
mod permissions;
#[cfg(test)]
mod tests;

use guildhall_proto::{
    ids::{ChannelId, GuildId},
    v1::Permission,
};

use super::views::View;
pub use audience::{Shown, is_told_apart, shown};
pub use evaluate::{Step, Trace, Who, evaluate};
pub use hierarchy::{Rank, above_role, above_role_of, above_user, holds, rank};
pub use permissions::Permissions;

/// What somebody wants to do in a guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See the guild, its members and channels.
    ViewGuild,
    /// See a channel.
    ViewChannel(ChannelId),
    /// Read the messages of a channel.
    ReadHistory(ChannelId),
    /// Send to a channel, type in it, change one's own messages.
    Send(ChannelId),
    /// Make an invite.
    CreateInvite,
    /// See and revoke the invites of others.
    ManageInvites,
    /// Remove somebody else.
    Kick,
    /// Ban and unban, see who is banned.
    Ban,
    /// Have somebody keep quiet for a time.
    TimeOut,
    /// Change one's own nickname.
    ChangeNickname,
    /// Change the nickname of somebody else.
    ManageNicknames,
    /// Make, change, order, delete, give and take roles; have decisions about others explained.
    ManageRoles,
    /// Change the overwrites of this channel.
    ManageOverwrites(ChannelId),
    /// Delete the messages of others in this channel.
    ManageMessages(ChannelId),
    /// Read the audit log.
    ViewAuditLog,
    /// Stop being a member.
    Leave,
    /// Make and order channels.
    ManageChannels,
    /// Change or delete this channel.
    ManageChannel(ChannelId),
    /// Change name and icon.
    ManageGuild,
    /// Delete the guild.
    DeleteGuild,
    /// Give the guild to another owner.
    ChangeOwner,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// For this user there is no such guild.
    GuildHidden,
    /// For this user there is no such channel.
    ChannelHidden,
    /// The user lacks this permission.
    Missing(Permission),
    /// Only the owner may.
    OwnerOnly,
    /// The role or member is not below the user's highest role.
    NotBelow,
}

/// Proof of a decision. Whoever writes uses it up.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit is there to be used up by a write"]
pub struct Permit {
    guild: GuildId,
    guild_seq: u64,
    held: Permissions,
}

impl Permit {
    /// The guild that it is for.
    pub fn guild(&self) -> GuildId {
        self.guild
    }

    /// The version of all rights at which it was given.
    pub fn guild_seq(&self) -> u64 {
        self.guild_seq
    }

    /// Whether its bearer holds one more permission in the same place.
    pub fn also(&self, permission: Permission) -> bool {
        self.held.has(permission)
    }
}

/// What a user may do in a guild; `None`: the user is not a member, the guild does not exist for the user.
pub fn permissions(view: &View, who: Who) -> Option<Permissions> {
    view.is_member(who.user).then(|| evaluate(view, who, None, &mut ()))
}

/// What a user may do in a channel; `None`: the channel does not exist for the user.
pub fn channel_permissions(view: &View, who: Who, channel: ChannelId) -> Option<Permissions> {
    let held = evaluate(view, who, Some(channel), &mut ());
    held.has(Permission::ViewChannel).then_some(held)
}

/// Decides.
///
/// # Errors
/// `Denied`. What the user may not see is hidden, whatever else is missing.
pub fn authorize(view: &View, who: Who, action: Action) -> Result<Permit, Denied> {
    let held = match action.channel() {
        Some(channel) => channel_permissions(view, who, channel).ok_or(Denied::ChannelHidden)?,
        None => permissions(view, who).ok_or(Denied::GuildHidden)?,
    };
    if let Some(permission) = action.permission()
        && !held.has(permission)
    {
        return Err(Denied::Missing(permission));
    }
    if matches!(action, Action::DeleteGuild | Action::ChangeOwner) && view.guild().owner != who.user {
        return Err(Denied::OwnerOnly);
    }
    Ok(Permit { guild: view.guild().id, guild_seq: view.position().seq, held })
}

/// Proof that somebody may come in, given by an invite instead of rights: the store checks the invite in the same
/// transaction. `None`: the guild was deleted.
pub(super) fn admit(view: &View) -> Option<Permit> {
    let permit = Permit { guild: view.guild().id, guild_seq: view.position().seq, held: Permissions::NONE };
    (!view.deleted()).then_some(permit)
}

impl Action {
    fn channel(self) -> Option<ChannelId> {
        match self {
            Self::ViewChannel(channel)
            | Self::ReadHistory(channel)
            | Self::Send(channel)
            | Self::ManageOverwrites(channel)
            | Self::ManageMessages(channel)
            | Self::ManageChannel(channel) => Some(channel),
            _ => None,
        }
    }

    fn permission(self) -> Option<Permission> {
        match self {
            Self::ViewGuild | Self::Leave | Self::DeleteGuild | Self::ChangeOwner => None,
            Self::ViewChannel(_) => Some(Permission::ViewChannel),
            Self::ReadHistory(_) => Some(Permission::ReadHistory),
            Self::Send(_) => Some(Permission::SendMessages),
            Self::CreateInvite => Some(Permission::CreateInvites),
            Self::Kick => Some(Permission::KickMembers),
            Self::Ban => Some(Permission::BanMembers),
            Self::TimeOut => Some(Permission::TimeOutMembers),
            Self::ChangeNickname => Some(Permission::ChangeNickname),
            Self::ManageNicknames => Some(Permission::ManageNicknames),
            Self::ManageRoles | Self::ManageOverwrites(_) => Some(Permission::ManageRoles),
            Self::ManageMessages(_) => Some(Permission::ManageMessages),
            Self::ViewAuditLog => Some(Permission::ViewAuditLog),
            Self::ManageInvites | Self::ManageChannels | Self::ManageChannel(_) => Some(Permission::ManageChannels),
            Self::ManageGuild => Some(Permission::ManageGuild),
        }
    }
}
