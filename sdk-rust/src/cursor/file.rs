//! Cursors in a file: small, readable, replaced as a whole.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use guildhall_proto::ids::StreamKey;
use parking_lot::{Condvar, Mutex};

use crate::cursor::{Cursor, CursorStore};
use crate::error::{Error, Result};
use crate::files::{FileLock, read_or_empty, replace};

/// How long cursors may wait for each other, unless told otherwise.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);

/// Keeps cursors in a text file, one resume token a line.
///
/// The file is replaced by renaming, so it is always whole. The first change after a pause is written at once, then at
/// most one write each interval; what is left is written when the store is dropped. A killed program may therefore see
/// the events of the last interval again; with [`write_interval`](Self::write_interval) zero only the one in work.
#[derive(Debug)]
pub struct FileCursors {
    shared: Arc<Shared>,
    interval: Duration,
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: FileLock,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while the file is written, so that an older state never overwrites a newer one.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    cursors: BTreeMap<StreamKey, Cursor>,
    dirty: bool,
    closing: bool,
}

impl FileCursors {
    /// Opens a file, or makes it with the first write.
    ///
    /// # Errors
    ///
    /// [`Storage`](crate::Kind::Storage) if it cannot be read, holds something else than cursors, or is in use by
    /// another process: two would overwrite each other's positions.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let lock = FileLock::take(&path)?;
        let cursors = read(&path)?;
        let state = Mutex::new(State { cursors, ..State::default() });
        let shared = Arc::new(Shared { path, state, changed: Condvar::new(), writing: Mutex::new(()) });
        Ok(Self { shared, interval: WRITE_INTERVAL, writer: Mutex::new(None), _lock: lock })
    }

    /// Sets how much time lies at least between two writes. Zero: every save is on disk before the next event is shown,
    /// at the price of a disk write for each.
    #[must_use]
    pub fn write_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<StreamKey, Cursor>)) {
        {
            let mut state = self.shared.state.lock();
            change(&mut state.cursors);
            state.dirty = true;
        }
        if self.interval.is_zero() {
            self.shared.write_or_warn();
            return;
        }
        self.start_writer();
        self.shared.changed.notify_one();
    }

    /// A thread, not a task: a store is made before there is a runtime and is dropped after it.
    fn start_writer(&self) {
        let mut writer = self.writer.lock();
        if writer.is_some() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let interval = self.interval;
        let name = "guildhall-cursors".to_owned();
        let thread = std::thread::Builder::new().name(name);
        match thread.spawn(move || shared.write_until_closed(interval)) {
            Ok(handle) => *writer = Some(handle),
            Err(error) => {
                tracing::warn!(%error, "no thread for writing cursors, writing at once");
                self.shared.write_or_warn();
            }
        }
    }
}

impl Shared {
    fn write_until_closed(&self, interval: Duration) {
        loop {
            {
                let mut state = self.state.lock();
                while !state.dirty && !state.closing {
                    self.changed.wait(&mut state);
                }
                if state.closing {
                    return;
                }
            }
            self.write_or_warn();
            let mut state = self.state.lock();
            let rested = std::time::Instant::now() + interval;
            while !state.closing && !self.changed.wait_until(&mut state, rested).timed_out() {}
        }
    }

    fn write_or_warn(&self) {
        if let Err(error) = self.write() {
            tracing::warn!(path = %self.path.display(), %error, "cursors not written");
        }
    }

    fn write(&self) -> io::Result<()> {
        let _writing = self.writing.lock();
        let text = {
            let mut state = self.state.lock();
            if !state.dirty {
                return Ok(());
            }
            state.dirty = false;
            let lines = state.cursors.values().map(|cursor| format!("{cursor}\n"));
            lines.collect::<String>()
        };
        replace(&self.path, text.as_bytes()).inspect_err(|_| self.state.lock().dirty = true)
    }
}

impl CursorStore for FileCursors {
    fn load(&self) -> io::Result<Vec<Cursor>> {
        Ok(self.shared.state.lock().cursors.values().copied().collect())
    }

    fn save(&self, cursor: &Cursor) {
        self.change(|cursors| {
            cursors.insert(cursor.stream, *cursor);
        });
    }

    fn remove(&self, stream: StreamKey) {
        self.change(|cursors| {
            cursors.remove(&stream);
        });
    }

    fn flush(&self) -> io::Result<()> {
        self.shared.write()
    }
}

impl Drop for FileCursors {
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.changed.notify_one();
        if let Some(writer) = self.writer.lock().take() {
            // A panic of the writer was told already; the last write below is what counts.
            let _ = writer.join();
        }
        self.shared.write_or_warn();
    }
}

fn read(path: &Path) -> Result<BTreeMap<StreamKey, Cursor>> {
    let text = read_or_empty(path).map_err(|error| Error::storage(path.display(), error))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let cursor: Cursor = line.parse().map_err(|error: Error| {
                let error = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
                Error::storage(path.display(), error)
            })?;
            Ok((cursor.stream, cursor))
        })
        .collect()
}
