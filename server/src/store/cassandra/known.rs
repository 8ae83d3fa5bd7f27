//! What this process believes of channels: whether they exist, and how far it has seen to their messages. A cache: the
//! log decides, and what is not in here is looked up again.

use std::collections::HashMap;

use guildhall_proto::ids::ChannelId;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

/// Channels that are remembered. Beyond it those go that were not asked for lately.
const CHANNELS_MAX: usize = 100_000;
/// How long the directory's word is taken. A deletion closes the log itself, so this is no question of order.
const FRESH: Duration = Duration::from_secs(30);

/// What is believed of one channel.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// As the directory says.
    pub(super) epoch: u64,
    /// Until when it need not be asked again.
    pub(super) fresh_until: Instant,
    /// A bucket that exists; the newest that was seen.
    pub(super) newest: Option<i32>,
    /// Up to here the state of all messages was seen to be written.
    pub(super) seen: i64,
    /// Up to here the state and the nonces of all messages are written.
    pub(super) applied: i64,
}

impl Known {
    /// Whether the directory need not be asked again.
    pub(super) fn is_fresh(&self) -> bool {
        Instant::now() < self.fresh_until
    }
}

/// The channels. It forgets by generations, as it is asked.
#[derive(Default)]
pub(super) struct Channels(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<u64, Known>,
    old: HashMap<u64, Known>,
}

impl Channels {
    /// What is believed.
    pub(super) fn get(&self, channel: ChannelId) -> Option<Known> {
        self.0.lock().touch(channel.into()).copied()
    }

    /// The directory knows it.
    pub(super) fn exists(&self, channel: ChannelId, epoch: u64) -> Known {
        let mut generations = self.0.lock();
        let fresh_until = Instant::now() + FRESH;
        if let Some(known) = generations.touch(channel.into()).filter(|known| known.epoch == epoch) {
            known.fresh_until = fresh_until;
            return *known;
        }
        let known = Known { epoch, fresh_until, newest: None, seen: 0, applied: 0 };
        generations.insert(channel.into(), known);
        known
    }

    /// Something was learned about a channel that is known.
    pub(super) fn learn(&self, channel: ChannelId, what: impl FnOnce(&mut Known)) {
        if let Some(known) = self.0.lock().touch(channel.into()) {
            what(known);
        }
    }

    /// Nothing is believed any more.
    pub(super) fn forget(&self, channel: ChannelId) {
        let mut generations = self.0.lock();
        generations.young.remove(&channel.into());
        generations.old.remove(&channel.into());
    }
}

impl Generations {
    fn touch(&mut self, channel: u64) -> Option<&mut Known> {
        if let Some(known) = self.old.remove(&channel) {
            self.insert(channel, known);
        }
        self.young.get_mut(&channel)
    }

    fn insert(&mut self, channel: u64, known: Known) {
        if self.young.len() >= CHANNELS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&channel);
        self.young.insert(channel, known);
    }
}
