//! How SQLite means to run the statements that are run most: by key, without a scan or a sort of its own.

use super::fresh;
use crate::store::sqlite::{group, log, page};

#[tokio::test]
async fn hot_statements_go_by_key() {
    let (_store, (sqlite, _directory)) = fresh().await;
    for statement in [&group::STATEMENTS[..], &[log::READ, page::AROUND]].concat() {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(&sqlite.engine.readers).await.unwrap();
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
