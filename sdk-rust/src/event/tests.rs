//! Tests of events: they go to the wire and back without loss.

use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, UserId};
use guildhall_proto::v1::event::Payload;
use guildhall_proto::v1::{self, ChannelKind, LeaveReason};

use super::*;

fn time(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 7 })
}

fn user() -> v1::User {
    v1::User {
        id: 3,
        username: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        avatar_url: "https://example.com/a.png".to_owned(),
        custom_status: "here".to_owned(),
        bot: true,
        create_time: time(1),
        deleted: true,
    }
}

fn guild() -> v1::Guild {
    v1::Guild {
        id: 2,
        name: "Hall".to_owned(),
        icon_url: "https://example.com/g.png".to_owned(),
        owner_id: 3,
        member_count: 4,
        create_time: time(2),
    }
}

fn message() -> v1::Message {
    let author = v1::Author {
        id: 3,
        username: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        avatar_url: "https://example.com/a.png".to_owned(),
        bot: true,
        deleted: true,
    };
    v1::Message {
        channel_id: 1,
        id: 5,
        guild_id: 2,
        author: Some(author),
        content: "hello".to_owned(),
        nonce: "n".to_owned(),
        reply_to: 4,
        create_time: time(3),
        edit_time: time(4),
        delete_time: time(5),
    }
}

fn payloads_of_a_guild() -> Vec<Payload> {
    let member = v1::Member {
        guild_id: 2,
        user: Some(user()),
        join_time: time(6),
        role_ids: vec![8, 9],
        nickname: "countess".to_owned(),
        time_out_until_time: time(9),
    };
    let channel = v1::Channel {
        id: 1,
        guild_id: 2,
        name: "general".to_owned(),
        kind: ChannelKind::Text.into(),
        position: 3,
        parent_id: 9,
        topic: "all".to_owned(),
        create_time: time(7),
        overwrites: vec![v1::PermissionOverwrite {
            target: Some(v1::permission_overwrite::Target::RoleId(8)),
            allow: 2,
            deny: 4,
        }],
        in_step: true,
        slow_mode_seconds: 5,
    };
    let reason = LeaveReason::Removed.into();
    vec![
        Payload::GuildCreated(v1::GuildCreated { guild: Some(guild()) }),
        Payload::GuildUpdated(v1::GuildUpdated { guild: Some(guild()) }),
        Payload::GuildDeleted(v1::GuildDeleted {}),
        Payload::MemberJoined(v1::MemberJoined { member: Some(member.clone()) }),
        Payload::MemberRemoved(v1::MemberRemoved { user_id: 3, reason }),
        Payload::MemberUpdated(v1::MemberUpdated { member: Some(member) }),
        Payload::ChannelCreated(v1::ChannelCreated { channel: Some(channel.clone()) }),
        Payload::ChannelUpdated(v1::ChannelUpdated { channel: Some(channel) }),
        Payload::ChannelDeleted(v1::ChannelDeleted { channel_id: 1 }),
        Payload::ChannelsReordered(v1::ChannelsReordered { channel_ids: vec![3, 1] }),
        Payload::InviteCreated(v1::InviteCreated { creator_id: 3 }),
        Payload::InviteRevoked(v1::InviteRevoked { creator_id: 3 }),
    ]
}

fn payloads() -> Vec<(StreamKey, Payload)> {
    let channel = StreamKey::channel(ChannelId(1));
    let guild_stream = StreamKey::guild(GuildId(2));
    let own = StreamKey::user(UserId(3));
    let reason = LeaveReason::Left.into();
    let mut all = vec![
        (channel, Payload::MessageCreated(v1::MessageCreated { message: Some(message()) })),
        (channel, Payload::MessageUpdated(v1::MessageUpdated { message: Some(message()) })),
        (channel, Payload::MessageDeleted(v1::MessageDeleted { message_id: 5 })),
        (own, Payload::GuildJoined(v1::GuildJoined { guild: Some(guild()) })),
        (own, Payload::GuildLeft(v1::GuildLeft { guild_id: 2, reason })),
        (own, Payload::UserUpdated(v1::UserUpdated { user: Some(user()) })),
        (own, Payload::UserBlocked(v1::UserBlocked { user_id: 4 })),
        (own, Payload::UserUnblocked(v1::UserUnblocked { user_id: 4 })),
        (own, Payload::BotCreated(v1::BotCreated { bot: Some(user()) })),
        (own, Payload::BotDeleted(v1::BotDeleted { bot_id: 5 })),
    ];
    all.extend(payloads_of_a_guild().into_iter().map(|payload| (guild_stream, payload)));
    all
}

fn wire(stream: StreamKey, payload: Option<Payload>) -> v1::Event {
    v1::Event {
        stream: Some(stream.into()),
        seq: 8,
        epoch: 9,
        create_time: time(10),
        actor_id: 3,
        guild_seq: 12,
        payload,
    }
}

#[test]
fn every_kind_goes_to_the_wire_and_back() {
    let mut names = std::collections::HashSet::new();
    for (stream, payload) in payloads() {
        let wire = wire(stream, Some(payload));
        let event = Event::from_wire(wire.clone()).unwrap();
        assert!(names.insert(event.name()), "{event:?}");
        assert_eq!(event.cursor(), Some(Cursor::new(stream, 9, 8)));
        assert_eq!(event.to_wire(), Some(wire));
    }
    assert_eq!(names.len(), 22);
}

#[test]
fn an_unknown_kind_keeps_its_position() {
    let stream = StreamKey::channel(ChannelId(1));
    let event = Event::from_wire(wire(stream, None)).unwrap();
    assert_eq!(event.name(), "unknown");
    assert_eq!(event.resume_token().as_deref(), Some("channel:1:9:8"));
    let empty = Payload::MessageCreated(v1::MessageCreated { message: None });
    let event = Event::from_wire(wire(stream, Some(empty))).unwrap();
    assert_eq!(event.name(), "unknown");
}

#[test]
fn an_unknown_stream_is_no_event() {
    let stream = Some(v1::Stream { kind: 9, id: 1 });
    let event = v1::Event { stream, ..Default::default() };
    assert_eq!(Event::from_wire(event), None);
}
