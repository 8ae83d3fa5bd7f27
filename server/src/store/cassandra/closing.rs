//! Deleting channels: the log is closed at once, its rows are erased in the background.
//!
//! Before the directory is told to delete, the attempt is written down here, and taken away when all is erased. So
//! whatever dies on the way, some node finds the attempt and asks the directory: is the channel gone, then it is closed
//! and erased; is it there, then the attempt failed or is under way, and nothing happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use guildhall_proto::ids::ChannelId;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bucket::{SEQ_MAX, stamp};
use super::codec::{self, Value};
use super::nonces::slot_of_body;
use super::read::Read;
use super::run::{PATIENCE, Writes};
use super::tip::CLOSED;
use super::{Engine, append, failure, promise};
use crate::store::{Error, Result};

/// Channels that wait to be erased. When full, they wait for the next look at all attempts.
pub(super) const JOBS_MAX: usize = 1_024;
/// Between two looks at all attempts.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Rows that are read at once.
const ROWS_MAX: i32 = 1_000;
/// How often a head that moves is chased.
const CHASES_MAX: u32 = 1_000;

/// A channel that is gone, and whose rows are to be erased.
pub(super) struct Job {
    pub(super) channel: ChannelId,
    /// What was written down of it.
    pub(super) attempt: Option<Uuid>,
}

/// Erases what was deleted.
pub(super) struct Janitor {
    engine: Arc<Engine>,
    queue: mpsc::Receiver<Job>,
}

impl Janitor {
    pub(super) fn new(engine: Arc<Engine>, queue: mpsc::Receiver<Job>) -> Self {
        Self { engine, queue }
    }

    /// Until it is told to stop. What is half erased then, is found by the next one.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(Box::pin(self.work())).await;
    }

    async fn work(&mut self) {
        let mut sweep = interval(SWEEP_INTERVAL);
        loop {
            tokio::select! {
                biased;
                Some(job) = self.queue.recv() => self.finish(&job).await,
                _ = sweep.tick() => self.sweep().await,
            }
        }
    }

    async fn finish(&self, job: &Job) {
        if let Err(error) = self.engine.finish(job).await {
            tracing::warn!(%error, channel = u64::from(job.channel), "erasing a deleted channel failed; it is tried again");
        }
    }

    async fn sweep(&self) {
        // A node that was down at the start, or came since, or was set up anew.
        if let Err(error) = promise::durability(&self.engine.session, &self.engine.options).await {
            tracing::error!(%error, "acknowledged messages may be lost");
        }
        match self.engine.abandoned().await {
            Ok(jobs) => {
                for job in jobs {
                    self.finish(&job).await;
                }
            }
            Err(error) => tracing::warn!(%error, "channels that are being deleted cannot be listed"),
        }
    }
}

impl Engine {
    /// Writes down that these are about to be deleted.
    pub(super) async fn will_close(&self, channels: &[ChannelId], attempt: Uuid) -> Result<()> {
        let mut writes = Writes::default();
        for channel in channels {
            let values: [Value; 2] = [codec::id(*channel).into(), attempt.into()];
            writes.push(&self.statements.closing, values);
        }
        self.write(&writes, Instant::now() + PATIENCE).await
    }

    /// They were not deleted, or are erased.
    pub(super) async fn has_closed(&self, channels: &[ChannelId], attempt: Uuid) -> Result<()> {
        let mut writes = Writes::default();
        for channel in channels {
            let values: [Value; 2] = [codec::id(*channel).into(), attempt.into()];
            writes.push(&self.statements.closed, values);
        }
        self.write(&writes, Instant::now() + PATIENCE).await
    }

    /// The channels that somebody wrote down and that the directory does not know any more.
    pub(super) async fn abandoned(&self) -> Result<Vec<Job>> {
        let rows: Vec<(i64, Uuid)> = self.rows(&self.statements.all_closing, []).await?;
        let channels: Vec<ChannelId> = rows.iter().map(|row| row.0.cast_unsigned().into()).collect();
        if channels.is_empty() {
            return Ok(Vec::new());
        }
        let positions = self.directory.log.positions(&channels).await?;
        let gone = rows.iter().zip(channels).zip(positions).filter(|(_, position)| position.is_none());
        Ok(gone.map(|((row, channel), _)| Job { channel, attempt: Some(row.1) }).collect())
    }

    async fn finish(&self, job: &Job) -> Result<()> {
        self.close_log(job.channel).await?;
        self.erase(job.channel).await?;
        match job.attempt {
            Some(attempt) => self.has_closed(&[job.channel], attempt).await,
            None => Ok(()),
        }
    }

