//! Presence: the best of a user's sessions, shown to those who look and to nobody else.

use std::time::Duration;

use guildhall::PresenceStatus::{self, Dnd, Idle, Invisible, Offline, Online};
use guildhall::UserId;
use guildhall_proto::v1::{self, GoodbyeReason, NextAction, client_frame::Command, ephemeral::Payload};
use guildhall_tests::deployment::Kind;
use guildhall_tests::wire::{Frame, Session, Wire};
use guildhall_tests::{Deployment, Guild, User};

struct Scene {
    deployment: Deployment,
    ann: User,
    bob: User,
    guild: Guild,
}

impl Scene {
    async fn new() -> Self {
        Self::of(Deployment::start().await).await
    }

    async fn of(deployment: Deployment) -> Self {
        let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
        let guild = deployment.guild(&ann, &[&bob]).await;
        Self { deployment, ann, bob, guild }
    }

    /// Bob looks at the guild's members.
    async fn watcher(&self) -> Session {
        let add_presence_guilds = vec![self.guild.id.get()];
        let look = v1::UpdateSubscriptions { add_presence_guilds, ..Default::default() };
        let mut session = self.deployment.wire(&self.bob).await.session().await.unwrap();
        session.identify(look).await.unwrap();
        session
    }

    async fn ann(&self, status: PresenceStatus) -> Session {
        begin(&self.deployment.wire(&self.ann).await, status).await
    }
}

async fn begin(wire: &Wire, status: PresenceStatus) -> Session {
    let mut session = wire.session().await.unwrap();
    session.tell(Command::Identify(v1::Identify { status: status.into(), subscriptions: None })).await.unwrap();
    session.ready().await.unwrap();
    session
}

fn update(status: PresenceStatus, custom: Option<&str>) -> Command {
    let custom_status = custom.map(str::to_owned);
    Command::UpdatePresence(v1::UpdatePresence { status: status.into(), custom_status })
}

/// The next presence of a user.
async fn presence(session: &mut Session, user: UserId) -> (PresenceStatus, String) {
    session.wait("a presence", |frame| of_user(frame, user)).await.unwrap()
}

fn of_user(frame: &Frame, user: UserId) -> Option<(PresenceStatus, String)> {
    let Frame::Ephemeral(v1::Ephemeral { payload: Some(Payload::Presence(presence)) }) = frame else { return None };
    (presence.user_id == user.get()).then(|| (presence.status(), presence.custom_status.clone()))
}

async fn assert_next(session: &mut Session, user: UserId, status: PresenceStatus) {
    assert_eq!(presence(session, user).await.0, status);
}

/// The same, after one session ended and another one says this. Where they are at two nodes, word of the end may come
/// first: then the user is gone in between, and nothing else.
async fn assert_next_of_two(kind: Kind, session: &mut Session, user: UserId, status: PresenceStatus) {
    let mut heard = presence(session, user).await.0;
    if kind != Kind::Embedded && heard == Offline {
        heard = presence(session, user).await.0;
    }
    assert_eq!(heard, status);
}

async fn assert_silent(session: &mut Session, user: UserId) {
    let frames = session.frames_for(Duration::from_millis(300)).await.unwrap();
    let heard: Vec<_> = frames.iter().filter_map(|frame| of_user(frame, user)).collect();
    assert_eq!(heard, []);
}

#[tokio::test]
async fn every_status_is_shown_and_the_invisible_are_offline() {
    let scene = Scene::new().await;
    let mut watcher = scene.watcher().await;
    let mut session = scene.ann(Online).await;
    assert_next(&mut watcher, scene.ann.id, Online).await;
    for (said, shown) in [(Idle, Idle), (Dnd, Dnd), (Invisible, Offline), (Online, Online)] {
        session.call(update(said, None)).await.unwrap().unwrap();
        assert_next(&mut watcher, scene.ann.id, shown).await;
    }
    session.call(update(Online, Some("reading"))).await.unwrap().unwrap();
    assert_eq!(presence(&mut watcher, scene.ann.id).await, (Online, "reading".to_owned()));
    session.call(update(Online, Some("reading"))).await.unwrap().unwrap();
    assert_silent(&mut watcher, scene.ann.id).await;
    session.tell(Command::Close(v1::Close {})).await.unwrap();
    let goodbye = session.goodbye().await.unwrap();
    assert_eq!((goodbye.reason(), goodbye.next()), (GoodbyeReason::Closed, NextAction::Stop));
    assert_eq!(presence(&mut watcher, scene.ann.id).await, (Offline, String::new()));
}

#[tokio::test]
async fn the_invisible_were_never_there() {
    let scene = Scene::new().await;
    let mut watcher = scene.watcher().await;
    let session = scene.ann(Invisible).await;
    assert_silent(&mut watcher, scene.ann.id).await;
    // Neither to somebody who looks later.
    let mut later = scene.watcher().await;
    assert_silent(&mut later, scene.ann.id).await;
    drop(session);
    assert_silent(&mut watcher, scene.ann.id).await;
}

#[tokio::test]
async fn the_best_session_counts() {
    let scene = Scene::new().await;
    let mut watcher = scene.watcher().await;
    let mut phone = scene.ann(Idle).await;
    assert_next(&mut watcher, scene.ann.id, Idle).await;
    let mut desk = scene.ann(Online).await;
    assert_next(&mut watcher, scene.ann.id, Online).await;
    phone.call(update(Invisible, None)).await.unwrap().unwrap();
    assert_silent(&mut watcher, scene.ann.id).await;
    phone.call(update(Idle, None)).await.unwrap().unwrap();
    desk.tell(Command::Close(v1::Close {})).await.unwrap();
    assert_next_of_two(scene.deployment.kind(), &mut watcher, scene.ann.id, Idle).await;
    // A session that breaks off without a word is gone all the same.
    drop(phone);
    assert_next(&mut watcher, scene.ann.id, Offline).await;
}

