//! What goes out: sends of the queue, heartbeats, and sends beside the session while that is not being read.

use std::sync::Arc;

use guildhall_proto::ids::ChannelId;
use guildhall_proto::v1::{self, client_frame};
use tokio::time::Instant;

use super::pace::DIRECT_AFTER;
use super::session::{Session, Stage};
use crate::cursor::Cursor;
use crate::event::Event;
use crate::gateway::queue::SendQueue;

/// Frames that may wait for the connection before no more sends are taken out of their queue.
const FRAMES_MAX: usize = 16;
/// Cursors of one heartbeat, and of one Resume: the contract's limit.
pub(super) const CURSORS_MAX: usize = 500;
/// Such calls at a time.
const DIRECTS_MAX: usize = 16;

impl Session<'_> {
    pub(super) fn has_room(&self) -> bool {
        self.frames.len() < FRAMES_MAX
    }

    /// Whether the session takes sends: it is identified, and what was missed has been sent to it.
    fn takes_sends(&self) -> bool {
        matches!(self.stage, Stage::Subscribing | Stage::Live) && self.leaving.is_none()
    }

    /// When the sends want to be looked at.
    pub(super) fn send_alarm(&self) -> Option<Instant> {
        let due = if self.may_send() {
            self.core.shared.look(SendQueue::next_due)
        } else {
            // The answer that makes room is what wakes the loop.
            None
        };
        let direct = self.blocked_since.filter(|_| !self.goes_direct());
        let direct = direct.map(|since| since + DIRECT_AFTER);
        [due, direct].into_iter().flatten().min()
    }

    fn may_send(&self) -> bool {
        if self.goes_direct() {
            return self.core.shared.look(SendQueue::direct) < DIRECTS_MAX;
        }
        if !self.takes_sends() {
            return false;
        }
        let in_flight = self.core.shared.look(SendQueue::in_flight);
        self.has_room() && in_flight < self.in_flight_max()
    }

    fn in_flight_max(&self) -> usize {
        let told = usize::try_from(self.link.hello.max_sends_in_flight);
        told.unwrap_or(usize::MAX).max(1)
    }

    /// Sends whatever may go out now.
    pub(super) fn send_what_is_due(&mut self) {
        let shared = Arc::clone(&self.core.shared);
        while self.core.directs.try_join_next().is_some() {}
        for report in shared.take(SendQueue::take_reports) {
            self.core.feed.push(Event::SendSettled(report));
        }
        if self.goes_direct() {
            if self.stage == Stage::Resuming {
                // What was missed waits for the program, which may be waiting for just this state.
                self.core.show_ready();
            }
            self.send_directly();
        } else {
            self.send_by_session();
        }
        self.say_close(shared.look(SendQueue::in_flight));
    }

    fn send_by_session(&mut self) {
        let now = Instant::now();
        while self.may_send() {
            let request_id = self.last_id + 1;
            let taken = self.core.shared.take(|queue| queue.take_next(now, request_id));
            let Some(request) = taken else { return };
            self.last_id = request_id;
            self.frames
                .push_back(v1::ClientFrame { request_id, command: Some(client_frame::Command::SendMessage(request)) });
        }
    }

    fn send_directly(&mut self) {
        let now = Instant::now();
        let requests = self.core.shared.take(|queue| {
            let room = DIRECTS_MAX.saturating_sub(queue.direct());
            queue.take_direct(now, room)
        });
        for request in requests {
            let client = self.core.client.clone();
            let shared = Arc::clone(&self.core.shared);
            self.core.directs.spawn(async move {
                let key = (ChannelId(request.channel_id), request.nonce.clone());
                let outcome = Box::pin(client.call(request).raw()).await;
                shared.answer_direct(&key, outcome);
            });
        }
    }

    /// Says that we are alive and how far we have come. If there are more streams than one frame holds, another part of
    /// them each time.
    pub(super) fn beat(&mut self) {
        let known = self.core.positions.all().filter(|cursor| cursor.epoch != 0);
        let mut cursors = known.collect::<Vec<Cursor>>();
        cursors.sort_unstable_by_key(|cursor| cursor.stream);
        let parts = cursors.len().div_ceil(CURSORS_MAX).max(1);
        let part = cursors.into_iter().skip(self.beats % parts * CURSORS_MAX);
        let cursors = part.take(CURSORS_MAX).map(Into::into).collect();
        self.beats += 1;
        // Ahead of everything: a connection that is slow to take frames is not to look dead.
        self.frames.push_front(v1::ClientFrame {
            request_id: 0,
            command: Some(client_frame::Command::Heartbeat(v1::Heartbeat { cursors })),
        });
    }
}
