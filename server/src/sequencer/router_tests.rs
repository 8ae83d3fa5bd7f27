//! Two sequencers over one engine, one of which hands its sends over to the other: whatever becomes of that one, nothing is
//! lost, nothing is there twice, and each sender's order holds.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use guildhall_proto::ids::{ChannelId, MessageId, UserId};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::{
    Action, Answer, BATCH_MAX, Command, Outcome, QUEUE_MAX, Refusal, Router, Sequencer, Ticket, Unanswered,
    tests::{Bench, CHANNEL, Heard, command, send},
};
use crate::store::Change;

/// What becomes of a handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is committed and answered.
    Answered,
    /// The owner is dead, or refuses.
    Nothing,
    /// It is committed, and the answer is lost.
    Lost,
    /// The owner is given it, stops waiting for, and goes its own way.
    Raced,
    /// The owner is paused, and commits it when all is over.
    Late,
    /// The owner commits a part of it and dies.
    Half,
}

/// The way from one sequencer to the other.
struct Way {
    owner: Sequencer,
    fates: Mutex<VecDeque<Fate>>,
    late: Mutex<Vec<(u64, Vec<Command>)>>,
    under_way: AtomicBool,
    sizes: Mutex<Vec<usize>>,
}

#[async_trait]
impl Router for Way {
    fn elsewhere(&self, _: ChannelId) -> bool {
        true
    }

    async fn commit(&self, channel: ChannelId, time_ms: u64, sends: &[&Command]) -> Result<Vec<Answer>, Unanswered> {
        assert!(!self.under_way.swap(true, Ordering::SeqCst), "one at a time");
        self.sizes.lock().push(sends.len());
        let mut commands: Vec<Command> = sends.iter().map(|command| (*command).clone()).collect();
        let fate = self.fates.lock().pop_front().unwrap_or(Fate::Answered);
        let submit = |commands| self.owner.submit_handed(channel, time_ms, commands).expect("room");
        let answers = match fate {
            Fate::Answered => Ok(settle(submit(commands)).await),
            Fate::Nothing => Err(Unanswered),
            Fate::Lost => {
                settle(submit(commands)).await;
                Err(Unanswered)
            }
            Fate::Raced => {
                submit(commands);
                Err(Unanswered)
            }
            Fate::Half => {
                commands.truncate(commands.len().div_ceil(2));
                settle(submit(commands)).await;
                Err(Unanswered)
            }
            Fate::Late => {
                self.late.lock().push((time_ms, commands));
                Err(Unanswered)
            }
        };
        self.under_way.store(false, Ordering::SeqCst);
        answers
    }
}

async fn settle(tickets: Vec<Ticket>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for ticket in tickets {
        answers.push(ticket.wait().await);
    }
    answers
}

struct Pair {
    bench: Bench,
    here: Sequencer,
    here_heard: Arc<Heard>,
    owner: Sequencer,
    owner_heard: Arc<Heard>,
    way: Arc<Way>,
}

impl Pair {
    async fn new(fates: impl IntoIterator<Item = Fate>) -> Self {
        let bench = Bench::new().await;
        let (here, here_heard) = bench.sequencer_at(1_000_000);
        let (owner, owner_heard) = bench.sequencer_at(5_000_000);
        let way = Arc::new(Way {
            owner: owner.clone(),
            fates: Mutex::new(fates.into_iter().collect()),
            late: Mutex::default(),
            under_way: AtomicBool::new(false),
            sizes: Mutex::default(),
        });
        let router: Arc<dyn Router> = Arc::<Way>::clone(&way);
        here.set_router(router);
        Self { bench, here, here_heard, owner, owner_heard, way }
    }

    fn ask(&self, action: Action) -> Ticket {
        self.here.submit(CHANNEL, command(1, action)).expect("room")
    }

    async fn send(&self, nonce: u128, content: &str) -> (u64, bool) {
        sent(self.ask(send(nonce, content, None)).wait().await)
    }

    /// The paused owner wakes up.
    async fn wake(&self) {
        let late = std::mem::take(&mut *self.way.late.lock());
        for (time_ms, commands) in late {
            settle(self.owner.submit_handed(CHANNEL, time_ms, commands).expect("room")).await;
        }
    }

    /// The nonces of an author's messages in the order of the log.
    async fn nonces(&self, author: u64) -> Vec<u128> {
        let records = self.bench.store.log.read(CHANNEL, 0, 10_000).await.expect("records");
        assert!(records.iter().map(|record| record.seq).eq(1..=records.len() as u64));
        let created = records.iter().filter_map(|record| match &record.change {
            Change::Created(row) if row.author == UserId(author) => Some(row.nonce.as_u128()),
            _ => None,
        });
        created.collect()
    }
}

fn sent(answer: Answer) -> (u64, bool) {
    match answer {
        Ok(Outcome::Sent { message, duplicate, .. }) => (message.get(), duplicate),
        other => panic!("not sent: {other:?}"),
    }
}

