//! A bare SQLite writer: the rows that a sent message becomes, in the server's own schema, with the pragmas of its writer
//! (`server/src/store/sqlite/place.rs`), by prepared statements of rusqlite and nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::RngExt as _;
use rusqlite::{Connection, OptionalExtension as _, Statement, params};

use crate::frames;

/// Rows of one transaction when nobody waits for an answer.
const BATCH: usize = 500;
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = off; PRAGMA trusted_schema = off;
    PRAGMA secure_delete = on; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = memory; PRAGMA cache_size = -32768;";
/// The channels of the guild that has the most of them, by position.
const CHANNELS: &str = "SELECT id FROM channels WHERE guild_id =
    (SELECT guild_id FROM channels GROUP BY guild_id ORDER BY count(*) DESC LIMIT 1) ORDER BY position";
const TIME_MS: i64 = 1_700_000_000_000;

/// A database that the server made, open for writing.
pub(crate) struct Rows {
    database: Connection,
    author: i64,
    channels: Vec<Channel>,
}

struct Channel {
    id: i64,
    head: i64,
    moved: bool,
}

impl Rows {
    /// Opens the database in a server's data directory, for the channels of the largest guild.
    pub(crate) fn open(data: &Path) -> Result<Self> {
        let database = Connection::open(data.join("guildhall.db"))?;
        database.execute_batch(PRAGMAS)?;
        let author = database.query_row("SELECT owner_id FROM guilds LIMIT 1", [], |row| row.get(0))?;
        let ids = database.prepare(CHANNELS)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        let mut rows = Self { database, author, channels: Vec::new() };
        ids.into_iter().try_for_each(|id| rows.add(id))?;
        Ok(rows)
    }

    /// The same, for one channel.
    pub(crate) fn of_channel(data: &Path, channel: u64) -> Result<Self> {
        let mut rows = Self::open(data)?;
        rows.channels.clear();
        rows.add(channel.cast_signed())?;
        Ok(rows)
    }

    fn add(&mut self, id: i64) -> Result<()> {
        let head = "SELECT head FROM streams WHERE kind = 1 AND id = ?";
        let head = self.database.query_row(head, [id], |row| row.get(0)).optional()?;
        self.channels.push(Channel { id, head: head.unwrap_or_default(), moved: false });
        Ok(())
    }

    /// How many channels it writes to.
    pub(crate) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Writes messages, each to the channel with that place, in one durable transaction.
    pub(crate) fn commit(&mut self, places: impl IntoIterator<Item = usize>) -> Result<()> {
        let transaction = self.database.transaction()?;
        {
            let mut log = transaction.prepare_cached(
                "INSERT INTO log (channel_id, seq, kind, message_id, actor_id, time_ms, guild_seq)
                 VALUES (?1, ?2, 1, ?2, ?3, ?4, 1)",
            )?;
            let mut messages = transaction.prepare_cached(
                "INSERT INTO messages
                 (channel_id, message_id, author_id, content, nonce, fingerprint, reply_to, create_ms, edit_ms)
                 VALUES (?, ?, ?, ?, ?, ?, NULL, ?, NULL)",
            )?;
            let mut heads = transaction.prepare_cached("UPDATE streams SET head = ? WHERE kind = 1 AND id = ?")?;
            for place in places {
                self.channels[place].write(self.author, &mut log, &mut messages)?;
            }
            for channel in self.channels.iter_mut().filter(|channel| channel.moved) {
                heads.execute([channel.head, channel.id])?;
                channel.moved = false;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes for a while, to all channels in turn; returns messages a second.
    pub(crate) fn write_for(mut self, duration: Duration) -> Result<f64> {
        let begun = Instant::now();
        let mut count = 0;
        while begun.elapsed() < duration {
            let channels = self.channels();
            self.commit((count..count + BATCH).map(|number| number % channels))?;
            count += BATCH;
        }
        Ok(count as f64 / begun.elapsed().as_secs_f64())
    }

    /// Writes that many, to all channels in turn.
    pub(crate) fn write_count(mut self, count: usize) -> Result<()> {
        const LARGE: usize = 10_000;
        let channels = self.channels();
        let mut left = count;
        while left > 0 {
            let now = left.min(LARGE);
            self.commit((0..now).map(|number| number % channels))?;
            left -= now;
        }
        Ok(())
    }
}

impl Channel {
    fn write(&mut self, author: i64, log: &mut Statement<'_>, messages: &mut Statement<'_>) -> Result<()> {
        self.head += 1;
        self.moved = true;
        let mut random = rand::rng();
        let (nonce, fingerprint): ([u8; 16], i64) = (uuid::Uuid::now_v7().into_bytes(), random.random());
        let content = frames::content(self.head.cast_unsigned());
        log.execute(params![self.id, self.head, author, TIME_MS])?;
        messages.execute(params![self.id, self.head, author, content, nonce, fingerprint, TIME_MS])?;
        Ok(())
    }
}
