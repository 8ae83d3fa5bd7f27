//! What is watched: asked for, refused, kept over reconnections, and whole guilds with their new channels.

use std::sync::Arc;

use guildhall::proto::v1::command_result::Outcome;
use guildhall::proto::v1::server_frame::Payload;
use guildhall::proto::v1::{self, event};
use guildhall::{Cursor, CursorStore, Event, GuildId, MemoryCursors, ResyncReason, StreamKey};

use crate::scripted::{Calls, Scripted, shown};
use crate::support::{
    CHANNEL, GUILD, ME, OTHER, at, contents, cursor, durable, eventually, message, next, ready, said, soon,
};

#[tokio::test]
async fn what_was_added_is_kept_and_what_was_refused_is_not() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    gateway.ready().await.unwrap();
    let answering = async {
        let (id, update) = peer.update().await;
        assert_eq!(update.add_channels.len(), 2);
        let updated = v1::SubscriptionsUpdated {
            cursors: vec![cursor(CHANNEL, 8)],
            refused_channels: vec![OTHER.0],
            ..Default::default()
        };
        peer.result(id, Outcome::SubscriptionsUpdated(updated)).await;
    };
    let update = gateway.update_subscriptions().add_channel(CHANNEL).add_channel(OTHER);
    let (subscribed, ()) = tokio::join!(async { update.await.unwrap() }, answering);
    assert_eq!(subscribed.cursors, [at(CHANNEL, 8)]);
    assert_eq!(subscribed.refused_channels, [OTHER]);
    drop(peer);
    let (_peer, cursors) = server.resumed(ready(1, &[])).await;
    assert_eq!(cursors, ["guild:21@1", "user:31@1", "channel:11@8"]);
}

#[tokio::test]
async fn an_update_survives_the_connection() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let updating = tokio::spawn(async move { gateway.subscribe(CHANNEL).await });
    let mut peer = server.identified(ready(1, &[])).await;
    peer.update().await;
    drop(peer);
    let (mut peer, _) = server.resumed(ready(1, &[])).await;
    peer.say(Payload::Resumed(v1::Resumed::default())).await;
    let (id, update) = peer.update().await;
    assert_eq!(update.add_channels[0].channel_id, CHANNEL.0);
    peer.agree(id, vec![cursor(CHANNEL, 1)]).await;
    soon("an answer", updating).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_channel_that_does_not_exist_is_told() {
    let mut server = Scripted::start(Calls::default()).await;
    let client = server.client();
    let (_gateway, mut events) = client.gateway().subscribe(CHANNEL).connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    let updated = v1::SubscriptionsUpdated { refused_channels: vec![CHANNEL.0], ..Default::default() };
    peer.result(id, Outcome::SubscriptionsUpdated(updated)).await;
    let Event::Gap(gap) = next(&mut events).await else {
        panic!("no gap");
    };
    assert_eq!(gap.stream, StreamKey::channel(CHANNEL));
    assert_eq!(gap.reason, ResyncReason::AccessLost);
}

#[tokio::test]
async fn everything_is_subscribed_to_by_guild_and_new_guilds_join() {
    let mut server = Scripted::start(Calls::default()).await;
    let (_gateway, _events) = server.client().gateway().subscribe_all().connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[(CHANNEL, 4)])).await;
    let (id, update) = peer.update().await;
    assert_eq!(update.add_guilds, [GUILD.0]);
    peer.agree(id, vec![cursor(CHANNEL, 4)]).await;
    let guild = v1::Guild { id: 22, ..Default::default() };
    let joined = event::Payload::GuildJoined(v1::GuildJoined { guild: Some(guild) });
    peer.say(Payload::Event(durable(ME.into(), 2, joined))).await;
    let (_, update) = peer.update().await;
    assert_eq!(update.add_guilds, [22]);
}

/// The channel was made while nobody was connected: its messages from the first on belong to the guild's watcher.
#[tokio::test]
async fn a_channel_that_was_made_meanwhile_is_read_from_its_beginning() {
    let asked = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let calls = Calls {
        list_changes: Arc::new(move |request| {
            let after = request.cursor.unwrap();
            log.lock().push((shown(&after), after.epoch));
            Ok(v1::ListChangesResponse {
                events: (after.seq + 1..=4).map(|seq| message(OTHER, seq)).collect(),
                cursor: Some(cursor(OTHER, 4)),
                head: 4,
            })
        }),
        ..Calls::default()
    };
    let mut server = Scripted::start(calls).await;
    let (_gateway, mut events) = server.client().gateway().subscribe_guild(GUILD).connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[(CHANNEL, 4)])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 4)]).await;
    peer.say(said(CHANNEL, 5)).await;
    assert_eq!(contents(&mut events, 1).await, ["5"]);
    drop(peer);

    let (mut peer, cursors) = server.resumed(ready(2, &[(CHANNEL, 5), (OTHER, 3)])).await;
    assert_eq!(cursors, ["guild:21@1", "user:31@1", "channel:11@5"]);
    peer.say(Payload::Event(channel_created(2))).await;
    peer.say(Payload::Resumed(v1::Resumed::default())).await;
    let (id, update) = peer.update().await;
    assert_eq!(update.add_guilds, [GUILD.0]);
    peer.agree(id, vec![cursor(OTHER, 3)]).await;
    peer.say(said(OTHER, 4)).await;
    assert!(matches!(next(&mut events).await, Event::ChannelCreated(_)));
    assert_eq!(contents(&mut events, 4).await, ["1", "2", "3", "4"]);
    assert_eq!(asked.lock()[0], ("channel:12@0".to_owned(), 0));
}

