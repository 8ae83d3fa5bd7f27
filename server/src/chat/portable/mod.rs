//! One guild as lines of JSON, out of a store and into another one. For the one who runs the server: nobody is asked what
//! they may see.
//!
//! Ids are texts, because not every reader of JSON holds 64 bits. Each line has a `kind`; the first one is the guild, the
//! last one says how many lines there are, so that a file that was cut off is told from a whole one.

mod export;
mod import;
mod lines;
mod people;

use guildhall_proto::ids::{ChannelId, GuildId};

use crate::store;

pub use export::export;
pub use import::import;

/// The version of the lines. Another meaning of a line gets another number.
const VERSION: u64 = 1;

/// Why a guild was not exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such guild.
    #[error("there is no guild {0}")]
    NoGuild(GuildId),
    /// A channel's log cannot be read to the end that the guild's picture was taken at.
    #[error("the log of channel {0} ended early")]
    Short(ChannelId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The lines cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A line makes no sense.
    #[error("line {number}: {reason}")]
    Line {
        /// Which; from 1.
        number: u64,
        /// Why not.
        reason: String,
    },
    /// Ids, names or heads were taken by somebody else again and again.
    #[error("others write to the same places at the same time")]
    Conflict,
}

/// What was exported or imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The guild, by the id that it has in the store.
    pub guild: GuildId,
    /// Channels.
    pub channels: u64,
    /// Members.
    pub members: u64,
    /// Entries of channels' logs.
    pub entries: u64,
    /// Users that were made because nobody here has that id and name; they cannot log in.
    pub placeholders: u64,
}
