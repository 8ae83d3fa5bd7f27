//! Nonces that bear a time are known to be new without being looked up: never wrongly.

use uuid::{Builder, Uuid};

use super::Nodes;
use crate::store::contract::{append, channel, create_as};
use crate::store::{Append, Entry};

const AUTHOR: u64 = 7;
const NOW_MS: u64 = 1_790_000_000_000;

fn at(time_ms: u64) -> Uuid {
    Builder::from_unix_timestamp_millis(time_ms, &rand::random()).into_uuid()
}

fn entries(nonces: &[Uuid]) -> Vec<Entry> {
    nonces.iter().map(|nonce| create_as(AUTHOR, *nonce, "text")).collect()
}

/// Which of these a node says were sent.
async fn repeated(nodes: &Nodes, node: usize, channel: guildhall_proto::ids::ChannelId, nonces: &[Uuid]) -> Vec<usize> {
    let head = nodes.store(node).log.position(channel).await.unwrap().unwrap().seq;
    match nodes.store(node).log.append(channel, head, entries(nonces)).await.unwrap() {
        Append::Duplicates(duplicates) => duplicates.into_iter().map(|duplicate| duplicate.index).collect(),
        Append::Done { .. } => Vec::new(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_took_another_one_finds_whatever_the_clocks_said() {
    let nodes = Nodes::start(3).await;
    let channel = channel(nodes.store(0)).await;
    // In order, behind, far ahead, at the very same moment.
    let sent = [at(NOW_MS), at(NOW_MS + 1), at(1), at(NOW_MS + 86_400_000_000), at(NOW_MS + 1), Uuid::new_v4()];
    append(nodes.store(0), channel, 0, entries(&sent)).await;
    for node in [1, 0, 2] {
        assert_eq!(repeated(&nodes, node, channel, &sent).await, [0, 1, 2, 3, 4, 5], "node {node}");
        // Another one appends, then the next one takes over.
        assert_eq!(repeated(&nodes, node, channel, &[at(NOW_MS + 2)]).await, [0; 0], "node {node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_long_ago_is_found() {
    let nodes = Nodes::start(2).await;
    let channel = channel(nodes.store(0)).await;
    let mut sent = vec![at(NOW_MS + 60_000)];
    append(nodes.store(0), channel, 0, entries(&sent)).await;
    // More than are remembered, each later than the one before.
    for number in 0..8 {
        let next: Vec<Uuid> = (0..200).map(|step| at(NOW_MS + 200 * number + step)).collect();
        append(nodes.store(0), channel, sent.len() as u64, entries(&next)).await;
        sent.extend(next);
    }
    for node in [0, 1] {
        let asked = [sent[0], at(NOW_MS + 120_000), sent[1], sent[1_600]];
        assert_eq!(repeated(&nodes, node, channel, &asked).await, [0, 2, 3], "node {node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_race_take_a_nonce_once() {
    let nodes = Nodes::start(2).await;
    let channel = channel(nodes.store(0)).await;
    for head in 0..20 {
        let nonce = at(NOW_MS + head);
        // Both believe in the same head; one of them is wrong, and must find what the other one wrote.
        let answers = tokio::join!(
            nodes.store(0).log.append(channel, head, entries(&[nonce])),
            nodes.store(1).log.append(channel, head, entries(&[nonce]))
        );
        let done = |answer: &crate::store::Result<Append>| matches!(answer, Ok(Append::Done { .. }));
        assert_eq!([&answers.0, &answers.1].into_iter().filter(|answer| done(answer)).count(), 1, "{answers:?}");
        for node in [0, 1] {
            assert_eq!(repeated(&nodes, node, channel, &[nonce]).await, [0], "node {node}, round {head}");
        }
    }
}
