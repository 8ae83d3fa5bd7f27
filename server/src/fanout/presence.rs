//! Who is there: the best of a user's sessions. A session that stops its heartbeats is ended by the session room, so
//! nobody stays online who is not.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use guildhall_proto::{
    ids::{GuildId, UserId},
    v1::{self, PresenceStatus, ephemeral, server_frame},
};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::hub::{Delivery, Hub, SubscriberId, Topic, frame};

/// How long the word of a node that somebody is gone outlives what was read before it.
const GONE_KEPT: Duration = Duration::from_secs(60);

/// Names a node; random for each process.
pub type NodeId = u64;

/// How one session wants its user to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPresence {
    /// The status; INVISIBLE counts as not being there.
    pub status: PresenceStatus,
    /// The user's custom status.
    pub custom_status: String,
}

/// How one node shows a user: the best of the sessions there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The node.
    pub node: NodeId,
    /// The user.
    pub user: UserId,
    /// Counts the node's changes.
    pub version: u64,
    /// `None`: not there.
    pub shown: Option<SessionPresence>,
    /// Where the user is shown.
    pub guilds: Vec<GuildId>,
}

/// What lies behind the presences where there are other nodes.
#[async_trait]
pub(super) trait Elsewhere: Send + Sync + 'static {
    /// This node shows a user differently, and not any more in the guilds that the user left. Must not block.
    fn changed(&self, record: Record, left: Vec<GuildId>);

    /// Has the records of a watched topic read, unless they were. Bounded in time.
    async fn look(&self, topic: Topic);
}

#[derive(Default)]
struct Sessions {
    by_session: HashMap<SubscriberId, SessionPresence>,
    guilds: Vec<GuildId>,
    version: u64,
    elsewhere: HashMap<NodeId, Remote>,
}

/// What another node said of a user.
pub(super) struct Remote {
    shown: Option<SessionPresence>,
    guilds: Vec<GuildId>,
    version: u64,
    at: Instant,
}

/// The presence of everybody whom this node has sessions of, or watches.
pub struct Presences {
    hub: Arc<Hub>,
    users: Mutex<HashMap<UserId, Sessions>>,
    /// Weak: whoever joined the nodes ends it.
    elsewhere: OnceLock<(NodeId, Weak<dyn Elsewhere>)>,
    versions: AtomicU64,
}

impl Presences {
    /// Nobody is there yet. Changes are told through the hub.
    pub fn new(hub: Arc<Hub>) -> Self {
        Self { hub, users: Mutex::default(), elsewhere: OnceLock::new(), versions: AtomicU64::new(0) }
    }

    /// A session says how its user is to be shown, and in which guilds.
    pub fn set(&self, user: UserId, session: SubscriberId, presence: SessionPresence, guilds: Vec<GuildId>) {
        self.change_here(user, |sessions| {
            sessions.by_session.insert(session, presence);
            sessions.guilds = guilds;
        });
    }

    /// A session is gone.
    pub fn remove(&self, user: UserId, session: SubscriberId) {
        self.change_here(user, |sessions| {
            sessions.by_session.remove(&session);
        });
    }

    /// How a user is shown to others; to be asked by those who listen to it.
    pub async fn get(&self, user: UserId) -> v1::Presence {
        self.look(Topic::UserPresence(user)).await;
        shown(user, self.users.lock().get(&user))
    }

    /// How a user is shown to others as far as this node knows; for those who listen to it, or to a guild of it.
    pub fn known(&self, user: UserId) -> v1::Presence {
        shown(user, self.users.lock().get(&user))
    }

    /// Nobody is there.
    pub fn nobody(user: UserId) -> v1::Presence {
        shown(user, None)
    }

    /// Everybody who is shown as a member of a guild and is not offline; to be asked by those who listen to it.
    pub async fn in_guild(&self, guild: GuildId) -> Vec<v1::Presence> {
        self.look(Topic::GuildPresence(guild)).await;
        let users = self.users.lock();
        let members = users.iter().filter(|(_, sessions)| sessions.is_in(guild));
        let presences = members.map(|(user, sessions)| shown(*user, Some(sessions)));
        presences.filter(|presence| presence.status() != PresenceStatus::Offline).collect()
    }

    fn elsewhere(&self) -> Option<(NodeId, Arc<dyn Elsewhere>)> {
        let (node, elsewhere) = self.elsewhere.get()?;
        Some((*node, elsewhere.upgrade()?))
    }

