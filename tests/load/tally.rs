//! What many receivers have heard, counted together: messages under way, deliveries, latencies. Receivers count, they do
//! not decode: a receiver's n-th event is the n-th message that was sent.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use tokio::sync::Notify;

/// How long anything may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The count of one audience.
pub(crate) struct Tally {
    /// Events that each receiver has heard.
    heard: RefCell<Vec<u64>>,
    /// Receivers that are not waited for: the first ones of all.
    excused: Cell<usize>,
    attached: Cell<usize>,
    delivered: Cell<u64>,
    sent: Cell<u64>,
    completed: Cell<u64>,
    /// Messages that not everybody has heard.
    under_way: RefCell<VecDeque<Message>>,
    latencies: RefCell<Option<Histogram<u64>>>,
    /// Sends the next message whenever one has been heard by everybody.
    next: RefCell<Option<Rc<dyn Fn()>>>,
    changed: Notify,
    failure: RefCell<Option<anyhow::Error>>,
}

struct Message {
    sent: Instant,
    heard: usize,
}

impl Tally {
    /// Nobody listens yet.
    pub(crate) fn new(receivers: usize) -> Rc<Self> {
        Rc::new(Self {
            heard: RefCell::new(vec![0; receivers]),
            excused: Cell::default(),
            attached: Cell::default(),
            delivered: Cell::default(),
            sent: Cell::default(),
            completed: Cell::default(),
            under_way: RefCell::default(),
            latencies: RefCell::default(),
            next: RefCell::default(),
            changed: Notify::new(),
            failure: RefCell::default(),
        })
    }

    /// A receiver hears from now on.
    pub(crate) fn attach(&self) {
        self.attached.set(self.attached.get() + 1);
        self.changed.notify_one();
    }

    /// A message was sent.
    pub(crate) fn send(&self) {
        self.sent.set(self.sent.get() + 1);
        self.under_way.borrow_mut().push_back(Message { sent: Instant::now(), heard: 0 });
    }

    /// A receiver heard an event.
    pub(crate) fn hear(&self, receiver: usize) {
        self.delivered.set(self.delivered.get() + 1);
        let number = {
            let mut heard = self.heard.borrow_mut();
            heard[receiver] += 1;
            heard[receiver] - 1
        };
        if receiver < self.excused.get() {
            return;
        }
        let completed = self.completed.get();
        let mut under_way = self.under_way.borrow_mut();
        let Some(message) = number.checked_sub(completed).and_then(|place| under_way.get_mut(place as usize)) else {
            drop(under_way);
            return self.fail(anyhow::anyhow!("a receiver heard more than was sent"));
        };
        message.heard += 1;
        if let Some(latencies) = &mut *self.latencies.borrow_mut() {
            let micros = u64::try_from(message.sent.elapsed().as_micros()).unwrap_or(u64::MAX);
            latencies.saturating_record(micros);
        }
        let all = self.heard.borrow().len() - self.excused.get();
        let mut done = 0;
        while under_way.front().is_some_and(|message| message.heard >= all) {
            under_way.pop_front();
            done += 1;
        }
        drop(under_way);
        self.complete(done);
    }

    fn complete(&self, messages: u64) {
        if messages == 0 {
            return;
        }
        self.completed.set(self.completed.get() + messages);
        self.changed.notify_one();
        let next = self.next.borrow().clone();
        for _ in 0..messages {
            next.iter().for_each(|next| next());
        }
    }

    /// Nothing can be measured any more.
    pub(crate) fn fail(&self, error: anyhow::Error) {
        self.failure.borrow_mut().get_or_insert(error);
        self.changed.notify_one();
    }

    /// What is to be done whenever a message has been heard by everybody.
    pub(crate) fn on_complete(&self, next: Option<Rc<dyn Fn()>>) {
        *self.next.borrow_mut() = next;
    }

    /// The first receivers are not waited for, nor are their latencies taken.
    pub(crate) fn excuse(&self, receivers: usize) {
        self.excused.set(receivers);
    }

    /// From now on latencies are taken; returns those that were.
    pub(crate) fn latencies(&self) -> Result<Option<Histogram<u64>>> {
        Ok(self.latencies.replace(Some(Histogram::new_with_bounds(1, 60_000_000, 3)?)))
    }

    /// Events that were heard, by all together.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// Waits until that many receivers hear.
    pub(crate) async fn attached(&self, receivers: usize) -> Result<()> {
        self.wait("receivers to attach", || self.attached.get() >= receivers).await
    }

    /// Waits until everything that was sent has been heard by everybody who is not excused.
    pub(crate) async fn heard_all(&self) -> Result<()> {
        self.wait("messages to arrive", || self.completed.get() == self.sent.get()).await
    }

    /// The same, excused receivers included.
    pub(crate) async fn heard_by_all(&self) -> Result<()> {
        let all = || self.heard.borrow().iter().all(|heard| *heard == self.sent.get());
        self.wait("stalled receivers to catch up", all).await
    }

    async fn wait(&self, what: &str, done: impl Fn() -> bool) -> Result<()> {
        const LOOK: Duration = Duration::from_millis(20);
        let begun = Instant::now();
        while !done() {
            self.check()?;
            if begun.elapsed() > PATIENCE {
                let (attached, sent, completed) = (self.attached.get(), self.sent.get(), self.completed.get());
                bail!("waited too long for {what} ({attached} attached, {sent} sent, {completed} heard by all)");
            }
            // The notification may be another's: look again before long.
            let _ = tokio::time::timeout(LOOK, self.changed.notified()).await;
        }
        self.check()
    }

    /// Whether something went wrong meanwhile.
    pub(crate) fn check(&self) -> Result<()> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_complete_when_all_have_heard_it() {
        let tally = Tally::new(3);
        let completed = Rc::new(Cell::new(0));
        let count = Rc::clone(&completed);
        tally.on_complete(Some(Rc::new(move || count.set(count.get() + 1))));
        tally.send();
        tally.send();
        [0, 0, 1, 1, 2].into_iter().for_each(|receiver| tally.hear(receiver));
        assert_eq!((completed.get(), tally.delivered()), (1, 5));
        tally.hear(2);
        assert_eq!(completed.get(), 2);
        assert!(tally.check().is_ok());
        tally.hear(2);
        assert!(tally.check().is_err());
    }

    #[test]
    fn excused_receivers_are_not_waited_for() {
        let tally = Tally::new(2);
        tally.excuse(1);
        tally.send();
        tally.hear(1);
        assert_eq!(tally.completed.get(), 1);
        tally.hear(0);
        assert!(tally.check().is_ok());
    }
}
