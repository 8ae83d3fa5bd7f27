//! A program that does not take its events: nothing is lost, nothing hangs, nothing grows.

use std::sync::Arc;

use guildhall::Event;
use guildhall::proto::v1;
use guildhall::proto::v1::server_frame::Payload;

use crate::scripted::{Calls, Scripted};
use crate::support::{CHANNEL, GUILD, OTHER, contents, cursor, ready, said, soon};

#[tokio::test]
async fn the_rest_waits_at_the_server() {
    let mut server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().subscribe(CHANNEL).events_max(4);
    let (_gateway, mut events) = builder.connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 0)]).await;
    let sending = async {
        for seq in 1..=5_000 {
            peer.say(said(CHANNEL, seq)).await;
        }
    };
    let expected = (1..=5_000).map(|seq: u64| seq.to_string()).collect::<Vec<_>>();
    let (read, ()) = tokio::join!(contents(&mut events, 5_000), sending);
    assert_eq!(read, expected);
}

/// A handler that waits for its send while the send's answer lies behind events that it has not taken.
#[tokio::test]
async fn a_handler_that_sends_is_not_stuck_behind_its_own_events() {
    let calls = Calls {
        send_message: Arc::new(|_| {
            Ok(v1::SendMessageResponse { message_id: 99, duplicate: true, ..Default::default() })
        }),
        ..Calls::default()
    };
    let mut server = Scripted::start(calls).await;
    let builder = server.client().gateway().subscribe(CHANNEL).events_max(2);
    let (gateway, mut events) = builder.connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 0)]).await;
    gateway.ready().await.unwrap();
    let receipt = gateway.send(OTHER, "hello").enqueue();
    let (id, _) = peer.send().await;
    for seq in 1..=100 {
        peer.say(said(CHANNEL, seq)).await;
    }
    let sent = soon("an answer", receipt).await.unwrap();
    assert!(sent.duplicate);
    // The session's own answer comes too late and harms nobody.
    let answering = peer.stored(id, 98);
    let reading = contents(&mut events, 100);
    let ((), read) = tokio::join!(answering, reading);
    assert_eq!(read.len(), 100);
    assert_eq!(gateway.unsettled(), 0);
}

#[tokio::test]
async fn a_handler_that_subscribes_is_not_stuck_either() {
    let mut server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().subscribe(CHANNEL).events_max(2);
    let (gateway, mut events) = builder.connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 0)]).await;
    gateway.ready().await.unwrap();
    for seq in 1..=12 {
        peer.say(said(CHANNEL, seq)).await;
    }
    let answering = async {
        let (id, _) = peer.update().await;
        peer.agree(id, vec![cursor(OTHER, 5)]).await;
    };
    let subscribing = async { gateway.subscribe(OTHER).await };
    let (subscribed, ()) = soon("an answer", async { tokio::join!(subscribing, answering) }).await;
    assert_eq!(subscribed.unwrap().cursors.len(), 1);
    assert_eq!(contents(&mut events, 12).await.len(), 12);
}

#[tokio::test]
async fn passing_things_are_dropped_first() {
    let mut server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().subscribe(CHANNEL).events_max(3);
    let (gateway, mut events) = builder.connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 0)]).await;
    gateway.ready().await.unwrap();
    for _ in 0..50 {
        let activity = v1::Activity { guild_id: GUILD.0, channels: Vec::new() };
        peer.say(Payload::Activity(activity)).await;
    }
    peer.say(said(CHANNEL, 1)).await;
    let mut passing = 0;
    loop {
        match crate::support::next(&mut events).await {
            Event::Activity(_) => passing += 1,
            Event::MessageCreated(message) => {
                assert_eq!(message.content, "1");
                break;
            }
            event => panic!("{event:?}"),
        }
    }
    assert!(passing <= 5, "{passing} were kept");
}
