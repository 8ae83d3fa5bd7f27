//! The streams of guilds and users: events, and the compare-and-set that a change stands under.

use guildhall_proto::ids::{StreamKey, StreamKind};

use super::fixtures::{AUTHOR, NOW_MS, channel, commit, event, fresh, guild, guild_stream, user, user_stream};
use crate::store::{Commit, GuildRow, Position, Store, Taken, Write};

pub(crate) async fn events_follow_the_changes(store: Store) {
    let (guild, user) = (guild(), user());
    let (ours, theirs) = (guild_stream(guild.id), user_stream(user.id));
    let writes = vec![Write::InsertGuild(guild), Write::InsertUser(user)];
    let events = vec![event(ours, b"one"), event(theirs, b""), event(ours, &[0, 255])];
    let Commit::Done(positions) = store.metadata.commit(None, writes, events).await.unwrap() else {
        panic!("not done")
    };
    assert_eq!(positions.iter().map(|position| position.seq).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(positions[0].epoch, positions[2].epoch);
    let head = store.metadata.stream_position(ours).await.unwrap();
    assert_eq!(head, Some(Position { epoch: positions[0].epoch, seq: 2 }));
    let events = store.metadata.stream_events(ours, 0, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((events[0].actor, events[0].time_ms), (AUTHOR.into(), NOW_MS));
    assert_eq!(events[0].payload, b"one");
    assert_eq!(events[1].payload, [0, 255]);
    assert_eq!(store.metadata.stream_events(theirs, 0, 10).await.unwrap()[0].payload, b"");
    assert_eq!(store.metadata.stream_events(ours, 1, 10).await.unwrap(), events[1..]);
    assert_eq!(store.metadata.stream_events(ours, 0, 1).await.unwrap(), events[..1]);
    assert!(store.metadata.stream_events(ours, u64::MAX, 10).await.unwrap().is_empty());
}

pub(crate) async fn streams_come_in_the_order_asked(store: Store) {
    let (guild, user) = (guild(), user());
    let (ours, theirs) = (guild_stream(guild.id), user_stream(user.id));
    let writes = vec![Write::InsertGuild(guild), Write::InsertUser(user)];
    store.metadata.commit(None, writes, vec![event(theirs, b"one"), event(theirs, b"two")]).await.unwrap();
    // The same number is a guild's and, unknown, a user's.
    let nobody = user_stream(fresh().into());
    let other_kind = StreamKey { kind: StreamKind::User, id: ours.id };
    let asked = [theirs, nobody, ours, other_kind, theirs];
    let found = store.metadata.stream_positions(&asked).await.unwrap();
    let heads: Vec<_> = found.iter().map(|position| position.map(|position| position.seq)).collect();
    assert_eq!(heads, [Some(2), None, Some(0), None, Some(2)]);
    assert_eq!(found[0], store.metadata.stream_position(theirs).await.unwrap());
    assert!(store.metadata.stream_positions(&[]).await.unwrap().is_empty());
}

pub(crate) async fn a_moved_stream_writes_nothing(store: Store) {
    let row = guild();
    let stream = guild_stream(row.id);
    commit(&store, vec![Write::InsertGuild(row.clone())]).await;
    let rename = |expected, name: &str| {
        let writes = vec![Write::UpdateGuild(GuildRow { name: name.into(), ..row.clone() })];
        store.metadata.commit(Some((stream, expected)), writes, vec![event(stream, name.as_bytes())])
    };
    assert!(matches!(rename(0, "first").await.unwrap(), Commit::Done(positions) if positions[0].seq == 1));
    for stale in [0, 2, u64::MAX] {
        assert_eq!(rename(stale, "stale").await.unwrap(), Commit::Moved(Some(1)));
    }
    assert!(matches!(rename(1, "second").await.unwrap(), Commit::Done(positions) if positions[0].seq == 2));
    assert_eq!(store.metadata.guild(row.id).await.unwrap().unwrap().guild.name, "second");
    let nowhere = Some((guild_stream(fresh().into()), 0));
    let answer = store.metadata.commit(nowhere, Vec::new(), Vec::new()).await.unwrap();
    assert_eq!(answer, Commit::Moved(None));
}

pub(crate) async fn a_taken_row_writes_nothing(store: Store) {
    let (row, user) = (guild(), user());
    let stream = guild_stream(row.id);
    commit(&store, vec![Write::InsertGuild(row.clone()), Write::InsertUser(user.clone())]).await;
    let writes = vec![
        Write::UpdateGuild(GuildRow { name: "half".into(), ..row.clone() }),
        Write::InsertUser(user),
        Write::DeleteGuild(row.id),
    ];
    let answer = store.metadata.commit(Some((stream, 0)), writes, vec![event(stream, b"half")]).await.unwrap();
    assert_eq!(answer, Commit::Taken(Taken::Username));
    let snapshot = store.metadata.guild(row.id).await.unwrap().unwrap();
    assert_eq!((snapshot.guild, snapshot.position.seq), (row, 0));
}

pub(crate) async fn an_unknown_stream_writes_nothing(store: Store) {
    let row = guild();
    let channel = StreamKey { kind: StreamKind::Channel, id: channel(&store).await.into() };
    // A channel's head is moved by its log alone.
    for stream in [guild_stream(fresh().into()), user_stream(row.owner), channel] {
        let writes = vec![Write::InsertGuild(row.clone())];
        let answer = store.metadata.commit(None, writes, vec![event(stream, b"lost")]).await.unwrap();
        assert_eq!(answer, Commit::Moved(None));
        assert!(store.metadata.guild(row.id).await.unwrap().is_none());
    }
    assert!(store.metadata.stream_events(channel, 0, 10).await.unwrap().is_empty());
}
