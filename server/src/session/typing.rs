//! Who types: passing, throttled, over after ten seconds.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use guildhall_proto::{
    ids::{ChannelId, StreamKey},
    v1::{self, PresenceStatus, ephemeral, server_frame},
};
use tokio::time::Instant;

use super::{actor::Actor, frame};
use crate::{
    chat::GuildHandle,
    fanout::{Delivery, Topic},
};

/// Typing is over this long after it was last said.
const LASTS: Duration = Duration::from_secs(10);
/// Saying it again within this time tells nobody anything; it is dropped without an error.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// Starts that one session is heard with in ten seconds; further ones are dropped without an error.
const STARTS_MAX: usize = 10;
/// Channels that one session types in at a time; further ones are dropped without an error.
const CHANNELS_MAX: usize = 5;

/// Where a session's user types.
#[derive(Default)]
pub(super) struct Typing {
    channels: HashMap<ChannelId, Typed>,
    /// When the last starts were told, oldest first.
    told: VecDeque<Instant>,
}

struct Typed {
    since: Instant,
    guild: Arc<GuildHandle>,
}

impl Typing {
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.channels.values().map(|typed| typed.since + LASTS).min()
    }

    /// Whether one more start may be told now; stops follow from starts.
    fn may_tell(&mut self, now: Instant) -> bool {
        while self.told.front().is_some_and(|told| *told + LASTS <= now) {
            self.told.pop_front();
        }
        self.told.len() < STARTS_MAX
    }
}

impl Actor {
    pub(super) fn start_typing(&mut self, channel: ChannelId, guild: Arc<GuildHandle>) {
        let now = Instant::now();
        let known = self.typing.channels.get(&channel).map(|typed| typed.since);
        let again = known.is_some_and(|since| now < since + AGAIN_AFTER);
        let crowded = known.is_none() && self.typing.channels.len() >= CHANNELS_MAX;
        // Whoever is invisible does not type.
        if again || crowded || self.status == Some(PresenceStatus::Invisible) || !self.typing.may_tell(now) {
            return;
        }
        self.typing.told.push_back(now);
        self.typing.channels.insert(channel, Typed { since: now, guild: Arc::clone(&guild) });
        let user_id = self.caller.user.into();
        let started = v1::TypingStarted { channel_id: channel.into(), user_id };
        self.say_typing(channel, &guild, ephemeral::Payload::TypingStarted(started));
    }

    pub(super) fn stop_typing(&mut self, channel: ChannelId) {
        let Some(typed) = self.typing.channels.remove(&channel) else { return };
        let user_id = self.caller.user.into();
        let stopped = v1::TypingStopped { channel_id: channel.into(), user_id };
        self.say_typing(channel, &typed.guild, ephemeral::Payload::TypingStopped(stopped));
    }

    /// A message ends the typing that led to it; listeners know that by themselves.
    pub(super) fn forget_typing(&mut self, channel: ChannelId) {
        self.typing.channels.remove(&channel);
    }

    pub(super) fn end_typing(&mut self, now: Instant) {
        let over = self.typing.channels.iter().filter(|(_, typed)| typed.since + LASTS <= now);
        let over: Vec<ChannelId> = over.map(|(channel, _)| *channel).collect();
        over.into_iter().for_each(|channel| self.stop_typing(channel));
    }

    pub(super) fn stop_all_typing(&mut self) {
        let channels: Vec<ChannelId> = self.typing.channels.keys().copied().collect();
        channels.into_iter().for_each(|channel| self.stop_typing(channel));
    }

    fn say_typing(&self, channel: ChannelId, guild: &GuildHandle, payload: ephemeral::Payload) {
        // The version is read before the right, so that listeners are checked at least there.
        let guild_seq = guild.position().seq;
        if !guild.may_read(self.caller.user, channel) {
            return;
        }
        let stream = StreamKey::channel(channel);
        let payload = server_frame::Payload::Ephemeral(v1::Ephemeral { payload: Some(payload) });
        let frame = frame::encode(payload);
        let delivery = Delivery::Typing { stream, guild_seq, user: self.caller.user, frame };
        self.shared.hub.deliver(Topic::Stream(stream), &delivery);
    }
}
