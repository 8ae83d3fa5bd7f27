//! How a refusal of the chat looks on the wire: the one place where `chat::Error` becomes a reason and a status.

use std::time::Duration;

use guildhall_proto::{
    Failure,
    error::{GUILDS_KEY, PERMISSION_KEY},
    v1::ErrorReason,
};
use tonic::Status;

use crate::{
    chat::{
        Error,
        error::{Missing, Unauthenticated},
    },
    sequencer::StorageFault,
};

/// When to try again after the storage failed.
const STORAGE_RETRY: Duration = Duration::from_secs(1);
/// A full disk is not emptied in a second.
const STORAGE_FULL_RETRY: Duration = Duration::from_secs(5);

/// What a failed call ends with. The edge adds the id of the request, by which the log tells more.
pub fn status(error: Error) -> Status {
    failure(error).into()
}

/// What a failed command is answered with. A fault gets an id of its own here, by which the log tells more: frames have
/// no other.
pub fn rpc_status(error: Error) -> tonic_types::Status {
    if matches!(error, Error::Internal(_) | Error::Storage(StorageFault::Corrupt)) {
        let id = format!("{:016x}", rand::random::<u64>());
        let _span = tracing::error_span!("fault", request_id = %id).entered();
        return failure(error).request_id(id).into();
    }
    failure(error).into()
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        status(error)
    }
}

fn failure(error: Error) -> Failure {
    let message = error.to_string();
    let plain = |reason| Failure::new(reason, message.clone());
    match error {
        Error::Invalid(violations) => violations.into(),
        Error::PageToken => plain(ErrorReason::PageTokenInvalid),
        Error::Unauthenticated(why) => unauthenticated(why),
        Error::Permission(name) => plain(ErrorReason::MissingPermission).with(PERMISSION_KEY, name),
        Error::NotBelow => plain(ErrorReason::Hierarchy),
        Error::RoleFixed => plain(ErrorReason::RoleFixed),
        Error::RegistrationClosed => plain(ErrorReason::RegistrationClosed),
        Error::UsernameTaken => plain(ErrorReason::UsernameTaken),
        Error::NotFound(what) => not_found(what),
        Error::NonceConflict => plain(ErrorReason::NonceConflict),
        Error::ChannelKind => plain(ErrorReason::ChannelKindMismatch),
        Error::PasswordWrong => plain(ErrorReason::PasswordWrong),
        Error::OwnsGuilds(guilds) => {
            let guilds: Vec<_> = guilds.iter().map(ToString::to_string).collect();
            plain(ErrorReason::OwnsGuilds).with(GUILDS_KEY, guilds.join(","))
        }
        Error::OwnerStays => plain(ErrorReason::OwnerCannotLeave),
        Error::Overloaded { retry_after } => plain(ErrorReason::Overloaded).retry_after(retry_after),
        Error::RateLimited { limit, retry_after } => {
            plain(ErrorReason::RateLimited).quota(limit).retry_after(retry_after)
        }
        Error::Limit { subject, max } => plain(ErrorReason::LimitReached).quota(subject).with("max", max.to_string()),
        Error::Conflict => plain(ErrorReason::Conflict),
        Error::Cursor(head) => plain(ErrorReason::CursorOutOfRange)
            .with("epoch", head.epoch.to_string())
            .with("head", head.seq.to_string()),
        Error::UnknownCommand => plain(ErrorReason::UnknownCommand),
        Error::NotIdentified => plain(ErrorReason::NotIdentified),
        Error::AlreadyIdentified => plain(ErrorReason::AlreadyIdentified),
        Error::GatewaySessionNotFound => plain(ErrorReason::GatewaySessionNotFound),
        Error::Storage(fault) => storage(fault),
        Error::Internal(inside) => internal(&inside),
    }
}

