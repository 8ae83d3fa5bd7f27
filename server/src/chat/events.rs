//! From rows to the messages of the protos, and events in and out of the streams. Pure; decides nothing.

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, GuildId, RoleId, StreamKey, UserId},
    v1::{self, event::Payload},
};
use prost::Message as _;
use prost_types::Timestamp;

use super::views::View;
use crate::store::{
    Change, ChannelRow, EventRow, GuildRow, InviteRow, MemberRow, MessageRow, NewEvent, OverwriteRow, Position, Record,
    RoleRow, Target, TokenRow, UserRow,
};

/// A moment as the protos have it.
pub(super) fn timestamp(unix_ms: u64) -> Timestamp {
    let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(unix_ms % 1_000).unwrap_or_default() * 1_000_000;
    Timestamp { seconds, nanos }
}

/// Moments before 1970 are not ours.
pub(super) fn unix_ms(time: Timestamp) -> u64 {
    let seconds = u64::try_from(time.seconds).unwrap_or_default();
    seconds * 1_000 + u64::try_from(time.nanos).unwrap_or_default() / 1_000_000
}

/// A cursor of a stream.
pub(super) fn cursor(stream: StreamKey, position: Position) -> v1::Cursor {
    v1::Cursor { stream: Some(stream.into()), epoch: position.epoch, seq: position.seq }
}

/// A user as everybody may see it.
pub(super) fn user(row: &UserRow) -> v1::User {
    v1::User {
        id: row.id.get(),
        username: row.username.clone(),
        display_name: row.display_name.clone(),
        avatar_url: row.avatar_url.clone(),
        custom_status: row.custom_status.clone(),
        bot: row.bot_owner.is_some(),
        create_time: Some(timestamp(row.create_ms)),
        deleted: row.delete_ms.is_some(),
    }
}

/// A user as the author of messages.
pub(super) fn author(row: &UserRow) -> v1::Author {
    v1::Author {
        id: row.id.get(),
        username: row.username.clone(),
        display_name: row.display_name.clone(),
        avatar_url: row.avatar_url.clone(),
        bot: row.bot_owner.is_some(),
        deleted: row.delete_ms.is_some(),
    }
}

/// A login session.
pub(super) fn login_session(row: &TokenRow, current: bool) -> v1::LoginSession {
    v1::LoginSession {
        id: row.id.get(),
        device: row.device.clone(),
        create_time: Some(timestamp(row.create_ms)),
        last_used_time: Some(timestamp(row.last_used_ms)),
        expire_time: row.expire_ms.map(timestamp),
        current,
    }
}

/// A guild.
pub(super) fn guild(row: &GuildRow, members: usize) -> v1::Guild {
    v1::Guild {
        id: row.id.get(),
        name: row.name.clone(),
        icon_url: row.icon_url.clone(),
        owner_id: row.owner.get(),
        member_count: u32::try_from(members).unwrap_or(u32::MAX),
        create_time: Some(timestamp(row.create_ms)),
    }
}

/// A guild out of its picture.
pub(super) fn guild_of(view: &View) -> v1::Guild {
    guild(view.guild(), view.members().len())
}

/// A member.
pub(super) fn member(row: &MemberRow, profile: &UserRow) -> v1::Member {
    v1::Member {
        guild_id: row.guild.get(),
        user: Some(user(profile)),
        join_time: Some(timestamp(row.join_ms)),
        role_ids: row.roles.iter().map(|role| role.get()).collect(),
        nickname: row.nickname.clone(),
        time_out_until_time: row.time_out_ms.map(timestamp),
    }
}

/// A member back from an event.
pub(super) fn member_row(member: &v1::Member) -> Option<MemberRow> {
    let mut roles: Vec<_> = member.role_ids.iter().copied().map(RoleId).collect();
    roles.sort_unstable();
    Some(MemberRow {
        guild: GuildId(member.guild_id),
        user: UserId(member.user.as_ref()?.id),
        join_ms: unix_ms(member.join_time.unwrap_or_default()),
        roles,
        nickname: member.nickname.clone(),
        time_out_ms: member.time_out_until_time.map(unix_ms),
    })
}

/// A role.
pub(super) fn role(row: &RoleRow) -> v1::Role {
    v1::Role {
        id: row.id.get(),
        guild_id: row.guild.get(),
        name: row.name.clone(),
        permissions: row.permissions,
        color: row.color,
        hoist: row.hoist,
        mentionable: row.mentionable,
        position: row.position,
        bot_id: row.bot.map_or(0, UserId::get),
        create_time: Some(timestamp(row.create_ms)),
    }
}

