//! One unsettled send: where it stands, and whether a refusal of it may pass. Pure.

use guildhall_proto::v1::{ErrorReason, SendMessageRequest};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tonic::Code;

use crate::api::Sent;
use crate::backoff::Backoff;
use crate::error::{Error, Kind, Result};

/// How often a fault of the server is met with a repetition. It may have stored the message before it failed, and the
/// nonce tells; but a fault that stays would hold up the channel for ever.
pub(super) const FAULTS_MAX: u32 = 5;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) request: SendMessageRequest,
    pub(super) stage: Stage,
    pub(super) caller: Option<oneshot::Sender<Result<Sent>>>,
    /// Whether it ever left this process: only then may it be stored.
    pub(super) attempted: bool,
    pub(super) faults: u32,
    pub(super) backoff: Backoff,
    /// Its place in the bounded queue, given back with the entry.
    pub(super) _slot: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    /// Not in the file yet.
    Unkept,
    /// May go out.
    Waiting,
    /// May go out again from then on.
    Delayed(Instant),
    /// On its way as a command of the session.
    InFlight(u64),
    /// On its way as a call of its own.
    Direct,
}

impl Entry {
    pub(super) fn new(request: SendMessageRequest, stage: Stage, slot: Option<OwnedSemaphorePermit>) -> Self {
        Self { request, stage, caller: None, attempted: false, faults: 0, backoff: Backoff::default(), _slot: slot }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Waiting => true,
            Stage::Delayed(until) => until <= now,
            Stage::Unkept | Stage::InFlight(_) | Stage::Direct => false,
        }
    }

    pub(super) fn delayed_until(&self) -> Option<Instant> {
        match self.stage {
            Stage::Delayed(until) => Some(until),
            _ => None,
        }
    }

    /// Whether a refusal may pass, or says nothing about whether the message is stored.
    pub(super) fn is_passing(&mut self, error: &Error) -> bool {
        if error.is_retryable() || error.reason() == Some(ErrorReason::NotIdentified) {
            return true;
        }
        let fault =
            matches!(error.code(), Some(Code::Internal | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded));
        self.faults += u32::from(fault);
        matches!(error.kind(), Kind::Api(_)) && fault && self.faults < FAULTS_MAX
    }
}
