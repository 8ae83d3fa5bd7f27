//! What was deleted is gone, whoever dies on the way, and whoever comes too late.

use guildhall_proto::ids::ChannelId;
use scylla::value::Row;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::{Engine, Node, Nodes, eventually};
use crate::store::cassandra::codec::{self, LogRow, Mark};
use crate::store::contract::{append, channel, create, delete, edit};
use crate::store::{Append, Commit, Write};

/// How many rows a select gives.
async fn count(engine: &Engine, select: &str) -> usize {
    let text = select.replace("KS", &Node::get().options().keyspace);
    engine.session.query_unpaged(text, ()).await.unwrap().into_rows_result().unwrap().rows::<Row>().unwrap().count()
}

async fn rows_of(engine: &Engine, channel: ChannelId) -> [usize; 3] {
    let id = codec::id(channel);
    let log = format!("SELECT seq FROM KS.log WHERE channel = {id} AND seq > 0 ALLOW FILTERING");
    let messages = format!("SELECT id FROM KS.messages WHERE channel = {id} AND id > 0 ALLOW FILTERING");
    let nonces = format!("SELECT seq FROM KS.nonces WHERE channel = {id} ALLOW FILTERING");
    [count(engine, &log).await, count(engine, &messages).await, count(engine, &nonces).await]
}

async fn secrets_of(engine: &Engine, channel: ChannelId) -> usize {
    let select =
        format!("SELECT seq FROM KS.log WHERE channel = {} AND secret > 0x ALLOW FILTERING", codec::id(channel));
    count(engine, &select).await
}

#[tokio::test]
async fn replaced_and_deleted_texts_leave_the_log() {
    let nodes = Nodes::start(2).await;
    let channel = channel(nodes.store(0)).await;
    append(nodes.store(0), channel, 0, ["one", "two", "three"].map(create).to_vec()).await;
    let engine = nodes.engine(0);
    assert_eq!(secrets_of(engine, channel).await, 3);
    append(nodes.store(0), channel, 3, vec![edit(1, "uno"), edit(2, "dos")]).await;
    assert_eq!(secrets_of(engine, channel).await, 3);
    append(nodes.store(1), channel, 5, vec![edit(1, "eins"), delete(2), create("eight"), edit(8, "acht")]).await;
    // "eins", "three", "acht".
    assert_eq!(secrets_of(engine, channel).await, 3);
    append(nodes.store(0), channel, 9, vec![delete(1), delete(3), delete(8)]).await;
    assert_eq!(secrets_of(engine, channel).await, 0);
    assert_eq!(nodes.store(1).log.read(channel, 0, 100).await.unwrap().len(), 12);
}

#[tokio::test]
async fn a_deleted_channel_is_erased_and_stays_closed() {
    let nodes = Nodes::start(2).await;
    let (store, other) = (nodes.store(0), nodes.store(1));
    let channel = channel(store).await;
    let head = append(store, channel, 0, (0..450).map(|_| create("a")).collect()).await;
    // It believes that the channel is there.
    assert_eq!(other.log.position(channel).await.unwrap().unwrap().seq, head);
    let late = LogRow::new(7, &create("late"), Mark { random: 0, nonces_ms: 0 });
    let done = store.metadata.commit(None, vec![Write::DeleteChannel(channel)], Vec::new()).await.unwrap();
    assert_eq!(done, Commit::Done(Vec::new()));
    for expected in [0, 200, 400, head] {
        let known = other.log.append(channel, expected, vec![create("b")]).await.unwrap();
        assert_eq!(known, Append::Closed, "at {expected}");
    }
    let engine = nodes.engine(1);
    eventually("the rows are erased", async || rows_of(engine, channel).await == [0; 3]).await;
    // A write that was under way for long.
    engine.apply(channel, &[late], Instant::now() + Duration::from_secs(5)).await.unwrap();
    assert_eq!(rows_of(engine, channel).await, [0; 3]);
    // Nor does a node that believed otherwise begin a bucket anew.
    for expected in [0, 200, 400] {
        engine.channels.exists(channel, 1);
        let answer = other.log.append(channel, expected, vec![create("b")]).await.unwrap();
        assert_eq!(answer, Append::Closed, "at {expected}");
    }
    assert_eq!(rows_of(engine, channel).await, [0; 3]);
}

#[tokio::test]
async fn a_full_bucket_and_an_empty_channel_are_closed_too() {
    let nodes = Nodes::start(2).await;
    let (store, other) = (nodes.store(0), nodes.store(1));
    for rows in [0_usize, 200] {
        let channel = channel(store).await;
        let head = append(store, channel, 0, (0..rows).map(|_| create("a")).collect()).await;
        assert_eq!(other.log.position(channel).await.unwrap().unwrap().seq, head);
        let done = store.metadata.commit(None, vec![Write::DeleteChannel(channel)], Vec::new()).await.unwrap();
        assert_eq!(done, Commit::Done(Vec::new()));
        assert_eq!(other.log.append(channel, head, vec![create("b")]).await.unwrap(), Append::Closed);
    }
}

#[tokio::test]
async fn a_node_that_died_over_a_deletion_is_finished_by_another() {
    let nodes = Nodes::start(2).await;
    let channel = channel(nodes.store(0)).await;
    append(nodes.store(0), channel, 0, vec![create("a"), create("b")]).await;
    let engine = nodes.engine(1);
    let attempt = Uuid::now_v7();
    engine.will_close(&[channel], attempt).await.unwrap();
    // While the channel is there, nothing happens.
    assert!(engine.abandoned().await.unwrap().iter().all(|job| job.channel != channel));
    // The directory forgets it, and whoever told it so dies at once.
    let done = nodes.directory.metadata.commit(None, vec![Write::DeleteChannel(channel)], Vec::new()).await.unwrap();
    assert_eq!(done, Commit::Done(Vec::new()));
    let mut nodes = nodes;
    nodes.add(Node::get().options()).await;
    let engine = nodes.engine(2);
    eventually("the rows are erased", async || rows_of(engine, channel).await == [0; 3]).await;
    let id = codec::id(channel);
    let written_down = format!("SELECT attempt FROM KS.closing WHERE shard = 0 AND channel = {id}");
    eventually("nothing is left to do", async || count(engine, &written_down).await == 0).await;
    assert_eq!(nodes.store(0).log.append(channel, 2, vec![create("c")]).await.unwrap(), Append::Closed);
}

#[tokio::test]
async fn a_deletion_that_does_not_happen_closes_nothing() {
    let nodes = Nodes::start(1).await;
    let store = nodes.store(0);
    let channel = channel(store).await;
    append(store, channel, 0, vec![create("a")]).await;
    let guild = store.metadata.guild_of(channel).await.unwrap().unwrap();
    let stale = Some((guild.into(), 77));
    let answer = store.metadata.commit(stale, vec![Write::DeleteGuild(guild)], Vec::new()).await.unwrap();
    assert_eq!(answer, Commit::Moved(Some(0)));
    append(store, channel, 1, vec![create("b")]).await;
    assert!(nodes.engine(0).abandoned().await.unwrap().iter().all(|job| job.channel != channel));
}