    async fn look(&self, topic: Topic) {
        if let Some((_, elsewhere)) = self.elsewhere() {
            elsewhere.look(topic).await;
        }
    }

    /// A change by a session of this node: other nodes are told, too.
    fn change_here(&self, user: UserId, change: impl FnOnce(&mut Sessions)) {
        let Some((node, elsewhere)) = self.elsewhere() else { return self.change(user, change) };
        self.change(user, |sessions| {
            let (before, guilds_before) = (best(sessions.by_session.values()).cloned(), sessions.guilds.clone());
            change(sessions);
            let after = best(sessions.by_session.values()).cloned();
            if before == after && (after.is_none() || guilds_before == sessions.guilds) {
                return;
            }
            sessions.version = self.versions.fetch_add(1, Ordering::Relaxed) + 1;
            let left = guilds_before.into_iter().filter(|guild| !sessions.guilds.contains(guild)).collect();
            elsewhere.changed(sessions.record(node, user), left);
        });
    }

    fn change(&self, user: UserId, change: impl FnOnce(&mut Sessions)) {
        let mut users = self.users.lock();
        let before = shown(user, users.get(&user));
        let sessions = users.entry(user).or_default();
        let guilds_before = sessions.all_guilds();
        change(sessions);
        let guilds = sessions.all_guilds();
        if sessions.by_session.is_empty() && sessions.elsewhere.is_empty() && self.elsewhere().is_none() {
            users.remove(&user);
        }
        let after = shown(user, users.get(&user));
        if before != after {
            // Told under the lock, so that two changes of one user are heard in their order.
            // Where the last session was is where it is missed.
            self.tell(user, after, &guilds.union(&guilds_before).copied().collect::<Vec<_>>());
        } else if after.status() != PresenceStatus::Offline {
            let joined: Vec<GuildId> = guilds.into_iter().filter(|guild| !guilds_before.contains(guild)).collect();
            self.tell_guilds(user, &joined, &presence_frame(after));
        }
    }

    fn tell(&self, user: UserId, presence: v1::Presence, guilds: &[GuildId]) {
        let frame = presence_frame(presence);
        self.tell_guilds(user, guilds, &frame);
        self.hub.deliver_here(Topic::UserPresence(user), &Delivery::Presence { user, guild: None, frame });
    }

    fn tell_guilds(&self, user: UserId, guilds: &[GuildId], frame: &bytes::Bytes) {
        for guild in guilds {
            let delivery = Delivery::Presence { user, guild: Some(*guild), frame: frame.clone() };
            self.hub.deliver_here(Topic::GuildPresence(*guild), &delivery);
        }
    }
}

/// For the relay.
impl Presences {
    /// Sets what lies behind, once; the first sessions come after it.
    pub(super) fn connect(&self, node: NodeId, elsewhere: &Arc<dyn Elsewhere>) {
        if self.elsewhere.set((node, Arc::downgrade(elsewhere))).is_err() {
            tracing::error!("the presences were connected twice");
        }
    }

    /// Whom this node has sessions of, as it shows them.
    pub(super) fn records(&self, node: NodeId) -> Vec<Record> {
        let users = self.users.lock();
        let here = users.iter().filter(|(_, sessions)| !sessions.by_session.is_empty());
        here.map(|(user, sessions)| sessions.record(node, *user)).collect()
    }

    /// How this node shows one user.
    pub(super) fn record(&self, node: NodeId, user: UserId) -> Record {
        self.users.lock().entry(user).or_default().record(node, user)
    }

    /// How another node shows a user now.
    pub(super) fn apply(&self, record: Record) {
        self.change(record.user, |sessions| sessions.apply(record));
    }

    /// All that the records of a topic held at a moment: what other nodes show there and is not in them is gone.
    pub(super) fn replace(&self, topic: Topic, records: Vec<Record>, asked: Instant) {
        let found: HashSet<(UserId, NodeId)> = records.iter().map(|record| (record.user, record.node)).collect();
        let is_gone = |user: UserId, node: NodeId, remote: &Remote| {
            let in_scope = match topic {
                Topic::UserPresence(watched) => watched == user,
                Topic::GuildPresence(guild) => remote.guilds.contains(&guild),
                _ => false,
            };
            in_scope && remote.at < asked && remote.shown.is_some() && !found.contains(&(user, node))
        };
        self.drop_where(is_gone);
        records.into_iter().for_each(|record| self.apply(record));
    }

