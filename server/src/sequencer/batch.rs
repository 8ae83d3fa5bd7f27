//! Turns waiting commands into entries of one append, and its outcome into answers. Pure: the channel's state comes in
//! as an argument, so that a batch can be prepared again after somebody else moved the head.

use std::collections::{HashMap, HashSet, VecDeque};

use guildhall_proto::ids::{MessageId, UserId};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Action, Answer, Command, Outcome, Refusal, tail::Tail};
use crate::{
    metrics::{self, METRICS},
    store::{Body, Change, Entry, MessageRow, Record, Sent},
};

/// A command that waits for its answer.
pub(super) struct Pending {
    pub(super) command: Command,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) way: Way,
}

/// Where a command may be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Here, or, if it is a send, elsewhere.
    Open,
    /// Here: another node handed it over. Its message bears this time.
    Handed { time_ms: u64 },
    /// Here: another node, to which it was handed over with this time, did not answer.
    Unanswered { time_ms: u64 },
    /// Here.
    Here,
}

impl Pending {
    pub(super) fn settle(self, result: Answer) {
        self.count(&result);
        // The asker may be gone; what was done stays done.
        let _ = self.answer.send(result);
    }

    /// A send is counted by the node whose client it came from.
    fn count(&self, result: &Answer) {
        if matches!(self.way, Way::Handed { .. }) || !matches!(self.command.action, Action::Send { .. }) {
            return;
        }
        let sent = match result {
            Ok(Outcome::Sent { duplicate: true, .. }) => metrics::Sent::Duplicate,
            Ok(_) => metrics::Sent::Stored,
            Err(Refusal::Overloaded { .. }) => metrics::Sent::Overloaded,
            Err(Refusal::Storage(_)) => metrics::Sent::Unavailable,
            Err(_) => metrics::Sent::Refused,
        };
        METRICS.sends.get(sent).inc();
    }

    /// The time of its message.
    fn time_ms(&self, now_ms: u64) -> u64 {
        match self.way {
            Way::Handed { time_ms } => time_ms,
            Way::Open | Way::Unanswered { .. } | Way::Here => now_ms,
        }
    }

    /// Whether a message that its nonce stands for was committed on its behalf, by the node that did not answer. Then
    /// the first answer is still to be given. A message of an earlier asking bears another time.
    fn is_own(&self, sent: &Sent) -> bool {
        self.way == Way::Unanswered { time_ms: sent.create_ms }
    }
}

/// What a batch does with one command: perhaps an entry with the record that it becomes, and in any case an answer. The
/// answer holds only if the batch is appended: it may rest on what stands before it in the batch.
pub(super) struct Step {
    pub(super) pending: Pending,
    pub(super) append: Option<(Entry, Record)>,
    pub(super) answer: Answer,
}

/// The messages that a batch touches, as they are before it.
pub(super) type Targets = HashMap<MessageId, MessageRow>;

