//! The life of a message: made, edited, deleted; and what a replay shows of it.

use super::fixtures::{NOW_MS, append, channel, create, delete, edit, ids};
use crate::store::log::Change;
use crate::store::{Anchor, Entry, Store};

pub(crate) async fn edits_and_deletes_show_as_they_are_now(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("one"), create("two")]).await;
    append(&store, channel, 2, vec![edit(1, "uno"), edit(1, "eins"), edit(2, "dos")]).await;
    append(&store, channel, 5, vec![delete(2)]).await;
    let records = store.log.read(channel, 0, 10).await.unwrap();
    let changes: Vec<&Change> = records.iter().map(|record| &record.change).collect();
    let [
        Change::Created(one),
        Change::Created(two),
        Change::Edited(first),
        Change::Edited(second),
        Change::Edited(third),
        Change::Deleted(gone),
    ] = changes[..]
    else {
        panic!("other changes: {changes:?}")
    };
    assert_eq!((one.content.as_str(), one.edit_ms, one.delete_ms), ("eins", Some(NOW_MS), None));
    assert!(one == first && one == second);
    assert_eq!((two.content.as_str(), two.edit_ms, two.delete_ms), ("", Some(NOW_MS), Some(NOW_MS)));
    assert_eq!(two.fingerprint, None);
    assert_eq!(two, third);
    assert_eq!(*gone, 2.into());
}

pub(crate) async fn messages_bear_the_rights_of_their_last_change(store: Store) {
    let channel = channel(&store).await;
    let at = |guild_seq, entry: Entry| Entry { guild_seq, ..entry };
    let made = vec![at(5, create("a")), at(6, create("b")), at(4, create("c")), at(9, edit(2, "bb")), at(9, delete(3))];
    append(&store, channel, 0, made).await;
    append(&store, channel, 5, vec![at(7, edit(1, "aa")), at(8, edit(1, "aaa"))]).await;
    let page = store.log.page(channel, Anchor::Newest, 10).await.unwrap().unwrap();
    assert_eq!(page.messages.iter().map(|message| message.guild_seq).collect::<Vec<_>>(), [8, 9]);
    let mut rows = store.log.messages(channel, &ids([1, 2, 3])).await.unwrap();
    rows.sort_by_key(|row| row.id);
    assert_eq!(rows.iter().map(|row| row.guild_seq).collect::<Vec<_>>(), [8, 9, 0]);
    let records = store.log.read(channel, 0, 10).await.unwrap();
    assert_eq!(records.iter().map(|record| record.guild_seq).collect::<Vec<_>>(), [5, 6, 4, 9, 9, 7, 8]);
}

pub(crate) async fn one_append_may_make_edit_and_delete(store: Store) {
    let channel = channel(&store).await;
    let all = vec![create("a"), edit(1, "b"), edit(1, "c"), create("d"), edit(4, "e"), delete(4)];
    append(&store, channel, 0, all).await;
    let page = store.log.page(channel, Anchor::Newest, 10).await.unwrap().unwrap();
    let contents: Vec<&str> = page.messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(contents, ["c"]);
    assert_eq!(page.position.seq, 6);
    let gone = store.log.messages(channel, &[4.into()]).await.unwrap();
    assert_eq!((gone[0].content.as_str(), gone[0].delete_ms), ("", Some(NOW_MS)));
}

/// The sequencer refuses such edits; but no order of writers may bring a text back.
pub(crate) async fn a_deleted_message_stays_deleted(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("a"), delete(1)]).await;
    append(&store, channel, 2, vec![edit(1, "back"), delete(1), edit(1, "again")]).await;
    let message = &store.log.messages(channel, &[1.into()]).await.unwrap()[0];
    assert_eq!((message.content.as_str(), message.delete_ms), ("", Some(NOW_MS)));
    assert!(store.log.page(channel, Anchor::Newest, 10).await.unwrap().unwrap().messages.is_empty());
    assert_eq!(store.log.read(channel, 0, 10).await.unwrap().len(), 5);
}

pub(crate) async fn messages_are_found_by_id(store: Store) {
    let (here, there) = (channel(&store).await, channel(&store).await);
    append(&store, here, 0, vec![create("a"), create("b"), edit(1, "aa"), delete(2)]).await;
    append(&store, there, 0, vec![create("elsewhere"); 1]).await;
    let asked = ids([2, 1, 3, 99, 1]);
    let mut found = store.log.messages(here, &asked).await.unwrap();
    found.sort_by_key(|message| message.id);
    let contents: Vec<&str> = found.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(contents, ["aa", ""]);
    assert!(store.log.messages(here, &[]).await.unwrap().is_empty());
}
