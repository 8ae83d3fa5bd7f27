//! How fast events go from node to node; run by hand, with `--ignored --nocapture`.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{super::redis, Node, RedisServer, Shared, over_postgres::PgNode, stream, within};
use crate::{fanout::Topic, store::testing_postgres};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn over_redis() {
    let (shared, server) = (Shared::new().await, RedisServer::start());
    let node = || {
        let (bus, records) = redis::open(&server.url()).expect("an address");
        Node::start(&shared.store, Box::new(bus), Arc::new(records))
    };
    measure(node(), node()).await;
}

pub(super) async fn measure(a: Node, b: Node) {
    let owner = a.person("owner").await;
    let (_, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    let (here, there) =
        (a.listen(Topic::Stream(stream(channel))).await, b.listen(Topic::Stream(stream(channel))).await);
    a.up().await;
    b.up().await;
    let mut added = Vec::new();
    for seq in 1..=200 {
        a.say(&owner, channel, "hello").await;
        let mut heard = || here.seqs().last() == Some(&seq) && there.seqs().last() == Some(&seq);
        within("told on both nodes", Duration::from_secs(10), &mut heard).await;
        let at = |ear: &super::Ear| ear.0.lock().last.expect("heard");
        added.push(at(&there).saturating_duration_since(at(&here)));
    }
    added.sort();
    println!("added latency, idle: p50 {:?}, p99 {:?}", added[100], added[197]);
    let begun = Instant::now();
    let reads = b.health().reads;
    for _ in 0..40 {
        join_all((0..250).map(|_| a.say(&owner, channel, "hello there, this is a message of the usual size"))).await;
    }
    let committed = begun.elapsed();
    within("all are told", Duration::from_secs(30), &mut || there.seqs().last() == Some(&10_200)).await;
    println!(
        "10,000 events: committed in {committed:?}, told on the other node in {:?}; {} reads",
        begun.elapsed(),
        b.health().reads - reads
    );
    there.hears_up_to(10_200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn over_postgres() {
    let url = testing_postgres::database().await;
    let (a, b) = (PgNode::start(&url).await, PgNode::start(&url).await);
    measure(a.node, b.node).await;
}
