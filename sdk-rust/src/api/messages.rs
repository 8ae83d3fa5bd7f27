//! Writing: send, edit, delete.

use guildhall_proto::ids::{ChannelId, MessageId};
use guildhall_proto::v1::{self, message_service_client::MessageServiceClient};

use crate::client::{Call, Client, Rpc, rpc};
use crate::error::Result;
use crate::model::{Message, Timestamp, required};
use crate::nonce::Nonce;

/// Writing; from [`Client::messages`].
///
/// A program that also listens sends better through its [gateway](crate::Gateway): that keeps what is sent while the
/// server cannot be reached.
#[derive(Clone, Debug)]
pub struct Messages(pub(super) Client);

/// A message that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The channel.
    pub channel_id: ChannelId,
    /// The id of the message within the channel.
    pub message_id: MessageId,
    /// When it was stored.
    pub create_time: Timestamp,
    /// Whether it was stored before: an earlier send with the same nonce had arrived.
    pub duplicate: bool,
    /// The nonce that it was sent with.
    pub nonce: String,
}

impl Sent {
    pub(crate) fn new(request: &v1::SendMessageRequest, response: v1::SendMessageResponse) -> Self {
        Self {
            channel_id: ChannelId(request.channel_id),
            message_id: MessageId(response.message_id),
            create_time: Timestamp::or_epoch(response.create_time),
            duplicate: response.duplicate,
            nonce: request.nonce.clone(),
        }
    }
}

impl Messages {
    /// Sends a message of 1 to 2,000 characters. It has a new nonce unless one is set, so it is repeated by itself
    /// when the server cannot be reached.
    pub fn send(&self, channel: ChannelId, content: impl Into<String>) -> Call<v1::SendMessageRequest> {
        self.0.call(v1::SendMessageRequest {
            channel_id: channel.0,
            content: content.into(),
            nonce: Nonce::random().to_string(),
            reply_to: 0,
        })
    }

    /// Replaces the content of one's own message.
    pub fn edit(&self, channel: ChannelId, id: MessageId, content: impl Into<String>) -> Call<v1::EditMessageRequest> {
        self.0.call(v1::EditMessageRequest { channel_id: channel.0, message_id: id.0, content: content.into() })
    }

    /// Deletes a message.
    pub fn delete(&self, channel: ChannelId, id: MessageId) -> Call<v1::DeleteMessageRequest> {
        self.0.call(v1::DeleteMessageRequest { channel_id: channel.0, message_id: id.0 })
    }

    /// Deletes 2 to 100 messages of anybody; how many there were. Ids of none, or of deleted ones, do no harm.
    pub fn bulk_delete(
        &self,
        channel: ChannelId,
        ids: impl IntoIterator<Item = MessageId>,
    ) -> Call<v1::BulkDeleteMessagesRequest> {
        let message_ids = ids.into_iter().map(u64::from).collect();
        self.0.call(v1::BulkDeleteMessagesRequest { channel_id: channel.0, message_ids, reason: String::new() })
    }
}

/// One message; from [`ChannelRef::message`](crate::ChannelRef::message).
#[derive(Clone, Debug)]
pub struct MessageRef {
    client: Client,
    channel: ChannelId,
    id: MessageId,
}

impl MessageRef {
    pub(super) fn new(client: Client, channel: ChannelId, id: MessageId) -> Self {
        Self { client, channel, id }
    }

    /// The message as it is.
    pub fn get(&self) -> Call<v1::GetMessageRequest> {
        self.client.history().message(self.channel, self.id)
    }

    /// Replaces its content.
    pub fn edit(&self, content: impl Into<String>) -> Call<v1::EditMessageRequest> {
        self.client.messages().edit(self.channel, self.id, content)
    }

    /// Deletes it.
    pub fn delete(&self) -> Call<v1::DeleteMessageRequest> {
        self.client.messages().delete(self.channel, self.id)
    }

    /// Answers it.
    pub fn reply(&self, content: impl Into<String>) -> Call<v1::SendMessageRequest> {
        let send = self.client.messages().send(self.channel, content);
        send.reply_to(self.id)
    }
}

impl Call<v1::SendMessageRequest> {
    /// The nonce, for a send that is continued from an earlier process.
    pub fn nonce(self, nonce: Nonce) -> Self {
        self.nonce_text(nonce.to_string())
    }

    /// The nonce as text; the limits say what is one.
    pub fn nonce_text(mut self, nonce: impl Into<String>) -> Self {
        self.request.nonce = nonce.into();
        self
    }

    /// The message of the same channel that this one answers.
    pub fn reply_to(mut self, id: MessageId) -> Self {
        self.request.reply_to = id.0;
        self
    }
}

impl Rpc for v1::SendMessageRequest {
    type Answer = Sent;
    // Not without side effects, but the nonce makes the second one vanish.
    rpc!("MessageService" "SendMessage", MessageServiceClient::send_message -> SendMessageResponse, repeatable: true);

    fn answer(&self, response: v1::SendMessageResponse) -> Result<Sent> {
        Ok(Sent::new(self, response))
    }
}

impl Rpc for v1::EditMessageRequest {
    type Answer = Message;
    rpc!("MessageService" "EditMessage", MessageServiceClient::edit_message -> EditMessageResponse, repeatable: false);

    fn answer(&self, response: v1::EditMessageResponse) -> Result<Message> {
        Ok(required(response.message, "message")?.into())
    }
}

impl Rpc for v1::DeleteMessageRequest {
    type Answer = ();
    rpc!("MessageService" "DeleteMessage", MessageServiceClient::delete_message -> DeleteMessageResponse, repeatable: false);

    fn answer(&self, _: v1::DeleteMessageResponse) -> Result<()> {
        Ok(())
    }
}

impl Rpc for v1::BulkDeleteMessagesRequest {
    type Answer = u32;
    rpc!("MessageService" "BulkDeleteMessages", MessageServiceClient::bulk_delete_messages -> BulkDeleteMessagesResponse, repeatable: false);

    fn answer(&self, response: v1::BulkDeleteMessagesResponse) -> Result<u32> {
        Ok(response.deleted)
    }
}
