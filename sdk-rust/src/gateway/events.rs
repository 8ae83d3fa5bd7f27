//! The events of a gateway on their way from the actor to the program, and the cursors that follow behind.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Stream, StreamExt};
use guildhall_proto::ids::StreamKey;
use tokio::sync::mpsc;

use crate::cursor::{Cursor, CursorStore};
use crate::event::Event;
use crate::gateway::Gateway;

/// The events of a gateway: a [`Stream`] that ends only when the gateway has ended for good.
///
/// Up to 1,024 events (see [`events_max`](crate::GatewayBuilder::events_max)) wait here for a slow program. Then the
/// gateway stops reading; the server reads on from its log at the program's pace, so nothing is lost. Typing and
/// presence are dropped instead. What is sent meanwhile goes out beside the gateway. A program that wants no events drops
/// this.
///
/// Asking for the next event says that the one before was handled: only then is its cursor saved.
pub struct Events {
    queue: mpsc::Receiver<Event>,
    gateway: Gateway,
    store: Arc<dyn CursorStore>,
    in_work: Handled,
    ended: bool,
}

/// What is to be noted once an event was handled.
#[derive(Debug, Default)]
struct Handled {
    save: Option<Cursor>,
    remove: Option<StreamKey>,
}

impl Events {
    pub(crate) fn new(queue: mpsc::Receiver<Event>, gateway: Gateway, store: Arc<dyn CursorStore>) -> Self {
        Self { queue, gateway, store, in_work: Handled::default(), ended: false }
    }

    /// The next event; `None` when the gateway has ended for good, and [`Gateway::state`] says why. May be dropped
    /// while it waits without losing an event.
    pub async fn next(&mut self) -> Option<Event> {
        StreamExt::next(self).await
    }

    /// The gateway, to act on what happened.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Says that the last event was handled, without asking for the next one.
    pub fn ack(&mut self) {
        let handled = std::mem::take(&mut self.in_work);
        if let Some(cursor) = handled.save {
            self.store.save(&cursor);
        }
        if let Some(stream) = handled.remove {
            self.store.remove(stream);
        }
    }

    fn flush(&self) {
        if let Err(error) = self.store.flush() {
            tracing::warn!(%error, "cursors not written");
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.ack();
        let event = ready!(self.queue.poll_recv(cx));
        match &event {
            Some(event) => self.in_work = Handled::by(event),
            None if !self.ended => {
                self.ended = true;
                self.flush();
            }
            None => {}
        }
        Poll::Ready(event)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if !self.ended {
            self.flush();
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("waiting", &self.queue.len()).finish_non_exhaustive()
    }
}

impl Handled {
    fn by(event: &Event) -> Self {
        let remove = match event {
            Event::Gap(gap) if gap.cursor.is_none() => Some(gap.stream),
            Event::ChannelDeleted(deleted) => Some(StreamKey::channel(deleted.channel_id)),
            Event::GuildLeft(left) => Some(StreamKey::guild(left.guild_id)),
            _ => None,
        };
        let save = event.cursor();
        Self { save, remove }
    }
}

/// The actor's end of the queue.
#[derive(Debug)]
pub(crate) struct Feed {
    queue: mpsc::Sender<Event>,
    /// Durable events that found the queue full. While there are any the actor does not read, so they are few: the
    /// events of one frame, or of one page of the log.
    backlog: VecDeque<Event>,
    /// Whether the queue was full and is not half empty since: to read one event for each that is taken would be to
    /// stop and go all the time.
    blocked: bool,
}

impl Feed {
    pub(crate) fn new(queue: mpsc::Sender<Event>) -> Self {
        Self { queue, backlog: VecDeque::new(), blocked: false }
    }

    /// Adds an event that must not be lost.
    pub(crate) fn push(&mut self, event: Event) {
        if !self.backlog.is_empty() {
            self.backlog.push_back(event);
            return;
        }
        match self.queue.try_send(event) {
            Err(mpsc::error::TrySendError::Full(event)) => {
                self.backlog.push_back(event);
                self.blocked = true;
            }
            // Nobody listens any more.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// Adds an event that is dropped when there is no room.
    pub(crate) fn offer(&mut self, event: Event) {
        if !self.blocked {
            // Full or closed: it is not worth waiting for.
            let _ = self.queue.try_send(event);
        }
    }

    /// Whether the program is behind so far that the actor is not to read.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Hands over an event of the backlog as soon as there is room; or, when there is none left, waits until the program
    /// has caught up. May be dropped while it waits.
    pub(crate) async fn drain(&mut self) {
        let half = (self.queue.max_capacity() / 2).max(1);
        let wanted = if self.backlog.is_empty() { half } else { 1 };
        let Ok(mut room) = self.queue.reserve_many(wanted).await else {
            self.backlog.clear();
            self.blocked = false;
            return;
        };
        match self.backlog.pop_front() {
            Some(event) => {
                if let Some(room) = room.next() {
                    room.send(event);
                }
            }
            None => self.blocked = false,
        }
    }
}
