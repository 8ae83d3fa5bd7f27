//! How Postgres means to run the statements that are run most: by key, on tables of any size.

use sqlx::AssertSqlSafe;

use super::fresh;
use crate::store::postgres::{append, guilds, log, notices, page, streams, tidy, users};

#[tokio::test]
async fn hot_statements_go_by_key() {
    let (_store, postgres) = fresh().await;
    let mut connection = postgres.pool().acquire().await.unwrap();
    let by_key = [
        append::PLAIN,
        append::MIXED,
        append::LANDED,
        log::READ,
        log::MESSAGES,
        log::SENT,
        page::AROUND,
        streams::POSITIONS,
        streams::LOCK,
        guilds::SNAPSHOT,
        users::BEGINNING,
        notices::AFTER,
    ];
    for (number, statement) in by_key.into_iter().chain(tidy::STEPS).enumerate() {
        let prepare = format!("PREPARE p{number} AS {statement}");
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
        let arguments = (1..).take_while(|argument| statement.contains(&format!("${argument}"))).count();
        let arguments = vec!["NULL"; arguments].join(", ");
        let explain = format!("EXPLAIN EXECUTE p{number} ({arguments})");
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
        let plain = plan.join("\n");
        assert!(!plain.contains("Seq Scan") && !plain.contains("Bitmap"), "{statement}\n{plain}");
        for (line, next) in plan.iter().zip(&plan[1..]) {
            let walks = line.contains("Index Scan") || line.contains("Index Only Scan");
            assert!(!walks || next.contains("Index Cond"), "{line}: {statement}\n{plain}");
        }
        // Pages and replays are walks in the order of the key.
        let walk = [log::READ, page::AROUND].contains(&statement);
        assert!(!walk || !plain.contains("Sort"), "{statement}\n{plain}");
    }
}
