//! The handle to a gateway: everything a program says through it.

use std::fmt;
use std::sync::Arc;

use guildhall_proto::Validate;
use guildhall_proto::ids::{ChannelId, GuildId, MessageId};
use guildhall_proto::v1::{self, PresenceStatus, client_frame};
use tokio::sync::{mpsc, oneshot, watch};

use crate::client::{Call, Client};
use crate::error::{Error, Result};
use crate::gateway::send::Outgoing;
use crate::gateway::shared::{Command, Shared};
use crate::gateway::state::ConnectionState;
use crate::gateway::subscribe::{Subscribed, SubscriptionUpdate};

/// A handle to a live connection. Cheap to clone; when the last one and the [`Events`](crate::Events) are dropped the
/// connection ends. Drop it after [`flush`](Self::flush): what is queued and in no file ends with it.
#[derive(Clone)]
pub struct Gateway {
    client: Client,
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

impl Gateway {
    pub(super) fn new(client: Client, shared: Arc<Shared>, commands: mpsc::Sender<Command>) -> Self {
        Self { client, shared, commands }
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// The client under the gateway.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a message of 1 to 2,000 characters. It is kept while the server cannot be reached, goes out in the order
    /// of its channel, and ends as acknowledged or as refused with a reason.
    pub fn send(&self, channel: ChannelId, content: impl Into<String>) -> Outgoing {
        Outgoing::new(self.clone(), channel, content.into())
    }

    /// Replaces the content of one's own message. Not kept: it fails when the server cannot be reached.
    pub fn edit(&self, channel: ChannelId, id: MessageId, content: impl Into<String>) -> Call<v1::EditMessageRequest> {
        self.client.messages().edit(channel, id, content)
    }

    /// Deletes a message. Not kept: it fails when the server cannot be reached.
    pub fn delete(&self, channel: ChannelId, id: MessageId) -> Call<v1::DeleteMessageRequest> {
        self.client.messages().delete(channel, id)
    }

    /// Shows that the user types, for ten seconds. Lost without a word when the gateway is not connected.
    pub fn start_typing(&self, channel: ChannelId) {
        let channel_id = channel.0;
        self.typing(client_frame::Command::StartTyping(v1::StartTyping { channel_id }));
    }

    /// Shows that the user stopped typing without sending.
    pub fn stop_typing(&self, channel: ChannelId) {
        let channel_id = channel.0;
        self.typing(client_frame::Command::StopTyping(v1::StopTyping { channel_id }));
    }

    fn typing(&self, command: client_frame::Command) {
        // Full or closed: by the time there is room it would not be true any more.
        let _ = self.commands.try_send(Command::Typing(command));
    }

    /// Shows the user like this, also after reconnecting. Without a custom status that stays as it is.
    ///
    /// # Errors
    ///
    /// [`Validation`](crate::Kind::Validation) for `Offline` and for more than 128 characters, or what the server says.
    pub async fn set_presence(&self, status: PresenceStatus, custom_status: Option<&str>) -> Result<()> {
        let update = v1::UpdatePresence { status: status.into(), custom_status: custom_status.map(str::to_owned) };
        update.validate()?;
        self.ask(|reply| Command::Presence(update, reply)).await
    }

    /// Changes what is watched.
    pub fn update_subscriptions(&self) -> SubscriptionUpdate {
        SubscriptionUpdate::new(self.clone())
    }

    /// Watches a channel from now on.
    pub fn subscribe(&self, channel: ChannelId) -> SubscriptionUpdate {
        self.update_subscriptions().add_channel(channel)
    }

    /// Does not watch a channel any more.
    pub fn unsubscribe(&self, channel: ChannelId) -> SubscriptionUpdate {
        self.update_subscriptions().remove_channel(channel)
    }

    /// Watches every channel of a guild from now on, new ones included.
    pub fn subscribe_guild(&self, guild: GuildId) -> SubscriptionUpdate {
        self.update_subscriptions().add_guild(guild)
    }

    /// Does not watch a guild as a whole any more.
    pub fn unsubscribe_guild(&self, guild: GuildId) -> SubscriptionUpdate {
        self.update_subscriptions().remove_guild(guild)
    }

    pub(super) async fn update(&self, update: v1::UpdateSubscriptions) -> Result<Subscribed> {
        self.ask(|reply| Command::Update(update, reply)).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| self.closed_error())?;
        answer.await.unwrap_or_else(|_| Err(self.closed_error()))
    }

    fn closed_error(&self) -> Error {
        let state = self.shared.state.borrow();
        let why = state.closed().map(ToString::to_string);
        Error::closed(why.unwrap_or_else(|| "it is ending".to_owned()), true)
    }

    /// How the gateway is doing, now and from now on.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.shared.state.subscribe()
    }

    /// Waits until the gateway is connected and subscribed.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::Kind::Closed) if it ends for good instead, such as for a token that is not valid.
    pub async fn ready(&self) -> Result<()> {
        let mut state = self.state();
        let settled = state.wait_for(|state| state.is_ready() || state.closed().is_some());
        let ready = settled.await.is_ok_and(|state| state.is_ready());
        if ready { Ok(()) } else { Err(self.closed_error()) }
    }

    /// How many sends are not settled.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.shared.look(super::queue::SendQueue::len)
    }

    /// Waits until every send is settled.
    pub async fn flush(&self) {
        self.shared.all_settled().await;
    }

    /// Ends the gateway on purpose and waits until it has ended. Sends that are not settled end as
    /// [`Closed`](crate::Kind::Closed), or stay in the offline file.
    pub async fn close(&self) {
        let mut state = self.state();
        // An error means that it has ended already.
        let _ = self.commands.send(Command::Close).await;
        let _ = state.wait_for(|state| state.closed().is_some()).await;
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("state", &*self.shared.state.borrow())
            .field("unsettled", &self.unsettled())
            .finish_non_exhaustive()
    }
}
