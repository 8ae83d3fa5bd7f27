//! What a gateway is to watch: kept over every connection, put to each server anew. Pure.

use std::collections::BTreeSet;

use guildhall_proto::ids::{ChannelId, GuildId, UserId};
use guildhall_proto::v1::{self, PresenceStatus};

/// What is to be watched, and how the user is to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interest {
    pub(crate) channels: BTreeSet<ChannelId>,
    pub(crate) guilds: BTreeSet<GuildId>,
    /// Every guild of the user, those joined later too.
    pub(crate) all_guilds: bool,
    pub(crate) presence_guilds: BTreeSet<GuildId>,
    pub(crate) presence_users: BTreeSet<UserId>,
    pub(crate) status: PresenceStatus,
    pub(crate) custom_status: Option<String>,
    /// How many events a stream may be behind before a gap is shown instead of reading them; `None`: any number.
    pub(crate) behind_max: Option<u64>,
}

impl Interest {
    /// Notes what the server has agreed to.
    pub(crate) fn apply(&mut self, update: &v1::UpdateSubscriptions) {
        let added = update.add_channels.iter();
        self.channels.extend(added.map(|channel| ChannelId(channel.channel_id)));
        self.guilds.extend(ids::<GuildId>(&update.add_guilds));
        self.presence_guilds.extend(ids::<GuildId>(&update.add_presence_guilds));
        self.presence_users.extend(ids::<UserId>(&update.add_presence_users));
        remove(&mut self.channels, &update.remove_channels);
        remove(&mut self.guilds, &update.remove_guilds);
        remove(&mut self.presence_guilds, &update.remove_presence_guilds);
        remove(&mut self.presence_users, &update.remove_presence_users);
    }

    /// Forgets what the server refused, so that it is not asked for again with every connection.
    pub(crate) fn withdraw(&mut self, refused: &v1::SubscriptionsUpdated) {
        remove(&mut self.channels, &refused.refused_channels);
        remove(&mut self.guilds, &refused.refused_guilds);
        remove(&mut self.presence_guilds, &refused.refused_guilds);
        remove(&mut self.presence_users, &refused.refused_users);
    }

    /// Whether every channel of a guild is to be watched.
    pub(crate) fn covers(&self, guild: GuildId) -> bool {
        self.all_guilds || self.guilds.contains(&guild)
    }
}

fn ids<T: From<u64>>(numbers: &[u64]) -> impl Iterator<Item = T> {
    numbers.iter().copied().map(T::from)
}

fn remove<T: From<u64> + Ord>(set: &mut BTreeSet<T>, numbers: &[u64]) {
    for id in ids::<T>(numbers) {
        set.remove(&id);
    }
}
