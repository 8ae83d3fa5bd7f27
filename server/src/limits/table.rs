//! Every rate limit: one line each. `docs/operations.md` shows the same table, and a test compares them.

use std::time::Duration;

/// A limit: a bucket of `burst` that fills up in `per`. Each thing that is done takes one out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How refusals name it.
    pub name: &'static str,
    /// How many may be done at once.
    pub burst: u32,
    /// How long an empty bucket takes to fill up; zero: there is no limit.
    pub per: Duration,
}

impl Limit {
    /// The time in which one comes back, in microseconds.
    pub(super) fn interval_us(&self) -> u64 {
        u64::try_from(self.per.as_micros()).unwrap_or(u64::MAX) / u64::from(self.burst.max(1))
    }

    /// The time in which all come back, in microseconds.
    pub(super) fn capacity_us(&self) -> u64 {
        self.interval_us() * u64::from(self.burst)
    }
}

/// Makes the constants, and the list of them all.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal, $burst:literal per $seconds:literal s;)+) => {
        $(
            $(#[doc = $doc])+
            pub const $constant: Limit =
                Limit { name: $name, burst: $burst, per: Duration::from_secs($seconds) };
        )+

        /// All of them, but for slow mode, whose interval each channel has for itself.
        pub const ALL: &[Limit] = &[$($constant),+];
    };
}

limits! {
    /// Messages of a person, in all channels together.
    SEND = "messages.send", 10 per 10 s;
    /// Messages of a bot.
    BOT_SEND = "bot.messages.send", 100 per 2 s;
    /// Edits and deletions of a person.
    CHANGE = "messages.change", 20 per 10 s;
    /// Edits and deletions of a bot.
    BOT_CHANGE = "bot.messages.change", 100 per 2 s;
    /// How often a user is shown to begin typing. What is beyond it is dropped without a word.
    TYPING = "typing", 10 per 10 s;
    /// Gateway sessions that a person begins, resumed ones too.
    IDENTIFY = "gateway.identify", 20 per 60 s;
    /// Gateway sessions that a bot begins: it serves many guilds from many processes.
    BOT_IDENTIFY = "bot.gateway.identify", 400 per 60 s;
    /// Gateway sessions that begin from one address.
    PEER_IDENTIFY = "address.gateway.identify", 300 per 60 s;
    /// Wrong passwords for one account from one address. The right one is not counted, but while the bucket is empty it is
    /// not tried either.
    LOGIN = "login", 5 per 900 s;
    /// Logins from one address, to whatever account.
    PEER_LOGIN = "address.login", 100 per 900 s;
    /// Accounts that are made from one address.
    PEER_REGISTER = "address.register", 20 per 3600 s;
    /// Invites that a user tries.
    INVITE = "invites.accept", 20 per 600 s;
    /// Guilds that a user makes.
    GUILD = "guilds.create", 10 per 3600 s;
    /// Channels that a user makes.
    CHANNEL = "channels.create", 50 per 600 s;
    /// Bots that a person makes.
    BOT = "bots.create", 10 per 3600 s;
    /// Changes of a profile.
    PROFILE = "users.update", 10 per 600 s;
}

/// Slow mode of a channel: one message of each user per interval; zero: as many as they like.
pub fn slow_mode(interval: Duration) -> Limit {
    Limit { name: "channel.slow_mode", burst: 1, per: interval }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, path::Path};

    use super::*;

    #[test]
    fn names_are_unique_and_intervals_are_whole() {
        let names: HashSet<_> = ALL.iter().map(|limit| limit.name).collect();
        assert_eq!(names.len(), ALL.len());
        for limit in ALL {
            assert!(limit.interval_us() > 0, "{limit:?}");
            assert_eq!(u128::from(limit.capacity_us()), limit.per.as_micros(), "{limit:?}");
        }
    }

    #[test]
    fn the_handbook_shows_the_same() {
        let handbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
        let text = std::fs::read_to_string(handbook).expect("the handbook");
        for limit in ALL {
            let row = format!("| `{}` | {} in {} s |", limit.name, limit.burst, limit.per.as_secs());
            assert!(text.contains(&row), "docs/operations.md has no line that begins with: {row}");
        }
    }
}
