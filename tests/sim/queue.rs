//! What happens next: events by their time, and those of one time in the order in which they were made.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Microseconds since the beginning.
pub(crate) type Time = u64;

/// A millisecond.
pub(crate) const MS: Time = 1000;

/// A queue of events to come.
pub(crate) struct Queue<E> {
    now: Time,
    made: u64,
    order: BinaryHeap<Reverse<(Time, u64)>>,
    events: BTreeMap<u64, E>,
}

impl<E> Queue<E> {
    /// An empty one, at the beginning of time.
    pub(crate) fn new() -> Self {
        Self { now: 0, made: 0, order: BinaryHeap::new(), events: BTreeMap::new() }
    }

    /// The time of the event that was taken last.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// This will happen so much later.
    pub(crate) fn after(&mut self, delay: Time, event: E) {
        self.at(self.now + delay, event);
    }

    /// This will happen then.
    pub(crate) fn at(&mut self, time: Time, event: E) {
        self.made += 1;
        self.order.push(Reverse((time, self.made)));
        self.events.insert(self.made, event);
    }

    /// Goes on to the next event.
    pub(crate) fn next(&mut self) -> Option<E> {
        let Reverse((time, number)) = self.order.pop()?;
        self.now = time;
        self.events.remove(&number)
    }
}
