//! The log of a channel: compare-and-set on its head, and the messages as they are now.

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, MessageId, UserId};
use uuid::Uuid;

use super::{Position, Result};

/// One change that is to be appended. Its seq follows from where the append lands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who does it.
    pub actor: UserId,
    /// When, in Unix milliseconds.
    pub time_ms: u64,
    /// The seq of the guild's stream under which the actor was allowed to do it.
    pub guild_seq: u64,
    /// What is done.
    pub body: Body,
}

/// What an entry does.
#[derive(Clone, Debug)]
pub enum Body {
    /// A new message; its id is the seq of this entry.
    Create {
        /// Unique for (actor, channel).
        nonce: Uuid,
        /// A digest of what was sent, by which a retry is told from a different message under the same nonce.
        fingerprint: u64,
        /// The text.
        content: String,
        /// The message that it answers.
        reply_to: Option<MessageId>,
    },
    /// A message gets a new text.
    Edit {
        /// Which.
        message: MessageId,
        /// The new text.
        content: String,
    },
    /// A message goes; its text is erased in the same transaction.
    Delete {
        /// Which.
        message: MessageId,
    },
}

/// What became of an append.
#[derive(Debug, PartialEq, Eq)]
pub enum Append {
    /// The first `taken` entries (at least one) are durable with the seqs `expected_head + 1 ..= expected_head + taken`.
    Done {
        /// How many; the rest is to be appended again.
        taken: usize,
    },
    /// Nothing was written: somebody else moved the head.
    HeadMoved {
        /// Where it is.
        actual: u64,
    },
    /// Nothing was written: some nonces stand in the log already. Every one of this append's is named.
    Duplicates(Vec<Duplicate>),
    /// Nothing was written: the log is behind `expected_head` (restored, rewound). Drop the cache, look at the epoch.
    Gone,
    /// Nothing was written: the channel does not exist, or was deleted.
    Closed,
}

/// An entry whose nonce stands in the log already.
#[derive(Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Which entry of the append.
    pub index: usize,
    /// What the nonce stands for.
    pub sent: Sent,
}

/// What a nonce stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The message.
    pub message: MessageId,
    /// The digest of what was sent; `None` once the message is deleted, because a digest of a short text tells it.
    pub fingerprint: Option<u64>,
    /// When it was stored, in Unix milliseconds.
    pub create_ms: u64,
}

/// A message as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// The id within the channel.
    pub id: MessageId,
    /// Who wrote it.
    pub author: UserId,
    /// The text; empty once deleted.
    pub content: String,
    /// The nonce that it was sent with.
    pub nonce: Uuid,
    /// The digest of what was first sent; `None` once deleted.
    pub fingerprint: Option<u64>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// Unix milliseconds.
    pub create_ms: u64,
    /// Unix milliseconds.
    pub edit_ms: Option<u64>,
    /// Unix milliseconds.
    pub delete_ms: Option<u64>,
    /// The seq of the guild's stream under which it was written or last edited; 0 once deleted. Whoever shows it must
    /// know the rights at least as of there.
    pub guild_seq: u64,
}

/// One entry as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its position.
    pub seq: u64,
    /// Who did it.
    pub actor: UserId,
    /// When, in Unix milliseconds.
    pub time_ms: u64,
    /// The seq of the guild's stream under which it was allowed.
    pub guild_seq: u64,
    /// What was done.
    pub change: Change,
}

/// What a record did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A message was made; it is given as it is now.
    Created(MessageRow),
    /// A message was edited; it is given as it is now.
    Edited(MessageRow),
    /// A message was deleted.
    Deleted(MessageId),
}

/// Where a page of messages lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The newest.
    Newest,
    /// Just before this id.
    Before(MessageId),
    /// Just after this id; 0 = from the beginning.
    After(MessageId),
    /// `limit / 2` before this id, then the message itself if it is there, then later ones up to `limit` in all.
    Around(MessageId),
}

/// A page of messages, without deleted ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub messages: Vec<MessageRow>,
    /// Whether older ones exist.
    pub more_before: bool,
    /// Whether newer ones exist.
    pub more_after: bool,
    /// The channel's stream, read in the same snapshot as the messages.
    pub position: Position,
}

/// The logs of all channels.
#[async_trait]
pub trait ChannelLog: Send + Sync + 'static {
    /// Writes all entries after `expected_head`, or some of the first of them, or nothing. Durable on return. `entries`
    /// is not empty. Nonces within one append differ. An outcome that the engine does not know is settled in here.
    ///
    /// # Errors
    /// Only when the outcome could not be settled, or nothing was written.
    async fn append(&self, channel: ChannelId, expected_head: u64, entries: Vec<Entry>) -> Result<Append>;

    /// How far a channel is; `None`: no such channel, or it was deleted.
    async fn position(&self, channel: ChannelId) -> Result<Option<Position>>;

    /// How far several channels are, in their order.
    async fn positions(&self, channels: &[ChannelId]) -> Result<Vec<Option<Position>>>;

    /// Up to `limit` records after `after`, in order, without a hole; empty: there are none (yet).
    async fn read(&self, channel: ChannelId, after: u64, limit: usize) -> Result<Vec<Record>>;

    /// What a nonce of an author stands for in a channel; `None`: nothing.
    async fn sent(&self, channel: ChannelId, author: UserId, nonce: Uuid) -> Result<Option<Sent>>;

    /// Messages by id, deleted ones included; unknown ids are left out. Any order.
    async fn messages(&self, channel: ChannelId, ids: &[MessageId]) -> Result<Vec<MessageRow>>;

    /// A page; `None`: no such channel.
    async fn page(&self, channel: ChannelId, anchor: Anchor, limit: usize) -> Result<Option<Page>>;
}
