//! Rust SDK of Guildhall, a chat platform that speaks gRPC.
//!
//! A [`Client`] makes calls; its [gateway](Client::gateway) is a live session that listens and sends.
//!
//! ```no_run
//! # async fn example() -> guildhall::Result<()> {
//! use guildhall::{Client, Event};
//!
//! let client = Client::builder("https://chat.example.com").token("ghb_...").build()?;
//! let (gateway, mut events) = client.gateway().subscribe_all().connect().await?;
//! while let Some(event) = events.next().await {
//!     if let Event::MessageCreated(message) = event
//!         && message.content == "!ping"
//!     {
//!         message.reply(&gateway, "pong").await?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What a gateway promises:
//!
//! - Every event of a stream comes once, in order, none left out, over any number of lost connections. Where that is
//!   impossible a [`Gap`] says so, for that stream alone.
//! - A message that is sent ends as acknowledged or as refused with a reason. It is kept while the server cannot be
//!   reached and repeated with the same nonce, so it is never stored twice; it is never called failed while it may be
//!   stored.
//! - Messages of one channel are stored in the order in which they were sent.
//! - With a [`CursorStore`] a program that was killed goes on where it was: it sees again at most what it had not
//!   handled, and a [reply](Durable::reply) to that is not stored twice.
//!
//! Limits are checked before anything is sent, with the server's own rules; [`Error::violations`] names the fields.
//!
//! The messages of the wire are under [`proto`], for those who need them; everything else has types of its own.

mod api;
mod backoff;
mod client;
mod cursor;
mod error;
mod event;
mod files;
mod gateway;
mod model;
mod nonce;
mod token;

pub use guildhall_proto as proto;
pub use guildhall_proto::Violation;
pub use guildhall_proto::ids::{ChannelId, GuildId, LoginSessionId, MessageId, RoleId, StreamKey, StreamKind, UserId};
pub use guildhall_proto::v1::{
    AuditAction, ChannelKind, ErrorReason, GoodbyeReason, LeaveReason, Permission, PermissionEffect,
    PermissionRemedyKind, PermissionStepKind, PresenceStatus, ResyncReason,
};

pub use api::{
    AuditPage, Auth, Banned, BansPage, ChangesPage, ChannelRef, Channels, GuildRef, Guilds, History, Login, Me,
    MembersPage, MessageRef, Messages, MessagesPage, Moderation, NewBot, NewGuild, RoleRef, Roles, Sent, Users,
};
pub use client::{Authorization, Call, Client, ClientBuilder, Grpc, Rpc};
pub use cursor::{Cursor, CursorStore, FileCursors, MemoryCursors};
pub use error::{Error, Kind, Result};
pub use event::{
    Activity, BanChange, ChannelDeleted, ChannelState, ChannelsReordered, Durable, Event, Gap, GuildLeft, GuildState,
    InviteChange, MemberNicknameUpdated, MemberRemoved, MemberRolesUpdated, MemberTimedOut, MessageDeleted,
    OwnerChanged, Ready, RoleDeleted, RolesReordered, SendSettled, Typing,
};
pub use gateway::{
    CloseReason, ConnectionState, Events, Gateway, GatewayBuilder, Outgoing, Receipt, Replied, Reply, Subscribed,
    SubscriptionUpdate,
};
pub use model::{
    AuditChange, AuditEntry, Author, Ban, Block, Channel, ExplainedStep, Explanation, Guild, Invite, LoginSession,
    Member, Message, Overwrite, OverwriteTarget, Permissions, Presence, Remedy, Role, Timestamp, User,
};
pub use nonce::Nonce;
pub use token::Token;
