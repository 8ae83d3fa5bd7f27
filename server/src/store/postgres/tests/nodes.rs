//! The table of nodes: who is in it, for how long, and by whose clock.

use std::time::Duration;

use super::{eventually, fresh, number};
use crate::store::{Node, Registry, postgres::nodes::Nodes};

#[tokio::test]
async fn nodes_are_listed_until_they_leave() {
    let (_store, postgres) = fresh().await;
    let nodes = Nodes::new(postgres.pool().clone());
    assert_eq!(nodes.live().await.unwrap(), []);
    nodes.beat(u64::MAX, "one:1", 7).await.unwrap();
    nodes.beat(2, "two:2", 0).await.unwrap();
    let first = nodes.live().await.unwrap();
    let start_ms = number(&postgres, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").await;
    assert!(first.iter().all(|node| node.start_ms.abs_diff(start_ms.cast_unsigned()) < 10_000), "{first:?}");
    // A later beat changes what is said, but not when the node came. Ids are ordered as the column is.
    nodes.beat(2, "two:3", 9).await.unwrap();
    let second = nodes.live().await.unwrap();
    assert_eq!(second[0], Node { id: u64::MAX, address: "one:1".into(), start_ms: first[0].start_ms, load: 7 });
    assert_eq!(second[1], Node { id: 2, address: "two:3".into(), start_ms: first[1].start_ms, load: 9 });
    nodes.leave(u64::MAX).await.unwrap();
    nodes.leave(1).await.unwrap();
    assert_eq!(nodes.live().await.unwrap().len(), 1);
    postgres.close().await.unwrap();
}

#[tokio::test]
async fn a_silent_node_is_gone_after_ten_seconds_by_the_clock_of_the_database() {
    let (_store, postgres) = fresh().await;
    let nodes = Nodes::new(postgres.pool().clone());
    nodes.beat(1, "one:1", 0).await.unwrap();
    nodes.beat(2, "two:2", 0).await.unwrap();
    let left = "SELECT (extract(epoch FROM expire_time - clock_timestamp()) * 1000)::bigint FROM nodes WHERE id = 1";
    let left_ms = number(&postgres, left).await;
    assert!((5_000..=10_000).contains(&left_ms), "{left_ms}");
    // As if nine and a half seconds had passed for one of them.
    let age = "UPDATE nodes SET expire_time = expire_time - interval '9.5 seconds' WHERE id = 1";
    sqlx::query(age).execute(postgres.pool()).await.unwrap();
    eventually("the silent one is gone", async || nodes.live().await.unwrap().iter().map(|node| node.id).eq([2])).await;
    nodes.beat(1, "one:1", 0).await.unwrap();
    assert_eq!(nodes.live().await.unwrap().len(), 2, "and back when it beats again");
    // Rows of the long dead are removed by those who live.
    let long_ago = "UPDATE nodes SET expire_time = expire_time - interval '2 minutes' WHERE id = 1";
    sqlx::query(long_ago).execute(postgres.pool()).await.unwrap();
    nodes.beat(2, "two:2", 0).await.unwrap();
    assert_eq!(number(&postgres, "SELECT count(*) FROM nodes").await, 1);
    postgres.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_unavailable_soon() {
    let (_store, postgres) = fresh().await;
    let nodes = Nodes::new(postgres.pool().clone());
    nodes.beat(1, "one:1", 0).await.unwrap();
    let mut blocking = postgres.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE nodes").execute(&mut *blocking).await.unwrap();
    let late = tokio::time::timeout(Duration::from_secs(4), nodes.beat(1, "one:1", 0)).await.expect("bounded");
    assert!(matches!(late, Err(crate::store::Error::Unavailable(_))), "{late:?}");
    blocking.rollback().await.unwrap();
    eventually("it answers again", async || nodes.beat(1, "one:1", 0).await.is_ok()).await;
    postgres.close().await.unwrap();
}
