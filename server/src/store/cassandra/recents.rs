//! What this process remembers of the nonces of channels that it writes: enough to know of most that they are new, without
//! asking the index.
//!
//! Each row of the log says of which time the newest nonce is, up to its append. So a nonce that bears a later time than
//! all that are not remembered here, and is not one of those that are, stands for nothing yet. No clock is trusted: one
//! that is ahead only has the nonces of others looked up until their time has come.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use guildhall_proto::ids::ChannelId;
use parking_lot::Mutex;
use uuid::Uuid;

use super::codec::{self, Value};
use super::nonces::time_ms;
use super::read::Read;
use super::{Engine, failure};
use crate::store::{Body, Entry, Result};

/// Channels that are remembered. Beyond it all are forgotten; each costs one read, once it is written again.
const CHANNELS_MAX: usize = 4_096;
/// Nonces of one channel that are remembered, beside those of its last append.
const KEYS_MAX: usize = 1_024;
/// No nonce that bears a time was there yet.
const NEVER: i64 = i64::MIN;
/// A nonce of any time may have been there.
pub(super) const ANY: i64 = i64::MAX;

/// The channels.
#[derive(Default)]
pub(super) struct Recents(Mutex<HashMap<u64, Recent>>);

/// What is known of one channel's nonces as of one head.
pub(super) struct Recent {
    head: i64,
    /// Of the nonces that are not in `appends`, none bears a later time.
    older_ms: i64,
    appends: VecDeque<Appended>,
    keys: usize,
    hasher: RandomState,
}

/// Nonces of one append, as digests: two that are alike only cost a look.
struct Appended {
    newest_ms: i64,
    keys: Vec<u64>,
}

impl Recents {
    /// What is known as of that head. Whoever appends behind it puts it back; whoever fails does not.
    fn take(&self, channel: ChannelId, head: i64) -> Option<Recent> {
        self.0.lock().remove(&channel.into()).filter(|recent| recent.head == head)
    }

    /// Remembers it.
    pub(super) fn put(&self, channel: ChannelId, recent: Recent) {
        let mut channels = self.0.lock();
        if channels.len() >= CHANNELS_MAX {
            channels.clear();
        }
        channels.insert(channel.into(), recent);
    }
}

impl Recent {
    fn at(head: i64, older_ms: i64) -> Self {
        Self { head, older_ms, appends: VecDeque::new(), keys: 0, hasher: RandomState::new() }
    }

    /// Whether this nonce surely stands for nothing up to the head.
    pub(super) fn is_new(&self, author: i64, nonce: Uuid) -> bool {
        let key = self.key(author, nonce);
        time_ms(nonce).is_some_and(|time_ms| time_ms > self.older_ms)
            && !self.appends.iter().any(|append| append.keys.contains(&key))
    }

    /// The time of the newest nonce, once these entries are appended.
    pub(super) fn newest_ms(&self, entries: &[Entry]) -> i64 {
        let known = self.appends.iter().map(|append| append.newest_ms).chain([self.older_ms]);
        known.chain(creates(entries).filter_map(|(_, nonce)| time_ms(nonce))).max().unwrap_or(self.older_ms)
    }

    /// They were appended.
    pub(super) fn advance(&mut self, entries: &[Entry]) {
        let keys: Vec<u64> = creates(entries).map(|(author, nonce)| self.key(author, nonce)).collect();
        let newest_ms = creates(entries).filter_map(|(_, nonce)| time_ms(nonce)).max().unwrap_or(NEVER);
        self.head += entries.len() as i64;
        while self.keys > KEYS_MAX {
            let Some(oldest) = self.appends.pop_front() else { break };
            self.keys -= oldest.keys.len();
            self.older_ms = self.older_ms.max(oldest.newest_ms);
        }
        self.keys += keys.len();
        self.appends.push_back(Appended { newest_ms, keys });
    }

    fn key(&self, author: i64, nonce: Uuid) -> u64 {
        self.hasher.hash_one((author, nonce))
    }
}

/// Author and nonce of each new message.
pub(super) fn creates(entries: &[Entry]) -> impl Iterator<Item = (i64, Uuid)> {
    entries.iter().filter_map(|entry| match entry.body {
        Body::Create { nonce, .. } => Some((codec::id(entry.actor), nonce)),
        _ => None,
    })
}

impl Engine {
    /// What is known of the nonces up to a head: remembered, or out of the log's row.
    pub(super) async fn recent(&self, channel: ChannelId, head: i64) -> Result<Recent> {
        if let Some(recent) = self.recents.take(channel, head) {
            return Ok(recent);
        }
        if head == 0 {
            return Ok(Recent::at(0, NEVER));
        }
        let bucket = self.buckets.holding(head);
        let values: [Value; 4] = [codec::id(channel).into(), bucket.into(), (head - 1).into(), 1_i32.into()];
        let found: Vec<Read> = self.rows(&self.statements.read, values).await?;
        let row = found.into_iter().find(|row| row.seq == Some(head));
        let newest_ms = match row.and_then(|row| row.kind.zip(row.body)) {
            Some((kind, body)) => codec::meta(kind, &body).map_err(failure::unreadable)?.nonces_ms,
            // The log is behind; the append will find that out.
            None => None,
        };
        Ok(Recent::at(head, newest_ms.unwrap_or(ANY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Builder;

    fn nonce(time_ms: u64, number: u8) -> Uuid {
        Builder::from_unix_timestamp_millis(time_ms, &[number; 10]).into_uuid()
    }

    fn entries(nonces: impl IntoIterator<Item = Uuid>) -> Vec<Entry> {
        let body = |nonce| Body::Create { nonce, fingerprint: 1, content: String::new(), reply_to: None };
        let entry = |nonce| Entry { actor: 1.into(), time_ms: 1, guild_seq: 1, body: body(nonce) };
        nonces.into_iter().map(entry).collect()
    }

    #[test]
    fn what_is_remembered_is_not_new_and_what_is_later_than_the_rest_is() {
        let mut recent = Recent::at(7, 100);
        recent.advance(&entries([nonce(200, 1), nonce(90, 2)]));
        assert_eq!(recent.head, 9);
        for known in [nonce(200, 1), nonce(90, 2), nonce(100, 3), nonce(1, 4), Uuid::max(), Uuid::nil()] {
            assert!(!recent.is_new(1, known), "{known}");
        }
        assert!(recent.is_new(2, nonce(200, 1)), "of another author");
        assert!(recent.is_new(1, nonce(101, 5)) && recent.is_new(1, nonce(300, 6)));
        assert_eq!(recent.newest_ms(&[]), 200);
        assert_eq!(recent.newest_ms(&entries([nonce(250, 7), Uuid::new_v4()])), 250);
    }

    #[test]
    fn what_is_forgotten_is_never_taken_for_new() {
        let mut recent = Recent::at(0, NEVER);
        // The first one is far ahead of its time.
        let mut sent = vec![nonce(1_000_000, 0)];
        recent.advance(&entries(sent.clone()));
        for number in 0..3 * KEYS_MAX as u64 {
            let next = nonce(number, (number % 251) as u8);
            let is_new = recent.is_new(1, next);
            assert!(is_new || recent.older_ms == 1_000_000);
            recent.advance(&entries([next]));
            sent.push(next);
            assert!(recent.keys <= KEYS_MAX + 1);
        }
        assert!(sent.iter().all(|nonce| !recent.is_new(1, *nonce)));
        assert!(recent.is_new(1, nonce(1_000_001, 9)));
        assert!(!Recent::at(5, ANY).is_new(1, nonce(1_000_001, 9)));
    }
}
