//! Blocks: nothing passing goes between two of whom one has blocked the other, on any node; the blocked one notices only
//! what an invisible user shows.

use std::time::Duration;

use guildhall::PresenceStatus::{self, Offline, Online};
use guildhall::{ErrorReason, UserId};
use guildhall_proto::v1::{self, client_frame::Command, ephemeral::Payload, event};
use guildhall_tests::wire::{Frame, Session, subscribe};
use guildhall_tests::{Deployment, Guild, User};

struct Scene {
    deployment: Deployment,
    ann: User,
    bob: User,
    carol: User,
    guild: Guild,
}

impl Scene {
    async fn new() -> Self {
        let deployment = Deployment::start().await;
        let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
        let carol = deployment.user("carol").await;
        let guild = deployment.guild(&ann, &[&bob, &carol]).await;
        Self { deployment, ann, bob, carol, guild }
    }

    /// Somebody who is online, watches the channel and looks at the guild's members.
    async fn session(&self, user: &User) -> Session {
        let look = v1::UpdateSubscriptions {
            add_presence_guilds: vec![self.guild.id.get()],
            ..subscribe(&[self.guild.channel])
        };
        let mut session = self.deployment.wire(user).await.session().await.unwrap();
        session.identify(look).await.unwrap();
        session
    }

    async fn types(&self, session: &mut Session) {
        let channel_id = self.guild.channel.get();
        session.call(Command::StartTyping(v1::StartTyping { channel_id })).await.unwrap().unwrap();
        session.call(Command::StopTyping(v1::StopTyping { channel_id })).await.unwrap().unwrap();
    }
}

/// What is passing and about a user: a presence, or typing.
fn passing(frame: &Frame, user: UserId) -> Option<Option<PresenceStatus>> {
    let Frame::Ephemeral(v1::Ephemeral { payload: Some(payload) }) = frame else { return None };
    match payload {
        Payload::Presence(presence) => (presence.user_id == user.get()).then(|| Some(presence.status())),
        Payload::TypingStarted(typing) => (typing.user_id == user.get()).then_some(None),
        Payload::TypingStopped(typing) => (typing.user_id == user.get()).then_some(None),
    }
}

async fn shows(session: &mut Session, user: &User, status: PresenceStatus) {
    let shown = |frame: &Frame| passing(frame, user.id).flatten().filter(|shown| *shown == status);
    session.wait("a presence", shown).await.unwrap();
}

async fn hears_typing(session: &mut Session, user: &User) {
    let typing = |frame: &Frame| passing(frame, user.id).filter(Option::is_none);
    session.wait("typing", typing).await.unwrap();
}

async fn hears_nothing(session: &mut Session, user: &User) {
    let frames = session.frames_for(Duration::from_millis(300)).await.unwrap();
    let heard: Vec<_> = frames.iter().filter_map(|frame| passing(frame, user.id)).collect();
    assert_eq!(heard, []);
}

#[tokio::test]
async fn neither_hears_of_the_other_until_the_block_ends() {
    let scene = Scene::new().await;
    let (ann, bob, carol) = (&scene.ann, &scene.bob, &scene.carol);
    let (mut of_ann, mut of_bob) = (scene.session(ann).await, scene.session(bob).await);
    let mut of_carol = scene.session(carol).await;
    shows(&mut of_ann, bob, Online).await;
    shows(&mut of_bob, ann, Online).await;

    ann.client.users().block(bob.id).await.unwrap();
    let event = of_ann.event(ann.id).await.unwrap();
    let Some(event::Payload::UserBlocked(blocked)) = event.payload else { panic!("{event:?}") };
    assert_eq!(blocked.user_id, bob.id.get());
    shows(&mut of_ann, bob, Offline).await;
    shows(&mut of_bob, ann, Offline).await;
    for session in [&mut of_ann, &mut of_bob, &mut of_carol] {
        session.forget();
    }
    scene.types(&mut of_bob).await;
    scene.types(&mut of_ann).await;
    // Whom it does not concern hears both; they hear neither.
    hears_typing(&mut of_carol, bob).await;
    hears_typing(&mut of_carol, ann).await;
    let dnd = v1::UpdatePresence { status: PresenceStatus::Dnd.into(), custom_status: Some("busy".to_owned()) };
    for session in [&mut of_ann, &mut of_bob] {
        session.call(Command::UpdatePresence(dnd.clone())).await.unwrap().unwrap();
    }
    hears_nothing(&mut of_ann, bob).await;
    hears_nothing(&mut of_bob, ann).await;
    // Messages are another thing.
    let sent = bob.client.messages().send(scene.guild.channel, "for all").await.unwrap();
    assert_eq!(of_ann.event(scene.guild.channel).await.unwrap().seq, sent.message_id.get());

    ann.client.users().unblock(bob.id).await.unwrap();
    shows(&mut of_ann, bob, PresenceStatus::Dnd).await;
    shows(&mut of_bob, ann, PresenceStatus::Dnd).await;
    scene.types(&mut of_bob).await;
    hears_typing(&mut of_ann, bob).await;
}

