//! How SQLite means to run the statements that are run most: by key, without a scan or a sort of its own.

use sqlx::ConnectOptions as _;

use super::fresh;
use crate::store::contract::{channel, create};
use crate::store::sqlite::{group, log, page, place, rows::Rows};

#[tokio::test]
async fn hot_statements_go_by_key() {
    let (_store, (sqlite, _directory)) = fresh().await;
    for statement in [&group::STATEMENTS[..], &[log::READ, page::AROUND]].concat() {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(&mut *sqlite.engine.reader().await.unwrap()).await.unwrap();
        for (.., step) in &plan {
            // What is given as an argument, and what was just found by key, is walked through; no table is.
            let given = ["n", "j", "p", "jsonb_each", "(subquery"].map(|name| format!("SCAN {name}"));
            let by_key = match step.split_once(' ').unwrap_or_default() {
                ("SCAN", _) => given.iter().any(|given| step.starts_with(given)),
                // One column of a key leaves many rows.
                ("SEARCH", keys) => keys.contains(" AND "),
                _ => !step.contains("TEMP B-TREE"),
            };
            assert!(by_key, "{step}: {statement}\n{plan:#?}");
        }
    }
}

/// The usual case must not fall through to the way that takes all cases: nothing else would show it.
#[tokio::test]
async fn new_messages_are_written_at_once() {
    let (store, (sqlite, directory)) = fresh().await;
    let (one, two) = (channel(&store).await, channel(&store).await);
    sqlite.close().await.unwrap();
    let options = place::write_options(&directory.path().join("data"));
    let mut connection = options.connect().await.unwrap();
    let rows = |channel, expected, text| Rows::new(channel, expected, &[create(text), create(text)]);
    let group = [rows(one, 0, "a"), rows(two, 0, "b")];
    assert!(group::write_at_once(&mut connection, &[&group[0], &group[1]]).await.unwrap());
    let (stale, known) = (rows(one, 0, "c"), &group[0]);
    assert!(!group::write_at_once(&mut connection, &[&rows(two, 2, "d"), &stale]).await.unwrap(), "a head has moved");
    assert!(!group::write_at_once(&mut connection, &[known]).await.unwrap(), "the nonces are known");
    let log: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM log").fetch_one(&mut connection).await.unwrap();
    assert_eq!(log, 4);
}
