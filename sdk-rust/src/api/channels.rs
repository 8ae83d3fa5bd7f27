//! Channels.

use std::time::Duration;

use guildhall_proto::ids::{ChannelId, GuildId, MessageId};
use guildhall_proto::v1::{self, ChannelKind, channel_service_client::ChannelServiceClient};

use crate::api::MessageRef;
use crate::client::{Call, Client, Rpc, rpc};
use crate::error::Result;
use crate::model::{Channel, required};

/// Channels; from [`Client::channels`].
#[derive(Clone, Debug)]
pub struct Channels(pub(super) Client);

impl Channels {
    /// Makes a channel in a guild; the name has 1 to 100 characters of `a-z0-9-`.
    pub fn create(&self, guild: GuildId, name: impl Into<String>, kind: ChannelKind) -> Call<v1::CreateChannelRequest> {
        self.0.call(v1::CreateChannelRequest {
            guild_id: guild.0,
            name: name.into(),
            kind: kind.into(),
            ..Default::default()
        })
    }

    /// One channel.
    pub fn get(&self, id: ChannelId) -> Call<v1::GetChannelRequest> {
        let channel_id = id.0;
        self.0.call(v1::GetChannelRequest { channel_id })
    }

    /// The channels of a guild that the caller may see, by position.
    pub fn list(&self, guild: GuildId) -> Call<v1::ListChannelsRequest> {
        let guild_id = guild.0;
        self.0.call(v1::ListChannelsRequest { guild_id })
    }

    /// Changes a channel; what is not set stays.
    pub fn update(&self, id: ChannelId) -> Call<v1::UpdateChannelRequest> {
        self.0.call(v1::UpdateChannelRequest { channel_id: id.0, ..Default::default() })
    }

    /// Deletes a channel with its messages.
    pub fn delete(&self, id: ChannelId) -> Call<v1::DeleteChannelRequest> {
        let channel_id = id.0;
        self.0.call(v1::DeleteChannelRequest { channel_id })
    }

    /// Gives all channels of a guild a new order; each must be named once.
    pub fn reorder(
        &self,
        guild: GuildId,
        order: impl IntoIterator<Item = ChannelId>,
    ) -> Call<v1::ReorderChannelsRequest> {
        self.0.call(v1::ReorderChannelsRequest {
            guild_id: guild.0,
            channel_ids: order.into_iter().map(u64::from).collect(),
        })
    }
}

/// One channel; from [`Client::channel`].
#[derive(Clone, Debug)]
pub struct ChannelRef {
    client: Client,
    id: ChannelId,
}

impl ChannelRef {
    pub(super) fn new(client: Client, id: ChannelId) -> Self {
        Self { client, id }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        self.id
    }

    /// The channel as it is.
    pub fn get(&self) -> Call<v1::GetChannelRequest> {
        self.client.channels().get(self.id)
    }

    /// Changes it; what is not set stays.
    pub fn update(&self) -> Call<v1::UpdateChannelRequest> {
        self.client.channels().update(self.id)
    }

    /// Deletes it with its messages.
    pub fn delete(&self) -> Call<v1::DeleteChannelRequest> {
        self.client.channels().delete(self.id)
    }

    /// Sends a message.
    pub fn send(&self, content: impl Into<String>) -> Call<v1::SendMessageRequest> {
        self.client.messages().send(self.id, content)
    }

    /// One message of it.
    #[must_use]
    pub fn message(&self, id: MessageId) -> MessageRef {
        MessageRef::new(self.client.clone(), self.id, id)
    }

    /// Its messages.
    pub fn history(&self) -> Call<v1::ListMessagesRequest> {
        self.client.history().messages(self.id)
    }
}

impl Call<v1::CreateChannelRequest> {
    /// The category that it belongs to.
    pub fn parent(mut self, category: ChannelId) -> Self {
        self.request.parent_id = category.0;
        self
    }

    /// Its place, from 0; last unless set.
    pub fn position(mut self, position: u32) -> Self {
        self.request.position = Some(position);
        self
    }

    /// A line about it, up to 1,024 characters.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.request.topic = topic.into();
        self
    }
}

impl Call<v1::UpdateChannelRequest> {
    /// 1 to 100 characters of `a-z0-9-`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request.name = Some(name.into());
        self
    }

    /// A line about it, up to 1,024 characters; empty clears.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.request.topic = Some(topic.into());
        self
    }

    /// The category that it belongs to, or none.
    pub fn parent(mut self, category: Option<ChannelId>) -> Self {
        self.request.parent_id = Some(category.unwrap_or_default().0);
        self
    }

    /// How long a member waits between two messages, in whole seconds, up to 6 hours; zero = not at all.
    pub fn slow_mode(mut self, wait: Duration) -> Self {
        self.request.slow_mode_seconds = Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX));
        self
    }
}

impl Rpc for v1::CreateChannelRequest {
    type Answer = Channel;
    rpc!("ChannelService" "CreateChannel", ChannelServiceClient::create_channel -> CreateChannelResponse, repeatable: false);

    fn answer(&self, response: v1::CreateChannelResponse) -> Result<Channel> {
        Ok(required(response.channel, "channel")?.into())
    }
}

impl Rpc for v1::GetChannelRequest {
    type Answer = Channel;
    rpc!("ChannelService" "GetChannel", ChannelServiceClient::get_channel -> GetChannelResponse, repeatable: true);

    fn answer(&self, response: v1::GetChannelResponse) -> Result<Channel> {
        Ok(required(response.channel, "channel")?.into())
    }
}

impl Rpc for v1::ListChannelsRequest {
    type Answer = Vec<Channel>;
    rpc!("ChannelService" "ListChannels", ChannelServiceClient::list_channels -> ListChannelsResponse, repeatable: true);

    fn answer(&self, response: v1::ListChannelsResponse) -> Result<Vec<Channel>> {
        Ok(response.channels.into_iter().map(Into::into).collect())
    }
}

impl Rpc for v1::UpdateChannelRequest {
    type Answer = Channel;
    rpc!("ChannelService" "UpdateChannel", ChannelServiceClient::update_channel -> UpdateChannelResponse, repeatable: false);

    fn answer(&self, response: v1::UpdateChannelResponse) -> Result<Channel> {
        Ok(required(response.channel, "channel")?.into())
    }
}

impl Rpc for v1::DeleteChannelRequest {
    type Answer = ();
    rpc!("ChannelService" "DeleteChannel", ChannelServiceClient::delete_channel -> DeleteChannelResponse, repeatable: false);

    fn answer(&self, _: v1::DeleteChannelResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::ReorderChannelsRequest {
    type Answer = Vec<Channel>;
    rpc!("ChannelService" "ReorderChannels", ChannelServiceClient::reorder_channels -> ReorderChannelsResponse, repeatable: false);

    fn answer(&self, response: v1::ReorderChannelsResponse) -> Result<Vec<Channel>> {
        Ok(response.channels.into_iter().map(Into::into).collect())
    }
}
