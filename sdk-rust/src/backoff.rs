//! How long to wait before the next try. Pure: it neither sleeps nor talks.

use std::time::Duration;

use tokio::time::Instant;

/// The first bound of a wait.
const BASE: Duration = Duration::from_millis(250);
/// No wait is drawn from more than this; a server that asks for more gets more.
const CAP: Duration = Duration::from_secs(30);
/// A connection that lived this long has made up for the failures before it.
const STABLE: Duration = Duration::from_secs(60);

/// Exponential back-off with full jitter: the nth wait is drawn evenly from nothing to `250 ms * 2^n`, at most 30 s.
///
/// Full jitter, because all clients of a server lose it in the same instant and must not come back in the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    connected: Option<Instant>,
}

impl Backoff {
    /// Says that a connection stands.
    pub(crate) fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// The wait after a rate limit. It is no failure: however often the limit is met, the wait is what was asked for and the
    /// first bound of jitter at most, lest those who wait together come together again.
    pub(crate) fn when_limited(asked: Duration) -> Duration {
        asked + jitter(0, rand::random())
    }

    /// The wait after a failure or a lost connection, not shorter than `at_least`.
    pub(crate) fn next(&mut self, at_least: Option<Duration>) -> Duration {
        if let Some(since) = self.connected.take()
            && since.elapsed() >= STABLE
        {
            self.failures = 0;
        }
        let wait = jitter(self.failures, rand::random());
        self.failures = self.failures.saturating_add(1);
        // On top of what the server asks for, not instead of it: it told everybody the same.
        at_least.map_or(wait, |least| least + wait)
    }
}

/// For [`backon`], which wants one wait after the other.
impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Self::next(self, None))
    }
}

/// A part of the nth bound; `random` lies in `0.0..1.0`.
pub(crate) fn jitter(failures: u32, random: f64) -> Duration {
    let bound = BASE.saturating_mul(2_u32.saturating_pow(failures)).min(CAP);
    bound.mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds = [0, 1, 2, 6, 7, 8, 40].map(|failures| jitter(failures, 1.0));
        let expected = [250, 500, 1_000, 16_000, 30_000, 30_000, 30_000];
        assert_eq!(bounds, expected.map(Duration::from_millis));
        assert_eq!(jitter(5, 0.0), Duration::ZERO);
    }

    #[test]
    fn waits_are_spread_over_the_whole_bound() {
        let waits: Vec<_> = (0..1_000).map(|_| Backoff::default().next(None)).collect();
        let quarter = BASE / 4;
        let low = waits.iter().filter(|wait| **wait < quarter).count();
        assert!((150..350).contains(&low), "{low} of 1000 in the first quarter");
        assert!(waits.iter().all(|wait| *wait < BASE));
    }

    #[test]
    fn the_servers_word_is_the_least() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(45);
        for _ in 0..20 {
            let wait = backoff.next(Some(asked));
            assert!(wait >= asked && wait < asked + CAP, "{wait:?}");
        }
    }

    #[test]
    fn a_rate_limit_is_waited_for_as_asked() {
        let asked = Duration::from_secs(45);
        for _ in 0..100 {
            let wait = Backoff::when_limited(asked);
            assert!(wait >= asked && wait < asked + BASE, "{wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_stable_minute_forgives() {
        let mut backoff = Backoff::default();
        for _ in 0..6 {
            backoff.connected();
            tokio::time::advance(Duration::from_secs(59)).await;
            backoff.next(None);
        }
        assert_eq!(backoff.failures, 6);
        backoff.connected();
        tokio::time::advance(STABLE).await;
        assert!(backoff.next(None) < BASE);
        assert_eq!(backoff.failures, 1);
        backoff.next(None);
        assert_eq!(backoff.failures, 2);
    }
}
