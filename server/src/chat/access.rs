//! Who may do what: pure functions of a guild's picture. No store, no clock, nothing that waits.
//!
//! Every entry point (unary calls, commands of sessions, replay, live delivery) decides here. What is not allowed
//! explicitly is denied. A decision that leads to a write yields a `Permit`, which the write uses up: it carries the seq
//! of the guild's stream, which is the version of all rights in the guild, and a change lands only at that version.

use guildhall_proto::{
    ids::{ChannelId, GuildId, UserId},
    v1::Permission,
};

use super::views::View;

/// A set of permissions, by their positions in the enum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// All that there are. Positions that this server does not know are not among them.
    pub const ALL: Self = Self::of(&[
        Permission::ViewChannel,
        Permission::ReadHistory,
        Permission::SendMessages,
        Permission::ManageMessages,
        Permission::CreateInvites,
        Permission::KickMembers,
        Permission::ManageChannels,
        Permission::ManageGuild,
    ]);
    /// What every member may do.
    pub const MEMBER: Self = Self::of(&[
        Permission::ViewChannel,
        Permission::ReadHistory,
        Permission::SendMessages,
        Permission::CreateInvites,
    ]);

    /// These.
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < permissions.len() {
            bits |= bit(permissions[index]);
            index += 1;
        }
        Self(bits)
    }

    /// Whether the permission is among them.
    pub const fn has(self, permission: Permission) -> bool {
        let bit = bit(permission);
        bit != 0 && self.0 & bit == bit
    }
}

/// `UNSPECIFIED` has no bit: it is never held.
const fn bit(permission: Permission) -> u64 {
    match permission {
        Permission::Unspecified => 0,
        known => 1 << known as u32,
    }
}

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
pub fn permissions(view: &View, user: UserId) -> Option<Permissions> {
    if !view.is_member(user) {
        return None;
    }
    Some(if view.guild().owner == user { Permissions::ALL } else { Permissions::MEMBER })
}

/// What a user may do in a channel; `None`: the channel does not exist for the user.
pub fn channel_permissions(view: &View, user: UserId, channel: ChannelId) -> Option<Permissions> {
    let held = permissions(view, user)?;
    (view.channel(channel).is_some() && held.has(Permission::ViewChannel)).then_some(held)
}

/// Decides.
///
/// # Errors
/// `Denied`. What the user may not see is hidden, whatever else is missing.
pub fn authorize(view: &View, user: UserId, action: Action) -> Result<Permit, Denied> {
    let held = match action.channel() {
        Some(channel) => channel_permissions(view, user, channel).ok_or(Denied::ChannelHidden)?,
        None => permissions(view, user).ok_or(Denied::GuildHidden)?,
    };
    if let Some(permission) = action.permission()
        && !held.has(permission)
    {
        return Err(Denied::Missing(permission));
    }
    if action == Action::DeleteGuild && view.guild().owner != user {
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
            | Self::ManageChannel(channel) => Some(channel),
            _ => None,
        }
    }

    fn permission(self) -> Option<Permission> {
        match self {
            Self::ViewGuild | Self::Leave | Self::DeleteGuild => None,
            Self::ViewChannel(_) => Some(Permission::ViewChannel),
            Self::ReadHistory(_) => Some(Permission::ReadHistory),
            Self::Send(_) => Some(Permission::SendMessages),
            Self::CreateInvite => Some(Permission::CreateInvites),
            Self::Kick => Some(Permission::KickMembers),
            Self::ManageInvites | Self::ManageChannels | Self::ManageChannel(_) => Some(Permission::ManageChannels),
            Self::ManageGuild => Some(Permission::ManageGuild),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::views::testing::{CHANNEL, MEMBER, OWNER, STRANGER, view};

    const ACTIONS: [Action; 12] = [
        Action::ViewGuild,
        Action::ViewChannel(CHANNEL),
        Action::ReadHistory(CHANNEL),
        Action::Send(CHANNEL),
        Action::CreateInvite,
        Action::ManageInvites,
        Action::Kick,
        Action::Leave,
        Action::ManageChannels,
        Action::ManageChannel(CHANNEL),
        Action::ManageGuild,
        Action::DeleteGuild,
    ];

    #[test]
    fn the_owner_may_everything() {
        let view = view();
        for action in ACTIONS {
            let permit = authorize(&view, OWNER, action).expect("allowed");
            assert_eq!((permit.guild(), permit.guild_seq()), (view.guild().id, view.position().seq));
            assert!(permit.also(Permission::ManageMessages));
        }
    }

    #[test]
    fn a_member_may_what_members_may() {
        let view = view();
        let denied = |permission| Some(Denied::Missing(permission));
        let expected = [
            None,
            None,
            None,
            None,
            None,
            denied(Permission::ManageChannels),
            denied(Permission::KickMembers),
            None,
            denied(Permission::ManageChannels),
            denied(Permission::ManageChannels),
            denied(Permission::ManageGuild),
            Some(Denied::OwnerOnly),
        ];
        for (action, expected) in ACTIONS.into_iter().zip(expected) {
            assert_eq!(authorize(&view, MEMBER, action).err(), expected, "{action:?}");
        }
        assert!(!permissions(&view, MEMBER).expect("member").has(Permission::ManageMessages));
    }

    #[test]
    fn to_a_stranger_everything_is_hidden() {
        let view = view();
        for action in ACTIONS {
            let hidden = if action.channel().is_some() { Denied::ChannelHidden } else { Denied::GuildHidden };
            assert_eq!(authorize(&view, STRANGER, action).err(), Some(hidden), "{action:?}");
        }
        assert_eq!(permissions(&view, STRANGER), None);
    }

    #[test]
    fn an_unknown_channel_is_hidden_from_the_owner_too() {
        let unknown = ChannelId::from(999);
        assert_eq!(authorize(&view(), OWNER, Action::Send(unknown)), Err(Denied::ChannelHidden));
    }

    #[test]
    fn unknown_and_unspecified_permissions_are_denied() {
        assert!(!Permissions::ALL.has(Permission::Unspecified));
        assert!(!Permissions::NONE.has(Permission::ViewChannel));
        assert!(!Permissions(u64::MAX).has(Permission::Unspecified));
        assert!((1..64).all(|number| match Permission::try_from(number) {
            Ok(known) => Permissions::ALL.has(known),
            Err(_) => Permissions::ALL.0 & (1 << number) == 0,
        }));
    }

    #[test]
    fn a_deleted_guild_admits_nobody() {
        let mut view = view();
        assert!(admit(&view).is_some());
        let seq = view.position().seq + 1;
        view.apply(seq, Some(&guildhall_proto::v1::event::Payload::GuildDeleted(Default::default())));
        assert_eq!(admit(&view), None);
        assert_eq!(authorize(&view, OWNER, Action::ViewGuild), Err(Denied::GuildHidden));
    }
}
