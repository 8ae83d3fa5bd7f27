//! An append as the arguments of the statements that write it. Built by the task that appends, not by the writer, so
//! that the one writer has only to join strings.
//!
//! Each argument is a JSON array of rows, each row an array of columns: one prepared statement takes any number of them.
//! Strings are escaped as JSON demands and nothing else is done to them, so every text comes back byte for byte.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use guildhall_proto::ids::{ChannelId, MessageId};

use super::codec;
use crate::store::{Body, Entry};

/// How many entries one append takes at most; the rest is left to the next. It bounds a transaction.
const ENTRIES_MAX: usize = 1_000;
/// An append takes no more entries once its texts are this long.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// `log.kind`.
pub(super) const CREATED: i64 = 1;
/// `log.kind`.
pub(super) const EDITED: i64 = 2;
/// `log.kind`.
pub(super) const DELETED: i64 = 3;

/// The rows of one append.
#[derive(Default)]
pub(super) struct Rows {
    /// The channel, as in the database.
    pub(super) channel: i64,
    /// Where its head must be.
    pub(super) expected: u64,
    /// How many entries are in here.
    pub(super) taken: usize,
    /// `[channel, index, author, nonce]` of every new message, of those too that are not taken.
    pub(super) nonces: String,
    /// `[channel, expected head, new head]`.
    pub(super) head: String,
    /// `[channel, seq, kind, message, actor, time, guild seq]`.
    pub(super) log: String,
    /// `[channel, message, author, content, nonce, fingerprint, reply, time, guild seq]`.
    pub(super) messages: String,
    /// `[channel, message, content, time, guild seq]`.
    pub(super) edits: String,
    /// `[channel, message, time]`.
    pub(super) deletes: String,
}

impl Rows {
    /// Of these entries after `expected`.
    pub(super) fn new(channel: ChannelId, expected: u64, entries: &[Entry]) -> Self {
        let taken = taken(entries);
        let mut rows = Self { channel: codec::id(channel), expected, taken, ..Self::default() };
        for (index, entry) in entries.iter().enumerate() {
            rows.nonce(index, entry);
        }
        let entries = &entries[..taken];
        for (entry, step) in entries.iter().zip(1..) {
            rows.entry(expected.saturating_add(step), entry);
        }
        rows.changes(entries);
        let head = codec::bound(expected.saturating_add(taken as u64));
        rows.head = format!("[{},{},{head}]", rows.channel, codec::bound(expected));
        rows
    }

    /// How long its texts are, about.
    pub(super) fn bytes(&self) -> usize {
        self.messages.len() + self.edits.len()
    }

    /// Whether text is replaced or removed by these.
    pub(super) fn erases(&self) -> bool {
        !self.edits.is_empty() || !self.deletes.is_empty()
    }

    fn nonce(&mut self, index: usize, entry: &Entry) {
        if let Body::Create { nonce, .. } = &entry.body {
            comma(&mut self.nonces);
            let (channel, author, nonce) = (self.channel, codec::id(entry.actor), nonce.simple());
            push(&mut self.nonces, format_args!("[{channel},{index},{author},\"{nonce}\"]"));
        }
    }

    fn entry(&mut self, seq: u64, entry: &Entry) {
        let (channel, seq, actor) = (self.channel, codec::bound(seq), codec::id(entry.actor));
        let time = codec::bound(entry.time_ms);
        let (kind, message) = match &entry.body {
            Body::Create { .. } => (CREATED, seq),
            Body::Edit { message, .. } => (EDITED, codec::bound(*message)),
            Body::Delete { message } => (DELETED, codec::bound(*message)),
        };
        comma(&mut self.log);
        let guild_seq = codec::bound(entry.guild_seq);
        push(&mut self.log, format_args!("[{channel},{seq},{kind},{message},{actor},{time},{guild_seq}]"));
        if let Body::Create { nonce, fingerprint, content, reply_to } = &entry.body {
            comma(&mut self.messages);
            push(&mut self.messages, format_args!("[{channel},{seq},{actor},"));
            text(&mut self.messages, content);
            let (nonce, fingerprint) = (nonce.simple(), codec::id(*fingerprint));
            push(&mut self.messages, format_args!(",\"{nonce}\",{fingerprint},"));
            match reply_to {
                Some(reply) => push(&mut self.messages, format_args!("{}", codec::bound(*reply))),
                None => self.messages.push_str("null"),
            }
            push(&mut self.messages, format_args!(",{time},{guild_seq}]"));
        }
    }

    /// A statement that changes a row twice keeps one of the two, and does not say which: so the last edit and the first
    /// deletion of each message are all that it gets.
    fn changes(&mut self, entries: &[Entry]) {
        let mut last: HashMap<MessageId, usize> = HashMap::new();
        let mut gone: HashSet<MessageId> = HashSet::new();
        for (index, entry) in entries.iter().enumerate() {
            match &entry.body {
                Body::Edit { message, .. } if !gone.contains(message) => drop(last.insert(*message, index)),
                Body::Delete { message } if gone.insert(*message) => self.delete(*message, entry.time_ms),
                _ => {}
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            match &entry.body {
                Body::Edit { message, content } if last.get(message) == Some(&index) => {
                    self.edit(*message, content, entry);
                }
                _ => {}
            }
        }
    }

    fn edit(&mut self, message: MessageId, content: &str, entry: &Entry) {
        comma(&mut self.edits);
        push(&mut self.edits, format_args!("[{},{},", self.channel, codec::bound(message)));
        text(&mut self.edits, content);
        let (time, guild_seq) = (codec::bound(entry.time_ms), codec::bound(entry.guild_seq));
        push(&mut self.edits, format_args!(",{time},{guild_seq}]"));
    }

    fn delete(&mut self, message: MessageId, time_ms: u64) {
        comma(&mut self.deletes);
        let (message, time) = (codec::bound(message), codec::bound(time_ms));
        push(&mut self.deletes, format_args!("[{},{message},{time}]", self.channel));
    }
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

/// The rows of several appends as one argument; `None` if there are none.
pub(super) fn join<'a>(parts: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    let bytes: usize = parts.clone().map(|part| part.len() + 1).sum();
    let mut json = String::with_capacity(bytes + 1);
    for part in parts.filter(|part| !part.is_empty()) {
        json.push(if json.is_empty() { '[' } else { ',' });
        json.push_str(part);
    }
    if json.is_empty() {
        return None;
    }
    json.push(']');
    Some(json)
}

fn comma(json: &mut String) {
    if !json.is_empty() {
        json.push(',');
    }
}

fn push(json: &mut String, arguments: std::fmt::Arguments<'_>) {
    // A string never refuses.
    let _ = json.write_fmt(arguments);
}

/// A JSON string: quotes, backslashes and control characters escaped, all else as it is.
fn text(json: &mut String, text: &str) {
    json.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.push_str(&text[plain..at]);
        match byte {
            b'"' | b'\\' => json.extend(['\\', char::from(byte)]),
            _ => push(json, format_args!("\\u{byte:04x}")),
        }
        plain = at + 1;
    }
    json.push_str(&text[plain..]);
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_a_json_string() {
        let all: String = (1..0x3000).filter_map(char::from_u32).collect();
        for sample in ["", "\"", "\\", "\\\"\n\u{7f}\u{2028}", all.as_str()] {
            let mut json = String::new();
            text(&mut json, sample);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), sample);
        }
    }

    #[test]
    fn nothing_joins_to_nothing() {
        assert_eq!(join(["", ""].into_iter()), None);
        assert_eq!(join(["", "[1]", "", "[2],[3]"].into_iter()).unwrap(), "[[1],[2],[3]]");
    }
}
