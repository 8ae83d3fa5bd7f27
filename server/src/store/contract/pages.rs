//! Pages of messages.

use guildhall_proto::ids::ChannelId;

use super::fixtures::{append, channel, create, delete, edit, ids};
use crate::store::{Anchor, Store};

/// A page as (ids, more before, more after).
async fn page(store: &Store, channel: ChannelId, anchor: Anchor, limit: usize) -> (Vec<u64>, bool, bool) {
    let head = store.log.position(channel).await.unwrap().unwrap();
    let page = store.log.page(channel, anchor, limit).await.unwrap().unwrap();
    assert_eq!(page.position, head);
    (page.messages.iter().map(|message| message.id.into()).collect(), page.more_before, page.more_after)
}

pub(crate) async fn pages_have_borders(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, (0..10).map(|_| create("a")).collect()).await;
    let check = [
        (Anchor::Newest, 3, vec![8, 9, 10], true, false),
        (Anchor::Newest, 10, (1..=10).collect(), false, false),
        (Anchor::Newest, 11, (1..=10).collect(), false, false),
        (Anchor::Newest, 0, vec![], true, false),
        (Anchor::Before(8.into()), 3, vec![5, 6, 7], true, true),
        (Anchor::Before(4.into()), 3, vec![1, 2, 3], false, true),
        (Anchor::Before(1.into()), 3, vec![], false, true),
        (Anchor::Before(0.into()), 3, vec![], false, true),
        (Anchor::Before(11.into()), 3, vec![8, 9, 10], true, false),
        (Anchor::Before(u64::MAX.into()), 3, vec![8, 9, 10], true, false),
        (Anchor::After(0.into()), 3, vec![1, 2, 3], false, true),
        (Anchor::After(3.into()), 3, vec![4, 5, 6], true, true),
        (Anchor::After(7.into()), 3, vec![8, 9, 10], true, false),
        (Anchor::After(8.into()), 3, vec![9, 10], true, false),
        (Anchor::After(10.into()), 3, vec![], true, false),
        (Anchor::After(u64::MAX.into()), 3, vec![], true, false),
    ];
    for (anchor, limit, messages, before, after) in check {
        assert_eq!(page(&store, channel, anchor, limit).await, (messages, before, after), "{anchor:?} {limit}");
    }
}

pub(crate) async fn pages_lie_around(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, (0..10).map(|_| create("a")).collect()).await;
    append(&store, channel, 10, vec![delete(6), edit(7, "b")]).await;
    let check = [
        (5, 4, vec![3, 4, 5, 7], true, true),
        (6, 4, vec![4, 5, 7, 8], true, true),
        (5, 5, vec![3, 4, 5, 7, 8], true, true),
        (5, 1, vec![5], true, true),
        (1, 4, vec![1, 2, 3, 4], false, true),
        (2, 4, vec![1, 2, 3, 4], false, true),
        (0, 4, vec![1, 2, 3, 4], false, true),
        (10, 4, vec![8, 9, 10], true, false),
        (11, 4, vec![9, 10], true, false),
        (u64::MAX, 4, vec![9, 10], true, false),
        (5, 100, vec![1, 2, 3, 4, 5, 7, 8, 9, 10], false, false),
    ];
    for (id, limit, messages, before, after) in check {
        let around = page(&store, channel, Anchor::Around(id.into()), limit).await;
        assert_eq!(around, (messages, before, after), "{id} {limit}");
    }
}

pub(crate) async fn deleted_runs_are_stepped_over(store: Store) {
    let channel = channel(&store).await;
    append(&store, channel, 0, (0..400).map(|_| create("a")).collect()).await;
    append(&store, channel, 400, (1..=400).filter(|id| id % 100 != 0).map(delete).collect()).await;
    let check = [
        (Anchor::Newest, 2, vec![300, 400], true, false),
        (Anchor::Newest, 4, vec![100, 200, 300, 400], false, false),
        (Anchor::Before(300.into()), 2, vec![100, 200], false, true),
        (Anchor::Before(100.into()), 2, vec![], false, true),
        (Anchor::After(0.into()), 2, vec![100, 200], false, true),
        (Anchor::After(250.into()), 2, vec![300, 400], true, false),
        (Anchor::Around(250.into()), 2, vec![200, 300], true, true),
        (Anchor::Around(200.into()), 3, vec![100, 200, 300], false, true),
    ];
    for (anchor, limit, messages, before, after) in check {
        assert_eq!(page(&store, channel, anchor, limit).await, (messages, before, after), "{anchor:?} {limit}");
    }
    let rest = ids([100, 200, 300, 400]).into_iter().map(|id| delete(id.into()));
    append(&store, channel, 796, rest.collect()).await;
    assert_eq!(page(&store, channel, Anchor::Newest, 2).await, (vec![], false, false));
}

pub(crate) async fn an_empty_channel_has_an_empty_page(store: Store) {
    let channel = channel(&store).await;
    for anchor in [Anchor::Newest, Anchor::Before(5.into()), Anchor::After(0.into()), Anchor::Around(3.into())] {
        assert_eq!(page(&store, channel, anchor, 10).await, (vec![], false, false));
    }
}
