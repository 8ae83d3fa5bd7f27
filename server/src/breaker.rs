//! A breaker: what was seen of a service that this node stands on, and whether it is worth asking.
//!
//! While it is closed every call passes. After `TIMEOUTS_MAX` time-outs in a row, or once half of the last `WINDOW` calls
//! failed, it opens: calls are refused at once, but for one each second or so, which is the probe. Any good answer,
//! of a probe or of a call that began before, closes it. Whoever asks reports what it saw; a call that was given up is
//! not reported, because nobody knows what it would have been. A refused call was not sent: nothing is unknown about it.
//! Work whose outcome is unknown already is not refused anything, see those who settle it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::metrics::{Dependency, METRICS};

/// Calls that are looked back at.
const WINDOW: u32 = 20;
/// So many of them failed: it opens.
const FAILED_MAX: u32 = WINDOW / 2;
/// So many timed out in a row: it opens.
const TIMEOUTS_MAX: u32 = 5;
/// Between two probes, in milliseconds; by chance, so that nodes do not probe together.
const PROBE_MS: std::ops::RangeInclusive<u64> = 750..=1_250;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The service answered, whatever it said.
    Answered,
    /// It said that it cannot serve anybody now, or could not be reached.
    Failed,
    /// It did not answer in time.
    TimedOut,
}

/// The call was not tried, because the service does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {} does not answer; the call was not tried", .0.name())]
pub struct Refused(pub Dependency);

/// See the file.
#[derive(Debug)]
pub struct Breaker {
    dependency: Dependency,
    /// For those who only want to pass.
    open: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The last calls, a bit each: 1 failed.
    failed: u32,
    calls: u32,
    timeouts: u32,
    /// When the first call began that was not answered, if none was since.
    silent_since: Option<Instant>,
    /// Open: when the next probe may pass.
    probe_at: Option<Instant>,
}

impl Breaker {
    /// A closed one, in front of this.
    pub fn new(dependency: Dependency) -> Self {
        Self { dependency, open: AtomicBool::new(false), seen: Mutex::default() }
    }

    /// Whether a call may be tried.
    ///
    /// # Errors
    /// It may not.
    pub fn admit(&self) -> Result<(), Refused> {
        if !self.is_open() {
            return Ok(());
        }
        let mut seen = self.seen.lock();
        let Some(probe_at) = seen.probe_at else { return Ok(()) };
        let now = Instant::now();
        if now < probe_at {
            METRICS.breaker_refused.get(self.dependency).inc();
            return Err(Refused(self.dependency));
        }
        seen.probe_at = Some(next_probe(now));
        Ok(())
    }

    /// A call that began then ended so.
    pub fn note(&self, began: Instant, verdict: Verdict) {
        let mut seen = self.seen.lock();
        if verdict == Verdict::Answered && seen.probe_at.is_some() {
            *seen = Seen::default();
            self.show(false);
            tracing::info!(dependency = self.dependency.name(), "answers again");
        }
        let opens = seen.take(began, verdict) && seen.probe_at.is_none();
        if opens {
            seen.probe_at = Some(next_probe(Instant::now()));
            self.show(true);
            METRICS.breaker_opened.get(self.dependency).inc();
            tracing::warn!(dependency = self.dependency.name(), "does not answer; calls are refused until it does");
        }
    }

    fn show(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
        METRICS.breaker_open.get(self.dependency).set(open.into());
    }

    /// Whether calls are refused.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// For how long nothing was answered although somebody asked; `None`: the last call was answered.
    pub fn silent_for(&self) -> Option<Duration> {
        self.seen.lock().silent_since.map(|since| since.elapsed())
    }
}

impl Seen {
    /// Whether that is too much.
    fn take(&mut self, began: Instant, verdict: Verdict) -> bool {
        let failed = verdict != Verdict::Answered;
        self.failed = (self.failed << 1 | u32::from(failed)) & ((1 << WINDOW) - 1);
        self.calls = (self.calls + 1).min(WINDOW);
        self.timeouts = if verdict == Verdict::TimedOut { self.timeouts + 1 } else { 0 };
        match failed {
            true => self.silent_since = Some(self.silent_since.map_or(began, |since| since.min(began))),
            false => self.silent_since = None,
        }
        let half = self.calls >= WINDOW && self.failed.count_ones() >= FAILED_MAX;
        failed && (half || self.timeouts >= TIMEOUTS_MAX)
    }
}

