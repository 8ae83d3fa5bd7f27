//! Events out of the wire's messages.

use guildhall_proto::ids::{ChannelId, GuildId, MessageId, StreamKey, UserId};
use guildhall_proto::v1::event::Payload;
use guildhall_proto::v1::{self, ephemeral};

use crate::cursor::Cursor;
use crate::event::{
    ChannelDeleted, ChannelsReordered, Durable, Event, GuildLeft, InviteChange, MemberRemoved, MessageDeleted, Typing,
    rights,
};
use crate::model::Timestamp;

impl Event {
    /// Reads an event of the wire, such as one out of a recording; `None` if it stands in no stream that this version
    /// knows.
    #[must_use]
    pub fn from_wire(event: v1::Event) -> Option<Self> {
        let stream = StreamKey::try_from(event.stream?).ok()?;
        let place = Durable {
            cursor: Cursor::new(stream, event.epoch, event.seq),
            create_time: Timestamp::or_epoch(event.create_time),
            actor_id: UserId(event.actor_id),
            guild_seq: event.guild_seq,
            data: (),
        };
        let read = event.payload.and_then(|payload| read(payload, &place));
        Some(read.unwrap_or(Self::Unknown(place)))
    }

    pub(crate) fn from_ephemeral(ephemeral: v1::Ephemeral) -> Option<Self> {
        Some(match ephemeral.payload? {
            ephemeral::Payload::TypingStarted(typing) => Self::TypingStarted(Typing {
                channel_id: ChannelId(typing.channel_id),
                user_id: UserId(typing.user_id),
            }),
            ephemeral::Payload::TypingStopped(typing) => Self::TypingStopped(Typing {
                channel_id: ChannelId(typing.channel_id),
                user_id: UserId(typing.user_id),
            }),
            ephemeral::Payload::Presence(presence) => Self::Presence(presence.into()),
        })
    }
}

impl Durable<()> {
    pub(super) fn with<T>(&self, data: T) -> Durable<T> {
        Durable {
            cursor: self.cursor,
            create_time: self.create_time,
            actor_id: self.actor_id,
            guild_seq: self.guild_seq,
            data,
        }
    }

    /// The guild in whose stream the event stands.
    pub(super) fn guild_id(&self) -> GuildId {
        GuildId(self.cursor.stream.id)
    }

    /// The channel in whose stream the event stands.
    fn channel_id(&self) -> ChannelId {
        ChannelId(self.cursor.stream.id)
    }
}

/// An event whose message lacks its content is kept as a position, like one of an unknown kind.
fn read(payload: Payload, place: &Durable<()>) -> Option<Event> {
    Some(match payload {
        Payload::MessageCreated(it) => Event::MessageCreated(place.with(it.message?.into())),
        Payload::MessageUpdated(it) => Event::MessageUpdated(place.with(it.message?.into())),
        Payload::MessageDeleted(it) => Event::MessageDeleted(
            place.with(MessageDeleted { channel_id: place.channel_id(), message_id: MessageId(it.message_id) }),
        ),
        Payload::GuildCreated(it) => Event::GuildCreated(place.with(it.guild?.into())),
        Payload::GuildUpdated(it) => Event::GuildUpdated(place.with(it.guild?.into())),
        Payload::GuildDeleted(_) => Event::GuildDeleted(place.with(place.guild_id())),
        Payload::MemberJoined(it) => Event::MemberJoined(place.with(it.member?.into())),
        Payload::MemberRemoved(it) => Event::MemberRemoved(place.with(MemberRemoved {
            guild_id: place.guild_id(),
            user_id: UserId(it.user_id),
            reason: it.reason(),
        })),
        Payload::MemberUpdated(it) => Event::MemberUpdated(place.with(it.member?.into())),
        payload => return read_more(payload, place),
    })
}

fn read_more(payload: Payload, place: &Durable<()>) -> Option<Event> {
    Some(match payload {
        Payload::ChannelCreated(it) => Event::ChannelCreated(place.with(it.channel?.into())),
        Payload::ChannelUpdated(it) => Event::ChannelUpdated(place.with(it.channel?.into())),
        Payload::ChannelDeleted(it) => Event::ChannelDeleted(
            place.with(ChannelDeleted { guild_id: place.guild_id(), channel_id: ChannelId(it.channel_id) }),
        ),
        Payload::ChannelsReordered(it) => Event::ChannelsReordered(place.with(ChannelsReordered {
            guild_id: place.guild_id(),
            channel_ids: it.channel_ids.into_iter().map(ChannelId).collect(),
        })),
        Payload::InviteCreated(it) => Event::InviteCreated(
            place.with(InviteChange { guild_id: place.guild_id(), creator_id: UserId(it.creator_id) }),
        ),
        Payload::InviteRevoked(it) => Event::InviteRevoked(
            place.with(InviteChange { guild_id: place.guild_id(), creator_id: UserId(it.creator_id) }),
        ),
        Payload::GuildJoined(it) => Event::GuildJoined(place.with(it.guild?.into())),
        Payload::GuildLeft(it) => {
            Event::GuildLeft(place.with(GuildLeft { guild_id: GuildId(it.guild_id), reason: it.reason() }))
        }
        Payload::UserUpdated(it) => Event::UserUpdated(place.with(it.user?.into())),
        payload => return read_of_user(payload, place),
    })
}

fn read_of_user(payload: Payload, place: &Durable<()>) -> Option<Event> {
    Some(match payload {
        Payload::UserBlocked(it) => Event::UserBlocked(place.with(UserId(it.user_id))),
        Payload::UserUnblocked(it) => Event::UserUnblocked(place.with(UserId(it.user_id))),
        Payload::BotCreated(it) => Event::BotCreated(place.with(it.bot?.into())),
        Payload::BotDeleted(it) => Event::BotDeleted(place.with(UserId(it.bot_id))),
        payload => return rights::read(payload, place),
    })
}
