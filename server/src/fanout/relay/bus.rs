//! What carries hints between nodes, seen from the relay: payloads at places, none of them sure to arrive.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use guildhall_proto::ids::{GuildId, StreamKey, StreamKind, UserId};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::fanout::Topic;

/// Payloads that wait to be sent. Full: a hint is lost, and the logs repair it.
pub(super) const OUTGOING_MAX: usize = 8_192;
/// Payloads that wait to be read. Full: hints are lost, and the heads are compared.
pub(super) const HEARD_MAX: usize = 8_192;

/// Where payloads go on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// What all nodes hear: that one lives, and that there is something to forget.
    Nodes,
    /// What those nodes hear that watch the topic.
    Topic(Topic),
}

/// A payload for a place.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Where.
    pub place: Place,
    /// What.
    pub payload: Bytes,
}

/// What a bus tells.
#[derive(Debug)]
pub enum Heard {
    /// A payload.
    Parcel(Parcel),
    /// From now on payloads of these places arrive, most of them.
    Subscribed(Vec<Place>),
    /// Payloads were lost, or will be: the connection is gone, or somebody was too slow.
    Lost,
}

/// The two ends of a bus that the relay holds, from the bus's side.
pub struct Line {
    /// Places that are to be heard.
    pub wants: Arc<Wants>,
    /// Payloads to be sent.
    pub outgoing: mpsc::Receiver<Parcel>,
    /// What is told to the relay. Full: drop it, and say `Lost` with the next one.
    pub heard: mpsc::Sender<Heard>,
    /// The end.
    pub stop: CancellationToken,
}

/// A bus between nodes.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// The largest payload that it takes, in bytes.
    fn payload_max(&self) -> usize;

    /// Whether every node hears everything, so that one payload at one place will do for many.
    fn is_broadcast(&self) -> bool;

    /// Carries until it is stopped. It connects again for ever, and subscribes again to all that is wanted.
    async fn run(self: Box<Self>, line: Line);
}

/// The places that a node wants to hear.
#[derive(Default)]
pub struct Wants {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    all: HashSet<Place>,
    /// Those that the bus has confirmed since it was last connected.
    standing: HashSet<Place>,
    added: Vec<Place>,
    removed: Vec<Place>,
}

/// What has changed since the last look.
#[derive(Debug, Default)]
pub struct Changes {
    /// To be subscribed to.
    pub added: Vec<Place>,
    /// To be unsubscribed from.
    pub removed: Vec<Place>,
}

impl Wants {
    pub(super) fn add(&self, place: Place) {
        let mut state = self.state.lock();
        if state.all.insert(place) {
            state.added.push(place);
            self.changed.notify_one();
        }
    }

    pub(super) fn remove(&self, place: Place) {
        let mut state = self.state.lock();
        if state.all.remove(&place) {
            state.standing.remove(&place);
            state.removed.push(place);
            self.changed.notify_one();
        }
    }

    /// What was confirmed has been compared with the logs: nothing of these places is missed from here on.
    pub(super) fn stand(&self, places: &[Place]) {
        let mut state = self.state.lock();
        let State { all, standing, .. } = &mut *state;
        standing.extend(places.iter().filter(|place| all.contains(place)));
    }

    /// How many places are wanted, and how many of them stand.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.all.len(), state.standing.len())
    }

    /// Everything, for a connection that is new.
    pub fn all(&self) -> Vec<Place> {
        let mut state = self.state.lock();
        state.standing.clear();
        (state.added, state.removed) = (Vec::new(), Vec::new());
        state.all.iter().copied().collect()
    }

    /// Whether a place is wanted.
    pub fn contains(&self, place: Place) -> bool {
        self.state.lock().all.contains(&place)
    }

    /// Waits until something has changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What has changed since the last call.
    pub fn take(&self) -> Changes {
        let mut state = self.state.lock();
        let State { all, added, removed, .. } = &mut *state;
        let (mut added, mut removed) = (std::mem::take(added), std::mem::take(removed));
        // Whatever went back and forth counts as what it is now.
        added.retain(|place| all.contains(place));
        removed.retain(|place| !all.contains(place));
        Changes { added, removed }
    }
}

impl Place {
    /// Its name on the bus.
    pub fn name(self) -> String {
        match self {
            Self::Nodes => "gh:nodes".to_owned(),
            Self::Topic(Topic::Stream(StreamKey { kind, id })) => format!("gh:{}:{id}", kind.as_str()),
            Self::Topic(Topic::Activity(guild)) => format!("gh:activity:{guild}"),
            Self::Topic(Topic::GuildPresence(guild)) => format!("gh:here:{guild}"),
            Self::Topic(Topic::UserPresence(user)) => format!("gh:person:{user}"),
        }
    }

    /// The place of a name, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_prefix("gh:")?;
        if name == "nodes" {
            return Some(Self::Nodes);
        }
        let (kind, id) = name.split_once(':')?;
        let id: u64 = id.parse().ok()?;
        let stream = |kind| Topic::Stream(StreamKey { kind, id });
        Some(Self::Topic(match kind {
            "channel" => stream(StreamKind::Channel),
            "guild" => stream(StreamKind::Guild),
            "user" => stream(StreamKind::User),
            "activity" => Topic::Activity(GuildId(id)),
            "here" => Topic::GuildPresence(GuildId(id)),
            "person" => Topic::UserPresence(UserId(id)),
            _ => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_from_their_names() {
        let stream = |kind| Topic::Stream(StreamKey { kind, id: u64::MAX });
        let topics = [
            stream(StreamKind::Channel),
            stream(StreamKind::Guild),
            stream(StreamKind::User),
            Topic::Activity(GuildId(1)),
            Topic::GuildPresence(GuildId(2)),
            Topic::UserPresence(UserId(3)),
        ];
        for place in topics.into_iter().map(Place::Topic).chain([Place::Nodes]) {
            assert_eq!(Place::parse(&place.name()), Some(place));
        }
        for name in ["", "gh:", "gh:nodes:1", "gh:channel:", "gh:channel:-1", "gh:x:1", "channel:1"] {
            assert_eq!(Place::parse(name), None, "{name}");
        }
    }

    #[test]
    fn what_stands_is_what_was_confirmed_since_the_last_connection() {
        let wants = Wants::default();
        let [one, two] = [1, 2].map(|id| Place::Topic(Topic::Activity(GuildId(id))));
        wants.add(one);
        wants.stand(&[one, two]);
        assert_eq!(wants.counts(), (1, 1), "nobody wants the other");
        wants.add(two);
        assert_eq!(wants.counts(), (2, 1));
        wants.stand(&[two]);
        wants.remove(one);
        assert_eq!(wants.counts(), (1, 1));
        wants.all();
        assert_eq!(wants.counts(), (1, 0));
    }

    #[test]
    fn what_went_back_and_forth_is_as_it_is_now() {
        let wants = Wants::default();
        let place = Place::Topic(Topic::Activity(GuildId(1)));
        wants.add(place);
        wants.remove(place);
        assert_eq!(wants.take().added, []);
        wants.add(place);
        wants.take();
        wants.remove(place);
        wants.add(place);
        assert_eq!(wants.take().removed, []);
    }
}