fn next_probe(now: Instant) -> Instant {
    now + Duration::from_millis(rand::random_range(PROBE_MS))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn breaker(verdicts: &[Verdict]) -> Breaker {
        let breaker = Breaker::new(Dependency::Log);
        verdicts.iter().for_each(|verdict| breaker.note(Instant::now(), *verdict));
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn five_time_outs_in_a_row_open_it() {
        let four = [Verdict::TimedOut; 4];
        assert!(!breaker(&four).is_open());
        assert!(breaker(&[Verdict::TimedOut; 5]).is_open());
        let broken = [four.as_slice(), &[Verdict::Answered], &four].concat();
        assert!(!breaker(&broken).is_open(), "an answer between them");
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_twenty_open_it_and_fewer_do_not() {
        let mixed = [Verdict::Failed, Verdict::Answered].repeat(9);
        let breaker = breaker(&mixed);
        assert!(!breaker.is_open(), "eighteen are too few to judge by");
        breaker.note(Instant::now(), Verdict::Answered);
        breaker.note(Instant::now(), Verdict::Answered);
        assert!(!breaker.is_open(), "nine of twenty");
        (0..3).for_each(|_| breaker.note(Instant::now(), Verdict::Failed));
        assert!(breaker.is_open());
        let rare = [Verdict::Failed, Verdict::Answered, Verdict::Answered].repeat(100);
        assert!(!self::breaker(&rare).is_open(), "a third");
    }

    #[tokio::test(start_paused = true)]
    async fn open_it_lets_one_call_through_each_second_until_one_is_answered() {
        let breaker = breaker(&[Verdict::TimedOut; 5]);
        assert_eq!(breaker.admit(), Err(Refused(Dependency::Log)));
        for _ in 0..10 {
            advance(Duration::from_millis(*PROBE_MS.end())).await;
            assert_eq!(breaker.admit(), Ok(()), "the probe");
            assert!(breaker.admit().is_err(), "and no other");
            breaker.note(Instant::now(), Verdict::TimedOut);
            assert!(breaker.admit().is_err());
        }
        advance(Duration::from_millis(*PROBE_MS.end())).await;
        assert_eq!(breaker.admit(), Ok(()));
        breaker.note(Instant::now(), Verdict::Answered);
        assert!((0..100).all(|_| breaker.admit().is_ok()), "closed");
        breaker.note(Instant::now(), Verdict::TimedOut);
        assert!(!breaker.is_open(), "what was before does not count any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_never_ends_stops_nobody() {
        let breaker = breaker(&[Verdict::TimedOut; 5]);
        for _ in 0..3 {
            advance(Duration::from_millis(*PROBE_MS.end())).await;
            assert_eq!(breaker.admit(), Ok(()), "the one before was given up, and nothing was heard of it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_closes_it() {
        let breaker = breaker(&[Verdict::TimedOut; 5]);
        breaker.note(Instant::now(), Verdict::Answered);
        assert_eq!(breaker.admit(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_first_call_that_was_not_answered() {
        let breaker = breaker(&[Verdict::Answered]);
        assert_eq!(breaker.silent_for(), None);
        let began = Instant::now();
        advance(Duration::from_secs(6)).await;
        breaker.note(began, Verdict::TimedOut);
        assert_eq!(breaker.silent_for(), Some(Duration::from_secs(6)));
        advance(Duration::from_secs(2)).await;
        breaker.note(Instant::now(), Verdict::Failed);
        assert_eq!(breaker.silent_for(), Some(Duration::from_secs(8)));
        breaker.note(Instant::now(), Verdict::Answered);
        assert_eq!(breaker.silent_for(), None);
    }
}
