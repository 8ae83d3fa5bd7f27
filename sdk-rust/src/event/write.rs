//! The wire's messages out of events: for those who pass them on.

use guildhall_proto::v1;
use guildhall_proto::v1::event::Payload;

use crate::event::{Event, rights};

/// What a durable event carries, as the wire has it.
pub(super) fn payload(event: &Event) -> Option<Payload> {
    Some(match event {
        Event::MessageCreated(it) => {
            Payload::MessageCreated(v1::MessageCreated { message: Some(it.data.clone().into()) })
        }
        Event::MessageUpdated(it) => {
            Payload::MessageUpdated(v1::MessageUpdated { message: Some(it.data.clone().into()) })
        }
        Event::MessageDeleted(it) => Payload::MessageDeleted(v1::MessageDeleted { message_id: it.message_id.0 }),
        Event::GuildCreated(it) => Payload::GuildCreated(v1::GuildCreated { guild: Some(it.data.clone().into()) }),
        Event::GuildUpdated(it) => Payload::GuildUpdated(v1::GuildUpdated { guild: Some(it.data.clone().into()) }),
        Event::GuildDeleted(_) => Payload::GuildDeleted(v1::GuildDeleted {}),
        Event::MemberJoined(it) => Payload::MemberJoined(v1::MemberJoined { member: Some(it.data.clone().into()) }),
        Event::MemberRemoved(it) => {
            Payload::MemberRemoved(v1::MemberRemoved { user_id: it.user_id.0, reason: it.reason.into() })
        }
        Event::MemberUpdated(it) => Payload::MemberUpdated(v1::MemberUpdated { member: Some(it.data.clone().into()) }),
        event => return more(event),
    })
}

fn more(event: &Event) -> Option<Payload> {
    Some(match event {
        Event::ChannelCreated(it) => {
            Payload::ChannelCreated(v1::ChannelCreated { channel: Some(it.data.clone().into()) })
        }
        Event::ChannelUpdated(it) => {
            Payload::ChannelUpdated(v1::ChannelUpdated { channel: Some(it.data.clone().into()) })
        }
        Event::ChannelDeleted(it) => Payload::ChannelDeleted(v1::ChannelDeleted { channel_id: it.channel_id.0 }),
        Event::ChannelsReordered(it) => Payload::ChannelsReordered(v1::ChannelsReordered {
            channel_ids: it.channel_ids.iter().copied().map(u64::from).collect(),
        }),
        Event::InviteCreated(it) => Payload::InviteCreated(v1::InviteCreated { creator_id: it.creator_id.0 }),
        Event::InviteRevoked(it) => Payload::InviteRevoked(v1::InviteRevoked { creator_id: it.creator_id.0 }),
        Event::GuildJoined(it) => Payload::GuildJoined(v1::GuildJoined { guild: Some(it.data.clone().into()) }),
        Event::GuildLeft(it) => Payload::GuildLeft(v1::GuildLeft { guild_id: it.guild_id.0, reason: it.reason.into() }),
        Event::UserUpdated(it) => Payload::UserUpdated(v1::UserUpdated { user: Some(it.data.clone().into()) }),
        event => return of_user(event),
    })
}

fn of_user(event: &Event) -> Option<Payload> {
    Some(match event {
        Event::UserBlocked(it) => Payload::UserBlocked(v1::UserBlocked { user_id: it.data.0 }),
        Event::UserUnblocked(it) => Payload::UserUnblocked(v1::UserUnblocked { user_id: it.data.0 }),
        Event::BotCreated(it) => Payload::BotCreated(v1::BotCreated { bot: Some(it.data.clone().into()) }),
        Event::BotDeleted(it) => Payload::BotDeleted(v1::BotDeleted { bot_id: it.data.0 }),
        event => return rights::payload(event),
    })
}
