//! How a session ends, and what follows from it.

use std::time::Duration;

use guildhall_proto::v1::{self, NextAction};
use tonic::Code;

use crate::error::{Error, Kind};
use crate::gateway::state::{CloseReason, words};

/// The end of a session, or of the attempt to have one.
#[derive(Debug)]
pub(super) struct End {
    pub(super) next: Next,
    /// How long the server wants to be left alone.
    pub(super) at_least: Option<Duration>,
    pub(super) cause: Error,
}

/// What to do after a session.
#[derive(Debug)]
pub(super) enum Next {
    /// Come back with cursors.
    Resume,
    /// Come back anew.
    Identify,
    /// Do not come back.
    Stop(CloseReason),
}

impl End {
    pub(super) fn stop(reason: CloseReason) -> Self {
        Self { cause: Error::closed(reason.to_string(), false), next: Next::Stop(reason), at_least: None }
    }

    /// The connection is gone or useless.
    pub(super) fn lost(why: impl Into<String>) -> Self {
        Self { next: Next::Resume, at_least: None, cause: Error::transport(Code::Unavailable, why) }
    }

    /// The stream failed. A refusal that cannot pass by itself ends the gateway; everything else is tried again, for
    /// the most part of it is a server that restarts.
    pub(super) fn failed(error: Error) -> Self {
        let final_answer = matches!(error.kind(), Kind::Api(_))
            && matches!(
                error.code(),
                Some(Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::InvalidArgument)
            );
        Self {
            next: if final_answer { Next::Stop(CloseReason::Refused(error.clone())) } else { Next::Resume },
            at_least: error.retry_after(),
            cause: error,
        }
    }

    /// The server said goodbye.
    pub(super) fn goodbye(goodbye: &v1::Goodbye) -> Self {
        let reason = goodbye.reason();
        let retry_after = goodbye.retry_after;
        Self {
            next: match goodbye.next() {
                NextAction::Stop => Next::Stop(CloseReason::Goodbye(reason)),
                NextAction::Identify => Next::Identify,
                NextAction::Resume | NextAction::Unspecified => Next::Resume,
            },
            at_least: retry_after.and_then(|delay| Duration::try_from(delay).ok()),
            cause: Error::transport(Code::Unavailable, format!("the server said goodbye: {}", words(reason))),
        }
    }
}
