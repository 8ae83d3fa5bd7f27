//! Appending: one conditional batch on the bucket that the head is in. What became of it is found out here, whatever the
//! cluster says or does not say.

use std::sync::atomic::Ordering;

use guildhall_proto::ids::ChannelId;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use scylla::value::{CqlValue, Row};
use tokio::time::Instant;

use super::bucket::{SEQ_MAX, stamp};
use super::codec::{self, LogRow, Mark, Value};
use super::known::Known;
use super::run::{PATIENCE, Writes, pause};
use super::tip::CLOSED;
use super::{Engine, failure};
use crate::store::{Append, Entry, Error, Result};

/// Entries that one append takes; larger ones are slower than two.
const ENTRIES_MAX: usize = 256;
/// An append takes no more entries once they weigh this much.
const BYTES_MAX: usize = 512 << 10;

/// What the cluster says of a conditional batch.
pub(super) enum Said {
    /// It was done.
    Applied,
    /// It was not; the head is there, or the bucket was not begun.
    Refused(Option<i64>),
}

/// What became of it in the end.
pub(super) enum Moved {
    /// The rows are durable.
    Done,
    /// Nothing was written.
    Refused(Append),
}

impl Engine {
    /// See `ChannelLog::append`.
    pub(super) async fn append_entries(&self, channel: ChannelId, expected: u64, entries: &[Entry]) -> Result<Append> {
        let Some(known) = self.known(channel).await? else { return Ok(Append::Closed) };
        let Some(expected) = self.seq(expected) else { return self.gone(channel, known).await };
        if let Some(refusal) = self.prepare(channel, known, expected).await? {
            return Ok(refusal);
        }
        let mut recent = self.recent(channel, expected).await?;
        let duplicates = self.duplicates(channel, entries, &recent).await?;
        if !duplicates.is_empty() {
            return Ok(Append::Duplicates(duplicates));
        }
        let rows = self.take(expected, entries, recent.newest_ms(entries));
        let until = Instant::now() + PATIENCE;
        if let Moved::Refused(refusal) = self.move_head(channel, expected, &rows, until).await? {
            return Ok(refusal);
        }
        self.apply(channel, &rows, until.max(Instant::now() + PATIENCE / 2)).await?;
        let taken = rows.len();
        recent.advance(&entries[..taken]);
        self.recents.put(channel, recent);
        self.done(channel, expected, taken).await;
        Ok(Append::Done { taken })
    }

    /// An expected head that a column can hold, with room after it.
    fn seq(&self, expected: u64) -> Option<i64> {
        let seq = i64::try_from(expected).ok().filter(|seq| *seq < SEQ_MAX - ENTRIES_MAX as i64)?;
        (self.buckets.holding(seq + 1) < i32::MAX - 1).then_some(seq)
    }

    /// Before it is decided whether something is new, everything up to the expected head is written out: the node that
    /// made the last append may have died over it. A bucket is begun only behind a full one.
    async fn prepare(&self, channel: ChannelId, known: Known, expected: i64) -> Result<Option<Append>> {
        let border = expected == self.buckets.before(self.buckets.holding(expected + 1));
        if expected == 0 || (known.applied >= expected && !border) {
            return Ok(None);
        }
        let bucket = self.buckets.holding(expected);
        let mut found = self.head(channel, bucket).await?;
        if found.is_none_or(|(head, _)| head < expected) {
            found = self.head_serial(channel, bucket).await?;
        }
        match found {
            Some((head, applied)) if head == expected => {
                let from = known.applied.max(applied);
                if from < expected {
                    self.reapply(channel, from, expected).await?;
                }
                Ok(None)
            }
            found => self.refused(channel, bucket, expected, found.map(|found| found.0)).await.map(Some),
        }
    }

    /// The rows that one append takes of these entries: at least one, and none beyond the end of the bucket.
    pub(super) fn take(&self, expected: i64, entries: &[Entry], nonces_ms: i64) -> Vec<LogRow> {
        let mark = Mark { random: rand::random(), nonces_ms };
        let room = self.buckets.last(self.buckets.holding(expected + 1)) - expected;
        let count = usize::try_from(room).unwrap_or(1).min(ENTRIES_MAX);
        let mut bytes = 0;
        let rows = entries.iter().zip(expected + 1..).take(count).map(|(entry, seq)| LogRow::new(seq, entry, mark));
        let fits = |row: &LogRow| {
            let fits = bytes < BYTES_MAX;
            bytes += row.bytes();
            fits
        };
        rows.take_while(fits).collect()
    }

    /// Writes the rows, if the head is where it is expected.
    pub(super) async fn move_head(
        &self,
        channel: ChannelId,
        expected: i64,
        rows: &[LogRow],
        until: Instant,
    ) -> Result<Moved> {
        let bucket = self.buckets.holding(expected + 1);
        let old = (expected > self.buckets.before(bucket)).then_some(expected);
        let writes = self.conditional(channel, bucket, old, expected, rows);
        let mut attempts = 0;
        loop {
            match self.compare_and_set(&writes).await {
                Ok(Said::Applied) => return Ok(Moved::Done),
                Ok(Said::Refused(head)) => return self.overtaken(channel, bucket, expected, head, rows).await,
                Err(source) if failure::is_final(&source) => return Err(failure::error(source)),
                Err(source) => {
                    let head = self.settle(channel, bucket, &mut attempts, until, source).await?;
                    if head != old {
                        return self.overtaken(channel, bucket, expected, head, rows).await;
                    }
                    // It was not done, and the look at it has buried it: it is sent again.
                }
            }
        }
    }

