//! Crossing the border of a bucket.

use super::node::BUCKET_ROWS;
use super::{Nodes, contents};
use crate::store::contract::{append, channel, create, edit};
use crate::store::{Anchor, Append};

const ROWS: u64 = BUCKET_ROWS as u64;

#[tokio::test]
async fn an_append_ends_at_the_border() {
    let nodes = Nodes::start(1).await;
    let store = nodes.store(0);
    let channel = channel(store).await;
    append(store, channel, 0, (0..ROWS - 10).map(|_| create("a")).collect()).await;
    let entries: Vec<_> = (0..30).map(|_| create("b")).collect();
    let first = store.log.append(channel, ROWS - 10, entries.clone()).await.unwrap();
    assert_eq!(first, Append::Done { taken: 10 });
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, ROWS);
    let rest = store.log.append(channel, ROWS, entries[10..].to_vec()).await.unwrap();
    assert_eq!(rest, Append::Done { taken: 20 });
    assert_eq!(contents(store, channel).await.len() as u64, ROWS + 20);
    // A message of the first bucket, changed by an entry of the second.
    append(store, channel, ROWS + 20, vec![edit(1, "edited")]).await;
    let page = store.log.page(channel, Anchor::After(0.into()), 1).await.unwrap().unwrap();
    assert_eq!(page.messages[0].content, "edited");
}

#[tokio::test]
async fn a_large_append_is_cut_by_count_and_by_weight() {
    let nodes = Nodes::start(1).await;
    let store = nodes.store(0);
    let channel = channel(store).await;
    let heavy: Vec<_> = (0..20).map(|_| create(&"x".repeat(100 << 10))).collect();
    let taken = store.log.append(channel, 0, heavy).await.unwrap();
    assert_eq!(taken, Append::Done { taken: 6 });
    let many: Vec<_> = (0..500).map(|_| create("x")).collect();
    let taken = store.log.append(channel, 6, many).await.unwrap();
    assert_eq!(taken, Append::Done { taken: BUCKET_ROWS as usize - 6 });
}

#[tokio::test]
async fn a_node_that_was_away_is_told_the_head_across_buckets() {
    let nodes = Nodes::start(2).await;
    let (busy, zombie) = (nodes.store(0), nodes.store(1));
    let channel = channel(busy).await;
    append(zombie, channel, 0, vec![create("early")]).await;
    let head = append(busy, channel, 1, (1..ROWS * 3 + 7).map(|_| create("a")).collect()).await;
    assert_eq!(head, ROWS * 3 + 7);
    for stale in [0, 1, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS, 3 * ROWS, head - 1] {
        let answer = zombie.log.append(channel, stale, vec![create("late")]).await.unwrap();
        assert_eq!(answer, Append::HeadMoved { actual: head }, "at {stale}");
    }
    for ahead in [head + 1, 4 * ROWS, 4 * ROWS + 1, 5 * ROWS] {
        let answer = zombie.log.append(channel, ahead, vec![create("lost")]).await.unwrap();
        assert_eq!(answer, Append::Gone, "at {ahead}");
    }
    assert_eq!(contents(zombie, channel).await.len() as u64, head);
    append(zombie, channel, head, vec![create("now")]).await;
    assert_eq!(busy.log.position(channel).await.unwrap().unwrap().seq, head + 1);
}

#[tokio::test]
async fn two_writers_cross_borders_together() {
    let nodes = Nodes::start(2).await;
    let channel = channel(nodes.store(0)).await;
    let write = async |node: usize| {
        let (mut head, mut next) = (0, 0);
        while next < 300 {
            let entries = (next..(next + 7).min(300)).map(|number| create(&format!("{node} {number}"))).collect();
            match nodes.store(node).log.append(channel, head, entries).await.unwrap() {
                Append::Done { taken } => {
                    head += taken as u64;
                    next += taken;
                }
                Append::HeadMoved { actual } => head = actual,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::join!(write(0), write(1));
    let contents = contents(nodes.store(0), channel).await;
    for node in 0..2 {
        let own: Vec<_> = contents.iter().filter(|text| text.starts_with(&node.to_string())).cloned().collect();
        assert_eq!(own, (0..300).map(|number| format!("{node} {number}")).collect::<Vec<_>>());
    }
    assert_eq!(contents.len(), 600);
}

#[tokio::test]
async fn pages_and_hints_reach_over_many_buckets() {
    let mut nodes = Nodes::start(1).await;
    let channel = channel(nodes.store(0)).await;
    let head = append(nodes.store(0), channel, 0, (0..ROWS * 9 + 1).map(|n| create(&n.to_string())).collect()).await;
    // The newest bucket is written down for a node that knows nothing.
    nodes.add(super::Node::get().options()).await;
    assert_eq!(nodes.engine(1).tip_from(channel, 0).await.unwrap().unwrap().seq.cast_unsigned(), head);
    let store = nodes.store(1);
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, head);
    let page = store.log.page(channel, Anchor::Newest, 450).await.unwrap().unwrap();
    assert_eq!((page.messages.len(), page.more_before, page.more_after), (450, true, false));
    assert_eq!(page.messages[449].id, head.into());
    let page = store.log.page(channel, Anchor::Around(ROWS.into()), 300).await.unwrap().unwrap();
    let ids: Vec<u64> = page.messages.iter().map(|message| message.id.into()).collect();
    assert_eq!(ids, (ROWS - 150..ROWS + 150).collect::<Vec<_>>());
    let records = store.log.read(channel, ROWS - 5, ROWS as usize + 10).await.unwrap();
    assert_eq!((records[0].seq, records.len() as u64), (ROWS - 4, ROWS + 10));
}
