//! The order of a channel: batches, nonces, compare-and-set.
//!
//! Each busy channel has a lane. Commands that arrive while an append is in flight form the next batch, so there is no
//! timer and a busy channel commits in groups. The lane's tail (head, recent nonces) is a cache: the engine's
//! compare-and-set decides, and a lane that was overtaken reads what it missed and tries again. Nothing in here knows
//! who may do what, or who listens.
//!
//! With many nodes, a lane hands the sends at its head to the node that the `Router` names, a batch at a time and one at a
//! time, so that writers do not race on one channel. That is for speed alone: what is not answered is committed here
//! under the same nonces, and what the other node commits of it after all is found to be there already.

mod batch;
#[cfg(test)]
mod faulty_tests;
mod handover;
mod lane;
#[cfg(test)]
mod router_tests;
mod tail;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use guildhall_proto::{
    ids::{ChannelId, GuildId, MessageId, UserId},
    v1,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    clock::Clock,
    metrics::{self, METRICS},
    store::{self, ChannelLog, MessageRow, Record},
};
use batch::{Pending, Way};
use lane::Lane;

/// Commands that one channel holds before it answers `Overloaded`; what does not fit is refused, nothing half done.
pub const QUEUE_MAX: usize = 1_024;
/// Commands of one append. Larger ones gain nothing (design, section 5) and lengthen the wait of those behind.
pub const BATCH_MAX: usize = 256;
/// A lane without work for this long is dropped, with its tail.
const IDLE_MS: u64 = 60_000;
/// What a refused sender is told to wait.
const OVERLOAD_RETRY: Duration = Duration::from_millis(250);

/// One change that somebody asks for and is allowed to do.
#[derive(Clone, Debug)]
pub struct Command {
    /// Who asks.
    pub actor: UserId,
    /// The same, as listeners are shown it.
    pub author: Arc<v1::Author>,
    /// The channel's guild.
    pub guild: GuildId,
    /// The seq of the guild's stream under which it was allowed.
    pub guild_seq: u64,
    /// What is asked for.
    pub action: Action,
}

/// What a command does.
#[derive(Clone, Debug)]
pub enum Action {
    /// A new message.
    Send {
        /// Unique for (actor, channel).
        nonce: Uuid,
        /// The text.
        content: String,
        /// The message of the same channel that it answers.
        reply_to: Option<MessageId>,
    },
    /// A new text for the actor's own message.
    Edit {
        /// Which.
        message: MessageId,
        /// The new text.
        content: String,
    },
    /// A message goes.
    Delete {
        /// Which.
        message: MessageId,
        /// Whether the actor may delete the messages of others.
        any: bool,
    },
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message is on disk.
    Sent {
        /// Its id.
        message: MessageId,
        /// When it was stored, in Unix milliseconds.
        create_ms: u64,
        /// Whether it was there before.
        duplicate: bool,
    },
    /// The message has its new text.
    Edited(MessageRow),
    /// The message is gone.
    Deleted {
        /// Who had written it.
        author: UserId,
    },
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The nonce stands for another content.
    NonceConflict,
    /// No such message, or it was deleted.
    MessageNotFound,
    /// The message to be answered does not exist, or was deleted.
    ReplyNotFound,
    /// The message is somebody else's.
    NotAuthor,
    /// The channel does not exist (any more).
    ChannelNotFound,
    /// The channel's queue is full.
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The storage failed. Unless it is full, the outcome is unknown: the same nonce tells.
    Storage(StorageFault),
}

/// How the storage failed, without the cause, which stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageFault {
    /// It does not answer.
    Unavailable,
    /// The disk is full.
    Full,
    /// Its content cannot be read.
    Corrupt,
}

/// What has been committed to one channel, in order.
#[derive(Debug)]
pub struct Committed<'a> {
    /// The channel.
    pub channel: ChannelId,
    /// The channel's guild.
    pub guild: GuildId,
    /// The epoch of the channel's stream.
    pub epoch: u64,
    /// The records, each with its actor as listeners are shown it.
    pub records: &'a [(Record, Arc<v1::Author>)],
}

/// Whoever tells the listeners. Called once per batch, in the order of the channel; must not block.
pub trait Publisher: Send + Sync + 'static {
    /// These records are durable.
    fn committed(&self, batch: Committed<'_>);
}

/// Whoever knows other nodes that could commit.
#[async_trait]
pub trait Router: Send + Sync + 'static {
    /// Whether another node is to commit the sends of this channel now. Must not block.
    fn elsewhere(&self, channel: ChannelId) -> bool;

    /// Has that node commit sends of a channel, in their order; `time_ms` is the time of the messages. Returns what became
    /// of each.
    ///
    /// # Errors
    /// There is no answer, and soon enough: whether the sends were committed, or will be, is not known.
    async fn commit(&self, channel: ChannelId, time_ms: u64, sends: &[&Command]) -> Result<Vec<Answer>, Unanswered>;
}