/// A role back from an event.
pub(super) fn role_row(role: &v1::Role) -> RoleRow {
    RoleRow {
        id: RoleId(role.id),
        guild: GuildId(role.guild_id),
        name: role.name.clone(),
        permissions: role.permissions,
        color: role.color,
        hoist: role.hoist,
        mentionable: role.mentionable,
        position: role.position,
        bot: (role.bot_id != 0).then_some(UserId(role.bot_id)),
        create_ms: unix_ms(role.create_time.unwrap_or_default()),
    }
}

/// An overwrite.
pub(super) fn overwrite(row: &OverwriteRow) -> v1::PermissionOverwrite {
    use v1::permission_overwrite::Target as Wire;
    let target = match row.target {
        Target::Role(role) => Wire::RoleId(role.get()),
        Target::Member(user) => Wire::UserId(user.get()),
    };
    v1::PermissionOverwrite { target: Some(target), allow: row.allow, deny: row.deny }
}

/// An overwrite back from an event; `None`: of a kind that this server does not know.
pub(super) fn overwrite_row(overwrite: &v1::PermissionOverwrite) -> Option<OverwriteRow> {
    use v1::permission_overwrite::Target as Wire;
    let target = match overwrite.target? {
        Wire::RoleId(role) => Target::Role(RoleId(role)),
        Wire::UserId(user) => Target::Member(UserId(user)),
    };
    Some(OverwriteRow { target, allow: overwrite.allow, deny: overwrite.deny })
}

/// An invite.
pub(super) fn invite(row: &InviteRow) -> v1::Invite {
    v1::Invite {
        code: row.code.clone(),
        guild_id: row.guild.get(),
        creator_id: row.creator.get(),
        max_uses: row.max_uses,
        uses: row.uses,
        expire_time: row.expire_ms.map(timestamp),
        create_time: Some(timestamp(row.create_ms)),
    }
}

/// A channel.
pub(super) fn channel(row: &ChannelRow) -> v1::Channel {
    v1::Channel {
        id: row.id.get(),
        guild_id: row.guild.get(),
        name: row.name.clone(),
        kind: row.kind,
        position: row.position,
        parent_id: row.parent.map_or(0, ChannelId::get),
        topic: row.topic.clone(),
        create_time: Some(timestamp(row.create_ms)),
        overwrites: row.overwrites.iter().map(overwrite).collect(),
        in_step: row.in_step,
        slow_mode_seconds: row.slow_mode_seconds,
    }
}

/// A channel back from an event.
pub(super) fn channel_row(channel: &v1::Channel) -> ChannelRow {
    let mut overwrites: Vec<_> = channel.overwrites.iter().filter_map(overwrite_row).collect();
    overwrites.sort_unstable_by_key(|row| row.target);
    ChannelRow {
        id: ChannelId(channel.id),
        guild: GuildId(channel.guild_id),
        name: channel.name.clone(),
        kind: channel.kind,
        position: channel.position,
        parent: (channel.parent_id != 0).then_some(ChannelId(channel.parent_id)),
        topic: channel.topic.clone(),
        create_ms: unix_ms(channel.create_time.unwrap_or_default()),
        overwrites,
        in_step: channel.in_step,
        slow_mode_seconds: channel.slow_mode_seconds,
    }
}

/// A message as it is now.
pub(super) fn message(place: Place, row: &MessageRow, author: &v1::Author) -> v1::Message {
    v1::Message {
        channel_id: place.channel.get(),
        id: row.id.get(),
        guild_id: place.guild.get(),
        author: Some(author.clone()),
        content: row.content.clone(),
        nonce: row.nonce.to_string(),
        reply_to: row.reply_to.map_or(0, u64::from),
        create_time: Some(timestamp(row.create_ms)),
        edit_time: row.edit_ms.map(timestamp),
        delete_time: row.delete_ms.map(timestamp),
    }
}

/// Where a message is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) guild: GuildId,
    pub(super) channel: ChannelId,
}

/// An event of a channel's stream. `author` is the actor, who of what carries a message is its author too.
pub(super) fn channel_event(place: Place, epoch: u64, record: &Record, author: &Arc<v1::Author>) -> v1::Event {
    let shown = |row| Some(message(place, row, author));
    let payload = match &record.change {
        Change::Created(row) => Payload::MessageCreated(v1::MessageCreated { message: shown(row) }),
        Change::Edited(row) => Payload::MessageUpdated(v1::MessageUpdated { message: shown(row) }),
        Change::Deleted(id) => Payload::MessageDeleted(v1::MessageDeleted { message_id: id.get() }),
    };
    v1::Event {
        stream: Some(StreamKey::channel(place.channel).into()),
        seq: record.seq,
        epoch,
        create_time: Some(timestamp(record.time_ms)),
        actor_id: record.actor.get(),
        guild_seq: rights(record),
        payload: Some(payload),
    }
}

