//! What a command fails with: one value that knows its exit code, its JSON and the line that people read.

use std::fmt;
use std::io;
use std::time::Duration;

use guildhall::Kind;
use guildhall_proto::error::name_of;
use guildhall_proto::v1::ErrorReason;
use guildhall_proto::{Failure, Violation};
use serde_json::{Value, json};
use tonic::Code;

use crate::remedy;

/// What commands answer.
pub(crate) type Result<T, E = Fault> = std::result::Result<T, E>;

/// The exit codes. They are a promise to scripts: see the end of `guildhall --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or the reader of our output went away.
    Ok = 0,
    /// Failed, and no other code fits.
    Error = 1,
    /// The command line, or a value in it, is wrong.
    Usage = 2,
    /// There is no such thing, or it is not to be seen.
    NotFound = 3,
    /// Not logged in, or not any more.
    Auth = 4,
    /// Not allowed.
    Permission = 5,
    /// Too much at once; try later.
    RateLimited = 6,
    /// The server cannot be reached or cannot answer now.
    Unavailable = 7,
    /// It contradicts what is there already.
    Conflict = 8,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Clone, Debug)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    exit: Exit,
    code: String,
    reason: Option<String>,
    message: String,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    request_id: Option<String>,
    remedy: Option<String>,
}

impl Fault {
    fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            exit,
            code: code.to_owned(),
            reason: None,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
            request_id: None,
            remedy: None,
        }))
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "INVALID_ARGUMENT", message)
    }

    /// A name stands for nothing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, "NOT_FOUND", message)
    }

    /// There is no token to show.
    pub(crate) fn not_logged_in(server: &str) -> Self {
        let fault = Self::new(Exit::Auth, "UNAUTHENTICATED", format!("not logged in at {server}"));
        fault.remedy("`guildhall login NAME`, or set GUILDHALL_TOKEN")
    }

    /// The token ended while it was in use.
    pub(crate) fn logged_out() -> Self {
        let fault = Self::new(Exit::Auth, "UNAUTHENTICATED", "the token is not valid any more");
        fault.remedy("log in again: `guildhall login NAME`")
    }

    /// The server cannot be reached.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        let fault = Self::new(Exit::Unavailable, "UNAVAILABLE", message);
        fault.remedy(remedy::UNAVAILABLE)
    }

    /// The user pressed Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "CANCELLED", "interrupted")
    }

    /// Anything else that went wrong on this machine.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::new(Exit::Error, "FAILED", message)
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &io::Error) -> Self {
        Self::local(format!("{}: {error}", path.display()))
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn remedy(mut self, text: impl Into<String>) -> Self {
        self.0.remedy = Some(text.into());
        self
    }

    /// What it failed at, in front of the message.
    #[must_use]
    pub(crate) fn context(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    /// The message alone.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's reason, as the wire names it.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// When to try again, at the earliest.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether nobody is to be told: the one who read our output went away.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.exit == Exit::Ok
    }

    /// The object that `--json` prints on stderr. Every key is always there.
    pub(crate) fn json(&self) -> Value {
        let inner = &self.0;
        let violations: Vec<_> = inner
            .violations
            .iter()
            .map(|found| json!({"field": found.field, "rule": found.rule, "message": found.message}))
            .collect();
        json!({"error": {
            "code": inner.code,
            "reason": inner.reason,
            "message": inner.message,
            "violations": violations,
            "retry_after_ms": inner.retry_after.map(whole_ms),
            "request_id": inner.request_id,
        }})
    }

    /// Reads what a call by name failed with.
    pub(crate) fn from_failure(failure: Failure) -> Self {
        let (code, reason) = (failure.code, failure.reason);
        let mut fault = Self::new(exit_of(code, reason), code_name(code), failure.message.clone());
        fault.0.remedy = remedy::of(&failure);
        if reason != ErrorReason::Unspecified {
            fault.0.reason = Some(name_of(reason).to_owned());
        }
        fault.0.violations = failure.violations;
        fault.0.retry_after = failure.retry_after;
        fault.0.request_id = failure.request_id;
        fault
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(reason) = &self.0.reason {
            write!(f, " [{reason}]")?;
        }
        if let Some(remedy) = &self.0.remedy {
            write!(f, " (hint: {remedy})")?;
        }
        Ok(())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Ok, "CANCELLED", "the reader went away");
        }
        Self::local(error.to_string())
    }
}

impl From<guildhall::Error> for Fault {
    fn from(error: guildhall::Error) -> Self {
        let reason = error.reason().unwrap_or_default();
        let code = match (error.kind(), error.code()) {
            (Kind::Validation | Kind::Config, _) => Code::InvalidArgument,
            (_, Some(code)) => code,
            (Kind::Timeout, None) => Code::DeadlineExceeded,
            (Kind::Transport | Kind::Closed, None) => Code::Unavailable,
            (Kind::QueueFull, None) => Code::ResourceExhausted,
            _ => Code::Unknown,
        };
        let mut failure = Failure::new(reason, error.to_string());
        failure.code = code;
        failure.violations = error.violations().to_vec();
        failure.retry_after = error.retry_after();
        failure.metadata.clone_from(error.metadata());
        failure.request_id = error.request_id().map(str::to_owned);
        Self::from_failure(failure)
    }
}

fn exit_of(code: Code, reason: ErrorReason) -> Exit {
    match code {
        // A fixed limit does not go away by waiting.
        _ if reason == ErrorReason::LimitReached => Exit::Error,
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => Exit::Usage,
        Code::NotFound => Exit::NotFound,
        Code::Unauthenticated => Exit::Auth,
        Code::PermissionDenied => Exit::Permission,
        Code::ResourceExhausted => Exit::RateLimited,
        Code::Unavailable | Code::DeadlineExceeded => Exit::Unavailable,
        Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => Exit::Conflict,
        _ => Exit::Error,
    }
}

/// The name that the protos use.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn whole_ms(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
