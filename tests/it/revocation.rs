//! Promise 8: whoever was removed is shown nothing that was allowed afterwards, by no path.

use std::time::Duration;

use guildhall::{ChannelKind, ErrorReason, PresenceStatus, StreamKey};
use guildhall_proto::v1::{self, ResyncReason, client_frame::Command, event::Payload};
use guildhall_tests::deployment::Kind;
use guildhall_tests::wire::{Frame, Session, channel_cursor, nonce, send_command, subscribe};
use guildhall_tests::{Deployment, Guild, User};

/// A guild of ann with bob, who will be removed, and carol, who stays.
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
        ann.client.messages().send(guild.channel, "all may read this").await.unwrap();
        Self { deployment, ann, bob, carol, guild }
    }

    /// Bob's session watches everything that can be watched.
    async fn watch_all(&self) -> Session {
        let mut session = self.deployment.wire(&self.bob).await.session().await.unwrap();
        let guild_id = self.guild.id.get();
        let everything = v1::UpdateSubscriptions {
            add_guilds: vec![guild_id],
            add_presence_guilds: vec![guild_id],
            add_presence_users: vec![self.ann.id.get(), self.carol.id.get()],
            ..subscribe(&[self.guild.channel])
        };
        session.identify(everything).await.unwrap();
        session
    }

    async fn remove_bob(&self) {
        self.ann.client.guilds().remove_member(self.guild.id, self.bob.id).await.unwrap();
    }

    /// The others do everything that can be seen.
    async fn bustle(&self) {
        let mut carol = self.deployment.wire(&self.carol).await.watching(&[]).await.unwrap();
        let channel_id = self.guild.channel.get();
        let typing = Command::StartTyping(v1::StartTyping { channel_id });
        carol.call(typing).await.unwrap().unwrap();
        let presence =
            v1::UpdatePresence { status: PresenceStatus::Dnd.into(), custom_status: Some("not for bob".to_owned()) };
        carol.call(Command::UpdatePresence(presence)).await.unwrap().unwrap();
        carol.call(send_command(self.guild.channel, "not for bob", &nonce())).await.unwrap().unwrap();
        let stop = Command::StopTyping(v1::StopTyping { channel_id });
        carol.call(stop).await.unwrap().unwrap();
        let channel = self.ann.client.channels().create(self.guild.id, "not-for-bob", ChannelKind::Text).await.unwrap();
        self.ann.client.messages().send(channel.id, "not for bob").await.unwrap();
        self.ann.client.guilds().update(self.guild.id).name("not for bob").await.unwrap();
    }
}

/// Longer than activity, typing and presence are gathered.
const A_WHILE: Duration = Duration::from_millis(2_500);

