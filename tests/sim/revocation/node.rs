//! A node: the picture of the guild that it holds, what it hands on live, and what it reads for one client.

use std::collections::BTreeMap;
use std::mem;

use super::model::{Event, Model};
use super::{How, Variant};
use crate::queue::MS;

/// Entries in a page of a replay.
const PAGE: u64 = 3;

/// A node.
#[derive(Default)]
pub(super) struct Node {
    /// The version of the guild that it knows.
    pub(super) picture: u64,
    following: bool,
    /// The last event that was handed to sessions, and the last that was heard of.
    told: u64,
    heard: u64,
    pub(super) sessions: BTreeMap<usize, Session>,
    /// What waits for a newer picture.
    waiting: Vec<Task>,
}

/// A client that listens here.
pub(super) struct Session {
    link: u64,
    /// Events are only counted; the log is read.
    behind: bool,
}

/// What was read for a client: the seqs, with their stamps and those of the texts shown.
type Page = Vec<(u64, (u64, u64))>;

/// Something that is done for one client: a page is read first, then shown.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Replay { user: usize, link: u64, page: Option<Page> },
    Look { user: usize, page: Option<Page> },
}

impl Model {
    pub(super) fn follow_guild(&mut self, node: usize) {
        if !mem::replace(&mut self.nodes[node].following, true) {
            let delay = self.chance.within(MS..200 * MS);
            self.queue.after(delay, Event::ReadGuild { node });
        }
    }

    /// The picture moves; whoever is not in it any more is let go, then what waited goes on.
    pub(super) fn guild_read(&mut self, node: usize, seq: u64) {
        let held = &mut self.nodes[node];
        held.following = false;
        held.picture = held.picture.max(seq);
        let picture = held.picture;
        let here: Vec<usize> = held.sessions.keys().copied().collect();
        for user in here {
            if self.removed_at(user, picture).is_some() {
                self.nodes[node].sessions.remove(&user);
                self.clients[user].node = None;
                // It does not give up.
                self.queue.after(50 * MS, Event::Connect { user, tries: 0 });
            }
        }
        for task in mem::take(&mut self.nodes[node].waiting) {
            self.work(node, task);
        }
        self.hand_on(node);
    }

    /// Whether the node knows the rights that something was written under; if not, it finds out.
    fn knows(&mut self, node: usize, stamp: u64) -> bool {
        let known = self.nodes[node].picture >= stamp || self.variant == Variant::WithoutComparing;
        if !known {
            self.met.waited_for_the_guild += 1;
            self.follow_guild(node);
        }
        known
    }

    pub(super) fn heard(&mut self, node: usize, seq: u64) {
        let held = &mut self.nodes[node];
        held.heard = held.heard.max(seq);
        self.hand_on(node);
    }

    /// One after the other; what was missed is taken from the log, which has everything that was heard of.
    fn hand_on(&mut self, node: usize) {
        while self.nodes[node].told < self.nodes[node].heard {
            let seq = self.nodes[node].told + 1;
            let stamps = self.stamps(seq);
            if !self.knows(node, self.counts_as(stamps)) {
                return;
            }
            self.nodes[node].told = seq;
            let here: Vec<usize> = self.nodes[node].sessions.keys().copied().collect();
            for user in here {
                let last = self.clients[user].last;
                let Some(session) = self.nodes[node].sessions.get_mut(&user) else { continue };
                if !session.behind && seq == last + 1 {
                    self.tell(user, seq, stamps, How::Live);
                } else if !session.behind && seq > last {
                    session.behind = true;
                    let link = session.link;
                    self.soon(Event::Do { node, task: Task::Replay { user, link, page: None } });
                }
            }
        }
    }

    /// As how new something counts: what it says may be newer than it.
    fn counts_as(&self, stamps: (u64, u64)) -> u64 {
        match self.variant {
            Variant::TextsAsOldAsTheirEvents => stamps.0,
            _ => stamps.0.max(stamps.1),
        }
    }

    pub(super) fn attach(&mut self, node: usize, user: usize, link: u64) {
        self.nodes[node].sessions.insert(user, Session { link, behind: true });
        self.soon(Event::Do { node, task: Task::Replay { user, link, page: None } });
    }

    pub(super) fn work(&mut self, node: usize, task: Task) {
        match task {
            Task::Replay { user, link, page } => {
                let here = self.nodes[node].sessions.get(&user);
                if here.is_some_and(|session| session.link == link) {
                    self.replay(node, user, link, page);
                }
            }
            Task::Look { user, page } => self.look(node, user, page),
        }
    }

    fn replay(&mut self, node: usize, user: usize, link: u64, page: Option<Page>) {
        let Some(page) = page else {
            let from = self.clients[user].last + 1;
            let to = self.head().min(from + PAGE - 1);
            let page = Some((from..=to).map(|seq| (seq, self.stamps(seq))).collect());
            return self.soon(Event::Do { node, task: Task::Replay { user, link, page } });
        };
        let newest = page.iter().map(|(_, stamps)| self.counts_as(*stamps)).max().unwrap_or(0);
        if !self.knows(node, newest) {
            self.nodes[node].waiting.push(Task::Replay { user, link, page: Some(page) });
            return;
        }
        for (seq, stamps) in &page {
            self.tell(user, *seq, *stamps, How::Replay);
        }
        let at_end = self.clients[user].last >= self.nodes[node].told && (page.len() as u64) < PAGE;
        if let Some(session) = self.nodes[node].sessions.get_mut(&user) {
            session.behind = !at_end;
        }
        if !at_end {
            self.soon(Event::Do { node, task: Task::Replay { user, link, page: None } });
        }
    }

    /// A page of history: messages as they are now.
    fn look(&mut self, node: usize, user: usize, page: Option<Page>) {
        let Some(page) = page else {
            if self.removed_at(user, self.nodes[node].picture).is_some() {
                self.met.refused += 1;
                return;
            }
            let first = self.head().saturating_sub(20) + 1;
            let messages = (first..=self.head()).filter(|seq| self.log[*seq as usize - 1].edits.is_none());
            // A row bears the stamp of its last change.
            let page = messages.map(|seq| (seq, (0, self.stamps(seq).1))).collect();
            return self.soon(Event::Do { node, task: Task::Look { user, page: Some(page) } });
        };
        let newest = page.iter().map(|(_, stamps)| stamps.1).max().unwrap_or(0);
        if !self.knows(node, newest) {
            self.nodes[node].waiting.push(Task::Look { user, page: Some(page) });
            return;
        }
        if self.removed_at(user, self.nodes[node].picture).is_some() {
            self.met.refused += 1;
            return;
        }
        for (_, stamps) in page {
            self.show(user, stamps, How::History);
        }
    }
}