#[tokio::test]
async fn a_new_channel_needs_no_subscription() {
    let mut server = Scripted::start(Calls::default()).await;
    let (_gateway, mut events) = server.client().gateway().subscribe_guild(GUILD).connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, Vec::new()).await;
    peer.say(Payload::Event(channel_created(2))).await;
    peer.say(said(OTHER, 1)).await;
    assert!(matches!(next(&mut events).await, Event::ChannelCreated(_)));
    assert_eq!(contents(&mut events, 1).await, ["1"]);
    drop(peer);
    let (_peer, cursors) = server.resumed(ready(2, &[(OTHER, 1)])).await;
    assert_eq!(cursors, ["guild:21@2", "user:31@1", "channel:12@1"]);
}

/// A new process knows which guilds are to be watched, but not yet which of its channels belong to them.
#[tokio::test]
async fn a_new_process_goes_on_in_every_channel_of_the_guild() {
    let store = Arc::new(MemoryCursors::default());
    for cursor in [
        at(CHANNEL, 4),
        Cursor::new(GUILD.into(), crate::support::EPOCH, 1),
        Cursor::new(ME.into(), crate::support::EPOCH, 1),
        at(guildhall::ChannelId(99), 7),
    ] {
        store.save(&cursor);
    }
    let mut server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().subscribe_guild(GUILD).cursors(Arc::clone(&store));
    let (_gateway, mut events) = builder.connect().await.unwrap();
    let (mut peer, cursors) = server.resumed(ready(1, &[(CHANNEL, 6)])).await;
    assert_eq!(cursors, ["guild:21@1", "user:31@1"]);
    peer.say(Payload::Resumed(v1::Resumed::default())).await;
    let (id, update) = peer.update().await;
    let from = update.add_channels.iter().map(|channel| shown(&channel.cursor.unwrap()));
    assert_eq!(from.collect::<Vec<_>>(), ["channel:11@4"], "and not the channel of a guild that is not watched");
    peer.agree(id, vec![cursor(CHANNEL, 4)]).await;
    let (id, update) = peer.update().await;
    assert_eq!(update.add_guilds, [GUILD.0]);
    peer.agree(id, Vec::new()).await;
    peer.say(said(CHANNEL, 5)).await;
    assert_eq!(contents(&mut events, 1).await, ["5"]);
}

#[tokio::test]
async fn a_position_is_saved_when_its_event_was_handled() {
    let store = Arc::new(MemoryCursors::default());
    let mut server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().subscribe(CHANNEL).cursors(Arc::clone(&store));
    let (_gateway, mut events) = builder.connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 3)]).await;
    let saved = || {
        let cursors = store.load().unwrap();
        cursors.into_iter().find(|cursor| cursor.stream == StreamKey::channel(CHANNEL))
    };
    let beginning = eventually("the beginning", saved).await;
    assert_eq!(beginning.seq, 3);
    for seq in [4, 5, 6] {
        peer.say(said(CHANNEL, seq)).await;
    }
    assert_eq!(contents(&mut events, 1).await, ["4"]);
    assert_eq!(saved().unwrap().seq, 3, "4 is in work");
    assert_eq!(contents(&mut events, 1).await, ["5"]);
    assert_eq!(saved().unwrap().seq, 4, "5 is in work");
    events.ack();
    assert_eq!(saved().unwrap().seq, 5);
    drop(events);
    assert_eq!(saved().unwrap().seq, 5, "6 was never shown");
}

#[tokio::test]
async fn a_foreign_cursor_is_refused_before_anything_happens() {
    let server = Scripted::start(Calls::default()).await;
    let foreign = Cursor::new(StreamKey::guild(GuildId(1)), 1, 1);
    let refused = server.client().gateway().subscribe_from(foreign).connect().await;
    assert_eq!(refused.unwrap_err().kind(), guildhall::Kind::Config);
}

fn channel_created(seq: u64) -> v1::Event {
    let channel = v1::Channel { id: OTHER.0, guild_id: GUILD.0, ..Default::default() };
    let payload = event::Payload::ChannelCreated(v1::ChannelCreated { channel: Some(channel) });
    durable(GUILD.into(), seq, payload)
}
