//! Who is there: the best of a user's sessions. A session that stops its heartbeats is ended by the session room, so
//! nobody stays online who is not.

use std::{collections::HashMap, sync::Arc};

use guildhall_proto::{
    ids::{GuildId, UserId},
    v1::{self, PresenceStatus, ephemeral, server_frame},
};
use parking_lot::Mutex;

use super::hub::{Delivery, Hub, SubscriberId, Topic, frame};

/// How one session wants its user to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPresence {
    /// The status; INVISIBLE counts as not being there.
    pub status: PresenceStatus,
    /// The user's custom status.
    pub custom_status: String,
}

#[derive(Default)]
struct Sessions {
    by_session: HashMap<SubscriberId, SessionPresence>,
    guilds: Vec<GuildId>,
}

/// The presence of everybody on this node.
pub struct Presences {
    hub: Arc<Hub>,
    users: Mutex<HashMap<UserId, Sessions>>,
}

impl Presences {
    /// Nobody is there yet. Changes are told through the hub.
    pub fn new(hub: Arc<Hub>) -> Self {
        Self { hub, users: Mutex::default() }
    }

    /// A session says how its user is to be shown, and in which guilds.
    pub fn set(&self, user: UserId, session: SubscriberId, presence: SessionPresence, guilds: Vec<GuildId>) {
        self.change(user, |sessions| {
            sessions.by_session.insert(session, presence);
            sessions.guilds = guilds;
        });
    }

    /// A session is gone.
    pub fn remove(&self, user: UserId, session: SubscriberId) {
        self.change(user, |sessions| {
            sessions.by_session.remove(&session);
        });
    }

    /// How a user is shown to others.
    pub fn get(&self, user: UserId) -> v1::Presence {
        shown(user, self.users.lock().get(&user))
    }

    /// Everybody who is shown as a member of a guild and is not offline.
    pub fn in_guild(&self, guild: GuildId) -> Vec<v1::Presence> {
        let users = self.users.lock();
        let members = users.iter().filter(|(_, sessions)| sessions.guilds.contains(&guild));
        let presences = members.map(|(user, sessions)| shown(*user, Some(sessions)));
        presences.filter(|presence| presence.status() != PresenceStatus::Offline).collect()
    }

    fn change(&self, user: UserId, change: impl FnOnce(&mut Sessions)) {
        let mut users = self.users.lock();
        let before = shown(user, users.get(&user));
        let sessions = users.entry(user).or_default();
        let guilds_before = sessions.guilds.clone();
        change(sessions);
        let guilds = sessions.guilds.clone();
        if sessions.by_session.is_empty() {
            users.remove(&user);
        }
        let after = shown(user, users.get(&user));
        if before != after {
            // Told under the lock, so that two changes of one user are heard in their order.
            self.tell(user, after, &guilds);
        } else if after.status() != PresenceStatus::Offline {
            let joined: Vec<GuildId> = guilds.into_iter().filter(|guild| !guilds_before.contains(guild)).collect();
            self.tell_guilds(user, &joined, &presence_frame(after));
        }
    }

    fn tell(&self, user: UserId, presence: v1::Presence, guilds: &[GuildId]) {
        let frame = presence_frame(presence);
        self.tell_guilds(user, guilds, &frame);
        self.hub.deliver(Topic::UserPresence(user), &Delivery::Presence { user, guild: None, frame });
    }

    fn tell_guilds(&self, user: UserId, guilds: &[GuildId], frame: &bytes::Bytes) {
        for guild in guilds {
            let delivery = Delivery::Presence { user, guild: Some(*guild), frame: frame.clone() };
            self.hub.deliver(Topic::GuildPresence(*guild), &delivery);
        }
    }
}

/// The frame that tells a presence.
pub fn presence_frame(presence: v1::Presence) -> bytes::Bytes {
    let payload = Some(ephemeral::Payload::Presence(presence));
    frame(server_frame::Payload::Ephemeral(v1::Ephemeral { payload }))
}

fn shown(user: UserId, sessions: Option<&Sessions>) -> v1::Presence {
    let best = sessions.into_iter().flat_map(|sessions| sessions.by_session.values()).min_by_key(|p| rank(p.status));
    match best {
        Some(presence) if rank(presence.status) < OFFLINE_RANK => v1::Presence {
            user_id: user.into(),
            status: presence.status.into(),
            custom_status: presence.custom_status.clone(),
        },
        _ => {
            v1::Presence { user_id: user.into(), status: PresenceStatus::Offline.into(), custom_status: String::new() }
        }
    }
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
