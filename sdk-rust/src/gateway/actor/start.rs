//! How a session begins: Identify or Resume, then whatever is to be watched and is not yet.

use guildhall_proto::ids::{ChannelId, StreamKey, StreamKind};
use guildhall_proto::v1::{self, ChannelSubscription, client_frame};

use super::sending::CURSORS_MAX;
use super::session::{Pending, Session, Stage};
use crate::cursor::Cursor;
use crate::event::{Event, Ready};
use crate::gateway::positions::Begun;

/// Guilds, guilds by presence and users by presence of one update: the contract's limits.
const GUILDS_MAX: usize = 200;
const PRESENCE_GUILDS_MAX: usize = 20;
const PRESENCE_USERS_MAX: usize = 100;

impl Session<'_> {
    /// Sends Identify, or Resume if there is anything to go on from.
    pub(super) fn begin(&mut self) {
        let cursors = self.resumable();
        let status = self.core.interest.status.into();
        let command = if cursors.is_empty() {
            self.stage = Stage::Identifying;
            client_frame::Command::Identify(v1::Identify { status, subscriptions: None })
        } else {
            self.stage = Stage::Resuming;
            for cursor in &cursors {
                self.core.positions.attach(cursor.stream);
            }
            client_frame::Command::Resume(v1::Resume {
                cursors: cursors.into_iter().map(Into::into).collect(),
                status,
                subscriptions: None,
            })
        };
        self.command(command, Pending::Start);
    }

    /// The positions that the server can go on from: those of the user and the guilds, and of the channels that are to
    /// be watched as far as that is known before Ready. The others are subscribed to after it.
    fn resumable(&self) -> Vec<Cursor> {
        if self.core.anew {
            return Vec::new();
        }
        let wanted = |cursor: &Cursor| match cursor.stream.kind {
            StreamKind::User | StreamKind::Guild => true,
            StreamKind::Channel => {
                let channel = ChannelId(cursor.stream.id);
                self.core.interest.channels.contains(&channel) || self.core.is_covered(channel)
            }
        };
        let known = self.core.positions.all().filter(|cursor| cursor.epoch != 0);
        let mut cursors = known.filter(wanted).collect::<Vec<_>>();
        cursors.sort_unstable_by_key(|cursor| (cursor.stream.kind == StreamKind::Channel, cursor.stream));
        cursors.truncate(CURSORS_MAX);
        cursors
    }

    pub(super) fn on_ready(&mut self, ready: v1::Ready) {
        let own = ready.user_cursor.as_ref().and_then(Cursor::from_wire);
        if let Some(cursor) = own {
            self.begin_stream(cursor);
        }
        for state in &ready.guilds {
            self.on_guild(state);
        }
        let event = Ready::new(&self.link.hello, ready);
        self.core.feed.push(Event::Ready(event));
        if self.stage == Stage::Identifying {
            self.subscribe();
        }
    }

    fn on_guild(&mut self, state: &v1::GuildState) {
        let cursor = state.cursor.as_ref().and_then(Cursor::from_wire);
        if let Some(cursor) = cursor {
            self.begin_stream(cursor);
        }
        let Some(guild) = &state.guild else { return };
        self.joined.push(guild.id);
        for channel in &state.channels {
            let id = ChannelId(channel.channel_id);
            self.core.guild_of.insert(id, guild.id.into());
            self.channels.push((guild.id.into(), id));
        }
    }

    pub(super) fn on_resumed(&mut self, resumed: v1::Resumed) {
        let replayed = resumed.replayed;
        self.core.feed.push(Event::Resumed { replayed });
        if self.stage == Stage::Resuming {
            self.subscribe();
        }
    }

    /// Takes note of where a stream begins; reads the log if it has moved on.
    pub(super) fn begin_stream(&mut self, at: Cursor) {
        match self.core.positions.begin(at) {
            // Nothing before it is to be handled, so it may be saved at once.
            Begun::New(cursor) => self.core.store.save(&cursor),
            Begun::Followed => {}
            Begun::Behind(fetch) => self.catch_up(fetch),
        }
    }

    /// Subscribes to everything that is to be watched and does not come by itself.
    fn subscribe(&mut self) {
        self.stage = Stage::Subscribing;
        for update in self.initial_updates() {
            self.subscribe_initially(update);
        }
        self.live_if_subscribed();
    }

    pub(super) fn subscribe_initially(&mut self, update: v1::UpdateSubscriptions) {
        let command = client_frame::Command::UpdateSubscriptions(update.clone());
        self.command(command, Pending::Initial(update));
    }

    /// Channels before guilds: a channel that the guild brings begins now, and one that was named begins where we are.
    fn initial_updates(&self) -> Vec<v1::UpdateSubscriptions> {
        let interest = &self.core.interest;
        let channels = self.unattached();
        let guilds = self.guilds_to_watch();
        let presence_guilds = interest.presence_guilds.iter().map(|id| id.0).collect::<Vec<_>>();
        let presence_users = interest.presence_users.iter().map(|id| id.0).collect::<Vec<_>>();
        let channels = channels
            .chunks(CURSORS_MAX)
            .map(|part| v1::UpdateSubscriptions { add_channels: part.to_vec(), ..Default::default() });
        let guilds = guilds
            .chunks(GUILDS_MAX)
            .map(|part| v1::UpdateSubscriptions { add_guilds: part.to_vec(), ..Default::default() });
        let presence_guilds = presence_guilds.chunks(PRESENCE_GUILDS_MAX);
        let presence_guilds = presence_guilds
            .map(|part| v1::UpdateSubscriptions { add_presence_guilds: part.to_vec(), ..Default::default() });
        let presence_users = presence_users.chunks(PRESENCE_USERS_MAX);
        let presence_users = presence_users
            .map(|part| v1::UpdateSubscriptions { add_presence_users: part.to_vec(), ..Default::default() });
        channels.chain(guilds).chain(presence_guilds).chain(presence_users).collect()
    }

    /// Channels to name: those that are wanted by name, and those of watched guilds of which we have a position.
    fn unattached(&self) -> Vec<ChannelSubscription> {
        let named = self.core.interest.channels.iter().copied();
        let of_guilds = self.channels.iter().filter(|(guild, channel)| {
            let position = self.core.positions.get(StreamKey::channel(*channel));
            self.core.interest.covers(*guild) && position.is_some_and(|at| at.epoch != 0)
        });
        let mut wanted = named.chain(of_guilds.map(|(_, channel)| *channel)).collect::<Vec<_>>();
        wanted.sort_unstable();
        wanted.dedup();
        let wanted = wanted.into_iter().map(StreamKey::channel);
        let missing = wanted.filter(|stream| !self.core.positions.is_attached(*stream));
        missing.map(|stream| self.subscription(stream)).collect()
    }

    /// A position of no epoch is before the first event, whichever epoch that has; the server takes only real ones. So
    /// the channel is subscribed to as it is, and what lies before that is read from the log.
    pub(super) fn subscription(&self, stream: StreamKey) -> ChannelSubscription {
        let position = self.core.positions.get(stream);
        ChannelSubscription { channel_id: stream.id, cursor: position.filter(|at| at.epoch != 0).map(Into::into) }
    }

    fn guilds_to_watch(&self) -> Vec<u64> {
        let interest = &self.core.interest;
        let mut guilds = interest.guilds.iter().map(|guild| guild.0).collect::<Vec<_>>();
        if interest.all_guilds {
            guilds.extend(&self.joined);
            guilds.sort_unstable();
            guilds.dedup();
        }
        guilds
    }

    /// Everything stands once nothing of the session's own is unanswered.
    pub(super) fn live_if_subscribed(&mut self) {
        let mut pending = self.pending.values();
        let waiting = pending.any(|pending| matches!(pending, Pending::Initial(_)));
        if self.stage != Stage::Subscribing || waiting {
            return;
        }
        self.stage = Stage::Live;
        self.core.show_ready();
        for update in std::mem::take(&mut self.core.updates) {
            self.update(update);
        }
        if let Some(text) = self.core.interest.custom_status.clone() {
            let presence = v1::UpdatePresence { status: self.status_or_online().into(), custom_status: Some(text) };
            let command = client_frame::Command::UpdatePresence(presence);
            self.command(command, Pending::Presence(None));
        }
    }

    fn status_or_online(&self) -> v1::PresenceStatus {
        match self.core.interest.status {
            v1::PresenceStatus::Unspecified => v1::PresenceStatus::Online,
            status => status,
        }
    }
}