fn unauthenticated(why: Unauthenticated) -> Failure {
    let (reason, message) = match why {
        Unauthenticated::TokenInvalid => (ErrorReason::TokenInvalid, "no valid token"),
        Unauthenticated::TokenExpired => (ErrorReason::TokenExpired, "the token has ended"),
        Unauthenticated::Credentials => (ErrorReason::CredentialsInvalid, "wrong user name or password"),
    };
    Failure::new(reason, message)
}

fn not_found(what: Missing) -> Failure {
    let (reason, name) = match what {
        Missing::User => (ErrorReason::UserNotFound, "user"),
        Missing::Guild => (ErrorReason::GuildNotFound, "guild"),
        Missing::Channel => (ErrorReason::ChannelNotFound, "channel"),
        Missing::Message => (ErrorReason::MessageNotFound, "message"),
        Missing::Member => (ErrorReason::MemberNotFound, "member"),
        Missing::Invite => (ErrorReason::InviteNotFound, "invite"),
        Missing::LoginSession => (ErrorReason::SessionNotFound, "login session"),
        Missing::Bot => (ErrorReason::BotNotFound, "bot"),
        Missing::Role => (ErrorReason::RoleNotFound, "role"),
        Missing::Ban => (ErrorReason::BanNotFound, "ban"),
    };
    Failure::new(reason, format!("no such {name}"))
}

fn storage(fault: StorageFault) -> Failure {
    match fault {
        StorageFault::Unavailable => {
            Failure::new(ErrorReason::StorageUnavailable, "the storage does not answer").retry_after(STORAGE_RETRY)
        }
        StorageFault::Full => {
            Failure::new(ErrorReason::StorageFull, "the disk of the server is full").retry_after(STORAGE_FULL_RETRY)
        }
        StorageFault::Corrupt => internal("the storage is corrupt"),
    }
}

/// What happened inside is for the log; the caller learns that it happened.
fn internal(inside: &str) -> Failure {
    tracing::error!(inside, "internal error");
    Failure::new(ErrorReason::Internal, "internal error")
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn insides_are_not_shown() {
        let status = status(Error::Internal("the pool of 10.0.0.1 is gone".into()));
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        assert!(!String::from_utf8_lossy(status.details()).contains("10.0.0.1"));
        let failure = Failure::from_rpc_status(&rpc_status(Error::Storage(StorageFault::Corrupt)));
        assert_eq!((failure.code, failure.message.as_str()), (Code::Internal, "internal error"));
        assert!(failure.request_id.is_some());
    }

    #[test]
    fn a_missing_permission_is_named() {
        let failure = Failure::from_status(&status(Error::Permission("KICK_MEMBERS")));
        assert_eq!((failure.code, failure.reason), (Code::PermissionDenied, ErrorReason::MissingPermission));
        assert_eq!(failure.metadata[PERMISSION_KEY], "KICK_MEMBERS");
    }

    #[test]
    fn details_stand_beside_the_reason() {
        let failure = Failure::from_status(&status(Error::field("parent_id", "channel.parent", "must fit")));
        assert_eq!((failure.code, failure.violations[0].rule.as_str()), (Code::InvalidArgument, "channel.parent"));
        let failure = Failure::from_status(&status(Error::Overloaded { retry_after: Duration::from_millis(250) }));
        assert_eq!(failure.retry_after, Some(Duration::from_millis(250)));
        let limited = Error::RateLimited { limit: "messages.send", retry_after: Duration::from_millis(1_500) };
        let failure = Failure::from_status(&status(limited));
        assert_eq!((failure.code, failure.reason), (Code::ResourceExhausted, ErrorReason::RateLimited));
        assert_eq!(
            (failure.quota.as_deref(), failure.retry_after),
            (Some("messages.send"), Some(Duration::from_millis(1_500)))
        );
        let failure = Failure::from_status(&status(Error::Limit { subject: "guild.channels", max: 500 }));
        assert_eq!(failure.quota.as_deref(), Some("guild.channels"));
    }
}
