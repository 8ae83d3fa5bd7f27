//! Which databases are opened, how, and which are refused.

use sqlx::Connection;

use super::{fresh, open_at, options};
use crate::store::contract::{append, channel, create};
use crate::store::postgres::{OpenError, Options, open};
use crate::store::{Commit, UserRow, Write, testing_postgres};

/// Why it cannot be opened.
async fn refusal(options: Options) -> OpenError {
    match open(options).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

async fn run(url: &str, statement: &'static str) {
    let mut connection = testing_postgres::connect(url).await;
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn three_nodes_start_at_once() {
    let url = testing_postgres::database().await;
    let opened = tokio::join!(open(options(&url)), open(options(&url)), open(options(&url)));
    let [first, second, third] = [opened.0, opened.1, opened.2].map(|opened| opened.unwrap());
    let channel = channel(&first.0).await;
    append(&second.0, channel, 0, vec![create("a")]).await;
    assert_eq!(third.0.log.position(channel).await.unwrap().unwrap().seq, 1);
}

#[tokio::test]
async fn everything_is_kept() {
    let url = testing_postgres::database().await;
    let (store, postgres) = open_at(&url).await;
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("a"), create("b")]).await;
    let records = store.log.read(channel, 0, 10).await.unwrap();
    let position = store.log.position(channel).await.unwrap();
    postgres.close().await.unwrap();
    assert!(matches!(store.log.position(channel).await, Err(crate::store::Error::Unavailable(_))));
    let (store, _postgres) = open_at(&url).await;
    assert_eq!(store.log.read(channel, 0, 10).await.unwrap(), records);
    assert_eq!(store.log.position(channel).await.unwrap(), position);
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused() {
    for url in ["", "postgres", "postgres://[::", "postgres://host:port/x"] {
        let error = refusal(options(url)).await;
        assert!(matches!(error, OpenError::Address(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_from_nothing_there() {
    let error = refusal(options("postgres://app:hunter2@127.0.0.1:1/nothing")).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the database at 127.0.0.1:1/nothing does not answer");
    assert!(!format!("{error:?}").contains("hunter2"));
    let nothing = format!("{}_not", testing_postgres::database().await);
    let error = refusal(options(&nothing)).await;
    assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let url = testing_postgres::database().await;
    open_at(&url).await.1.close().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', TRUE, '', 0)";
    run(&url, newer).await;
    let error = refusal(options(&url)).await;
    assert!(matches!(error, OpenError::Newer { version: 9999, .. }), "{error}");
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let url = testing_postgres::database_with("ENCODING 'LATIN1' LOCALE 'C'").await;
    let error = refusal(options(&url)).await;
    assert!(matches!(&error, OpenError::Encoding { encoding, .. } if encoding == "LATIN1"), "{error}");
}

#[tokio::test]
async fn sessions_are_set_whatever_the_database_says() {
    let url = testing_postgres::database().await;
    let lax = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
        EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
        EXECUTE format('ALTER DATABASE %I SET statement_timeout = 0', current_database());
    END $$";
    run(&url, lax).await;
    let (_store, postgres) = open_at(&url).await;
    for (name, value) in [
        ("synchronous_commit", "on"),
        ("default_transaction_isolation", "read committed"),
        ("statement_timeout", "5s"),
        ("application_name", "guildhall"),
    ] {
        let set: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(postgres.pool()).await.unwrap();
        assert_eq!(set, value, "{name}");
    }
}

#[tokio::test]
async fn texts_with_nul_come_back() {
    let (store, _postgres) = fresh().await;
    let odd = ["\0", "\u{1}", "a\0b\u{1}0", "\u{1}\u{1}0\0\0", "0\u{1}"];
    for (text, id) in odd.into_iter().zip(1_u64..) {
        let user = UserRow {
            id: id.into(),
            username: format!("user{text}"),
            display_name: text.into(),
            avatar_url: String::new(),
            custom_status: text.into(),
            password_hash: None,
            bot_owner: None,
            admin: false,
            create_ms: 0,
            delete_ms: None,
        };
        let done = store.metadata.commit(None, vec![Write::InsertUser(user.clone())], Vec::new()).await.unwrap();
        assert_eq!(done, Commit::Done(Vec::new()));
        assert_eq!(store.metadata.user_by_name(&user.username).await.unwrap(), Some(user));
    }
    assert_eq!(store.metadata.invite("\0").await.unwrap(), None);
}
