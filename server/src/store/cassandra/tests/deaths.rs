//! A node dies between its append and what it writes out after it. The others find everything all the same.

use guildhall_proto::ids::ChannelId;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::Nodes;
use crate::store::cassandra::append::Moved;
use crate::store::cassandra::recents::ANY;
use crate::store::contract::{append, channel, create, create_as, delete, edit};
use crate::store::log::Change;
use crate::store::{Anchor, Append, Entry};

const AUTHOR: u64 = 4_611_686_018_427_387_905;

/// Three messages by a node that lives, then more by one that dies over it. The third node knows nothing.
async fn died_over(entries: Vec<Entry>) -> (Nodes, ChannelId) {
    let nodes = Nodes::start(3).await;
    let channel = channel(nodes.store(0)).await;
    append(nodes.store(0), channel, 0, ["one", "two", "three"].map(create).to_vec()).await;
    let dying = nodes.engine(1);
    let rows = dying.take(3, &entries, ANY);
    assert_eq!(rows.len(), entries.len());
    let until = Instant::now() + Duration::from_secs(10);
    assert!(matches!(dying.move_head(channel, 3, &rows, until).await.unwrap(), Moved::Done));
    (nodes, channel)
}

#[tokio::test]
async fn its_changes_are_shown_by_whatever_is_asked_first() {
    for way in 0..4 {
        let entries = vec![create("four"), edit(1, "uno"), delete(2), create("seven")];
        let (nodes, channel) = died_over(entries).await;
        // The node that wrote before, and one that knows nothing.
        let store = nodes.store(if way % 2 == 0 { 0 } else { 2 });
        if way < 2 {
            let page = store.log.page(channel, Anchor::Newest, 10).await.unwrap().unwrap();
            let texts: Vec<_> = page.messages.iter().map(|row| row.content.as_str()).collect();
            assert_eq!((texts, page.position.seq), (vec!["uno", "three", "four", "seven"], 7));
        } else {
            let records = store.log.read(channel, 3, 10).await.unwrap();
            let [Change::Created(four), Change::Edited(one), Change::Deleted(two), Change::Created(seven)] =
                [0, 1, 2, 3].map(|at| &records[at].change)
            else {
                panic!("{records:?}")
            };
            assert_eq!([&four.content, &one.content, &seven.content], ["four", "uno", "seven"]);
            assert_eq!(*two, 2.into());
        }
        let rows = store.log.messages(channel, &[1.into(), 2.into()]).await.unwrap();
        assert_eq!(rows.iter().filter(|row| row.delete_ms.is_some() && row.content.is_empty()).count(), 1);
    }
}

#[tokio::test]
async fn a_part_of_its_changes_does_not_hide_the_rest() {
    let (nodes, channel) = died_over(vec![edit(1, "uno"), edit(2, "dos"), create("six")]).await;
    let store = nodes.store(2);
    // Somebody reads from the middle of what it left.
    assert_eq!(store.log.read(channel, 5, 10).await.unwrap().len(), 1);
    let rows = store.log.messages(channel, &[1.into()]).await.unwrap();
    assert_eq!(rows[0].content, "uno");
}

#[tokio::test]
async fn whoever_decides_has_seen_its_changes() {
    let (nodes, channel) = died_over(vec![delete(1), edit(2, "dos")]).await;
    let store = nodes.store(2);
    // What a sequencer does before it plans.
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, 5);
    let mut rows = store.log.messages(channel, &[1.into(), 2.into()]).await.unwrap();
    rows.sort_by_key(|row| row.id);
    assert!(rows[0].delete_ms.is_some());
    assert_eq!(rows[1].content, "dos");
}

#[tokio::test]
async fn its_nonces_are_found() {
    for node in [0, 2] {
        let nonce = Uuid::now_v7();
        let entry = create_as(AUTHOR, nonce, "once");
        let (nodes, channel) = died_over(vec![entry.clone()]).await;
        let store = nodes.store(node);
        let answer = store.log.append(channel, 3, vec![entry.clone()]).await.unwrap();
        assert_eq!(answer, Append::HeadMoved { actual: 4 });
        let answer = store.log.append(channel, 4, vec![create("new"), entry]).await.unwrap();
        let Append::Duplicates(duplicates) = answer else { panic!("{answer:?}") };
        assert_eq!((duplicates[0].index, duplicates[0].sent.message), (1, 4.into()));
        assert_eq!(store.log.read(channel, 0, 10).await.unwrap().len(), 4);
    }
}

#[tokio::test]
async fn a_look_at_one_nonce_finds_it_too() {
    let nonce = Uuid::now_v7();
    let (nodes, channel) = died_over(vec![create_as(AUTHOR, nonce, "once")]).await;
    for node in [0, 2] {
        let sent = nodes.store(node).log.sent(channel, AUTHOR.into(), nonce).await.unwrap().unwrap();
        assert_eq!(sent.message, 4.into());
    }
}

#[tokio::test]
async fn what_is_written_out_again_keeps_the_digest_of_an_edited_message() {
    let nodes = Nodes::start(2).await;
    let channel = channel(nodes.store(0)).await;
    append(nodes.store(0), channel, 0, vec![create("one"), create("two")]).await;
    append(nodes.store(0), channel, 2, vec![edit(1, "uno"), delete(2)]).await;
    let digests = async || {
        let mut rows = nodes.store(1).log.messages(channel, &[1.into(), 2.into()]).await.unwrap();
        rows.sort_by_key(|row| row.id);
        rows.iter().map(|row| (row.content.clone(), row.fingerprint)).collect::<Vec<_>>()
    };
    let before = digests().await;
    assert!(before[0].1.is_some() && before[0].0 == "uno" && before[1].1.is_none(), "{before:?}");
    // The texts of both are gone from the log. A node that believes in a dead writer writes all of it out again.
    nodes.engine(1).reapply(channel, 0, 4).await.unwrap();
    assert_eq!(digests().await, before);
}
