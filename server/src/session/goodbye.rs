//! The last frames: why a session ends, and what its client does next.

use std::time::Duration;

use bytes::Bytes;
use guildhall_proto::v1::{self, GoodbyeReason, NextAction, server_frame::Payload};

use super::frame;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goodbye {
    pub(super) reason: GoodbyeReason,
    pub(super) retry_after: Duration,
    next: NextAction,
}

impl Goodbye {
    pub(super) fn new(reason: GoodbyeReason) -> Self {
        Self::after(reason, Duration::ZERO)
    }

    pub(super) fn after(reason: GoodbyeReason, retry_after: Duration) -> Self {
        Self { reason, retry_after, next: next(reason) }
    }

    /// The client would only be told the same again.
    pub(super) fn stop(reason: GoodbyeReason) -> Self {
        Self { next: NextAction::Stop, ..Self::new(reason) }
    }

    pub(super) fn frame(self) -> Bytes {
        let retry_after = prost_types::Duration::try_from(self.retry_after).ok();
        let (reason, next) = (self.reason.into(), self.next.into());
        frame::encode(Payload::Goodbye(v1::Goodbye { reason, next, retry_after }))
    }
}

/// Whatever a client did wrong, it may come back and do better; only those who were told to go stay away.
fn next(reason: GoodbyeReason) -> NextAction {
    match reason {
        GoodbyeReason::Closed | GoodbyeReason::AuthExpired | GoodbyeReason::TooManySessions => NextAction::Stop,
        GoodbyeReason::NotIdentified | GoodbyeReason::IdentifyTimeout => NextAction::Identify,
        GoodbyeReason::Unspecified
        | GoodbyeReason::Draining
        | GoodbyeReason::AlreadyIdentified
        | GoodbyeReason::HeartbeatTimeout
        | GoodbyeReason::SlowConsumer
        | GoodbyeReason::ProtocolError
        | GoodbyeReason::Unavailable => NextAction::Resume,
    }
}
