//! A small guild for tests.

use guildhall_proto::{
    ids::{ChannelId, GuildId, RoleId, UserId},
    v1,
};

use super::View;
use crate::{
    chat::access::Permissions,
    store::{ChannelRow, GuildRow, GuildSnapshot, MemberRow, Position, RoleRow},
};

pub(crate) const GUILD: GuildId = GuildId(1);
pub(crate) const OWNER: UserId = UserId(10);
pub(crate) const MEMBER: UserId = UserId(11);
pub(crate) const STRANGER: UserId = UserId(12);
/// The text channel, below the category.
pub(crate) const CHANNEL: ChannelId = ChannelId(100);
/// The category, at the top.
pub(crate) const CATEGORY: ChannelId = ChannelId(101);
/// The version of rights at which the guild stands.
pub(crate) const SEQ: u64 = 5;

/// A guild with an owner, a member, a category and a text channel in it.
pub(crate) fn view() -> View {
    View::new(GuildSnapshot {
        guild: GuildRow { id: GUILD, name: "guild".into(), icon_url: String::new(), owner: OWNER, create_ms: 1 },
        position: Position { epoch: 77, seq: SEQ },
        members: [OWNER, MEMBER].map(|user| MemberRow::new(GUILD, user, 2)).into(),
        channels: vec![
            channel(CATEGORY, v1::ChannelKind::Category, 0, None),
            channel(CHANNEL, v1::ChannelKind::Text, 1, Some(CATEGORY)),
        ],
        roles: vec![role(GUILD.get(), Permissions::MEMBER, 0)],
    })
}

pub(crate) fn channel(id: ChannelId, kind: v1::ChannelKind, position: u32, parent: Option<ChannelId>) -> ChannelRow {
    ChannelRow {
        id,
        guild: GUILD,
        name: format!("c{id}"),
        kind: kind.into(),
        position,
        parent,
        topic: String::new(),
        create_ms: 3,
        overwrites: Vec::new(),
        in_step: false,
        slow_mode_seconds: 0,
    }
}

pub(crate) fn role(id: u64, permissions: Permissions, position: u32) -> RoleRow {
    RoleRow {
        id: RoleId(id),
        guild: GUILD,
        name: format!("r{id}"),
        permissions: permissions.bits(),
        color: 0,
        hoist: false,
        mentionable: false,
        position,
        bot: None,
        create_ms: 3,
    }
}
