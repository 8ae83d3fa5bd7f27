//! Those who listen to one topic, and the pace at which they are told.
//!
//! Telling a thousand sessions of one event costs a thousand wake-ups, whatever it is; a second event in the same wake-up
//! costs next to nothing. So the events of a busy topic are gathered for a millisecond. A quiet topic is told at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::hub::{Published, Subscriber, SubscriberId};
use crate::metrics::METRICS;

/// How long the events of a busy topic are gathered: as short as the runtime's timer allows.
pub(super) const LINGER: Duration = Duration::from_millis(1);
/// With this many events a wake-up is well used, and waiting for more gains little.
const ENOUGH: usize = 8;
/// A topic with this many events within `WINDOW` is busy.
const BUSY_EVENTS: usize = 10;
const WINDOW: Duration = Duration::from_millis(100);

#[derive(Default)]
pub(super) struct Audience {
    pub(super) subscribers: HashMap<SubscriberId, Arc<dyn Subscriber>>,
    pace: Mutex<Pace>,
}

#[derive(Default)]
struct Pace {
    window: Option<Instant>,
    events: usize,
    busy: bool,
    gathered: Vec<Published>,
}

impl Pace {
    /// Counts events; whether the topic is busy.
    fn count(&mut self, events: usize) -> bool {
        let now = Instant::now();
        if self.window.is_none_or(|begun| now >= begun + WINDOW) {
            self.busy = self.events >= BUSY_EVENTS && self.window.is_some_and(|begun| now < begun + 2 * WINDOW);
            (self.window, self.events) = (Some(now), 0);
        }
        self.events += events;
        self.busy || self.events >= BUSY_EVENTS
    }
}

impl Audience {
    /// Tells events, which follow those of the call before; `patient`: they may be gathered. Returns whether `flush` must
    /// be called after `LINGER`.
    pub(super) fn tell(&self, events: Vec<Published>, patient: bool) -> bool {
        // Held while telling, so that what was gathered before is told before.
        let mut pace = self.pace.lock();
        let busy = patient && pace.count(events.len());
        if !busy && pace.gathered.is_empty() {
            self.tell_now(&events);
            return false;
        }
        let first = pace.gathered.is_empty();
        pace.gathered.extend(events);
        if pace.gathered.len() >= ENOUGH {
            self.tell_now(&std::mem::take(&mut pace.gathered));
            return false;
        }
        first
    }

    /// Tells what was gathered.
    pub(super) fn flush(&self) {
        let mut pace = self.pace.lock();
        let gathered = std::mem::take(&mut pace.gathered);
        self.tell_now(&gathered);
    }

    fn tell_now(&self, events: &[Published]) {
        METRICS.deliveries.inc_by((self.subscribers.len() * events.len()) as u64);
        self.subscribers.values().for_each(|subscriber| subscriber.events(events));
    }
}
