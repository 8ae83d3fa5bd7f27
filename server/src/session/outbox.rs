//! What waits to be sent to one session, and the merge that keeps each of its streams without hole or repeat.
//!
//! Every watched stream is either live (the hub's events go straight into the queue, each exactly one behind the last),
//! or behind (they are only counted, and the session's actor reads the log at the client's pace). Attaching, resuming
//! and being slow are the same thing: behind until the log has been read up to the last event that was heard of. The
//! queue is bounded in events and bytes; when it is full the stream falls behind, and nobody else notices.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey, UserId},
    v1,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    merge::Merge,
    watch::{Mode, Watch},
};
use crate::{
    chat::{GuildHandle, Hidden},
    fanout::{Delivery, Published, Subscriber, activity::activity_frame},
};

/// With more than this waiting, typing and activity are dropped: they are worth nothing when they are late.
const PASSING_MAX: usize = 64;
/// The outbox of one session, shared by the hub (which fills it), the actor (which refills it from the log) and the
/// response stream (which empties it).
pub(super) struct Outbox {
    user: UserId,
    inner: Mutex<Merge>,
    work: Notify,
}

/// What the actor has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// The client is gone: nothing can be sent any more.
    pub(super) gone: bool,
    /// The user's own stream told something: guilds may have come or gone.
    pub(super) user_moved: bool,
    /// A guild's stream told something: channels may have come or gone.
    pub(super) guild_moved: bool,
    /// A stream that is behind.
    pub(super) behind: Option<StreamKey>,
    /// Streams that may not be seen any more.
    pub(super) lost: Vec<StreamKey>,
}

/// One event that was read from the log.
pub(super) struct Replayed {
    pub(super) seq: u64,
    pub(super) frame: Bytes,
    /// As in `Published`.
    pub(super) of_guild: Option<Arc<v1::Event>>,
}

impl Outbox {
    pub(super) fn new(user: UserId) -> Arc<Self> {
        Arc::new(Self { user, inner: Mutex::default(), work: Notify::new() })
    }

    /// Waits until there may be something to do.
    pub(super) async fn work(&self) {
        self.work.notified().await;
    }

    /// Has the actor look for work once more.
    pub(super) fn nudge(&self) {
        self.work.notify_one();
    }

    /// Whether another frame of the client may be read; if not, `work` tells when to ask again.
    pub(super) fn listens(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.deaf = !inner.has_room_for_answers();
        !inner.deaf
    }

    /// What is to be done now. A stream that is behind is named only while there is room for what it would bring; the
    /// streams take turns, the one after `last` first.
    pub(super) fn take_work(&self, last: Option<StreamKey>) -> Work {
        let mut inner = self.inner.lock();
        let mut work = Work { gone: inner.gone, ..Work::default() };
        work.user_moved = std::mem::take(&mut inner.user_moved);
        work.guild_moved = std::mem::take(&mut inner.guild_moved);
        if inner.behind > 0 {
            let in_mode = |mode| inner.watches.iter().filter(move |(_, watch)| watch.mode == mode).map(|(key, _)| *key);
            work.lost = in_mode(Mode::Lost).collect();
            if inner.has_room() {
                work.behind = in_mode(Mode::Behind).min_by_key(|stream| (Some(*stream) <= last, *stream));
            }
        }
        work
    }

    /// What `take_work` gave out could not be done.
    pub(super) fn give_back(&self, work: &Work) {
        let mut inner = self.inner.lock();
        inner.user_moved |= work.user_moved;
        inner.guild_moved |= work.guild_moved;
    }

    /// Has the actor look for work if a stream is behind and there is room.
    pub(super) fn nudge_if_behind(&self) {
        let inner = self.inner.lock();
        if inner.behind > 0 && inner.has_room() {
            self.work.notify_one();
        }
    }

    /// Whether a stream is read from the log.
    pub(super) fn is_behind(&self) -> bool {
        self.inner.lock().behind > 0
    }

    /// From now on nothing but answers and the last frame is sent.
    pub(super) fn mute(&self) {
        self.inner.lock().mute();
    }

    /// Queues a frame that must not be lost: an answer, or a word about the session itself.
    pub(super) fn push(&self, frame: Bytes) {
        self.inner.lock().push(frame);
    }

