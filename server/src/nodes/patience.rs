//! How long a peer may take to commit. One that hangs is to be passed over soon; one whose storage is slow is not: whoever
//! passes it over writes beside it, and writers that race make a slow storage slower until nobody is acknowledged.

use std::time::Duration;

/// For a peer of which nothing else is known.
const MIN: Duration = Duration::from_secs(1);
/// A peer that hangs counts as gone before this is reached again and again.
const MAX: Duration = Duration::from_secs(8);

/// Grows with each answer that does not come, and follows the answers that do.
#[derive(Debug)]
pub(super) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(MIN)
    }
}

impl Patience {
    /// As of now.
    pub(super) fn now(&self) -> Duration {
        self.0
    }

    /// It answered after this time: it may take twice as long.
    pub(super) fn answered(&mut self, after: Duration) {
        self.0 = (after * 2).clamp(MIN, MAX);
    }

    /// It did not answer in time.
    pub(super) fn was_in_vain(&mut self) {
        self.0 = (self.0 * 2).min(MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_peer_is_waited_for_and_a_fast_one_is_not() {
        let mut patience = Patience::default();
        assert_eq!(patience.now(), MIN);
        for expected_s in [2, 4, 8, 8] {
            patience.was_in_vain();
            assert_eq!(patience.now(), Duration::from_secs(expected_s));
        }
        patience.answered(Duration::from_millis(1_800));
        assert_eq!(patience.now(), Duration::from_millis(3_600));
        patience.answered(Duration::from_millis(20));
        assert_eq!(patience.now(), MIN);
    }
}
