//! The sequencer against a plain reference, and two sequencers against each other, over the real engine.

use std::{collections::HashMap, sync::Arc};

use guildhall_proto::{
    ids::{ChannelId, GuildId, MessageId, UserId},
    v1,
};
use parking_lot::Mutex;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Action, Command, Committed, Outcome, Publisher, Refusal, Sequencer};
use crate::{
    clock::Clock,
    store::{ChannelRow, Commit, GuildRow, Store, UserRow, Write, sqlite},
};

pub(super) const CHANNEL: ChannelId = ChannelId(3);

/// Keeps what was published.
#[derive(Default)]
pub(super) struct Heard(pub(super) Mutex<Vec<u64>>);

impl Heard {
    /// What was published, once it is so much: senders are answered before listeners are told.
    pub(super) async fn until(&self, count: u64) -> Vec<u64> {
        let enough = async {
            while (self.0.lock().len() as u64) < count {
                tokio::task::yield_now().await;
            }
        };
        // What is missing then is named by the comparison.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(10), enough).await;
        std::mem::take(&mut *self.0.lock())
    }
}

impl Publisher for Heard {
    fn committed(&self, batch: Committed<'_>) {
        self.0.lock().extend(batch.records.iter().map(|(record, _)| record.seq));
    }
}

pub(super) struct Bench {
    pub(super) store: Store,
    _engine: sqlite::Sqlite,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = sqlite::Options { path: folder.path().to_owned(), read_connections: 2 };
        let (store, engine) = sqlite::open(options).await.expect("a store");
        let guild =
            GuildRow { id: GuildId(2), name: "guild".into(), icon_url: String::new(), owner: UserId(1), create_ms: 1 };
        let channel = ChannelRow {
            id: CHANNEL,
            guild: guild.id,
            name: "general".into(),
            kind: v1::ChannelKind::Text.into(),
            position: 0,
            parent: None,
            topic: String::new(),
            create_ms: 1,
            overwrites: Vec::new(),
            in_step: false,
            slow_mode_seconds: 0,
        };
        let owner = UserRow {
            id: UserId(1),
            username: "owner".into(),
            display_name: "owner".into(),
            avatar_url: String::new(),
            custom_status: String::new(),
            password_hash: None,
            bot_owner: None,
            admin: false,
            create_ms: 1,
            delete_ms: None,
        };
        let writes = vec![Write::InsertUser(owner), Write::InsertGuild(guild), Write::InsertChannel(channel)];
        let commit = store.metadata.commit(None, writes, Vec::new()).await.expect("a commit");
        assert!(matches!(commit, Commit::Done(_)), "{commit:?}");
        Self { store, _engine: engine, _folder: folder }
    }

    pub(super) fn sequencer(&self) -> (Sequencer, Arc<Heard>) {
        self.sequencer_at(1_000)
    }

    pub(super) fn sequencer_at(&self, now_ms: u64) -> (Sequencer, Arc<Heard>) {
        let heard = Arc::new(Heard::default());
        let publisher: Arc<dyn Publisher> = Arc::<Heard>::clone(&heard);
        (Sequencer::new(Arc::clone(&self.store.log), publisher, Clock::manual(now_ms)), heard)
    }
}

pub(super) fn command(actor: u64, action: Action) -> Command {
    Command { actor: UserId(actor), author: Arc::default(), guild: GuildId(2), guild_seq: 1, action }
}

pub(super) fn send(nonce: u128, content: &str, reply_to: Option<u64>) -> Action {
    let reply_to = reply_to.map(MessageId);
    Action::Send { nonce: Uuid::from_u128(nonce), content: content.to_owned(), reply_to }
}

/// What the channel would be if it were a list.
#[derive(Default)]
struct Reference {
    seq: u64,
    messages: HashMap<u64, Kept>,
    nonces: HashMap<(u64, u128), (u64, String, Option<u64>)>,
}

struct Kept {
    author: u64,
    content: String,
    deleted: bool,
}

