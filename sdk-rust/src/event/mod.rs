//! What a gateway tells: durable changes with their positions, and passing things beside them.

mod durable;
mod parts;
mod read;
mod rights;
mod write;

#[cfg(test)]
mod tests;

use guildhall_proto::ids::{GuildId, UserId};
use guildhall_proto::v1;

pub use durable::Durable;
pub use parts::{
    Activity, ChannelDeleted, ChannelState, ChannelsReordered, Gap, GuildLeft, GuildState, InviteChange, MemberRemoved,
    MessageDeleted, Ready, SendSettled, Typing,
};
pub use rights::{
    BanChange, MemberNicknameUpdated, MemberRolesUpdated, MemberTimedOut, OwnerChanged, RoleDeleted, RolesReordered,
};

use crate::cursor::Cursor;
use crate::model::{Channel, Guild, Member, Message, Presence, Role, User};
use crate::nonce::Nonce;

/// Something that happened.
///
/// The [durable](Durable) ones come in the order of their stream, each once, none left out: what was missed is read
/// from the server's log, and where that is impossible a [`Gap`] says so. The others may be lost.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The gateway is connected, and this is how things stand. Comes again after each reconnection.
    Ready(Ready),
    /// Everything that was missed while the gateway was not connected has been told.
    Resumed {
        /// How many events were told again by the server.
        replayed: u32,
    },

    /// A message was sent. Told late, it shows the message as it is now, [deleted](Message::is_deleted) ones included.
    MessageCreated(Durable<Message>),
    /// A message's content changed. Told late, it shows the message as it is now.
    MessageUpdated(Durable<Message>),
    /// A message was deleted.
    MessageDeleted(Durable<MessageDeleted>),

    /// A guild was made.
    GuildCreated(Durable<Guild>),
    /// A guild changed.
    GuildUpdated(Durable<Guild>),
    /// A guild was deleted.
    GuildDeleted(Durable<GuildId>),
    /// Somebody joined a guild.
    MemberJoined(Durable<Member>),
    /// Somebody left a guild or was removed from it.
    MemberRemoved(Durable<MemberRemoved>),
    /// A member's profile changed.
    MemberUpdated(Durable<Member>),
    /// A channel was made.
    ChannelCreated(Durable<Channel>),
    /// A channel changed.
    ChannelUpdated(Durable<Channel>),
    /// A channel was deleted.
    ChannelDeleted(Durable<ChannelDeleted>),
    /// The channels of a guild have a new order.
    ChannelsReordered(Durable<ChannelsReordered>),
    /// An invite was made.
    InviteCreated(Durable<InviteChange>),
    /// An invite was revoked.
    InviteRevoked(Durable<InviteChange>),
    /// A role was made.
    RoleCreated(Durable<Role>),
    /// A role changed.
    RoleUpdated(Durable<Role>),
    /// A role was deleted.
    RoleDeleted(Durable<RoleDeleted>),
    /// The roles of a guild have a new order.
    RolesReordered(Durable<RolesReordered>),
    /// A member was given or lost roles.
    MemberRolesUpdated(Durable<MemberRolesUpdated>),
    /// A member's nickname changed.
    MemberNicknameUpdated(Durable<MemberNicknameUpdated>),
    /// A time-out of a member began, changed or was ended early.
    MemberTimedOut(Durable<MemberTimedOut>),
    /// A user was banned.
    MemberBanned(Durable<BanChange>),
    /// A ban ended.
    MemberUnbanned(Durable<BanChange>),
    /// The guild has another owner.
    OwnerChanged(Durable<OwnerChanged>),

    /// The caller is a member of a guild now.
    GuildJoined(Durable<Guild>),
    /// The caller is not a member of a guild any more.
    GuildLeft(Durable<GuildLeft>),
    /// The caller's own profile changed.
    UserUpdated(Durable<User>),
    /// The caller blocked somebody.
    UserBlocked(Durable<UserId>),
    /// The caller ended a block.
    UserUnblocked(Durable<UserId>),
    /// The caller has a new bot.
    BotCreated(Durable<User>),
    /// A bot of the caller was deleted.
    BotDeleted(Durable<UserId>),
    /// A change of a kind that this version does not know. Its position counts.
    Unknown(Durable<()>),

    /// Somebody types. Void after ten seconds, or with that user's next message in the channel.
    TypingStarted(Typing),
    /// Somebody stopped typing.
    TypingStopped(Typing),
    /// Somebody came, went or changed.
    Presence(Presence),
    /// Channels that are not subscribed to have moved on.
    Activity(Activity),

    /// A stream cannot be continued from where the program is: load it anew. Other streams are not touched.
    Gap(Gap),
    /// A send that an earlier process left in the offline file is settled.
    SendSettled(SendSettled),
}