#[tokio::test]
async fn whoever_begins_to_look_is_told_who_is_there() {
    let scene = Scene::new().await;
    let _session = scene.ann(Dnd).await;
    let mut watcher = scene.watcher().await;
    assert_next(&mut watcher, scene.ann.id, Dnd).await;
    let mut by_name = scene.deployment.wire(&scene.bob).await.watching(&[]).await.unwrap();
    let add_presence_users = vec![scene.ann.id.get()];
    let look = v1::UpdateSubscriptions { add_presence_users, ..Default::default() };
    by_name.call(Command::UpdateSubscriptions(look)).await.unwrap().unwrap();
    assert_next(&mut by_name, scene.ann.id, Dnd).await;
}

#[tokio::test]
async fn nobody_else_is_told() {
    let scene = Scene::new().await;
    let eve = scene.deployment.user("eve").await;
    let mut member = scene.deployment.wire(&scene.bob).await.watching(&[scene.guild.channel]).await.unwrap();
    let mut stranger = scene.deployment.wire(&eve).await.watching(&[]).await.unwrap();
    let look = v1::UpdateSubscriptions {
        add_presence_guilds: vec![scene.guild.id.get()],
        add_presence_users: vec![scene.ann.id.get()],
        ..Default::default()
    };
    let outcome = stranger.call(Command::UpdateSubscriptions(look)).await.unwrap().unwrap();
    let v1::command_result::Outcome::SubscriptionsUpdated(updated) = outcome else { panic!("{outcome:?}") };
    assert_eq!(updated.refused_guilds, [scene.guild.id.get()]);
    assert_eq!(updated.refused_users, [scene.ann.id.get()]);
    let mut watcher = scene.watcher().await;
    let mut session = scene.ann(Online).await;
    assert_next(&mut watcher, scene.ann.id, Online).await;
    let stop = v1::UpdateSubscriptions { remove_presence_guilds: vec![scene.guild.id.get()], ..Default::default() };
    watcher.call(Command::UpdateSubscriptions(stop)).await.unwrap().unwrap();
    session.call(update(Dnd, None)).await.unwrap().unwrap();
    for listener in [&mut member, &mut stranger, &mut watcher] {
        assert_silent(listener, scene.ann.id).await;
    }
}

#[tokio::test]
async fn it_ends_when_the_watched_one_leaves_the_guild() {
    let scene = Scene::new().await;
    let add_presence_users = vec![scene.bob.id.get()];
    let by_name = v1::UpdateSubscriptions { add_presence_users, ..Default::default() };
    let mut watcher = scene.deployment.wire(&scene.ann).await.session().await.unwrap();
    watcher.identify(by_name).await.unwrap();
    assert_next(&mut watcher, scene.bob.id, Offline).await;
    let mut bob = begin(&scene.deployment.wire(&scene.bob).await, Online).await;
    assert_next(&mut watcher, scene.bob.id, Online).await;
    scene.bob.client.guilds().leave(scene.guild.id).await.unwrap();
    // Whether the end is told as going offline or not at all, what he does from now on is nothing to her.
    bob.event(scene.bob.id).await.unwrap();
    watcher.heartbeat(Vec::new()).await.unwrap();
    watcher.forget();
    for status in [Dnd, Idle] {
        bob.call(update(status, Some("not for ann"))).await.unwrap().unwrap();
        assert_silent(&mut watcher, scene.bob.id).await;
    }
}

#[tokio::test]
async fn who_misses_two_heartbeats_is_offline() {
    let scene = Scene::of(Deployment::builder().set("heartbeat_seconds", 1).start().await).await;
    let mut watcher = scene.watcher().await;
    let mut session = scene.ann(Online).await;
    let interval = session.hello.heartbeat_interval.unwrap();
    assert_eq!(interval, prost_types::Duration { seconds: 1, nanos: 0 });
    assert_next(&mut watcher, scene.ann.id, Online).await;
    // Bob beats, ann does not.
    for _ in 0..8 {
        watcher.heartbeat(Vec::new()).await.unwrap();
        let heard = watcher.frames_for(Duration::from_millis(500)).await.unwrap();
        if heard.iter().filter_map(|frame| of_user(frame, scene.ann.id)).any(|(status, _)| status == Offline) {
            let goodbye = session.goodbye().await.unwrap();
            assert_eq!(goodbye.reason(), GoodbyeReason::HeartbeatTimeout);
            assert_eq!(goodbye.next(), NextAction::Resume);
            return;
        }
    }
    panic!("ann is still there after four seconds without a heartbeat");
}

#[tokio::test]
async fn the_sdk_beats_and_stays() {
    let scene = Scene::of(Deployment::builder().set("heartbeat_seconds", 1).start().await).await;
    let gateway = scene.bob.client.gateway().watch_presence_guild(scene.guild.id);
    let (watching, mut events) = gateway.connect().await.unwrap();
    watching.ready().await.unwrap();
    let (gateway, _events) = scene.ann.client.gateway().presence(Idle).connect().await.unwrap();
    gateway.ready().await.unwrap();
    let mut heard = Vec::new();
    let listen = async {
        while let Some(event) = events.next().await {
            if let guildhall::Event::Presence(presence) = event
                && presence.user_id == scene.ann.id
            {
                heard.push(presence.status);
            }
        }
    };
    // Twice as long as a silent session lasts.
    assert!(tokio::time::timeout(Duration::from_secs(5), listen).await.is_err(), "the events ended");
    assert_eq!(heard, [Idle]);
}
