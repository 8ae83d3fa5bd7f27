//! Appends, and reading what they wrote.

use guildhall_proto::ids::ChannelId;

use super::fixtures::{AUTHOR, NOW_MS, append, channel, create, delete, edit, fresh};
use crate::store::log::Change;
use crate::store::{Anchor, Append, Body, Store};

pub(crate) async fn appends_are_read_back(store: Store) {
    let channel = channel(&store).await;
    let mut second = create("second");
    if let Body::Create { reply_to, .. } = &mut second.body {
        *reply_to = Some(1.into());
    }
    append(&store, channel, 0, vec![create("first"), second]).await;
    let records = store.log.read(channel, 0, 100).await.unwrap();
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2]);
    assert!(records.iter().all(|record| record.actor == AUTHOR.into()));
    assert!(records.iter().all(|record| record.time_ms == NOW_MS && record.guild_seq == 3));
    let Change::Created(message) = &records[1].change else { panic!("not a message") };
    assert_eq!(message.id, 2.into());
    assert_eq!(message.author, AUTHOR.into());
    assert_eq!(message.content, "second");
    assert_eq!(message.fingerprint, Some(u64::MAX - 1));
    assert_eq!(message.reply_to, Some(1.into()));
    assert_eq!((message.create_ms, message.edit_ms, message.delete_ms), (NOW_MS, None, None));
    assert!(store.log.read(channel, 2, 100).await.unwrap().is_empty());
}

pub(crate) async fn heads_follow_appends(store: Store) {
    let channel = channel(&store).await;
    let before = store.log.position(channel).await.unwrap().unwrap();
    assert_eq!(before.seq, 0);
    assert_ne!(before.epoch, 0);
    append(&store, channel, 0, vec![create("a"), create("b")]).await;
    append(&store, channel, 2, vec![create("c")]).await;
    let after = store.log.position(channel).await.unwrap().unwrap();
    assert_eq!((after.epoch, after.seq), (before.epoch, 3));
}

pub(crate) async fn a_moved_head_is_named(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("a"), create("b")]).await;
    for stale in [0, 1] {
        let answer = store.log.append(channel, stale, vec![create("late")]).await.unwrap();
        assert_eq!(answer, Append::HeadMoved { actual: 2 });
    }
    assert_eq!(store.log.read(channel, 0, 100).await.unwrap().len(), 2);
}

pub(crate) async fn a_log_behind_is_gone(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("a")]).await;
    for ahead in [2, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
        let answer = store.log.append(channel, ahead, vec![create("b"), create("c")]).await.unwrap();
        assert_eq!(answer, Append::Gone, "at {ahead}");
    }
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, 1);
}

pub(crate) async fn an_unknown_channel_is_closed(store: Store) {
    for unknown in [ChannelId::from(fresh()), 0.into(), u64::MAX.into()] {
        let answer = store.log.append(unknown, 0, vec![create("a")]).await.unwrap();
        assert_eq!(answer, Append::Closed);
        assert_eq!(store.log.position(unknown).await.unwrap(), None);
        assert!(store.log.read(unknown, 0, 10).await.unwrap().is_empty());
        assert_eq!(store.log.page(unknown, Anchor::Newest, 10).await.unwrap(), None);
        assert!(store.log.messages(unknown, &[1.into()]).await.unwrap().is_empty());
    }
}

pub(crate) async fn a_long_append_may_be_taken_in_parts(store: Store) {
    let channel = channel(&store).await;
    let entries = (0..2_500).map(|number| create(&number.to_string())).collect();
    assert_eq!(append(&store, channel, 0, entries).await, 2_500);
    let records = store.log.read(channel, 0, 3_000).await.unwrap();
    for (record, seq) in records.iter().zip(1..) {
        let Change::Created(message) = &record.change else { panic!("not a message") };
        assert_eq!((record.seq, message.content.as_str()), (seq, (seq - 1).to_string().as_str()));
    }
    assert_eq!(records.len(), 2_500);
}