/// What became of one command.
pub type Answer = Result<Outcome, Refusal>;

/// Another node did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

/// The lanes of all channels. A cheap handle.
#[derive(Clone)]
pub struct Sequencer {
    shared: Arc<Shared>,
}

struct Shared {
    log: Arc<dyn ChannelLog>,
    publisher: Arc<dyn Publisher>,
    clock: Clock,
    router: OnceLock<Arc<dyn Router>>,
    lanes: Mutex<HashMap<ChannelId, Arc<Lane>>>,
    /// The runs of lanes.
    runs: TaskTracker,
}

/// A command's place in the queue.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Answer>);

impl Ticket {
    /// Waits for the outcome. Dropping the ticket does not take the command back.
    ///
    /// # Errors
    /// `Refusal`, as the command deserves. `Unavailable` if the server stops before the outcome is known.
    pub async fn wait(self) -> Answer {
        self.0.await.unwrap_or(Err(Refusal::Storage(StorageFault::Unavailable)))
    }
}

impl Sequencer {
    /// A sequencer over a log. `publisher` hears what is committed through it.
    pub fn new(log: Arc<dyn ChannelLog>, publisher: Arc<dyn Publisher>, clock: Clock) -> Self {
        let (router, lanes, runs) = (OnceLock::new(), Mutex::default(), TaskTracker::new());
        Self { shared: Arc::new(Shared { log, publisher, clock, router, lanes, runs }) }
    }

    /// Sets who knows other nodes. Only the first one counts; without one, everything is committed here.
    pub fn set_router(&self, router: Arc<dyn Router>) {
        if self.shared.router.set(router).is_err() {
            tracing::error!("the router was set twice");
        }
    }

    /// Queues a command. Commands of one channel are done in the order of the calls.
    ///
    /// # Errors
    /// `Overloaded` when the channel's queue is full: nothing was done.
    pub fn submit(&self, channel: ChannelId, command: Command) -> Result<Ticket, Refusal> {
        let (answer, ticket) = oneshot::channel();
        let is_send = matches!(command.action, Action::Send { .. });
        let queued = self.queue(channel, vec![Pending { command, answer, way: Way::Open }]);
        if queued.is_err() && is_send {
            METRICS.sends.get(metrics::Sent::Overloaded).inc();
        }
        queued.map(|()| Ticket(ticket))
    }

    /// Queues sends that another node handed over, for this node to commit in any case: all of them, or none. `time_ms` is
    /// the time of the messages.
    ///
    /// # Errors
    /// `Overloaded` when the channel's queue is full: nothing was done.
    pub fn submit_handed(
        &self,
        channel: ChannelId,
        time_ms: u64,
        commands: Vec<Command>,
    ) -> Result<Vec<Ticket>, Refusal> {
        let (tickets, batch) = commands
            .into_iter()
            .map(|command| {
                let (answer, ticket) = oneshot::channel();
                (Ticket(ticket), Pending { command, answer, way: Way::Handed { time_ms } })
            })
            .unzip();
        self.queue(channel, batch)?;
        Ok(tickets)
    }

    fn queue(&self, channel: ChannelId, batch: Vec<Pending>) -> Result<(), Refusal> {
        let lane = {
            let mut lanes = self.shared.lanes.lock();
            let lane = lanes.entry(channel).or_insert_with(|| Arc::new(Lane::new(channel)));
            // The entry lock is held while queueing, so that the lane cannot be evicted in between.
            if !lane.push(batch) {
                return Err(Refusal::Overloaded { retry_after: OVERLOAD_RETRY });
            }
            lane.claim().then(|| Arc::clone(lane))
        };
        if let Some(lane) = lane {
            self.shared.runs.spawn(lane::run(lane, Arc::clone(&self.shared)));
        }
        Ok(())
    }

    /// Waits until nothing is queued or under way. To be called when nothing is submitted any more.
    pub async fn finish(&self) {
        self.shared.runs.close();
        self.shared.runs.wait().await;
    }

    /// Drops lanes without work since a minute. To be called now and then.
    pub fn evict_idle(&self) {
        let now_ms = self.shared.clock.now_ms();
        self.shared.lanes.lock().retain(|_, lane| !lane.idle_since(now_ms.saturating_sub(IDLE_MS)));
    }

    /// How many lanes there are; for tests and metrics.
    pub fn lanes(&self) -> usize {
        self.shared.lanes.lock().len()
    }
}

impl From<&store::Error> for StorageFault {
    fn from(error: &store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) => Self::Unavailable,
            store::Error::Full => Self::Full,
            store::Error::Corrupt(_) => Self::Corrupt,
        }
    }
}
