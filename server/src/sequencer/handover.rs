//! Handing sends over to the node that the router names, and taking them back when it does not answer.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use super::{
    Action, Shared,
    batch::{Pending, Way},
    lane::Lane,
    tail::Tail,
};
use crate::metrics::{Handover, METRICS};

/// Bytes of one handover, about: half of what a node takes in one request.
const BYTES_MAX: usize = 2 << 20;
/// What a send has beside its texts, at most.
const OTHER_BYTES: usize = 128;

/// Hands over the sends at the head of `waiting`, in order, and answers their senders; `false`: nothing of `waiting` was
/// answered, and all of it is to be committed here.
///
/// Behind an edit or a deletion, which are committed here, the rest of its batch is committed here as well: to part a batch
/// again and again would cost more than a race.
///
/// A node that does not answer in time may have committed the sends, or do so later. Committed here under the same
/// nonces, each is one message all the same, and the order holds: whoever comes second finds what the first has appended,
/// and goes on behind it.
pub(super) async fn hand_over(
    lane: &Lane,
    shared: &Shared,
    tail: &mut Option<Tail>,
    waiting: &mut VecDeque<Pending>,
) -> bool {
    let Some(router) = shared.router.get() else { return false };
    let count = open_sends(waiting);
    if count == 0 || !router.elsewhere(lane.channel()) {
        return false;
    }
    let time_ms = lane.handover_ms(shared.clock.now_ms());
    let sends: Vec<_> = waiting.iter().take(count).map(|pending| &pending.command).collect();
    let answers = Arc::clone(router).commit(lane.channel(), time_ms, &sends).await;
    // The head is wherever the other node has moved it: to ask for it is cheaper than to fail and read what was missed.
    *tail = None;
    match answers {
        Ok(answers) if answers.len() == count => {
            METRICS.handovers.get(Handover::Answered).inc_by(count as u64);
            let handed = waiting.drain(..count);
            handed.zip(answers).for_each(|(pending, answer)| pending.settle(answer));
            true
        }
        _ => {
            METRICS.handovers.get(Handover::Fallback).inc_by(count as u64);
            keep_here(waiting.iter_mut().take(count), time_ms);
            false
        }
    }
}

/// How many sends at the head may be handed over at once.
fn open_sends(waiting: &VecDeque<Pending>) -> usize {
    let mut bytes = 0;
    let fits = |pending: &&Pending| {
        let Action::Send { content, .. } = &pending.command.action else { return false };
        let author = &pending.command.author;
        bytes += content.len() + author.username.len() + author.display_name.len() + author.avatar_url.len();
        bytes += OTHER_BYTES;
        pending.way == Way::Open && bytes <= BYTES_MAX
    };
    waiting.iter().take_while(fits).count()
}

/// Marks what was not answered. Of sends with one nonce only the first can be the one that was committed; the others are
/// retries of it, whoever committed it.
fn keep_here<'a>(unanswered: impl Iterator<Item = &'a mut Pending>, time_ms: u64) {
    let mut nonces = HashSet::new();
    for pending in unanswered {
        let Action::Send { nonce, .. } = pending.command.action else { continue };
        let first = nonces.insert((pending.command.actor, nonce));
        pending.way = if first { Way::Unanswered { time_ms } } else { Way::Here };
    }
}
