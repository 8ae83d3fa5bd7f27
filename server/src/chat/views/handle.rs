//! One guild's picture, shared by all who ask about it.

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, GuildId, UserId},
    v1::{self, Permission},
};
use parking_lot::RwLock;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::View;
use crate::{
    chat::{
        access::{self, Shown},
        events,
    },
    store::Position,
};

/// A guild that is held in memory. Its picture follows the guild's stream; asking never waits.
#[derive(Debug)]
pub struct GuildHandle {
    id: GuildId,
    view: RwLock<View>,
    turn: Arc<Mutex<()>>,
}

/// The right to change a guild or to read its stream on. One at a time, first come, first served: so changes of one node
/// do not race, and events are applied and published in their order.
#[must_use = "a turn ends when it is dropped"]
pub(in crate::chat) struct Turn {
    handle: Arc<GuildHandle>,
    _guard: OwnedMutexGuard<()>,
}

impl Turn {
    /// Whose turn it is.
    pub(in crate::chat) fn handle(&self) -> &Arc<GuildHandle> {
        &self.handle
    }
}

impl GuildHandle {
    pub(super) fn new(view: View) -> Arc<Self> {
        Arc::new(Self { id: view.guild().id, view: RwLock::new(view), turn: Arc::default() })
    }

    /// The guild.
    pub fn id(&self) -> GuildId {
        self.id
    }

    /// Waits for one's turn. This is the only lock that is held while something is awaited.
    pub(in crate::chat) async fn turn(self: &Arc<Self>) -> Turn {
        let guard = Arc::clone(&self.turn).lock_owned().await;
        Turn { handle: Arc::clone(self), _guard: guard }
    }

    /// Looks at the picture. The lock is held meanwhile: short, and without waiting for anything.
    pub fn look<R>(&self, question: impl FnOnce(&View) -> R) -> R {
        question(&self.view.read())
    }

    pub(super) fn apply(&self, event: &v1::Event) {
        self.view.write().apply(event.seq, event.payload.as_ref());
    }

    /// How far the picture is: the version of all rights in this guild.
    pub fn position(&self) -> Position {
        self.look(View::position)
    }

    /// Whether the user is a member.
    pub fn is_member(&self, user: UserId) -> bool {
        self.look(|view| view.is_member(user))
    }

    /// Whether the user may see a channel and read its messages: what it takes to hear its events.
    pub fn may_read(&self, user: UserId, channel: ChannelId) -> bool {
        self.look(|view| reads(view, user, channel))
    }

    /// Those of some channels that the user may read, each with what comes with it, in one look.
    pub fn readable_of<T: Copy>(&self, user: UserId, channels: &[(ChannelId, T)]) -> Vec<(ChannelId, T)> {
        self.look(|view| channels.iter().copied().filter(|(channel, _)| reads(view, user, *channel)).collect())
    }

    /// What the user is shown of an event of the guild's stream instead of it; `None`: the event as it is. The picture
    /// must have applied the event.
    pub fn shown_instead(&self, user: UserId, event: &v1::Event) -> Option<v1::Event> {
        let payload = event.payload.as_ref().filter(|payload| access::is_told_apart(payload))?;
        let payload = match self.look(|view| access::shown(view, access::Who::looking(user), payload)) {
            Shown::Same => return None,
            Shown::Nothing => None,
            Shown::Changed(payload) => Some(*payload),
        };
        Some(v1::Event { stream: event.stream, create_time: event.create_time, payload, ..*event })
    }

    /// The channels that the user may read, by position.
    pub fn readable_channels(&self, user: UserId) -> Vec<ChannelId> {
        self.look(|view| readable(view, user))
    }

    /// All that a session is told of the guild as it begins, in one look.
    pub fn picture(&self, user: UserId) -> Picture {
        self.look(|view| Picture {
            id: self.id,
            position: view.position(),
            guild: events::guild_of(view),
            channels: readable(view, user),
        })
    }

    /// The guild as its members see it.
    pub fn guild_message(&self) -> v1::Guild {
        self.look(events::guild_of)
    }
}

/// A guild as one user sees it at one position of its stream.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The guild.
    pub id: GuildId,
    /// The guild's stream.
    pub position: Position,
    /// The guild as its members see it.
    pub guild: v1::Guild,
    /// The channels that the user may read, by position.
    pub channels: Vec<ChannelId>,
}

fn readable(view: &View, user: UserId) -> Vec<ChannelId> {
    let channels = view.channels().into_iter().map(|channel| channel.id);
    channels.filter(|channel| reads(view, user, *channel)).collect()
}

fn reads(view: &View, user: UserId, channel: ChannelId) -> bool {
    let held = access::channel_permissions(view, access::Who::looking(user), channel);
    held.is_some_and(|held| held.has(Permission::ReadHistory))
}
