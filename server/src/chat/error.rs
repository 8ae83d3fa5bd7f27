//! Why the chat refused something. One closed list; how it looks on the wire is decided in `crate::error`.

use std::time::Duration;

use guildhall_proto::{Violation, Violations, ids::GuildId, v1};

use super::access::Denied;
use crate::{
    limits::Exceeded,
    sequencer::{Refusal, StorageFault},
    store,
};

/// A result of this room.
pub type Result<T> = std::result::Result<T, Error>;

/// What does not exist, or not for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Missing {
    User,
    Guild,
    Channel,
    Message,
    Member,
    Invite,
    LoginSession,
    Bot,
    Role,
    Ban,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No token, a malformed one, or one that was never issued.
    TokenInvalid,
    /// It was valid once.
    TokenExpired,
    /// User name or password are wrong; which one is not told.
    Credentials,
}

/// Why the chat refused something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields break rules.
    #[error("{0}")]
    Invalid(Violations),
    /// The page token was not made for this query.
    #[error("the page token was not made for this query")]
    PageToken,
    /// The caller is not who the call wants.
    #[error("not authenticated: {0:?}")]
    Unauthenticated(Unauthenticated),
    /// The caller lacks a permission; its name.
    #[error("missing permission {0}")]
    Permission(&'static str),
    /// The role or member is not below the caller's highest role.
    #[error("not below the caller's highest role")]
    NotBelow,
    /// Not with everyone's role, or the role of a bot.
    #[error("not with this role")]
    RoleFixed,
    /// Strangers cannot register here.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The user name belongs to somebody else.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Something does not exist, or not for the caller.
    #[error("not found: {0:?}")]
    NotFound(Missing),
    /// The nonce stands for another content.
    #[error("the nonce was used for another content")]
    NonceConflict,
    /// The channel holds no messages.
    #[error("this kind of channel holds no messages")]
    ChannelKind,
    /// The password that goes with the call is wrong.
    #[error("the password is wrong")]
    PasswordWrong,
    /// An account that is to go owns guilds: these.
    #[error("the account owns guilds")]
    OwnsGuilds(Vec<GuildId>),
    /// The owner stays.
    #[error("the owner cannot leave or be removed")]
    OwnerStays,
    /// A queue is full; nothing was done.
    #[error("overloaded")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too much in too short a time; nothing was done.
    #[error("rate limit {limit} reached, again in {:.1} s", retry_after.as_secs_f64())]
    RateLimited {
        /// Which limit.
        limit: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// A fixed limit is reached.
    #[error("limit reached: {subject} at {max}")]
    Limit {
        /// What there is too much of.
        subject: &'static str,
        /// How much is allowed.
        max: usize,
    },
    /// Others changed the same thing at the same time, again and again.
    #[error("somebody else changed the same thing at the same time")]
    Conflict,
    /// The cursor does not fit the stream, which is here now.
    #[error("the cursor does not fit the stream")]
    Cursor(store::Position),
    /// The storage failed.
    #[error("storage: {0:?}")]
    Storage(StorageFault),
    /// A session gave a command that this server does not know.
    #[error("the frame carries no command that this server knows")]
    UnknownCommand,
    /// A session gave a command before it was identified.
    #[error("the session is not identified")]
    NotIdentified,
    /// A session was identified twice.
    #[error("the session is identified already")]
    AlreadyIdentified,
    /// A push is for a session that is not there.
    #[error("no such gateway session")]
    GatewaySessionNotFound,
    /// A fault of the server. The text is for the log only.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// One field that breaks a rule that cannot be written into the protos.
    pub(crate) fn field(field: &str, rule: &str, description: impl Into<String>) -> Self {
        Self::Invalid(Violation::new(field, rule, description).into())
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        // What the engine said stays here; callers learn the kind of fault only.
        match error.is_refused() {
            true => tracing::debug!(%error, "storage refused"),
            false => tracing::error!(error = &error as &dyn std::error::Error, "storage failed"),
        }
        Self::Storage(StorageFault::from(&error))
    }
}

impl From<Exceeded> for Error {
    fn from(Exceeded { limit, retry_after }: Exceeded) -> Self {
        Self::RateLimited { limit, retry_after }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::GuildHidden => Self::NotFound(Missing::Guild),
            Denied::ChannelHidden => Self::NotFound(Missing::Channel),
            Denied::Missing(permission) => Self::Permission(permission_name(permission)),
            Denied::OwnerOnly => Self::Permission("OWNER"),
            Denied::NotBelow => Self::NotBelow,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NonceConflict => Self::NonceConflict,
            Refusal::MessageNotFound => Self::NotFound(Missing::Message),
            Refusal::ReplyNotFound => Self::NotFound(Missing::Message),
            Refusal::NotAuthor => Self::Permission("AUTHOR"),
            Refusal::ChannelNotFound => Self::NotFound(Missing::Channel),
            Refusal::Overloaded { retry_after } => Self::Overloaded { retry_after },
            Refusal::Storage(fault) => Self::Storage(fault),
        }
    }
}

/// The name of a permission as clients see it: without the prefix of the enum.
pub(super) fn permission_name(permission: v1::Permission) -> &'static str {
    let name = permission.as_str_name();
    name.strip_prefix("PERMISSION_").unwrap_or(name)
}