    /// Queues the last frame: what waits is sent, then the stream ends. Later frames are dropped.
    pub(super) fn finish(&self, frame: Bytes) {
        let mut inner = self.inner.lock();
        inner.push(frame);
        inner.ending = true;
        inner.mute();
        inner.wake();
    }

    /// From now on the stream's events are counted, though not shown: the head is yet to be read.
    pub(super) fn hold(&self, stream: StreamKey, guild: Option<Arc<GuildHandle>>) {
        let mut inner = self.inner.lock();
        if !inner.muted {
            inner.watches.entry(stream).or_insert_with(|| Watch::new(guild));
        }
    }

    /// The stream goes on after `seq`.
    pub(super) fn start(&self, stream: StreamKey, seq: u64) {
        let mut inner = self.inner.lock();
        let Some(watch) = inner.watches.get_mut(&stream) else { return };
        watch.next = seq + 1;
        let caught_up = watch.seen <= seq;
        inner.set_mode(stream, if caught_up { Mode::Live } else { Mode::Behind });
        self.work.notify_one();
    }

    /// The stream goes on after `seq`, and what follows is to be read from the log.
    pub(super) fn start_behind(&self, stream: StreamKey, seq: u64) {
        let mut inner = self.inner.lock();
        let Some(watch) = inner.watches.get_mut(&stream) else { return };
        watch.next = seq + 1;
        inner.set_mode(stream, Mode::Behind);
        self.work.notify_one();
    }

    pub(super) fn remove(&self, stream: StreamKey) {
        let mut inner = self.inner.lock();
        if let Some(watch) = inner.watches.remove(&stream)
            && watch.mode.is_work()
        {
            inner.behind -= 1;
        }
    }

    /// Looks at the rights of every stream again; those that were lost become work.
    pub(super) fn recheck(&self) {
        let mut inner = self.inner.lock();
        inner.recheck_all(self.user);
        if inner.behind > 0 {
            self.work.notify_one();
        }
    }

    pub(super) fn watches(&self, stream: StreamKey) -> bool {
        self.inner.lock().watches.contains_key(&stream)
    }

    pub(super) fn stream_count(&self) -> usize {
        self.inner.lock().watches.len()
    }

    /// The last event of a stream that was heard of, shown or not.
    pub(super) fn head(&self, stream: StreamKey) -> Option<u64> {
        self.inner.lock().watches.get(&stream).map(Watch::head)
    }

    /// Where a stream goes on, if it is read from the log and may be seen.
    pub(super) fn next_behind(&self, stream: StreamKey) -> Option<u64> {
        let mut inner = self.inner.lock();
        let watch = inner.watches.get_mut(&stream).filter(|watch| watch.mode == Mode::Behind)?;
        if watch.may_see(self.user, stream) {
            return Some(watch.next);
        }
        inner.set_mode(stream, Mode::Lost);
        None
    }

    /// Queues events that were read from the log. `at_end`: the log had no more. Returns how many were queued and
    /// whether the stream is live now.
    pub(super) fn replay(&self, stream: StreamKey, events: Vec<Replayed>, at_end: bool) -> (u32, bool) {
        let mut inner = self.inner.lock();
        let Some(watch) = inner.watches.get_mut(&stream).filter(|watch| watch.mode == Mode::Behind) else {
            return (0, false);
        };
        // Read before the rights were looked at: whoever lost them in between is shown nothing of it.
        if !watch.may_see(self.user, stream) {
            inner.set_mode(stream, Mode::Lost);
            self.work.notify_one();
            return (0, false);
        }
        let mut count = 0;
        let mut next = watch.next;
        let mut frames = Vec::with_capacity(events.len());
        for event in events {
            if event.seq >= next {
                frames.push(watch.frame_for(self.user, &event.frame, event.of_guild.as_deref()));
                next = event.seq + 1;
                count += 1;
            }
        }
        frames.into_iter().for_each(|frame| inner.queue_bytes(frame));
        inner.after_replay(stream, next, at_end, self.user);
        let live = inner.watches.get(&stream).is_some_and(|watch| watch.mode == Mode::Live);
        inner.wake();
        (count, live)
    }

    /// From now on presence and typing of these are not shown.
    pub(super) fn hide(&self, hidden: Arc<Hidden>) {
        self.inner.lock().hidden = Some(hidden);
    }

