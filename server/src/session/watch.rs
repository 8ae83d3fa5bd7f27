//! One watched stream of one session: what was shown, what was heard of, and at which version of all rights they were
//! last looked at. Pure but for the rights, which the guild's view answers.

use std::sync::Arc;

use bytes::Bytes;
use guildhall_proto::{
    ids::{ChannelId, StreamKey, StreamKind, UserId},
    v1::{self, server_frame::Payload},
};

use super::frame;
use crate::{chat::GuildHandle, fanout::Published};

/// How a stream's events reach the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The head is being read: events are counted.
    Held,
    /// As they are published.
    Live,
    /// From the log, at the client's pace; published ones are counted.
    Behind,
    /// Not at all: the user may not see the stream any more.
    Lost,
}

impl Mode {
    /// Whether the actor has to do something about it.
    pub(super) fn is_work(self) -> bool {
        matches!(self, Self::Behind | Self::Lost)
    }
}

pub(super) struct Watch {
    /// The seq of the next event to be shown.
    pub(super) next: u64,
    /// The highest seq that was heard of.
    pub(super) seen: u64,
    pub(super) mode: Mode,
    /// The guild's seq at which the rights were last looked at.
    checked: u64,
    guild: Option<Arc<GuildHandle>>,
}

impl Watch {
    pub(super) fn new(guild: Option<Arc<GuildHandle>>) -> Self {
        Self { next: 1, seen: 0, mode: Mode::Held, checked: 0, guild }
    }

    pub(super) fn head(&self) -> u64 {
        self.seen.max(self.next.saturating_sub(1))
    }

    /// Whether both are members of the stream's guild.
    pub(super) fn is_shared_by(&self, one: UserId, other: UserId) -> bool {
        self.guild.as_ref().is_some_and(|guild| guild.is_member(one) && guild.is_member(other))
    }

    /// The bytes that the user is shown of an event: those that all share, unless a guild's event tells of what this one
    /// may not see.
    pub(super) fn frame_for(&self, user: UserId, shared: &Bytes, event: Option<&v1::Event>) -> Bytes {
        let instead = self.guild.as_ref().zip(event).and_then(|(guild, event)| guild.shown_instead(user, event));
        instead.map_or_else(|| shared.clone(), |event| frame::encode(Payload::Event(event)))
    }

    /// Those of some channels of the stream's guild that the user may read, each with what is to be told of it.
    pub(super) fn readable_of(&self, user: UserId, channels: &[(ChannelId, u64)]) -> Vec<(ChannelId, u64)> {
        self.guild.as_ref().map_or_else(Vec::new, |guild| guild.readable_of(user, channels))
    }

    /// Takes note of a published event; whether it is to be shown now.
    pub(super) fn hear(&mut self, user: UserId, heard: &Published, full: bool) -> bool {
        self.seen = self.seen.max(heard.seq);
        if self.mode != Mode::Live || heard.seq < self.next {
            return false;
        }
        if heard.guild_seq > self.checked && !self.recheck(user, heard.stream, heard.guild_seq) {
            return false;
        }
        if heard.seq > self.next || full {
            self.mode = Mode::Behind;
            return false;
        }
        self.next += 1;
        true
    }

    /// Takes note of events that were not told.
    pub(super) fn moved(&mut self, seq: u64) {
        self.seen = self.seen.max(seq);
        if self.mode == Mode::Live && seq >= self.next {
            self.mode = Mode::Behind;
        }
    }

    /// Whether the user may see the stream by the rights as this node knows them now.
    pub(super) fn may_see(&mut self, user: UserId, stream: StreamKey) -> bool {
        let Some(guild) = &self.guild else { return true };
        // The version is read first: rights that are newer than the version only make the next look come earlier.
        self.checked = guild.position().seq;
        match stream.kind {
            StreamKind::Channel => guild.may_read(user, ChannelId::from(stream.id)),
            StreamKind::Guild => guild.is_member(user),
            StreamKind::User => stream.id == u64::from(user),
        }
    }

    /// The same for something passing that was allowed at `guild_seq`.
    pub(super) fn may_see_passing(&mut self, user: UserId, stream: StreamKey, guild_seq: u64) -> bool {
        self.mode != Mode::Lost && self.may_see(user, stream) && self.checked >= guild_seq
    }

    fn recheck(&mut self, user: UserId, stream: StreamKey, guild_seq: u64) -> bool {
        if !self.may_see(user, stream) {
            self.mode = Mode::Lost;
            return false;
        }
        if self.checked < guild_seq {
            // This node's picture of the guild is older than the event: wait for it, reading from the log.
            self.mode = Mode::Behind;
            return false;
        }
        true
    }
}