#[tokio::test]
async fn the_owner_commits_and_publishes_whole_batches_in_order() {
    let pair = Pair::new([]).await;
    // Nothing runs in between: this test's runtime has one thread.
    let tickets: Vec<_> = (0..600).map(|nonce| pair.ask(send(nonce, "x", None))).collect();
    for (at, answer) in settle(tickets).await.into_iter().enumerate() {
        assert_eq!(sent(answer), (at as u64 + 1, false));
    }
    assert_eq!(pair.nonces(1).await, (0..600).collect::<Vec<_>>());
    assert_eq!(*pair.way.sizes.lock(), [BATCH_MAX, BATCH_MAX, 600 - 2 * BATCH_MAX]);
    assert_eq!(pair.owner_heard.until(600).await, (1..=600).collect::<Vec<_>>());
    assert!(pair.here_heard.0.lock().is_empty(), "whoever hands over does not publish");
    pair.here.finish().await;
}

#[tokio::test]
async fn large_sends_go_in_smaller_batches() {
    let pair = Pair::new([]).await;
    let text = "x".repeat(300_000);
    let tickets: Vec<_> = (0..14).map(|nonce| pair.ask(send(nonce, &text, None))).collect();
    settle(tickets).await.into_iter().for_each(|answer| assert!(!sent(answer).1));
    assert_eq!(*pair.way.sizes.lock(), [6, 6, 2]);
}