/// The messages that commands refer to.
pub(super) fn targets(waiting: &VecDeque<Pending>) -> Vec<MessageId> {
    let mut ids: Vec<MessageId> = waiting
        .iter()
        .filter_map(|pending| match pending.command.action {
            Action::Send { reply_to, .. } => reply_to,
            Action::Edit { message, .. } | Action::Delete { message, .. } => Some(message),
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Decides commands in order against the tail and the targets; entries get seqs that follow the tail's head. Stops, and
/// leaves the rest waiting, before a nonce that this batch sends already: its fate is known only after the append.
pub(super) fn plan(waiting: &mut VecDeque<Pending>, tail: &Tail, mut targets: Targets, now_ms: u64) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(waiting.len());
    let mut nonces: HashSet<(UserId, Uuid)> = HashSet::new();
    let mut seq = tail.head;
    while let Some(pending) = waiting.pop_front() {
        if let Action::Send { nonce, .. } = pending.command.action
            && !nonces.insert((pending.command.actor, nonce))
        {
            waiting.push_front(pending);
            break;
        }
        let time_ms = pending.time_ms(now_ms);
        let (append, answer) = match decide(&pending, seq + 1, tail, &mut targets, time_ms) {
            Ok(Decision::Append { body, change, outcome }) => {
                seq += 1;
                let (actor, guild_seq) = (pending.command.actor, pending.command.guild_seq);
                let entry = Entry { actor, time_ms, guild_seq, body };
                let record = Record { seq, actor, time_ms, guild_seq, change };
                (Some((entry, record)), Ok(outcome))
            }
            Ok(Decision::Nothing(outcome)) => (None, Ok(outcome)),
            Err(refusal) => (None, Err(refusal)),
        };
        steps.push(Step { pending, append, answer });
    }
    steps
}

#[allow(clippy::large_enum_variant, reason = "taken apart at once")]
enum Decision {
    Append { body: Body, change: Change, outcome: Outcome },
    Nothing(Outcome),
}

fn decide(pending: &Pending, seq: u64, tail: &Tail, targets: &mut Targets, now_ms: u64) -> Result<Decision, Refusal> {
    let command = &pending.command;
    match &command.action {
        Action::Send { nonce, content, reply_to } => {
            let fingerprint = fingerprint(content, *reply_to);
            if let Some(mut sent) = tail.sent(command.actor, *nonce) {
                if targets.get(&sent.message).is_some_and(|row| row.delete_ms.is_some()) {
                    sent.fingerprint = None;
                }
                return found(sent, fingerprint, pending.is_own(&sent)).map(Decision::Nothing);
            }
            if let Some(original) = reply_to {
                live(targets, *original).ok_or(Refusal::ReplyNotFound)?;
            }
            let row = MessageRow {
                id: MessageId::from(seq),
                author: command.actor,
                content: content.clone(),
                nonce: *nonce,
                fingerprint: Some(fingerprint),
                reply_to: *reply_to,
                create_ms: now_ms,
                edit_ms: None,
                delete_ms: None,
                guild_seq: command.guild_seq,
            };
            targets.insert(row.id, row.clone());
            Ok(create(row, fingerprint))
        }
        Action::Edit { message, content } => {
            let row = live(targets, *message).ok_or(Refusal::MessageNotFound)?;
            if row.author != command.actor {
                return Err(Refusal::NotAuthor);
            }
            row.content.clone_from(content);
            row.edit_ms = Some(now_ms);
            row.guild_seq = command.guild_seq;
            let body = Body::Edit { message: *message, content: content.clone() };
            Ok(Decision::Append { body, change: Change::Edited(row.clone()), outcome: Outcome::Edited(row.clone()) })
        }
        Action::Delete { message, any } => {
            let row = live(targets, *message).ok_or(Refusal::MessageNotFound)?;
            if row.author != command.actor && !any {
                return Err(Refusal::NotAuthor);
            }
            row.delete_ms = Some(now_ms);
            let outcome = Outcome::Deleted { author: row.author };
            let body = Body::Delete { message: *message };
            Ok(Decision::Append { body, change: Change::Deleted(*message), outcome })
        }
    }
}

fn live(targets: &mut Targets, id: MessageId) -> Option<&mut MessageRow> {
    targets.get_mut(&id).filter(|row| row.delete_ms.is_none())
}

fn create(row: MessageRow, fingerprint: u64) -> Decision {
    let outcome = Outcome::Sent { message: row.id, create_ms: row.create_ms, duplicate: false };
    let body = Body::Create { nonce: row.nonce, fingerprint, content: row.content.clone(), reply_to: row.reply_to };
    Decision::Append { body, change: Change::Created(row), outcome }
}

/// What is told of a message that is there already. A deleted one has no fingerprint any more: any retry of its nonce gets
/// the first answer, so that a late one cannot bring it back. `own`: it is no retry.
fn found(sent: Sent, fingerprint: u64, own: bool) -> Answer {
    if sent.fingerprint.is_some_and(|original| original != fingerprint) {
        return Err(Refusal::NonceConflict);
    }
    Ok(Outcome::Sent { message: sent.message, create_ms: sent.create_ms, duplicate: !own })
}

/// Tells a retry from another message under the same nonce.
pub(super) fn fingerprint(content: &str, reply_to: Option<MessageId>) -> u64 {
    let digest = Sha256::new().chain_update(reply_to.map_or(0, u64::from).to_le_bytes()).chain_update(content);
    let digest: [u8; 32] = digest.finalize().into();
    u64::from_le_bytes([digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]])
}
