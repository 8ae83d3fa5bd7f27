//! The results of a session's commands: each request id gets exactly one. A Push that is sent again is answered from
//! memory.

use std::collections::{HashMap, VecDeque};

use guildhall_proto::v1;
use tokio::sync::oneshot;

use super::{frame, outbox::Outbox};

/// Results that are kept for a Push that is sent again; four times what one Push may hold and a session may have open.
const KEPT_MAX: usize = 128;

/// Whoever waits for a result beside the downlink.
pub(super) type Reply = Option<oneshot::Sender<v1::CommandResult>>;

/// What is known of a request id.
pub(super) enum Seen {
    /// It is new.
    New,
    /// It was handled, or is being handled; whoever asked again has been seen to.
    Before,
    /// It does not rise, and its result is not known (any more).
    Stale(Reply),
}

#[derive(Default)]
pub(super) struct Answers {
    last_id: u64,
    kept: VecDeque<v1::CommandResult>,
    waiting: HashMap<u64, Vec<oneshot::Sender<v1::CommandResult>>>,
}

impl Answers {
    /// Takes note of a request id and of who waits for its result.
    pub(super) fn expect(&mut self, request_id: u64, reply: Reply) -> Seen {
        if request_id == 0 {
            return Seen::New;
        }
        if request_id > self.last_id {
            self.last_id = request_id;
            if let Some(reply) = reply {
                self.waiting.insert(request_id, vec![reply]);
            }
            return Seen::New;
        }
        let Some(reply) = reply else { return Seen::Stale(None) };
        if let Some(waiting) = self.waiting.get_mut(&request_id) {
            waiting.push(reply);
            return Seen::Before;
        }
        match self.kept.iter().find(|result| result.request_id == request_id) {
            Some(result) => {
                // The asker may be gone again; it knows how to ask.
                let _ = reply.send(result.clone());
                Seen::Before
            }
            None => Seen::Stale(Some(reply)),
        }
    }

    /// Tells a result: inline to those who pushed, else by the downlink.
    pub(super) fn tell(&mut self, outbox: &Outbox, result: v1::CommandResult) {
        if result.request_id == 0 {
            return;
        }
        let Some(waiting) = self.waiting.remove(&result.request_id) else {
            outbox.push(frame::result(result));
            return;
        };
        for reply in waiting {
            let _ = reply.send(result.clone());
        }
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(result);
    }
}
