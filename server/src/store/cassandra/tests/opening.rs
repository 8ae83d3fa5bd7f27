//! What is refused at the start, and what the refusal says.

use super::node::{Node, Sync};
use super::{Options, directory, open};
use crate::store::cassandra::{Layout, OpenError, Replication, migrate};

/// Opens a keyspace, which must fail.
async fn refusal(options: &Options) -> OpenError {
    let (metadata, _sqlite, _files) = directory().await;
    match open(options.clone(), metadata).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_schema_that_does_not_fit_is_refused() {
    let node = Node::get();
    let options = Options { keyspace: format!("{}_versions", node.options().keyspace), ..node.options() };
    let missing = refusal(&options).await;
    assert!(matches!(missing, OpenError::NoSchema { .. }), "{missing:?}");
    assert!(missing.to_string().contains("guildhall-server migrate up"));
    // Several at once, and again.
    let layout = Node::layout();
    let runs = tokio::join!(migrate(&options, &layout), migrate(&options, &layout), migrate(&options, &layout));
    for run in [runs.0, runs.1, runs.2] {
        run.unwrap();
    }
    migrate(&options, &Layout { bucket_rows: 7, ..layout.clone() }).await.unwrap();
    let (metadata, _sqlite, _files) = directory().await;
    let (_, cassandra) = open(options.clone(), metadata).await.unwrap();
    assert_eq!(cassandra.engine.buckets.last(0), i64::from(super::node::BUCKET_ROWS));
    let set = async |version: i32| {
        let text = format!("UPDATE {}.schema_version SET version = {version} WHERE id = 1", options.keyspace);
        cassandra.engine.session.query_unpaged(text, ()).await.unwrap();
    };
    set(0).await;
    assert!(matches!(refusal(&options).await, OpenError::Older { version: 0, .. }));
    set(99).await;
    assert!(matches!(refusal(&options).await, OpenError::Newer { version: 99, .. }));
    assert!(matches!(migrate(&options, &layout).await, Err(OpenError::Newer { version: 99, .. })));
}

#[tokio::test]
async fn a_node_that_acknowledges_from_memory_is_refused() {
    let node = Node::start(Sync::Periodic).await;
    let refused = refusal(&node.options()).await;
    assert!(matches!(&refused, OpenError::WeakDurability { nodes } if nodes.contains("periodic")), "{refused:?}");
    let accepting = Options { accept_weak_durability: true, ..node.options() };
    let (metadata, _sqlite, _files) = directory().await;
    open(accepting, metadata).await.unwrap();
}

#[tokio::test]
async fn too_few_nodes_for_the_copies_are_told() {
    let node = Node::get();
    let options = Options { keyspace: format!("{}_copies", node.options().keyspace), ..node.options() };
    let layout = Layout { replication: Replication::Simple(3), ..Node::layout() };
    let error = migrate(&options, &layout).await.unwrap_err();
    assert!(matches!(&error, OpenError::Replication { reason, .. } if reason.contains("2 nodes")), "{error:?}");
}

#[tokio::test]
async fn nobody_and_nonsense_are_told_apart() {
    let options = Options { nodes: vec!["127.0.0.1:1".into()], ..Node::get().options() };
    let error = refusal(&options).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    let options = Options { keyspace: "a\"; DROP".into(), ..options };
    assert!(matches!(refusal(&options).await, OpenError::Name { .. }));
}
