//! The rows of guilds, channels, members, roles, bans, invites and acts, the same for every engine.

use guildhall_proto::ids::{ChannelId, GuildId, RoleId, UserId};

use super::Position;

/// A guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildRow {
    /// The id.
    pub id: GuildId,
    /// The name.
    pub name: String,
    /// Empty = none.
    pub icon_url: String,
    /// Who owns it.
    pub owner: UserId,
    /// Unix milliseconds.
    pub create_ms: u64,
}

/// A channel of a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    /// The id.
    pub id: ChannelId,
    /// The guild.
    pub guild: GuildId,
    /// The name.
    pub name: String,
    /// A value of `v1::ChannelKind`.
    pub kind: i32,
    /// From 0.
    pub position: u32,
    /// The category above it.
    pub parent: Option<ChannelId>,
    /// Empty = none.
    pub topic: String,
    /// Unix milliseconds.
    pub create_ms: u64,
    /// By kind and id of the target. Empty while in step.
    pub overwrites: Vec<OverwriteRow>,
    /// Whether the overwrites of the category are the channel's own.
    pub in_step: bool,
    /// Seconds between two messages of a member; 0 = none.
    pub slow_mode_seconds: u32,
}

/// Whose an overwrite is. Roles come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A role; everyone's has the guild's id.
    Role(RoleId),
    /// A member.
    Member(UserId),
}

/// What a role or a member has more or less in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverwriteRow {
    /// Whose.
    pub target: Target,
    /// Bits of permissions that are given.
    pub allow: u64,
    /// Bits of permissions that are taken.
    pub deny: u64,
}

/// A user in a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// The guild.
    pub guild: GuildId,
    /// The user.
    pub user: UserId,
    /// Unix milliseconds.
    pub join_ms: u64,
    /// Without everyone's, by id.
    pub roles: Vec<RoleId>,
    /// Empty = none.
    pub nickname: String,
    /// Until when the member may only look on, in Unix milliseconds; `None` = no time-out.
    pub time_out_ms: Option<u64>,
}

impl MemberRow {
    /// A member who just came: no roles, no nickname.
    pub fn new(guild: GuildId, user: UserId, join_ms: u64) -> Self {
        Self { guild, user, join_ms, roles: Vec::new(), nickname: String::new(), time_out_ms: None }
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// The id; everyone's role has the guild's.
    pub id: RoleId,
    /// The guild.
    pub guild: GuildId,
    /// The name.
    pub name: String,
    /// Bits of permissions.
    pub permissions: u64,
    /// 0xRRGGBB; 0 = none.
    pub color: u32,
    /// Whether its bearers are shown as a group of their own.
    pub hoist: bool,
    /// Whether everybody may mention it.
    pub mentionable: bool,
    /// From 0, which is everyone's.
    pub position: u32,
    /// The bot whose own role it is.
    pub bot: Option<UserId>,
    /// Unix milliseconds.
    pub create_ms: u64,
}

/// A user who may not come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanRow {
    /// The guild.
    pub guild: GuildId,
    /// Who; there need be no such user.
    pub user: UserId,
    /// Who banned.
    pub actor: UserId,
    /// Empty = not said.
    pub reason: String,
    /// Unix milliseconds.
    pub create_ms: u64,
}

/// One act in a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The id; rises with time.
    pub id: u64,
    /// The guild.
    pub guild: GuildId,
    /// Who did it.
    pub actor: UserId,
    /// A value of `v1::AuditAction`.
    pub action: i32,
    /// What it was done to; 0 = the guild.
    pub target: u64,
    /// Empty = not said.
    pub reason: String,
    /// The encoded changes.
    pub changes: Vec<u8>,
    /// Unix milliseconds.
    pub create_ms: u64,
}

/// Which acts are looked for. What is not set does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditQuery {
    /// Who did them.
    pub actor: Option<UserId>,
    /// A value of `v1::AuditAction`.
    pub action: Option<i32>,
    /// What they were done to.
    pub target: Option<u64>,
    /// Only ids below this one.
    pub before: Option<u64>,
}

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRow {
    /// The code.
    pub code: String,
    /// The guild.
    pub guild: GuildId,
    /// Who made it.
    pub creator: UserId,
    /// 0 = any number.
    pub max_uses: u32,
    /// How often it was used.
    pub uses: u32,
    /// Unix milliseconds; `None` = never.
    pub expire_ms: Option<u64>,
    /// Unix milliseconds.
    pub create_ms: u64,
}

/// A guild with all that rights depend on, and the position that it is a picture of.
#[derive(Clone, Debug)]
pub struct GuildSnapshot {
    /// The guild.
    pub guild: GuildRow,
    /// The guild's stream at this picture.
    pub position: Position,
    /// All members.
    pub members: Vec<MemberRow>,
    /// All channels, by position.
    pub channels: Vec<ChannelRow>,
    /// All roles, everyone's first, by position.
    pub roles: Vec<RoleRow>,
}
