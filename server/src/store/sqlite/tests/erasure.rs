//! What was deleted is gone from the files, and what is left of deleted channels goes by itself.

use std::path::Path;

use super::{eventually, fresh, number, on_writer, open_at};
use crate::store::contract::{append, channel, create, delete, edit};
use crate::store::{Commit, Write};

const SECRET: &[u8] = b"rosebud";

/// Whether any file of the database holds the secret.
fn is_on_disk(directory: &Path) -> bool {
    ["guildhall.db", "guildhall.db-wal"].iter().any(|name| {
        let bytes = std::fs::read(directory.join("data").join(name)).unwrap_or_default();
        bytes.windows(SECRET.len()).any(|window| window == SECRET)
    })
}

/// A text of some pages, with the secret all over it.
fn secret() -> String {
    "rosebud ".repeat(2_000)
}

#[tokio::test]
async fn deleted_and_replaced_text_leaves_the_files() {
    let (store, (sqlite, directory)) = fresh().await;
    let channel = channel(&store).await;
    let texts = ["first", "rosebud", "third", &secret(), "fifth", "rosebud", &secret()];
    append(&store, channel, 0, texts.map(create).to_vec()).await;
    assert!(is_on_disk(directory.path()), "nothing was planted");
    append(&store, channel, 7, vec![delete(2), delete(4), edit(6, "harmless"), edit(7, "harmless")]).await;
    sqlite.close().await.unwrap();
    assert!(!is_on_disk(directory.path()));
}

#[tokio::test]
async fn an_idle_server_forgets_without_a_restart() {
    let (store, (_sqlite, directory)) = fresh().await;
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("rosebud")]).await;
    assert!(is_on_disk(directory.path()));
    append(&store, channel, 1, vec![delete(1)]).await;
    eventually("the text is gone from the write-ahead log", async || !is_on_disk(directory.path())).await;
}

#[tokio::test]
async fn a_deleted_channel_is_erased_and_its_text_gone() {
    let (store, (sqlite, directory)) = fresh().await;
    let (gone, kept) = (channel(&store).await, channel(&store).await);
    for (channel, text) in [(gone, "rosebud"), (kept, "harmless")] {
        // More than one step of the erasure.
        let head = append(&store, channel, 0, (0..2_500).map(|_| create(text)).collect()).await;
        append(&store, channel, head, vec![delete(1), edit(2, &text.repeat(2_000))]).await;
    }
    let writes = vec![Write::DeleteChannel(gone)];
    assert_eq!(store.metadata.commit(None, writes, Vec::new()).await.unwrap(), Commit::Done(Vec::new()));
    // All of the channel that is kept: its stream, its log, its messages.
    eventually("the rows are erased", async || rows(&sqlite).await == 1 + 2_502 + 2_500).await;
    eventually("the text is gone from the files", async || !is_on_disk(directory.path())).await;
    assert_eq!(store.log.read(kept, 0, 5_000).await.unwrap().len(), 2_502);
    sqlite.integrity_check().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_erasure_goes_on_after_a_restart() {
    let (store, (sqlite, directory)) = fresh().await;
    let channel = channel(&store).await;
    append(&store, channel, 0, (0..10).map(|_| create("rosebud")).collect()).await;
    // As a deletion leaves it, but behind the writer's back: this process will not erase it.
    on_writer(&sqlite, "UPDATE streams SET closed = 1 WHERE kind = 1").await.unwrap();
    sqlite.close().await.unwrap();
    assert!(is_on_disk(directory.path()));
    let (_store, sqlite) = open_at(directory.path()).await;
    eventually("all rows are erased", async || rows(&sqlite).await == 0).await;
    sqlite.close().await.unwrap();
    assert!(!is_on_disk(directory.path()));
}

/// How many rows the channels have in all.
async fn rows(sqlite: &super::Sqlite) -> i64 {
    let select = "SELECT (SELECT count(*) FROM log) + (SELECT count(*) FROM messages)
                       + (SELECT count(*) FROM tombstones) + (SELECT count(*) FROM streams WHERE kind = 1)";
    number(sqlite, select).await
}
