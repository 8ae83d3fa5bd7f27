//! The rules of the chat: who may do what, and what follows from it. One file per noun, each an `impl Chat`.
//!
//! Every operation reads *check, decide, commit, publish*: is the request well-formed (`validate`), may they
//! (`access`, on a guild's picture from `views`), write it (`commit` for metadata, the sequencer for messages), tell
//! it. Nothing in here knows tonic, sessions or an engine's name.

pub mod access;
mod accounts;
mod audit;
mod bots;
mod cache;
mod channels;
mod cleanup;
mod commit;
mod deletions;
mod erasures;
pub mod error;
mod events;
mod explain;
mod fresh;
mod guilds;
mod history;
mod invites;
mod limited;
mod logins;
mod members;
mod messages;
mod moderation;
mod nodes;
mod overwrites;
mod ownership;
mod pages;
mod passwords;
mod people;
pub mod portable;
mod publisher;
mod relationships;
mod roles;
mod setup;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod views;

use std::sync::{Arc, atomic::AtomicBool};

use guildhall_proto::{
    Validate,
    ids::{self, ChannelId, GuildId, LoginSessionId, UserId},
    v1,
};

use tokio::sync::Notify;

use crate::{
    clock::Clock,
    fanout::Hub,
    limits::{self, Limits, Peer},
    sequencer::Sequencer,
    store::{Metadata, Store},
};
use commit::Commits;
pub use error::{Error, Result};
pub use messages::{PendingDelete, PendingEdit, PendingSend};
use passwords::Passwords;
use people::People;
use relationships::Relationships;
pub use relationships::{Hidden, Relation};
pub use setup::Demo;
pub use tokens::Revoked;
use tokens::Tokens;
pub use users::Beginning;
use views::Guilds;
pub use views::{GuildHandle, Picture, View};

/// Who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever has an invite to a guild.
    Invite,
    /// Nobody but the first administrator.
    #[default]
    Closed,
}

/// What the server's owner decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// Who may register.
    pub registration: Registration,
    /// Which rate limits are counted.
    pub rate_limits: limits::Mode,
}

/// What the chat is made of.
pub struct Parts {
    /// The engines.
    pub store: Store,
    /// Those who listen.
    pub hub: Arc<Hub>,
    /// The time.
    pub clock: Clock,
    /// What the server's owner decides.
    pub policy: Policy,
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// The login session of the token.
    pub session: LoginSessionId,
    /// Whether the user is a program.
    pub bot: bool,
    /// Whether the user administers this server.
    pub admin: bool,
    /// The user as an author, as of now; a caller that is kept for long does not follow changes of the profile.
    pub author: Arc<v1::Author>,
    /// Where the call came from, if it came by the edge.
    pub peer: Option<Peer>,
    /// When the token ends for sure, in Unix milliseconds; `None`: it goes on while it is used.
    pub expire_ms: Option<u64>,
    token: tokens::Fingerprint,
}

impl Caller {
    /// SHA-256 of the caller's token, for `Chat::authenticate_digest` on another node. It belongs into no log.
    pub fn token_digest(&self) -> [u8; 32] {
        self.token.0
    }
}

/// The chat.
pub struct Chat {
    store: Store,
    clock: Clock,
    policy: Policy,
    guilds: Arc<Guilds>,
    people: Arc<People>,
    relationships: Arc<Relationships>,
    tokens: Arc<Tokens>,
    passwords: Passwords,
    sequencer: Sequencer,
    commits: Commits,
    limits: Limits,
    notices_due: Notify,
    erasures_due: Notify,
    among_others: AtomicBool,
}

impl Chat {
    /// Puts the chat together, with a sequencer that publishes to the hub.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { store, hub, clock, policy } = parts;
        let metadata = Arc::clone(&store.metadata);
        let guilds = Arc::new(Guilds::new(Arc::clone(&metadata), Arc::clone(&hub)));
        let publisher = Arc::new(publisher::ToHub(Arc::clone(&hub)));
        Arc::new(Self {
            people: Arc::new(People::new(Arc::clone(&metadata))),
            relationships: Arc::new(Relationships::new(Arc::clone(&metadata))),
            tokens: Arc::new(Tokens::new(Arc::clone(&metadata))),
            passwords: Passwords::new(),
            sequencer: Sequencer::new(Arc::clone(&store.log), publisher, clock.clone()),
            commits: Commits { metadata, guilds: Arc::clone(&guilds), hub },
            limits: Limits::new(policy.rate_limits),
            store,
            clock,
            policy,
            guilds,
            notices_due: Notify::new(),
            erasures_due: Notify::new(),
            among_others: AtomicBool::new(false),
        })
    }

    /// A guild with its picture; `None`: there is no such guild (any more). Nobody is asked whether they may see it.
    pub async fn guild(&self, id: GuildId) -> Result<Option<Arc<GuildHandle>>> {
        Ok(self.guilds.get(id).await?)
    }

    /// The guild of a channel; `None`: there is no such channel (any more). Nobody is asked whether they may see it.
    pub async fn guild_of(&self, channel: ChannelId) -> Result<Option<Arc<GuildHandle>>> {
        Ok(self.guilds.of_channel(channel).await?)
    }

    /// Lets a guild's picture follow its stream up to now.
    pub async fn follow(&self, guild: &Arc<GuildHandle>) -> Result<()> {
        Ok(self.guilds.catch_up(guild).await?)
    }

    /// The order of channels; for housekeeping.
    pub fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    fn metadata(&self) -> &dyn Metadata {
        &*self.store.metadata
    }

    /// The caller, now.
    fn who(&self, caller: &Caller) -> access::Who {
        access::Who { user: caller.user, now_ms: self.clock.now_ms() }
    }

    /// A new random id. The store refuses one that is taken; then another one is made.
    fn new_id(&self) -> u64 {
        ids::new_id(self.clock.now_ms(), rand::random())
    }
}

/// Whether a request is well-formed. Every entry point begins with it, whichever way the request came.
pub fn validate(request: &impl Validate) -> Result<()> {
    Ok(request.validate()?)
}
