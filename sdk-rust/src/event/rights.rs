//! What events about roles, members and bans carry, from the wire and back.

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use guildhall_proto::v1;
use guildhall_proto::v1::event::Payload;

use crate::event::{Durable, Event};
use crate::model::Timestamp;

/// Which role was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleDeleted {
    /// The guild.
    pub guild_id: GuildId,
    /// The role.
    pub role_id: RoleId,
}

/// The new order of a guild's roles.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RolesReordered {
    /// The guild.
    pub guild_id: GuildId,
    /// All its roles but everyone's, the lowest first.
    pub role_ids: Vec<RoleId>,
}

/// Which roles a member has now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberRolesUpdated {
    /// The guild.
    pub guild_id: GuildId,
    /// Who.
    pub user_id: UserId,
    /// All roles of the member, without everyone's.
    pub role_ids: Vec<RoleId>,
}

/// A member's nickname now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberNicknameUpdated {
    /// The guild.
    pub guild_id: GuildId,
    /// Who.
    pub user_id: UserId,
    /// Empty = none.
    pub nickname: String,
}

/// Until when a member may only look on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberTimedOut {
    /// The guild.
    pub guild_id: GuildId,
    /// Who.
    pub user_id: UserId,
    /// `None` = no longer.
    pub until: Option<Timestamp>,
}

/// Who was banned or unbanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BanChange {
    /// The guild.
    pub guild_id: GuildId,
    /// Who.
    pub user_id: UserId,
}

/// Who owns a guild now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnerChanged {
    /// The guild.
    pub guild_id: GuildId,
    /// Who.
    pub owner_id: UserId,
}

pub(super) fn read(payload: Payload, place: &Durable<()>) -> Option<Event> {
    let guild_id = place.guild_id();
    let ids = |ids: Vec<u64>| ids.into_iter().map(RoleId).collect();
    Some(match payload {
        Payload::RoleCreated(it) => Event::RoleCreated(place.with(it.role?.into())),
        Payload::RoleUpdated(it) => Event::RoleUpdated(place.with(it.role?.into())),
        Payload::RoleDeleted(it) => {
            Event::RoleDeleted(place.with(RoleDeleted { guild_id, role_id: RoleId(it.role_id) }))
        }
        Payload::RolesReordered(it) => {
            Event::RolesReordered(place.with(RolesReordered { guild_id, role_ids: ids(it.role_ids) }))
        }
        Payload::MemberRolesUpdated(it) => {
            let data = MemberRolesUpdated { guild_id, user_id: UserId(it.user_id), role_ids: ids(it.role_ids) };
            Event::MemberRolesUpdated(place.with(data))
        }
        Payload::MemberNicknameUpdated(it) => {
            let data = MemberNicknameUpdated { guild_id, user_id: UserId(it.user_id), nickname: it.nickname };
            Event::MemberNicknameUpdated(place.with(data))
        }
        Payload::MemberTimedOut(it) => {
            let until = it.until_time.map(Timestamp::from);
            Event::MemberTimedOut(place.with(MemberTimedOut { guild_id, user_id: UserId(it.user_id), until }))
        }
        Payload::MemberBanned(it) => {
            Event::MemberBanned(place.with(BanChange { guild_id, user_id: UserId(it.user_id) }))
        }
        Payload::MemberUnbanned(it) => {
            Event::MemberUnbanned(place.with(BanChange { guild_id, user_id: UserId(it.user_id) }))
        }
        Payload::OwnerChanged(it) => {
            Event::OwnerChanged(place.with(OwnerChanged { guild_id, owner_id: UserId(it.owner_id) }))
        }
        _ => return None,
    })
}

pub(super) fn payload(event: &Event) -> Option<Payload> {
    let ids = |ids: &[RoleId]| ids.iter().copied().map(u64::from).collect();
    Some(match event {
        Event::RoleCreated(it) => Payload::RoleCreated(v1::RoleCreated { role: Some(it.data.clone().into()) }),
        Event::RoleUpdated(it) => Payload::RoleUpdated(v1::RoleUpdated { role: Some(it.data.clone().into()) }),
        Event::RoleDeleted(it) => Payload::RoleDeleted(v1::RoleDeleted { role_id: it.role_id.0 }),
        Event::RolesReordered(it) => Payload::RolesReordered(v1::RolesReordered { role_ids: ids(&it.role_ids) }),
        Event::MemberRolesUpdated(it) => {
            Payload::MemberRolesUpdated(v1::MemberRolesUpdated { user_id: it.user_id.0, role_ids: ids(&it.role_ids) })
        }
        Event::MemberNicknameUpdated(it) => Payload::MemberNicknameUpdated(v1::MemberNicknameUpdated {
            user_id: it.user_id.0,
            nickname: it.nickname.clone(),
        }),
        Event::MemberTimedOut(it) => {
            Payload::MemberTimedOut(v1::MemberTimedOut { user_id: it.user_id.0, until_time: it.until.map(Into::into) })
        }
        Event::MemberBanned(it) => Payload::MemberBanned(v1::MemberBanned { user_id: it.user_id.0 }),
        Event::MemberUnbanned(it) => Payload::MemberUnbanned(v1::MemberUnbanned { user_id: it.user_id.0 }),
        Event::OwnerChanged(it) => Payload::OwnerChanged(v1::OwnerChanged { owner_id: it.owner_id.0 }),
        _ => return None,
    })
}
