//! The same over a real Redis, which dies, hangs, and forgets.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{super::redis, Ear, Node, RedisServer, Shared, stream, within};
use crate::{chat::Caller, fanout::Topic};
use guildhall_proto::ids::ChannelId;

fn node(shared: &Shared, server: &RedisServer) -> Node {
    let (bus, records) = redis::open(&server.url()).expect("an address");
    Node::start(&shared.store, Box::new(bus), Arc::new(records))
}

struct Pair {
    a: Node,
    b: Node,
    owner: Caller,
    channel: ChannelId,
    ear: Arc<Ear>,
    said: u64,
}

impl Pair {
    /// Two nodes; the owner speaks on one, somebody listens on the other.
    async fn start(shared: &Shared, server: &RedisServer) -> Self {
        let (a, b) = (node(shared, server), node(shared, server));
        let owner = a.person("owner").await;
        let (_, channel) = a.guild(&owner).await;
        b.chat.guild_of(channel).await.expect("read").expect("there");
        let ear = b.listen(Topic::Stream(stream(channel))).await;
        a.up().await;
        b.hears_all().await;
        Self { a, b, owner, channel, ear, said: 0 }
    }

    /// Says something; returns how long it took to be heard.
    async fn say(&mut self, within_ms: u64) -> Duration {
        self.said += 1;
        self.a.say(&self.owner, self.channel, "hello").await;
        let said = Instant::now();
        let (ear, seq) = (&self.ear, self.said);
        within("it is told", Duration::from_millis(within_ms), &mut || ear.seqs().last() == Some(&seq)).await;
        said.elapsed()
    }
}

#[tokio::test]
async fn events_go_from_node_to_node() {
    let (shared, server) = (Shared::new().await, RedisServer::start());
    let mut pair = Pair::start(&shared, &server).await;
    for _ in 0..20 {
        pair.say(3_000).await;
    }
    pair.ear.hears_up_to(20).await;
}

#[tokio::test]
async fn redis_dies_and_comes_back() {
    let (shared, mut server) = (Shared::new().await, RedisServer::start());
    let mut pair = Pair::start(&shared, &server).await;
    pair.say(3_000).await;
    server.kill();
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        slowest = slowest.max(pair.say(1_000).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    println!("without Redis the slowest of ten was told after {slowest:?}");
    assert!(!pair.b.health().up);
    server.run();
    let (a, b) = (&pair.a, &pair.b);
    let mut are_up = || a.health().up && b.health().up;
    let back = within("both are back", Duration::from_secs(10), &mut are_up).await;
    println!("back after {back:?}");
    pair.b.hears_all().await;
    // By the bus again, not by a sweep.
    let reads = pair.b.health().reads;
    for _ in 0..5 {
        pair.say(1_000).await;
    }
    assert!(pair.b.health().reads <= reads + 1, "the events themselves come by the bus");
    pair.ear.hears_up_to(pair.said).await;
}

#[tokio::test]
async fn redis_hangs() {
    let (shared, server) = (Shared::new().await, RedisServer::start());
    let mut pair = Pair::start(&shared, &server).await;
    pair.say(3_000).await;
    server.signal(rustix::process::Signal::STOP);
    let stopped = Instant::now();
    let mut slowest = Duration::ZERO;
    while stopped.elapsed() < Duration::from_secs(3) {
        slowest = slowest.max(pair.say(2_800).await);
    }
    println!("while Redis hung the slowest was told after {slowest:?}");
    server.signal(rustix::process::Signal::CONT);
    let (a, b) = (&pair.a, &pair.b);
    within("both are back", Duration::from_secs(10), &mut || a.health().up && b.health().up).await;
    for _ in 0..5 {
        pair.say(2_800).await;
    }
    pair.ear.hears_up_to(pair.said).await;
}

#[tokio::test]
async fn redis_forgets_and_answers_errors() {
    let (shared, server) = (Shared::new().await, RedisServer::start());
    let mut pair = Pair::start(&shared, &server).await;
    server.cli(&["flushall"]);
    pair.say(2_800).await;
    // Every publish is refused from now on.
    server.cli(&["acl", "setuser", "default", "-publish"]);
    for _ in 0..3 {
        pair.say(2_800).await;
    }
    let b = &pair.b;
    within("it counts as down", Duration::from_secs(5), &mut || !b.health().up).await;
    server.cli(&["acl", "setuser", "default", "+publish"]);
    within("it is up again", Duration::from_secs(5), &mut || b.health().up).await;
    pair.ear.hears_up_to(pair.said).await;
    // A connection that is cut, as Redis does with slow subscribers.
    server.cli(&["client", "kill", "type", "pubsub"]);
    for _ in 0..5 {
        pair.say(2_800).await;
    }
    pair.ear.hears_up_to(pair.said).await;
}

#[tokio::test]
async fn a_node_starts_without_redis() {
    let (shared, mut server) = (Shared::new().await, RedisServer::start());
    server.kill();
    let (a, b) = (node(&shared, &server), node(&shared, &server));
    let owner = a.person("owner").await;
    let (_, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    let ear = b.listen(Topic::Stream(stream(channel))).await;
    a.say(&owner, channel, "hello").await;
    within("told", Duration::from_secs(1), &mut || ear.seqs() == [1] || ear.0.lock().moved == 1).await;
    server.run();
    a.up().await;
    b.up().await;
    a.health();
}