#[derive(Clone, Debug)]
enum Asked {
    Send { actor: u64, nonce: u128, content: String, reply_to: Option<u64> },
    Edit { actor: u64, message: u64, content: String },
    Delete { actor: u64, message: u64, any: bool },
}

impl Asked {
    fn command(&self) -> Command {
        match self.clone() {
            Self::Send { actor, nonce, content, reply_to } => command(actor, send(nonce, &content, reply_to)),
            Self::Edit { actor, message, content } => {
                command(actor, Action::Edit { message: MessageId(message), content })
            }
            Self::Delete { actor, message, any } => command(actor, Action::Delete { message: MessageId(message), any }),
        }
    }
}

impl Reference {
    fn answer(&mut self, asked: &Asked) -> Result<(u64, bool), Refusal> {
        match asked {
            Asked::Send { actor, nonce, content, reply_to } => {
                if let Some((id, first, to)) = self.nonces.get(&(*actor, *nonce)) {
                    let deleted = self.messages[id].deleted;
                    let same = deleted || (first == content && to == reply_to);
                    return if same { Ok((*id, true)) } else { Err(Refusal::NonceConflict) };
                }
                if reply_to.is_some_and(|id| self.live(id).is_none()) {
                    return Err(Refusal::ReplyNotFound);
                }
                self.seq += 1;
                let kept = Kept { author: *actor, content: content.clone(), deleted: false };
                self.messages.insert(self.seq, kept);
                self.nonces.insert((*actor, *nonce), (self.seq, content.clone(), *reply_to));
                Ok((self.seq, false))
            }
            Asked::Edit { actor, message, content } => {
                let kept = self.live(*message).ok_or(Refusal::MessageNotFound)?;
                if kept.author != *actor {
                    return Err(Refusal::NotAuthor);
                }
                kept.content.clone_from(content);
                self.seq += 1;
                Ok((*message, false))
            }
            Asked::Delete { actor, message, any } => {
                let kept = self.live(*message).ok_or(Refusal::MessageNotFound)?;
                if kept.author != *actor && !any {
                    return Err(Refusal::NotAuthor);
                }
                kept.deleted = true;
                self.seq += 1;
                Ok((*message, false))
            }
        }
    }

