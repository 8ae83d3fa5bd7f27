//! Connections that end: each way to end, and what follows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall::proto::v1::client_frame::Command;
use guildhall::proto::v1::server_frame::Payload;
use guildhall::proto::v1::{self, GoodbyeReason, NextAction};
use guildhall::{Client, CloseReason, ConnectionState, ErrorReason, Event, Kind};
use guildhall_proto::Failure;
use tonic::Status;

use crate::scripted::{Calls, Scripted, shown};
use crate::support::{CHANNEL, contents, cursor, message, ready, said, soon, state};

#[tokio::test]
async fn a_lost_connection_is_resumed_from_the_last_events() {
    let mut server = Scripted::start(Calls::default()).await;
    let client = server.client();
    let (gateway, mut events) = client.gateway().subscribe(CHANNEL).connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 3)]).await;
    peer.say(said(CHANNEL, 4)).await;
    assert_eq!(contents(&mut events, 1).await, ["4"]);
    gateway.ready().await.unwrap();
    drop(peer);

    let (peer, cursors) = server.resumed(ready(1, &[])).await;
    assert_eq!(cursors, ["guild:21@1", "user:31@1", "channel:11@4"]);
    for seq in [4, 5, 6] {
        peer.say(said(CHANNEL, seq)).await;
    }
    assert_eq!(contents(&mut events, 2).await, ["5", "6"]);
    assert!(!gateway.state().borrow().is_ready(), "not before Resumed");
    peer.say(Payload::Resumed(v1::Resumed { replayed: 2 })).await;
    assert!(matches!(events.next().await, Some(Event::Resumed { replayed: 2 })));
    soon("ready", gateway.ready()).await.unwrap();
}

#[tokio::test]
async fn a_goodbye_is_obeyed() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, _events) = server.client().gateway().connect().await.unwrap();
    let peer = server.identified(ready(1, &[])).await;
    let before = Instant::now();
    peer.say(goodbye(GoodbyeReason::Draining, NextAction::Resume, 400)).await;
    let waiting = state(&gateway, "waiting", |state| matches!(state, ConnectionState::Waiting { .. })).await;
    assert!(waiting.to_string().contains("draining"), "{waiting}");
    let (peer, _) = server.resumed(ready(1, &[])).await;
    assert!(before.elapsed() >= Duration::from_millis(400));

    peer.say(goodbye(GoodbyeReason::NotIdentified, NextAction::Identify, 0)).await;
    let peer = server.identified(ready(1, &[])).await;

    peer.say(goodbye(GoodbyeReason::AuthExpired, NextAction::Stop, 0)).await;
    let closed = state(&gateway, "closed", |state| state.closed().is_some()).await;
    assert!(matches!(closed.closed(), Some(CloseReason::Goodbye(GoodbyeReason::AuthExpired))));
}

#[tokio::test]
async fn after_identifying_anew_the_log_fills_in() {
    let calls = Calls {
        list_changes: Arc::new(|request| {
            let after = request.cursor.unwrap();
            let events = match shown(&after).as_str() {
                "channel:11@3" => vec![message(CHANNEL, 4), message(CHANNEL, 5)],
                other => panic!("not missing: {other}"),
            };
            Ok(v1::ListChangesResponse { events, cursor: Some(after), head: 5 })
        }),
        ..Calls::default()
    };
    let mut server = Scripted::start(calls).await;
    let client = server.client();
    let (_gateway, mut events) = client.gateway().subscribe(CHANNEL).connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 3)]).await;
    peer.say(goodbye(GoodbyeReason::IdentifyTimeout, NextAction::Identify, 0)).await;
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, update) = peer.update().await;
    let from = update.add_channels[0].cursor.unwrap();
    assert_eq!(shown(&from), "channel:11@3");
    // A server that could not go on from there: the first live event proves it.
    peer.agree(id, vec![from]).await;
    peer.say(said(CHANNEL, 5)).await;
    assert_eq!(contents(&mut events, 2).await, ["4", "5"]);
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let mut server = Scripted::start(Calls::default()).await;
    let client = server.client();
    let (_gateway, _events) = client.gateway().subscribe(CHANNEL).connect().await.unwrap();
    let mut peer = server.peer_with(Duration::from_millis(100)).await;
    peer.next().await;
    peer.say(Payload::Ready(ready(1, &[]))).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 3)]).await;
    let (id, beat) = peer.next_of_all().await;
    let Command::Heartbeat(beat) = beat else {
        panic!("not a heartbeat: {beat:?}");
    };
    assert_eq!(id, 0);
    let mut cursors = beat.cursors.iter().map(shown).collect::<Vec<_>>();
    cursors.sort();
    assert_eq!(cursors, ["channel:11@3", "guild:21@1", "user:31@1"]);
    assert!(peer.gone().await);
    server.resumed(ready(1, &[])).await;
}

