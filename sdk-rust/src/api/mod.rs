//! The calls, one file for each noun: what is optional in a request, and what becomes of its answer.

mod auth;
mod channels;
mod guilds;
mod history;
mod invites;
mod members;
mod messages;
mod moderation;
mod overwrites;
mod pages;
mod reasons;
mod roles;
mod users;

pub use auth::{Auth, Login, NewBot};
pub use channels::{ChannelRef, Channels};
pub use guilds::{GuildRef, Guilds, NewGuild};
pub use history::{ChangesPage, History, MessagesPage};
pub use members::MembersPage;
pub use messages::{MessageRef, Messages, Sent};
pub use moderation::{AuditPage, Banned, BansPage, Moderation};
pub use roles::{RoleRef, Roles};
pub use users::{Me, Users};

use guildhall_proto::ids::{ChannelId, GuildId};

use crate::client::Client;

impl Client {
    /// Accounts, login sessions and bots.
    #[must_use]
    pub fn auth(&self) -> Auth {
        Auth(self.clone())
    }

    /// Profiles.
    #[must_use]
    pub fn users(&self) -> Users {
        Users(self.clone())
    }

    /// Guilds, members and invites.
    #[must_use]
    pub fn guilds(&self) -> Guilds {
        Guilds(self.clone())
    }

    /// One guild.
    #[must_use]
    pub fn guild(&self, id: GuildId) -> GuildRef {
        GuildRef::new(self.clone(), id)
    }

    /// Roles, overwrites and explanations.
    #[must_use]
    pub fn roles(&self) -> Roles {
        Roles(self.clone())
    }

    /// Bans, time-outs, nicknames and the audit log.
    #[must_use]
    pub fn moderation(&self) -> Moderation {
        Moderation(self.clone())
    }

    /// Channels.
    #[must_use]
    pub fn channels(&self) -> Channels {
        Channels(self.clone())
    }

    /// One channel.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> ChannelRef {
        ChannelRef::new(self.clone(), id)
    }

    /// Writing.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages(self.clone())
    }

    /// Reading.
    #[must_use]
    pub fn history(&self) -> History {
        History(self.clone())
    }
}

#[cfg(test)]
#[path = "contract_tests.rs"]
mod contract_tests;
