//! A program that is behind: nothing is read then, so that the server keeps the rest, and sends go out beside the session.

use std::time::Duration;

use tokio::time::Instant;

use super::session::{Pending, Session};

/// How long the program may be behind before sends go out as calls of their own: their answers lie behind the events
/// that it does not take, and it may be waiting for just these answers.
pub(super) const DIRECT_AFTER: Duration = Duration::from_millis(250);
/// How soon after it caught up a program that is behind again does not wait that long again.
const DIRECT_AGAIN: Duration = Duration::from_secs(5);

impl Session<'_> {
    /// Whether nothing is read because the program is behind. An answer that it waits for is read all the same, and
    /// with it the few events before it.
    pub(super) fn is_blocked(&self) -> bool {
        self.core.feed.is_blocked() && !self.is_asked() && self.leaving.is_none()
    }

    fn is_asked(&self) -> bool {
        let mut pending = self.pending.values();
        let asked = pending.any(|pending| matches!(pending, Pending::Asked(_) | Pending::Presence(Some(_))));
        asked || !self.core.updates.is_empty()
    }

    pub(super) fn watch_blocking(&mut self) {
        let now = Instant::now();
        match (self.is_blocked(), self.blocked_since) {
            (true, None) => self.blocked_since = Some(self.blocked_from(now)),
            (false, Some(_)) => {
                self.blocked_since = None;
                self.unblocked_at = Some(now);
                self.last_frame = now;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// A program that is behind again right after it caught up was behind all the time.
    fn blocked_from(&self, now: Instant) -> Instant {
        let again = self.unblocked_at.is_some_and(|at| at.elapsed() < DIRECT_AGAIN);
        let earlier = now.checked_sub(DIRECT_AFTER).filter(|_| again);
        earlier.unwrap_or(now)
    }

    /// Whether sends go out as calls of their own.
    pub(super) fn goes_direct(&self) -> bool {
        let blocked = self.blocked_since;
        let long = blocked.is_some_and(|since| since.elapsed() >= DIRECT_AFTER);
        long && self.leaving.is_none()
    }
}
