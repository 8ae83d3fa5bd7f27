//! An append as the arguments of the statement that writes it: an array per column.
//!
//! The parts of one statement do not see each other's rows. So what an append does to a message that it makes itself is
//! worked out here: the statement is given messages as they are when all is done.

use std::collections::HashMap;

use guildhall_proto::ids::{ChannelId, MessageId};

use super::codec;
use crate::store::{Body, Entry};

/// How many entries one append takes at most; the rest is left to the next. It bounds a statement.
const ENTRIES_MAX: usize = 1_000;
/// An append takes no more entries once its texts are this long.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// `log.kind`.
pub(super) const CREATED: i16 = 1;
/// `log.kind`.
pub(super) const EDITED: i16 = 2;
/// `log.kind`.
pub(super) const DELETED: i16 = 3;

/// The rows of one append. Its texts are borrowed from the entries.
#[derive(Default)]
pub(super) struct Rows<'e> {
    /// The channel, as in the database.
    pub(super) channel: i64,
    /// Where its head must be.
    pub(super) expected: u64,
    /// How many entries are in here.
    pub(super) taken: usize,
    /// The nonces of all new messages, of those too that are not taken.
    pub(super) nonces: Nonces<'e>,
    /// What goes into the log.
    pub(super) log: Log,
    /// New messages that are still there at the end.
    pub(super) messages: Messages<'e>,
    /// What is left of new messages that are not.
    pub(super) tombstones: Tombstones<'e>,
    /// Older messages that get a new text.
    pub(super) edits: Edits<'e>,
    /// Older messages that go.
    pub(super) deletes: Deletes,
}

/// Nonces with their authors.
#[derive(Default)]
pub(super) struct Nonces<'e> {
    /// Which entry each is of.
    pub(super) indexes: Vec<usize>,
    pub(super) authors: Vec<i64>,
    pub(super) nonces: Vec<&'e [u8]>,
}

/// Rows of `log`, in order.
#[derive(Default)]
pub(super) struct Log {
    pub(super) kinds: Vec<i16>,
    pub(super) messages: Vec<i64>,
    pub(super) actors: Vec<i64>,
    pub(super) times: Vec<i64>,
    pub(super) guild_seqs: Vec<i64>,
}

/// Rows of `messages`.
#[derive(Default)]
pub(super) struct Messages<'e> {
    pub(super) ids: Vec<i64>,
    pub(super) authors: Vec<i64>,
    pub(super) contents: Vec<&'e str>,
    pub(super) nonces: Vec<&'e [u8]>,
    pub(super) fingerprints: Vec<i64>,
    pub(super) replies: Vec<Option<i64>>,
    pub(super) creates: Vec<i64>,
    pub(super) edits: Vec<Option<i64>>,
    pub(super) guild_seqs: Vec<i64>,
}

/// Rows of `tombstones`.
#[derive(Default)]
pub(super) struct Tombstones<'e> {
    pub(super) ids: Vec<i64>,
    pub(super) authors: Vec<i64>,
    pub(super) nonces: Vec<&'e [u8]>,
    pub(super) replies: Vec<Option<i64>>,
    pub(super) creates: Vec<i64>,
    pub(super) edits: Vec<Option<i64>>,
    pub(super) deletes: Vec<i64>,
}

/// New texts.
#[derive(Default)]
pub(super) struct Edits<'e> {
    pub(super) ids: Vec<i64>,
    pub(super) contents: Vec<&'e str>,
    pub(super) times: Vec<i64>,
    pub(super) guild_seqs: Vec<i64>,
}

/// Deletions.
#[derive(Default)]
pub(super) struct Deletes {
    pub(super) ids: Vec<i64>,
    /// Of the last edit, if there is one in the same append.
    pub(super) edits: Vec<Option<i64>>,
    pub(super) times: Vec<i64>,
}

/// What becomes of a message: its last edit before it goes, and its end.
#[derive(Default)]
struct Fate<'e> {
    edit: Option<(&'e Entry, &'e str)>,
    end: Option<&'e Entry>,
}

