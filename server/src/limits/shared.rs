//! The buckets that several nodes share. They decide; those of this process only save the way to them.
//!
//! Nobody waits for them for long: what does not answer at once is gone, each node goes by its own buckets then, and it is
//! asked again now and then, beside what people wait for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;

use super::{Exceeded, Key, Limit, UNASKED_BURST_MIN, bucket::Buckets};

/// How long an answer is waited for. On a network on which it often takes longer nothing is shared.
const ANSWER: Duration = Duration::from_millis(25);
/// How soon one that did not answer is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Charges under way; what is beyond is not charged, and given away by as many nodes as there are.
const CHARGES_MAX: usize = 256;

/// What is to be done to a shared bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Take one, if there is one.
    Take,
    /// Take one that was given away already, down to nothing.
    Charge,
    /// Put one back.
    GiveBack,
}

/// A change of a shared bucket.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its name: that of the limit and the key.
    pub bucket: String,
    /// The time in which one comes back, in microseconds.
    pub interval_us: u64,
    /// The time in which all come back, in microseconds.
    pub capacity_us: u64,
    /// What is to be done.
    pub what: What,
}

/// What a shared bucket is like after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Whether it was done: taking from an empty one is not.
    pub done: bool,
    /// When it is full again, in microseconds from now.
    pub full_in_us: u64,
}

/// Where the shared buckets are.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Changes a bucket. `None`: there is no answer. May be dropped while it waits.
    async fn change(&self, change: Change) -> Option<Level>;
}

/// The shared buckets as this node sees them.
pub(super) struct Shared {
    ledger: Arc<dyn Ledger>,
    buckets: Arc<Buckets>,
    answers: AtomicBool,
    /// When one that did not answer may be asked again.
    again_at: Mutex<Instant>,
    charges: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Shared {
    pub(super) fn new(ledger: Arc<dyn Ledger>, buckets: Arc<Buckets>) -> Arc<Self> {
        Arc::new(Self {
            ledger,
            buckets,
            // Not known yet: the first ones do not wait to find out.
            answers: AtomicBool::new(false),
            again_at: Mutex::new(Instant::now()),
            charges: Arc::new(Semaphore::new(CHARGES_MAX)),
            tasks: TaskTracker::new(),
        })
    }

    /// Whether it is worth asking.
    pub(super) fn answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// Takes one, after this node's own bucket had one. Without an answer that is enough.
    pub(super) async fn take(&self, limit: &Limit, key: &Key) -> Result<(), Exceeded> {
        match self.change(limit, key, What::Take).await {
            Some(Level { done: false, full_in_us }) => {
                let wait_us = (full_in_us + limit.interval_us()).saturating_sub(limit.capacity_us()).max(1);
                Err(Exceeded { limit: limit.name, retry_after: Duration::from_micros(wait_us) })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Tells what was done already, without waiting for it. This is also how it is found out that there are answers again.
    pub(super) fn tell(self: &Arc<Self>, limit: &Limit, key: &Key, what: What) {
        // A small bucket is told of everything: what is late there may still be counted, and a charge without what is given
        // back for it would keep somebody out who has the right password.
        if !self.answers() && limit.burst >= UNASKED_BURST_MIN && !self.is_due() {
            return;
        }
        let Ok(place) = Arc::clone(&self.charges).try_acquire_owned() else { return };
        let (shared, limit, key) = (Arc::clone(self), *limit, key.clone());
        self.tasks.spawn(async move {
            let _place = place;
            shared.change(&limit, &key, what).await;
        });
    }

    /// Whether it is time to ask one that did not answer; true for one of those who want to know.
    fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut again_at = self.again_at.lock();
        let due = *again_at <= now;
        if due {
            *again_at = now + AGAIN_AFTER;
        }
        due
    }

    async fn change(&self, limit: &Limit, key: &Key, what: What) -> Option<Level> {
        let bucket = format!("{}:{key}", limit.name);
        let change = Change { bucket, interval_us: limit.interval_us(), capacity_us: limit.capacity_us(), what };
        let level = timeout(ANSWER, self.ledger.change(change)).await.ok().flatten();
        let answered = level.is_some();
        if let Some(level) = level {
            self.buckets.set(limit, key, level.full_in_us);
        } else {
            *self.again_at.lock() = Instant::now() + AGAIN_AFTER;
        }
        if self.answers.swap(answered, Ordering::Relaxed) != answered {
            match answered {
                true => tracing::info!("rate limits are shared with the other nodes"),
                false => tracing::warn!("rate limits are this node's own: the relay does not answer"),
            }
        }
        level
    }
}