/// Calls `$then` with the `Durable` of any durable event.
macro_rules! with_durable {
    ($event:expr, $durable:ident => $then:expr) => {
        match $event {
            Event::MessageCreated($durable) | Event::MessageUpdated($durable) => Some($then),
            Event::MessageDeleted($durable) => Some($then),
            Event::GuildCreated($durable) | Event::GuildUpdated($durable) | Event::GuildJoined($durable) => Some($then),
            Event::GuildDeleted($durable) => Some($then),
            Event::MemberJoined($durable) | Event::MemberUpdated($durable) => Some($then),
            Event::MemberRemoved($durable) => Some($then),
            Event::ChannelCreated($durable) | Event::ChannelUpdated($durable) => Some($then),
            Event::ChannelDeleted($durable) => Some($then),
            Event::ChannelsReordered($durable) => Some($then),
            Event::InviteCreated($durable) | Event::InviteRevoked($durable) => Some($then),
            Event::RoleCreated($durable) | Event::RoleUpdated($durable) => Some($then),
            Event::RoleDeleted($durable) => Some($then),
            Event::RolesReordered($durable) => Some($then),
            Event::MemberRolesUpdated($durable) => Some($then),
            Event::MemberNicknameUpdated($durable) => Some($then),
            Event::MemberTimedOut($durable) => Some($then),
            Event::MemberBanned($durable) | Event::MemberUnbanned($durable) => Some($then),
            Event::OwnerChanged($durable) => Some($then),
            Event::GuildLeft($durable) => Some($then),
            Event::UserUpdated($durable) | Event::BotCreated($durable) => Some($then),
            Event::UserBlocked($durable) | Event::UserUnblocked($durable) | Event::BotDeleted($durable) => Some($then),
            Event::Unknown($durable) => Some($then),
            _ => None,
        }
    };
}

impl Event {
    /// The position of a durable event, or where its stream goes on after a [`Gap`]. Whoever holds it can go on from
    /// there.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        match self {
            Self::Gap(gap) => gap.cursor,
            event => with_durable!(event, durable => durable.cursor),
        }
    }

    /// The [cursor](Self::cursor) as text, `kind:id:epoch:seq`.
    #[must_use]
    pub fn resume_token(&self) -> Option<String> {
        self.cursor().map(|cursor| cursor.to_string())
    }

    /// The nonce of an answer to this event: always the same, so that answering again changes nothing.
    #[must_use]
    pub fn reply_nonce(&self) -> Option<Nonce> {
        with_durable!(self, durable => durable.reply_nonce())
    }

    /// A durable event as the wire has it.
    #[must_use]
    pub fn to_wire(&self) -> Option<v1::Event> {
        let payload = write::payload(self);
        with_durable!(self, durable => durable.to_wire(payload))
    }

    /// The kind of the event in words, such as `message_created`: the names of the protos.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ready(_) => "ready",
            Self::Resumed { .. } => "resumed",
            Self::MessageCreated(_) => "message_created",
            Self::MessageUpdated(_) => "message_updated",
            Self::MessageDeleted(_) => "message_deleted",
            Self::GuildCreated(_) => "guild_created",
            Self::GuildUpdated(_) => "guild_updated",
            Self::GuildDeleted(_) => "guild_deleted",
            Self::MemberJoined(_) => "member_joined",
            Self::MemberRemoved(_) => "member_removed",
            Self::MemberUpdated(_) => "member_updated",
            Self::ChannelCreated(_) => "channel_created",
            Self::ChannelUpdated(_) => "channel_updated",
            Self::ChannelDeleted(_) => "channel_deleted",
            Self::ChannelsReordered(_) => "channels_reordered",
            Self::InviteCreated(_) => "invite_created",
            Self::InviteRevoked(_) => "invite_revoked",
            Self::RoleCreated(_) => "role_created",
            Self::RoleUpdated(_) => "role_updated",
            Self::RoleDeleted(_) => "role_deleted",
            Self::RolesReordered(_) => "roles_reordered",
            Self::MemberRolesUpdated(_) => "member_roles_updated",
            Self::MemberNicknameUpdated(_) => "member_nickname_updated",
            Self::MemberTimedOut(_) => "member_timed_out",
            Self::MemberBanned(_) => "member_banned",
            Self::MemberUnbanned(_) => "member_unbanned",
            Self::OwnerChanged(_) => "owner_changed",
            Self::GuildJoined(_) => "guild_joined",
            Self::GuildLeft(_) => "guild_left",
            Self::UserUpdated(_) => "user_updated",
            Self::UserBlocked(_) => "user_blocked",
            Self::UserUnblocked(_) => "user_unblocked",
            Self::BotCreated(_) => "bot_created",
            Self::BotDeleted(_) => "bot_deleted",
            Self::Unknown(_) => "unknown",
            Self::TypingStarted(_) => "typing_started",
            Self::TypingStopped(_) => "typing_stopped",
            Self::Presence(_) => "presence",
            Self::Activity(_) => "activity",
            Self::Gap(_) => "gap",
            Self::SendSettled(_) => "send_settled",
        }
    }
}
