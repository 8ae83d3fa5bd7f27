//! The streams that this node watches, each told in order: by the events that come, by the log where they do not.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, StreamKind};
use parking_lot::{Mutex, RwLock};
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Logs,
    follow::{Followed, Step},
};
use crate::{
    fanout::{Hub, Published, hub},
    metrics::{Cause, METRICS},
};

/// Logs that are read at a time; the database has other things to do.
const READERS_MAX: usize = 16;
/// Events that are read at once.
const PAGE: usize = 256;
/// More than this is not handed on: the sessions read it, each at its pace.
const GAP_MAX: u64 = 1_024;
/// What comes by two ways is awaited this long before the log is asked.
const PATIENCE: Duration = Duration::from_millis(10);
/// Heads that are asked for at once.
const HEADS_MAX: usize = 500;

/// See the file.
pub(super) struct Follower {
    hub: Weak<Hub>,
    logs: Arc<dyn Logs>,
    streams: RwLock<HashMap<StreamKey, Arc<Mutex<Followed>>>>,
    readers: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
    reads: AtomicU64,
}

impl Follower {
    pub(super) fn new(hub: Weak<Hub>, logs: Arc<dyn Logs>, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        let readers = Semaphore::new(READERS_MAX);
        Arc::new(Self { hub, logs, streams: RwLock::default(), readers, tasks, stop, reads: AtomicU64::new(0) })
    }

    pub(super) fn add(&self, stream: StreamKey) {
        self.streams.write().entry(stream).or_default();
    }

    pub(super) fn remove(&self, stream: StreamKey) {
        self.streams.write().remove(&stream);
    }

    pub(super) fn streams(&self) -> Vec<StreamKey> {
        self.streams.read().keys().copied().collect()
    }

