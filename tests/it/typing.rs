//! Typing: shown to those who watch the channel, never to the typist; it starts, stops, and ends by itself.

use std::time::{Duration, Instant};

use guildhall::{ChannelKind, ErrorReason, PresenceStatus};
use guildhall_proto::v1::{self, client_frame::Command, ephemeral::Payload};
use guildhall_tests::wire::{Frame, Session, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User};

struct Scene {
    deployment: Deployment,
    ann: User,
    guild: Guild,
    typist: Session,
    watcher: Session,
}

impl Scene {
    async fn new() -> Self {
        let deployment = Deployment::start().await;
        let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
        let guild = deployment.guild(&ann, &[&bob]).await;
        let typist = deployment.wire(&ann).await.watching(&[guild.channel]).await.unwrap();
        let watcher = deployment.wire(&bob).await.watching(&[guild.channel]).await.unwrap();
        Self { deployment, ann, guild, typist, watcher }
    }

    fn start(&self) -> Command {
        Command::StartTyping(v1::StartTyping { channel_id: self.guild.channel.get() })
    }

    fn stop(&self) -> Command {
        Command::StopTyping(v1::StopTyping { channel_id: self.guild.channel.get() })
    }

    fn started(&self) -> Typing {
        ("started", self.guild.channel.get(), self.ann.id.get())
    }

    fn stopped(&self) -> Typing {
        ("stopped", self.guild.channel.get(), self.ann.id.get())
    }
}

/// What, where, who.
type Typing = (&'static str, u64, u64);

fn as_typing(frame: &Frame) -> Option<Typing> {
    let Frame::Ephemeral(v1::Ephemeral { payload: Some(payload) }) = frame else { return None };
    match payload {
        Payload::TypingStarted(typing) => Some(("started", typing.channel_id, typing.user_id)),
        Payload::TypingStopped(typing) => Some(("stopped", typing.channel_id, typing.user_id)),
        Payload::Presence(_) => None,
    }
}

async fn next(session: &mut Session) -> Typing {
    session.wait("typing", as_typing).await.unwrap()
}

async fn typing_within(session: &mut Session, time: Duration) -> Vec<Typing> {
    session.frames_for(time).await.unwrap().iter().filter_map(as_typing).collect()
}

#[tokio::test]
async fn it_starts_and_stops_and_the_typist_hears_none_of_it() {
    let mut scene = Scene::new().await;
    let mut unsubscribed = scene.deployment.wire(&scene.ann).await.watching(&[]).await.unwrap();
    scene.typist.call(scene.start()).await.unwrap().unwrap();
    assert_eq!(next(&mut scene.watcher).await, scene.started());
    scene.typist.call(scene.stop()).await.unwrap().unwrap();
    assert_eq!(next(&mut scene.watcher).await, scene.stopped());
    // To stop what never began is no news.
    scene.typist.call(scene.stop()).await.unwrap().unwrap();
    let short = Duration::from_millis(200);
    assert_eq!(typing_within(&mut scene.watcher, short).await, []);
    assert_eq!(typing_within(&mut scene.typist, short).await, []);
    assert_eq!(typing_within(&mut unsubscribed, short).await, []);
}

#[tokio::test]
async fn it_ends_by_itself_after_ten_seconds() {
    let mut scene = Scene::new().await;
    scene.typist.call(scene.start()).await.unwrap().unwrap();
    assert_eq!(next(&mut scene.watcher).await, scene.started());
    let begun = Instant::now();
    assert_eq!(next(&mut scene.watcher).await, scene.stopped());
    let lasted = begun.elapsed();
    assert!((9_000..12_000).contains(&lasted.as_millis()), "it lasted {lasted:?}");
}

#[tokio::test]
async fn it_ends_with_the_session() {
    let mut scene = Scene::new().await;
    scene.typist.call(scene.start()).await.unwrap().unwrap();
    assert_eq!(next(&mut scene.watcher).await, scene.started());
    scene.typist.tell(Command::Close(v1::Close {})).await.unwrap();
    assert_eq!(next(&mut scene.watcher).await, scene.stopped());
}

#[tokio::test]
async fn saying_it_a_hundred_times_a_second_is_saying_it_once() {
    let mut scene = Scene::new().await;
    let commands = (0..100).map(|_| scene.start()).collect();
    let outcomes = scene.typist.pipeline(commands).await.unwrap();
    // Too many are dropped without an error.
    assert!(outcomes.iter().all(Result::is_ok));
    let heard = typing_within(&mut scene.watcher, Duration::from_millis(300)).await;
    assert_eq!(heard, [scene.started()]);
}

#[tokio::test]
async fn a_message_ends_it_without_a_word() {
    let mut scene = Scene::new().await;
    scene.typist.call(scene.start()).await.unwrap().unwrap();
    assert_eq!(next(&mut scene.watcher).await, scene.started());
    scene.typist.call(send_command(scene.guild.channel, "sent", &nonce())).await.unwrap().unwrap();
    // Typing can begin again at once.
    scene.typist.call(scene.start()).await.unwrap().unwrap();
    assert_eq!(next(&mut scene.watcher).await, scene.started());
}

#[tokio::test]
async fn the_invisible_do_not_type() {
    let mut scene = Scene::new().await;
    let invisible = v1::UpdatePresence { status: PresenceStatus::Invisible.into(), custom_status: None };
    scene.typist.call(Command::UpdatePresence(invisible)).await.unwrap().unwrap();
    scene.typist.call(scene.start()).await.unwrap().unwrap();
    assert_eq!(typing_within(&mut scene.watcher, Duration::from_millis(200)).await, []);
}

#[tokio::test]
async fn it_is_for_text_channels_that_one_may_see() {
    let mut scene = Scene::new().await;
    let voice = scene.ann.client.channels().create(scene.guild.id, "voice", ChannelKind::Voice).await.unwrap().id;
    let eve = scene.deployment.user("eve").await;
    let foreign = scene.deployment.guild(&eve, &[]).await.channel;
    let rows = [
        (voice.get(), ErrorReason::ChannelKindMismatch),
        (foreign.get(), ErrorReason::ChannelNotFound),
        (u64::MAX, ErrorReason::ChannelNotFound),
    ];
    for (channel_id, reason) in rows {
        let failure =
            scene.typist.call(Command::StartTyping(v1::StartTyping { channel_id })).await.unwrap().unwrap_err();
        assert_eq!(failure.reason, reason);
    }
}
