//! What a lane remembers of its channel: the head and the nonces of the last messages. A cache: the engine decides.

use std::collections::{HashMap, VecDeque};

use guildhall_proto::ids::UserId;
use uuid::Uuid;

use crate::store::{Change, Position, Record, Sent};

/// Nonces that are remembered. Older ones are found by the engine's index, at the cost of a second append.
pub(super) const NONCES_MAX: usize = 1_024;

pub(super) struct Tail {
    pub(super) epoch: u64,
    pub(super) head: u64,
    nonces: HashMap<(UserId, Uuid), Sent>,
    oldest_first: VecDeque<(UserId, Uuid)>,
}

impl Tail {
    pub(super) fn new(position: Position) -> Self {
        Self { epoch: position.epoch, head: position.seq, nonces: HashMap::new(), oldest_first: VecDeque::new() }
    }

    pub(super) fn sent(&self, author: UserId, nonce: Uuid) -> Option<Sent> {
        self.nonces.get(&(author, nonce)).copied()
    }

    pub(super) fn remember(&mut self, author: UserId, nonce: Uuid, sent: Sent) {
        if self.nonces.insert((author, nonce), sent).is_none() {
            self.oldest_first.push_back((author, nonce));
        }
        if self.oldest_first.len() > NONCES_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.nonces.remove(&oldest);
        }
    }

    /// Takes in records that follow the head.
    pub(super) fn advance<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) {
        for record in records {
            self.head = record.seq;
            match &record.change {
                Change::Created(row) => {
                    let sent = Sent { message: row.id, fingerprint: row.fingerprint, create_ms: row.create_ms };
                    self.remember(row.author, row.nonce, sent);
                }
                // Deletions are rare, and the tail is short.
                Change::Deleted(id) => {
                    let deleted = self.nonces.values_mut().filter(|sent| sent.message == *id);
                    deleted.for_each(|sent| sent.fingerprint = None);
                }
                Change::Edited(_) => {}
            }
        }
    }
}
