//! Promise 6: resume needs nothing but cursors. Replay brings everything after them, edits and deletions included, then
//! live follows, without hole or repeat; the server may have been another process in between.

use guildhall::{ChannelId, ChannelKind, GuildId, StreamKey};
use guildhall_proto::v1::{self, event::Payload};
use guildhall_tests::wire::{Frame, Session, channel_cursor};
use guildhall_tests::{Deployment, Guild, User};

#[tokio::test]
async fn a_restart_in_between_changes_nothing() {
    let mut deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut session = deployment.wire(&bob).await.watching(&[guild.channel]).await.unwrap();
    let ids = send(&ann, guild.channel, 0..6).await;
    let mut cursor = v1::Cursor::default();
    for seq in 1..=3 {
        let event = session.event(guild.channel).await.unwrap();
        assert_eq!(event.seq, seq);
        cursor = channel_cursor(guild.channel, event.epoch, event.seq);
    }
    let channel = ann.client.channel(guild.channel);
    channel.message(ids[0]).edit("edited before").await.unwrap();
    channel.message(ids[4]).delete().await.unwrap();
    deployment.kill9();
    deployment.restart().await;
    channel.message(ids[5]).edit("edited after").await.unwrap();
    channel.message(ids[1]).delete().await.unwrap();

    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    session.resume(vec![cursor]).await.unwrap();
    let shown = replay(&mut session, guild.channel, 7).await;
    let expected = [
        "4 created 4 number 3",
        "5 created 5 ",
        "6 created 6 edited after",
        "7 updated 1 edited before",
        "8 deleted 5",
        "9 updated 6 edited after",
        "10 deleted 2",
    ];
    assert_eq!(shown, expected);
    send(&ann, guild.channel, 6..7).await;
    assert_eq!(describe(&session.event(guild.channel).await.unwrap()), "11 created 11 number 6");
}

#[tokio::test]
async fn every_position_is_a_place_to_go_on_from() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    send(&ann, guild.channel, 0..130).await;
    let wire = deployment.wire(&bob).await;
    for seq in [0, 1, 2, 63, 64, 65, 127, 128, 129, 130] {
        let mut session = wire.session().await.unwrap();
        session.resume(vec![channel_cursor(guild.channel, 0, seq)]).await.unwrap();
        let shown = replay(&mut session, guild.channel, 130 - seq).await;
        let expected: Vec<_> = (seq + 1..=130).map(|id| format!("{id} created {id} number {}", id - 1)).collect();
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn a_thousand_events_are_replayed() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut session = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    let commands = (0..1_000).map(|number| {
        guildhall_tests::wire::send_command(guild.channel, &number.to_string(), &guildhall_tests::wire::nonce())
    });
    session.pipeline(commands.collect()).await.unwrap();
    let mut session = deployment.wire(&ann).await.session().await.unwrap();
    session.resume(vec![channel_cursor(guild.channel, 0, 0)]).await.unwrap();
    assert_eq!(replay(&mut session, guild.channel, 1_000).await.len(), 1_000);
}

#[tokio::test]
async fn streams_of_guilds_and_of_the_user_are_resumed_too() {
    let mut deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    let ready = session.identify(v1::UpdateSubscriptions::default()).await.unwrap();
    let cursors = vec![ready.user_cursor.unwrap(), ready.guilds[0].cursor.unwrap()];
    drop(session);
    ann.client.channels().create(guild.id, "new", ChannelKind::Text).await.unwrap();
    bob.client.users().update_me().display_name("Bob").await.unwrap();
    deployment.kill9();
    deployment.restart().await;
    ann.client.guilds().update(guild.id).name("renamed").await.unwrap();

    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    session.resume(cursors).await.unwrap();
    let mut of_guild = Vec::new();
    for _ in 0..3 {
        of_guild.push(session.event(guild.id).await.unwrap().payload.unwrap());
    }
    assert!(matches!(&of_guild[0], Payload::ChannelCreated(new) if new.channel.as_ref().unwrap().name == "new"));
    assert!(matches!(&of_guild[1], Payload::MemberUpdated(_)), "{of_guild:?}");
    assert!(matches!(&of_guild[2], Payload::GuildUpdated(new) if new.guild.as_ref().unwrap().name == "renamed"));
    let own = session.event(bob.id).await.unwrap().payload.unwrap();
    assert!(matches!(&own, Payload::UserUpdated(new) if new.user.as_ref().unwrap().display_name == "Bob"));
}

#[tokio::test]
async fn a_guild_that_was_joined_meanwhile_is_told() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    let ready = session.identify(v1::UpdateSubscriptions::default()).await.unwrap();
    drop(session);
    let guild: Guild = deployment.guild(&ann, &[&bob]).await;
    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    let ready = session.resume(vec![ready.user_cursor.unwrap()]).await.unwrap();
    assert_eq!(
        ready.guilds.iter().map(|state| GuildId(state.guild.as_ref().unwrap().id)).collect::<Vec<_>>(),
        [guild.id]
    );
    let joined = session.event(bob.id).await.unwrap().payload.unwrap();
    assert!(matches!(&joined, Payload::GuildJoined(joined) if joined.guild.as_ref().unwrap().id == guild.id.get()));
}

/// Reads `count` events of a channel and the end of the replay, which tells the same count.
async fn replay(session: &mut Session, channel: ChannelId, count: u64) -> Vec<String> {
    let stream = v1::Stream::from(StreamKey::channel(channel));
    let mut shown = Vec::new();
    loop {
        match session.frame().await.unwrap() {
            Frame::Event(event) if event.stream == Some(stream) => shown.push(describe(&event)),
            Frame::Resumed(resumed) => {
                assert_eq!(u64::from(resumed.replayed), count);
                assert_eq!(shown.len() as u64, count, "Resumed comes behind the last missed event");
                return shown;
            }
            Frame::Activity(_) => {}
            other => panic!("in the replay came {other:?}"),
        }
    }
}

fn describe(event: &v1::Event) -> String {
    let what = match event.payload.as_ref().unwrap() {
        Payload::MessageCreated(created) => message("created", created.message.as_ref()),
        Payload::MessageUpdated(updated) => message("updated", updated.message.as_ref()),
        Payload::MessageDeleted(deleted) => format!("deleted {}", deleted.message_id),
        other => format!("{other:?}"),
    };
    format!("{} {what}", event.seq)
}

fn message(what: &str, message: Option<&v1::Message>) -> String {
    let message = message.unwrap();
    format!("{what} {} {}", message.id, message.content)
}

async fn send(user: &User, channel: ChannelId, numbers: std::ops::Range<usize>) -> Vec<guildhall::MessageId> {
    let mut ids = Vec::new();
    for number in numbers {
        let sent = user.client.messages().send(channel, format!("number {number}")).await.unwrap();
        ids.push(sent.message_id);
    }
    ids
}
