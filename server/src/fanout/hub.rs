//! Topic → subscribers, sharded. One event is encoded once; its bytes are shared by all who hear it.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use bytes::Bytes;
use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey, StreamKind, UserId},
    v1,
};
use parking_lot::RwLock;
use prost::Message;

use super::{
    activity::Activity,
    audience::{Audience, LINGER},
};

/// More shards than cores: two busy topics rarely share a lock.
const SHARDS: usize = 64;

/// What can be listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The events of a stream, and the typing in a channel.
    Stream(StreamKey),
    /// Channels of a guild that have moved on.
    Activity(GuildId),
    /// The presence of a guild's members.
    GuildPresence(GuildId),
    /// The presence of one user.
    UserPresence(UserId),
}

/// Names a subscriber within this process.
pub type SubscriberId = u64;

/// A durable event, the same for everybody.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its stream.
    pub stream: StreamKey,
    /// Its position.
    pub seq: u64,
    /// The seq of the guild's stream under which it was allowed; 0 = nothing to check.
    pub guild_seq: u64,
    /// The encoded `ServerFrame`.
    pub frame: Bytes,
}

/// Something passing, the same for everybody. It may be dropped.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Typing in a channel; may be dropped.
    Typing {
        /// The channel's stream.
        stream: StreamKey,
        /// The seq of the guild's stream under which it was allowed.
        guild_seq: u64,
        /// Who types; not told to the typist.
        user: UserId,
        /// The encoded `ServerFrame`.
        frame: Bytes,
    },
    /// A presence; replaces an older one of the same user, may be dropped.
    Presence {
        /// Whose.
        user: UserId,
        /// The guild as whose member the user is shown; `None` = shown by name.
        guild: Option<GuildId>,
        /// The encoded `ServerFrame`.
        frame: Bytes,
    },
    /// Channels that have moved on; may be dropped.
    Activity {
        /// Which.
        channels: Arc<[ChannelId]>,
        /// The guild.
        guild: GuildId,
        /// The encoded `ServerFrame`.
        frame: Bytes,
    },
}

/// Somebody who listens. Must not block and must not call back into the hub.
pub trait Subscriber: Send + Sync + 'static {
    /// Takes note of events of one stream, in order. What it cannot take it will look for in the log.
    fn events(&self, events: &[Published]);

    /// Takes something passing, or does without it.
    fn deliver(&self, delivery: &Delivery);
}

/// The topics of this node.
pub struct Hub {
    shards: Vec<RwLock<HashMap<Topic, Audience>>>,
    hasher: RandomState,
    activity: Activity,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            activity: Activity::default(),
        }
    }
}

impl Hub {
    /// From now on the subscriber hears the topic. Doing it again changes nothing.
    pub fn subscribe(&self, topic: Topic, id: SubscriberId, subscriber: Arc<dyn Subscriber>) {
        self.shard(topic).write().entry(topic).or_default().subscribers.insert(id, subscriber);
    }

    /// The subscriber does not hear the topic any more; a delivery under way may still arrive.
    pub fn unsubscribe(&self, topic: Topic, id: SubscriberId) {
        let mut shard = self.shard(topic).write();
        if let Some(audience) = shard.get_mut(&topic) {
            audience.subscribers.remove(&id);
            if audience.subscribers.is_empty() {
                shard.remove(&topic);
            }
        }
    }

    /// Hands something passing to everybody who listens to the topic.
    pub fn deliver(&self, topic: Topic, delivery: &Delivery) {
        if let Some(audience) = self.shard(topic).read().get(&topic) {
            audience.subscribers.values().for_each(|subscriber| subscriber.deliver(delivery));
        }
    }

    /// Hands durable events of one stream, in order, to all who listen to it: at once, or together with those that follow
    /// within a millisecond where many do (in channels: what changes rights never waits). They are encoded once, and not at
    /// all where nobody listens.
    pub fn publish(self: &Arc<Self>, stream: StreamKey, events: impl IntoIterator<Item = v1::Event>) {
        let topic = Topic::Stream(stream);
        if !self.shard(topic).read().contains_key(&topic) {
            return;
        }
        let events = events.into_iter().map(|event| published(stream, event)).collect();
        let gathering =
            self.shard(topic).read().get(&topic).is_some_and(|audience| audience.tell(events, stream.is_channel()));
        if gathering {
            let hub = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(LINGER).await;
                if let Some(audience) = hub.shard(topic).read().get(&topic) {
                    audience.flush();
                }
            });
        }
    }

    /// A channel of a guild is at this seq now; told once a second, see `tell_activity`.
    pub fn touch(&self, guild: GuildId, channel: ChannelId, seq: u64) {
        self.activity.touch(guild, channel, seq);
    }

    /// Tells every guild which of its channels have moved on since the last call. To be called once a second.
    pub fn tell_activity(&self) {
        for (guild, delivery) in self.activity.take() {
            self.deliver(Topic::Activity(guild), &delivery);
        }
    }

    /// How many (topic, subscriber) pairs there are; zero once all sessions are gone. For tests and metrics.
    pub fn subscriptions(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.read().values().map(|audience| audience.subscribers.len()).sum::<usize>())
            .sum()
    }

    fn shard(&self, topic: Topic) -> &RwLock<HashMap<Topic, Audience>> {
        let hash = self.hasher.hash_one(topic);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or_default()]
    }
}

fn published(stream: StreamKey, event: v1::Event) -> Published {
    // A guild's own event is a change of rights at its own seq.
    let guild_seq = if stream.kind == StreamKind::Guild { event.seq } else { event.guild_seq };
    Published { stream, seq: event.seq, guild_seq, frame: frame(v1::server_frame::Payload::Event(event)) }
}

/// Encodes a frame, once for all who get it.
pub fn frame(payload: v1::server_frame::Payload) -> Bytes {
    v1::ServerFrame { payload: Some(payload) }.encode_to_vec().into()
}
