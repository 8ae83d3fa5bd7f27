//! Channels that some members may not see: whoever loses sight of one is told nothing by any way that was allowed
//! afterwards, and it is for them as if it had never been. Whoever gains sight hears it live.

mod alike;
mod scene;

use std::time::Duration;

use guildhall::StreamKey;
use guildhall_proto::v1::{self, client_frame::Command, event::Payload};
use guildhall_tests::wire::{Frame, Session, Wire, channel_cursor};

use scene::{Scene, WAYS, Way};

/// Longer than activity is gathered.
const A_WHILE: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn whoever_loses_sight_hears_nothing_more_of_the_channel() {
    for way in WAYS {
        let scene = Scene::new(way).await;
        let wire = scene.deployment.wire(&scene.bob).await;
        let mut watching = wire.watching(&[scene.secret]).await.unwrap();
        let mut idle = wire.watching(&[]).await.unwrap();
        let before = scene.send("before").await;
        assert_eq!(watching.event(scene.secret).await.unwrap().seq, before, "{way:?}");
        hear_activity(&mut idle, &scene).await;
        scene.hide().await;
        scene.send("after").await;
        let mut typist = scene.deployment.wire(&scene.ann).await.watching(&[]).await.unwrap();
        let typing = v1::StartTyping { channel_id: scene.secret.get() };
        typist.call(Command::StartTyping(typing)).await.unwrap().unwrap();
        let lost = watching.wait("that the stream is over", |frame| end_of(&scene, frame)).await.unwrap();
        assert_eq!(lost, (v1::ResyncReason::AccessLost, None), "{way:?}");
        for session in [&mut watching, &mut idle] {
            for frame in all_for(session, A_WHILE).await {
                assert_untold(&scene, &frame);
            }
        }
        nothing_is_told_to_who_asks(&scene, &wire).await;
    }
}

/// The lists, the log of the guild, a new session and one that goes on.
async fn nothing_is_told_to_who_asks(scene: &Scene, wire: &Wire) {
    let secret = scene.secret.get();
    let guild_id = scene.guild.id.get();
    let listed = wire.channels().list_channels(v1::ListChannelsRequest { guild_id }).await.unwrap().into_inner();
    assert!(listed.channels.iter().all(|channel| channel.id != secret), "{listed:?}");
    let cursor = v1::Cursor { stream: Some(StreamKey::guild(scene.guild.id).into()), epoch: 0, seq: 0 };
    let request = v1::ListChangesRequest { cursor: Some(cursor), page_size: 1_000 };
    let changes = wire.history().list_changes(request).await.unwrap().into_inner();
    let seqs: Vec<u64> = changes.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=changes.head).collect::<Vec<_>>(), "no position is missing");
    changes.events.into_iter().for_each(|event| assert_untold(scene, &Frame::Event(event)));

    let mut fresh = wire.session().await.unwrap();
    let whole = v1::UpdateSubscriptions { add_guilds: vec![guild_id], ..Default::default() };
    let ready = fresh.identify(whole).await.unwrap();
    assert!(ready.guilds[0].channels.iter().all(|state| state.channel_id != secret), "{ready:?}");
    let mut resumed = wire.session().await.unwrap();
    resumed.resume(vec![channel_cursor(scene.secret, 0, 0), cursor]).await.unwrap();
    let lost = resumed.wait("that the channel is not there", |frame| end_of(scene, frame)).await.unwrap();
    assert_eq!(lost, (v1::ResyncReason::AccessLost, None));
    scene.send("later").await;
    for session in [&mut fresh, &mut resumed] {
        for frame in all_for(session, A_WHILE).await {
            assert_untold(scene, &frame);
        }
    }
}