    /// Drops what other nodes said, where `is_gone`.
    pub(super) fn drop_where(&self, is_gone: impl Fn(UserId, NodeId, &Remote) -> bool) {
        let mut gone: Vec<(UserId, NodeId)> = Vec::new();
        for (user, sessions) in self.users.lock().iter() {
            let nodes = sessions.elsewhere.iter().filter(|(node, remote)| is_gone(*user, **node, remote));
            gone.extend(nodes.map(|(node, _)| (*user, *node)));
        }
        for (user, node) in gone {
            self.change(user, |sessions| {
                sessions.elsewhere.remove(&node);
            });
        }
    }

    /// A node is gone.
    pub(super) fn drop_node(&self, dead: NodeId) {
        self.drop_where(|_, node, _| node == dead);
    }

    /// Nobody watches some topics any more: what other nodes say about them is not heard from now on, so it goes.
    pub(super) fn drop_unwatched(&self, watched: impl Fn(Topic) -> bool) {
        self.drop_where(|user, _, remote| {
            !watched(Topic::UserPresence(user))
                && !remote.guilds.iter().any(|guild| watched(Topic::GuildPresence(*guild)))
        });
    }

    /// Forgets those of whom nothing is to be remembered.
    pub(super) fn tidy(&self) {
        let now = Instant::now();
        self.users.lock().retain(|_, sessions| {
            sessions.elsewhere.retain(|_, remote| remote.shown.is_some() || now < remote.at + GONE_KEPT);
            !sessions.by_session.is_empty() || !sessions.elsewhere.is_empty()
        });
    }
}

impl Sessions {
    fn is_in(&self, guild: GuildId) -> bool {
        let here = !self.by_session.is_empty() && self.guilds.contains(&guild);
        here || self.there().any(|remote| remote.guilds.contains(&guild))
    }

    fn there(&self) -> impl Iterator<Item = &Remote> {
        self.elsewhere.values().filter(|remote| remote.shown.is_some())
    }

    fn all_guilds(&self) -> HashSet<GuildId> {
        let here = self.guilds.iter().filter(|_| !self.by_session.is_empty());
        here.chain(self.there().flat_map(|remote| &remote.guilds)).copied().collect()
    }

    fn record(&self, node: NodeId, user: UserId) -> Record {
        let shown = best(self.by_session.values()).cloned();
        Record { node, user, version: self.version, shown, guilds: self.guilds.clone() }
    }

    fn apply(&mut self, record: Record) {
        let Record { node, version, shown, guilds, .. } = record;
        if self.elsewhere.get(&node).is_some_and(|known| known.version > version) {
            return;
        }
        self.elsewhere.insert(node, Remote { shown, guilds, version, at: Instant::now() });
    }
}

/// The frame that tells a presence.
pub fn presence_frame(presence: v1::Presence) -> bytes::Bytes {
    let payload = Some(ephemeral::Payload::Presence(presence));
    frame(server_frame::Payload::Ephemeral(v1::Ephemeral { payload }))
}

fn shown(user: UserId, sessions: Option<&Sessions>) -> v1::Presence {
    let everywhere = sessions.into_iter().flat_map(|sessions| {
        sessions.by_session.values().chain(sessions.elsewhere.values().filter_map(|remote| remote.shown.as_ref()))
    });
    match best(everywhere) {
        Some(presence) => v1::Presence {
            user_id: user.into(),
            status: presence.status.into(),
            custom_status: presence.custom_status.clone(),
        },
        None => {
            v1::Presence { user_id: user.into(), status: PresenceStatus::Offline.into(), custom_status: String::new() }
        }
    }
}

/// `None`: not there.
fn best<'a>(presences: impl Iterator<Item = &'a SessionPresence>) -> Option<&'a SessionPresence> {
    presences.min_by_key(|presence| rank(presence.status)).filter(|presence| rank(presence.status) < OFFLINE_RANK)
}

const OFFLINE_RANK: u8 = 3;

/// Best first: somebody who is active on one device is there, whatever the other ones say.
fn rank(status: PresenceStatus) -> u8 {
    match status {
        PresenceStatus::Online => 0,
        PresenceStatus::Dnd => 1,
        PresenceStatus::Idle => 2,
        PresenceStatus::Invisible | PresenceStatus::Offline | PresenceStatus::Unspecified => OFFLINE_RANK,
    }
}
