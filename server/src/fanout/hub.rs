//! Topic → subscribers, sharded. One event is encoded once; its bytes are shared by all who hear it.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock, Weak},
};

use bytes::Bytes;
use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey, StreamKind, UserId},
    v1::{self, server_frame},
};
use parking_lot::{Mutex, RwLock};
use prost::Message;

use super::{
    activity::{self, Activity},
    audience::{Audience, LINGER},
};
use crate::metrics::METRICS;

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

/// A durable event.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its stream.
    pub stream: StreamKey,
    /// Its position.
    pub seq: u64,
    /// The seq of the guild's stream under which it was allowed; 0 = nothing to check.
    pub guild_seq: u64,
    /// The encoded `ServerFrame`, the same for all who may know the whole event.
    pub frame: Bytes,
    /// The event itself, in a guild's stream: not all members may know all of it, which those decide who show it.
    pub of_guild: Option<Arc<v1::Event>>,
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
        /// Which, and how far each is.
        channels: Arc<[(ChannelId, u64)]>,
        /// The guild.
        guild: GuildId,
        /// The encoded `ServerFrame`, the same for all who may read them all.
        frame: Bytes,
    },
}

/// Somebody who listens. Must not block and must not call back into the hub.
pub trait Subscriber: Send + Sync + 'static {
    /// Takes note of events of one stream, in order. What it cannot take it will look for in the log.
    fn events(&self, events: &[Published]);

    /// Takes something passing, or does without it.
    fn deliver(&self, delivery: &Delivery);

    /// The log of a stream is known to hold events up to this one; not all of them were told.
    fn moved(&self, _stream: StreamKey, _seq: u64) {}
}

/// What lies behind the hub where there are other nodes. Must not block.
pub(super) trait Outside: Send + Sync + 'static {
    /// Somebody here listens to a topic, or holds it.
    fn watched(&self, topic: Topic);

    /// Nobody may listen any more; `Hub::watches` knows for sure.
    fn unwatched(&self, topic: Topic);

    /// This node has committed events. Whoever listens here hears of them through `Hub::hand`.
    fn published(&self, stream: StreamKey, events: Vec<Published>);

    /// This node has committed to a stream, up to this event.
    fn announced(&self, stream: StreamKey, seq: u64);

    /// What other nodes hold in memory may not be true any more.
    fn noticed(&self);

    /// Something passing was told here.
    fn passed(&self, topic: Topic, delivery: &Delivery);
}

/// The topics of this node.
pub struct Hub {
    shards: Vec<RwLock<HashMap<Topic, Audience>>>,
    hasher: RandomState,
    activity: Activity,
    /// What is to be told here with the next round: of this node and of others.
    told: Activity,
    /// Topics that are watched without anybody listening.
    held: Mutex<HashSet<Topic>>,
    /// Weak: whoever joined the nodes ends it.
    outside: OnceLock<Weak<dyn Outside>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            activity: Activity::default(),
            told: Activity::default(),
            held: Mutex::default(),
            outside: OnceLock::new(),
        }
    }
}

impl Hub {
    /// From now on the subscriber hears the topic. Doing it again changes nothing.
    pub fn subscribe(&self, topic: Topic, id: SubscriberId, subscriber: Arc<dyn Subscriber>) {
        let first = {
            let mut shard = self.shard(topic).write();
            let audience = shard.entry(topic).or_default();
            let new = audience.subscribers.insert(id, subscriber).is_none();
            new && audience.subscribers.len() == 1
        };
        if first && let Topic::Stream(_) = topic {
            METRICS.watched_streams.inc();
        }
        // Without the lock: behind it the hub is called.
        if first && let Some(outside) = self.outside() {
            outside.watched(topic);
        }
    }

    /// The subscriber does not hear the topic any more; a delivery under way may still arrive.
    pub fn unsubscribe(&self, topic: Topic, id: SubscriberId) {
        {
            let mut shard = self.shard(topic).write();
            let Some(audience) = shard.get_mut(&topic) else { return };
            audience.subscribers.remove(&id);
            if !audience.subscribers.is_empty() {
                return;
            }
            shard.remove(&topic);
        }
        if let Topic::Stream(_) = topic {
            METRICS.watched_streams.dec();
        }
        if let Some(outside) = self.outside() {
            outside.unwatched(topic);
        }
    }

    /// The topic is of interest here even while nobody listens to it.
    pub fn hold(&self, topic: Topic) {
        let first = self.held.lock().insert(topic);
        if first && let Some(outside) = self.outside() {
            outside.watched(topic);
        }
    }

    /// The end of `hold`.
    pub fn release(&self, topic: Topic) {
        let last = self.held.lock().remove(&topic);
        if last && let Some(outside) = self.outside() {
            outside.unwatched(topic);
        }
    }

    /// Hands something passing to everybody who listens to the topic, on all nodes.
    pub fn deliver(&self, topic: Topic, delivery: &Delivery) {
        self.deliver_here(topic, delivery);
        if let Some(outside) = self.outside() {
            outside.passed(topic, delivery);
        }
    }

    /// The same on this node alone.
    pub(super) fn deliver_here(&self, topic: Topic, delivery: &Delivery) {
        if let Some(audience) = self.shard(topic).read().get(&topic) {
            audience.subscribers.values().for_each(|subscriber| subscriber.deliver(delivery));
        }
    }