#[tokio::test]
async fn whoever_looks_later_is_shown_the_same() {
    let mut scene = Scene::new().await;
    scene.ann.client.users().block(scene.bob.id).await.unwrap();
    for round in 0..2 {
        let (mut of_ann, mut of_bob) = (scene.session(&scene.ann).await, scene.session(&scene.bob).await);
        let mut of_carol = scene.session(&scene.carol).await;
        shows(&mut of_carol, &scene.ann, Online).await;
        shows(&mut of_carol, &scene.bob, Online).await;
        hears_nothing(&mut of_ann, &scene.bob).await;
        hears_nothing(&mut of_bob, &scene.ann).await;
        // By name too, and with the answer that everybody gets.
        for (session, other) in [(&mut of_ann, &scene.bob), (&mut of_bob, &scene.ann)] {
            let add_presence_users = vec![other.id.get()];
            let look = v1::UpdateSubscriptions { add_presence_users, ..Default::default() };
            let outcome = session.call(Command::UpdateSubscriptions(look)).await.unwrap().unwrap();
            let v1::command_result::Outcome::SubscriptionsUpdated(updated) = outcome else { panic!("{outcome:?}") };
            assert!(updated.refused_users.is_empty());
            shows(session, other, Offline).await;
        }
        if round == 0 {
            scene.deployment.kill9();
            scene.deployment.restart().await;
        }
    }
}

#[tokio::test]
async fn blocks_are_listed_and_bad_ones_refused() {
    let scene = Scene::new().await;
    let users = scene.ann.client.users();
    let mut own = scene.deployment.wire(&scene.ann).await.watching(&[]).await.unwrap();
    let oneself = users.block(scene.ann.id).await.unwrap_err();
    assert_eq!(oneself.reason(), Some(ErrorReason::ValidationFailed));
    assert_eq!((&*oneself.violations()[0].field, &*oneself.violations()[0].rule), ("user_id", "block_user.user_id"));
    let unknown = users.block(UserId(12_345)).await.unwrap_err();
    assert_eq!(unknown.reason(), Some(ErrorReason::UserNotFound));
    // Neither is there anything to end.
    users.unblock(scene.bob.id).await.unwrap();
    users.unblock(UserId(12_345)).await.unwrap();
    assert!(users.blocks().await.unwrap().is_empty());

    users.block(scene.bob.id).await.unwrap();
    users.block(scene.carol.id).await.unwrap();
    users.block(scene.bob.id).await.unwrap();
    let names: Vec<_> = users.blocks().await.unwrap().into_iter().map(|block| block.user.username).collect();
    assert_eq!(names, ["carol", "bob"], "newest first, each once");
    assert!(scene.bob.client.users().blocks().await.unwrap().is_empty());
    users.unblock(scene.bob.id).await.unwrap();
    users.unblock(scene.bob.id).await.unwrap();
    assert_eq!(users.blocks().await.unwrap().len(), 1);
    // What changed nothing was not told.
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(own.event(scene.ann.id).await.unwrap());
    }
    assert!(matches!(told[0].payload, Some(event::Payload::UserBlocked(_))));
    assert!(matches!(told[1].payload, Some(event::Payload::UserBlocked(_))));
    assert!(matches!(told[2].payload, Some(event::Payload::UserUnblocked(_))));
    let head = told[2].seq;
    users.block(scene.bob.id).await.unwrap();
    assert_eq!(own.event(scene.ann.id).await.unwrap().seq, head + 1);
}
