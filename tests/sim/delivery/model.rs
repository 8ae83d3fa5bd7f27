//! The world: the log, the nodes, the clients, and which of them an event is for. What they do is in `node` and `clients`.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::clients::{Sender, Subscriber};
use super::node::{Node, Send};
use super::{Anomaly, Variant};
use crate::chance::Chance;
use crate::queue::{MS, Queue, Time};

pub(super) const NODES: usize = 3;
const SUBSCRIBERS: usize = 4;
const SENDERS: usize = 3;
const SENDS: u64 = 20;
/// In which clients send and nodes die.
pub(super) const BUSY: Time = 20_000 * MS;
/// After which nothing that repeats itself is begun anew, so that the queue runs empty.
pub(super) const END: Time = 60_000 * MS;
/// The mean time between two deaths that no step of the protocol is to blame for.
const DEATH_EVERY: Time = 5000 * MS;

/// A node in one of its lives: whatever was meant for an earlier one finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) node: usize,
    pub(super) life: u64,
}

/// A client's connection to a node: the next one of the same client is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) at: Life,
    pub(super) number: u64,
}

/// Something that happens.
#[derive(Debug)]
pub(super) enum Event {
    // To clients.
    Listen {
        subscriber: usize,
    },
    Told {
        subscriber: usize,
        link: Link,
        seq: u64,
    },
    Connect {
        sender: usize,
    },
    Say {
        sender: usize,
        nonce: u64,
    },
    Retry {
        sender: usize,
        nonce: u64,
    },
    Acknowledged {
        sender: usize,
        link: Link,
        nonce: u64,
        seq: u64,
    },
    // To nodes.
    Arrive {
        at: Life,
        send: Send,
    },
    Appended {
        at: Life,
        head: Option<u64>,
    },
    Publish {
        at: Life,
        seqs: Vec<u64>,
    },
    Answer {
        at: Life,
        send: Send,
        seq: u64,
    },
    /// A server that acknowledges first writes later.
    Written {
        at: Life,
    },
    Heard {
        at: Life,
        seq: u64,
    },
    GapWaited {
        at: Life,
    },
    LogRead {
        at: Life,
        head: u64,
    },
    Attached {
        subscriber: usize,
        link: Link,
    },
    SessionRead {
        subscriber: usize,
        link: Link,
        head: u64,
    },
    Sweep {
        at: Life,
    },
    Swept {
        at: Life,
        head: u64,
    },
    Die {
        node: usize,
    },
    Start {
        node: usize,
    },
    // To the log: it does not matter whether the one who asked still lives.
    Append {
        from: Life,
        expected: u64,
        entries: Vec<(usize, u64)>,
    },
    ReadLog {
        from: Life,
    },
    ReadHead {
        from: Life,
    },
    ReadForSession {
        subscriber: usize,
        link: Link,
    },
}

/// How often what the model is about was met.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    pub(super) heads_moved: u64,
    pub(super) duplicates: u64,
    pub(super) gaps_read: u64,
    pub(super) sweeps_that_found: u64,
    pub(super) died_committed: u64,
    pub(super) died_published: u64,
}

impl AddAssign for Met {
    fn add_assign(&mut self, other: Self) {
        self.heads_moved += other.heads_moved;
        self.duplicates += other.duplicates;
        self.gaps_read += other.gaps_read;
        self.sweeps_that_found += other.sweeps_that_found;
        self.died_committed += other.died_committed;
        self.died_published += other.died_published;
    }
}

/// One run.
pub(super) struct Model {
    pub(super) variant: Variant,
    pub(super) chance: Chance,
    pub(super) queue: Queue<Event>,
    /// What survives everything: (author, nonce) by seq - 1.
    pub(super) log: Vec<(usize, u64)>,
    pub(super) nodes: Vec<Node>,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) senders: Vec<Sender>,
    pub(super) disorder: Vec<Anomaly>,
    pub(super) deaths: u64,
    pub(super) steps: u64,
    pub(super) met: Met,
    pub(super) links: u64,
}

