//! People and bots.

use guildhall_proto::ids::UserId;
use guildhall_proto::v1::{self, PresenceStatus};

use crate::model::Timestamp;

/// A person or a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The id.
    pub id: UserId,
    /// Unique name, lower case; what one logs in with.
    pub username: String,
    /// The name to show; the user name if none was set.
    pub display_name: String,
    /// Address of a picture; empty = none.
    pub avatar_url: String,
    /// A short line about what the user is up to; empty = none.
    pub custom_status: String,
    /// Whether this is a program.
    pub bot: bool,
    /// When the account was made.
    pub create_time: Timestamp,
    /// Whether the account was deleted. Its names are placeholders then.
    pub deleted: bool,
}

impl From<v1::User> for User {
    fn from(user: v1::User) -> Self {
        Self {
            id: UserId(user.id),
            username: user.username,
            display_name: user.display_name,
            avatar_url: user.avatar_url,
            custom_status: user.custom_status,
            bot: user.bot,
            create_time: Timestamp::or_epoch(user.create_time),
            deleted: user.deleted,
        }
    }
}

impl From<User> for v1::User {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            username: user.username,
            display_name: user.display_name,
            avatar_url: user.avatar_url,
            custom_status: user.custom_status,
            bot: user.bot,
            create_time: Some(user.create_time.into()),
            deleted: user.deleted,
        }
    }
}

/// Somebody whom the caller has blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// Who.
    pub user: User,
    /// Since when.
    pub create_time: Timestamp,
}

impl From<v1::Block> for Block {
    fn from(block: v1::Block) -> Self {
        Self { user: block.user.unwrap_or_default().into(), create_time: Timestamp::or_epoch(block.create_time) }
    }
}

impl From<Block> for v1::Block {
    fn from(block: Block) -> Self {
        Self { user: Some(block.user.into()), create_time: Some(block.create_time.into()) }
    }
}

/// Whether a user is there: the best of the user's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presence {
    /// The user.
    pub user_id: UserId,
    /// The status; never invisible. `Unspecified` if it is newer than this version.
    pub status: PresenceStatus,
    /// The custom status; empty when offline.
    pub custom_status: String,
}

impl From<v1::Presence> for Presence {
    fn from(presence: v1::Presence) -> Self {
        Self { user_id: UserId(presence.user_id), status: presence.status(), custom_status: presence.custom_status }
    }
}

impl From<Presence> for v1::Presence {
    fn from(presence: Presence) -> Self {
        Self { user_id: presence.user_id.0, status: presence.status.into(), custom_status: presence.custom_status }
    }
}
