//! The presences of other nodes: told by the bus, and read from the records when somebody here begins to watch.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use guildhall_proto::ids::{GuildId, UserId};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    bus::{Parcel, Place},
    records::{Change, Records},
    wire,
};
use crate::fanout::{
    Presences, Topic,
    presence::{Elsewhere, NodeId, Record},
};

/// A session does not wait longer than this for the presences of other nodes; it is told when they come.
const LOOK: Duration = Duration::from_secs(1);
/// How often a node says that it lives; a third of `records::NODE_LIFE`.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// How often the records of what is watched are read again: what the bus lost, and who died.
const REREAD_EVERY: Duration = Duration::from_secs(20);
/// A node that was not heard for this long is dead, whether or not the records can be asked.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How often all records are written again, because the records' own life is bounded.
const REWRITE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How soon what could not be written is written again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Records that are written at once.
const WRITE_MAX: usize = 256;
/// Topics whose records are read at the same time.
const LOOKERS: usize = 16;

/// See the file.
pub(super) struct PresenceLink {
    node: NodeId,
    broadcast: bool,
    presences: Arc<Presences>,
    records: Arc<dyn Records>,
    outgoing: mpsc::Sender<Parcel>,
    /// Users whose records are to be written, and the guilds that they have left.
    dirty: Mutex<HashMap<UserId, HashSet<GuildId>>>,
    written: Notify,
    /// Topics whose records were read since they are heard.
    looked: Mutex<HashSet<Topic>>,
    lookers: [tokio::sync::Mutex<()>; LOOKERS],
    /// When other nodes were last heard.
    alive: Mutex<HashMap<NodeId, Instant>>,
}

impl PresenceLink {
    pub(super) fn new(
        (node, broadcast): (NodeId, bool),
        presences: Arc<Presences>,
        records: Arc<dyn Records>,
        outgoing: mpsc::Sender<Parcel>,
    ) -> Arc<Self> {
        Arc::new(Self {
            node,
            broadcast,
            presences,
            records,
            outgoing,
            dirty: Mutex::default(),
            written: Notify::new(),
            looked: Mutex::default(),
            lookers: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            alive: Mutex::default(),
        })
    }

    pub(super) fn heard_node(&self, node: NodeId) {
        self.alive.lock().insert(node, Instant::now());
    }

    /// Another node shows a user differently.
    pub(super) fn heard(&self, record: Record, watched: impl Fn(Topic) -> bool) {
        let user = watched(Topic::UserPresence(record.user));
        // Whoever is gone from the last guild may have been shown there.
        if user || record.guilds.is_empty() || record.guilds.iter().any(|guild| watched(Topic::GuildPresence(*guild))) {
            self.presences.apply(record);
        }
    }

    /// Nobody watches the topic any more.
    pub(super) fn forget(&self, topics: &[Topic], watched: impl Fn(Topic) -> bool) {
        let mut looked = self.looked.lock();
        topics.iter().for_each(|topic| _ = looked.remove(topic));
        drop(looked);
        self.presences.drop_unwatched(watched);
    }

    /// From now on changes of the topic are heard; those before are in the records.
    pub(super) async fn subscribed(&self, topic: Topic) {
        if let Err(error) = self.read(topic).await {
            tracing::warn!(error, "presences cannot be read");
        }
    }