    /// Presence of a guild's members is shown for as long as the user is one of them.
    pub(super) fn watch_presence(&self, guild: GuildId, handle: Arc<GuildHandle>) {
        let mut inner = self.inner.lock();
        if !inner.muted {
            inner.presence_guilds.insert(guild, handle);
        }
    }

    pub(super) fn unwatch_presence(&self, guild: GuildId) {
        self.inner.lock().presence_guilds.remove(&guild);
    }

    /// Queues a presence; it replaces one of the same user that still waits.
    pub(super) fn presence(&self, user: UserId, frame: Bytes) {
        self.inner.lock().presence(user, frame);
    }

    /// The next frame to be sent; `None`: the session is over.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut inner = self.inner.lock();
        if let Some(frame) = inner.pop() {
            let hears_again = inner.deaf && inner.has_room_for_answers();
            if hears_again || (inner.behind > 0 && inner.has_room()) {
                self.work.notify_one();
            }
            return Poll::Ready(Some(frame));
        }
        if inner.ending {
            return Poll::Ready(None);
        }
        inner.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits until the client is gone.
    pub(super) async fn gone(&self) {
        while !self.inner.lock().gone {
            self.work.notified().await;
        }
    }

    /// The client is gone.
    pub(super) fn abandon(&self) {
        let mut inner = self.inner.lock();
        let waker = inner.waker.take();
        *inner = Merge { gone: true, ending: true, muted: true, ..Merge::default() };
        if let Some(waker) = waker {
            waker.wake();
        }
        self.work.notify_one();
    }

    fn typing(&self, stream: StreamKey, guild_seq: u64, typist: UserId, frame: &Bytes) {
        let mut inner = self.inner.lock();
        if typist == self.user || inner.queue.len() >= PASSING_MAX || inner.hides(typist) {
            return;
        }
        let user = self.user;
        if inner.watches.get_mut(&stream).is_some_and(|watch| watch.may_see_passing(user, stream, guild_seq)) {
            inner.push(frame.clone());
        }
    }

    /// Tells of the channels that the user may read, and of no others.
    fn activity(&self, guild: GuildId, channels: &[(ChannelId, u64)], frame: &Bytes) {
        let mut inner = self.inner.lock();
        if inner.queue.len() >= PASSING_MAX || channels.iter().all(|(channel, _)| inner.is_live(*channel)) {
            return;
        }
        let Some(watch) = inner.watches.get(&StreamKey::guild(guild)) else { return };
        let readable = watch.readable_of(self.user, channels);
        match readable.len() {
            0 => {}
            all if all == channels.len() => inner.push(frame.clone()),
            _ => inner.push(activity_frame(guild, &readable)),
        }
    }

    /// Shown only while both are members: of the guild whose members are watched, or of any that the session hears.
    fn heard_presence(&self, user: UserId, guild: Option<GuildId>, frame: &Bytes) {
        let mut inner = self.inner.lock();
        let may_see = match guild {
            Some(guild) => {
                let watched = inner.presence_guilds.get(&guild);
                watched.is_some_and(|guild| guild.is_member(self.user) && guild.is_member(user))
            }
            None => user == self.user || inner.watches.values().any(|watch| watch.is_shared_by(self.user, user)),
        };
        if may_see && !inner.hides(user) {
            inner.presence(user, frame.clone());
        }
    }
}

impl Subscriber for Outbox {
    fn events(&self, events: &[Published]) {
        let mut inner = self.inner.lock();
        let mut work = false;
        for event in events {
            work |= inner.hear(self.user, event);
        }
        inner.wake();
        if work {
            self.work.notify_one();
        }
    }

    fn moved(&self, stream: StreamKey, seq: u64) {
        if self.inner.lock().moved(stream, seq) {
            self.work.notify_one();
        }
    }

    fn deliver(&self, delivery: &Delivery) {
        match delivery {
            Delivery::Typing { stream, guild_seq, user, frame } => self.typing(*stream, *guild_seq, *user, frame),
            Delivery::Presence { user, guild, frame } => self.heard_presence(*user, *guild, frame),
            Delivery::Activity { channels, guild, frame } => self.activity(*guild, channels, frame),
        }
    }
}
