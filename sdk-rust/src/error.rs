//! What can go wrong, in words that a program can act on: one error for every call, command and file of the SDK.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use guildhall_proto::v1::ErrorReason;
use guildhall_proto::{Failure, Violation, Violations};
use tonic::{Code, Status};

/// What the SDK's calls answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The request breaks a limit. It was not sent: the SDK knows the limits. [`Error::violations`] names the fields.
    Validation,
    /// The server refused, and this is why. `Unspecified` if the answer came from something else than a Guildhall
    /// server, or from a newer one.
    Api(ErrorReason),
    /// The server could not be reached, or the connection broke before the answer.
    Transport,
    /// The answer did not come in time.
    Timeout,
    /// The gateway has ended.
    Closed,
    /// The gateway keeps as many unsettled sends as it may.
    QueueFull,
    /// A file of the SDK cannot be read or written.
    Storage,
    /// The client is configured in a way that cannot work.
    Config,
    /// The answer makes no sense: something that must be in it is not.
    Protocol,
}

/// Why something failed. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: Kind,
    failure: Failure,
    /// Whether the code came from the other side; else it is only there to fill the failure.
    has_code: bool,
    outcome_unknown: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The server's reason, or `ValidationFailed` for what was not even sent.
    #[must_use]
    pub fn reason(&self) -> Option<ErrorReason> {
        match self.0.kind {
            Kind::Validation | Kind::Api(_) | Kind::Closed => {
                Some(self.0.failure.reason).filter(|reason| *reason != ErrorReason::Unspecified || self.0.has_code)
            }
            _ => None,
        }
    }

    /// The fields that break limits, with the rule of each: the same whether the SDK found them or the server.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.failure.violations
    }

    /// When to try again, at the earliest, as far as the server said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.failure.retry_after
    }

    /// How long a rate limit holds, if that is what the call met.
    pub(crate) fn limited_for(&self) -> Option<Duration> {
        self.retry_after().filter(|_| self.reason() == Some(ErrorReason::RateLimited))
    }

    /// Whether the same call may succeed when it is made again. A send that is made again keeps its nonce.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            Kind::Api(_) => self.0.failure.is_retryable(),
            Kind::Transport | Kind::Timeout | Kind::QueueFull => true,
            _ => false,
        }
    }

    /// Whether the thing may have been done although no answer came. A send that is repeated with the same nonce is
    /// never stored twice.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// The gRPC code, if there was an answer.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.0.has_code.then_some(self.0.failure.code)
    }

    /// The id of the request in the server's log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.failure.request_id.as_deref()
    }

    /// Facts that belong to the reason, such as `permission` with `MissingPermission`.
    #[must_use]
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.0.failure.metadata
    }

    /// The limit that was reached: such as `guild.channels` with `LimitReached`, `messages.send` with `RateLimited`.
    #[must_use]
    pub fn quota(&self) -> Option<&str> {
        self.0.failure.quota.as_deref()
    }

    /// What happened, without its cause.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }

    /// Reads what a call of the generated stubs failed with.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let failure = Failure::from_status(status);
        // Only what failed on this side of the wire has a source. Of the server's own answers, Unavailable without a
        // reason comes from something in between, such as a proxy that lost its upstream.
        let local = std::error::Error::source(status).is_some();
        let nameless = failure.reason == ErrorReason::Unspecified;
        if nameless && (local || failure.code == Code::Unavailable) {
            let message = with_causes(status, status.message());
            return Self::transport(failure.code, message);
        }
        Self::from_failure(failure)
    }

    pub(crate) fn from_failure(failure: Failure) -> Self {
        let unknown = matches!(failure.code, Code::Unknown | Code::Internal | Code::DeadlineExceeded | Code::Cancelled)
            || failure.reason == ErrorReason::StorageUnavailable;
        let kind = Kind::Api(failure.reason);
        Self::build(kind, failure).code_known().unknown_if(unknown)
    }

    pub(crate) fn transport(code: Code, message: impl Into<String>) -> Self {
        let mut failure = Failure::new(ErrorReason::Unspecified, message);
        failure.code = code;
        Self::build(Kind::Transport, failure).code_known().unknown_if(true)
    }

    pub(crate) fn timeout(limit: Duration) -> Self {
        Self::local(Kind::Timeout, format!("no answer within {limit:?}")).unknown_if(true)
    }

    pub(crate) fn closed(message: impl Into<String>, outcome_unknown: bool) -> Self {
        Self::local(Kind::Closed, message).unknown_if(outcome_unknown)
    }

    pub(crate) fn queue_full(limit: usize) -> Self {
        let text = format!("{limit} are waiting already");
        Self::local(Kind::QueueFull, text)
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::local(Kind::Config, message)
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::local(Kind::Protocol, message)
    }

    pub(crate) fn storage(what: impl fmt::Display, error: std::io::Error) -> Self {
        let mut inner = Self::local(Kind::Storage, format!("{what}: {error}"));
        if let Some(inner) = Arc::get_mut(&mut inner.0) {
            inner.source = Some(Box::new(error));
        }
        inner
    }

    fn local(kind: Kind, message: impl Into<String>) -> Self {
        Self::build(kind, Failure::new(ErrorReason::Unspecified, message))
    }

    fn build(kind: Kind, failure: Failure) -> Self {
        Self(Arc::new(Inner { kind, failure, has_code: false, outcome_unknown: false, source: None }))
    }

    fn code_known(mut self) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.has_code = true;
        }
        self
    }

    pub(crate) fn unknown_if(mut self, unknown: bool) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.outcome_unknown = unknown;
        }
        self
    }
}

/// An error with everything beneath it, except for what says nothing.
pub(crate) fn with_causes(error: &dyn std::error::Error, message: &str) -> String {
    let mut parts = vec![message.to_owned()];
    let mut source = error.source();
    while let Some(cause) = source {
        parts.push(cause.to_string());
        source = cause.source();
    }
    let mut text = String::new();
    for part in parts.iter().filter(|part| !part.is_empty() && *part != "transport error") {
        if text.is_empty() {
            text.clone_from(part);
        } else if !text.contains(part.as_str()) {
            text = format!("{text}: {part}");
        }
    }
    if text.is_empty() { message.to_owned() } else { text }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::build(Kind::Validation, violations.into())
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::from_status(&status)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            Kind::Transport => write!(f, "the server cannot be reached: {}", self.message()),
            Kind::Closed => write!(f, "the gateway has ended: {}", self.message()),
            _ => f.write_str(self.message()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.message())
            .field("code", &self.code())
            .field("violations", &self.violations())
            .field("retry_after", &self.retry_after())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
