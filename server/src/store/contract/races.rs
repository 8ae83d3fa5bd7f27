//! What happens when several do the same at once.

use std::sync::Arc;

use guildhall_proto::ids::ChannelId;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::fixtures::{AUTHOR, append, channel, commit, create, create_as, fresh};
use super::invites::invite;
use crate::store::log::Change;
use crate::store::{Append, Commit, Store, Taken, Write};

/// Two sequencers that do not know of each other, each with the head as it last saw it.
pub(crate) async fn two_writers_of_a_channel_lose_nothing(store: Store) {
    const EACH: usize = 200;
    let channel = channel(&store).await;
    let mut writers = JoinSet::new();
    for author in [AUTHOR, AUTHOR + 1] {
        writers.spawn(write_alone(store.clone(), channel, author, EACH));
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let records = store.log.read(channel, 0, 1_000).await.unwrap();
    assert_eq!(records.len(), 2 * EACH);
    let mut next = [0, 0];
    for (record, seq) in records.iter().zip(1..) {
        assert_eq!(record.seq, seq);
        let Change::Created(message) = &record.change else { panic!("not a message") };
        let writer = usize::from(record.actor == (AUTHOR + 1).into());
        assert_eq!(message.content, next[writer].to_string());
        next[writer] += 1;
    }
}

async fn write_alone(store: Store, channel: ChannelId, author: u64, count: usize) {
    let (mut head, mut next) = (0, 0);
    while next < count {
        let until = (next + 3).min(count);
        let entries = (next..until).map(|number| create_as(author, Uuid::new_v4(), &number.to_string()));
        match store.log.append(channel, head, entries.collect()).await.unwrap() {
            Append::Done { taken } => {
                head += taken as u64;
                next += taken;
            }
            Append::HeadMoved { actual } => {
                assert!(actual > head);
                head = actual;
            }
            other => panic!("not appended: {other:?}"),
        }
    }
}

pub(crate) async fn a_nonce_raced_by_two_is_written_once(store: Store) {
    let channel = channel(&store).await;
    for round in 0..50 {
        let entry = create_as(AUTHOR, Uuid::new_v4(), "once");
        let start = Arc::new(Barrier::new(2));
        let mut racers = JoinSet::new();
        for _ in 0..2 {
            let (store, entry, start) = (store.clone(), entry.clone(), Arc::clone(&start));
            racers.spawn(async move {
                start.wait().await;
                store.log.append(channel, round, vec![entry]).await.unwrap()
            });
        }
        let answers = racers.join_all().await;
        let done = answers.iter().filter(|answer| matches!(answer, Append::Done { .. })).count();
        assert_eq!(done, 1, "{answers:?}");
    }
    assert_eq!(store.log.read(channel, 0, 1_000).await.unwrap().len(), 50);
}

pub(crate) async fn many_channels_at_once_keep_apart(store: Store) {
    let mut writers = JoinSet::new();
    for number in 0..16 {
        let store = store.clone();
        let channel = channel(&store).await;
        writers.spawn(async move {
            for head in 0..25 {
                append(&store, channel, head, vec![create(&format!("{number} {head}"))]).await;
                // What was acknowledged is there for everybody.
                assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, head + 1);
            }
            let records = store.log.read(channel, 0, 100).await.unwrap();
            for (record, head) in records.iter().zip(0..25) {
                let Change::Created(message) = &record.change else { panic!("not a message") };
                assert_eq!(message.content, format!("{number} {head}"));
            }
            assert_eq!(records.len(), 25);
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
}

pub(crate) async fn an_invites_last_use_is_used_once(store: Store) {
    let invite = crate::store::InviteRow { max_uses: 5, uses: 4, ..invite(fresh().into()) };
    commit(&store, vec![Write::InsertInvite(invite.clone())]).await;
    let mut racers = JoinSet::new();
    for _ in 0..2 {
        let (store, code) = (store.clone(), invite.code.clone());
        racers.spawn(async move {
            let writes = vec![Write::UseInvite { code, now_ms: 0 }];
            store.metadata.commit(None, writes, Vec::new()).await.unwrap()
        });
    }
    let mut answers = racers.join_all().await;
    answers.sort_by_key(|answer| matches!(answer, Commit::Taken(_)));
    assert_eq!(answers, [Commit::Done(Vec::new()), Commit::Taken(Taken::Invite)]);
    assert_eq!(store.metadata.invite(&invite.code).await.unwrap().unwrap().uses, 5);
}
