//! Events as work: each is handed to a program or a URL, several at a time, those of one stream one after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use guildhall::{Cursor, StreamKey};
use tokio::sync::watch;

use super::event::Happening;
use super::exec::Exec;
use super::forward::Forward;

/// Events that are in work or wait for it. When full, no more are taken: the server keeps them.
const QUEUE_MAX: usize = 256;
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Who does the work.
#[derive(Debug)]
pub(super) enum Handler {
    Exec(Exec),
    Forward(Forward),
}

/// How one try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Done,
    /// It may go better the next time.
    Failed(String),
    /// It will never go better.
    Refused(String),
}

/// What became of an event.
#[derive(Debug)]
pub(super) struct Done {
    lane: Lane,
    pub(super) cursor: Option<Cursor>,
    /// What to tell.
    pub(super) trouble: Option<String>,
    /// Whether it is over; else it is to be done again by the next process.
    pub(super) is_over: bool,
}

/// Events of one lane are done one after the other.
type Lane = Option<StreamKey>;

/// The events in work.
pub(super) struct Work {
    handler: Arc<Handler>,
    jobs: usize,
    retries: Option<u32>,
    waiting: HashMap<Lane, VecDeque<Happening>>,
    /// Lanes that have something to do and nobody on it, oldest first.
    idle: VecDeque<Lane>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    queued: usize,
    stopping: watch::Sender<bool>,
}

impl Work {
    pub(super) fn new(handler: Handler, jobs: usize, retries: Option<u32>) -> Self {
        // A program that fails three times has a fault; a URL that does not answer is down for a while.
        let retries = match &handler {
            Handler::Exec(_) => Some(retries.unwrap_or(3)),
            Handler::Forward(_) => retries,
        };
        Self {
            handler: Arc::new(handler),
            jobs,
            retries,
            waiting: HashMap::new(),
            idle: VecDeque::new(),
            running: FuturesUnordered::new(),
            queued: 0,
            stopping: watch::Sender::new(false),
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.queued < QUEUE_MAX
    }

    /// Takes an event in.
    pub(super) fn push(&mut self, happening: Happening) {
        // With one job at a time there is one lane: the order is that in which the events came.
        let lane = happening.cursor.filter(|_| self.jobs > 1).map(|cursor| cursor.stream);
        self.queued += 1;
        match self.waiting.get_mut(&lane) {
            // Somebody is on it, or it is in `idle` already.
            Some(queue) => queue.push_back(happening),
            None => {
                self.waiting.insert(lane, VecDeque::from([happening]));
                self.idle.push_back(lane);
            }
        }
        self.start();
    }

    /// Waits until an event of those in work is over.
    pub(super) async fn next_done(&mut self) -> Done {
        let Some(done) = self.running.next().await else {
            return std::future::pending().await;
        };
        self.queued -= 1;
        let is_empty = self.waiting.get(&done.lane).is_none_or(VecDeque::is_empty);
        if is_empty {
            self.waiting.remove(&done.lane);
        } else {
            self.idle.push_back(done.lane);
        }
        self.start();
        done
    }

    /// Begins nothing new and repeats nothing; what runs comes to its end.
    pub(super) fn stop(&mut self) {
        self.stopping.send_replace(true);
        self.idle.clear();
    }

    fn start(&mut self) {
        while self.running.len() < self.jobs && !*self.stopping.borrow() {
            let Some(lane) = self.idle.pop_front() else {
                return;
            };
            let Some(happening) = self.waiting.get_mut(&lane).and_then(VecDeque::pop_front) else {
                continue;
            };
            let handler = Arc::clone(&self.handler);
            let stopping = self.stopping.subscribe();
            let job = Job { handler, happening, lane, retries: self.retries, stopping };
            self.running.push(Box::pin(job.run()));
        }
    }
}

struct Job {
    handler: Arc<Handler>,
    happening: Happening,
    lane: Lane,
    retries: Option<u32>,
    stopping: watch::Receiver<bool>,
}

impl Job {
    async fn run(mut self) -> Done {
        let mut tries: u32 = 0;
        loop {
            let why = match self.attempt().await {
                Attempt::Done => return self.done(None, true),
                Attempt::Refused(why) => {
                    let trouble = self.trouble(&why, "passed over");
                    return self.done(Some(trouble), true);
                }
                Attempt::Failed(why) => why,
            };
            tries += 1;
            if self.retries.is_some_and(|retries| tries > retries) {
                let trouble = self.trouble(&why, &format!("passed over after {tries} tries"));
                return self.done(Some(trouble), true);
            }
            let is_stopping = self.stopping.wait_for(|stopping| *stopping);
            if tokio::time::timeout(backoff(tries), is_stopping).await.is_ok() {
                let trouble = self.trouble(&why, "left for the next start");
                return self.done(Some(trouble), false);
            }
        }
    }

    async fn attempt(&self) -> Attempt {
        match &*self.handler {
            Handler::Exec(exec) => exec.run(&self.happening).await,
            Handler::Forward(forward) => forward.post(&self.happening).await,
        }
    }

    fn trouble(&self, why: &str, what: &str) -> String {
        let token = self.happening.cursor.map_or_else(String::new, |cursor| format!(" {cursor}"));
        format!("{}{token}: {why}: {what}", self.happening.name)
    }

    fn done(self, trouble: Option<String>, is_over: bool) -> Done {
        let cursor = self.happening.cursor;
        Done { lane: self.lane, cursor, trouble, is_over }
    }
}

/// 1, 2, 4 s and so on.
fn backoff(tries: u32) -> Duration {
    let factor = 2_u32.saturating_pow(tries.saturating_sub(1));
    BACKOFF_FIRST.saturating_mul(factor).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let waits = [1, 2, 3, 5, 6, 60].map(|tries| backoff(tries).as_secs());
        assert_eq!(waits, [1, 2, 4, 16, 30, 30]);
    }
}
