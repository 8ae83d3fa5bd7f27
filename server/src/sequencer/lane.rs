//! One busy channel: its queue and the loop that empties it, a batch at a time.

use std::{collections::VecDeque, sync::Arc};

use guildhall_proto::ids::ChannelId;
use parking_lot::Mutex;

use super::{
    Action, BATCH_MAX, Committed, QUEUE_MAX, Refusal, Shared,
    batch::{self, Pending, Step, Way},
    handover,
    tail::{NONCES_MAX, Tail},
};
use crate::{
    metrics::METRICS,
    store::{self, Append, Duplicate, Entry},
};

/// How often a batch may be overtaken by other nodes before its senders are told that the channel is busy.
const OVERTAKEN_MAX: u32 = 64;
/// Records that are read at once after being overtaken.
const CATCH_UP_PAGE: usize = 1_000;

pub(super) struct Lane {
    channel: ChannelId,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Pending>,
    running: bool,
    tail: Option<Tail>,
    idle_since_ms: u64,
    handed_ms: u64,
}

impl Lane {
    pub(super) fn new(channel: ChannelId) -> Self {
        Self { channel, state: Mutex::default() }
    }

    pub(super) fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Queues commands, all or none; `false` if the queue is full. Where there is room for one there is room for those
    /// that come with it, or else batches of other nodes would starve behind single commands of this one.
    pub(super) fn push(&self, batch: Vec<Pending>) -> bool {
        let mut state = self.state.lock();
        if state.queue.len() >= QUEUE_MAX {
            return false;
        }
        state.queue.extend(batch);
        true
    }

    /// The time for what is handed over now. No other handover of this lane bears the same.
    pub(super) fn handover_ms(&self, now_ms: u64) -> u64 {
        let mut state = self.state.lock();
        state.handed_ms = now_ms.max(state.handed_ms + 1);
        state.handed_ms
    }

    /// Whether the caller has to run the lane.
    pub(super) fn claim(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().running, true)
    }

    pub(super) fn idle_since(&self, moment_ms: u64) -> bool {
        let state = self.state.lock();
        !state.running && state.queue.is_empty() && state.idle_since_ms <= moment_ms
    }

    fn take(&self, now_ms: u64, tail: &mut Option<Tail>) -> Option<VecDeque<Pending>> {
        let mut state = self.state.lock();
        if state.queue.is_empty() {
            state.running = false;
            state.idle_since_ms = now_ms;
            state.tail = tail.take();
            return None;
        }
        let count = state.queue.len().min(BATCH_MAX);
        Some(state.queue.drain(..count).collect())
    }

    /// What was handed over together fails together: the node that did so may have stopped waiting and be about to commit
    /// all of it, and what comes later must not get ahead of what failed.
    fn refuse_rest(&self, handover: Way, refusal: &Refusal) {
        let mut state = self.state.lock();
        let end = state.queue.iter().position(|pending| pending.way != handover).unwrap_or(state.queue.len());
        state.queue.drain(..end).for_each(|pending| pending.settle(Err(refusal.clone())));
    }

    fn put_back(&self, mut waiting: VecDeque<Pending>) {
        let mut state = self.state.lock();
        while let Some(pending) = waiting.pop_back() {
            state.queue.push_front(pending);
        }
    }
}

/// Lets go of a lane whose run panicked: its senders are told that the outcome is unknown, and the next one begins anew.
struct Guard<'a>(&'a Lane);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.state.lock();
            state.queue.clear();
            state.tail = None;
            state.running = false;
        }
    }
}

/// Empties the lane's queue, then lets go of it.
pub(super) async fn run(lane: Arc<Lane>, shared: Arc<Shared>) {
    let _guard = Guard(&lane);
    let mut tail = lane.state.lock().tail.take();
    while let Some(mut waiting) = lane.take(shared.clock.now_ms(), &mut tail) {
        if handover::hand_over(&lane, &shared, &mut tail, &mut waiting).await {
            lane.put_back(waiting);
            continue;
        }
        if let Err(refusal) = commit(&lane, &shared, &mut tail, &mut waiting).await {
            // What the lane believed of its channel may be wrong now; the next batch looks anew.
            tail = None;
            let handover = waiting.back().map(|pending| pending.way).filter(|way| matches!(way, Way::Handed { .. }));
            waiting.drain(..).for_each(|pending| pending.settle(Err(refusal.clone())));
            if let Some(handover) = handover {
                lane.refuse_rest(handover, &refusal);
            }
        }
        lane.put_back(waiting);
    }
}

/// Commits a batch. Leaves in `waiting` what has to go into the next one; on error, what gets it as its answer.
async fn commit(
    lane: &Lane,
    shared: &Shared,
    tail: &mut Option<Tail>,
    waiting: &mut VecDeque<Pending>,
) -> Result<(), Refusal> {
    for _ in 0..OVERTAKEN_MAX {
        let tail = loaded(lane, shared, tail).await?;
        let targets = targets(lane, shared, waiting).await?;
        find_sent(lane, shared, tail, waiting).await?;
        let steps = batch::plan(waiting, tail, targets, shared.clock.now_ms());
        let entries: Vec<Entry> =
            steps.iter().filter_map(|step| step.append.as_ref()).map(|(entry, _)| entry.clone()).collect();
        if entries.is_empty() {
            finish(lane, shared, tail, steps);
            return Ok(());
        }
        match shared.log.append(lane.channel, tail.head, entries).await {
            Ok(Append::Done { taken }) => {
                METRICS.batch.observe(taken as f64);
                let taken = take_back(steps, taken, waiting);
                finish(lane, shared, tail, taken);
                return Ok(());
            }
            Ok(outcome) => {
                let outcome = overtaken(lane, shared, tail, &steps, outcome).await;
                take_back(steps, 0, waiting);
                outcome?;
            }
            Err(error) => {
                take_back(steps, 0, waiting);
                return Err(failed(lane, &error));
            }
        }
    }
    Err(Refusal::Overloaded { retry_after: super::OVERLOAD_RETRY })
}

