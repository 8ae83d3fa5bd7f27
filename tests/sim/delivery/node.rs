//! A node: the lane that commits, the follower that hands on in order, and the sessions of its clients. All of it is
//! memory, and goes when the node dies.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::Variant;
use super::model::{BUSY, END, Event, Life, Link, Model, NODES};
use crate::queue::{MS, Time};

/// How long what is missing may still come by the bus.
const GAP_WAIT: Time = 100 * MS;
const SWEEP: Time = 2000 * MS;
/// How many of a thousand publications reach a node, its own included.
const REACHES: u64 = 800;
/// How many of a thousand times a node dies just there: between commit and publication, or before it answers.
const DIES: u64 = 15;

/// A command that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Send {
    pub(super) author: usize,
    pub(super) nonce: u64,
    pub(super) link: Link,
}

/// A session of a client that listens.
pub(super) struct Session {
    link: Link,
    /// The last event that went into the connection; `None`: the log was not read yet.
    last: Option<u64>,
    /// The last event that was heard of while the log was read.
    heard: u64,
    reading: bool,
    /// When the last event leaves the connection: they keep their order.
    leaves: Time,
}

/// A node.
#[derive(Default)]
pub(super) struct Node {
    pub(super) alive: bool,
    pub(super) life: u64,
    // The lane: what it believes of the log, what waits, what is being appended.
    head: u64,
    nonces: BTreeMap<(usize, u64), u64>,
    waiting: Vec<Send>,
    appending: Vec<Send>,
    // The follower: the last event that was handed on, and what came too early.
    told: u64,
    early: BTreeSet<u64>,
    gap_wait: bool,
    reading: bool,
    // The sessions, by client.
    sessions: BTreeMap<usize, Session>,
}

impl Model {
    pub(super) fn die(&mut self, node: usize) {
        let old = &mut self.nodes[node];
        if !old.alive {
            return;
        }
        let life = old.life;
        *old = Node { life: life + 1, ..Node::default() };
        self.deaths += 1;
        let down = self.chance.within(100 * MS..2000 * MS);
        self.queue.after(down, Event::Start { node });
        self.let_go(Life { node, life });
    }

    /// It knows nothing; that it read the head is how it knows what "next" means.
    pub(super) fn start(&mut self, node: usize) {
        let head = self.head();
        let fresh = &mut self.nodes[node];
        fresh.alive = true;
        fresh.told = head;
        let at = Life { node, life: fresh.life };
        if self.variant != Variant::WithoutSweep {
            let first = self.chance.within(0..SWEEP);
            self.queue.after(first, Event::Sweep { at });
        }
    }

    /// Whether the node dies on this very step.
    pub(super) fn dies(&mut self, at: Life) -> bool {
        let dies = self.queue.now() < BUSY && self.chance.permille(DIES);
        if dies {
            self.die(at.node);
        }
        dies
    }

    // The lane.

    pub(super) fn arrive(&mut self, at: Life, send: Send) {
        if self.variant == Variant::AcknowledgesFirst {
            self.answer(send, 0);
            self.nodes[at.node].waiting.push(send);
            let later = self.chance.within(20 * MS..100 * MS);
            self.queue.after(later, Event::Written { at });
            return;
        }
        self.nodes[at.node].waiting.push(send);
        self.commit(at);
    }

    /// Appends what waits, unless an append is under way; what stands in the log already is answered.
    pub(super) fn commit(&mut self, at: Life) {
        let lane = &mut self.nodes[at.node];
        if !lane.appending.is_empty() {
            return;
        }
        let mut entries = Vec::new();
        let mut known = Vec::new();
        for send in mem::take(&mut lane.waiting) {
            let key = (send.author, send.nonce);
            match lane.nonces.get(&key) {
                Some(&seq) => known.push((send, seq)),
                None if entries.contains(&key) => {}
                None => {
                    entries.push(key);
                    lane.appending.push(send);
                }
            }
        }
        let expected = lane.head;
        if !entries.is_empty() {
            let delay = self.chance.within(MS / 2..5 * MS);
            self.queue.after(delay, Event::Append { from: at, expected, entries });
        }
        self.met.duplicates += known.len() as u64;
        self.tell(at, known);
    }

    pub(super) fn appended(&mut self, at: Life, head: Option<u64>) {
        let sends = mem::take(&mut self.nodes[at.node].appending);
        match head {
            Some(head) => {
                let first = head - sends.len() as u64 + 1;
                let done: Vec<_> = sends.into_iter().zip(first..).collect();
                let lane = &mut self.nodes[at.node];
                lane.head = head;
                lane.nonces.extend(done.iter().map(|(send, seq)| ((send.author, send.nonce), *seq)));
                if self.dies(at) {
                    self.met.died_committed += 1;
                    return;
                }
                self.tell(at, done);
            }
            None => {
                self.met.heads_moved += 1;
                self.catch_up(at);
                let lane = &mut self.nodes[at.node];
                let later = mem::replace(&mut lane.waiting, sends);
                lane.waiting.extend(later);
            }
        }
        self.commit(at);
    }

    /// Somebody else wrote: the tail is what the log says.
    fn catch_up(&mut self, at: Life) {
        let lane = &mut self.nodes[at.node];
        lane.head = self.log.len() as u64;
        for (key, seq) in self.log.iter().zip(1..) {
            lane.nonces.entry(*key).or_insert(seq);
        }
    }

