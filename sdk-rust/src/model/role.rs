//! Roles, sets of permissions, and what differs in single channels.

use std::fmt;

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use guildhall_proto::v1::{self, Permission};

use crate::model::{Timestamp, optional};

/// A set of permissions. Bits that this version does not know are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(pub u64);

impl Permissions {
    /// These.
    #[must_use]
    pub fn of(permissions: impl IntoIterator<Item = Permission>) -> Self {
        Self(permissions.into_iter().map(bit).fold(0, |bits, bit| bits | bit))
    }

    /// Whether the permission is among them.
    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        let bit = bit(permission);
        bit != 0 && self.0 & bit != 0
    }

    /// Each that this version knows, by number.
    pub fn each(self) -> impl Iterator<Item = Permission> {
        (1..64).filter_map(|number| Permission::try_from(number).ok()).filter(move |permission| self.has(*permission))
    }
}

fn bit(permission: Permission) -> u64 {
    if permission == Permission::Unspecified { 0 } else { 1 << permission as u32 }
}

/// The names, as `VIEW_CHANNEL|READ_HISTORY`.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, permission) in self.each().enumerate() {
            let name = permission.as_str_name();
            let name = name.strip_prefix("PERMISSION_").unwrap_or(name);
            write!(f, "{}{name}", if index == 0 { "" } else { "|" })?;
        }
        Ok(())
    }
}

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Role {
    /// The id; everyone's role has the guild's.
    pub id: RoleId,
    /// The guild.
    pub guild_id: GuildId,
    /// The name.
    pub name: String,
    /// What it gives.
    pub permissions: Permissions,
    /// 0xRRGGBB; 0 = none.
    pub color: u32,
    /// Whether its bearers are shown as a group of their own.
    pub hoist: bool,
    /// Whether everybody may mention it.
    pub mentionable: bool,
    /// Its rank; 0 is everyone's.
    pub position: u32,
    /// The bot whose own role this is.
    pub bot_id: Option<UserId>,
    /// When it was made.
    pub create_time: Timestamp,
}

impl From<v1::Role> for Role {
    fn from(role: v1::Role) -> Self {
        Self {
            id: RoleId(role.id),
            guild_id: GuildId(role.guild_id),
            name: role.name,
            permissions: Permissions(role.permissions),
            color: role.color,
            hoist: role.hoist,
            mentionable: role.mentionable,
            position: role.position,
            bot_id: optional(role.bot_id),
            create_time: Timestamp::or_epoch(role.create_time),
        }
    }
}

impl From<Role> for v1::Role {
    fn from(role: Role) -> Self {
        Self {
            id: role.id.0,
            guild_id: role.guild_id.0,
            name: role.name,
            permissions: role.permissions.0,
            color: role.color,
            hoist: role.hoist,
            mentionable: role.mentionable,
            position: role.position,
            bot_id: role.bot_id.unwrap_or_default().0,
            create_time: Some(role.create_time.into()),
        }
    }
}

/// Whose an overwrite is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverwriteTarget {
    /// A role.
    Role(RoleId),
    /// A member.
    Member(UserId),
    /// Of a kind that is newer than this version.
    Unknown,
}

/// What a role or a member has more or less in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overwrite {
    /// Whose.
    pub target: OverwriteTarget,
    /// What is given.
    pub allow: Permissions,
    /// What is taken.
    pub deny: Permissions,
}

impl From<v1::PermissionOverwrite> for Overwrite {
    fn from(overwrite: v1::PermissionOverwrite) -> Self {
        use v1::permission_overwrite::Target;
        let target = match overwrite.target {
            Some(Target::RoleId(role)) => OverwriteTarget::Role(RoleId(role)),
            Some(Target::UserId(user)) => OverwriteTarget::Member(UserId(user)),
            None => OverwriteTarget::Unknown,
        };
        Self { target, allow: Permissions(overwrite.allow), deny: Permissions(overwrite.deny) }
    }
}

impl From<Overwrite> for v1::PermissionOverwrite {
    fn from(overwrite: Overwrite) -> Self {
        use v1::permission_overwrite::Target;
        let target = match overwrite.target {
            OverwriteTarget::Role(role) => Some(Target::RoleId(role.0)),
            OverwriteTarget::Member(user) => Some(Target::UserId(user.0)),
            OverwriteTarget::Unknown => None,
        };
        Self { target, allow: overwrite.allow.0, deny: overwrite.deny.0 }
    }
}