    fn conditional(&self, channel: ChannelId, bucket: i32, old: Option<i64>, applied: i64, rows: &[LogRow]) -> Writes {
        let channel = codec::id(channel);
        let head = applied + rows.len() as i64;
        let values: [Value; 5] = [head.into(), applied.into(), channel.into(), bucket.into(), old.into()];
        let mut writes = Writes::default();
        writes.push(&self.statements.move_head, values);
        for row in rows {
            let (seq, body) = (row.seq, row.body.as_slice());
            match &row.secret {
                Some(secret) => {
                    let secret = secret.as_slice();
                    let values: [Value; 6] =
                        [channel.into(), bucket.into(), seq.into(), row.kind.into(), body.into(), secret.into()];
                    writes.push(&self.statements.log, values);
                }
                None => {
                    let values: [Value; 5] = [channel.into(), bucket.into(), seq.into(), row.kind.into(), body.into()];
                    writes.push(&self.statements.log_bare, values);
                }
            }
        }
        writes
    }

    /// Sends a conditional batch, once.
    pub(super) async fn compare_and_set(&self, writes: &Writes) -> std::result::Result<Said, ExecutionError> {
        self.noted(writes.send(&self.session)).await.map(said)
    }

    /// What became of an append is not known: reading the head serially ends what is in flight. An ordinary thing among
    /// writers that race; it is neither an error nor worth a line in the log.
    pub(super) async fn settle(
        &self,
        channel: ChannelId,
        bucket: i32,
        attempts: &mut u32,
        until: Instant,
        source: ExecutionError,
    ) -> Result<Option<i64>> {
        self.unknown.fetch_add(1, Ordering::Relaxed);
        let mut last = failure::error(source);
        while Instant::now() < until {
            pause(attempts).await;
            match self.head_serial(channel, bucket).await {
                Ok(found) => return Ok(found.map(|found| found.0)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The head is elsewhere: moved by somebody else, or by this very append.
    async fn overtaken(
        &self,
        channel: ChannelId,
        bucket: i32,
        expected: i64,
        head: Option<i64>,
        rows: &[LogRow],
    ) -> Result<Moved> {
        if head.is_some_and(|head| head > expected) && self.is_ours(channel, bucket, expected, rows).await? {
            return Ok(Moved::Done);
        }
        self.refused(channel, bucket, expected, head).await.map(Moved::Refused)
    }

    async fn is_ours(&self, channel: ChannelId, bucket: i32, expected: i64, rows: &[LogRow]) -> Result<bool> {
        let values: [Value; 4] = [codec::id(channel).into(), bucket.into(), expected.into(), 1_i32.into()];
        let found: Vec<super::read::Read> = self.rows(&self.statements.read, values).await?;
        let first = found.first().filter(|row| row.seq == Some(expected + 1));
        Ok(first.and_then(|row| row.body.as_ref()) == rows.first().map(|row| &row.body))
    }

    /// Why nothing was written.
    async fn refused(&self, channel: ChannelId, bucket: i32, expected: i64, head: Option<i64>) -> Result<Append> {
        match head {
            Some(CLOSED) => {
                self.channels.forget(channel);
                Ok(Append::Closed)
            }
            Some(head) if head > expected || head == self.buckets.last(bucket) => {
                let Some(tip) = self.tip_from(channel, bucket).await? else { return Ok(Append::Closed) };
                let actual = tip.seq.max(head).cast_unsigned();
                Ok(Append::HeadMoved { actual })
            }
            _ => {
                let known = self.known(channel).await?;
                let Some(known) = known else { return Ok(Append::Closed) };
                self.gone(channel, known).await
            }
        }
    }

    /// The log is behind what was expected.
    async fn gone(&self, channel: ChannelId, known: Known) -> Result<Append> {
        let tip = self.tip(channel, Known { newest: Some(0), ..known }).await?;
        self.channels.forget(channel);
        Ok(if tip.is_some() { Append::Gone } else { Append::Closed })
    }

    /// Remembers how far the channel is, for others too once it is in a new bucket.
    async fn done(&self, channel: ChannelId, expected: i64, taken: usize) {
        let bucket = self.buckets.holding(expected + 1);
        let head = expected + taken as i64;
        self.channels.learn(channel, |known| {
            known.applied = known.applied.max(head);
            known.seen = known.seen.max(head);
            known.newest = known.newest.max(Some(bucket));
        });
        if bucket > 0 && expected == self.buckets.before(bucket) {
            let time = stamp(self.generation, head);
            let values: [Value; 3] = [time.into(), bucket.into(), codec::id(channel).into()];
            // It is a hint: without it the newest bucket is found all the same.
            let _ = self.write_one(&self.statements.set_newest, values, Instant::now()).await;
        }
    }
}

/// Reads what a conditional statement answers. Its columns differ from outcome to outcome; they go by their names.
fn said(answer: QueryResult) -> Said {
    let Ok(rows) = answer.into_rows_result() else { return Said::Applied };
    let at = |name: &str| rows.column_specs().get_by_name(name).map(|(at, _)| at);
    let row = rows.maybe_first_row::<Row>().ok().flatten();
    let value = |name: &str| row.as_ref()?.columns.get(at(name)?)?.clone();
    match (value("[applied]"), value("head")) {
        (Some(CqlValue::Boolean(true)), _) => Said::Applied,
        (_, Some(CqlValue::BigInt(head))) => Said::Refused(Some(head)),
        _ => Said::Refused(None),
    }
}

/// The error of something that could not be done in time.
pub(super) fn late() -> Error {
    Error::Unavailable("the cluster did not answer in time".into())
}