    /// Publishes and answers; a retry publishes again, because nobody knows whether the first time was heard.
    fn tell(&mut self, at: Life, done: Vec<(Send, u64)>) {
        if done.is_empty() {
            return;
        }
        let seqs = done.iter().map(|(_, seq)| *seq).collect();
        let delay = self.chance.within(0..MS);
        self.queue.after(delay, Event::Publish { at, seqs });
        for (send, seq) in done {
            let later = delay + self.chance.within(1..MS);
            self.queue.after(later, Event::Answer { at, send, seq });
        }
    }

    pub(super) fn publish(&mut self, at: Life, seqs: &[u64]) {
        for node in 0..NODES {
            let to = Life { node, life: self.nodes[node].life };
            if self.chance.permille(REACHES) {
                let delay = self.chance.within(MS..80 * MS);
                for &seq in seqs {
                    self.queue.after(delay, Event::Heard { at: to, seq });
                }
            }
        }
        if self.dies(at) {
            self.met.died_published += 1;
        }
    }

    pub(super) fn answer(&mut self, send: Send, seq: u64) {
        let delay = self.chance.within(MS..10 * MS);
        let Send { author, nonce, link } = send;
        self.queue.after(delay, Event::Acknowledged { sender: author, link, nonce, seq });
    }

    // The follower.

    pub(super) fn heard(&mut self, at: Life, seq: u64) {
        let node = &mut self.nodes[at.node];
        if seq <= node.told {
            return;
        }
        node.early.insert(seq);
        self.hand_on(at);
        let node = &mut self.nodes[at.node];
        if !node.early.is_empty() && !node.gap_wait {
            node.gap_wait = true;
            self.queue.after(GAP_WAIT, Event::GapWaited { at });
        }
    }

    /// What is next goes to the sessions.
    fn hand_on(&mut self, at: Life) {
        loop {
            let node = &mut self.nodes[at.node];
            let next = node.told + 1;
            node.early.retain(|seq| *seq >= next);
            if !node.early.remove(&next) {
                return;
            }
            node.told = next;
            self.tell_sessions(at, next);
        }
    }

    pub(super) fn gap_waited(&mut self, at: Life) {
        let node = &mut self.nodes[at.node];
        node.gap_wait = false;
        if !node.early.is_empty() {
            self.met.gaps_read += 1;
            self.read_log(at);
        }
    }

    fn read_log(&mut self, at: Life) {
        let node = &mut self.nodes[at.node];
        if !mem::replace(&mut node.reading, true) {
            let delay = self.chance.within(MS / 2..5 * MS);
            self.queue.after(delay, Event::ReadLog { from: at });
        }
    }

    pub(super) fn log_read(&mut self, at: Life, head: u64) {
        let node = &mut self.nodes[at.node];
        node.reading = false;
        node.early.extend(node.told + 1..=head);
        self.hand_on(at);
    }

    pub(super) fn sweep(&mut self, at: Life) {
        if self.queue.now() < END {
            self.queue.after(SWEEP, Event::Sweep { at });
            let delay = self.chance.within(MS / 2..5 * MS);
            self.queue.after(delay, Event::ReadHead { from: at });
        }
    }

    pub(super) fn swept(&mut self, at: Life, head: u64) {
        if head > self.nodes[at.node].told {
            self.met.sweeps_that_found += 1;
            self.read_log(at);
        }
    }

    // The sessions.

    /// First it listens, then it reads what its client lacks.
    pub(super) fn attached(&mut self, subscriber: usize, link: Link) {
        let leaves = self.queue.now();
        let session = Session { link, last: None, heard: 0, reading: true, leaves };
        self.nodes[link.at.node].sessions.insert(subscriber, session);
        self.read_for(subscriber, link);
    }

    fn read_for(&mut self, subscriber: usize, link: Link) {
        let delay = self.chance.within(MS / 2..5 * MS);
        self.queue.after(delay, Event::ReadForSession { subscriber, link });
    }

    pub(super) fn session_read(&mut self, subscriber: usize, link: Link, head: u64) {
        let cursor = self.subscribers[subscriber].last;
        let Some(session) = self.nodes[link.at.node].sessions.get_mut(&subscriber) else { return };
        if session.link != link {
            return;
        }
        let last = session.last.unwrap_or(cursor);
        let behind = session.heard > head;
        session.last = Some(head.max(last));
        session.reading = behind;
        for seq in last + 1..=head {
            self.deliver(subscriber, link.at, seq);
        }
        if behind {
            self.read_for(subscriber, link);
        }
    }

    fn tell_sessions(&mut self, at: Life, seq: u64) {
        let clients: Vec<usize> = self.nodes[at.node].sessions.keys().copied().collect();
        for subscriber in clients {
            let Some(session) = self.nodes[at.node].sessions.get_mut(&subscriber) else { continue };
            match session.last {
                Some(last) if !session.reading && seq == last + 1 => {
                    session.last = Some(seq);
                    self.deliver(subscriber, at, seq);
                }
                Some(last) if seq <= last => {}
                _ => {
                    session.heard = session.heard.max(seq);
                    if !mem::replace(&mut session.reading, true) {
                        let link = session.link;
                        self.read_for(subscriber, link);
                    }
                }
            }
        }
    }

    /// Into the connection, which keeps the order.
    fn deliver(&mut self, subscriber: usize, at: Life, seq: u64) {
        let delay = self.chance.within(MS..20 * MS);
        let soonest = self.queue.now() + delay;
        if let Some(session) = self.nodes[at.node].sessions.get_mut(&subscriber) {
            session.leaves = session.leaves.max(soonest);
            let (leaves, link) = (session.leaves, session.link);
            self.queue.at(leaves, Event::Told { subscriber, link, seq });
        }
    }
}
