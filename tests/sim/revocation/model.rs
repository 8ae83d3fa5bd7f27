//! The world: the guild's log, the channel's log, and the clients. What nodes do is in `node`.

use super::node::{Node, Task};
use super::{Anomaly, How, Variant};
use crate::chance::Chance;
use crate::queue::{MS, Queue, Time};

pub(super) const NODES: usize = 3;
const USERS: usize = 6;
const SAYS: usize = 40;
const EDITS: usize = 30;
const CHANGES: usize = 12;
const REMOVALS: usize = 3;
const MOVES: usize = 12;
const LOOKS: usize = 30;
/// In which all of that happens.
const BUSY: Time = 10_000 * MS;
/// After which no sweep is begun.
const END: Time = 40_000 * MS;
/// How many of a thousand words about the guild reach a node.
const GUILD_REACHES: u64 = 500;
const GUILD_LATE: Time = 10_000 * MS;
/// How many of a thousand words about the channel do.
const REACHES: u64 = 800;
/// How often somebody who is refused tries another node.
const TRIES: u32 = 30;

/// Something that happens.
#[derive(Debug)]
pub(super) enum Event {
    Change {
        node: usize,
        removes: Option<usize>,
    },
    GuildHint {
        node: usize,
    },
    ReadGuild {
        node: usize,
    },
    GuildRead {
        node: usize,
        seq: u64,
    },
    Say {
        user: usize,
    },
    Edit {
        user: usize,
    },
    Append {
        node: usize,
        record: Record,
    },
    Heard {
        node: usize,
        seq: u64,
    },
    Sweep {
        node: usize,
    },
    Connect {
        user: usize,
        tries: u32,
    },
    Look {
        user: usize,
    },
    /// What a node does for one client, and what it has read for it.
    Do {
        node: usize,
        task: Task,
    },
}

/// An entry of the channel's log. A message is named by the index of the entry that made it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) stamp: u64,
    /// Which message it edits; `None`: it makes one.
    pub(super) edits: Option<usize>,
}

/// A client, whichever node it is at.
#[derive(Default)]
pub(super) struct Client {
    pub(super) node: Option<usize>,
    /// The connections that it has had: what is meant for an earlier one comes to nothing.
    pub(super) link: u64,
    /// Its cursor.
    pub(super) last: u64,
}

/// How often what the model is about was met.
#[derive(Default)]
pub(super) struct Met {
    pub(super) shown_by_old_rights: usize,
    pub(super) waited_for_the_guild: usize,
    pub(super) refused: usize,
}

/// One run.
pub(super) struct Model {
    pub(super) variant: Variant,
    pub(super) chance: Chance,
    pub(super) queue: Queue<Event>,
    /// Whom each change of the guild removes.
    pub(super) guild: Vec<Option<usize>>,
    pub(super) log: Vec<Record>,
    /// The stamp of what each message says now, by the index of its first entry.
    texts: Vec<u64>,
    pub(super) nodes: Vec<Node>,
    pub(super) clients: Vec<Client>,
    pub(super) anomalies: Vec<Anomaly>,
    pub(super) met: Met,
}

impl Model {
    pub(super) fn new(variant: Variant, seed: u64) -> Self {
        let mut model = Self {
            variant,
            chance: Chance::new(seed),
            queue: Queue::new(),
            guild: Vec::new(),
            log: Vec::new(),
            texts: Vec::new(),
            nodes: (0..NODES).map(|_| Node::default()).collect(),
            clients: (0..USERS).map(|_| Client::default()).collect(),
            anomalies: Vec::new(),
            met: Met::default(),
        };
        for node in 0..NODES {
            model.queue.at(0, Event::Sweep { node });
        }
        for user in 0..USERS {
            model.plan(0..500 * MS, Event::Connect { user, tries: 0 });
        }
        for number in 0..CHANGES {
            // Those with small numbers go, at any time among the changes that remove nobody.
            let (node, removes) = (model.chance.index(NODES), (number < REMOVALS).then_some(number));
            model.plan(500 * MS..BUSY, Event::Change { node, removes });
        }
        for number in 0..SAYS + EDITS + MOVES + LOOKS {
            let user = model.chance.index(USERS);
            let event = match number {
                0..SAYS => Event::Say { user },
                _ if number < SAYS + EDITS => Event::Edit { user },
                _ if number < SAYS + EDITS + MOVES => Event::Connect { user, tries: 0 },
                _ => Event::Look { user },
            };
            model.plan(500 * MS..BUSY, event);
        }
        model
    }

    fn plan(&mut self, within: std::ops::Range<Time>, event: Event) {
        let time = self.chance.within(within);
        self.queue.at(time, event);
    }

