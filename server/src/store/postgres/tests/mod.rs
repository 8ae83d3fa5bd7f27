//! The contract, run against this engine; and what only this engine promises.

mod breaker;
mod faults;
mod nodes;
mod notices;
mod opening;
mod plans;
mod tidying;

use std::time::Duration;

use super::{Options, Postgres, open};
use crate::store::contract::store_contract_suite;
use crate::store::{Store, testing_postgres};

store_contract_suite!(fresh);

/// A new database.
async fn fresh() -> (Store, Postgres) {
    open_at(&testing_postgres::database().await).await
}

async fn open_at(url: &str) -> (Store, Postgres) {
    open(options(url)).await.unwrap()
}

fn options(url: &str) -> Options {
    Options { url: url.to_owned(), max_connections: 8 }
}

/// One number out of the database.
async fn number(postgres: &Postgres, select: &'static str) -> i64 {
    sqlx::query_scalar(select).fetch_one(postgres.pool()).await.unwrap()
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
