//! Points in time.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A point in time as the server tells it: UTC, to the nanosecond. Shows itself as RFC 3339.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: i32,
}

impl Timestamp {
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.seconds.saturating_mul(1_000).saturating_add(i64::from(self.nanos) / 1_000_000)
    }

    /// As the standard library has it; the Unix epoch if it lies outside of what that can hold.
    #[must_use]
    pub fn to_system_time(self) -> SystemTime {
        let whole = Duration::from_secs(self.seconds.unsigned_abs());
        let part = Duration::from_nanos(u64::from(self.nanos.unsigned_abs()));
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if self.seconds < 0 { epoch.checked_sub(whole) } else { epoch.checked_add(whole) };
        time.and_then(|time| time.checked_add(part)).unwrap_or(epoch)
    }

    /// Out of milliseconds since the Unix epoch.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Self {
        let nanos = i32::try_from(millis.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
        Self { seconds: millis.div_euclid(1_000), nanos }
    }

    pub(crate) fn or_epoch(wire: Option<prost_types::Timestamp>) -> Self {
        wire.map(Self::from).unwrap_or_default()
    }
}

impl From<prost_types::Timestamp> for Timestamp {
    fn from(wire: prost_types::Timestamp) -> Self {
        Self { seconds: wire.seconds, nanos: wire.nanos.clamp(0, 999_999_999) }
    }
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.seconds, nanos: time.nanos }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        prost_types::Timestamp::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_itself_as_rfc_3339() {
        let time = Timestamp::from(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 123_000_000 });
        assert_eq!(time.to_string(), "2027-01-15T08:00:00.123Z");
        assert_eq!(time.unix_millis(), 1_800_000_000_123);
        assert_eq!(Timestamp::from_unix_millis(1_800_000_000_123), time);
        assert_eq!(Timestamp::from_unix_millis(-1).unix_millis(), -1);
        let since = time.to_system_time().duration_since(SystemTime::UNIX_EPOCH);
        assert_eq!(since.unwrap().as_millis(), 1_800_000_000_123);
    }
}
