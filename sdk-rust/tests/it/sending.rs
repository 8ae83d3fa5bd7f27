//! Sends: kept, in order, repeated with their nonces, and settled honestly.

use guildhall::{ErrorReason, Event, Kind, Nonce};

use crate::scripted::{Calls, Scripted};
use crate::support::{CHANNEL, OTHER, ready, soon, state};

#[tokio::test]
async fn sends_of_a_channel_go_one_by_one_and_channels_side_by_side() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let first = gateway.send(CHANNEL, "first").enqueue();
    let second = gateway.send(CHANNEL, "second").enqueue();
    let beside = gateway.send(OTHER, "beside").enqueue();
    let mut peer = server.identified(ready(1, &[])).await;
    let mut sends = [peer.send().await, peer.send().await];
    sends.sort_by_key(|(_, request)| request.channel_id);
    let contents = sends.each_ref().map(|(_, request)| request.content.as_str());
    assert_eq!(contents, ["first", "beside"]);
    peer.stored(sends[1].0, 70).await;
    assert_eq!(soon("an answer", beside).await.unwrap().message_id.0, 70);
    peer.stored(sends[0].0, 71).await;
    let (id, request) = peer.send().await;
    assert_eq!(request.content, "second");
    peer.stored(id, 72).await;
    assert_eq!(soon("an answer", first).await.unwrap().message_id.0, 71);
    assert_eq!(soon("an answer", second).await.unwrap().message_id.0, 72);
    gateway.flush().await;
    assert_eq!(gateway.unsettled(), 0);
}

#[tokio::test]
async fn no_more_than_the_server_takes_are_on_their_way() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let receipts = (1..=6).map(|id| gateway.send(id.into(), "x").enqueue()).collect::<Vec<_>>();
    let mut peer = server.identified(ready(1, &[])).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(peer.send().await.0);
    }
    // Whatever came beyond the four would come before this.
    gateway.start_typing(CHANNEL);
    let (_, command) = peer.next().await;
    assert!(!matches!(command, guildhall::proto::v1::client_frame::Command::SendMessage(_)));
    for _ in 0..2 {
        peer.stored(ids.remove(0), 1).await;
        ids.push(peer.send().await.0);
    }
    for id in ids {
        peer.stored(id, 1).await;
    }
    for receipt in receipts {
        soon("an answer", receipt).await.unwrap();
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_with_the_same_nonce() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let receipt = gateway.send(CHANNEL, "once").enqueue();
    let mut peer = server.identified(ready(1, &[])).await;
    let (_, first) = peer.send().await;
    assert_eq!(first.nonce, receipt.nonce());
    drop(peer);
    let (mut peer, _) = server.resumed(ready(1, &[])).await;
    peer.say(guildhall::proto::v1::server_frame::Payload::Resumed(Default::default())).await;
    let (id, second) = peer.send().await;
    assert_eq!(first, second);
    peer.stored(id, 9).await;
    assert_eq!(soon("an answer", receipt).await.unwrap().nonce, first.nonce);
}

#[tokio::test]
async fn a_refusal_that_passes_is_waited_out_and_another_is_told() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let passing = gateway.send(CHANNEL, "passing").enqueue();
    for reason in [ErrorReason::Overloaded, ErrorReason::StorageUnavailable, ErrorReason::Draining] {
        let (id, _) = peer.send().await;
        peer.refuse(id, reason).await;
    }
    let (id, _) = peer.send().await;
    peer.stored(id, 5).await;
    soon("an answer", passing).await.unwrap();

    let refused = gateway.send(CHANNEL, "refused").enqueue();
    let (id, _) = peer.send().await;
    peer.refuse(id, ErrorReason::ChannelNotFound).await;
    let error = soon("an answer", refused).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Api(ErrorReason::ChannelNotFound));
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().offline_max(2);
    let (gateway, _events) = builder.connect().await.unwrap();
    let _kept = [gateway.send(CHANNEL, "1").enqueue(), gateway.send(CHANNEL, "2").enqueue()];
    let error = gateway.send(CHANNEL, "3").await.unwrap_err();
    assert_eq!(error.kind(), Kind::QueueFull);
    assert_eq!(gateway.unsettled(), 2);
}

#[tokio::test]
async fn whoever_waits_for_room_gets_it() {
    let mut server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().offline_max(1);
    let (gateway, _events) = builder.connect().await.unwrap();
    let first = gateway.send(CHANNEL, "1").enqueue();
    let waiting = gateway.send(CHANNEL, "2").enqueue_when_free();
    let mut peer = server.identified(ready(1, &[])).await;
    let answers = async {
        for message_id in 1..=2 {
            let (id, _) = peer.send().await;
            peer.stored(id, message_id).await;
        }
    };
    let second = async { waiting.await.await };
    let (second, (), first) = soon("both", async { tokio::join!(second, answers, first) }).await;
    assert_eq!(first.unwrap().message_id.0, 1);
    assert_eq!(second.unwrap().message_id.0, 2);
}

#[tokio::test]
async fn what_breaks_a_limit_is_not_queued() {
    let server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let error = gateway.send(CHANNEL, "x".repeat(2_001)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Validation);
    let [violation] = error.violations() else {
        panic!("{error:?}");
    };
    assert_eq!((violation.field.as_str(), violation.rule.as_str()), ("content", "string.max_len"));
    assert_eq!(gateway.unsettled(), 0);
}

#[tokio::test]
async fn closing_tells_what_may_be_stored() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let sent = gateway.send(CHANNEL, "sent").enqueue();
    let unsent = gateway.send(CHANNEL, "unsent").enqueue();
    let mut peer = server.identified(ready(1, &[])).await;
    peer.send().await;
    state(&gateway, "ready", |state| state.is_ready()).await;
    soon("the end", gateway.close()).await;
    let sent = sent.await.unwrap_err();
    assert_eq!((sent.kind(), sent.outcome_unknown()), (Kind::Closed, true));
    let unsent = unsent.await.unwrap_err();
    assert_eq!((unsent.kind(), unsent.outcome_unknown()), (Kind::Closed, false));
}

#[tokio::test]
async fn an_answer_to_an_event_has_the_events_nonce() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, mut events) = server.client().gateway().connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    peer.say(crate::support::said(CHANNEL, 7)).await;
    let Event::MessageCreated(message) = crate::support::next(&mut events).await else {
        panic!("not a message");
    };
    let first = gateway.clone();
    let reply = message.reply(&first, "pong");
    let second = message.reply(&gateway, "pong again").nth(1);
    let answers = async {
        let (id, request) = peer.send().await;
        assert_eq!(request.reply_to, 7);
        assert_eq!(request.nonce, Nonce::derived(&message.cursor, 0).to_string());
        peer.refuse(id, ErrorReason::NonceConflict).await;
        let (id, request) = peer.send().await;
        assert_eq!(request.nonce, Nonce::derived(&message.cursor, 1).to_string());
        peer.refuse(id, ErrorReason::MessageNotFound).await;
    };
    let replies = async { (reply.await.unwrap(), second.await.unwrap()) };
    let (replies, ()) = soon("answers", async { tokio::join!(replies, answers) }).await;
    assert_eq!(replies, (guildhall::Replied::Earlier, guildhall::Replied::Withdrawn));
}
