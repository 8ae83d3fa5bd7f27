//! The guilds that are held in memory, each as a picture that follows its stream.
//!
//! The log is the source of truth: after a commit, and whenever somebody says that a guild has moved on, the stream is
//! read from where the picture is, and each event is first applied, then published. So listeners hear events in order,
//! and nobody hears of a removal before it is in force.

mod handle;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
mod view;

use std::{collections::HashMap, sync::Arc};

use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey},
    v1::{self, event::Payload},
};
use parking_lot::RwLock;

use super::events;
use crate::{
    fanout::{Hub, Topic},
    store::{self, Metadata},
};
pub(in crate::chat) use handle::Turn;
pub use handle::{GuildHandle, Picture};
pub use view::View;

/// Events that are read at once.
const PAGE: usize = 500;
/// Guilds that are loaded at the same time.
const LOADERS: usize = 16;

/// The guilds of this node.
pub(in crate::chat) struct Guilds {
    metadata: Arc<dyn Metadata>,
    hub: Arc<Hub>,
    held: RwLock<HashMap<GuildId, Arc<GuildHandle>>>,
    /// A hint where to look for a channel; the picture decides.
    of_channel: RwLock<HashMap<ChannelId, GuildId>>,
    /// One loader per guild at a time, so that there are never two pictures of one guild of which only one follows.
    loaders: [tokio::sync::Mutex<()>; LOADERS],
}

impl Guilds {
    /// None is held yet.
    pub(in crate::chat) fn new(metadata: Arc<dyn Metadata>, hub: Arc<Hub>) -> Self {
        let loaders = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { metadata, hub, held: RwLock::default(), of_channel: RwLock::default(), loaders }
    }

    /// A guild; `None`: there is no such guild (any more).
    ///
    /// # Errors
    /// As the store.
    pub(in crate::chat) async fn get(&self, id: GuildId) -> store::Result<Option<Arc<GuildHandle>>> {
        if let Some(handle) = self.held(id) {
            return Ok(Some(handle));
        }
        let shard = usize::try_from(id.get() % LOADERS as u64).unwrap_or_default();
        let _loading = self.loaders[shard].lock().await;
        if let Some(handle) = self.held(id) {
            return Ok(Some(handle));
        }
        let Some(snapshot) = self.metadata.guild(id).await? else { return Ok(None) };
        let handle = GuildHandle::new(View::new(snapshot));
        let channels: Vec<_> = handle.look(|view| view.channel_ids().collect());
        self.of_channel.write().extend(channels.into_iter().map(|channel| (channel, id)));
        self.held.write().insert(id, Arc::clone(&handle));
        // Then the head is compared with the picture: what came in between is read.
        self.hub.hold(Topic::Stream(StreamKey::guild(id)));
        Ok(Some(handle))
    }

    /// The guild of a channel; `None`: there is no such channel (any more).
    ///
    /// # Errors
    /// As the store.
    pub(in crate::chat) async fn of_channel(&self, channel: ChannelId) -> store::Result<Option<Arc<GuildHandle>>> {
        let hint = self.of_channel.read().get(&channel).copied();
        let guild = match hint {
            Some(guild) => Some(guild),
            None => self.metadata.guild_of(channel).await?,
        };
        let Some(guild) = guild else { return Ok(None) };
        let handle = self.get(guild).await?;
        if hint.is_none()
            && let Some(handle) = handle.as_ref().filter(|handle| handle.look(|view| view.channel(channel).is_none()))
        {
            // Made by another node just now, or gone.
            self.catch_up(handle).await?;
        }
        Ok(handle.filter(|handle| handle.look(|view| view.channel(channel).is_some())))
    }

    /// A guild, if it is held.
    pub(in crate::chat) fn held(&self, id: GuildId) -> Option<Arc<GuildHandle>> {
        self.held.read().get(&id).cloned()
    }

    /// The guild of a channel, if that is known.
    pub(in crate::chat) fn known_guild_of(&self, channel: ChannelId) -> Option<GuildId> {
        self.of_channel.read().get(&channel).copied()
    }

    /// Reads what the guild's stream has beyond the picture; applies and publishes it, event by event. To be called
    /// after a commit, and when another node tells that the guild has moved on.
    ///
    /// # Errors
    /// As the store. What was read before is applied and published.
    pub(in crate::chat) async fn catch_up(&self, handle: &Arc<GuildHandle>) -> store::Result<()> {
        let turn = handle.turn().await;
        self.read_on(&turn).await
    }

    /// As `catch_up`, for those whose turn it is.
    ///
    /// # Errors
    /// As the store.
    pub(in crate::chat) async fn read_on(&self, turn: &Turn) -> store::Result<()> {
        let handle = turn.handle();
        let stream = StreamKey::guild(handle.id());
        loop {
            let position = handle.position();
            let rows = self.metadata.stream_events(stream, position.seq, PAGE).await?;
            let last = rows.len() < PAGE;
            for row in rows {
                self.take(handle, stream, events::stream_event(stream, position.epoch, row));
            }
            if last {
                return Ok(());
            }
        }
    }

    fn take(&self, handle: &GuildHandle, stream: StreamKey, event: v1::Event) {
        let gone = self.index(handle, &event);
        handle.apply(&event);
        self.hub.publish(stream, [event]);
        if gone {
            // Those who hold the handle see a guild without members; whoever asks anew finds none.
            self.held.write().remove(&handle.id());
            self.hub.release(Topic::Stream(stream));
        }
    }

    /// Keeps the hints; tells whether the guild is gone.
    fn index(&self, handle: &GuildHandle, event: &v1::Event) -> bool {
        match &event.payload {
            Some(Payload::ChannelCreated(change)) => {
                let id = change.channel.as_ref().map_or(0, |channel| channel.id);
                self.of_channel.write().insert(ChannelId(id), handle.id());
                false
            }
            Some(Payload::ChannelDeleted(change)) => {
                self.of_channel.write().remove(&ChannelId(change.channel_id));
                false
            }
            Some(Payload::GuildDeleted(_)) => {
                let mut hints = self.of_channel.write();
                handle.look(|view| view.channel_ids().for_each(|channel| _ = hints.remove(&channel)));
                true
            }
            _ => false,
        }
    }
}