#[tokio::test]
async fn a_live_session_is_told_and_shown_nothing_more() {
    let scene = Scene::new().await;
    let mut session = scene.watch_all().await;
    // Whatever belongs to the beginning: presences, activity of the first message.
    session.frames_for(A_WHILE).await.unwrap();
    scene.remove_bob().await;
    let left = session.event(scene.bob.id).await.unwrap();
    let Some(Payload::GuildLeft(left)) = left.payload else { panic!("{left:?}") };
    assert_eq!((left.guild_id, left.reason()), (scene.guild.id.get(), guildhall::LeaveReason::Removed));
    scene.bustle().await;
    // The session lives on, and hears of other things.
    let own = scene.deployment.guild(&scene.bob, &[]).await;
    session.event(scene.bob.id).await.unwrap();
    let frames = frames_with_activity(&mut session, A_WHILE).await;
    let unexpected: Vec<_> = frames.iter().filter(|frame| !is_about_the_end(frame, &scene, own)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// What may be said to somebody who was removed: that his streams ended, his own removal, and what is about his own guild.
fn is_about_the_end(frame: &Frame, scene: &Scene, own: Guild) -> bool {
    let of_guild = |stream: &v1::Stream| {
        [StreamKey::from(scene.guild.channel), scene.guild.id.into()].map(v1::Stream::from).contains(stream)
    };
    match frame {
        Frame::Resync(resync) => {
            resync.reason() == ResyncReason::AccessLost && resync.stream.as_ref().is_some_and(of_guild)
        }
        Frame::Event(event) => match &event.payload {
            Some(Payload::MemberRemoved(removed)) => removed.user_id == scene.bob.id.get(),
            _ => event.stream == Some(StreamKey::guild(own.id).into()),
        },
        Frame::CommandResult(_) => true,
        _ => false,
    }
}

async fn frames_with_activity(session: &mut Session, time: Duration) -> Vec<Frame> {
    let end = tokio::time::Instant::now() + time;
    let mut frames = Vec::new();
    while let Ok(frame) = tokio::time::timeout_at(end, session.frame()).await {
        frames.push(frame.unwrap());
    }
    frames
}

#[tokio::test]
async fn a_resume_is_shown_nothing() {
    let scene = Scene::new().await;
    let mut session = scene.deployment.wire(&scene.bob).await.session().await.unwrap();
    let ready = session.identify(v1::UpdateSubscriptions::default()).await.unwrap();
    drop(session);
    scene.remove_bob().await;
    scene.bustle().await;
    let mut session = scene.deployment.wire(&scene.bob).await.session().await.unwrap();
    let cursors =
        vec![channel_cursor(scene.guild.channel, 0, 0), ready.guilds[0].cursor.unwrap(), ready.user_cursor.unwrap()];
    let ready = session.resume(cursors).await.unwrap();
    assert_eq!(ready.guilds, []);
    let left = session.event(scene.bob.id).await.unwrap();
    assert!(matches!(left.payload, Some(Payload::GuildLeft(_))), "{left:?}");
    for stream in [StreamKey::from(scene.guild.channel), scene.guild.id.into()] {
        let lost = |frame: &Frame| match frame {
            Frame::Resync(resync) if resync.stream == Some(stream.into()) => Some(*resync),
            _ => None,
        };
        let resync = session.wait("Resync", lost).await.unwrap();
        assert_eq!((resync.reason(), resync.cursor), (ResyncReason::AccessLost, None));
    }
    let resumed = |frame: &Frame| matches!(frame, Frame::Resumed(resumed) if resumed.replayed == 1).then_some(());
    session.wait("Resumed", resumed).await.unwrap();
    scene.bustle().await;
    assert_eq!(frames_with_activity(&mut session, A_WHILE).await, []);
}

#[tokio::test]
async fn every_call_answers_as_if_nothing_were_there() {
    let scene = Scene::new().await;
    let (client, Guild { id, channel }) = (&scene.bob.client, scene.guild);
    let sent = client.messages().send(channel, "bob's own").await.unwrap().message_id;
    scene.remove_bob().await;
    scene.bustle().await;
    let of_channel = [
        client.channels().get(channel).await.err(),
        client.history().messages(channel).await.err(),
        client.history().message(channel, sent).await.err(),
        client.history().changes(guildhall::Cursor::beginning(channel)).await.err(),
        client.messages().send(channel, "still here?").await.err(),
        client.messages().edit(channel, sent, "still here?").await.err(),
        client.messages().delete(channel, sent).await.err(),
    ];
    for (number, error) in of_channel.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("call {number} was answered"));
        assert_eq!(error.reason(), Some(ErrorReason::ChannelNotFound), "call {number}");
    }
    let of_guild = [
        client.guilds().get(id).await.err(),
        client.guilds().members(id).await.err(),
        client.guilds().invites(id).await.err(),
        client.guilds().create_invite(id).await.err(),
        client.guilds().leave(id).await.err(),
        client.channels().list(id).await.err(),
        client.history().changes(guildhall::Cursor::beginning(id)).await.err(),
    ];
    for (number, error) in of_guild.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("call {number} was answered"));
        assert_eq!(error.reason(), Some(ErrorReason::GuildNotFound), "call {number}");
    }
    assert_eq!(client.guilds().list().await.unwrap(), []);
}

#[tokio::test]
async fn every_command_answers_as_if_nothing_were_there() {
    let scene = Scene::new().await;
    let mut session = scene.watch_all().await;
    scene.remove_bob().await;
    if scene.deployment.kind() != Kind::Embedded {
        // His node may be another one than that which removed him: there it holds from when he is told.
        session.event(scene.bob.id).await.unwrap();
    }
    let channel_id = scene.guild.channel.get();
    let commands = [
        Command::StartTyping(v1::StartTyping { channel_id }),
        send_command(scene.guild.channel, "still here?", &nonce()),
    ];
    for command in commands {
        let failure = session.call(command.clone()).await.unwrap().unwrap_err();
        assert_eq!(failure.reason, ErrorReason::ChannelNotFound, "{command:?}");
    }
    let again = v1::UpdateSubscriptions {
        add_guilds: vec![scene.guild.id.get()],
        add_presence_guilds: vec![scene.guild.id.get()],
        add_presence_users: vec![scene.ann.id.get()],
        ..subscribe(&[scene.guild.channel])
    };
    let outcome = session.call(Command::UpdateSubscriptions(again)).await.unwrap();
    let Ok(v1::command_result::Outcome::SubscriptionsUpdated(updated)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(updated.cursors, []);
    assert_eq!(updated.refused_channels, [channel_id]);
    assert!(updated.refused_guilds.contains(&scene.guild.id.get()));
    assert_eq!(updated.refused_users, [scene.ann.id.get()]);
}

#[tokio::test]
async fn leaving_ends_it_likewise_and_coming_back_brings_it_back() {
    let scene = Scene::new().await;
    let mut session = scene.watch_all().await;
    scene.bob.client.guilds().leave(scene.guild.id).await.unwrap();
    let left = session.event(scene.bob.id).await.unwrap();
    let Some(Payload::GuildLeft(left)) = left.payload else { panic!("{left:?}") };
    assert_eq!(left.reason(), guildhall::LeaveReason::Left);
    scene.carol.client.messages().send(scene.guild.channel, "meanwhile").await.unwrap();
    scene.deployment.join(scene.guild, &scene.ann, &scene.bob).await;
    let update = subscribe(&[scene.guild.channel]);
    session.call(Command::UpdateSubscriptions(update)).await.unwrap().unwrap();
    session.forget();
    scene.carol.client.messages().send(scene.guild.channel, "back again").await.unwrap();
    let event = session.event(scene.guild.channel).await.unwrap();
    let Some(Payload::MessageCreated(created)) = event.payload else { panic!("{event:?}") };
    assert_eq!(created.message.unwrap().content, "back again");
}