pub(crate) async fn any_unicode_comes_back(store: Store) {
    let channel = channel(&store).await;
    let every: String = (1..=0x10_ffff).filter_map(char::from_u32).collect();
    let mut texts: Vec<String> = [
        "\"",
        "\\",
        "\\\"",
        "'",
        "''; DROP TABLE messages; --",
        "\\u0041",
        "{\"a\":[1]}",
        "[]",
        "null",
        "1e999",
        "%00",
        "\u{1}\u{7}\u{8}\t\n\u{b}\u{c}\r\u{1b}\u{1f}\u{7f}\u{80}\u{9f}",
        "\u{2028}\u{2029}",
        "\u{feff}bom",
        "\u{202e}right\u{202c}\u{2066}isolated\u{2069}\u{200f}",
        "👩🏽‍🚀🏳️‍🌈🇩🇪",
        "e\u{301}e\u{301}",
        "\u{fffd}\u{ffff}\u{10ffff}",
        "日本語 العربية עברית ไทย",
        " leading and trailing ",
    ]
    .map(String::from)
    .to_vec();
    texts.push("z\u{334}".repeat(5_000));
    texts.extend(every.chars().collect::<Vec<_>>().chunks(60_000).map(|chunk| chunk.iter().collect::<String>()));
    append(&store, channel, 0, texts.iter().map(|text| create(text)).collect()).await;
    assert_contents(&store, channel, &texts).await;
    // The same through an edit: another statement writes it.
    let edits = texts.iter().rev().zip(1..).map(|(text, message)| edit(message, text)).collect();
    append(&store, channel, texts.len() as u64, edits).await;
    texts.reverse();
    assert_contents(&store, channel, &texts).await;
}

async fn assert_contents(store: &Store, channel: ChannelId, texts: &[String]) {
    let page = store.log.page(channel, Anchor::Newest, 1_000).await.unwrap().unwrap();
    assert_eq!(page.messages.len(), texts.len());
    for (message, text) in page.messages.iter().zip(texts) {
        assert!(message.content == *text, "{:.40?} became {:.40?}", text, message.content);
    }
}

pub(crate) async fn the_largest_numbers_hurt_nobody(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, vec![create("a"), create("b")]).await;
    assert!(store.log.read(channel, u64::MAX, 10).await.unwrap().is_empty());
    assert_eq!(store.log.read(channel, 0, usize::MAX).await.unwrap().len(), 2);
    assert!(store.log.read(channel, 0, 0).await.unwrap().is_empty());
    let page = |anchor| store.log.page(channel, anchor, usize::MAX);
    let before = page(Anchor::Before(u64::MAX.into())).await.unwrap().unwrap();
    assert_eq!((before.messages.len(), before.more_before, before.more_after), (2, false, false));
    let after = page(Anchor::After(u64::MAX.into())).await.unwrap().unwrap();
    assert_eq!((after.messages.len(), after.more_before, after.more_after), (0, true, false));
    let around = page(Anchor::Around(u64::MAX.into())).await.unwrap().unwrap();
    assert_eq!((around.messages.len(), around.more_before, around.more_after), (2, false, false));
    assert!(store.log.messages(channel, &[0.into(), u64::MAX.into()]).await.unwrap().is_empty());
    // The sequencer refuses these; should one slip through, the channel must stay readable.
    append(&store, channel, 2, vec![edit(1, "c"), delete(2)]).await;
    assert_eq!(store.log.read(channel, 0, 10).await.unwrap().len(), 4);
}

pub(crate) async fn positions_come_in_the_order_asked(store: Store) {
    let (first, second) = (channel(&store).await, channel(&store).await);
    append(&store, second, 0, vec![create("a")]).await;
    let asked = [second, u64::MAX.into(), first, second, fresh().into()];
    let positions = store.log.positions(&asked).await.unwrap();
    let seqs: Vec<_> = positions.iter().map(|position| position.map(|position| position.seq)).collect();
    assert_eq!(seqs, [Some(1), None, Some(0), Some(1), None]);
    assert!(store.log.positions(&[]).await.unwrap().is_empty());
}

pub(crate) async fn reads_are_cut_at_the_limit(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, (0..10).map(|_| create("a")).collect()).await;
    let records = store.log.read(channel, 3, 4).await.unwrap();
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [4, 5, 6, 7]);
}
