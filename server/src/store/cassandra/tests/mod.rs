//! The contract, run against a real node with the metadata in SQLite; and what only this engine promises.

mod buckets;
mod cuts;
mod deaths;
mod deletions;
mod moving;
mod node;
mod opening;
mod proxy;
mod recents;
mod writing_out;

use std::sync::Arc;
use std::time::Duration;

use guildhall_proto::ids::ChannelId;
use tempfile::TempDir;

use self::node::Node;
use super::{Cassandra, Engine, Options, open};
use crate::store::contract::store_contract_suite;
use crate::store::log::Change;
use crate::store::{Store, sqlite};

store_contract_suite!(fresh);

/// What a store of these tests lives in.
type Guard = (Cassandra, sqlite::Sqlite, TempDir);

/// A new directory over the keyspace that all tests share: they cannot meet, for every one makes its own channels.
async fn fresh() -> (Store, Guard) {
    let (metadata, sqlite, directory) = directory().await;
    let (store, cassandra) = open(Node::get().options(), metadata).await.unwrap();
    (store, (cassandra, sqlite, directory))
}

async fn directory() -> (Store, sqlite::Sqlite, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let options = sqlite::Options { path: directory.path().join("data"), read_connections: 4 };
    let (metadata, sqlite) = sqlite::open(options).await.unwrap();
    (metadata, sqlite, directory)
}

/// Several nodes of a server: they share the directory and the keyspace, and nothing else.
struct Nodes {
    directory: Store,
    nodes: Vec<(Store, Cassandra)>,
    _files: (sqlite::Sqlite, TempDir),
}

impl Nodes {
    async fn start(count: usize) -> Self {
        let (directory, sqlite, files) = directory().await;
        let mut nodes = Self { directory, nodes: Vec::new(), _files: (sqlite, files) };
        for _ in 0..count {
            nodes.add(Node::get().options()).await;
        }
        nodes
    }

    /// One more, which knows nothing yet.
    async fn add(&mut self, options: Options) -> &Store {
        self.nodes.push(open(options, self.directory.clone()).await.unwrap());
        self.store(self.nodes.len() - 1)
    }

    fn store(&self, node: usize) -> &Store {
        &self.nodes[node].0
    }

    fn engine(&self, node: usize) -> &Arc<Engine> {
        &self.nodes[node].1.engine
    }
}

/// The texts of all messages, as the log gives them.
async fn contents(store: &Store, channel: ChannelId) -> Vec<String> {
    let records = store.log.read(channel, 0, usize::MAX).await.unwrap();
    assert!(records.iter().zip(1..).all(|(record, seq)| record.seq == seq), "a hole");
    let text = |change: &Change| match change {
        Change::Created(row) => Some(row.content.clone()),
        _ => None,
    };
    records.iter().filter_map(|record| text(&record.change)).collect()
}

/// Waits for what must come about.
async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(done.is_ok(), "never came about: {what}");
}
