//! The contract, run against this engine; and what only this engine promises.

mod erasure;
mod faults;
mod files;
mod plans;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;

use super::writer::Job;
use super::{Options, Sqlite, open};
use crate::store::contract::store_contract_suite;
use crate::store::{Result, Store};

store_contract_suite!(fresh);

/// A new database, and what it lives in.
async fn fresh() -> (Store, (Sqlite, TempDir)) {
    let directory = tempfile::tempdir().unwrap();
    let (store, sqlite) = open_at(directory.path()).await;
    (store, (sqlite, directory))
}

async fn open_at(directory: &Path) -> (Store, Sqlite) {
    open(options(directory)).await.unwrap()
}

fn options(directory: &Path) -> Options {
    Options { path: directory.join("data"), read_connections: 4 }
}

/// Runs a statement on the writer's own connection.
async fn on_writer(sqlite: &Sqlite, statement: &'static str) -> Result<()> {
    let (waiter, answer) = oneshot::channel();
    sqlite.engine.queue.send(Job::Sql(statement, waiter)).await.unwrap();
    answer.await.unwrap()
}

/// One number out of the database.
async fn number(sqlite: &Sqlite, select: &'static str) -> i64 {
    sqlx::query_scalar(select).fetch_one(&mut *sqlite.engine.reader().await.unwrap()).await.unwrap()
}

/// Waits for what must come about.
async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(30), wait).await;
    assert!(done.is_ok(), "never came about: {what}");
}
