//! Channels.

use guildhall_proto::ids::{ChannelId, GuildId};
use guildhall_proto::v1::{self, ChannelKind};

use crate::model::{Overwrite, Timestamp, optional};

/// A place in a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Channel {
    /// The id.
    pub id: ChannelId,
    /// The guild.
    pub guild_id: GuildId,
    /// The name.
    pub name: String,
    /// What it is for. `Unspecified` if it is newer than this version.
    pub kind: ChannelKind,
    /// Its place in the order of the guild's channels, from 0.
    pub position: u32,
    /// The category above it.
    pub parent_id: Option<ChannelId>,
    /// A line about it; empty = none.
    pub topic: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// What differs here from the guild's roles. Empty while the channel is in step with its category.
    pub overwrites: Vec<Overwrite>,
    /// Whether the channel has the overwrites of the category above it.
    pub in_step: bool,
    /// How many seconds a member waits between two messages; 0 = none.
    pub slow_mode_seconds: u32,
}

impl From<v1::Channel> for Channel {
    fn from(channel: v1::Channel) -> Self {
        Self {
            id: ChannelId(channel.id),
            guild_id: GuildId(channel.guild_id),
            kind: channel.kind(),
            name: channel.name,
            position: channel.position,
            parent_id: optional(channel.parent_id),
            topic: channel.topic,
            create_time: Timestamp::or_epoch(channel.create_time),
            overwrites: channel.overwrites.into_iter().map(Overwrite::from).collect(),
            in_step: channel.in_step,
            slow_mode_seconds: channel.slow_mode_seconds,
        }
    }
}

impl From<Channel> for v1::Channel {
    fn from(channel: Channel) -> Self {
        Self {
            id: channel.id.0,
            guild_id: channel.guild_id.0,
            kind: channel.kind.into(),
            name: channel.name,
            position: channel.position,
            parent_id: channel.parent_id.unwrap_or_default().0,
            topic: channel.topic,
            create_time: Some(channel.create_time.into()),
            overwrites: channel.overwrites.into_iter().map(Into::into).collect(),
            in_step: channel.in_step,
            slow_mode_seconds: channel.slow_mode_seconds,
        }
    }
}