async fn loaded<'a>(lane: &Lane, shared: &Shared, tail: &'a mut Option<Tail>) -> Result<&'a mut Tail, Refusal> {
    if tail.is_none() {
        let position = shared.log.position(lane.channel).await.map_err(|error| failed(lane, &error))?;
        *tail = Some(Tail::new(position.ok_or(Refusal::ChannelNotFound)?));
    }
    tail.as_mut().ok_or(Refusal::ChannelNotFound)
}

async fn targets(lane: &Lane, shared: &Shared, waiting: &VecDeque<Pending>) -> Result<batch::Targets, Refusal> {
    let ids = batch::targets(waiting);
    if ids.is_empty() {
        return Ok(batch::Targets::new());
    }
    let rows = shared.log.messages(lane.channel, &ids).await.map_err(|error| failed(lane, &error))?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// A retry of a reply may come after the original was deleted: that it was stored must be known before the original is
/// missed. The engine's own look at the nonces would come too late.
async fn find_sent(lane: &Lane, shared: &Shared, tail: &mut Tail, waiting: &VecDeque<Pending>) -> Result<(), Refusal> {
    for command in waiting.iter().map(|pending| &pending.command) {
        if let Action::Send { nonce, reply_to: Some(_), .. } = command.action
            && tail.sent(command.actor, nonce).is_none()
        {
            let sent = shared.log.sent(lane.channel, command.actor, nonce).await;
            if let Some(sent) = sent.map_err(|error| failed(lane, &error))? {
                tail.remember(command.actor, nonce, sent);
            }
        }
    }
    Ok(())
}

/// Puts back the first step whose entry was not taken and all behind it, before those that came later.
fn take_back(mut steps: Vec<Step>, taken: usize, waiting: &mut VecDeque<Pending>) -> Vec<Step> {
    let mut entries = 0;
    let end = steps.iter().position(|step| {
        entries += usize::from(step.append.is_some());
        entries > taken || taken == 0
    });
    for step in steps.drain(end.unwrap_or(steps.len())..).rev() {
        waiting.push_front(step.pending);
    }
    steps
}

/// Answers, then publishes.
fn finish(lane: &Lane, shared: &Shared, tail: &mut Tail, steps: Vec<Step>) {
    let Some(guild) = steps.first().map(|step| step.pending.command.guild) else { return };
    let mut records = Vec::with_capacity(steps.len());
    for Step { pending, append, answer } in steps {
        if let Some((_, record)) = append {
            records.push((record, Arc::clone(&pending.command.author)));
        }
        pending.settle(answer);
    }
    if !records.is_empty() {
        tail.advance(records.iter().map(|(record, _)| record));
        shared.publisher.committed(Committed { channel: lane.channel, guild, epoch: tail.epoch, records: &records });
    }
}

/// Nothing was written: learns why, so that the batch can be planned again.
async fn overtaken(
    lane: &Lane,
    shared: &Shared,
    tail: &mut Tail,
    steps: &[Step],
    outcome: Append,
) -> Result<(), Refusal> {
    match outcome {
        Append::Done { .. } => Ok(()),
        Append::HeadMoved { actual } if actual.saturating_sub(tail.head) > NONCES_MAX as u64 => {
            // It was somebody else's channel for long. What was written meanwhile would push out all that is remembered.
            let position = shared.log.position(lane.channel).await.map_err(|error| failed(lane, &error))?;
            *tail = Tail::new(position.ok_or(Refusal::ChannelNotFound)?);
            Ok(())
        }
        Append::HeadMoved { .. } => catch_up(lane, shared, tail).await,
        Append::Duplicates(duplicates) => {
            remember(tail, steps, &duplicates);
            Ok(())
        }
        // The log is behind what the lane believed: nothing of its tail can be trusted.
        Append::Gone => Err(Refusal::Storage(super::StorageFault::Unavailable)),
        Append::Closed => Err(Refusal::ChannelNotFound),
    }
}

async fn catch_up(lane: &Lane, shared: &Shared, tail: &mut Tail) -> Result<(), Refusal> {
    loop {
        let records = shared.log.read(lane.channel, tail.head, CATCH_UP_PAGE).await;
        let records = records.map_err(|error| failed(lane, &error))?;
        tail.advance(&records);
        if records.len() < CATCH_UP_PAGE {
            return Ok(());
        }
    }
}

fn remember(tail: &mut Tail, steps: &[Step], duplicates: &[Duplicate]) {
    let commands: Vec<_> =
        steps.iter().filter(|step| step.append.is_some()).map(|step| &step.pending.command).collect();
    for duplicate in duplicates {
        if let Some(command) = commands.get(duplicate.index)
            && let Action::Send { nonce, .. } = command.action
        {
            tail.remember(command.actor, nonce, duplicate.sent);
        }
    }
}

fn failed(lane: &Lane, error: &store::Error) -> Refusal {
    if !error.is_refused() {
        tracing::warn!(channel = u64::from(lane.channel), %error, "append failed");
    }
    Refusal::Storage(error.into())
}