    /// Closes the newest bucket, in which every append ends: after this, none can happen.
    pub(super) async fn close_log(&self, channel: ChannelId) -> Result<()> {
        self.channels.forget(channel);
        for _ in 0..CHASES_MAX {
            let Some(tip) = self.tip_from(channel, 0).await? else { return Ok(()) };
            let (bucket, old) = if tip.seq == self.buckets.last(tip.bucket) {
                (tip.bucket + 1, None)
            } else {
                (tip.bucket, (tip.seq > self.buckets.before(tip.bucket)).then_some(tip.seq))
            };
            if self.close_bucket(channel, bucket, old).await? {
                return Ok(());
            }
        }
        Err(append::late())
    }

    /// Whether it is closed now; false: the head is not there (any more).
    async fn close_bucket(&self, channel: ChannelId, bucket: i32, old: Option<i64>) -> Result<bool> {
        let applied = old.unwrap_or_else(|| self.buckets.before(bucket));
        let values: [Value; 5] = [CLOSED.into(), applied.into(), codec::id(channel).into(), bucket.into(), old.into()];
        let mut writes = Writes::default();
        writes.push(&self.statements.move_head, values);
        let until = Instant::now() + PATIENCE;
        match self.compare_and_set(&writes).await {
            Ok(append::Said::Applied) => Ok(true),
            Ok(append::Said::Refused(head)) => Ok(head == Some(CLOSED)),
            Err(source) if failure::is_final(&source) => Err(failure::error(source)),
            Err(source) => {
                let head = self.settle(channel, bucket, &mut 0, until, source).await?;
                Ok(head == Some(CLOSED))
            }
        }
    }

    /// Erases a closed channel, bucket by bucket from the first: so what is left can be found by the next one. What
    /// stays is one small row per bucket, which keeps it closed.
    async fn erase(&self, channel: ChannelId) -> Result<()> {
        for bucket in 0.. {
            let Some((head, _)) = self.head_serial(channel, bucket).await? else { break };
            if head != CLOSED && !self.close_bucket(channel, bucket, Some(head)).await? {
                return Err(append::late());
            }
            self.erase_bucket(channel, bucket).await?;
        }
        Ok(())
    }

    /// The rows of the log go last: they tell where the nonces are.
    async fn erase_bucket(&self, channel: ChannelId, bucket: i32) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        // No stamp of this generation is later, not even that of a write which is still under way.
        let last: i64 = stamp(self.generation, SEQ_MAX);
        let id = codec::id(channel);
        let mut nonces: BTreeMap<i32, Writes> = BTreeMap::new();
        for slot in self.slots(channel, bucket).await? {
            let values: [Value; 3] = [last.into(), id.into(), slot.into()];
            nonces.entry(slot).or_default().push(&self.statements.erase_nonces, values);
        }
        self.write_all(nonces.into_values(), until).await?;
        let values: [Value; 3] = [last.into(), id.into(), bucket.into()];
        self.write_one(&self.statements.erase_messages, values, until).await?;
        let times: Vec<(Option<i64>,)> = self.rows(&self.statements.head_time, [id.into(), bucket.into()]).await?;
        let Some(closed_at) = times.first().and_then(|time| time.0) else {
            return Err(Error::Corrupt(format!("bucket {bucket} of a deleted channel has no head")));
        };
        // All rows are older than the head that closed the bucket.
        let values: [Value; 3] = [closed_at.into(), id.into(), bucket.into()];
        self.write_one(&self.statements.erase_log, values, until).await
    }

    /// The slots of the nonces in a bucket.
    async fn slots(&self, channel: ChannelId, bucket: i32) -> Result<BTreeSet<i32>> {
        let mut slots = BTreeSet::new();
        let mut last = self.buckets.before(bucket);
        loop {
            let values: [Value; 4] = [codec::id(channel).into(), bucket.into(), last.into(), ROWS_MAX.into()];
            let rows: Vec<Read> = self.rows(&self.statements.read, values).await?;
            for row in &rows {
                if let (Some(seq), Some(kind), Some(body)) = (row.seq, row.kind, &row.body) {
                    last = seq;
                    slots.extend(slot_of_body(kind, body)?);
                }
            }
            if rows.len() < usize::try_from(ROWS_MAX).unwrap_or(usize::MAX) {
                return Ok(slots);
            }
        }
    }
}
