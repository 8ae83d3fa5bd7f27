//! The file of unsettled sends: one JSON object a line, added to and now and then written anew.
//!
//! A send is in the file before it goes out and is crossed out after it was settled. A process that starts with the file
//! sends what is not crossed out again, with the same nonces, so nothing is stored twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use guildhall_proto::ids::ChannelId;
use guildhall_proto::v1::SendMessageRequest;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{FileLock, open_append, read_or_empty, replace};
use crate::gateway::queue::{FileBatch, Key};

/// The file is written anew when it has more lines than these, and four times more than it needs.
const LINES_MIN: usize = 1_024;

/// An open file of unsettled sends.
#[derive(Debug)]
pub(crate) struct OfflineFile {
    path: PathBuf,
    file: File,
    sends: Vec<Slot>,
    index: HashMap<Key, usize>,
    lines: usize,
    _lock: FileLock,
}

/// A send, or the place where one was.
type Slot = Option<SendMessageRequest>;

/// One line. Ids are text: JSON readers that know only floating point would spoil them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Send {
        channel_id: String,
        nonce: String,
        content: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reply_to: String,
    },
    Settled {
        channel_id: String,
        nonce: String,
    },
}

impl OfflineFile {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let lock = FileLock::take(path)?;
        let failed = |error| Error::storage(path.display(), error);
        let text = read_or_empty(path).map_err(failed)?;
        let file = open_append(path).map_err(failed)?;
        let mut this =
            Self { path: path.to_owned(), file, sends: Vec::new(), index: HashMap::new(), lines: 0, _lock: lock };
        let whole = this.read(&text).map_err(failed)?;
        if !whole {
            this.rewrite().map_err(failed)?;
        }
        Ok(this)
    }

    /// Reads the lines; false if the last one is torn. Its send was never on its way, for a send goes out only after
    /// its line was written.
    fn read(&mut self, text: &str) -> io::Result<bool> {
        let whole = text.is_empty() || text.ends_with('\n');
        let complete = text.rfind('\n').map_or("", |end| &text[..=end]);
        for line in complete.lines() {
            let line: Line = serde_json::from_str(line)?;
            match line {
                Line::Settled { channel_id, nonce } => self.cross_out(&(channel(&channel_id)?, nonce)),
                send @ Line::Send { .. } => self.note(request(send)?),
            }
            self.lines += 1;
        }
        Ok(whole)
    }

    /// What is not settled, in the order in which it was sent.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = &SendMessageRequest> {
        self.sends.iter().flatten()
    }

    /// Writes down new sends and crosses out settled ones. New sends are on disk when this returns.
    pub(crate) fn write(&mut self, batch: &FileBatch) -> io::Result<()> {
        let mut text = Vec::new();
        for send in &batch.sends {
            add_line(&mut text, &line(send))?;
            self.note(send.clone());
        }
        for key in &batch.settled {
            let channel_id = key.0.to_string();
            let nonce = key.1.clone();
            add_line(&mut text, &Line::Settled { channel_id, nonce })?;
            self.cross_out(key);
        }
        self.lines += batch.sends.len() + batch.settled.len();
        let live = self.index.len();
        let written = if self.lines > LINES_MIN && self.lines > live * 4 {
            self.rewrite()
        } else {
            self.add(&text, !batch.sends.is_empty())
        };
        if written.is_err() {
            // What was not written must not come back by a later rewriting: its sender was told that it failed.
            batch.sends.iter().for_each(|send| self.cross_out(&key(send)));
        }
        written
    }

    fn add(&mut self, text: &[u8], sync: bool) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(text).and_then(|()| {
            // A crossing-out may be lost: its send goes out again and is found to be stored.
            if sync { self.file.sync_data() } else { Ok(()) }
        });
        if written.is_err() {
            // Half a line in the middle would make the file unreadable.
            self.file.set_len(before)?;
        }
        written
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        self.sends.retain(Option::is_some);
        self.index.clear();
        for (place, send) in self.sends.iter().flatten().enumerate() {
            add_line(&mut text, &line(send))?;
            self.index.insert(key(send), place);
        }
        replace(&self.path, &text)?;
        self.file = open_append(&self.path)?;
        self.lines = self.sends.len();
        Ok(())
    }

    fn note(&mut self, send: SendMessageRequest) {
        let key = key(&send);
        if !self.index.contains_key(&key) {
            self.index.insert(key, self.sends.len());
            self.sends.push(Some(send));
        }
    }

    fn cross_out(&mut self, key: &Key) {
        if let Some(place) = self.index.remove(key) {
            self.sends[place] = None;
        }
        if self.index.is_empty() {
            self.sends.clear();
        }
    }
}

fn key(send: &SendMessageRequest) -> Key {
    (ChannelId(send.channel_id), send.nonce.clone())
}

fn line(send: &SendMessageRequest) -> Line {
    Line::Send {
        channel_id: send.channel_id.to_string(),
        nonce: send.nonce.clone(),
        content: send.content.clone(),
        reply_to: match send.reply_to {
            0 => String::new(),
            id => id.to_string(),
        },
    }
}

fn request(line: Line) -> io::Result<SendMessageRequest> {
    let Line::Send { channel_id, nonce, content, reply_to } = line else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    Ok(SendMessageRequest {
        channel_id: channel(&channel_id)?.0,
        content,
        nonce,
        reply_to: if reply_to.is_empty() { 0 } else { number(&reply_to)? },
    })
}

fn channel(text: &str) -> io::Result<ChannelId> {
    number(text).map(ChannelId)
}

fn number(text: &str) -> io::Result<u64> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    text.parse().map_err(invalid)
}

fn add_line(text: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}

#[cfg(test)]
#[path = "offline_tests.rs"]
mod tests;
