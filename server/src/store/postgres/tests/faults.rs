//! Broken connections, held locks, racing nodes: nobody is told a lie, nothing is lost or done twice.

use std::time::Duration;

use guildhall_proto::ids::{ChannelId, StreamKey, StreamKind};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Postgres, eventually, fresh, number, open_at};
use crate::store::contract::{append, channel, create, create_as, delete, edit};
use crate::store::log::Change;
use crate::store::postgres::append::attempt;
use crate::store::postgres::rows::Rows;
use crate::store::{Append, Commit, Entry, Error, GuildRow, NewEvent, Store, Write, testing_postgres};

/// Ends all sessions of the node, again and again.
async fn kill_sessions(mut on: PgConnection, pause_ms: u64) {
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'guildhall'";
    loop {
        sqlx::query(kill).execute(&mut on).await.unwrap();
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
}

/// The only writer of a channel. Whatever becomes of the connections, it is told the truth: that it was written.
async fn write_alone(store: Store, channel: ChannelId) {
    let mut head = 0;
    for round in 0..40 {
        let mut entries: Vec<Entry> = (0..3).map(|part| create(&format!("{round} {part}"))).collect();
        if round % 3 == 0 {
            entries.extend([edit(head + 1, "edited"), delete(head + 2)]);
        }
        match store.log.append(channel, head, entries.clone()).await.unwrap() {
            Append::Done { taken } if taken == entries.len() => head += taken as u64,
            other => panic!("at {head}: {other:?}"),
        }
    }
    let records = store.log.read(channel, 0, 1_000).await.unwrap();
    assert_eq!(records.len(), 40 * 3 + 14 * 2);
    assert!(records.iter().zip(1..).all(|(record, seq)| record.seq == seq));
    let live = records.iter().filter(|record| match &record.change {
        Change::Created(message) => message.delete_ms.is_none(),
        _ => false,
    });
    assert_eq!(live.count(), 40 * 3 - 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_lose_nothing_and_do_nothing_twice() {
    let url = testing_postgres::database().await;
    let (store, _postgres) = open_at(&url).await;
    let mut channels = Vec::new();
    for _ in 0..8 {
        channels.push(channel(&store).await);
    }
    // Longer than it takes to connect and to append on a busy machine, or else nobody could ever write.
    let killer = tokio::spawn(kill_sessions(testing_postgres::connect(&url).await, 23));
    let mut writers = JoinSet::new();
    for channel in channels {
        writers.spawn(write_alone(store.clone(), channel));
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    killer.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_over_breaking_connections_are_done_once() {
    let url = testing_postgres::database().await;
    let (store, postgres) = open_at(&url).await;
    let guild = GuildRow { id: 7.into(), name: "G".into(), icon_url: String::new(), owner: 1.into(), create_ms: 0 };
    let stream = StreamKey { kind: StreamKind::Guild, id: 7 };
    store.metadata.commit(None, vec![Write::InsertGuild(guild.clone())], Vec::new()).await.unwrap();
    let killer = tokio::spawn(kill_sessions(testing_postgres::connect(&url).await, 43));
    for head in 0..150 {
        let event = NewEvent { stream, actor: 1.into(), time_ms: 0, payload: vec![1] };
        let writes = vec![Write::UpdateGuild(guild.clone())];
        match store.metadata.commit(Some((stream, head)), writes, vec![event]).await.unwrap() {
            Commit::Done(positions) => assert_eq!(positions[0].seq, head + 1),
            other => panic!("at {head}: {other:?}"),
        }
    }
    killer.abort();
    let _ = killer.await;
    eventually("it answers again", async || store.metadata.has_admin().await.is_ok()).await;
    assert_eq!(store.metadata.stream_events(stream, 0, 1_000).await.unwrap().len(), 150);
    drop(postgres);
}

#[tokio::test]
async fn an_attempt_that_is_repeated_knows_its_own_work() {
    let (store, postgres) = fresh().await;
    let channel = channel(&store).await;
    let link = &postgres.engine.link;
    append(&store, channel, 0, vec![create("old"), create("older")]).await;
    let entries = vec![create("a"), edit(1, "b"), delete(3), create("c")];
    append(&store, channel, 2, entries.clone()).await;
    let changes = vec![edit(1, "d"), delete(2)];
    append(&store, channel, 6, changes.clone()).await;
    for (head, own) in [(2, entries), (6, changes)] {
        let rows = Rows::new(channel, head, &own);
        assert_eq!(attempt(link, &rows, true).await.unwrap(), Append::Done { taken: own.len() });
        // The first time there is nothing to recognise.
        assert!(!matches!(attempt(link, &rows, false).await.unwrap(), Append::Done { .. }));
        let longer = [own.clone(), vec![create("more"); 1]].concat();
        let other = vec![create("a"), edit(1, "b")];
        for strange in [longer, other] {
            let rows = Rows::new(channel, head, &strange);
            assert!(!matches!(attempt(link, &rows, true).await.unwrap(), Append::Done { .. }));
        }
    }
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, 8);
}

/// How many sessions wait for a lock.
async fn waiting(postgres: &Postgres) -> i64 {
    let select = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND wait_event_type = 'Lock'";
    number(postgres, select).await
}

/// Appends while another transaction has done `change` and is not yet at its end.
async fn append_behind(change: &'static str) -> Append {
    let url = testing_postgres::database().await;
    let (store, postgres) = open_at(&url).await;
    let channel = channel(&store).await;
    let mut other = testing_postgres::connect(&url).await;
    let mut transaction = other.begin().await.unwrap();
    sqlx::query(change).execute(&mut *transaction).await.unwrap();
    let behind = tokio::spawn(async move { store.log.append(channel, 0, vec![create("a")]).await.unwrap() });
    eventually("the append waits", async || waiting(&postgres).await == 1).await;
    transaction.commit().await.unwrap();
    behind.await.unwrap()
}

#[tokio::test]
async fn who_waited_for_the_head_finds_it_moved() {
    let moved = append_behind("UPDATE streams SET head = head + 3 WHERE kind = 1").await;
    assert_eq!(moved, Append::HeadMoved { actual: 3 });
    assert_eq!(append_behind("UPDATE streams SET closed = TRUE WHERE kind = 1").await, Append::Closed);
    assert_eq!(append_behind("DELETE FROM streams WHERE kind = 1").await, Append::Closed);
    // A lock alone changes nothing.
    assert_eq!(append_behind("SELECT 1 FROM streams WHERE kind = 1 FOR UPDATE").await, Append::Done { taken: 1 });
}

#[tokio::test]
async fn a_lock_that_is_never_let_go_is_not_waited_for_forever() {
    let url = testing_postgres::database().await;
    let (store, _postgres) = open_at(&url).await;
    let channel = channel(&store).await;
    let mut other = testing_postgres::connect(&url).await;
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM streams FOR UPDATE").execute(&mut *transaction).await.unwrap();
    let answer = store.log.append(channel, 0, vec![create("a")]).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    // Reading needs no lock.
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, 0);
    transaction.rollback().await.unwrap();
    append(&store, channel, 0, vec![create("a")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_many_streams_do_not_wait_in_circles() {
    let (store, _postgres) = fresh().await;
    let streams: Vec<StreamKey> = (1..=6).map(|id| StreamKey { kind: StreamKind::Guild, id }).collect();
    for id in 1..=6_u64 {
        let guild =
            GuildRow { id: id.into(), name: "G".into(), icon_url: String::new(), owner: 1.into(), create_ms: 0 };
        store.metadata.commit(None, vec![Write::InsertGuild(guild)], Vec::new()).await.unwrap();
    }
    let mut writers = JoinSet::new();
    for turn in 0..6 {
        let (store, mut streams) = (store.clone(), streams.clone());
        streams.rotate_left(turn);
        writers.spawn(async move {
            for _ in 0..20 {
                let event = |stream| NewEvent { stream, actor: 1.into(), time_ms: 0, payload: Vec::new() };
                let events = streams.iter().map(|stream| event(*stream)).collect();
                let done = store.metadata.commit(None, Vec::new(), events).await.unwrap();
                assert!(matches!(done, Commit::Done(_)));
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let heads = store.metadata.stream_positions(&streams).await.unwrap();
    assert!(heads.iter().all(|position| position.is_some_and(|position| position.seq == 120)), "{heads:?}");
}

#[tokio::test]
async fn a_caller_that_breaks_the_rules_is_refused() {
    let (store, _postgres) = fresh().await;
    let channel = channel(&store).await;
    // Twice the same nonce in one append; a text that no column holds.
    let nonce = Uuid::new_v4();
    for bad in [vec![create_as(1, nonce, "a"), create_as(1, nonce, "b")], vec![create("\0")]] {
        let refused = store.log.append(channel, 0, bad).await;
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    }
    assert_eq!(store.log.position(channel).await.unwrap().unwrap().seq, 0);
}