    /// Writes what has changed, says that this node lives, reads what is watched again.
    pub(super) async fn run(self: Arc<Self>) {
        let mut beats = interval(BEAT_EVERY);
        let mut rereads = interval(REREAD_EVERY);
        let mut rewrites = interval(REWRITE_EVERY);
        for ticks in [&mut beats, &mut rereads, &mut rewrites] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                _ = beats.tick() => self.beat().await,
                _ = rereads.tick() => self.reread().await,
                _ = rewrites.tick() => self.rewrite(),
                () = self.written.notified() => self.write().await,
            }
        }
    }

    /// The node ends.
    pub(super) async fn leave(&self) {
        if let Ok(Err(error)) = timeout(LOOK, self.records.leave(self.node)).await {
            tracing::warn!(error, "presences could not be taken back");
        }
    }

    async fn beat(&self) {
        match self.records.beat(self.node).await {
            Ok(true) => {}
            Ok(false) => self.rewrite(),
            Err(error) => tracing::warn!(error, "presences cannot be kept"),
        }
    }

    fn rewrite(&self) {
        let users: Vec<UserId> = self.presences.records(self.node).iter().map(|record| record.user).collect();
        let mut dirty = self.dirty.lock();
        users.into_iter().for_each(|user| _ = dirty.entry(user).or_default());
        drop(dirty);
        self.written.notify_one();
    }

    async fn write(&self) {
        loop {
            let changes = self.take_dirty();
            if changes.is_empty() {
                return;
            }
            if let Err(error) = self.records.write(&changes).await {
                tracing::warn!(error, "presences cannot be written");
                self.put_back(changes);
                sleep(RETRY_AFTER).await;
                self.written.notify_one();
                return;
            }
        }
    }

    fn take_dirty(&self) -> Vec<Change> {
        let taken: Vec<(UserId, HashSet<GuildId>)> = {
            let mut dirty = self.dirty.lock();
            let users: Vec<UserId> = dirty.keys().take(WRITE_MAX).copied().collect();
            users.into_iter().filter_map(|user| dirty.remove_entry(&user)).collect()
        };
        // Without the lock: who changes a presence comes here with the lock of all presences.
        let record = |user| self.presences.record(self.node, user);
        taken
            .into_iter()
            .map(|(user, left)| Change { record: record(user), left: left.into_iter().collect() })
            .collect()
    }

    fn put_back(&self, changes: Vec<Change>) {
        let mut dirty = self.dirty.lock();
        changes.into_iter().for_each(|change| dirty.entry(change.record.user).or_default().extend(change.left));
    }

    async fn reread(&self) {
        let silent: Vec<NodeId> = {
            let mut alive = self.alive.lock();
            let now = Instant::now();
            let silent: Vec<_> =
                alive.iter().filter(|(_, heard)| now >= **heard + SILENCE_MAX).map(|(node, _)| *node).collect();
            silent.iter().for_each(|node| _ = alive.remove(node));
            silent
        };
        silent.into_iter().for_each(|node| self.presences.drop_node(node));
        self.presences.tidy();
        let topics: Vec<Topic> = self.looked.lock().iter().copied().collect();
        for topic in topics {
            if let Err(error) = self.read(topic).await {
                tracing::warn!(error, "presences cannot be read");
                return;
            }
        }
    }

    async fn read(&self, topic: Topic) -> super::ReadResult<()> {
        let asked = Instant::now();
        let mut records = match topic {
            Topic::GuildPresence(guild) => self.records.in_guild(guild).await?,
            Topic::UserPresence(user) => self.records.of_user(user).await?,
            Topic::Stream(_) | Topic::Activity(_) => return Ok(()),
        };
        records.retain(|record| record.node != self.node);
        {
            // The records of dead nodes are not among them.
            let mut alive = self.alive.lock();
            records.iter().for_each(|record| _ = alive.insert(record.node, asked));
        }
        self.presences.replace(topic, records, asked);
        self.looked.lock().insert(topic);
        Ok(())
    }

    fn publish(&self, record: &Record, left: &[GuildId]) {
        let payload = wire::presence(record);
        let mut topics = vec![Topic::UserPresence(record.user)];
        if !self.broadcast {
            topics.extend(record.guilds.iter().chain(left).map(|guild| Topic::GuildPresence(*guild)));
        }
        for topic in topics {
            // Full: the records tell it, later.
            let _ = self.outgoing.try_send(Parcel { place: Place::Topic(topic), payload: payload.clone() });
        }
    }
}

#[async_trait]
impl Elsewhere for PresenceLink {
    fn changed(&self, record: Record, left: Vec<GuildId>) {
        self.publish(&record, &left);
        self.dirty.lock().entry(record.user).or_default().extend(left);
        self.written.notify_one();
    }

    async fn look(&self, topic: Topic) {
        let lane = match topic {
            Topic::GuildPresence(guild) => guild.get(),
            Topic::UserPresence(user) => user.get(),
            Topic::Stream(_) | Topic::Activity(_) => return,
        };
        let look = async {
            let lane = usize::try_from(lane % LOOKERS as u64).unwrap_or_default();
            let _turn = self.lookers[lane].lock().await;
            if self.looked.lock().contains(&topic) {
                return Ok(());
            }
            self.read(topic).await
        };
        match timeout(LOOK, look).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error, "presences cannot be read"),
            Err(_) => tracing::warn!("presences were not read in time"),
        }
    }
}