/// As of which rights a record may be shown: those that it was allowed under, or later ones if the text that it shows was
/// written under them. A replayed create shows what an edit made of the message since.
fn rights(record: &Record) -> u64 {
    match &record.change {
        Change::Created(row) | Change::Edited(row) => record.guild_seq.max(row.guild_seq),
        Change::Deleted(_) => record.guild_seq,
    }
}

/// An event to be appended to a guild's or user's stream. What is stored is an `Event` with nothing but its payload.
pub(super) fn new_event(stream: impl Into<StreamKey>, actor: UserId, time_ms: u64, payload: Payload) -> NewEvent {
    let bare = v1::Event { payload: Some(payload), ..Default::default() };
    NewEvent { stream: stream.into(), actor, time_ms, payload: bare.encode_to_vec() }
}

/// An event that has been appended.
pub(super) fn appended(event: NewEvent, position: Position) -> v1::Event {
    let row = EventRow { seq: position.seq, actor: event.actor, time_ms: event.time_ms, payload: event.payload };
    stream_event(event.stream, position.epoch, row)
}

/// An event of a guild's or user's stream. One that cannot be decoded keeps its position and loses its payload, as one
/// of an unknown kind would: whoever reads must not stop there for ever.
pub(super) fn stream_event(stream: StreamKey, epoch: u64, row: EventRow) -> v1::Event {
    let bare = v1::Event::decode(row.payload.as_slice()).unwrap_or_else(|error| {
        tracing::error!(%stream, seq = row.seq, %error, "event cannot be decoded");
        v1::Event::default()
    });
    v1::Event {
        stream: Some(stream.into()),
        seq: row.seq,
        epoch,
        create_time: Some(timestamp(row.time_ms)),
        actor_id: row.actor.get(),
        guild_seq: 0,
        payload: bare.payload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_milliseconds() {
        for ms in [0, 999, 1_000, 1_800_000_000_123] {
            assert_eq!(unix_ms(timestamp(ms)), ms);
        }
    }

    #[test]
    fn a_channel_survives_its_event() {
        let row = ChannelRow {
            id: ChannelId(1),
            guild: GuildId(2),
            name: "general".into(),
            kind: v1::ChannelKind::Text.into(),
            position: 3,
            parent: Some(ChannelId(4)),
            topic: "t".into(),
            create_ms: 5,
            overwrites: vec![OverwriteRow { target: Target::Member(UserId(9)), allow: 2, deny: 4 }],
            in_step: true,
            slow_mode_seconds: 5,
        };
        assert_eq!(channel_row(&channel(&row)), row);
        let orphan = ChannelRow { parent: None, ..row };
        assert_eq!(channel_row(&channel(&orphan)), orphan);
    }

    #[test]
    fn an_event_is_as_new_as_the_text_that_it_shows() {
        let row = MessageRow {
            id: 1.into(),
            author: UserId(1),
            content: "edited later".into(),
            nonce: uuid::Uuid::nil(),
            fingerprint: Some(1),
            reply_to: None,
            create_ms: 1,
            edit_ms: Some(2),
            delete_ms: None,
            guild_seq: 5,
        };
        let place = Place { guild: GuildId(2), channel: ChannelId(3) };
        let stamp = |guild_seq, change| {
            let record = Record { seq: 1, actor: UserId(1), time_ms: 1, guild_seq, change };
            channel_event(place, 7, &record, &Arc::default()).guild_seq
        };
        assert_eq!(stamp(3, Change::Created(row.clone())), 5);
        // An edit by somebody whose node knew less does not make the message older.
        assert_eq!(stamp(6, Change::Created(row)), 6);
        assert_eq!(stamp(6, Change::Deleted(1.into())), 6);
    }

    #[test]
    fn an_event_that_cannot_be_decoded_keeps_its_position() {
        let row = EventRow { seq: 9, actor: UserId(1), time_ms: 2, payload: vec![0xFF] };
        let event = stream_event(GuildId(3).into(), 7, row);
        assert_eq!((event.seq, event.epoch, event.payload), (9, 7, None));
    }

    #[test]
    fn an_event_comes_back_as_it_was_stored() {
        let payload = Payload::GuildDeleted(v1::GuildDeleted {});
        let stored = new_event(GuildId(3), UserId(1), 2_000, payload.clone());
        let event = appended(stored, Position { epoch: 7, seq: 4 });
        let stream = Some(v1::Stream::from(StreamKey::guild(GuildId(3))));
        assert_eq!((event.stream, event.seq, event.epoch), (stream, 4, 7));
        assert_eq!((event.actor_id, event.payload), (1, Some(payload)));
    }
}
