//! Streams: no event twice, none left out, whatever the session brings.

use std::sync::Arc;
use std::time::Duration;

use guildhall::proto::v1::server_frame::Payload;
use guildhall::proto::v1::{self, ResyncReason};
use guildhall::{Cursor, Event, Events, Gateway, StreamKey};
use tonic::Status;

use crate::scripted::{Calls, Peer, Scripted};
use crate::support::{CHANNEL, EPOCH, contents, cursor, message, next, ready, said};

/// A log of one channel that goes up to `head`.
fn log_up_to(head: u64) -> Calls {
    Calls {
        list_changes: Arc::new(move |request| {
            let after = request.cursor.unwrap();
            let last = head.min(after.seq + u64::try_from(request.page_size).unwrap());
            Ok(v1::ListChangesResponse {
                events: (after.seq + 1..=last).map(|seq| message(CHANNEL, seq)).collect(),
                cursor: Some(cursor(CHANNEL, last)),
                head,
            })
        }),
        ..Calls::default()
    }
}

/// A session that watches the channel from seq 3 on.
async fn watching(server: &mut Scripted) -> (Gateway, Events, Peer) {
    let (gateway, events) = server.client().gateway().subscribe(CHANNEL).connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[(CHANNEL, 3)])).await;
    let (id, update) = peer.update().await;
    assert_eq!(update.add_channels.len(), 1);
    peer.agree(id, vec![cursor(CHANNEL, 3)]).await;
    (gateway, events, peer)
}

#[tokio::test]
async fn repetitions_are_dropped() {
    let mut server = Scripted::start(Calls::default()).await;
    let (_gateway, mut events, peer) = watching(&mut server).await;
    for seq in [2, 3, 4, 4, 3, 5, 1, 6] {
        peer.say(said(CHANNEL, seq)).await;
    }
    assert_eq!(contents(&mut events, 3).await, ["4", "5", "6"]);
}

#[tokio::test]
async fn a_hole_is_read_from_the_log() {
    let mut server = Scripted::start(log_up_to(1_000)).await;
    let (_gateway, mut events, peer) = watching(&mut server).await;
    for seq in [4, 900, 901, 1_000, 1_001] {
        peer.say(said(CHANNEL, seq)).await;
    }
    let expected = (4..=1_000).map(|seq| seq.to_string()).collect::<Vec<_>>();
    assert_eq!(contents(&mut events, expected.len()).await, expected);
}

#[tokio::test]
async fn a_log_that_lags_is_asked_again() {
    let asked = Arc::new(parking_lot::Mutex::new(0));
    let count = Arc::clone(&asked);
    let whole = log_up_to(9).list_changes;
    let calls = Calls {
        list_changes: Arc::new(move |request| {
            let mut count = count.lock();
            *count += 1;
            match *count {
                1 => Err(Status::unavailable("not now")),
                2 => Ok(v1::ListChangesResponse { cursor: request.cursor, ..Default::default() }),
                _ => whole(request),
            }
        }),
        ..Calls::default()
    };
    let mut server = Scripted::start(calls).await;
    let (_gateway, mut events, peer) = watching(&mut server).await;
    peer.say(said(CHANNEL, 6)).await;
    assert_eq!(contents(&mut events, 3).await, ["4", "5", "6"]);
    assert!(*asked.lock() >= 3);
}

#[tokio::test]
async fn a_stream_that_stands_still_is_found_by_heartbeats() {
    let mut server = Scripted::start(log_up_to(5)).await;
    let client = server.client();
    let (_gateway, mut events) = client.gateway().subscribe(CHANNEL).connect().await.unwrap();
    let mut peer = server.peer_with(Duration::from_millis(50)).await;
    peer.next().await;
    peer.say(Payload::Ready(ready(1, &[(CHANNEL, 3)]))).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 3)]).await;
    let acking = async {
        loop {
            // Events 4 and 5 were lost on the way; only the heads tell.
            peer.next_of_all().await;
            let heads = vec![cursor(CHANNEL, 5)];
            peer.say(Payload::HeartbeatAck(v1::HeartbeatAck { heads })).await;
        }
    };
    tokio::select! {
        () = acking => {}
        read = contents(&mut events, 2) => assert_eq!(read, ["4", "5"]),
    }
}

#[tokio::test]
async fn what_is_too_far_for_a_replay_is_read_from_the_log() {
    let mut server = Scripted::start(log_up_to(3_000)).await;
    let (_gateway, mut events, peer) = watching(&mut server).await;
    peer.say(resync(ResyncReason::TooFarBehind, Some(cursor(CHANNEL, 3_000)))).await;
    peer.say(said(CHANNEL, 3_001)).await;
    let expected = (4..=3_000).map(|seq| seq.to_string()).collect::<Vec<_>>();
    assert_eq!(contents(&mut events, expected.len()).await, expected);
}

#[tokio::test]
async fn a_program_may_want_a_gap_instead() {
    let mut server = Scripted::start(Calls::default()).await;
    let builder = server.client().gateway().subscribe(CHANNEL).gaps_beyond(100);
    let (_gateway, mut events) = builder.connect().await.unwrap();
    let mut peer = server.identified(ready(1, &[])).await;
    let (id, _) = peer.update().await;
    peer.agree(id, vec![cursor(CHANNEL, 3)]).await;
    peer.say(resync(ResyncReason::TooFarBehind, Some(cursor(CHANNEL, 3_000)))).await;
    peer.say(said(CHANNEL, 3_001)).await;
    let Event::Gap(gap) = next(&mut events).await else {
        panic!("no gap");
    };
    assert_eq!(gap.reason, ResyncReason::TooFarBehind);
    assert_eq!(gap.cursor.map(|cursor| cursor.seq), Some(3_000));
    assert_eq!(contents(&mut events, 1).await, ["3001"]);
}

#[tokio::test]
async fn a_rewound_stream_is_a_gap() {
    let mut server = Scripted::start(Calls::default()).await;
    let (_gateway, mut events, peer) = watching(&mut server).await;
    let stream = StreamKey::channel(CHANNEL);
    let rewound = Cursor::new(stream, EPOCH + 1, 1);
    peer.say(resync(ResyncReason::EpochChanged, Some(rewound.into()))).await;
    let mut event = message(CHANNEL, 2);
    event.epoch = EPOCH + 1;
    peer.say(Payload::Event(event)).await;
    let Event::Gap(gap) = next(&mut events).await else {
        panic!("no gap");
    };
    assert_eq!((gap.reason, gap.cursor), (ResyncReason::EpochChanged, Some(rewound)));
    assert_eq!(contents(&mut events, 1).await, ["2"]);
}

#[tokio::test]
async fn a_lost_stream_is_not_asked_for_again() {
    let mut server = Scripted::start(Calls::default()).await;
    let (_gateway, mut events, peer) = watching(&mut server).await;
    peer.say(resync(ResyncReason::AccessLost, None)).await;
    let Event::Gap(gap) = next(&mut events).await else {
        panic!("no gap");
    };
    assert_eq!((gap.reason, gap.cursor), (ResyncReason::AccessLost, None));
    drop(peer);
    let (_peer, cursors) = server.resumed(ready(1, &[])).await;
    assert_eq!(cursors, ["guild:21@1", "user:31@1"]);
}

fn resync(reason: ResyncReason, cursor: Option<v1::Cursor>) -> Payload {
    Payload::Resync(v1::Resync { stream: Some(StreamKey::channel(CHANNEL).into()), reason: reason.into(), cursor })
}
