//! Rows of accounts: users, their tokens, whom they block, and what is still to be erased of those who are gone.

use guildhall_proto::ids::{ChannelId, LoginSessionId, MessageId, UserId};

/// A person or a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The id.
    pub id: UserId,
    /// Unique, lower case.
    pub username: String,
    /// The name to show; never empty.
    pub display_name: String,
    /// Empty = none.
    pub avatar_url: String,
    /// Empty = none.
    pub custom_status: String,
    /// PHC string; `None` for bots and deleted users.
    pub password_hash: Option<String>,
    /// Who owns the bot; `None` for people.
    pub bot_owner: Option<UserId>,
    /// Whether the user administers this server.
    pub admin: bool,
    /// Unix milliseconds.
    pub create_ms: u64,
    /// When the account was deleted, in Unix milliseconds. Its names are placeholders then.
    pub delete_ms: Option<u64>,
}

/// A user who does not want to hear of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Who.
    pub user: UserId,
    /// Of whom.
    pub blocked: UserId,
    /// Unix milliseconds.
    pub create_ms: u64,
}

/// A deleted account whose messages are still to be erased, and how far that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasureRow {
    /// The account.
    pub user: UserId,
    /// Counts the changes of this row.
    pub version: u64,
    /// When the account was deleted, in Unix milliseconds.
    pub begin_ms: u64,
    /// Rounds over all channels that are done.
    pub round: u64,
    /// Channels below this one are done in this round.
    pub channel: ChannelId,
    /// Messages of that channel up to this one are done in this round.
    pub message: MessageId,
    /// Nobody but who wrote this row goes on with it before, in Unix milliseconds.
    pub not_before_ms: u64,
}

/// What a token was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A login session of a person.
    Person,
    /// A bot.
    Bot,
}

/// A login session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The id that the user sees.
    pub id: LoginSessionId,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Whose.
    pub user: UserId,
    /// What for.
    pub kind: TokenKind,
    /// What the device calls itself.
    pub device: String,
    /// Unix milliseconds.
    pub create_ms: u64,
    /// Unix milliseconds.
    pub last_used_ms: u64,
    /// Unix milliseconds; `None` = never.
    pub expire_ms: Option<u64>,
}
