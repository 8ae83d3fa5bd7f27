//! The contract, run against this engine; and what only this engine promises.

use tempfile::TempDir;

use super::{Options, Sqlite, open};
use crate::store::Store;
use crate::store::contract::store_contract_suite;

async fn fresh() -> (Store, (Sqlite, TempDir)) {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { path: directory.path().join("data"), read_connections: 4 };
    let (store, sqlite) = open(options).await.unwrap();
    (store, (sqlite, directory))
}

store_contract_suite!(fresh);
