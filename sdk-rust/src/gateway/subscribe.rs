//! Watching channels, guilds and presences, and stopping: one update, one answer.

use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use guildhall_proto::Validate;
use guildhall_proto::ids::{ChannelId, GuildId, StreamKind, UserId};
use guildhall_proto::v1::{self, ChannelSubscription};

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::gateway::Gateway;

/// A change of what a gateway watches: `.await` it. It is kept over every reconnection.
///
/// While the gateway is not connected it waits; it may be given up at any time.
#[derive(Clone, Debug)]
#[must_use = "an update is made by awaiting it"]
pub struct SubscriptionUpdate {
    gateway: Gateway,
    update: v1::UpdateSubscriptions,
    foreign: Option<Cursor>,
}

/// What came of a [`SubscriptionUpdate`]. What was allowed is done even where something else was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribed {
    /// Where each added channel begins, those of added guilds included: events after these follow.
    pub cursors: Vec<Cursor>,
    /// Channels that do not exist for the caller.
    pub refused_channels: Vec<ChannelId>,
    /// Guilds that do not exist for the caller.
    pub refused_guilds: Vec<GuildId>,
    /// Users that the caller shares no guild with.
    pub refused_users: Vec<UserId>,
}

impl SubscriptionUpdate {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self { gateway, update: v1::UpdateSubscriptions::default(), foreign: None }
    }

    /// Watch a channel from now on.
    pub fn add_channel(mut self, channel: ChannelId) -> Self {
        self.update.add_channels.push(ChannelSubscription { channel_id: channel.0, cursor: None });
        self
    }

    /// Watch a channel from a position on. Has no effect if the channel is watched already.
    pub fn add_channel_from(mut self, cursor: Cursor) -> Self {
        if cursor.stream.kind != StreamKind::Channel {
            self.foreign = Some(cursor);
        }
        self.update
            .add_channels
            .push(ChannelSubscription { channel_id: cursor.stream.id, cursor: Some(cursor.into()) });
        self
    }

    /// Do not watch a channel any more. One whose guild is watched as a whole comes back with the next connection.
    pub fn remove_channel(mut self, channel: ChannelId) -> Self {
        self.update.remove_channels.push(channel.0);
        self
    }

    /// Watch every channel of a guild, new ones included.
    pub fn add_guild(mut self, guild: GuildId) -> Self {
        self.update.add_guilds.push(guild.0);
        self
    }

    /// Do not watch a guild as a whole any more.
    pub fn remove_guild(mut self, guild: GuildId) -> Self {
        self.update.remove_guilds.push(guild.0);
        self
    }

    /// Watch the presence of a guild's members.
    pub fn add_presence_guild(mut self, guild: GuildId) -> Self {
        self.update.add_presence_guilds.push(guild.0);
        self
    }

    /// Do not watch the presence of a guild's members any more.
    pub fn remove_presence_guild(mut self, guild: GuildId) -> Self {
        self.update.remove_presence_guilds.push(guild.0);
        self
    }

    /// Watch a user's presence.
    pub fn add_presence_user(mut self, user: UserId) -> Self {
        self.update.add_presence_users.push(user.0);
        self
    }

    /// Do not watch a user's presence any more.
    pub fn remove_presence_user(mut self, user: UserId) -> Self {
        self.update.remove_presence_users.push(user.0);
        self
    }

    async fn make(self) -> Result<Subscribed> {
        if let Some(cursor) = self.foreign {
            return Err(Error::config(format!("{cursor} is not a channel's cursor")));
        }
        self.update.validate()?;
        self.gateway.update(self.update).await
    }
}

impl IntoFuture for SubscriptionUpdate {
    type Output = Result<Subscribed>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl From<&v1::SubscriptionsUpdated> for Subscribed {
    fn from(updated: &v1::SubscriptionsUpdated) -> Self {
        fn ids<T: From<u64>>(numbers: &[u64]) -> Vec<T> {
            numbers.iter().copied().map(T::from).collect()
        }
        Self {
            cursors: updated.cursors.iter().filter_map(Cursor::from_wire).collect(),
            refused_channels: ids(&updated.refused_channels),
            refused_guilds: ids(&updated.refused_guilds),
            refused_users: ids(&updated.refused_users),
        }
    }
}
