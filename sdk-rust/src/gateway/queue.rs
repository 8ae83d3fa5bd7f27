//! Sends that are not settled yet, in the order of their channels. Pure: it neither talks nor waits.
//!
//! At most one send of a channel is unanswered at any time, and the next one goes out after the answer. Were two on
//! their way, a refusal that passes (overload, a drain) could hit the first alone; its repetition would then come after
//! the second, and the order in which the program sent would be lost. Other channels go on beside it.

use std::collections::{HashMap, VecDeque};

use guildhall_proto::Failure;
use guildhall_proto::ids::ChannelId;
use guildhall_proto::v1::{SendMessageRequest, SendMessageResponse};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use crate::api::Sent;
use crate::backoff::Backoff;
use crate::error::{Error, Result};
use crate::event::SendSettled;
use crate::gateway::entry::{Entry, Stage};

/// Names a send: its channel and nonce.
pub(crate) type Key = (ChannelId, String);

/// All unsettled sends of a gateway.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    lanes: HashMap<ChannelId, VecDeque<Entry>>,
    /// By request id: which channel's first send waits for that answer of the session.
    in_flight: HashMap<u64, ChannelId>,
    /// Whether sends are written to a file before they go out.
    kept: bool,
    /// Whether there may be something to send that was not looked at yet.
    stirred: bool,
    /// When the first delayed send may go out, or earlier: looked up only now and then.
    due: Option<Instant>,
    closed: Option<Error>,
    /// What the file is to forget.
    settled: Vec<Key>,
    /// What became of sends that nobody waits for.
    reports: Vec<SendSettled>,
}

/// What the file is to learn.
#[derive(Debug, Default)]
pub(crate) struct FileBatch {
    pub(crate) sends: Vec<SendMessageRequest>,
    pub(crate) settled: Vec<Key>,
}

impl SendQueue {
    pub(crate) fn new(kept: bool) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Adds a send of this process. After the gateway has ended it answers at once.
    pub(crate) fn push(
        &mut self,
        request: SendMessageRequest,
        slot: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Result<Sent>>> {
        if let Some(closed) = &self.closed {
            return Err(closed.clone());
        }
        let (caller, answer) = oneshot::channel();
        let stage = if self.kept { Stage::Unkept } else { Stage::Waiting };
        self.add(Entry { caller: Some(caller), ..Entry::new(request, stage, Some(slot)) });
        Ok(answer)
    }

    /// Adds a send that an earlier process left in the file.
    pub(crate) fn restore(&mut self, request: SendMessageRequest, slot: Option<OwnedSemaphorePermit>) {
        self.add(Entry { attempted: true, ..Entry::new(request, Stage::Waiting, slot) });
    }

    fn add(&mut self, entry: Entry) {
        let channel = ChannelId(entry.request.channel_id);
        self.lanes.entry(channel).or_default().push_back(entry);
        self.stirred = true;
    }

    /// How many sends are not settled.
    pub(crate) fn len(&self) -> usize {
        self.lanes.values().map(VecDeque::len).sum()
    }

    /// How many wait for an answer of the session.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many are on their way as calls of their own.
    pub(crate) fn direct(&self) -> usize {
        let heads = self.lanes.values().filter_map(VecDeque::front);
        heads.filter(|head| head.stage == Stage::Direct).count()
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.closed.is_some()
    }

    /// When the next delayed send may go out, or earlier.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due
    }

    fn look_for_due(&self) -> Option<Instant> {
        let heads = self.lanes.values().filter_map(VecDeque::front);
        heads.filter_map(Entry::delayed_until).min()
    }

    /// The next send for the session, which will be answered under this request id.
    pub(crate) fn take_next(&mut self, now: Instant, request_id: u64) -> Option<SendMessageRequest> {
        if !self.stirred && self.due.is_none_or(|due| due > now) {
            return None;
        }
        let mut heads = self.lanes.iter_mut().filter_map(|(id, lane)| Some((*id, lane.front_mut()?)));
        let Some((channel, head)) = heads.find(|(_, head)| head.is_due(now)) else {
            self.stirred = false;
            self.due = self.look_for_due();
            return None;
        };
        head.stage = Stage::InFlight(request_id);
        head.attempted = true;
        self.in_flight.insert(request_id, channel);
        Some(head.request.clone())
    }

    /// Up to `max` sends that are to be made as calls of their own, because the session's answers are not being read:
    /// also those whose answer may lie there unread. The nonce makes both the same send.
    pub(crate) fn take_direct(&mut self, now: Instant, max: usize) -> Vec<SendMessageRequest> {
        let heads = self.lanes.values_mut().filter_map(VecDeque::front_mut);
        let stuck = heads.filter(|head| head.is_due(now) || matches!(head.stage, Stage::InFlight(_)));
        let taken = stuck.take(max).map(|head| {
            head.stage = Stage::Direct;
            head.attempted = true;
            head.request.clone()
        });
        let taken = taken.collect::<Vec<_>>();
        let lanes = &self.lanes;
        self.in_flight.retain(|id, channel| {
            let head = lanes.get(channel).and_then(VecDeque::front);
            head.is_some_and(|head| head.stage == Stage::InFlight(*id))
        });
        taken
    }

