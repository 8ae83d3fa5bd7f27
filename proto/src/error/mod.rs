//! Failures and how they travel: one reason out of the protos' list, as `google.rpc.Status` with its details, the same
//! in a call's trailers and in a gateway frame.

mod reasons;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tonic::Code;

pub use reasons::{code_of, name_of, reason_from_name};
pub use wire::DOMAIN;

use crate::v1::ErrorReason;
use crate::validate::{Violation, Violations};

/// Key of [`Failure::metadata`] that names the missing permission.
pub const PERMISSION_KEY: &str = "permission";

/// Key of [`Failure::metadata`] that names guilds, parted by commas; with `OwnsGuilds`.
pub const GUILDS_KEY: &str = "guild_ids";

/// Why a call or a command failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The class of the failure, as gRPC knows it.
    pub code: Code,
    /// The reason; `Unspecified` if the failure did not come from a Guildhall server or is newer than this version.
    pub reason: ErrorReason,
    /// What happened, for developers.
    pub message: String,
    /// The fields that break limits; with `ValidationFailed`.
    pub violations: Vec<Violation>,
    /// When to try again, at the earliest.
    pub retry_after: Option<Duration>,
    /// Facts that belong to the reason, such as the missing [permission](PERMISSION_KEY).
    pub metadata: HashMap<String, String>,
    /// The limit that was reached, such as `guild.channels`.
    pub quota: Option<String>,
    /// The id of the request in the server's log.
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure for a reason, with the reason's code.
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            code: code_of(reason),
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
            metadata: HashMap::new(),
            quota: None,
            request_id: None,
        }
    }

    /// Tells when to try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Names the limit that was reached.
    #[must_use]
    pub fn quota(mut self, subject: impl Into<String>) -> Self {
        self.quota = Some(subject.into());
        self
    }

    /// Names the request.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Whether the same call may succeed when it is made again. A send that is made again keeps its nonce.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.reason {
            ErrorReason::RateLimited
            | ErrorReason::Overloaded
            | ErrorReason::Draining
            | ErrorReason::StorageUnavailable
            | ErrorReason::StorageFull
            | ErrorReason::Conflict
            | ErrorReason::DeadlineExceeded => true,
            // No reason: the connection failed, or something between the client and the server answered.
            ErrorReason::Unspecified => self.code == Code::Unavailable,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Violations> for Failure {
    fn from(violations: Violations) -> Self {
        let message = violations.to_string();
        Self { violations: violations.into_vec(), ..Self::new(ErrorReason::ValidationFailed, message) }
    }
}
