//! Moving logs of channels into Cassandra, and out of it.

use super::node::Node;
use super::{Cassandra, open};
use crate::store::archive::tests::{Open, Place, break_off, fill, goes_on, run};

/// A directory in SQL, with the logs of its channels in this process's keyspace. Others write there too, but not to
/// these channels.
async fn with_cassandra(directory: &Place) -> (Open, Cassandra) {
    let mut open_directory = directory.open().await;
    let (store, cassandra) = open(Node::get().options(), open_directory.side.store.clone()).await.unwrap();
    open_directory.side.store = store;
    open_directory.side.keyspace = Node::get().options().keyspace;
    (open_directory, cassandra)
}

#[tokio::test]
async fn a_store_moves_to_cassandra_and_back() {
    let (from, to, back) = (Place::sqlite(), Place::postgres().await, Place::sqlite());
    let mut source = from.open().await;
    let (mut target, cassandra) = with_cassandra(&to).await;
    let filled = fill(&source.side.store).await;
    break_off(&mut source.side, &mut target.side, 1_000).await;
    // Another process goes on: nothing is remembered.
    cassandra.close().await.unwrap();
    target.close().await;
    let (mut target, cassandra) = with_cassandra(&to).await;
    let summary = run(&mut source.side, &mut target.side).await.unwrap();
    assert!(summary.is_equal(), "{summary:#?}");
    filled.assert_same(&source.side.store, &target.side.store).await;

    let mut end = back.open().await;
    let summary = run(&mut target.side, &mut end.side).await.unwrap();
    assert!(summary.is_equal(), "{summary:#?}");
    filled.assert_same(&source.side.store, &end.side.store).await;
    goes_on(&end.side.store, filled.long, filled.head).await;
    goes_on(&target.side.store, filled.long, filled.head).await;
    cassandra.close().await.unwrap();
    for open in [source, target, end] {
        open.close().await;
    }
}