    /// Hands durable events of one stream, in order, to all who listen to it: at once, or together with those that follow
    /// within a millisecond where many do (in channels: what changes rights never waits). They are encoded once, and not at
    /// all where nobody listens. To be called by the node that committed them; a guild's events are published by every
    /// node, as its picture follows.
    pub fn publish(self: &Arc<Self>, stream: StreamKey, events: impl IntoIterator<Item = v1::Event>) {
        if stream.kind != StreamKind::Guild
            && let Some(outside) = self.outside()
        {
            outside.published(stream, events.into_iter().map(|event| published(stream, event)).collect());
            return;
        }
        let topic = Topic::Stream(stream);
        if !self.shard(topic).read().contains_key(&topic) {
            return;
        }
        self.hand(stream, events.into_iter().map(|event| published(stream, event)).collect());
    }

    /// Tells other nodes that this one has committed to a guild's stream.
    pub fn announce(&self, stream: StreamKey, seq: u64) {
        if let Some(outside) = self.outside() {
            outside.announced(stream, seq);
        }
    }

    /// Tells other nodes that there is something that they must forget.
    pub fn announce_notices(&self) {
        if let Some(outside) = self.outside() {
            outside.noticed();
        }
    }

    /// Hands on events in their order, whoever committed them.
    pub(super) fn hand(self: &Arc<Self>, stream: StreamKey, events: Vec<Published>) {
        let topic = Topic::Stream(stream);
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

    /// Tells all who listen how far a stream is known to be; those who miss something read it.
    pub(super) fn moved(&self, stream: StreamKey, seq: u64) {
        let topic = Topic::Stream(stream);
        if let Some(audience) = self.shard(topic).read().get(&topic) {
            audience.subscribers.values().for_each(|subscriber| subscriber.moved(stream, seq));
        }
    }

    /// Whether anybody here listens to a topic or holds it.
    pub(super) fn watches(&self, topic: Topic) -> bool {
        self.shard(topic).read().contains_key(&topic) || self.held.lock().contains(&topic)
    }

    /// Sets what lies behind the hub, once, and tells it what is watched already.
    pub(super) fn connect(&self, outside: &Arc<dyn Outside>) {
        if self.outside.set(Arc::downgrade(outside)).is_err() {
            tracing::error!("the hub was connected twice");
            return;
        }
        let mut topics: Vec<Topic> = self.held.lock().iter().copied().collect();
        topics.extend(self.shards.iter().flat_map(|shard| shard.read().keys().copied().collect::<Vec<_>>()));
        topics.into_iter().for_each(|topic| outside.watched(topic));
    }

    /// A channel of a guild is at this seq now; told once a second, see `tell_activity`.
    pub fn touch(&self, guild: GuildId, channel: ChannelId, seq: u64) {
        self.activity.touch(guild, channel, seq);
    }

    /// The same, as another node tells.
    pub(super) fn touched_elsewhere(&self, guild: GuildId, channel: ChannelId, seq: u64) {
        self.told.touch(guild, channel, seq);
    }

    /// Tells every guild which of its channels have moved on since the last call. To be called once a second.
    pub fn tell_activity(&self) {
        let (own, outside) = (self.activity.take(), self.outside());
        for (guild, channels) in own {
            if let Some(outside) = &outside {
                outside.passed(Topic::Activity(guild), &activity::delivery(guild, &channels));
            }
            channels.into_iter().for_each(|(channel, seq)| self.told.touch(guild, channel, seq));
        }
        // Together with what other nodes told, so that sessions are told once.
        for (guild, channels) in self.told.take() {
            self.deliver_here(Topic::Activity(guild), &activity::delivery(guild, &channels));
        }
    }

    /// How many (topic, subscriber) pairs there are; zero once all sessions are gone. For tests and metrics.
    pub fn subscriptions(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.read().values().map(|audience| audience.subscribers.len()).sum::<usize>())
            .sum()
    }

    fn outside(&self) -> Option<Arc<dyn Outside>> {
        self.outside.get()?.upgrade()
    }

    fn shard(&self, topic: Topic) -> &RwLock<HashMap<Topic, Audience>> {
        let hash = self.hasher.hash_one(topic);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or_default()]
    }
}

pub(super) fn published(stream: StreamKey, event: v1::Event) -> Published {
    // A guild's own event is a change of rights at its own seq.
    let guild_seq = if stream.kind == StreamKind::Guild { event.seq } else { event.guild_seq };
    let of_guild = (stream.kind == StreamKind::Guild).then(|| Arc::new(event.clone()));
    Published { stream, seq: event.seq, guild_seq, frame: frame(server_frame::Payload::Event(event)), of_guild }
}

/// Encodes a frame, once for all who get it.
pub fn frame(payload: server_frame::Payload) -> Bytes {
    v1::ServerFrame { payload: Some(payload) }.encode_to_vec().into()
}

/// The event of an encoded frame, if it is one.
pub(super) fn frame_key(frame: Bytes) -> Option<Published> {
    let server_frame::Payload::Event(event) = v1::ServerFrame::decode(frame.clone()).ok()?.payload? else {
        return None;
    };
    let stream = StreamKey::try_from(event.stream?).ok()?;
    Some(Published { stream, seq: event.seq, guild_seq: event.guild_seq, frame, of_guild: None })
}