    fn live(&mut self, id: u64) -> Option<&mut Kept> {
        self.messages.get_mut(&id).filter(|kept| !kept.deleted)
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let content = prop::sample::select(vec!["one", "two", "three"]).prop_map(str::to_owned);
    prop_oneof![
        6 => (1u64..3, 0u128..12, content.clone(), prop::option::weighted(0.2, 1u64..12))
            .prop_map(|(actor, nonce, content, reply_to)| Asked::Send { actor, nonce, content, reply_to }),
        2 => (1u64..3, 0u64..12, content).prop_map(|(actor, message, content)| Asked::Edit { actor, message, content }),
        2 => (1u64..3, 0u64..12, any::<bool>())
            .prop_map(|(actor, message, any)| Asked::Delete { actor, message, any }),
    ]
}

async fn compare(all: Vec<Asked>, restart_after: usize) {
    let bench = Bench::new().await;
    let mut reference = Reference::default();
    let (mut sequencer, mut heard) = bench.sequencer();
    let mut published = Vec::new();
    let mut tickets = Vec::new();
    for (index, asked) in all.iter().enumerate() {
        if index == restart_after {
            settle(&mut tickets).await;
            published.append(&mut heard.until(reference.seq).await);
            // A new process: no tail, no nonces in memory.
            (sequencer, heard) = bench.sequencer();
        }
        let expected = reference.answer(asked);
        tickets.push((asked.clone(), sequencer.submit(CHANNEL, asked.command()).expect("room"), expected));
    }
    settle(&mut tickets).await;
    published.append(&mut heard.until(reference.seq - published.len() as u64).await);
    assert_eq!(published, (1..=reference.seq).collect::<Vec<_>>(), "published in order, each once");
    let ids: Vec<MessageId> = reference.messages.keys().map(|id| MessageId(*id)).collect();
    for row in bench.store.log.messages(CHANNEL, &ids).await.expect("messages") {
        let kept = &reference.messages[&u64::from(row.id)];
        assert_eq!(row.delete_ms.is_some(), kept.deleted);
        assert_eq!(row.content, if kept.deleted { "" } else { &kept.content });
    }
}

type Ticketed = (Asked, super::Ticket, Result<(u64, bool), Refusal>);

async fn settle(tickets: &mut Vec<Ticketed>) {
    for (asked, ticket, expected) in tickets.drain(..) {
        let actual = ticket.wait().await.map(|outcome| match outcome {
            Outcome::Sent { message, duplicate, .. } => (u64::from(message), duplicate),
            Outcome::Edited(row) => (u64::from(row.id), false),
            Outcome::Deleted { .. } => (target(&asked), false),
        });
        assert_eq!(actual, expected, "{asked:?}");
    }
}

fn target(asked: &Asked) -> u64 {
    match asked {
        Asked::Delete { message, .. } => *message,
        _ => panic!("only deletions are answered with Deleted: {asked:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn commands_are_answered_as_a_plain_list_would(all in prop::collection::vec(asked(), 1..60), cut in 0usize..60) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(compare(all, cut));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sequencers_on_one_log_lose_nothing_and_keep_each_senders_order() {
    let bench = Bench::new().await;
    let sequencers = [bench.sequencer(), bench.sequencer()];
    let mut tickets = Vec::new();
    for number in 0..200u128 {
        for (index, (sequencer, _)) in sequencers.iter().enumerate() {
            let action = send(number, &format!("{number}"), None);
            tickets.push(sequencer.submit(CHANNEL, command(index as u64 + 1, action)).expect("room"));
        }
        tokio::task::yield_now().await;
    }
    for ticket in tickets {
        ticket.wait().await.expect("sent");
    }
    let records = bench.store.log.read(CHANNEL, 0, 1_000).await.expect("records");
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), (1..=400).collect::<Vec<_>>());
    for actor in [UserId(1), UserId(2)] {
        let sent: Vec<u128> = records
            .iter()
            .filter_map(|record| match &record.change {
                crate::store::Change::Created(row) if row.author == actor => Some(row.nonce.as_u128()),
                _ => None,
            })
            .collect();
        assert_eq!(sent, (0..200).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_nonce_from_two_sequencers_is_one_message() {
    let bench = Bench::new().await;
    let (one, _) = bench.sequencer();
    let (other, _) = bench.sequencer();
    for nonce in 0..50 {
        let first = one.submit(CHANNEL, command(1, send(nonce, "same", None))).expect("room");
        let second = other.submit(CHANNEL, command(1, send(nonce, "same", None))).expect("room");
        let answers = [first.wait().await.expect("sent"), second.wait().await.expect("sent")];
        let [Outcome::Sent { message: a, duplicate: x, .. }, Outcome::Sent { message: b, duplicate: y, .. }] = answers
        else {
            panic!("{answers:?}")
        };
        assert_eq!(a, b);
        assert!(x != y, "exactly one of them is the first");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_does_nothing() {
    let bench = Bench::new().await;
    let (sequencer, heard) = bench.sequencer();
    // Nothing runs in between: this test's runtime has one thread, and nobody yields.
    let tickets: Vec<_> = (0..super::QUEUE_MAX as u128)
        .map(|nonce| sequencer.submit(CHANNEL, command(1, send(nonce, "x", None))).expect("room"))
        .collect();
    let refused = sequencer.submit(CHANNEL, command(1, send(u128::MAX, "x", None)));
    assert!(matches!(refused, Err(Refusal::Overloaded { .. })));
    for ticket in tickets {
        ticket.wait().await.expect("sent");
    }
    assert_eq!(heard.until(super::QUEUE_MAX as u64).await.len(), super::QUEUE_MAX);
}

#[tokio::test]
async fn a_channel_that_does_not_exist_is_not_found() {
    let bench = Bench::new().await;
    let (sequencer, _) = bench.sequencer();
    let ticket = sequencer.submit(ChannelId(99), command(1, send(1, "x", None))).expect("room");
    assert_eq!(ticket.wait().await, Err(Refusal::ChannelNotFound));
}
