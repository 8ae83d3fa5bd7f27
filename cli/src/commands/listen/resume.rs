//! The resume file: how far each stream was handed on, and how long the output was then.
//!
//! A position is safe when everything up to it was handed on. Events that are in work hold it back, so the file never
//! says more than what is done. It is replaced as a whole, has a last line that says so, and belongs to one process.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use guildhall::{Cursor, CursorStore, StreamKey};
use parking_lot::Mutex;

use crate::contexts::{Durability, replace};
use crate::fault::{Fault, Result};

const HEAD: &str = "guildhall resume file 1";
const END: &str = "end";
const OUTPUT: &str = "output ";

/// An open resume file.
#[derive(Debug)]
pub(super) struct Resume {
    path: PathBuf,
    state: Mutex<State>,
    _lock: File,
}

#[derive(Debug, Default, PartialEq)]
struct State {
    streams: BTreeMap<StreamKey, Position>,
    /// How long the output file was when the positions were taken.
    output: Option<u64>,
    /// Whether there is something that the disk does not know for sure.
    changed: bool,
    /// Whether there is a stream that the file does not know.
    fresh: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Position {
    /// The last event that was received.
    held: Cursor,
    /// Those of them that are not handed on yet, in order.
    work: Vec<Cursor>,
}

impl Resume {
    /// Opens a file that may not be there yet.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let lock = lock(path)?;
        let state = match fs::read_to_string(path) {
            Ok(text) => State::read(&text).ok_or_else(|| spoiled(path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(Fault::file(path, &error)),
        };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state), _lock: lock })
    }

    /// An event was received; until [`finish`](Self::finish) it counts as not handed on.
    pub(super) fn begin(&self, cursor: &Cursor) {
        self.state.lock().begin(cursor);
    }

    /// An event was handed on.
    pub(super) fn finish(&self, cursor: &Cursor) {
        self.state.lock().finish(cursor);
    }

    /// How long the output file was when the positions were taken.
    pub(super) fn output(&self) -> Option<u64> {
        self.state.lock().output
    }

    /// Notes how long the output file is; what is in it must be on disk.
    pub(super) fn set_output(&self, length: u64) {
        self.state.lock().output = Some(length);
    }

    /// Whether the disk does not know everything for sure.
    pub(super) fn is_changed(&self) -> bool {
        self.state.lock().changed
    }

    /// Whether there is a stream that the file does not know.
    pub(super) fn is_fresh(&self) -> bool {
        self.state.lock().fresh
    }

    /// Replaces the file. Without `sync` it survives the death of the process, with it that of the machine.
    pub(super) fn write(&self, sync: bool) -> Result<()> {
        let text = {
            let mut state = self.state.lock();
            state.changed &= !sync;
            state.fresh = false;
            state.text()
        };
        let durability = if sync { Durability::Disk } else { Durability::Process };
        replace(&self.path, text.as_bytes(), durability, false).map_err(|error| {
            self.state.lock().changed = true;
            Fault::file(&self.path, &error)
        })
    }
}

impl State {
    fn begin(&mut self, cursor: &Cursor) {
        let position = self.at(cursor);
        position.held = *cursor;
        position.work.push(*cursor);
    }

    fn finish(&mut self, cursor: &Cursor) {
        if let Some(position) = self.streams.get_mut(&cursor.stream) {
            position.work.retain(|other| other != cursor);
            self.changed = true;
        }
    }

    fn save(&mut self, cursor: &Cursor) {
        let position = self.at(cursor);
        let moved = position.held != *cursor;
        position.held = *cursor;
        self.changed |= moved;
    }

    fn at(&mut self, cursor: &Cursor) -> &mut Position {
        match self.streams.entry(cursor.stream) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                (self.changed, self.fresh) = (true, true);
                unknown.insert(Position::at(*cursor))
            }
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        if let Some(length) = self.output {
            text.push_str(&format!("{OUTPUT}{length}\n"));
        }
        for position in self.streams.values() {
            text.push_str(&format!("{}\n", position.safe()));
        }
        text.push_str(END);
        text.push('\n');
        text
    }

    /// `None` if it is not a whole resume file.
    fn read(text: &str) -> Option<Self> {
        let body = text.strip_prefix(HEAD)?.strip_prefix('\n')?.strip_suffix('\n')?.strip_suffix(END)?;
        let mut state = Self::default();
        for line in body.lines() {
            if let Some(length) = line.strip_prefix(OUTPUT) {
                state.output = Some(length.parse().ok()?);
                continue;
            }
            let cursor: Cursor = line.parse().ok()?;
            state.streams.insert(cursor.stream, Position::at(cursor));
        }
        Some(state)
    }
}

impl Position {
    fn at(cursor: Cursor) -> Self {
        Self { held: cursor, work: Vec::new() }
    }

    /// Up to where everything was handed on.
    fn safe(&self) -> Cursor {
        match self.work.first() {
            Some(first) => Cursor::new(first.stream, first.epoch, first.seq.saturating_sub(1)),
            None => self.held,
        }
    }
}

impl CursorStore for Resume {
    fn load(&self) -> io::Result<Vec<Cursor>> {
        Ok(self.state.lock().streams.values().map(Position::safe).collect())
    }

    fn save(&self, cursor: &Cursor) {
        self.state.lock().save(cursor);
    }

    fn remove(&self, stream: StreamKey) {
        let mut state = self.state.lock();
        state.streams.remove(&stream);
        state.changed = true;
    }
}

fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::create(&name).map_err(|error| Fault::file(&name, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let fault = Fault::local(format!("{}: in use by another process", path.display()));
            Err(fault.remedy("give each listener a resume file of its own"))
        }
        Err(TryLockError::Error(error)) => Err(Fault::file(&name, &error)),
    }
}

fn spoiled(path: &Path) -> Fault {
    let fault = Fault::local(format!("{}: not a whole resume file", path.display()));
    fault.remedy("remove it to begin anew, from now on")
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
