//! The only place that reads the time. Everything else asks a `Clock`, so that tests decide what time it is.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;

/// Tells the time in Unix milliseconds. It never goes back within a process: when the system's clock is set back, it
/// goes on from where it was. A cheap handle.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System(Mutex<Anchor>),
    Manual(Mutex<u64>),
}

/// The latest time that was told, and when that was by the clock that nobody can set.
#[derive(Debug)]
struct Anchor {
    ms: u64,
    at: Instant,
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Arc::new(Source::System(Mutex::new(Anchor { ms: system_ms(), at: monotonic() }))))
    }

    /// A clock that stands still until it is told to move.
    pub fn manual(start_ms: u64) -> Self {
        Self(Arc::new(Source::Manual(Mutex::new(start_ms))))
    }

    /// Now.
    pub fn now_ms(&self) -> u64 {
        match &*self.0 {
            Source::System(anchor) => anchor.lock().advance(system_ms(), monotonic()),
            Source::Manual(now_ms) => *now_ms.lock(),
        }
    }

    /// Moves a manual clock; the machine's clock is not impressed.
    pub fn advance(&self, by_ms: u64) {
        if let Source::Manual(now_ms) = &*self.0 {
            *now_ms.lock() += by_ms;
        }
    }
}

impl Anchor {
    /// Takes the system's time, or, if that was set back, the old one and what has passed since.
    fn advance(&mut self, system_ms: u64, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.at);
        let expected_ms = self.ms + u64::try_from(passed.as_millis()).unwrap_or(0);
        if system_ms >= expected_ms {
            *self = Self { ms: system_ms, at };
            return system_ms;
        }
        // The anchor stays where it is, so that parts of milliseconds are not lost at each call.
        expected_ms
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the time")]
fn system_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the time")]
fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn set_back_ten_minutes_it_goes_on() {
        let start = monotonic();
        let mut anchor = Anchor { ms: 1_000_000, at: start };
        assert_eq!(anchor.advance(1_000_500, start + Duration::from_millis(500)), 1_000_500);
        assert_eq!(anchor.advance(400_600, start + Duration::from_millis(600)), 1_000_600);
        assert_eq!(anchor.advance(400_700, start + Duration::from_millis(700)), 1_000_700);
        assert_eq!(anchor.advance(1_000_800, start + Duration::from_millis(750)), 1_000_800);
    }

    #[test]
    fn set_forward_and_back_it_still_moves() {
        let start = monotonic();
        let mut anchor = Anchor { ms: 1_000, at: start };
        assert_eq!(anchor.advance(9_000, start + Duration::from_millis(10)), 9_000);
        assert_eq!(anchor.advance(1_020, start + Duration::from_millis(30)), 9_020);
    }

    #[test]
    fn a_manual_clock_moves_when_told() {
        let clock = Clock::manual(7);
        clock.clone().advance(3);
        assert_eq!(clock.now_ms(), 10);
    }
}
