//! What the tests have in common: waiting without hoping, and the wire's messages in short.

use std::future::Future;
use std::time::Duration;

use guildhall::proto::v1::{self, event, server_frame::Payload};
use guildhall::{ChannelId, ConnectionState, Cursor, Event, Events, Gateway, GuildId, StreamKey, UserId};

/// Nothing in these tests takes long; whatever does is stuck.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const CHANNEL: ChannelId = ChannelId(11);
pub(crate) const OTHER: ChannelId = ChannelId(12);
pub(crate) const GUILD: GuildId = GuildId(21);
pub(crate) const ME: UserId = UserId(31);
pub(crate) const EPOCH: u64 = 77;

/// Waits for something that must come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("never came: {what}"),
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = probe() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon(what, asking).await
}

/// Waits until the gateway is in a state.
pub(crate) async fn state(
    gateway: &Gateway,
    what: &str,
    wanted: impl FnMut(&ConnectionState) -> bool,
) -> ConnectionState {
    let mut state = gateway.state();
    soon(what, state.wait_for(wanted)).await.unwrap().clone()
}

/// The next event that is no sign of the connection.
pub(crate) async fn next(events: &mut Events) -> Event {
    loop {
        match soon("an event", events.next()).await.expect("the gateway ended") {
            Event::Ready(_) | Event::Resumed { .. } => {}
            event => return event,
        }
    }
}

/// The contents of the next messages.
pub(crate) async fn contents(events: &mut Events, count: usize) -> Vec<String> {
    let mut contents = Vec::with_capacity(count);
    while contents.len() < count {
        match next(events).await {
            Event::MessageCreated(message) => contents.push(message.content.clone()),
            event => panic!("not a message: {event:?}"),
        }
    }
    contents
}

pub(crate) fn at(channel: ChannelId, seq: u64) -> Cursor {
    Cursor::new(StreamKey::channel(channel), EPOCH, seq)
}

/// A message's event; its content is its seq.
pub(crate) fn message(channel: ChannelId, seq: u64) -> v1::Event {
    let message = v1::Message {
        channel_id: channel.0,
        id: seq,
        guild_id: GUILD.0,
        content: seq.to_string(),
        ..Default::default()
    };
    let payload = event::Payload::MessageCreated(v1::MessageCreated { message: Some(message) });
    durable(StreamKey::channel(channel), seq, payload)
}

pub(crate) fn durable(stream: StreamKey, seq: u64, payload: event::Payload) -> v1::Event {
    v1::Event { stream: Some(stream.into()), seq, epoch: EPOCH, payload: Some(payload), ..Default::default() }
}

pub(crate) fn said(channel: ChannelId, seq: u64) -> Payload {
    Payload::Event(message(channel, seq))
}

pub(crate) fn cursor(stream: impl Into<StreamKey>, seq: u64) -> v1::Cursor {
    Cursor::new(stream.into(), EPOCH, seq).into()
}

/// How things stand: one guild with one channel, each stream at a seq.
pub(crate) fn ready(guild_seq: u64, channels: &[(ChannelId, u64)]) -> v1::Ready {
    let me = v1::User { id: ME.0, ..Default::default() };
    let guild = v1::Guild { id: GUILD.0, ..Default::default() };
    let channels = channels
        .iter()
        .map(|(channel, seq)| v1::ChannelState { channel_id: channel.0, cursor: Some(cursor(*channel, *seq)) });
    v1::Ready {
        me: Some(me),
        guilds: vec![v1::GuildState {
            guild: Some(guild),
            cursor: Some(cursor(GUILD, guild_seq)),
            channels: channels.collect(),
        }],
        user_cursor: Some(cursor(ME, 1)),
    }
}
