//! The state of an outbox: what waits, and the watched streams. Pure: whoever holds the lock calls.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    task::Waker,
};

use bytes::Bytes;
use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, StreamKind, UserId};

use super::watch::{Mode, Watch};
use crate::{
    chat::{GuildHandle, Hidden},
    fanout::Published,
};

/// Events that wait for a session at most; then its streams fall behind and are read from the log.
const EVENTS_MAX: usize = 256;
/// Bytes that wait for a session at most, in the same sense.
const BYTES_MAX: usize = 1 << 20;
/// Presences that wait at most, one per user; further users' are dropped until the queue is empty.
const PRESENCES_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Merge {
    pub(super) queue: VecDeque<Bytes>,
    pub(super) bytes: usize,
    pub(super) watches: HashMap<StreamKey, Watch>,
    pub(super) presences: HashMap<UserId, Bytes>,
    pub(super) presence_guilds: HashMap<GuildId, Arc<GuildHandle>>,
    /// Whose presence and typing is not shown.
    pub(super) hidden: Option<Arc<Hidden>>,
    pub(super) behind: usize,
    pub(super) user_moved: bool,
    pub(super) guild_moved: bool,
    /// The client's frames are not read until there is room for their answers.
    pub(super) deaf: bool,
    pub(super) waker: Option<Waker>,
    /// Only answers are sent any more.
    pub(super) muted: bool,
    pub(super) ending: bool,
    pub(super) gone: bool,
}

impl Merge {
    pub(super) fn push(&mut self, frame: Bytes) {
        self.queue_bytes(frame);
        self.wake();
    }

    /// Takes note of a published event; whether the actor has something to do because of it. Nobody is woken.
    pub(super) fn hear(&mut self, user: UserId, event: &Published) -> bool {
        let full = self.is_full();
        let Some(watch) = self.watches.get_mut(&event.stream) else { return false };
        let before = watch.mode;
        let shown = watch.hear(user, event, full);
        let after = watch.mode;
        if shown {
            let frame = watch.frame_for(user, &event.frame, event.of_guild.as_deref());
            self.queue_bytes(frame);
        }
        self.recount(before, after);
        self.note_moved(event.stream.kind, shown, user);
        event.stream.kind != StreamKind::Channel || before != after
    }

    /// Takes note of how far a stream is known to be; whether the actor has to read it.
    pub(super) fn moved(&mut self, stream: StreamKey, seq: u64) -> bool {
        let Some(watch) = self.watches.get_mut(&stream) else { return false };
        let before = watch.mode;
        watch.moved(seq);
        let after = watch.mode;
        self.recount(before, after);
        before != after
    }

    pub(super) fn queue_bytes(&mut self, frame: Bytes) {
        if !self.ending {
            self.bytes += frame.len();
            self.queue.push_back(frame);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let Some(frame) = self.queue.pop_front() else {
            let user = self.presences.keys().next().copied()?;
            return self.presences.remove(&user);
        };
        self.bytes -= frame.len();
        // A burst must not hold its memory for ever: most sessions are idle.
        if self.queue.is_empty() && self.queue.capacity() > 16 {
            self.queue = VecDeque::new();
        }
        Some(frame)
    }

    pub(super) fn mute(&mut self) {
        self.muted = true;
        self.watches.clear();
        self.presences.clear();
        self.presence_guilds.clear();
        self.behind = 0;
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Answers cannot be dropped, so a client that does not take them is not listened to. Twice what events may fill: a
    /// reader that is merely slow goes on being heard.
    pub(super) fn has_room_for_answers(&self) -> bool {
        self.queue.len() < 2 * EVENTS_MAX && self.bytes < 2 * BYTES_MAX
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= EVENTS_MAX || self.bytes >= BYTES_MAX
    }

    /// Below half, so that the log is read in pages and not an event at a time.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() <= EVENTS_MAX / 2 && self.bytes <= BYTES_MAX / 2
    }

    pub(super) fn is_live(&self, channel: ChannelId) -> bool {
        let key = StreamKey { kind: StreamKind::Channel, id: channel.into() };
        self.watches.get(&key).is_some_and(|watch| watch.mode == Mode::Live)
    }

    pub(super) fn set_mode(&mut self, stream: StreamKey, mode: Mode) {
        if let Some(watch) = self.watches.get_mut(&stream) {
            let before = std::mem::replace(&mut watch.mode, mode);
            self.recount(before, mode);
        }
    }

    pub(super) fn recount(&mut self, before: Mode, after: Mode) {
        self.behind += usize::from(after.is_work());
        self.behind -= usize::from(before.is_work());
    }

    pub(super) fn after_replay(&mut self, stream: StreamKey, next: u64, at_end: bool, user: UserId) {
        let Some(watch) = self.watches.get_mut(&stream) else { return };
        watch.next = next;
        if at_end && watch.seen < next {
            self.set_mode(stream, Mode::Live);
        }
        self.note_moved(stream.kind, true, user);
    }

    pub(super) fn note_moved(&mut self, kind: StreamKind, shown: bool, user: UserId) {
        match kind {
            StreamKind::Channel => {}
            StreamKind::Guild => self.guild_moved = true,
            StreamKind::User => {
                self.user_moved = true;
                if shown {
                    self.recheck_all(user);
                }
            }
        }
    }

    /// The user's own stream told something that may take rights away: what may not be seen any more stops here, before
    /// anything that was published later.
    pub(super) fn recheck_all(&mut self, user: UserId) {
        let lost: Vec<StreamKey> = self
            .watches
            .iter_mut()
            .filter_map(|(stream, watch)| (!watch.may_see(user, *stream)).then_some(*stream))
            .collect();
        lost.into_iter().for_each(|stream| self.set_mode(stream, Mode::Lost));
    }

    pub(super) fn hides(&self, user: UserId) -> bool {
        self.hidden.as_ref().is_some_and(|hidden| hidden.has(user))
    }

    pub(super) fn presence(&mut self, user: UserId, frame: Bytes) {
        if self.muted || (self.presences.len() >= PRESENCES_MAX && !self.presences.contains_key(&user)) {
            return;
        }
        self.presences.insert(user, frame);
        self.wake();
    }
}