#[tokio::test]
async fn a_dead_owner_is_done_without() {
    let pair = Pair::new([Fate::Nothing; 4]).await;
    let tickets: Vec<_> = (0..600).map(|nonce| pair.ask(send(nonce, "x", None))).collect();
    assert!(settle(tickets).await.into_iter().all(|answer| !sent(answer).1));
    assert_eq!(pair.nonces(1).await, (0..600).collect::<Vec<_>>());
    assert_eq!(pair.here_heard.until(600).await.len(), 600);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_still_the_first_one_and_a_repeat_is_not() {
    for fate in [Fate::Lost, Fate::Half, Fate::Raced, Fate::Late] {
        let pair = Pair::new([fate, Fate::Nothing, fate, fate]).await;
        assert_eq!(pair.send(1, "one").await, (1, false), "{fate:?}");
        assert_eq!(pair.send(1, "one").await, (1, true), "{fate:?}: repeated, owner dead");
        assert_eq!(pair.send(1, "one").await, (1, true), "{fate:?}: repeated, owner unreliable again");
        let conflict = pair.ask(send(1, "other", None)).wait().await;
        assert_eq!(conflict, Err(Refusal::NonceConflict), "{fate:?}");
        assert_eq!(pair.send(1, "one").await, (1, true), "{fate:?}: repeated, owner well");
        pair.wake().await;
        assert_eq!(pair.nonces(1).await, [1], "{fate:?}");
    }
}

#[tokio::test]
async fn of_two_with_one_nonce_in_one_handover_only_the_first_is_the_first() {
    for fate in [Fate::Answered, Fate::Nothing, Fate::Lost] {
        let pair = Pair::new([fate]).await;
        let tickets = vec![pair.ask(send(1, "x", None)), pair.ask(send(1, "x", None))];
        let answers: Vec<_> = settle(tickets).await.into_iter().map(sent).collect();
        assert_eq!(answers, [(1, false), (1, true)], "{fate:?}");
    }
}

#[tokio::test]
async fn what_a_client_repeats_on_another_node_is_a_repeat() {
    let pair = Pair::new([Fate::Nothing, Fate::Lost]).await;
    // The owner has it from its own client; then it is repeated here, and the owner does not answer.
    let first = pair.owner.submit(CHANNEL, command(1, send(1, "x", None))).expect("room");
    assert_eq!(sent(first.wait().await), (1, false));
    assert_eq!(pair.send(1, "x").await, (1, true));
    assert_eq!(pair.send(1, "x").await, (1, true));
}

#[tokio::test]
async fn a_paused_owner_that_wakes_up_changes_nothing() {
    let pair = Pair::new([Fate::Late, Fate::Answered]).await;
    let first: Vec<_> = (0..50).map(|nonce| pair.ask(send(nonce, "x", None))).collect();
    settle(first).await.into_iter().for_each(|answer| assert!(!sent(answer).1));
    pair.ask(Action::Delete { message: MessageId(3), any: false }).wait().await.expect("deleted");
    pair.send(100, "later").await;
    let head = pair.bench.store.log.position(CHANNEL).await.expect("a position").expect("a channel");
    pair.wake().await;
    assert_eq!(pair.bench.store.log.position(CHANNEL).await.expect("a position"), Some(head));
    assert_eq!(pair.nonces(1).await.len(), 51);
}

#[tokio::test]
async fn refusals_of_the_owner_are_the_senders_answers() {
    let pair = Pair::new([]).await;
    let reply = pair.ask(send(1, "x", Some(77))).wait().await;
    assert_eq!(reply, Err(Refusal::ReplyNotFound));
    assert_eq!(pair.send(2, "x").await, (1, false));
    assert_eq!(pair.ask(send(2, "y", None)).wait().await, Err(Refusal::NonceConflict));
    let elsewhere = pair.here.submit(ChannelId(99), command(1, send(3, "x", None))).expect("room");
    assert_eq!(elsewhere.wait().await, Err(Refusal::ChannelNotFound));
    assert!(pair.here_heard.0.lock().is_empty());
}

#[tokio::test]
async fn edits_and_deletes_stay_in_their_place_among_sends() {
    let pair = Pair::new([]).await;
    let edit = |message, content: &str| Action::Edit { message: MessageId(message), content: content.into() };
    let tickets = vec![
        pair.ask(send(1, "one", None)),
        pair.ask(edit(1, "edited")),
        pair.ask(send(2, "two", Some(1))),
        pair.ask(Action::Delete { message: MessageId(1), any: false }),
        pair.ask(send(3, "three", Some(1))),
        pair.ask(send(4, "four", None)),
    ];
    let answers = settle(tickets).await;
    assert_eq!(sent(answers[0].clone()), (1, false));
    assert!(matches!(&answers[1], Ok(Outcome::Edited(row)) if row.content == "edited"), "{:?}", answers[1]);
    assert_eq!(sent(answers[2].clone()), (3, false));
    assert!(matches!(answers[3], Ok(Outcome::Deleted { .. })), "{:?}", answers[3]);
    assert_eq!(answers[4], Err(Refusal::ReplyNotFound));
    assert_eq!(sent(answers[5].clone()), (5, false));
    // What stands behind an edit in one batch goes its way: to part it again and again would cost more than a race.
    assert_eq!(pair.owner_heard.until(1).await, [1]);
    assert_eq!(pair.here_heard.until(4).await, [2, 3, 4, 5]);
    pair.send(5, "five").await;
    assert_eq!(pair.owner_heard.until(1).await, [6]);
}

#[tokio::test]
async fn a_full_owner_takes_all_or_nothing() {
    let pair = Pair::new([]).await;
    let mut own: Vec<_> = (0..QUEUE_MAX as u128 - 1)
        .map(|nonce| pair.owner.submit(CHANNEL, command(2, send(nonce, "x", None))).expect("room"))
        .collect();
    let batch = |from: u128| (from..from + 100).map(|nonce| command(1, send(nonce, "x", None))).collect::<Vec<_>>();
    own.extend(pair.owner.submit_handed(CHANNEL, 7, batch(0)).expect("room for one is room for all"));
    let refused = pair.owner.submit_handed(CHANNEL, 8, batch(200)).err();
    assert!(matches!(refused, Some(Refusal::Overloaded { .. })), "{refused:?}");
    settle(own).await.into_iter().for_each(|answer| assert!(!sent(answer).1));
    assert_eq!(pair.nonces(1).await, (0..100).collect::<Vec<_>>());
    let rows = pair.bench.store.log.messages(CHANNEL, &[MessageId(QUEUE_MAX as u64)]).await.expect("messages");
    assert_eq!((rows[0].author, rows[0].create_ms), (UserId(1), 7), "it bears the time of whoever handed it over");
}

#[tokio::test]
async fn finishing_waits_for_what_is_under_way() {
    let pair = Pair::new([Fate::Lost]).await;
    let tickets: Vec<_> = (0..300).map(|nonce| pair.ask(send(nonce, "x", None))).collect();
    tokio::time::timeout(Duration::from_secs(10), pair.here.finish()).await.expect("in time");
    assert_eq!(pair.nonces(1).await.len(), 300);
    settle(tickets).await.into_iter().for_each(|answer| assert!(!sent(answer).1));
}

fn fate() -> impl Strategy<Value = Fate> {
    prop::sample::select(vec![Fate::Answered, Fate::Nothing, Fate::Lost, Fate::Raced, Fate::Late, Fate::Half])
}

/// Three senders: two here, one at the owner. Some of what is sent here is sent twice.
async fn chaos(fates: Vec<Fate>, pauses: Vec<bool>) {
    let pair = Pair::new(fates.clone()).await;
    let (mut firsts, mut repeats, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (at, pause) in pauses.iter().enumerate() {
        let nonce = at as u128;
        for actor in [1, 2] {
            firsts.push(pair.here.submit(CHANNEL, command(actor, send(nonce, "x", None))).expect("room"));
        }
        others.push(pair.owner.submit(CHANNEL, command(3, send(nonce, "x", None))).expect("room"));
        if at % 5 == 4 {
            repeats.push(pair.here.submit(CHANNEL, command(1, send(nonce - 2, "x", None))).expect("room"));
        }
        if *pause {
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }
    for answer in settle(firsts).await.into_iter().chain(settle(others).await) {
        assert!(!sent(answer).1, "{fates:?}");
    }
    for answer in settle(repeats).await {
        assert!(sent(answer).1, "{fates:?}");
    }
    pair.wake().await;
    pair.owner.finish().await;
    for author in 1..=3 {
        assert_eq!(pair.nonces(author).await, (0..pauses.len() as u128).collect::<Vec<_>>(), "{fates:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_becomes_of_the_owner_each_is_there_once_and_in_order(
        fates in prop::collection::vec(fate(), 0..40),
        pauses in prop::collection::vec(prop::bool::weighted(0.3), 1..120),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(chaos(fates, pauses));
    }
}
