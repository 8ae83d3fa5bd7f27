//! "Channel X is now at seq N", gathered for a second per guild, so that unread marks need no subscription.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use guildhall_proto::{
    ids::{ChannelId, GuildId},
    v1,
};
use parking_lot::Mutex;

use super::hub::{Delivery, frame};

/// What has moved on and was not told yet. Bounded by the number of channels that were written to in a second.
#[derive(Default)]
pub(super) struct Activity {
    moved: Mutex<HashMap<GuildId, BTreeMap<ChannelId, u64>>>,
}

impl Activity {
    pub(super) fn touch(&self, guild: GuildId, channel: ChannelId, seq: u64) {
        let mut moved = self.moved.lock();
        let head = moved.entry(guild).or_default().entry(channel).or_default();
        *head = seq.max(*head);
    }

    pub(super) fn take(&self) -> HashMap<GuildId, BTreeMap<ChannelId, u64>> {
        std::mem::take(&mut *self.moved.lock())
    }
}

pub(super) fn delivery(guild: GuildId, channels: &BTreeMap<ChannelId, u64>) -> Delivery {
    let channels: Arc<[_]> = channels.iter().map(|(&channel, &seq)| (channel, seq)).collect();
    let frame = activity_frame(guild, &channels);
    Delivery::Activity { channels, guild, frame }
}

/// The encoded `ServerFrame` that tells how far these channels of a guild are.
pub fn activity_frame(guild: GuildId, channels: &[(ChannelId, u64)]) -> Bytes {
    let channels = channels.iter().map(|&(channel, seq)| v1::ChannelActivity { channel_id: channel.into(), seq });
    let activity = v1::Activity { guild_id: guild.into(), channels: channels.collect() };
    frame(v1::server_frame::Payload::Activity(activity))
}
