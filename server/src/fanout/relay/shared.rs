//! The relay's middle: what the hub tells goes out, what the bus tells comes in, and sweeps see to what neither told.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use guildhall_proto::ids::{ChannelId, StreamKey, StreamKind};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::task::TaskTracker;

use super::{
    Health, Logs,
    bus::{Heard, Parcel, Place, Wants},
    follower::Follower,
    presence::PresenceLink,
    wire::{self, EVENTS_MAX, Hint},
};
use crate::{
    fanout::{Delivery, Hub, Published, Topic, hub::Outside, presence::NodeId},
    metrics::{Cause, METRICS},
};

/// How often a node says that it lives; it hears itself, and so knows that the bus carries.
const BEAT_EVERY: Duration = Duration::from_millis(250);
/// Without hearing itself for this long, the bus is down.
const DEAF_AFTER: Duration = Duration::from_secs(1);
/// How often heads are compared while the bus is down.
const SWEEP_DOWN: Duration = Duration::from_millis(250);
/// How often they are compared otherwise.
const SWEEP_UP: Duration = Duration::from_secs(2);
/// A topic that nobody watches any more is heard for this long: somebody may come back.
const LINGER: Duration = Duration::from_secs(30);

/// See the file.
pub(super) struct Shared {
    node: NodeId,
    payload_max: usize,
    broadcast: bool,
    hub: Weak<Hub>,
    follower: Arc<Follower>,
    presence: Arc<PresenceLink>,
    logs: Arc<dyn Logs>,
    wants: Arc<Wants>,
    outgoing: mpsc::Sender<Parcel>,
    /// What is heard, and since when nobody watches it.
    topics: Mutex<HashMap<Topic, Option<Instant>>>,
    echo: Mutex<Instant>,
    up: AtomicBool,
    sweep_now: Notify,
    malformed: AtomicU64,
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        (node, (payload_max, broadcast)): (NodeId, (usize, bool)),
        hub: &Arc<Hub>,
        (follower, presence): (Arc<Follower>, Arc<PresenceLink>),
        wants: Arc<Wants>,
        outgoing: mpsc::Sender<Parcel>,
        logs: Arc<dyn Logs>,
    ) -> Arc<Self> {
        Arc::new(Self {
            node,
            payload_max,
            broadcast,
            hub: Arc::downgrade(hub),
            follower,
            presence,
            logs,
            wants,
            outgoing,
            topics: Mutex::default(),
            echo: Mutex::new(Instant::now()),
            up: AtomicBool::new(false),
            sweep_now: Notify::new(),
            malformed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    pub(super) fn health(&self) -> Health {
        let (wanted, standing) = self.wants.counts();
        Health {
            up: self.up.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            reads: self.follower.reads(),
            wanted,
            standing,
        }
    }

    pub(super) async fn leave(&self) {
        self.presence.leave().await;
    }

    /// Says that this node lives, and notices when it does not hear that.
    pub(super) async fn beat(self: Arc<Self>) {
        let mut ticks = interval(BEAT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.send(Place::Nodes, wire::beat(self.node));
            if self.echo.lock().elapsed() > DEAF_AFTER {
                self.set_down("nothing comes back from the bus");
            }
        }
    }

    fn set_down(&self, why: &'static str) {
        if self.up.swap(false, Ordering::Relaxed) {
            tracing::warn!(why, "the bus between the nodes is down; streams are compared with their logs");
        }
        self.sweep_now.notify_one();
    }

    fn heard_myself(&self) {
        *self.echo.lock() = Instant::now();
        if !self.up.swap(true, Ordering::Relaxed) {
            tracing::info!("the bus between the nodes carries");
            self.sweep_now.notify_one();
        }
    }

    /// Compares all that is watched with the logs, now and then, and lets go of what nobody watches any more.
    pub(super) async fn sweep(self: Arc<Self>) {
        let mut ticks = interval(SWEEP_DOWN);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            let up = self.up.load(Ordering::Relaxed);
            let mut cause = if up { Cause::Sweep } else { Cause::Reconnect };
            tokio::select! {
                _ = ticks.tick() => if self.up.load(Ordering::Relaxed) && last.elapsed() < SWEEP_UP {
                    continue;
                },
                () = self.sweep_now.notified() => cause = Cause::Reconnect,
            }
            last = Instant::now();
            self.follower.compare(&self.follower.streams(), cause).await;
            self.expire();
        }
    }

    fn expire(&self) {
        let Some(hub) = self.hub.upgrade() else { return };
        let now = Instant::now();
        let mut presences = Vec::new();
        let mut topics = self.topics.lock();
        // Under the lock: whoever begins to watch meanwhile is seen, or comes after it.
        topics.retain(|topic, unwatched| {
            let Some(since) = *unwatched else { return true };
            if now < since + LINGER {
                return true;
            }
            if hub.watches(*topic) {
                *unwatched = None;
                return true;
            }
            self.wants.remove(Place::Topic(*topic));
            match topic {
                Topic::Stream(stream) => self.follower.remove(*stream),
                Topic::GuildPresence(_) | Topic::UserPresence(_) => presences.push(*topic),
                Topic::Activity(_) => {}
            }
            false
        });
        drop(topics);
        if !presences.is_empty() {
            self.presence.forget(&presences, |topic| self.hears(topic));
        }
    }

    fn hears(&self, topic: Topic) -> bool {
        self.topics.lock().contains_key(&topic)
    }

    fn send(&self, place: Place, payload: Bytes) {
        if payload.len() > self.payload_max || self.outgoing.try_send(Parcel { place, payload }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            METRICS.relay_dropped.inc();
        }
    }

    /// Takes what the bus tells.
    pub(super) async fn hear(self: Arc<Self>, mut heard: mpsc::Receiver<Heard>, tasks: TaskTracker) {
        while let Some(heard) = heard.recv().await {
            match heard {
                Heard::Parcel(Parcel { place, payload }) => match wire::decode(place, payload) {
                    Ok((node, hint)) => self.take(place, node, hint),
                    Err(wire::Malformed) => {
                        self.malformed.fetch_add(1, Ordering::Relaxed);
                        METRICS.relay_malformed.inc();
                    }
                },
                Heard::Subscribed(places) => {
                    let this = Arc::clone(&self);
                    // Not awaited: what comes meanwhile must not wait for the database.
                    tasks.spawn(async move { this.subscribed(places).await });
                }
                Heard::Lost => self.set_down("the bus lost something"),
            }
        }
    }

    async fn subscribed(&self, places: Vec<Place>) {
        let topics = places.iter().filter_map(|place| match place {
            Place::Topic(topic) => Some(*topic),
            Place::Nodes => None,
        });
        let mut streams = Vec::new();
        let mut presences = Vec::new();
        for topic in topics {
            match topic {
                Topic::Stream(stream) => streams.push(stream),
                Topic::GuildPresence(_) | Topic::UserPresence(_) => presences.push(topic),
                Topic::Activity(_) => {}
            }
        }
        self.follower.compare(&streams, Cause::Reconnect).await;
        for topic in presences {
            self.presence.subscribed(topic).await;
        }
        self.wants.stand(&places);
    }

    fn take(&self, place: Place, node: NodeId, hint: Hint) {
        if node == self.node {
            if matches!(hint, Hint::Beat) {
                self.heard_myself();
            }
            return;
        }
        match (place, hint) {
            (_, Hint::Beat) => self.presence.heard_node(node),
            (_, Hint::Notices) => self.logs.notices_due(),
            (_, Hint::Presence(record)) => self.presence.heard(record, |topic| self.hears(topic)),
            (Place::Topic(Topic::Stream(stream)), Hint::Head(seq)) => self.follower.hint(stream, seq),
            // The events of a user's stream are read from the log, which sees to it that the guilds that they are about are
            // followed before.
            (Place::Topic(Topic::Stream(stream)), Hint::Events(events)) if stream.kind == StreamKind::User => {
                if let Some(last) = events.last() {
                    self.follower.hint(stream, last.seq);
                }
            }
            (Place::Topic(Topic::Stream(stream)), Hint::Events(events)) => self.follower.offer(stream, events, false),
            (Place::Topic(topic), hint) => self.deliver(topic, hint),
            (Place::Nodes, _) => {}
        }
    }

    fn deliver(&self, topic: Topic, hint: Hint) {
        let Some(hub) = self.hub.upgrade() else { return };
        let delivery = match (topic, hint) {
            (Topic::Stream(stream), Hint::Typing { guild_seq, user, frame }) => {
                Delivery::Typing { stream, guild_seq, user, frame }
            }
            (Topic::Activity(guild), Hint::Activity { activity }) => {
                let moved = activity.channels.iter();
                return moved.for_each(|moved| hub.touched_elsewhere(guild, ChannelId(moved.channel_id), moved.seq));
            }
            _ => return,
        };
        hub.deliver_here(topic, &delivery);
    }

    /// The events themselves where the bus has room for them, else how far the stream is.
    fn send_events(&self, stream: StreamKey, events: &[Published]) {
        let Some(last) = events.last() else { return };
        let place = Place::Topic(Topic::Stream(stream));
        let bytes: usize = events.iter().map(|event| event.frame.len() + 8).sum();
        if self.broadcast || bytes + 64 > self.payload_max {
            return self.send(place, wire::head(self.node, last.seq));
        }
        events.chunks(EVENTS_MAX).for_each(|chunk| self.send(place, wire::events(self.node, chunk)));
    }
}

impl Outside for Shared {
    fn watched(&self, topic: Topic) {
        let mut topics = self.topics.lock();
        topics.insert(topic, None);
        if let Topic::Stream(stream) = topic {
            self.follower.add(stream);
        }
        self.wants.add(Place::Topic(topic));
    }

    fn unwatched(&self, topic: Topic) {
        if let Some(unwatched) = self.topics.lock().get_mut(&topic) {
            *unwatched = Some(Instant::now());
        }
    }

    fn published(&self, stream: StreamKey, events: Vec<Published>) {
        self.send_events(stream, &events);
        self.follower.offer(stream, events, true);
    }

    fn announced(&self, stream: StreamKey, seq: u64) {
        debug_assert_eq!(stream.kind, StreamKind::Guild, "the others are published");
        self.send(Place::Topic(Topic::Stream(stream)), wire::head(self.node, seq));
    }

    fn noticed(&self) {
        self.send(Place::Nodes, wire::notices(self.node));
    }

    fn passed(&self, topic: Topic, delivery: &Delivery) {
        let payload = match delivery {
            Delivery::Typing { guild_seq, frame, .. } => wire::passing(self.node, *guild_seq, frame.clone()),
            Delivery::Activity { frame, .. } => wire::passing(self.node, 0, frame.clone()),
            // They go by their records.
            Delivery::Presence { .. } => return,
        };
        self.send(Place::Topic(topic), payload);
    }
}
