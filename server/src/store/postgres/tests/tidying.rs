//! What is left of deleted channels goes by itself, whichever node does it.

use super::{eventually, number, open_at};
use crate::store::contract::{append, channel, create, delete, edit};
use crate::store::{Commit, Store, Write, testing_postgres};

const ROWS: &str = "SELECT (SELECT count(*) FROM log) + (SELECT count(*) FROM messages)
                         + (SELECT count(*) FROM tombstones) + (SELECT count(*) FROM streams WHERE kind = 1)";

async fn drop_channel(store: &Store, channel: guildhall_proto::ids::ChannelId) {
    let writes = vec![Write::DeleteChannel(channel)];
    assert_eq!(store.metadata.commit(None, writes, Vec::new()).await.unwrap(), Commit::Done(Vec::new()));
}

#[tokio::test]
async fn deleted_channels_are_erased_by_two_nodes_at_once() {
    let url = testing_postgres::database().await;
    let (first, second) = (open_at(&url).await, open_at(&url).await);
    let kept = channel(&first.0).await;
    append(&first.0, kept, 0, vec![create("a"), create("b"), delete(1)]).await;
    for number in 0..6 {
        let gone = channel(&first.0).await;
        // More than one step of the erasure.
        let head = append(&first.0, gone, 0, (0..1_200).map(|_| create("a")).collect()).await;
        append(&first.0, gone, head, vec![delete(1), edit(2, "b")]).await;
        drop_channel(if number % 2 == 0 { &first.0 } else { &second.0 }, gone).await;
    }
    // All of the channel that is kept: its stream, its log, its message, its tombstone.
    eventually("the rows are erased", async || number(&first.1, ROWS).await == 1 + 3 + 1 + 1).await;
    assert_eq!(second.0.log.read(kept, 0, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_a_dead_node_left_is_erased() {
    let url = testing_postgres::database().await;
    let (store, postgres) = open_at(&url).await;
    let channel = channel(&store).await;
    append(&store, channel, 0, (0..10).map(|_| create("a")).collect()).await;
    // As a deletion leaves it, but behind the node's back.
    sqlx::query("UPDATE streams SET closed = TRUE WHERE kind = 1").execute(postgres.pool()).await.unwrap();
    postgres.close().await.unwrap();
    let (_store, postgres) = open_at(&url).await;
    eventually("all rows are erased", async || number(&postgres, ROWS).await == 0).await;
}
