//! Between the hub and the hubs of other nodes: a bus that carries hints, and the logs that repair them.
//!
//! Everything durable is told in the order of its log, whatever the bus loses, repeats or swaps: a stream that is watched
//! here is compared with its log when the bus begins to carry it, every two seconds, and four times a second while the
//! bus is down. What is passing (typing, activity, presence) goes by the bus alone. One process alone has no relay.

pub mod bus;
mod follow;
mod follower;
pub mod postgres;
mod presence;
pub mod records;
pub mod redis;
mod shared;
#[cfg(test)]
mod tests;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey},
    v1,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Hub, Presences,
    hub::Outside,
    presence::{Elsewhere, NodeId},
};
use bus::{Bus, HEARD_MAX, Line, OUTGOING_MAX, Place, Wants};
use follower::Follower;
use presence::PresenceLink;
use records::Records;
use shared::Shared;

/// How long the end of the tasks is waited for.
const CLOSE: Duration = Duration::from_secs(2);

/// Why something could not be read.
pub type Unreadable = Box<dyn std::error::Error + Send + Sync>;
/// What was read.
pub type ReadResult<T> = Result<T, Unreadable>;

/// The logs, and the guilds' pictures that follow them.
#[async_trait]
pub trait Logs: Send + Sync + 'static {
    /// How far streams are, in their order; `None`: no such stream.
    async fn heads(&self, streams: &[StreamKey]) -> ReadResult<Vec<Option<u64>>>;

    /// Events of a stream after a seq, in order.
    async fn read(&self, stream: StreamKey, after: u64, limit: usize) -> ReadResult<Vec<v1::Event>>;

    /// Has the picture of a guild follow its stream; what it reads is published.
    async fn follow_guild(&self, guild: GuildId) -> ReadResult<()>;

    /// How far the picture of a guild is; `None`: it is not held. Does not block.
    fn guild_at(&self, guild: GuildId) -> Option<u64>;

    /// The guild of a channel, if it is known. Does not block.
    fn guild_of(&self, channel: ChannelId) -> Option<GuildId>;

    /// There is something to forget. Does not block.
    fn notices_due(&self);
}

/// What a relay is made of.
pub struct Parts {
    /// This node; random for each process.
    pub node: NodeId,
    /// Those who listen here.
    pub hub: Arc<Hub>,
    /// Who is here.
    pub presences: Arc<Presences>,
    /// The logs.
    pub logs: Arc<dyn Logs>,
    /// What carries hints.
    pub bus: Box<dyn Bus>,
    /// Where the presences of all nodes are.
    pub records: Arc<dyn Records>,
}

/// A running relay. Dropped, it stops.
pub struct Relay {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: DropGuard,
}

/// How a relay does, for metrics and tests.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// Whether the bus carries.
    pub up: bool,
    /// Payloads that were dropped because they said nothing.
    pub malformed: u64,
    /// Hints that found no room.
    pub dropped: u64,
    /// How often a log was read.
    pub reads: u64,
    /// Places on the bus that are to be heard.
    pub wanted: usize,
    /// Those of them that the bus has confirmed since it was last connected.
    pub standing: usize,
}

impl Relay {
    /// Joins this node to the others. The bus need not be there: it is looked for for ever.
    pub fn start(parts: Parts) -> Self {
        let Parts { node, hub, presences, logs, bus, records } = parts;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (outgoing, to_bus) = mpsc::channel(OUTGOING_MAX);
        let (to_relay, heard) = mpsc::channel(HEARD_MAX);
        let wants = Arc::new(Wants::default());
        wants.add(Place::Nodes);
        let link = PresenceLink::new((node, bus.is_broadcast()), Arc::clone(&presences), records, outgoing.clone());
        let follower = Follower::new(Arc::downgrade(&hub), Arc::clone(&logs), tasks.clone(), stop.clone());
        let carries = (bus.payload_max(), bus.is_broadcast());
        let shared =
            Shared::new((node, carries), &hub, (follower, Arc::clone(&link)), Arc::clone(&wants), outgoing, logs);
        let guarded = stop.clone();
        let spawn = |future: futures_util::future::BoxFuture<'static, ()>| {
            let stop = guarded.clone();
            tasks.spawn(async move { _ = stop.run_until_cancelled(future).await });
        };
        spawn(bus.run(Line { wants, outgoing: to_bus, heard: to_relay, stop: stop.clone() }));
        spawn(Box::pin(Arc::clone(&shared).hear(heard, tasks.clone())));
        spawn(Box::pin(Arc::clone(&shared).beat()));
        spawn(Box::pin(Arc::clone(&shared).sweep()));
        spawn(Box::pin(Arc::clone(&link).run()));
        presences.connect(node, &(link as Arc<dyn Elsewhere>));
        hub.connect(&(Arc::clone(&shared) as Arc<dyn Outside>));
        Self { shared, tasks, stop: stop.drop_guard() }
    }

    /// How it does.
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// Tells how it does, for as long as it runs; `None` afterwards.
    pub fn watch(&self) -> impl Fn() -> Option<Health> + Send + Sync + use<> {
        let shared = Arc::downgrade(&self.shared);
        move || shared.upgrade().map(|shared| shared.health())
    }

    /// Ends it: other nodes learn at once that nobody is here any more.
    pub async fn close(self) {
        self.shared.leave().await;
        drop(self.stop);
        self.tasks.close();
        if timeout(CLOSE, self.tasks.wait()).await.is_err() {
            tracing::warn!("the relay did not end in time");
        }
    }
}
