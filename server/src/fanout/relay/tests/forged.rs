//! Payloads that nobody of ours has sent.

use std::{sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey, StreamKind, UserId},
    v1::{self, PresenceStatus, server_frame},
};
use proptest::prelude::*;

use super::{
    super::{
        bus::Place,
        wire::{self, Hint},
    },
    Node, Shared,
    loose::{Loose, Memory},
    stream, within,
};
use crate::fanout::{
    Published, SessionPresence, Topic,
    hub::{self, published},
    presence::Record,
};

const CHANNEL: StreamKey = StreamKey { kind: StreamKind::Channel, id: 7 };

fn event(seq: u64) -> Published {
    published(CHANNEL, v1::Event { stream: Some(CHANNEL.into()), seq, guild_seq: 3, ..Default::default() })
}

fn record() -> Record {
    Record {
        node: 1,
        user: UserId(2),
        version: 3,
        shown: Some(SessionPresence { status: PresenceStatus::Idle, custom_status: "away".into() }),
        guilds: vec![GuildId(4), GuildId(5)],
    }
}

fn places() -> [Place; 7] {
    let stream = |kind| Topic::Stream(StreamKey { kind, id: 7 });
    [
        Place::Nodes,
        Place::Topic(stream(StreamKind::Channel)),
        Place::Topic(stream(StreamKind::Guild)),
        Place::Topic(stream(StreamKind::User)),
        Place::Topic(Topic::Activity(GuildId(7))),
        Place::Topic(Topic::GuildPresence(GuildId(7))),
        Place::Topic(Topic::UserPresence(UserId(7))),
    ]
}

fn payloads() -> Vec<Bytes> {
    let activity = v1::Activity { guild_id: 7, channels: vec![v1::ChannelActivity { channel_id: 1, seq: 2 }] };
    vec![
        wire::beat(1),
        wire::notices(1),
        wire::head(1, 9),
        wire::events(1, &[event(1), event(2)]),
        wire::passing(1, 0, hub::frame(server_frame::Payload::Activity(activity))),
        wire::presence(&record()),
    ]
}

#[test]
fn what_is_sent_comes_back() {
    let place = Place::Topic(Topic::Stream(CHANNEL));
    let Ok((1, Hint::Events(events))) = wire::decode(place, wire::events(1, &[event(4), event(5)])) else {
        panic!("events")
    };
    assert_eq!(events.iter().map(|event| (event.seq, event.guild_seq)).collect::<Vec<_>>(), [(4, 3), (5, 3)]);
    let place = Place::Topic(Topic::UserPresence(UserId(2)));
    let Ok((1, Hint::Presence(shown))) = wire::decode(place, wire::presence(&record())) else { panic!("a presence") };
    assert_eq!(shown, record());
    assert_eq!(wire::decode_record(&wire::encode_record(&record())), Some(record()));
    assert!(matches!(wire::decode(Place::Nodes, wire::beat(8)), Ok((8, Hint::Beat))));
    assert!(matches!(wire::decode(Place::Nodes, wire::notices(8)), Ok((8, Hint::Notices))));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let here = Place::Topic(Topic::Stream(CHANNEL));
    let elsewhere = Place::Topic(Topic::Stream(StreamKey::channel(ChannelId(8))));
    let guild = Place::Topic(Topic::Stream(StreamKey { kind: StreamKind::Guild, id: 7 }));
    let many: Vec<_> = (1..=300).map(event).collect();
    let mut other_version = BytesMut::from(wire::head(1, 9).as_ref());
    other_version[0] = 2;
    let mut large = BytesMut::from(wire::head(1, 9).as_ref());
    large.put_bytes(0, 2 << 20);
    let text = hub::frame(server_frame::Payload::Hello(v1::Hello::default()));
    let not_an_event = Published { frame: text, ..event(1) };
    let bad = [
        (elsewhere, wire::events(1, &[event(1)])),
        (guild, wire::events(1, &[event(1)])),
        (here, wire::events(1, &[event(1), event(3)])),
        (here, wire::events(1, &[event(0)])),
        (here, wire::events(1, &many)),
        (here, wire::events(1, &[not_an_event])),
        (here, wire::head(1, 0)),
        (here, other_version.freeze()),
        (here, large.freeze()),
        (here, Bytes::new()),
        (here, wire::passing(1, 5, event(1).frame)),
        (
            Place::Topic(Topic::UserPresence(UserId(2))),
            wire::presence(&Record { guilds: vec![GuildId(1); 2_000], ..record() }),
        ),
    ];
    for (index, (place, payload)) in bad.into_iter().enumerate() {
        assert!(wire::decode(place, payload).is_err(), "number {index}");
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), versioned in any::<bool>()) {
        let mut bytes = bytes;
        if versioned {
            bytes.insert(0, 1);
        }
        for place in places() {
            let _ = wire::decode(place, Bytes::from(bytes.clone()));
        }
        let _ = wire::decode_record(&bytes);
    }

    #[test]
    fn no_broken_payload_does_harm(which in 0usize..6, cut in 0usize..80, flip in 0usize..80, bit in 0u8..8) {
        let mut bytes = payloads()[which].to_vec();
        let at = flip % bytes.len();
        bytes[at] ^= 1 << bit;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        for place in places() {
            let _ = wire::decode(place, Bytes::from(bytes.clone()));
        }
    }
}

#[tokio::test]
async fn a_node_drops_what_is_forged_and_goes_on() {
    let shared = Shared::new().await;
    let (bus, records) = (Loose::default(), Arc::new(Memory::default()));
    let node = || Node::start(&shared.store, Box::new(bus.clone()), Arc::<Memory>::clone(&records));
    let (a, b) = (node(), node());
    let owner = a.person("owner").await;
    let (guild, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    let ear = b.listen(Topic::Stream(stream(channel))).await;
    b.up().await;
    let (channel_place, guild_place) =
        (Place::Topic(Topic::Stream(stream(channel))), Place::Topic(Topic::Stream(StreamKey::guild(guild))));
    for payload in payloads().into_iter().skip(3) {
        bus.inject(channel_place, payload);
    }
    for place in [channel_place, guild_place, Place::Nodes] {
        bus.inject(place, Bytes::from_static(b"\x01garbage\xff\xff\xff"));
    }
    within("they are counted", Duration::from_secs(5), &mut || b.health().malformed >= 6).await;
    // Well-formed, and wrong: the log is asked, and decides.
    bus.inject(channel_place, wire::head(99, u64::MAX));
    bus.inject(guild_place, wire::head(99, u64::MAX));
    a.say(&owner, channel, "hello").await;
    ear.hears_up_to(1).await;
    // An event that was never written is believed for as long as nobody looks at the log.
    let key = stream(channel);
    let forged = v1::Event { stream: Some(key.into()), seq: 1_000_000, ..Default::default() };
    bus.inject(channel_place, wire::events(99, &[published(key, forged)]));
    a.say(&owner, channel, "still here").await;
    ear.hears_up_to(2).await;
    assert!(b.health().up);
}
