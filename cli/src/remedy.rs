//! What to do about a failure: one short hint for each that people meet.

use guildhall_proto::Failure;
use guildhall_proto::error::{GUILDS_KEY, PERMISSION_KEY};
use guildhall_proto::v1::ErrorReason;
use tonic::Code;

/// For a server that does not answer.
pub(crate) const UNAVAILABLE: &str = "is it running? `guildhall doctor` looks closer";

/// The hint for a failure; `None` where the message says it all.
pub(crate) fn of(failure: &Failure) -> Option<String> {
    use ErrorReason as R;
    let text = match failure.reason {
        R::TokenInvalid | R::TokenExpired => "log in again: `guildhall login NAME`",
        R::CredentialsInvalid => "the name or the password is wrong",
        R::RegistrationClosed => "ask for an invite and pass it with --invite CODE",
        R::UsernameTaken => "choose another name, or `guildhall login NAME`",
        R::UserNotFound | R::MemberNotFound => "list them: `guildhall member list GUILD`",
        R::GuildNotFound => "list yours: `guildhall guild list`",
        R::ChannelNotFound => "list them: `guildhall channel list GUILD`",
        R::InviteNotFound => "it may be used up or expired: ask for a new one",
        R::NonceConflict => "a nonce belongs to one text: leave --nonce out for a new message",
        R::ChannelKindMismatch => "only text channels hold messages",
        R::RoleNotFound => "list them: `guildhall role list GUILD`",
        R::BanNotFound => "list them: `guildhall ban list GUILD`",
        R::BotNotFound => "it must be a bot of yours",
        R::OwnerCannotLeave => "give it away first, `guildhall guild transfer`, or `guildhall guild delete` it",
        R::PasswordWrong => "this is not the password of the account",
        R::OwnsGuilds => return failure.metadata.get(GUILDS_KEY).map(|guilds| owns(guilds)),
        R::Internal => "the server's log tells more under this request id",
        R::Draining | R::StorageUnavailable => "try again in a moment",
        R::MissingPermission => return failure.metadata.get(PERMISSION_KEY).map(|name| lacks(name)),
        R::RateLimited | R::Overloaded => return failure.retry_after.map(wait),
        R::Unspecified if failure.code == Code::Unavailable => UNAVAILABLE,
        R::Unspecified if failure.code == Code::DeadlineExceeded => UNAVAILABLE,
        _ => return None,
    };
    Some(text.to_owned())
}

fn lacks(permission: &str) -> String {
    format!("you lack {permission} in this guild: `guildhall explain GUILD me {permission}` tells why")
}

fn owns(guilds: &str) -> String {
    format!("delete these first, or hand them over: {}", guilds.replace(',', " "))
}

fn wait(delay: std::time::Duration) -> String {
    format!("try again in {:.1} s", delay.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn facts_of_the_failure_are_in_the_hint() {
        let failure = Failure::new(ErrorReason::MissingPermission, "no").with(PERMISSION_KEY, "MANAGE_CHANNELS");
        let hint = "you lack MANAGE_CHANNELS in this guild: `guildhall explain GUILD me MANAGE_CHANNELS` tells why";
        assert_eq!(of(&failure).unwrap(), hint);
        let failure = Failure::new(ErrorReason::RateLimited, "no").retry_after(Duration::from_millis(2500));
        assert_eq!(of(&failure).unwrap(), "try again in 2.5 s");
        assert_eq!(of(&Failure::new(ErrorReason::ValidationFailed, "no")), None);
    }
}
