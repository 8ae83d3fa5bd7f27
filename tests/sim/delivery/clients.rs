//! The clients: those that listen, with the last event that they know, and those that send until they are answered.

use std::collections::BTreeMap;

use super::Anomaly;
use super::model::{Event, Life, Link, Model, NODES};
use super::node::Send;
use crate::queue::MS;

/// How long a client waits for an answer before it sends the same again.
const RETRY: u64 = 2500 * MS;

/// A client that listens.
#[derive(Default)]
pub(super) struct Subscriber {
    pub(super) link: Option<Link>,
    /// The last event that it knows: its cursor.
    pub(super) last: u64,
}

/// A client that sends.
pub(super) struct Sender {
    pub(super) link: Option<Link>,
    /// What was said, by nonce, and what it was acknowledged as.
    pub(super) sends: BTreeMap<u64, Option<u64>>,
}

impl Model {
    /// A new connection to any node that lives.
    fn link(&mut self) -> Option<Link> {
        let alive: Vec<usize> = (0..NODES).filter(|&node| self.nodes[node].alive).collect();
        if alive.is_empty() {
            return None;
        }
        let node = alive[self.chance.index(alive.len())];
        self.links += 1;
        Some(Link { at: Life { node, life: self.nodes[node].life }, number: self.links })
    }

    /// Those who were connected to a node that died come back.
    pub(super) fn let_go(&mut self, at: Life) {
        let here = |link: Option<Link>| link.is_some_and(|link| link.at == at);
        for subscriber in 0..self.subscribers.len() {
            if here(self.subscribers[subscriber].link) {
                self.subscribers[subscriber].link = None;
                self.come_back(Event::Listen { subscriber });
            }
        }
        for sender in 0..self.senders.len() {
            if here(self.senders[sender].link) {
                self.senders[sender].link = None;
                self.come_back(Event::Connect { sender });
            }
        }
    }

    fn come_back(&mut self, event: Event) {
        let delay = self.chance.within(50 * MS..1000 * MS);
        self.queue.after(delay, event);
    }

    pub(super) fn listen(&mut self, subscriber: usize) {
        let Some(link) = self.link() else { return self.come_back(Event::Listen { subscriber }) };
        self.subscribers[subscriber].link = Some(link);
        let delay = self.chance.within(MS..10 * MS);
        self.queue.after(delay, Event::Attached { subscriber, link });
    }

    pub(super) fn told(&mut self, subscriber: usize, link: Link, seq: u64) {
        let client = &mut self.subscribers[subscriber];
        if client.link != Some(link) {
            return;
        }
        if seq != client.last + 1 {
            self.disorder.push(Anomaly::Order { subscriber, last: client.last, told: seq });
        }
        client.last = client.last.max(seq);
    }

    pub(super) fn connect(&mut self, sender: usize) {
        match self.link() {
            Some(link) => self.senders[sender].link = Some(link),
            None => self.come_back(Event::Connect { sender }),
        }
    }

    pub(super) fn say(&mut self, sender: usize, nonce: u64) {
        self.senders[sender].sends.insert(nonce, None);
        self.send(sender, nonce);
    }

    pub(super) fn retry(&mut self, sender: usize, nonce: u64) {
        if self.senders[sender].sends.get(&nonce) == Some(&None) {
            self.send(sender, nonce);
        }
    }

    fn send(&mut self, sender: usize, nonce: u64) {
        if let Some(link) = self.senders[sender].link {
            let delay = self.chance.within(MS..10 * MS);
            self.queue.after(delay, Event::Arrive { at: link.at, send: Send { author: sender, nonce, link } });
        }
        self.queue.after(RETRY, Event::Retry { sender, nonce });
    }

    pub(super) fn acknowledged(&mut self, sender: usize, link: Link, nonce: u64, seq: u64) {
        let client = &mut self.senders[sender];
        if client.link == Some(link)
            && let Some(acknowledged @ None) = client.sends.get_mut(&nonce)
        {
            *acknowledged = Some(seq);
        }
    }
}
