//! The one task that writes. It takes all appends that wait and commits them together; between such groups it commits
//! the changes of metadata, one by one; when there is nothing to do, it tidies up.
//!
//! Nobody is told that something is done before its COMMIT has succeeded.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::changes::{self, Change};
use super::connection::WriteConnection;
use super::readers::Readers;
use super::rows::Rows;
use super::tidy::Tidy;
use super::{Room, failure, group};
use crate::store::{Append, Commit, Result};

/// How many jobs may wait. When it is full, whoever wants to write waits for a place.
pub(super) const QUEUE_MAX: usize = 1_024;
/// How many jobs the writer holds back for a later turn; beyond that it leaves them in the queue.
const BACKLOG_MAX: usize = 1_024;
/// A group takes no more appends once it has this many rows. It bounds how long everybody waits for one commit.
const GROUP_ROWS_MAX: usize = 2_000;
/// Nor once its texts are this long.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// How many changes of metadata are committed between two groups of appends.
const CHANGES_PER_TURN: usize = 8;

/// Something to be written, and who waits for it.
pub(super) enum Job {
    /// Entries of a channel.
    Append(Rows, oneshot::Sender<Result<Append>>),
    /// A change of metadata.
    Change(Change, oneshot::Sender<Result<Commit>>),
    /// A statement on the writer's own connection.
    #[cfg(test)]
    Sql(&'static str, oneshot::Sender<Result<()>>),
}

type Waiting<W, A> = (W, oneshot::Sender<Result<A>>);

/// What the task owns.
pub(super) struct Writer {
    connection: WriteConnection,
    queue: mpsc::Receiver<Job>,
    appends: VecDeque<Waiting<Rows, Append>>,
    changes: VecDeque<Waiting<Change, Commit>>,
    tidy: Tidy,
    room: Room,
}

impl Writer {
    /// For the jobs of this queue.
    pub(super) fn new(connection: WriteConnection, queue: mpsc::Receiver<Job>, room: Room) -> Self {
        let (appends, changes) = (VecDeque::new(), VecDeque::new());
        Self { connection, queue, appends, changes, tidy: Tidy::new(), room }
    }

    /// Writes until `closing`; then what waits is still written. Last, the files are left tidy, and free for others.
    pub(super) async fn run(mut self, closing: CancellationToken, readers: Readers, lock: File) {
        while self.fill(&closing).await {
            self.write_appends().await;
            self.write_changes().await;
            self.tidy.between_turns(&mut self.connection).await;
        }
        // The readers first: the last connection that closes works the write-ahead log into the database.
        readers.close().await;
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing the database failed");
        }
        drop(lock);
    }

    /// Takes what waits; without anything, waits for it. False: closed, and all is written.
    async fn fill(&mut self, closing: &CancellationToken) -> bool {
        while self.appends.is_empty() && self.changes.is_empty() {
            let job = tokio::select! {
                biased;
                () = closing.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
                job = self.queue.recv() => job,
                () = self.tidy.due(), if !self.queue.is_closed() => {
                    self.tidy.when_idle(&mut self.connection).await;
                    continue;
                }
            };
            match job {
                Some(job) => self.take(job).await,
                None => return false,
            }
        }
        // Those who were just answered get to say what comes next: then it is one group, not two.
        tokio::task::yield_now().await;
        while self.appends.len() + self.changes.len() < BACKLOG_MAX {
            let Ok(job) = self.queue.try_recv() else { break };
            self.take(job).await;
        }
        true
    }

    #[cfg_attr(not(test), expect(clippy::unused_async))]
    async fn take(&mut self, job: Job) {
        match job {
            Job::Append(rows, waiter) => self.appends.push_back((rows, waiter)),
            Job::Change(change, waiter) => self.changes.push_back((change, waiter)),
            #[cfg(test)]
            Job::Sql(statement, waiter) => {
                let result = match self.connection.get() {
                    Ok(on) => sqlx::query(statement).fetch_all(on).await.map(drop),
                    Err(error) => Err(error),
                };
                let _ = waiter.send(result.map_err(failure::error));
            }
        }
    }