    /// The session's answer to a request id; false if no send waits for it.
    pub(crate) fn answer(&mut self, request_id: u64, outcome: Result<SendMessageResponse, Failure>) -> bool {
        let Some(channel) = self.in_flight.remove(&request_id) else {
            return false;
        };
        let outcome = outcome.map_err(Error::from_failure);
        self.settle(channel, outcome);
        true
    }

    /// The answer to a call of its own.
    pub(crate) fn answer_direct(&mut self, key: &Key, outcome: Result<SendMessageResponse>) {
        let lane = self.lanes.get(&key.0);
        let head = lane.and_then(VecDeque::front);
        if head.is_some_and(|head| head.stage == Stage::Direct && head.request.nonce == key.1) {
            self.settle(key.0, outcome);
        }
    }

    fn settle(&mut self, channel: ChannelId, outcome: Result<SendMessageResponse>) {
        self.stirred = true;
        let Some(head) = self.lanes.get_mut(&channel).and_then(VecDeque::front_mut) else {
            return;
        };
        match outcome {
            Err(error) if head.is_passing(&error) => {
                let wait = match error.limited_for() {
                    Some(asked) => Backoff::when_limited(asked),
                    None => head.backoff.next(error.retry_after()),
                };
                tracing::debug!(%channel, ?wait, %error, "send put off");
                let until = Instant::now() + wait;
                head.stage = Stage::Delayed(until);
                self.due = Some(self.due.map_or(until, |due| due.min(until)));
            }
            outcome => {
                let outcome = outcome.map(|response| Sent::new(&head.request, response));
                self.finish(channel, outcome);
            }
        }
    }

    /// Takes the first send of a channel out and tells whoever waits for it.
    fn finish(&mut self, channel: ChannelId, outcome: Result<Sent>) {
        let Some(lane) = self.lanes.get_mut(&channel) else {
            return;
        };
        let Some(entry) = lane.pop_front() else {
            return;
        };
        if lane.is_empty() {
            self.lanes.remove(&channel);
        }
        if self.kept {
            self.settled.push((channel, entry.request.nonce.clone()));
        }
        match entry.caller {
            // Whoever does not wait any more has given the answer up.
            Some(caller) => drop(caller.send(outcome)),
            None => self.reports.push(SendSettled::new(&entry.request, outcome)),
        }
    }

    /// The session ended: what was on its way goes out again.
    pub(crate) fn disconnected(&mut self) {
        for channel in std::mem::take(&mut self.in_flight).into_values() {
            if let Some(head) = self.lanes.get_mut(&channel).and_then(VecDeque::front_mut) {
                head.stage = Stage::Waiting;
            }
        }
        self.stirred = true;
    }

    /// The gateway ends: nothing is taken any more. What is there is still written to the file.
    pub(crate) fn seal(&mut self, why: &str) {
        self.closed.get_or_insert(Error::closed(why, false));
    }

    /// The gateway has ended: whoever waits is told. What the file holds stays there for the next process.
    pub(crate) fn close(&mut self, why: &str) {
        self.seal(why);
        self.in_flight.clear();
        let kept = self.kept;
        for entry in self.lanes.drain().flat_map(|(_, lane)| lane) {
            if let Some(caller) = entry.caller {
                let in_file = kept && entry.stage != Stage::Unkept;
                let error = Error::closed(why, entry.attempted || in_file);
                // Whoever does not wait any more has given the answer up.
                let _ = caller.send(Err(error));
            }
        }
    }

    /// What became of sends that nobody waits for.
    pub(crate) fn take_reports(&mut self) -> Vec<SendSettled> {
        std::mem::take(&mut self.reports)
    }

    /// What the file does not know yet.
    pub(crate) fn take_file_batch(&mut self) -> FileBatch {
        let entries = self.lanes.values().flatten();
        let unkept = entries.filter(|entry| entry.stage == Stage::Unkept);
        FileBatch {
            sends: unkept.map(|entry| entry.request.clone()).collect(),
            settled: std::mem::take(&mut self.settled),
        }
    }

    /// The file holds these sends now, or cannot: then they are refused, because they would not survive.
    pub(crate) fn kept(&mut self, sends: &[SendMessageRequest], outcome: Result<()>) {
        for request in sends {
            let channel = ChannelId(request.channel_id);
            let lane = self.lanes.entry(channel).or_default();
            let unkept = |entry: &Entry| entry.stage == Stage::Unkept && entry.request.nonce == request.nonce;
            let Some(index) = lane.iter().position(unkept) else {
                continue;
            };
            match &outcome {
                Ok(()) => lane[index].stage = Stage::Waiting,
                Err(error) => {
                    let refused = lane.remove(index).and_then(|entry| entry.caller);
                    if let Some(caller) = refused {
                        // Whoever does not wait any more has given the answer up.
                        let _ = caller.send(Err(error.clone()));
                    }
                }
            }
        }
        self.lanes.retain(|_, lane| !lane.is_empty());
        self.stirred = true;
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
