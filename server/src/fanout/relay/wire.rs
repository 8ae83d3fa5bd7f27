//! What nodes tell each other, as bytes. Whatever comes in was perhaps sent by nobody of ours: it is taken apart with
//! limits, and what does not fit together is dropped.

use bytes::{BufMut, Bytes, BytesMut};
use guildhall_proto::{
    ids::{GuildId, StreamKey, UserId},
    v1::{self, PresenceStatus, ephemeral, server_frame::Payload},
};
use prost::Message as _;

use crate::fanout::{
    Published, SessionPresence, Topic,
    hub::frame_key,
    presence::{NodeId, Record},
};

use super::bus::Place;

/// The first byte of every payload.
const VERSION: u8 = 1;
/// Events of one payload.
pub(super) const EVENTS_MAX: usize = 256;
/// The largest payload that is taken apart, in bytes.
pub(super) const PAYLOAD_MAX: usize = 1 << 20;
/// Guilds of one presence; a person is in a hundred at most.
const GUILDS_MAX: usize = 1_000;
/// The longest custom status, in bytes.
const CUSTOM_STATUS_MAX: usize = 1_024;

/// One thing that a node tells.
#[derive(Debug)]
pub(super) enum Hint {
    /// The node lives.
    Beat,
    /// There is something to forget.
    Notices,
    /// The stream is here.
    Head(u64),
    /// Events of a channel's or user's stream.
    Events(Vec<Published>),
    /// Typing in a channel.
    Typing { guild_seq: u64, user: UserId, frame: Bytes },
    /// Channels that have moved on.
    Activity { activity: v1::Activity },
    /// How a user is shown by one node.
    Presence(Record),
}

/// A payload that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Clone, PartialEq, prost::Message)]
struct Wire {
    #[prost(fixed64, tag = "1")]
    node: u64,
    #[prost(bool, tag = "2")]
    notices: bool,
    #[prost(uint64, tag = "3")]
    head: u64,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    frames: Vec<Bytes>,
    #[prost(uint64, tag = "5")]
    guild_seq: u64,
    #[prost(message, optional, tag = "6")]
    presence: Option<WirePresence>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WirePresence {
    #[prost(fixed64, tag = "1")]
    node: u64,
    #[prost(fixed64, tag = "2")]
    user: u64,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(int32, tag = "4")]
    status: i32,
    #[prost(string, tag = "5")]
    custom_status: String,
    #[prost(fixed64, repeated, tag = "6")]
    guilds: Vec<u64>,
}

pub(super) fn beat(node: NodeId) -> Bytes {
    encode(Wire { node, ..Wire::default() })
}

pub(super) fn notices(node: NodeId) -> Bytes {
    encode(Wire { node, notices: true, ..Wire::default() })
}

pub(super) fn head(node: NodeId, seq: u64) -> Bytes {
    encode(Wire { node, head: seq, ..Wire::default() })
}

pub(super) fn events(node: NodeId, events: &[Published]) -> Bytes {
    encode(Wire { node, frames: events.iter().map(|event| event.frame.clone()).collect(), ..Wire::default() })
}

/// Typing (with the version of the rights) or activity.
pub(super) fn passing(node: NodeId, guild_seq: u64, frame: Bytes) -> Bytes {
    encode(Wire { node, guild_seq, frames: vec![frame], ..Wire::default() })
}

pub(super) fn presence(record: &Record) -> Bytes {
    encode(Wire { node: record.node, presence: Some(wire_presence(record)), ..Wire::default() })
}

fn encode(wire: Wire) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + wire.encoded_len());
    bytes.put_u8(VERSION);
    bytes.put(wire.encode_to_vec().as_slice());
    bytes.freeze()
}

/// A presence as the records keep it.
pub(super) fn encode_record(record: &Record) -> Vec<u8> {
    wire_presence(record).encode_to_vec()
}

/// The same back.
pub(super) fn decode_record(bytes: &[u8]) -> Option<Record> {
    record(WirePresence::decode(bytes).ok()?)
}

