//! Nodes of one process over one store: what is committed on one is told on the other, whatever the bus does.

mod faulty;
mod forged;
mod limits;
mod loose;
mod over_postgres;
mod over_redis;
mod passing;
mod servers;

use std::{sync::Arc, time::Duration};

use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey},
    v1::{self, server_frame},
};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::{task::JoinHandle, time::Instant};
use uuid::Uuid;

use super::{Health, Parts, Relay, bus::Bus, records::Records};
use crate::{
    chat::{self, Caller, Chat, Policy, Registration},
    clock::Clock,
    fanout::{Delivery, Hub, Presences, Published, Subscriber, Topic},
    limits::Mode,
    store::{Store, sqlite},
};
use servers::RedisServer;

/// What nodes share.
struct Shared {
    store: Store,
    _engine: sqlite::Sqlite,
    _folder: tempfile::TempDir,
}

impl Shared {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = sqlite::Options { path: folder.path().to_owned(), read_connections: 2 };
        let (store, engine) = sqlite::open(options).await.expect("a store");
        Self { store, _engine: engine, _folder: folder }
    }
}

struct Node {
    id: u64,
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    presences: Arc<Presences>,
    relay: Option<Relay>,
    notices: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.notices.abort();
    }
}

impl Node {
    fn start(store: &Store, bus: Box<dyn Bus>, records: Arc<dyn Records>) -> Self {
        let hub = Arc::new(Hub::default());
        let policy = Policy { registration: Registration::Open, rate_limits: Mode::Off };
        let parts = chat::Parts { store: store.clone(), hub: Arc::clone(&hub), clock: Clock::system(), policy };
        let chat = Chat::new(parts);
        let presences = Arc::new(Presences::new(Arc::clone(&hub)));
        let id = rand::random();
        let relay = Relay::start(Parts {
            node: id,
            hub: Arc::clone(&hub),
            presences: Arc::clone(&presences),
            logs: Arc::<Chat>::clone(&chat),
            bus,
            records,
        });
        let reader = Arc::clone(&chat);
        let notices = tokio::spawn(async move { reader.take_notices().await });
        Self { id, chat, hub, presences, relay: Some(relay), notices }
    }

    /// Without a word to anybody.
    fn die(self) {
        drop(self);
    }

    async fn close(mut self) {
        self.notices.abort();
        if let Some(relay) = self.relay.take() {
            relay.close().await;
        }
    }

    fn health(&self) -> Health {
        self.relay.as_ref().expect("it runs").health()
    }

    async fn up(&self) {
        eventually("the bus carries", || self.health().up).await;
    }

    /// Whatever is said from here on is heard, if the bus carries it.
    async fn hears_all(&self) {
        let stands = |health: Health| health.up && health.standing == health.wanted;
        eventually("all subscriptions stand", || stands(self.health())).await;
    }

    async fn person(&self, username: &str) -> Caller {
        let request =
            v1::RegisterRequest { username: username.into(), password: "correct horse".into(), ..Default::default() };
        let response = self.chat.register(None, request).await.expect("registered");
        self.chat.authenticate(&response.token).await.expect("authenticated")
    }

    async fn guild(&self, owner: &Caller) -> (GuildId, ChannelId) {
        let request = v1::CreateGuildRequest { name: "guild".into(), ..Default::default() };
        let response = self.chat.create_guild(owner, request).await.expect("made");
        (GuildId(response.guild.expect("a guild").id), ChannelId(response.channel_id))
    }

    async fn join(&self, owner: &Caller, guild: GuildId, caller: &Caller) {
        let request = v1::CreateInviteRequest { guild_id: guild.get(), max_uses: 1, expire_seconds: 60 };
        let invite = self.chat.create_invite(owner, request).await.expect("made").invite.expect("an invite");
        self.chat.accept_invite(caller, v1::AcceptInviteRequest { code: invite.code }).await.expect("joined");
    }

    async fn say(&self, caller: &Caller, channel: ChannelId, content: &str) {
        let request = v1::SendMessageRequest {
            channel_id: channel.get(),
            nonce: Uuid::new_v4().to_string(),
            content: content.into(),
            ..Default::default()
        };
        self.chat.send_message(caller, request).await.expect("sent");
    }

    /// Begins to listen as a session does: first the hub, then the head.
    async fn listen(&self, topic: Topic) -> Arc<Ear> {
        let ear = Arc::new(Ear::default());
        self.hub.subscribe(topic, rand::random(), Arc::<Ear>::clone(&ear));
        if let Topic::Stream(stream) = topic {
            let head = self.chat.position(stream).await.expect("read").map_or(0, |position| position.seq);
            ear.0.lock().begun = head;
        }
        ear
    }
}

/// What was told to somebody who listens.
#[derive(Default)]
struct Ear(Mutex<Told>);

#[derive(Default)]
struct Told {
    begun: u64,
    seqs: Vec<u64>,
    stamps: Vec<u64>,
    moved: u64,
    frames: Vec<server_frame::Payload>,
    last: Option<Instant>,
}

impl Subscriber for Ear {
    fn events(&self, events: &[Published]) {
        let mut told = self.0.lock();
        told.last = Some(Instant::now());
        let read = told.moved;
        for event in events.iter().filter(|event| event.seq > read) {
            told.seqs.push(event.seq);
            told.stamps.push(event.guild_seq);
        }
    }

    fn deliver(&self, delivery: &Delivery) {
        let (Delivery::Typing { frame, .. } | Delivery::Presence { frame, .. } | Delivery::Activity { frame, .. }) =
            delivery;
        let frame = v1::ServerFrame::decode(frame.clone()).expect("a frame");
        self.0.lock().frames.push(frame.payload.expect("a payload"));
    }

    fn moved(&self, _: StreamKey, seq: u64) {
        let mut told = self.0.lock();
        told.moved = told.moved.max(seq);
        told.last = Some(Instant::now());
        // A session reads from the log what it was not told.
        let known = told.seqs.last().copied().unwrap_or(told.begun);
        told.seqs.extend(known + 1..=seq);
    }
}

impl Ear {
    fn seqs(&self) -> Vec<u64> {
        self.0.lock().seqs.clone()
    }

    fn frames(&self) -> Vec<server_frame::Payload> {
        self.0.lock().frames.clone()
    }

    /// The events behind the head at which it began to listen, which it must have been told once and in order.
    async fn hears_up_to(&self, seq: u64) {
        eventually(&format!("event {seq} is told"), || self.seqs().last() == Some(&seq)).await;
        let begun = self.0.lock().begun;
        let heard: Vec<u64> = self.seqs().into_iter().filter(|seq| *seq > begun).collect();
        assert_eq!(heard, (begun + 1..=seq).collect::<Vec<_>>(), "once and in order");
    }
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, Duration::from_secs(15), &mut holds).await;
}

async fn within(what: &str, time: Duration, holds: &mut impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < time, "in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

fn stream(channel: ChannelId) -> StreamKey {
    StreamKey::channel(channel)
}