    async fn write_appends(&mut self) {
        let group = self.next_group();
        if group.is_empty() {
            return;
        }
        let result = self.commit_group(&group).await;
        self.room.note(&result);
        match result {
            // One of them broke a rule of the schema. The others are not to pay for it.
            Err(error) if failure::is_constraint(&error) && group.len() > 1 => {
                for alone in group {
                    let result = self.commit_group(std::slice::from_ref(&alone)).await;
                    answer(vec![alone], result);
                }
            }
            result => answer(group, result),
        }
    }

    /// The first waiting append of each channel: a second one is to see what the first did.
    fn next_group(&mut self) -> Vec<Waiting<Rows, Append>> {
        let mut channels = HashSet::new();
        let (mut rows, mut bytes) = (0, 0);
        let mut group = Vec::new();
        for append in std::mem::take(&mut self.appends) {
            let room = rows < GROUP_ROWS_MAX && bytes < GROUP_BYTES_MAX;
            if room && channels.insert(append.0.channel) {
                rows += append.0.taken;
                bytes += append.0.bytes();
                group.push(append);
            } else {
                self.appends.push_back(append);
            }
        }
        group
    }

    async fn commit_group(&mut self, group: &[Waiting<Rows, Append>]) -> sqlx::Result<Vec<Append>> {
        let rows: Vec<&Rows> = group.iter().map(|(rows, _)| rows).collect();
        if !rows.iter().any(|rows| rows.erases())
            && let Ok(true) = self.commit_at_once(&rows).await
        {
            return Ok(rows.iter().map(|rows| Append::Done { taken: rows.taken }).collect());
        }
        let result = group::write(self.connection.begin().await?, &rows).await;
        let written = |outcomes: &Vec<Append>| outcomes.iter().any(|outcome| matches!(outcome, Append::Done { .. }));
        let keep = result.as_ref().is_ok_and(written);
        let result = self.connection.end(result, keep).await;
        if result.is_ok() && rows.iter().any(|rows| rows.erases()) {
            self.tidy.text_was_erased();
        }
        result
    }

    /// Whatever it fails of is found again, and told, by the way that takes all cases.
    async fn commit_at_once(&mut self, rows: &[&Rows]) -> sqlx::Result<bool> {
        group::write_at_once(self.connection.get()?, rows).await
    }

    async fn write_changes(&mut self) {
        for _ in 0..CHANGES_PER_TURN {
            let Some((change, waiter)) = self.changes.pop_front() else { return };
            let result = self.commit_change(&change).await;
            self.room.note(&result);
            if change.deletes_channels() && matches!(result, Ok(Commit::Done(_))) {
                self.tidy.channel_was_deleted();
            }
            let _ = waiter.send(result.map_err(failure::error));
        }
    }

    async fn commit_change(&mut self, change: &Change) -> sqlx::Result<Commit> {
        let result = changes::write(self.connection.begin().await?, change).await;
        let keep = matches!(result, Ok(Commit::Done(_)));
        self.connection.end(result, keep).await
    }
}

/// Tells each what became of it. Whoever has gone meanwhile will find out by trying again.
fn answer(group: Vec<Waiting<Rows, Append>>, result: sqlx::Result<Vec<Append>>) {
    match result {
        Ok(outcomes) => {
            for ((_, waiter), outcome) in group.into_iter().zip(outcomes) {
                let _ = waiter.send(Ok(outcome));
            }
        }
        Err(error) => {
            tracing::warn!(%error, appends = group.len(), "a group of appends failed");
            let error = Arc::new(error);
            for (_, waiter) in group {
                let _ = waiter.send(Err(failure::shared(&error)));
            }
        }
    }
}