#[tokio::test]
async fn a_refused_resume_is_followed_by_identify() {
    let mut server = Scripted::start(Calls::default()).await;
    let (_gateway, _events) = server.client().gateway().connect().await.unwrap();
    drop(server.identified(ready(1, &[])).await);
    let mut peer = server.peer().await;
    let (id, command) = peer.next().await;
    assert!(matches!(command, Command::Resume(_)));
    peer.refuse(id, ErrorReason::ValidationFailed).await;
    server.identified(ready(1, &[])).await;
}

#[tokio::test]
async fn a_token_that_is_not_valid_ends_it() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, mut events) = server.client().gateway().connect().await.unwrap();
    let failure = Failure::new(ErrorReason::TokenInvalid, "no such token");
    server.opened().await.fail(Status::from(failure)).await;
    let error = soon("the end", gateway.ready()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Closed);
    assert!(error.to_string().contains("no such token"), "{error}");
    assert_eq!(soon("no event", events.next()).await, None);
    let refused = gateway.send(CHANNEL, "too late").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Closed);
    assert!(!refused.outcome_unknown());
    let state = gateway.state().borrow().clone();
    let Some(CloseReason::Refused(error)) = state.closed() else {
        panic!("{state}");
    };
    assert_eq!(error.reason(), Some(ErrorReason::TokenInvalid));
}

#[tokio::test]
async fn a_program_may_start_before_the_server() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let client = Client::builder(url).build().unwrap();
    let (gateway, _events) = client.gateway().connect().await.unwrap();
    let waiting = state(&gateway, "waiting", |state| matches!(state, ConnectionState::Waiting { .. })).await;
    let ConnectionState::Waiting { cause, .. } = waiting else {
        unreachable!();
    };
    assert_eq!(cause.kind(), Kind::Transport);
    soon("the end", gateway.close()).await;
    let state = gateway.state().borrow().clone();
    assert!(matches!(state.closed(), Some(CloseReason::Requested)), "{state}");
}

#[tokio::test]
async fn leaving_is_said() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, mut events) = server.client().gateway().connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    gateway.ready().await.unwrap();
    let peer = async {
        let (_, command) = peer.next().await;
        assert!(matches!(command, Command::Close(_)), "{command:?}");
        peer.say(goodbye(GoodbyeReason::Closed, NextAction::Stop, 0)).await;
    };
    tokio::join!(gateway.close(), peer);
    while soon("the end", events.next()).await.is_some() {}
}

#[tokio::test]
async fn without_handles_it_ends_by_itself() {
    let mut server = Scripted::start(Calls::default()).await;
    let (gateway, events) = server.client().gateway().connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    gateway.ready().await.unwrap();
    drop((gateway, events));
    let (_, command) = peer.next().await;
    assert!(matches!(command, Command::Close(_)), "{command:?}");
}

fn goodbye(reason: GoodbyeReason, next: NextAction, retry_after_ms: u64) -> Payload {
    let delay = Duration::from_millis(retry_after_ms);
    Payload::Goodbye(v1::Goodbye {
        reason: reason.into(),
        next: next.into(),
        retry_after: prost_types::Duration::try_from(delay).ok(),
    })
}
