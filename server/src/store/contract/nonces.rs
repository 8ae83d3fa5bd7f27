//! Nonces: unique for (author, channel).

use uuid::Uuid;

use super::fixtures::{AUTHOR, NOW_MS, append, channel, create, create_as, delete};
use crate::store::{Append, Duplicate, Entry, Sent, Store};

fn sent(message: u64) -> Sent {
    Sent { message: message.into(), fingerprint: Some(u64::MAX - 1), create_ms: NOW_MS }
}

pub(crate) async fn a_repeated_nonce_is_named(store: Store) {
    let channel = channel(&store).await;
    let nonce = Uuid::new_v4();
    append(&store, channel, 0, vec![create("a"), create_as(AUTHOR, nonce, "b")]).await;
    let again = vec![create("c"), create_as(AUTHOR, nonce, "other")];
    let answer = store.log.append(channel, 2, again).await.unwrap();
    assert_eq!(answer, Append::Duplicates(vec![Duplicate { index: 1, sent: sent(2) }]));
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, 2);
    assert_eq!(store.log.read(channel, 0, 10).await.unwrap().len(), 2);
}

pub(crate) async fn every_repeated_nonce_is_named(store: Store) {
    let channel = channel(&store).await;
    let entries: Vec<Entry> = (0..1_200).map(|_| create("a")).collect();
    append(&store, channel, 0, entries.clone()).await;
    let Append::Duplicates(duplicates) = store.log.append(channel, 1_200, entries).await.unwrap() else {
        panic!("written twice")
    };
    assert_eq!(duplicates.len(), 1_200);
    for (duplicate, index) in duplicates.iter().zip(0..) {
        assert_eq!(*duplicate, Duplicate { index, sent: sent(index as u64 + 1) });
    }
}

pub(crate) async fn a_nonce_is_of_author_and_channel(store: Store) {
    let (here, there) = (channel(&store).await, channel(&store).await);
    for nonce in [Uuid::nil(), Uuid::max(), Uuid::new_v4()] {
        let head = store.log.position(here).await.unwrap().unwrap().seq;
        let entries = [AUTHOR, AUTHOR + 1, u64::MAX].map(|author| create_as(author, nonce, "a")).to_vec();
        append(&store, here, head, entries.clone()).await;
        append(&store, there, head, entries).await;
    }
}

pub(crate) async fn a_nonce_is_looked_up(store: Store) {
    let (here, there) = (channel(&store).await, channel(&store).await);
    let (kept, gone) = (Uuid::new_v4(), Uuid::new_v4());
    let entries = vec![create_as(AUTHOR, kept, "a"), create_as(AUTHOR, gone, "b"), delete(2)];
    append(&store, here, 0, entries).await;
    let look = |channel, author: u64, nonce| store.log.sent(channel, author.into(), nonce);
    assert_eq!(look(here, AUTHOR, kept).await.unwrap(), Some(sent(1)));
    assert_eq!(look(here, AUTHOR, gone).await.unwrap(), Some(Sent { fingerprint: None, ..sent(2) }));
    for (channel, author, nonce) in [
        (here, AUTHOR, Uuid::new_v4()),
        (here, AUTHOR + 1, kept),
        (there, AUTHOR, kept),
        (u64::MAX.into(), u64::MAX, Uuid::max()),
    ] {
        assert_eq!(look(channel, author, nonce).await.unwrap(), None);
    }
}

pub(crate) async fn a_deleted_message_still_holds_its_nonce(store: Store) {
    let channel = channel(&store).await;
    let nonce = Uuid::new_v4();
    append(&store, channel, 0, vec![create_as(AUTHOR, nonce, "secret"), delete(1)]).await;
    let answer = store.log.append(channel, 2, vec![create_as(AUTHOR, nonce, "secret")]).await.unwrap();
    let sent = Sent { fingerprint: None, ..sent(1) };
    assert_eq!(answer, Append::Duplicates(vec![Duplicate { index: 0, sent }]));
}
