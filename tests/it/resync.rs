//! Where a stream cannot be resumed, exactly that stream is told to be reloaded, with the reason; the others go on.

use guildhall::{ChannelId, ChannelKind, StreamKey, UserId};
use guildhall_proto::v1::{self, ResyncReason};
use guildhall_tests::wire::{Frame, Session, channel_cursor, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User};

/// A guild of ann and bob whose second channel has one message.
struct Scene {
    deployment: Deployment,
    ann: User,
    bob: User,
    guild: Guild,
    sound: ChannelId,
}

impl Scene {
    async fn new() -> Self {
        let deployment = Deployment::start().await;
        let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
        let guild = deployment.guild(&ann, &[&bob]).await;
        let sound = ann.client.channels().create(guild.id, "sound", ChannelKind::Text).await.unwrap().id;
        ann.client.messages().send(sound, "missed").await.unwrap();
        Self { deployment, ann, bob, guild, sound }
    }

    /// Bob resumes a cursor that cannot be, beside one that can: the latter is replayed whatever happens.
    async fn resume(&self, cursor: v1::Cursor) -> (Session, v1::Resync) {
        let stream = cursor.stream;
        let mut session = self.deployment.wire(&self.bob).await.session().await.unwrap();
        session.resume(vec![cursor, channel_cursor(self.sound, 0, 0)]).await.unwrap();
        let resync = session.wait("Resync", as_resync).await.unwrap();
        assert_eq!(resync.stream, stream);
        assert_eq!(session.event(self.sound).await.unwrap().seq, 1);
        let resumed = |frame: &Frame| matches!(frame, Frame::Resumed(resumed) if resumed.replayed == 1).then_some(());
        session.wait("Resumed", resumed).await.unwrap();
        assert_eq!(session.frames_for(std::time::Duration::from_millis(100)).await.unwrap(), []);
        (session, resync)
    }

    /// The stream goes on behind the cursor that Resync told.
    async fn assert_goes_on(&self, session: &mut Session, resync: &v1::Resync, channel: ChannelId) {
        let cursor = resync.cursor.as_ref().expect("where it goes on");
        let sent = self.ann.client.messages().send(channel, "goes on").await.unwrap();
        let event = session.event(channel).await.unwrap();
        assert_eq!(event.seq, sent.message_id.get());
        assert_eq!(event.seq, cursor.seq + 1);
        assert_eq!(event.epoch, cursor.epoch);
    }
}

fn as_resync(frame: &Frame) -> Option<v1::Resync> {
    match frame {
        Frame::Resync(resync) => Some(*resync),
        _ => None,
    }
}

#[tokio::test]
async fn more_than_a_thousand_events_behind() {
    let scene = Scene::new().await;
    let mut session = scene.deployment.wire(&scene.ann).await.watching(&[]).await.unwrap();
    let commands = (0..1_001).map(|number| send_command(scene.guild.channel, &number.to_string(), &nonce()));
    session.pipeline(commands.collect()).await.unwrap();
    let (mut session, resync) = scene.resume(channel_cursor(scene.guild.channel, 0, 0)).await;
    assert_eq!(resync.reason(), ResyncReason::TooFarBehind);
    scene.assert_goes_on(&mut session, &resync, scene.guild.channel).await;
}

#[tokio::test]
async fn a_cursor_of_another_epoch() {
    let scene = Scene::new().await;
    scene.ann.client.messages().send(scene.guild.channel, "one").await.unwrap();
    let page = scene.bob.client.history().messages(scene.guild.channel).await.unwrap();
    let cursor = page.cursor.unwrap();
    assert_ne!(cursor.epoch, 0);
    let wrong = channel_cursor(scene.guild.channel, cursor.epoch ^ 1, cursor.seq);
    let (mut session, resync) = scene.resume(wrong).await;
    assert_eq!(resync.reason(), ResyncReason::EpochChanged);
    scene.assert_goes_on(&mut session, &resync, scene.guild.channel).await;
}

#[tokio::test]
async fn a_cursor_ahead_of_the_stream() {
    let scene = Scene::new().await;
    for seq in [1, 5, u64::MAX] {
        let (_, resync) = scene.resume(channel_cursor(scene.guild.channel, 0, seq)).await;
        assert_eq!(resync.reason(), ResyncReason::CursorAhead, "seq {seq}");
    }
    let (mut session, resync) = scene.resume(channel_cursor(scene.guild.channel, 0, 1)).await;
    scene.assert_goes_on(&mut session, &resync, scene.guild.channel).await;
}

#[tokio::test]
async fn streams_of_others() {
    let scene = Scene::new().await;
    let secret = scene.deployment.guild(&scene.ann, &[]).await;
    scene.ann.client.messages().send(secret.channel, "secret").await.unwrap();
    let foreign = [
        StreamKey::channel(secret.channel),
        StreamKey::channel(ChannelId(u64::MAX)),
        StreamKey::guild(secret.id),
        StreamKey::user(scene.ann.id),
        StreamKey::user(UserId(1)),
    ];
    for stream in foreign {
        let cursor = v1::Cursor { stream: Some(stream.into()), epoch: 0, seq: 0 };
        let (mut session, resync) = scene.resume(cursor).await;
        assert_eq!(resync.reason(), ResyncReason::AccessLost, "{stream}");
        assert_eq!(resync.cursor, None, "{stream}: where it is, is not told either");
        scene.ann.client.messages().send(secret.channel, "secret").await.unwrap();
        session.heartbeat(Vec::new()).await.unwrap();
        let frames = session.frames_for(std::time::Duration::from_millis(100)).await.unwrap();
        assert_eq!(frames, [], "{stream}");
    }
}

#[tokio::test]
async fn a_subscription_from_a_cursor_is_resynced_likewise() {
    let scene = Scene::new().await;
    let mut session = scene.deployment.wire(&scene.bob).await.watching(&[]).await.unwrap();
    let channel = scene.guild.channel;
    let add = v1::ChannelSubscription { channel_id: channel.get(), cursor: Some(channel_cursor(channel, 0, 7)) };
    let update = v1::UpdateSubscriptions { add_channels: vec![add], ..Default::default() };
    session.call(v1::client_frame::Command::UpdateSubscriptions(update)).await.unwrap().unwrap();
    let resync = session.wait("Resync", as_resync).await.unwrap();
    assert_eq!(resync.reason(), ResyncReason::CursorAhead);
    scene.assert_goes_on(&mut session, &resync, channel).await;
}

#[tokio::test]
async fn the_sdk_tells_a_gap_and_goes_on_behind_it() {
    let scene = Scene::new().await;
    let ahead = guildhall::Cursor::new(scene.guild.channel.into(), 0, 9);
    let (gateway, mut events) = scene.bob.client.gateway().subscribe_from(ahead).connect().await.unwrap();
    gateway.ready().await.unwrap();
    let gap = loop {
        match events.next().await.unwrap() {
            guildhall::Event::Gap(gap) => break gap,
            guildhall::Event::MessageCreated(message) => panic!("before the gap came {message:?}"),
            _ => {}
        }
    };
    assert_eq!((gap.reason, gap.cursor.unwrap().seq), (ResyncReason::CursorAhead, 0));
    scene.ann.client.messages().send(scene.guild.channel, "goes on").await.unwrap();
    let message = loop {
        if let guildhall::Event::MessageCreated(message) = events.next().await.unwrap() {
            break message;
        }
    };
    assert_eq!(message.id.get(), 1);
}
