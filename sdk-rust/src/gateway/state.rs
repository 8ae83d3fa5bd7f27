//! How a gateway is doing, for those who show it to people.

use std::fmt;
use std::time::Instant;

use guildhall_proto::v1::GoodbyeReason;

use crate::error::Error;

/// How a gateway is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Connecting for the first time.
    Connecting,
    /// Connected and subscribed. What was missed has been told, or waits for the program to take it.
    Ready,
    /// Connecting again, or being told what was missed.
    Resuming,
    /// The last try failed; the next one comes by itself.
    Waiting {
        /// When it comes.
        until: Instant,
        /// What failed.
        cause: Error,
    },
    /// Ended for good.
    Closed(CloseReason),
}

/// Why a gateway ended for good.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The program closed it.
    Requested,
    /// The program dropped every handle to it.
    Dropped,
    /// The server sent it away and does not want it back.
    Goodbye(GoodbyeReason),
    /// The server refused it in a way that does not pass, such as a token that is not valid.
    Refused(Error),
}

impl ConnectionState {
    /// Whether the gateway is connected, subscribed and missing nothing.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// Why the gateway ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<&CloseReason> {
        match self {
            Self::Closed(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Ready => f.write_str("ready"),
            Self::Resuming => f.write_str("resuming"),
            Self::Waiting { cause, .. } => write!(f, "waiting: {cause}"),
            Self::Closed(reason) => write!(f, "closed: {reason}"),
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("by the program"),
            Self::Dropped => f.write_str("every handle was dropped"),
            Self::Goodbye(reason) => write!(f, "the server said goodbye: {}", words(*reason)),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

/// A reason as people read it.
pub(crate) fn words(reason: GoodbyeReason) -> String {
    let name = reason.as_str_name().trim_start_matches("GOODBYE_REASON_");
    name.to_lowercase().replace('_', " ")
}
