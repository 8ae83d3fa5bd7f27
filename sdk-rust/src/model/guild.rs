//! Guilds, their members and invites.

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use guildhall_proto::v1;

use crate::model::{Timestamp, User};

/// A community.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guild {
    /// The id.
    pub id: GuildId,
    /// The name.
    pub name: String,
    /// Address of a picture; empty = none.
    pub icon_url: String,
    /// Who owns it.
    pub owner_id: UserId,
    /// How many members it has.
    pub member_count: u32,
    /// When it was made.
    pub create_time: Timestamp,
}

impl From<v1::Guild> for Guild {
    fn from(guild: v1::Guild) -> Self {
        Self {
            id: GuildId(guild.id),
            name: guild.name,
            icon_url: guild.icon_url,
            owner_id: UserId(guild.owner_id),
            member_count: guild.member_count,
            create_time: Timestamp::or_epoch(guild.create_time),
        }
    }
}

impl From<Guild> for v1::Guild {
    fn from(guild: Guild) -> Self {
        Self {
            id: guild.id.0,
            name: guild.name,
            icon_url: guild.icon_url,
            owner_id: guild.owner_id.0,
            member_count: guild.member_count,
            create_time: Some(guild.create_time.into()),
        }
    }
}

/// A user in a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The guild.
    pub guild_id: GuildId,
    /// The user.
    pub user: User,
    /// When the user joined.
    pub join_time: Timestamp,
    /// The member's roles, without everyone's.
    pub role_ids: Vec<RoleId>,
    /// The name to show in this guild; empty = the user's own.
    pub nickname: String,
    /// Until when the member may only look on; `None` or past = no time-out.
    pub time_out_until: Option<Timestamp>,
}

impl From<v1::Member> for Member {
    fn from(member: v1::Member) -> Self {
        Self {
            guild_id: GuildId(member.guild_id),
            user: member.user.unwrap_or_default().into(),
            join_time: Timestamp::or_epoch(member.join_time),
            role_ids: member.role_ids.into_iter().map(RoleId).collect(),
            nickname: member.nickname,
            time_out_until: member.time_out_until_time.map(Timestamp::from),
        }
    }
}

impl From<Member> for v1::Member {
    fn from(member: Member) -> Self {
        Self {
            guild_id: member.guild_id.0,
            user: Some(member.user.into()),
            join_time: Some(member.join_time.into()),
            role_ids: member.role_ids.into_iter().map(u64::from).collect(),
            nickname: member.nickname,
            time_out_until_time: member.time_out_until.map(Into::into),
        }
    }
}

/// A code that lets others join a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invite {
    /// The code.
    pub code: String,
    /// The guild.
    pub guild_id: GuildId,
    /// Who made it.
    pub creator_id: UserId,
    /// How often it may be used; 0 = any number.
    pub max_uses: u32,
    /// How often it was used.
    pub uses: u32,
    /// When it ends; `None` = never.
    pub expire_time: Option<Timestamp>,
    /// When it was made.
    pub create_time: Timestamp,
}

impl From<v1::Invite> for Invite {
    fn from(invite: v1::Invite) -> Self {
        Self {
            code: invite.code,
            guild_id: GuildId(invite.guild_id),
            creator_id: UserId(invite.creator_id),
            max_uses: invite.max_uses,
            uses: invite.uses,
            expire_time: invite.expire_time.map(Timestamp::from),
            create_time: Timestamp::or_epoch(invite.create_time),
        }
    }
}

impl From<Invite> for v1::Invite {
    fn from(invite: Invite) -> Self {
        Self {
            code: invite.code,
            guild_id: invite.guild_id.0,
            creator_id: invite.creator_id.0,
            max_uses: invite.max_uses,
            uses: invite.uses,
            expire_time: invite.expire_time.map(Into::into),
            create_time: Some(invite.create_time.into()),
        }
    }
}
