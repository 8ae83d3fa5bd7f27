//! How much of what anybody may do: buckets that empty as things are done and fill up with time (GCRA).
//!
//! One process alone has its own buckets and nothing else. Nodes that share a `Ledger` count together: a bucket that is
//! full here gives its first one without asking and has it charged beside; whoever goes on asks first. So people who
//! type cost no way to the ledger, and over N nodes there is at most the burst and N more. Small bursts, slow mode among
//! them, always ask. Without an answer each node goes by its own buckets.
//!
//! The arithmetic is here and not a library's, because the same few lines run in the ledger's script, slow mode has an
//! interval of its own in each channel, what was taken can be given back, and a node takes over what the ledger says.

mod bucket;
mod shared;
mod table;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use guildhall_proto::ids::{ChannelId, UserId};

use bucket::{Buckets, Taken};
use shared::Shared;
pub use shared::{Change, Ledger, Level, What};
pub use table::*;

/// Bursts from this on may give one away before the ledger has heard of it.
const UNASKED_BURST_MIN: u32 = 10;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    #[default]
    On,
    /// Nothing by address: behind a proxy all callers have that of the proxy.
    Users,
    /// Nothing.
    Off,
}

/// Whose bucket it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A user's.
    User(UserId),
    /// An address's.
    Peer(Peer),
    /// That of an account, whether or not there is one, as seen from an address. So a stranger who guesses keeps nobody
    /// out who calls from elsewhere.
    Account(String, Option<Peer>),
    /// A user's in a channel.
    Channel(ChannelId, UserId),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "{user}"),
            Self::Peer(peer) => write!(f, "{}", peer.0),
            Self::Account(name, Some(peer)) => write!(f, "{name}@{}", peer.0),
            Self::Account(name, None) => write!(f, "{name}"),
            Self::Channel(channel, user) => write!(f, "{channel}:{user}"),
        }
    }
}

/// Where somebody calls from: an address, or a whole /64 of IPv6, because one subscriber holds that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(IpAddr);

impl From<IpAddr> for Peer {
    fn from(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let [a, b, c, d, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            other => other,
        })
    }
}

/// A limit is reached; nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: &'static str,
    /// When there is one again.
    pub retry_after: Duration,
}

/// All buckets.
pub struct Limits {
    mode: Mode,
    buckets: Arc<Buckets>,
    shared: OnceLock<Arc<Shared>>,
}

impl Limits {
    /// All buckets are full.
    pub fn new(mode: Mode) -> Self {
        Self { mode, buckets: Arc::new(Buckets::new()), shared: OnceLock::new() }
    }

    /// Sets where the buckets are that all nodes share. Only the first one counts; without one, nothing is shared.
    pub fn share(&self, ledger: Arc<dyn Ledger>) {
        if self.shared.set(Shared::new(ledger, Arc::clone(&self.buckets))).is_err() {
            tracing::error!("the ledger of rate limits was set twice");
        }
    }

    /// Takes one out of each of these buckets, or nothing.
    ///
    /// # Errors
    /// The first one that is empty.
    pub async fn take(&self, wanted: &[(Limit, Key)]) -> Result<(), Exceeded> {
        for (number, (limit, key)) in wanted.iter().enumerate() {
            if let Err(exceeded) = self.take_one(limit, key).await {
                wanted[..number].iter().for_each(|(limit, key)| self.give_back(limit, key));
                return Err(exceeded);
            }
        }
        Ok(())
    }

    async fn take_one(&self, limit: &Limit, key: &Key) -> Result<(), Exceeded> {
        if !self.counts(limit, key) {
            return Ok(());
        }
        let exceeded = |retry_after| Exceeded { limit: limit.name, retry_after };
        let taken = self.buckets.take(limit, key).map_err(exceeded)?;
        let Some(shared) = self.shared.get() else { return Ok(()) };
        let unasked = taken == Taken::FromFull && limit.burst >= UNASKED_BURST_MIN;
        if unasked || !shared.answers() {
            shared.tell(limit, key, What::Charge);
            return Ok(());
        }
        shared.take(limit, key).await
    }

    /// Gives one back that turned out not to count.
    pub fn give_back(&self, limit: &Limit, key: &Key) {
        if self.counts(limit, key) {
            self.buckets.give_back(limit, key);
            if let Some(shared) = self.shared.get() {
                shared.tell(limit, key, What::GiveBack);
            }
        }
    }

    fn counts(&self, limit: &Limit, key: &Key) -> bool {
        let by_peer = matches!(key, Key::Peer(_));
        // Slow mode is a guild's own rule, not one of this server.
        let wanted = self.mode != Mode::Off || matches!(key, Key::Channel(..));
        wanted && !(by_peer && self.mode == Mode::Users) && !limit.per.is_zero()
    }

    /// Drops buckets that are full. To be called now and then.
    pub fn forget_full(&self) {
        self.buckets.forget_full();
    }

    /// How many buckets are kept; for tests and metrics.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