    /// How often a log was read.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    fn get(&self, stream: StreamKey) -> Option<Arc<Mutex<Followed>>> {
        self.streams.read().get(&stream).cloned()
    }

    /// Events of a channel's or user's stream have come. `own`: this node committed them, so it knows the rights.
    pub(super) fn offer(self: &Arc<Self>, stream: StreamKey, events: Vec<Published>, own: bool) {
        let Some(followed) = self.get(stream) else { return };
        let newest = events.iter().map(|event| event.guild_seq).max().unwrap_or(0);
        let lagging = !own && self.lagging(stream, newest).is_some();
        let mut state = followed.lock();
        if lagging {
            state.park(events);
        } else {
            self.hand(stream, state.offer(events));
        }
        let read = state.claim();
        drop(state);
        if read {
            METRICS.relay_repairs.get(Cause::Gap).inc();
            self.spawn_reader(stream, followed, !lagging);
        }
    }

    /// Somebody says that a stream is here now.
    pub(super) fn hint(self: &Arc<Self>, stream: StreamKey, seq: u64) {
        if stream.kind == StreamKind::Guild {
            return self.guild_moved(stream, seq);
        }
        let Some(followed) = self.get(stream) else { return };
        let read = {
            let mut state = followed.lock();
            state.want(seq);
            state.claim()
        };
        if read {
            METRICS.relay_repairs.get(Cause::Hint).inc();
            self.spawn_reader(stream, followed, false);
        }
    }

    /// Compares streams with their logs.
    pub(super) async fn compare(self: &Arc<Self>, streams: &[StreamKey], cause: Cause) {
        for chunk in streams.chunks(HEADS_MAX) {
            match self.logs.heads(chunk).await {
                Ok(heads) => chunk.iter().zip(heads).for_each(|(stream, head)| {
                    if let Some(head) = head {
                        self.confirm(*stream, head, cause);
                    }
                }),
                Err(error) => {
                    tracing::warn!(error, "heads cannot be compared");
                    return;
                }
            }
        }
    }

    fn confirm(self: &Arc<Self>, stream: StreamKey, head: u64, cause: Cause) {
        if stream.kind == StreamKind::Guild {
            return self.guild_moved(stream, head);
        }
        let Some(followed) = self.get(stream) else { return };
        let mut state = followed.lock();
        if state.confirm(head)
            && let Some(hub) = self.hub.upgrade()
        {
            hub.moved(stream, head);
        }
        let read = state.claim();
        drop(state);
        if read {
            METRICS.relay_repairs.get(cause).inc();
            self.spawn_reader(stream, followed, true);
        }
    }

    /// Under the stream's lock, so that whatever comes next is handed on next.
    fn hand(&self, stream: StreamKey, events: Vec<Published>) {
        if !events.is_empty()
            && let Some(hub) = self.hub.upgrade()
        {
            hub.hand(stream, events);
        }
    }

    /// The guild of a channel, if its picture is older than this.
    fn lagging(&self, stream: StreamKey, guild_seq: u64) -> Option<GuildId> {
        if !stream.is_channel() || guild_seq == 0 {
            return None;
        }
        let guild = self.logs.guild_of(ChannelId(stream.id))?;
        self.logs.guild_at(guild).is_some_and(|at| at < guild_seq).then_some(guild)
    }

    fn spawn_reader(self: &Arc<Self>, stream: StreamKey, followed: Arc<Mutex<Followed>>, patient: bool) {
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            let stop = this.stop.clone();
            stop.run_until_cancelled(this.read_on(stream, &followed, patient)).await;
        });
    }

    async fn read_on(self: &Arc<Self>, stream: StreamKey, followed: &Mutex<Followed>, patient: bool) {
        if patient {
            sleep(PATIENCE).await;
        }
        let Ok(_permit) = self.readers.acquire().await else { return };
        loop {
            let Some(step) = followed.lock().next() else { return };
            if let Err(error) = self.step(stream, followed, step).await {
                // The next sweep, or the next hint, calls again.
                tracing::warn!(%stream, error, "a stream cannot be read");
                return followed.lock().release();
            }
            if self.get(stream).is_none() {
                return followed.lock().release();
            }
        }
    }

    async fn step(&self, stream: StreamKey, followed: &Mutex<Followed>, step: Step) -> super::ReadResult<()> {
        match step {
            Step::Early { guild_seq } => {
                self.know_rights(stream, guild_seq).await?;
                let mut state = followed.lock();
                let ready = state.take(guild_seq);
                self.hand(stream, ready);
            }
            Step::Compare => {
                let head = self.logs.heads(&[stream]).await?.pop().flatten().unwrap_or(0);
                let mut state = followed.lock();
                if state.confirm(head)
                    && let Some(hub) = self.hub.upgrade()
                {
                    hub.moved(stream, head);
                }
                state.disbelieve();
            }
            Step::Read { after, wanted } if wanted - after > GAP_MAX => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                let head = self.logs.heads(&[stream]).await?.pop().flatten().unwrap_or(0);
                let mut state = followed.lock();
                if head > after + GAP_MAX {
                    state.skip(head);
                    if let Some(hub) = self.hub.upgrade() {
                        hub.moved(stream, head);
                    }
                } else {
                    // It was exaggerated.
                    state.disbelieve();
                    state.want(head);
                }
            }
            Step::Read { after, .. } => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                let events = self.logs.read(stream, after, PAGE).await?;
                let events: Vec<_> = events.into_iter().map(|event| hub::published(stream, event)).collect();
                self.know_rights(stream, events.iter().map(|event| event.guild_seq).max().unwrap_or(0)).await?;
                let mut state = followed.lock();
                if events.is_empty() {
                    state.disbelieve();
                } else {
                    let ready = state.offer(events);
                    self.hand(stream, ready);
                }
            }
        }
        Ok(())
    }

    /// No event is told before this node knows what its sender knew of the rights.
    async fn know_rights(&self, stream: StreamKey, guild_seq: u64) -> super::ReadResult<()> {
        match self.lagging(stream, guild_seq) {
            Some(guild) => self.logs.follow_guild(guild).await,
            None => Ok(()),
        }
    }

    /// A guild's picture follows its log by itself; it is only told to.
    fn guild_moved(self: &Arc<Self>, stream: StreamKey, seq: u64) {
        let guild = GuildId(stream.id);
        let Some(followed) = self.get(stream) else { return };
        if self.logs.guild_at(guild).is_none_or(|at| at >= seq) {
            return;
        }
        if !followed.lock().claim_guild(seq) {
            return;
        }
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            let stop = this.stop.clone();
            stop.run_until_cancelled(this.follow_guild(guild, &followed)).await;
        });
    }

    async fn follow_guild(&self, guild: GuildId, followed: &Mutex<Followed>) {
        let Ok(_permit) = self.readers.acquire().await else { return };
        loop {
            let before = self.logs.guild_at(guild);
            self.reads.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = self.logs.follow_guild(guild).await {
                tracing::warn!(%guild, error, "a guild cannot be followed");
                return followed.lock().release();
            }
            let at = self.logs.guild_at(guild);
            let mut state = followed.lock();
            // Without progress there is nothing, whoever said so.
            if at.is_none() || at == before || at.is_some_and(|at| state.reached(at)) {
                state.disbelieve();
                return state.release();
            }
        }
    }
}
