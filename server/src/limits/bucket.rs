//! Buckets of this process. A bucket is one moment: when it is full again (GCRA). It is kept no longer than until then.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Key, Limit};

/// What became of an attempt to take one out of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was full.
    FromFull,
    /// There was one more.
    Further,
}

/// The buckets that are not full. Their times are microseconds since the process began to count, by a clock that nobody
/// can set.
pub(super) struct Buckets {
    begun: Instant,
    full_at_us: Mutex<HashMap<(&'static str, Key), u64>>,
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), full_at_us: Mutex::default() }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes one.
    ///
    /// # Errors
    /// It is empty: when there is one again. Nothing was taken.
    pub(super) fn take(&self, limit: &Limit, key: &Key) -> Result<Taken, Duration> {
        let now_us = self.now_us();
        let mut all = self.full_at_us.lock();
        let known = all.get(&(limit.name, key.clone())).copied().unwrap_or(now_us);
        let next = taken(known, now_us, limit)?;
        all.insert((limit.name, key.clone()), next);
        Ok(if known <= now_us { Taken::FromFull } else { Taken::Further })
    }

    /// Puts one back.
    pub(super) fn give_back(&self, limit: &Limit, key: &Key) {
        if let Some(full_at_us) = self.full_at_us.lock().get_mut(&(limit.name, key.clone())) {
            *full_at_us = full_at_us.saturating_sub(limit.interval_us());
        }
    }

    /// Another one knows better: the bucket is full after this time.
    pub(super) fn set(&self, limit: &Limit, key: &Key, full_in_us: u64) {
        let full_at_us = self.now_us() + full_in_us;
        self.full_at_us.lock().insert((limit.name, key.clone()), full_at_us);
    }

    /// Drops those that are full.
    pub(super) fn forget_full(&self) {
        let now_us = self.now_us();
        let mut all = self.full_at_us.lock();
        all.retain(|_, full_at_us| *full_at_us > now_us);
        // What a flood has left behind.
        if all.capacity() > 4 * all.len().max(1_024) {
            all.shrink_to_fit();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.full_at_us.lock().len()
    }
}

/// When a bucket is full again after one was taken. The script of Redis does the same.
fn taken(full_at_us: u64, now_us: u64, limit: &Limit) -> Result<u64, Duration> {
    let empty_us = now_us + limit.capacity_us();
    // An interval may have become shorter, and the bucket must not remember the longer one.
    let next = full_at_us.clamp(now_us, empty_us) + limit.interval_us();
    match next.saturating_sub(empty_us) {
        0 => Ok(next),
        wait_us => Err(Duration::from_micros(wait_us)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIVE: Limit = Limit { name: "five", burst: 5, per: Duration::from_secs(10) };

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_per_interval() {
        let mut full_at = 0;
        for _ in 0..5 {
            full_at = taken(full_at, 1_000, &FIVE).expect("one of five");
        }
        assert_eq!(taken(full_at, 1_000, &FIVE), Err(Duration::from_secs(2)));
        assert_eq!(taken(full_at, 500_001_000, &FIVE), Ok(502_001_000), "full again, and no fuller than that");
        assert_eq!(taken(full_at, 2_000_999, &FIVE), Err(Duration::from_micros(1)));
        assert!(taken(full_at, 2_001_000, &FIVE).is_ok());
    }

    #[test]
    fn what_is_remembered_is_no_longer_than_the_limit() {
        assert_eq!(taken(u64::MAX / 2, 1_000, &FIVE), Err(Duration::from_secs(2)));
    }

    proptest! {
        /// Whoever asks when and as often as they like: in any stretch of time there is no more than the burst and what
        /// came back meanwhile; and whoever waits as long as told gets one.
        #[test]
        fn never_more_than_the_limit(pauses in prop::collection::vec(0_u64..4_000_000, 1..200)) {
            let (mut now, mut full_at, mut given) = (0, 0, Vec::new());
            for pause in pauses {
                now += pause;
                match taken(full_at, now, &FIVE) {
                    Ok(next) => {
                        full_at = next;
                        given.push(now);
                    }
                    Err(wait) => {
                        let then = now + u64::try_from(wait.as_micros()).expect("small");
                        prop_assert!(taken(full_at, then, &FIVE).is_ok());
                        prop_assert!(taken(full_at, then - 1, &FIVE).is_err());
                    }
                }
            }
            for (first, from) in given.iter().enumerate() {
                for (last, to) in given.iter().enumerate().skip(first) {
                    let allowed = 5 + (to - from) / FIVE.interval_us();
                    prop_assert!((last - first + 1) as u64 <= allowed);
                }
            }
        }
    }
}
