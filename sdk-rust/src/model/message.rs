//! Messages and their authors.

use guildhall_proto::ids::{ChannelId, GuildId, MessageId, UserId};
use guildhall_proto::v1;

use crate::model::{Timestamp, optional};

/// Who wrote a message, as far as one needs it to show the message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Author {
    /// The user.
    pub id: UserId,
    /// The unique name.
    pub username: String,
    /// The name to show.
    pub display_name: String,
    /// Address of a picture; empty = none.
    pub avatar_url: String,
    /// Whether this is a program.
    pub bot: bool,
    /// Whether the account was deleted. Its names are placeholders then.
    pub deleted: bool,
}

impl From<v1::Author> for Author {
    fn from(author: v1::Author) -> Self {
        Self {
            id: UserId(author.id),
            username: author.username,
            display_name: author.display_name,
            avatar_url: author.avatar_url,
            bot: author.bot,
            deleted: author.deleted,
        }
    }
}

impl From<Author> for v1::Author {
    fn from(author: Author) -> Self {
        Self {
            id: author.id.0,
            username: author.username,
            display_name: author.display_name,
            avatar_url: author.avatar_url,
            bot: author.bot,
            deleted: author.deleted,
        }
    }
}

/// A message. It is addressed by channel and id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The channel.
    pub channel_id: ChannelId,
    /// The id within the channel.
    pub id: MessageId,
    /// The guild of the channel.
    pub guild_id: GuildId,
    /// Who wrote it.
    pub author: Author,
    /// The text; empty once it is deleted.
    pub content: String,
    /// The nonce that it was sent with.
    pub nonce: String,
    /// The message of the same channel that it answers.
    pub reply_to: Option<MessageId>,
    /// When it was stored.
    pub create_time: Timestamp,
    /// When its content last changed; `None` = never.
    pub edit_time: Option<Timestamp>,
    /// When it was deleted; `None` = it is there.
    pub delete_time: Option<Timestamp>,
}

impl Message {
    /// Whether it was deleted. A replayed event shows a message as it is now, so a deleted one comes without its text.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.delete_time.is_some()
    }
}

impl From<v1::Message> for Message {
    fn from(message: v1::Message) -> Self {
        Self {
            channel_id: ChannelId(message.channel_id),
            id: MessageId(message.id),
            guild_id: GuildId(message.guild_id),
            author: message.author.unwrap_or_default().into(),
            content: message.content,
            nonce: message.nonce,
            reply_to: optional(message.reply_to),
            create_time: Timestamp::or_epoch(message.create_time),
            edit_time: message.edit_time.map(Timestamp::from),
            delete_time: message.delete_time.map(Timestamp::from),
        }
    }
}

impl From<Message> for v1::Message {
    fn from(message: Message) -> Self {
        Self {
            channel_id: message.channel_id.0,
            id: message.id.0,
            guild_id: message.guild_id.0,
            author: Some(message.author.into()),
            content: message.content,
            nonce: message.nonce,
            reply_to: message.reply_to.unwrap_or_default().0,
            create_time: Some(message.create_time.into()),
            edit_time: message.edit_time.map(Into::into),
            delete_time: message.delete_time.map(Into::into),
        }
    }
}
