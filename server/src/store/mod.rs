//! Storage: what the rooms above may ask of an engine, and the engines.
//!
//! Two traits: `ChannelLog` (the logs of channels and the messages in them) and `Metadata` (everything else, with the
//! streams of guilds and users). A third one, `Registry`, is for those engines that many nodes share. Engines are
//! folders. `archive` moves everything from one to another. Nothing in here decides who may do what, and nothing above knows which engine answers.

pub mod accounts;
pub mod archive;
pub mod cassandra;
#[cfg(test)]
mod contract;
pub mod log;
pub mod metadata;
pub mod nodes;
pub mod postgres;
pub mod rows;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod testing_postgres;

use std::sync::Arc;

use crate::breaker::Refused;

pub use accounts::{BlockRow, ErasureRow, TokenKind, TokenRow, UserRow};
pub use log::{Anchor, Append, Body, Change, ChannelLog, Duplicate, Entry, MessageRow, Page, Record, Sent};
pub use metadata::{Commit, EventRow, Metadata, NewEvent, Notice, Taken, Write};
pub use nodes::{Node, Registry};
pub use rows::{
    AuditQuery, AuditRow, BanRow, ChannelRow, GuildRow, GuildSnapshot, InviteRow, MemberRow, OverwriteRow, RoleRow,
    Target,
};

/// Why an engine could not do what it was asked. Absence is `Option`, never an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine does not answer, or answers that it cannot now. A write may or may not have happened.
    #[error("storage unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk is full. Nothing was written.
    #[error("storage full")]
    Full,
    /// The engine's content contradicts itself or cannot be read.
    #[error("storage corrupt: {0}")]
    Corrupt(String),
}

impl Error {
    /// Nothing was tried, because the engine is known not to answer; that was logged when it began.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Unavailable(source) if source.is::<Refused>())
    }
}

/// A result of this room.
pub type Result<T> = std::result::Result<T, Error>;

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Random; changes only when the history was rewound.
    pub epoch: u64,
    /// The last event; 0 = none yet.
    pub seq: u64,
}

/// The engines of one deployment.
#[derive(Clone)]
pub struct Store {
    /// The logs of channels.
    pub log: Arc<dyn ChannelLog>,
    /// Everything else.
    pub metadata: Arc<dyn Metadata>,
}
