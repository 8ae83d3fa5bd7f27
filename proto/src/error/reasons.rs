//! The reasons of failures: their names on the wire and the codes they travel under.

use tonic::Code;

use crate::v1::ErrorReason;

pub(super) const REASON_PREFIX: &str = "ERROR_REASON_";

/// A reason's name on the wire: that of the protos without its prefix.
#[must_use]
pub fn name_of(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix(REASON_PREFIX).unwrap_or(name)
}

/// The reason of a name on the wire; `Unspecified` if this version does not know it.
#[must_use]
pub fn reason_from_name(name: &str) -> ErrorReason {
    ErrorReason::from_str_name(&format!("{REASON_PREFIX}{name}")).unwrap_or_default()
}

/// The code that a reason travels under, as the protos say.
#[must_use]
pub fn code_of(reason: ErrorReason) -> Code {
    use ErrorReason as R;
    match reason {
        R::Unspecified => Code::Unknown,
        R::ValidationFailed | R::UnknownCommand | R::PageTokenInvalid => Code::InvalidArgument,
        R::TokenInvalid | R::TokenExpired | R::CredentialsInvalid => Code::Unauthenticated,
        R::MissingPermission | R::RegistrationClosed | R::Hierarchy | R::PasswordWrong => Code::PermissionDenied,
        R::UsernameTaken | R::NonceConflict => Code::AlreadyExists,
        R::UserNotFound
        | R::GuildNotFound
        | R::ChannelNotFound
        | R::MessageNotFound
        | R::MemberNotFound
        | R::InviteNotFound
        | R::SessionNotFound
        | R::GatewaySessionNotFound
        | R::BotNotFound
        | R::RoleNotFound
        | R::BanNotFound => Code::NotFound,
        R::ChannelKindMismatch
        | R::OwnerCannotLeave
        | R::NotIdentified
        | R::AlreadyIdentified
        | R::OwnsGuilds
        | R::RoleFixed => Code::FailedPrecondition,
        R::RateLimited | R::Overloaded | R::LimitReached => Code::ResourceExhausted,
        R::Draining | R::StorageUnavailable | R::StorageFull => Code::Unavailable,
        R::Conflict => Code::Aborted,
        R::MethodNotFound => Code::Unimplemented,
        R::Internal => Code::Internal,
        R::CursorOutOfRange => Code::OutOfRange,
        R::Cancelled => Code::Cancelled,
        R::DeadlineExceeded => Code::DeadlineExceeded,
    }
}