    /// Until nothing happens any more.
    pub(super) fn run(&mut self) {
        while let Some(event) = self.queue.next() {
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Change { node, removes } => self.change(node, removes),
            Event::GuildHint { node } => self.follow_guild(node),
            Event::ReadGuild { node } => self.soon(Event::GuildRead { node, seq: self.guild.len() as u64 }),
            Event::GuildRead { node, seq } => self.guild_read(node, seq),
            Event::Say { user } => self.write(user, None),
            Event::Edit { user } => {
                let messages: Vec<usize> = (0..self.log.len()).filter(|at| self.log[*at].edits.is_none()).collect();
                if !messages.is_empty() {
                    let message = messages[self.chance.index(messages.len())];
                    self.write(user, Some(message));
                }
            }
            Event::Append { node, record } => self.append(node, record),
            Event::Heard { node, seq } => self.heard(node, seq),
            Event::Sweep { node } => {
                self.heard(node, self.head());
                if self.queue.now() < END {
                    self.queue.after(2000 * MS, Event::Sweep { node });
                }
            }
            Event::Connect { user, tries } => self.connect(user, tries),
            Event::Look { user } => {
                let node = self.chance.index(NODES);
                self.soon(Event::Do { node, task: Task::Look { user, page: None } });
            }
            Event::Do { node, task } => self.work(node, task),
        }
    }

    pub(super) fn soon(&mut self, event: Event) {
        let delay = self.chance.within(MS..30 * MS);
        self.queue.after(delay, event);
    }

    /// A change of the guild stands under the head that its node knows; if that is old, the node reads and tries again.
    fn change(&mut self, node: usize, removes: Option<usize>) {
        if self.nodes[node].picture != self.guild.len() as u64 {
            self.follow_guild(node);
            self.queue.after(50 * MS, Event::Change { node, removes });
            return;
        }
        self.guild.push(removes);
        self.soon(Event::GuildRead { node, seq: self.guild.len() as u64 });
        for other in (0..NODES).filter(|other| *other != node) {
            if self.chance.permille(GUILD_REACHES) {
                let delay = self.chance.within(MS..GUILD_LATE);
                self.queue.after(delay, Event::GuildHint { node: other });
            }
        }
    }

    /// Allowed by the picture that the node has now; it may be long until it is in the log.
    fn write(&mut self, user: usize, edits: Option<usize>) {
        let Some(node) = self.clients[user].node else { return };
        let stamp = self.nodes[node].picture;
        if self.removed_at(user, stamp).is_none() {
            self.soon(Event::Append { node, record: Record { stamp, edits } });
        }
    }

    fn append(&mut self, node: usize, record: Record) {
        self.log.push(record);
        match record.edits {
            None => self.texts.push(record.stamp),
            Some(message) => {
                self.texts.push(0);
                self.texts[message] = record.stamp;
            }
        }
        let seq = self.head();
        for other in 0..NODES {
            if other == node || self.chance.permille(REACHES) {
                let delay = self.chance.within(MS..80 * MS);
                self.queue.after(delay, Event::Heard { node: other, seq });
            }
        }
    }

    fn connect(&mut self, user: usize, tries: u32) {
        let node = self.chance.index(NODES);
        let client = &mut self.clients[user];
        if let Some(old) = client.node.take() {
            self.nodes[old].sessions.remove(&user);
        }
        client.link += 1;
        let link = client.link;
        if self.removed_at(user, self.nodes[node].picture).is_some() {
            self.met.refused += 1;
            if tries < TRIES {
                self.queue.after(100 * MS, Event::Connect { user, tries: tries + 1 });
            }
            return;
        }
        self.clients[user].node = Some(node);
        self.attach(node, user, link);
    }

    /// When a user was removed, as far as a picture of this version tells.
    pub(super) fn removed_at(&self, user: usize, picture: u64) -> Option<u64> {
        let known = usize::try_from(picture).unwrap_or(usize::MAX).min(self.guild.len());
        let at = self.guild[..known].iter().position(|removed| *removed == Some(user))?;
        Some(at as u64 + 1)
    }

    pub(super) fn head(&self) -> u64 {
        self.log.len() as u64
    }

    /// The stamp of an entry, and that of the text which it shows now.
    pub(super) fn stamps(&self, seq: u64) -> (u64, u64) {
        let index = usize::try_from(seq - 1).unwrap();
        let record = self.log[index];
        (record.stamp, self.texts[record.edits.unwrap_or(index)])
    }

    /// A client gets something.
    pub(super) fn show(&mut self, user: usize, stamps: (u64, u64), how: How) {
        let stamp = stamps.0.max(stamps.1);
        match self.removed_at(user, u64::MAX) {
            Some(removed_at) if stamp >= removed_at => {
                self.anomalies.push(Anomaly::Shown { user, removed_at, stamp, how });
            }
            Some(_) => self.met.shown_by_old_rights += 1,
            None => {}
        }
    }

    /// An event comes to a client that listens.
    pub(super) fn tell(&mut self, user: usize, seq: u64, stamps: (u64, u64), how: How) {
        let last = self.clients[user].last;
        if seq != last + 1 {
            self.anomalies.push(Anomaly::Order { user, last, told: seq });
        }
        self.clients[user].last = seq;
        self.show(user, stamps, how);
    }
}
