//! Positions in streams, and where a program keeps them so that it goes on where it was.

mod file;
#[cfg(test)]
mod file_tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;

use guildhall_proto::ids::{StreamKey, StreamKind};
use guildhall_proto::v1;
use parking_lot::Mutex;

pub use file::FileCursors;

use crate::error::Error;

/// A position in a stream: "I have everything up to here".
///
/// As text it is a resume token, `kind:id:epoch:seq`, such as `channel:81985529216486895:9876543210:42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The stream.
    pub stream: StreamKey,
    /// The epoch of the stream; it changes only when the history was rewound. 0 = not known yet.
    pub epoch: u64,
    /// The last event that is held, from 1; 0 = none yet.
    pub seq: u64,
}

impl Cursor {
    /// A position.
    #[must_use]
    pub const fn new(stream: StreamKey, epoch: u64, seq: u64) -> Self {
        Self { stream, epoch, seq }
    }

    /// Before the first event of a stream, whatever its epoch.
    #[must_use]
    pub fn beginning(stream: impl Into<StreamKey>) -> Self {
        Self::new(stream.into(), 0, 0)
    }

    /// Reads a cursor of the wire; `None` if it names no stream that this version knows.
    pub(crate) fn from_wire(cursor: &v1::Cursor) -> Option<Self> {
        let stream = StreamKey::try_from(cursor.stream?).ok()?;
        Some(Self::new(stream, cursor.epoch, cursor.seq))
    }
}

impl From<Cursor> for v1::Cursor {
    fn from(cursor: Cursor) -> Self {
        Self { stream: Some(cursor.stream.into()), epoch: cursor.epoch, seq: cursor.seq }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.stream, self.epoch, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text)
            .ok_or_else(|| Error::config(format!("not a resume token: {text:?}; one looks like channel:ID:EPOCH:SEQ")))
    }
}

fn read(text: &str) -> Option<Cursor> {
    let mut parts = text.split(':');
    let kind = match parts.next()? {
        "channel" => StreamKind::Channel,
        "guild" => StreamKind::Guild,
        "user" => StreamKind::User,
        _ => return None,
    };
    let mut number = || parts.next()?.parse().ok();
    let (id, epoch, seq) = (number()?, number()?, number()?);
    let stream = StreamKey { kind, id };
    parts.next().is_none().then_some(Cursor::new(stream, epoch, seq))
}

/// Where a gateway's cursors are kept.
///
/// The promise: a cursor is saved only after the program asked for the next event, so the event that a killed program
/// was working on is shown to it again, and none is left out.
pub trait CursorStore: Send + Sync + 'static {
    /// Everything that was saved. Called once, before the gateway connects; may block.
    ///
    /// # Errors
    ///
    /// What keeps it from being read. The gateway does not start then: to begin anew would leave out events.
    fn load(&self) -> io::Result<Vec<Cursor>>;

    /// Notes a position. Called for every event that was handled, so it must be quick and must not wait for a disk
    /// unless the program wants exactly that.
    fn save(&self, cursor: &Cursor);

    /// Forgets a stream that may not be read any more.
    fn remove(&self, stream: StreamKey);

    /// Writes down what was saved. Called when the gateway ends; may block.
    ///
    /// # Errors
    ///
    /// What keeps it from being written.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: CursorStore + ?Sized> CursorStore for std::sync::Arc<S> {
    fn load(&self) -> io::Result<Vec<Cursor>> {
        (**self).load()
    }

    fn save(&self, cursor: &Cursor) {
        (**self).save(cursor);
    }

    fn remove(&self, stream: StreamKey) {
        (**self).remove(stream);
    }

    fn flush(&self) -> io::Result<()> {
        (**self).flush()
    }
}

/// Cursors that live as long as the process: what a gateway uses unless it is given another store.
#[derive(Debug, Default)]
pub struct MemoryCursors(Mutex<BTreeMap<StreamKey, Cursor>>);

impl CursorStore for MemoryCursors {
    fn load(&self) -> io::Result<Vec<Cursor>> {
        Ok(self.0.lock().values().copied().collect())
    }

    fn save(&self, cursor: &Cursor) {
        self.0.lock().insert(cursor.stream, *cursor);
    }

    fn remove(&self, stream: StreamKey) {
        self.0.lock().remove(&stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_proto::ids::ChannelId;

    #[test]
    fn a_resume_token_is_read_as_it_was_written() {
        let cursor = Cursor::new(StreamKey::channel(ChannelId(5)), u64::MAX, 42);
        assert_eq!(cursor.to_string(), "channel:5:18446744073709551615:42");
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
    }

    #[test]
    fn everything_else_is_refused() {
        let wrong = ["", "channel:1:2", "channel:1:2:3:4", "room:1:2:3", "channel:-1:2:3", "channel:1:2:x"];
        for text in wrong {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