/// The node that sent a payload to a place, and what it says.
pub(super) fn decode(place: Place, mut payload: Bytes) -> Result<(NodeId, Hint), Malformed> {
    if payload.len() > PAYLOAD_MAX || payload.first() != Some(&VERSION) {
        return Err(Malformed);
    }
    let wire = Wire::decode(payload.split_off(1)).map_err(|_| Malformed)?;
    let node = wire.node;
    Ok((node, hint(place, wire).ok_or(Malformed)?))
}

fn hint(place: Place, wire: Wire) -> Option<Hint> {
    let topic = match place {
        Place::Nodes => return Some(if wire.notices { Hint::Notices } else { Hint::Beat }),
        Place::Topic(topic) => topic,
    };
    match topic {
        Topic::Stream(_) if wire.head > 0 => Some(Hint::Head(wire.head)),
        Topic::Stream(stream) if stream.is_channel() && wire.guild_seq > 0 => typing(stream, wire),
        Topic::Stream(stream) => events_of(stream, wire.frames),
        Topic::Activity(guild) => activity(guild, wire.frames),
        Topic::GuildPresence(_) | Topic::UserPresence(_) => {
            let record = record(wire.presence?)?;
            (record.node == wire.node).then_some(Hint::Presence(record))
        }
    }
}

/// Events that stand one behind the other and are what their stream says; what a client would be shown was looked at.
fn events_of(stream: StreamKey, frames: Vec<Bytes>) -> Option<Hint> {
    if frames.is_empty() || frames.len() > EVENTS_MAX || stream.kind == guildhall_proto::ids::StreamKind::Guild {
        return None;
    }
    let mut events: Vec<Published> = Vec::with_capacity(frames.len());
    for frame in frames {
        let event = frame_key(frame)?;
        let follows = events.last().is_none_or(|before| event.seq == before.seq + 1);
        if event.stream != stream || event.seq == 0 || !follows {
            return None;
        }
        events.push(event);
    }
    Some(Hint::Events(events))
}

fn typing(stream: StreamKey, wire: Wire) -> Option<Hint> {
    let [frame] = <[Bytes; 1]>::try_from(wire.frames).ok()?;
    let Payload::Ephemeral(said) = v1::ServerFrame::decode(frame.clone()).ok()?.payload? else { return None };
    let (channel, user) = match said.payload? {
        ephemeral::Payload::TypingStarted(typing) => (typing.channel_id, typing.user_id),
        ephemeral::Payload::TypingStopped(typing) => (typing.channel_id, typing.user_id),
        _ => return None,
    };
    (channel == stream.id).then_some(Hint::Typing { guild_seq: wire.guild_seq, user: UserId(user), frame })
}

fn activity(guild: GuildId, frames: Vec<Bytes>) -> Option<Hint> {
    let [frame] = <[Bytes; 1]>::try_from(frames).ok()?;
    let Payload::Activity(activity) = v1::ServerFrame::decode(frame.clone()).ok()?.payload? else { return None };
    (activity.guild_id == guild.get()).then_some(Hint::Activity { activity })
}

fn wire_presence(record: &Record) -> WirePresence {
    let shown = record.shown.as_ref();
    WirePresence {
        node: record.node,
        user: record.user.get(),
        version: record.version,
        status: shown.map_or(PresenceStatus::Offline, |shown| shown.status).into(),
        custom_status: shown.map(|shown| shown.custom_status.clone()).unwrap_or_default(),
        guilds: record.guilds.iter().map(|guild| guild.get()).collect(),
    }
}

fn record(wire: WirePresence) -> Option<Record> {
    if wire.guilds.len() > GUILDS_MAX || wire.custom_status.len() > CUSTOM_STATUS_MAX {
        return None;
    }
    let status = PresenceStatus::try_from(wire.status).ok()?;
    let here = !matches!(status, PresenceStatus::Offline | PresenceStatus::Invisible | PresenceStatus::Unspecified);
    Some(Record {
        node: wire.node,
        user: UserId(wire.user),
        version: wire.version,
        shown: here.then_some(SessionPresence { status, custom_status: wire.custom_status }),
        guilds: wire.guilds.into_iter().map(GuildId).collect(),
    })
}