#[tokio::test]
async fn whoever_gains_sight_hears_the_channel_live() {
    for way in WAYS {
        let scene = Scene::new(way).await;
        scene.hide().await;
        let mut session = scene.deployment.wire(&scene.bob).await.session().await.unwrap();
        let whole = v1::UpdateSubscriptions { add_guilds: vec![scene.guild.id.get()], ..Default::default() };
        session.identify(whole).await.unwrap();
        for round in 0..3 {
            scene.show().await;
            let seq = scene.send("seen").await;
            let stream = Some(v1::Stream::from(StreamKey::channel(scene.secret)));
            let heard = |frame: &Frame| match frame {
                Frame::Event(event) if event.stream == stream && event.seq == seq => Some(()),
                _ => None,
            };
            session.wait("the message", heard).await.unwrap();
            scene.hide().await;
            session.wait("that the stream is over", |frame| end_of(&scene, frame)).await.unwrap();
            scene.send("unseen").await;
            println!("{way:?}: round {round} is over");
        }
    }
}

#[tokio::test]
async fn a_guilds_stream_shows_positions_of_what_is_hidden() {
    let scene = Scene::new(Way::Overwrite).await;
    scene.hide().await;
    let wire = scene.deployment.wire(&scene.bob).await;
    let mut session = wire.watching(&[]).await.unwrap();
    scene.ann.client.channels().update(scene.secret).topic("told to nobody").await.unwrap();
    let event = session.event(scene.guild.id).await.unwrap();
    assert!(event.payload.is_none() && event.seq > 0 && event.epoch > 0, "{event:?}");
    let listed = scene.ann.client.channels().list(scene.guild.id).await.unwrap();
    let order: Vec<_> = listed.iter().rev().map(|channel| channel.id).collect();
    scene.ann.client.channels().reorder(scene.guild.id, order.clone()).await.unwrap();
    let event = session.event(scene.guild.id).await.unwrap();
    let Some(Payload::ChannelsReordered(told)) = event.payload else { panic!("{event:?}") };
    let seen = order.iter().map(|id| id.get()).filter(|id| *id != scene.secret.get());
    assert_eq!(told.channel_ids, seen.collect::<Vec<_>>());
    // The end is told to all: whoever knew the channel must hear of it.
    scene.ann.client.channels().delete(scene.secret).await.unwrap();
    let event = session.event(scene.guild.id).await.unwrap();
    assert!(matches!(event.payload, Some(Payload::ChannelDeleted(_))), "{event:?}");
}

async fn hear_activity(session: &mut Session, scene: &Scene) {
    let named = |frame: &Frame| match frame {
        Frame::Activity(activity) => names(activity, scene).then_some(()),
        _ => None,
    };
    session.wait("the channel's activity", named).await.unwrap();
}

fn names(activity: &v1::Activity, scene: &Scene) -> bool {
    activity.channels.iter().any(|of| of.channel_id == scene.secret.get())
}

fn end_of(scene: &Scene, frame: &Frame) -> Option<(v1::ResyncReason, Option<v1::Cursor>)> {
    let stream = Some(v1::Stream::from(StreamKey::channel(scene.secret)));
    match frame {
        Frame::Resync(resync) if resync.stream == stream => Some((resync.reason(), resync.cursor)),
        _ => None,
    }
}

/// Everything that comes within a time, activity too.
async fn all_for(session: &mut Session, time: Duration) -> Vec<Frame> {
    let end = tokio::time::Instant::now() + time;
    let mut frames = Vec::new();
    while let Ok(frame) = tokio::time::timeout_at(end, session.frame()).await {
        frames.push(frame.unwrap());
    }
    frames
}

/// It says nothing of the channel.
fn assert_untold(scene: &Scene, frame: &Frame) {
    let secret = scene.secret.get();
    let tells = match frame {
        Frame::Event(event) if event.stream == Some(StreamKey::channel(scene.secret).into()) => true,
        Frame::Event(event) => match &event.payload {
            Some(Payload::ChannelCreated(change)) => change.channel.as_ref().is_some_and(|of| of.id == secret),
            Some(Payload::ChannelUpdated(change)) => change.channel.as_ref().is_some_and(|of| of.id == secret),
            Some(Payload::ChannelsReordered(order)) => order.channel_ids.contains(&secret),
            _ => false,
        },
        Frame::Activity(activity) => names(activity, scene),
        Frame::Ephemeral(v1::Ephemeral { payload: Some(v1::ephemeral::Payload::TypingStarted(typing)) }) => {
            typing.channel_id == secret
        }
        _ => false,
    };
    assert!(!tells, "the hidden channel {secret} is told of: {frame:?}");
}