impl<'e> Rows<'e> {
    /// Of these entries after `expected`.
    pub(super) fn new(channel: ChannelId, expected: u64, entries: &'e [Entry]) -> Self {
        let taken = taken(entries);
        let mut rows = Self { channel: codec::id(channel), expected, taken, ..Self::default() };
        for (index, entry) in entries.iter().enumerate() {
            rows.nonces.push(index, entry);
        }
        let entries = &entries[..taken];
        let mut fates = fates(entries);
        for (entry, step) in entries.iter().zip(1..) {
            let seq = codec::bound(expected.saturating_add(step));
            rows.log.push(seq, entry);
            if let Body::Create { .. } = &entry.body {
                rows.create(seq, entry, fates.remove(&seq).unwrap_or_default());
            }
        }
        for (message, fate) in fates {
            rows.change(message, &fate);
        }
        rows
    }

    /// Where the head is afterwards.
    pub(super) fn head(&self) -> i64 {
        codec::bound(self.expected.saturating_add(self.taken as u64))
    }

    fn create(&mut self, id: i64, entry: &'e Entry, fate: Fate<'e>) {
        let Body::Create { nonce, fingerprint, content, reply_to } = &entry.body else { return };
        let (author, time) = (codec::id(entry.actor), codec::bound(entry.time_ms));
        let reply = reply_to.map(codec::bound);
        let edit = fate.edit.map(|(edit, _)| codec::bound(edit.time_ms));
        if let Some(end) = fate.end {
            let gone = &mut self.tombstones;
            gone.ids.push(id);
            gone.authors.push(author);
            gone.nonces.push(nonce.as_bytes());
            gone.replies.push(reply);
            gone.creates.push(time);
            gone.edits.push(edit);
            gone.deletes.push(codec::bound(end.time_ms));
            return;
        }
        let (last, content) = fate.edit.unwrap_or((entry, content));
        let messages = &mut self.messages;
        messages.ids.push(id);
        messages.authors.push(author);
        messages.contents.push(content);
        messages.nonces.push(nonce.as_bytes());
        messages.fingerprints.push(codec::id(*fingerprint));
        messages.replies.push(reply);
        messages.creates.push(time);
        messages.edits.push(edit);
        messages.guild_seqs.push(codec::bound(last.guild_seq));
    }

    fn change(&mut self, message: i64, fate: &Fate<'e>) {
        if let Some(end) = fate.end {
            self.deletes.ids.push(message);
            self.deletes.edits.push(fate.edit.map(|(edit, _)| codec::bound(edit.time_ms)));
            self.deletes.times.push(codec::bound(end.time_ms));
        } else if let Some((edit, content)) = fate.edit {
            self.edits.ids.push(message);
            self.edits.contents.push(content);
            self.edits.times.push(codec::bound(edit.time_ms));
            self.edits.guild_seqs.push(codec::bound(edit.guild_seq));
        }
    }
}

impl<'e> Nonces<'e> {
    fn push(&mut self, index: usize, entry: &'e Entry) {
        if let Body::Create { nonce, .. } = &entry.body {
            self.indexes.push(index);
            self.authors.push(codec::id(entry.actor));
            self.nonces.push(nonce.as_bytes());
        }
    }
}

impl Log {
    fn push(&mut self, seq: i64, entry: &Entry) {
        let (kind, message) = match &entry.body {
            Body::Create { .. } => (CREATED, seq),
            Body::Edit { message, .. } => (EDITED, codec::bound(*message)),
            Body::Delete { message } => (DELETED, codec::bound(*message)),
        };
        self.kinds.push(kind);
        self.messages.push(message);
        self.actors.push(codec::id(entry.actor));
        self.times.push(codec::bound(entry.time_ms));
        self.guild_seqs.push(codec::bound(entry.guild_seq));
    }
}

/// Of every message that is edited or deleted. An edit after the end is none, nor is a second end.
fn fates(entries: &[Entry]) -> HashMap<i64, Fate<'_>> {
    let mut fates: HashMap<i64, Fate<'_>> = HashMap::new();
    let key = |message: MessageId| codec::bound(message);
    for entry in entries {
        match &entry.body {
            Body::Create { .. } => {}
            Body::Edit { message, content } => {
                let fate = fates.entry(key(*message)).or_default();
                if fate.end.is_none() {
                    fate.edit = Some((entry, content));
                }
            }
            Body::Delete { message } => {
                fates.entry(key(*message)).or_default().end.get_or_insert(entry);
            }
        }
    }
    fates
}

/// How many of the first entries one append takes; at least one.
fn taken(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        let room = bytes < TEXT_BYTES_MAX;
        if let Body::Create { content, .. } | Body::Edit { content, .. } = &entry.body {
            bytes += content.len();
        }
        room
    };
    entries.iter().take(ENTRIES_MAX).take_while(fits).count()
}
