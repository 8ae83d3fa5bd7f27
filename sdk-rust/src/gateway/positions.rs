//! How far each stream was followed. Decides of every durable event whether it is the next one, a repetition, or the far
//! side of a hole. Pure: it neither talks nor waits.

use std::collections::HashMap;

use guildhall_proto::ids::StreamKey;

use crate::cursor::Cursor;

/// The positions of all streams that a gateway follows.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    streams: HashMap<StreamKey, Position>,
    /// The number of the newest fetch, so that an answer to an older one is told apart.
    fetches: u64,
}

#[derive(Debug)]
struct Position {
    epoch: u64,
    seq: u64,
    /// Whether the server of this session knows where we are and goes on from there.
    attached: bool,
    fetch: Option<Fetching>,
}

/// A hole that is being read from the log. While it is, the stream's live events are left to the log too: so none has
/// to be kept, however long it takes.
#[derive(Clone, Copy, Debug)]
struct Fetching {
    number: u64,
    epoch: u64,
    needed: u64,
}

/// A read of the log that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fetch {
    /// The last event that is held.
    pub(crate) after: Cursor,
    number: u64,
}

/// What is to be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the next one.
    Deliver,
    /// It was there before.
    Repeated,
    /// The log is being read and will bring it.
    Awaited,
    /// Something before it is missing: read the log.
    Hole(Fetch),
}

/// What a stream's beginning in a session means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It was not followed before; this is where it begins.
    New(Cursor),
    /// Nothing is missing, or the server is about to send it.
    Followed,
    /// The stream has moved on while nobody looked: read the log.
    Behind(Fetch),
}

impl Positions {
    /// Takes a position over from an earlier session or process; unless the stream is followed already.
    pub(crate) fn load(&mut self, cursor: Cursor) {
        self.streams.entry(cursor.stream).or_insert(Position {
            epoch: cursor.epoch,
            seq: cursor.seq,
            attached: false,
            fetch: None,
        });
    }

    /// A new session: its server knows nothing yet, and what was being read is sent or read anew.
    pub(crate) fn detach_all(&mut self) {
        for position in self.streams.values_mut() {
            position.attached = false;
            position.fetch = None;
        }
    }

    /// The server goes on from our position.
    pub(crate) fn attach(&mut self, stream: StreamKey) {
        if let Some(position) = self.streams.get_mut(&stream) {
            position.attached = true;
        }
    }

    pub(crate) fn is_attached(&self, stream: StreamKey) -> bool {
        self.streams.get(&stream).is_some_and(|position| position.attached)
    }

    pub(crate) fn get(&self, stream: StreamKey) -> Option<Cursor> {
        let position = self.streams.get(&stream)?;
        Some(Cursor::new(stream, position.epoch, position.seq))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Cursor> {
        let streams = self.streams.iter();
        streams.map(|(stream, position)| Cursor::new(*stream, position.epoch, position.seq))
    }

    /// The server says where a stream begins in this session.
    pub(crate) fn begin(&mut self, at: Cursor) -> Begun {
        let Some(position) = self.streams.get_mut(&at.stream) else {
            self.reset(at);
            return Begun::New(at);
        };
        if position.attached {
            return Begun::Followed;
        }
        position.attached = true;
        if position.is_of(at.epoch) && position.seq == at.seq {
            position.epoch = at.epoch;
            return Begun::Followed;
        }
        Begun::Behind(self.fetch(at))
    }

    /// Judges an event and, if it is the next one, moves on to it.
    pub(crate) fn admit(&mut self, event: Cursor) -> Verdict {
        let Some(position) = self.streams.get_mut(&event.stream) else {
            // The first event of a stream that the server added by itself is where it begins.
            self.reset(event);
            return Verdict::Deliver;
        };
        if let Some(fetch) = &mut position.fetch {
            fetch.raise(event);
            return Verdict::Awaited;
        }
        if position.step(event) {
            return Verdict::Deliver;
        }
        if position.is_of(event.epoch) && event.seq <= position.seq {
            return Verdict::Repeated;
        }
        Verdict::Hole(self.fetch(event))
    }

    /// How many events are known to be missing.
    pub(crate) fn missing(&self, stream: StreamKey) -> u64 {
        let position = self.streams.get(&stream);
        let fetch = position.and_then(|position| Some((position.seq, position.fetch?.needed)));
        fetch.map_or(0, |(seq, needed)| needed.saturating_sub(seq))
    }

    /// Whether a read of the log is still wanted.
    pub(crate) fn is_current(&self, fetch: &Fetch) -> bool {
        let position = self.streams.get(&fetch.after.stream);
        let current = position.and_then(|position| position.fetch);
        current.is_some_and(|current| current.number == fetch.number)
    }

    /// Moves on to an event that the log brought; false if it is not the next one.
    pub(crate) fn advance(&mut self, event: Cursor) -> bool {
        let position = self.streams.get_mut(&event.stream);
        position.is_some_and(|position| position.step(event))
    }

    /// What is still to be read after a page of the log; `None` once nothing is missing, and the stream is live again.
    pub(crate) fn remaining(&mut self, fetch: &Fetch) -> Option<Fetch> {
        let position = self.streams.get_mut(&fetch.after.stream)?;
        let missing = position.fetch?.needed > position.seq;
        if !missing {
            position.fetch = None;
            return None;
        }
        let after = Cursor::new(fetch.after.stream, position.epoch, position.seq);
        let number = fetch.number;
        Some(Fetch { after, number })
    }

    /// Gives a hole up: the stream goes on behind it. Answers where.
    pub(crate) fn skip(&mut self, stream: StreamKey) -> Option<Cursor> {
        let position = self.streams.get_mut(&stream)?;
        let fetch = position.fetch.take()?;
        position.epoch = fetch.epoch;
        position.seq = fetch.needed;
        self.get(stream)
    }

    /// The server says that the stream goes on here.
    pub(crate) fn reset(&mut self, at: Cursor) {
        let position = Position { epoch: at.epoch, seq: at.seq, attached: true, fetch: None };
        self.streams.insert(at.stream, position);
    }

    pub(crate) fn remove(&mut self, stream: StreamKey) {
        self.streams.remove(&stream);
    }

    /// Begins to read the log up to `target`, the position that proves something to be missing.
    pub(crate) fn fetch(&mut self, target: Cursor) -> Fetch {
        self.fetches += 1;
        let number = self.fetches;
        let beginning = Position { epoch: 0, seq: 0, attached: true, fetch: None };
        let position = self.streams.entry(target.stream).or_insert(beginning);
        position.fetch = Some(Fetching { number, epoch: target.epoch, needed: target.seq });
        let after = Cursor::new(target.stream, position.epoch, position.seq);
        Fetch { after, number }
    }
}

impl Fetching {
    fn raise(&mut self, event: Cursor) {
        let rewound = self.epoch != event.epoch;
        if rewound || event.seq > self.needed {
            self.epoch = event.epoch;
            self.needed = event.seq;
        }
    }
}

impl Position {
    /// A position before the first event is of any epoch.
    fn is_of(&self, epoch: u64) -> bool {
        self.epoch == epoch || (self.epoch == 0 && self.seq == 0)
    }

    fn step(&mut self, event: Cursor) -> bool {
        let next = self.is_of(event.epoch) && event.seq == self.seq + 1;
        if next {
            self.epoch = event.epoch;
            self.seq = event.seq;
        }
        next
    }
}

#[cfg(test)]
#[path = "positions_tests.rs"]
mod tests;
