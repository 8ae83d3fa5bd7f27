//! A full disk, a broken connection, a caller that breaks the rules: nobody is told a lie, and work goes on.

use uuid::Uuid;

use super::{fresh, on_writer};
use crate::store::contract::{append, channel, create, create_as};
use crate::store::{Append, Commit, Error, Store, UserRow, Write};

/// As if the disk had no room beyond what the database takes now.
const FILL: &str = "PRAGMA max_page_count = 1";
const MAKE_ROOM: &str = "PRAGMA max_page_count = 1000000";

fn long() -> String {
    "x".repeat(16_000)
}

fn user(number: u64) -> UserRow {
    UserRow {
        id: number.into(),
        username: format!("{number}"),
        display_name: long(),
        avatar_url: String::new(),
        custom_status: String::new(),
        password_hash: None,
        bot_owner: None,
        admin: false,
        create_ms: 0,
        delete_ms: None,
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_writing_goes_on_when_there_is_room() {
    let (store, (sqlite, _directory)) = fresh().await;
    let (first, second) = (channel(&store).await, channel(&store).await);
    append(&store, first, 0, vec![create("before")]).await;
    on_writer(&sqlite, FILL).await.unwrap();
    for _ in 0..3 {
        // Both wait for the one transaction that fails.
        let (one, two) = tokio::join!(
            store.log.append(first, 1, vec![create(&long())]),
            store.log.append(second, 0, vec![create(&long())]),
        );
        assert!(matches!(one, Err(Error::Full)), "{one:?}");
        assert!(matches!(two, Err(Error::Full)), "{two:?}");
        let change = store.metadata.commit(None, vec![Write::InsertUser(user(1))], Vec::new()).await;
        assert!(matches!(change, Err(Error::Full)), "{change:?}");
    }
    // Reading needs no room.
    assert_eq!(store.log.read(first, 0, 10).await.unwrap().len(), 1);
    assert_eq!(store.log.position(second).await.unwrap().unwrap().seq, 0);
    assert_eq!(store.metadata.user(1.into()).await.unwrap(), None);
    on_writer(&sqlite, MAKE_ROOM).await.unwrap();
    append(&store, first, 1, vec![create(&long())]).await;
    append(&store, second, 0, vec![create(&long())]).await;
    let change = store.metadata.commit(None, vec![Write::InsertUser(user(1))], Vec::new()).await.unwrap();
    assert_eq!(change, Commit::Done(Vec::new()));
    sqlite.integrity_check().await.unwrap();
}

#[tokio::test]
async fn a_connection_in_a_strange_state_is_replaced() {
    let (store, (sqlite, _directory)) = fresh().await;
    let channel = channel(&store).await;
    on_writer(&sqlite, "BEGIN IMMEDIATE").await.unwrap();
    append(&store, channel, 0, vec![create("a")]).await;
    on_writer(&sqlite, "BEGIN IMMEDIATE").await.unwrap();
    let change = store.metadata.commit(None, vec![Write::InsertUser(user(1))], Vec::new()).await.unwrap();
    assert_eq!(change, Commit::Done(Vec::new()));
    append(&store, channel, 1, vec![create("b")]).await;
}

#[tokio::test]
async fn one_bad_append_does_not_hurt_its_group() {
    let (store, (_sqlite, _directory)) = fresh().await;
    let (bad, good) = (channel(&store).await, channel(&store).await);
    // Against the rules: twice the same nonce in one append.
    let nonce = Uuid::new_v4();
    let twice = vec![create_as(1, nonce, "a"), create_as(1, nonce, "b")];
    let (refused, done) = tokio::join!(store.log.append(bad, 0, twice), store.log.append(good, 0, vec![create("c")]));
    assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    assert_eq!(done.unwrap(), Append::Done { taken: 1 });
    assert_eq!(store.log.position(bad).await.unwrap().unwrap().seq, 0);
}

#[tokio::test]
async fn the_second_of_a_channel_sees_the_first() {
    let (store, (_sqlite, _directory)) = fresh().await;
    let channel = channel(&store).await;
    let entry = create("a");
    // All four wait when the writer looks.
    let (first, second, repeated, after) = tokio::join!(
        store.log.append(channel, 0, vec![entry.clone()]),
        store.log.append(channel, 0, vec![create("b")]),
        store.log.append(channel, 1, vec![entry]),
        store.log.append(channel, 1, vec![create("c")]),
    );
    assert_eq!(first.unwrap(), Append::Done { taken: 1 });
    assert_eq!(second.unwrap(), Append::HeadMoved { actual: 1 });
    assert!(matches!(repeated.unwrap(), Append::Duplicates(_)));
    assert_eq!(after.unwrap(), Append::Done { taken: 1 });
}

#[tokio::test]
async fn what_waits_is_written_before_it_closes() {
    let (store, (sqlite, directory)) = fresh().await;
    let channel = channel(&store).await;
    let write = |store: Store| async move { store.log.append(channel, 0, vec![create("last")]).await };
    let (written, closed) = tokio::join!(write(store.clone()), sqlite.close());
    closed.unwrap();
    assert_eq!(written.unwrap(), Append::Done { taken: 1 });
    assert!(matches!(write(store.clone()).await, Err(Error::Unavailable(_))));
    assert!(matches!(store.log.position(channel).await, Err(Error::Unavailable(_))));
    let (store, _sqlite) = super::open_at(directory.path()).await;
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, 1);
}