impl Model {
    pub(super) fn new(variant: Variant, seed: u64) -> Self {
        let mut model = Self {
            variant,
            chance: Chance::new(seed),
            queue: Queue::new(),
            log: Vec::new(),
            nodes: (0..NODES).map(|_| Node::default()).collect(),
            subscribers: (0..SUBSCRIBERS).map(|_| Subscriber::default()).collect(),
            senders: (0..SENDERS).map(|_| Sender { link: None, sends: BTreeMap::new() }).collect(),
            disorder: Vec::new(),
            deaths: 0,
            steps: 0,
            met: Met::default(),
            links: 0,
        };
        model.begin();
        model
    }

    fn begin(&mut self) {
        for node in 0..NODES {
            self.queue.at(0, Event::Start { node });
        }
        for subscriber in 0..SUBSCRIBERS {
            let time = self.chance.within(MS..1000 * MS);
            self.queue.at(time, Event::Listen { subscriber });
        }
        for sender in 0..SENDERS {
            let time = self.chance.within(MS..50 * MS);
            self.queue.at(time, Event::Connect { sender });
            for nonce in 0..SENDS {
                let time = self.chance.within(50 * MS..BUSY);
                self.queue.at(time, Event::Say { sender, nonce });
            }
        }
        let mut time = self.chance.within(0..2 * DEATH_EVERY);
        while time < BUSY {
            let node = self.chance.index(NODES);
            self.queue.at(time, Event::Die { node });
            time += self.chance.within(0..2 * DEATH_EVERY);
        }
    }

    /// Until nothing happens any more.
    pub(super) fn run(&mut self) {
        while let Some(event) = self.queue.next() {
            self.steps += 1;
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Listen { subscriber } => self.listen(subscriber),
            Event::Told { subscriber, link, seq } => self.told(subscriber, link, seq),
            Event::Connect { sender } => self.connect(sender),
            Event::Say { sender, nonce } => self.say(sender, nonce),
            Event::Retry { sender, nonce } => self.retry(sender, nonce),
            Event::Acknowledged { sender, link, nonce, seq } => self.acknowledged(sender, link, nonce, seq),
            Event::Append { from, expected, entries } => self.append(from, expected, entries),
            Event::ReadLog { from } => self.reply(Event::LogRead { at: from, head: self.head() }),
            Event::ReadHead { from } => self.reply(Event::Swept { at: from, head: self.head() }),
            Event::ReadForSession { subscriber, link } => {
                self.reply(Event::SessionRead { subscriber, link, head: self.head() });
            }
            Event::Die { node } => self.die(node),
            Event::Start { node } => self.start(node),
            event => self.send_node(event),
        }
    }

    /// What is for one life of a node, if that still lasts.
    fn send_node(&mut self, event: Event) {
        match event {
            Event::Arrive { at, send } if self.lives(at) => self.arrive(at, send),
            Event::Appended { at, head } if self.lives(at) => self.appended(at, head),
            Event::Publish { at, seqs } if self.lives(at) => self.publish(at, &seqs),
            Event::Answer { at, send, seq } if self.lives(at) => self.answer(send, seq),
            Event::Written { at } if self.lives(at) && !self.dies(at) => self.commit(at),
            Event::Heard { at, seq } if self.lives(at) => self.heard(at, seq),
            Event::GapWaited { at } if self.lives(at) => self.gap_waited(at),
            Event::LogRead { at, head } if self.lives(at) => self.log_read(at, head),
            Event::Attached { subscriber, link } if self.lives(link.at) => self.attached(subscriber, link),
            Event::SessionRead { subscriber, link, head } if self.lives(link.at) => {
                self.session_read(subscriber, link, head);
            }
            Event::Sweep { at } if self.lives(at) => self.sweep(at),
            Event::Swept { at, head } if self.lives(at) => self.swept(at, head),
            _ => {}
        }
    }

    fn append(&mut self, from: Life, expected: u64, entries: Vec<(usize, u64)>) {
        let head = (self.head() == expected).then(|| {
            self.log.extend(entries);
            self.head()
        });
        self.reply(Event::Appended { at: from, head });
    }

    fn reply(&mut self, event: Event) {
        let delay = self.chance.within(MS / 2..5 * MS);
        self.queue.after(delay, event);
    }

    pub(super) fn head(&self) -> u64 {
        self.log.len() as u64
    }

    /// What stands at a seq.
    pub(super) fn at(&self, seq: u64) -> Option<(usize, u64)> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.log.get(index).copied()
    }

    pub(super) fn lives(&self, at: Life) -> bool {
        let node = &self.nodes[at.node];
        node.alive && node.life == at.life
    }
}
