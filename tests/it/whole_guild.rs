//! Subscribing to a whole guild: every channel that may be read, new ones included, also those that came while the
//! client was away. What bots want.

use guildhall::{ChannelId, ChannelKind, Event, Events, GuildId};
use guildhall_proto::v1::{self, client_frame::Command, command_result::Outcome, event::Payload};
use guildhall_tests::eventually::soon;
use guildhall_tests::{Deployment, Guild, User};

async fn new_channel(user: &User, guild: GuildId, name: &str) -> ChannelId {
    user.client.channels().create(guild, name, ChannelKind::Text).await.unwrap().id
}

async fn send(user: &User, channel: ChannelId, content: &str) {
    user.client.messages().send(channel, content).await.unwrap();
}

fn whole(guild: Guild) -> v1::UpdateSubscriptions {
    v1::UpdateSubscriptions { add_guilds: vec![guild.id.get()], ..Default::default() }
}

async fn scene() -> (Deployment, User, User, Guild) {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    (deployment, ann, bob, guild)
}

fn content(event: &v1::Event) -> &str {
    match &event.payload {
        Some(Payload::MessageCreated(created)) => &created.message.as_ref().unwrap().content,
        other => panic!("not a message: {other:?}"),
    }
}

#[tokio::test]
async fn new_channels_are_heard_from_their_first_message_on() {
    let (deployment, ann, bob, guild) = scene().await;
    let mut session = deployment.wire(&bob).await.watching(&[]).await.unwrap();
    let outcome = session.call(Command::UpdateSubscriptions(whole(guild))).await.unwrap();
    let Ok(Outcome::SubscriptionsUpdated(updated)) = outcome else { panic!("{outcome:?}") };
    let streams: Vec<u64> = updated.cursors.iter().map(|cursor| cursor.stream.unwrap().id).collect();
    assert_eq!(streams, [guild.channel.get()], "where each channel begins");
    send(&ann, guild.channel, "in the old one").await;
    assert_eq!(content(&session.event(guild.channel).await.unwrap()), "in the old one");
}

#[tokio::test]
async fn many_sessions_at_once_miss_no_first_message() {
    let (deployment, ann, bob, guild) = scene().await;
    let wire = deployment.wire(&bob).await;
    let mut sessions = Vec::new();
    for _ in 0..20 {
        let mut session = wire.session().await.unwrap();
        session.identify(whole(guild)).await.unwrap();
        sessions.push(session);
    }
    for round in 0..10 {
        let channel = new_channel(&ann, guild.id, "new").await;
        send(&ann, channel, "the first").await;
        send(&ann, channel, "the second").await;
        for session in &mut sessions {
            for (seq, expected) in [(1, "the first"), (2, "the second")] {
                let event = session.event(channel).await.unwrap();
                assert_eq!((event.seq, content(&event)), (seq, expected), "round {round}");
            }
        }
    }
}

#[tokio::test]
async fn channels_that_came_meanwhile_are_replayed_from_their_beginning() {
    let (mut deployment, ann, bob, guild) = scene().await;
    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    let ready = session.identify(whole(guild)).await.unwrap();
    let mut cursors: Vec<_> = ready.guilds[0].channels.iter().filter_map(|state| state.cursor).collect();
    cursors.extend(ready.guilds[0].cursor);
    drop(session);
    send(&ann, guild.channel, "missed").await;
    let channel = new_channel(&ann, guild.id, "came-meanwhile").await;
    send(&ann, channel, "missed as well").await;
    deployment.kill9();
    deployment.restart().await;
    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    let resume = v1::Resume { cursors, subscriptions: Some(whole(guild)), ..Default::default() };
    session.tell(Command::Resume(resume)).await.unwrap();
    assert_eq!(content(&session.event(guild.channel).await.unwrap()), "missed");
    assert_eq!(content(&session.event(channel).await.unwrap()), "missed as well");
    let event = session.event(guild.id).await.unwrap();
    assert!(matches!(event.payload, Some(Payload::ChannelCreated(_))), "{event:?}");
}

#[tokio::test]
async fn it_ends_when_it_is_taken_back() {
    let (deployment, ann, bob, guild) = scene().await;
    let mut session = deployment.wire(&bob).await.session().await.unwrap();
    session.identify(whole(guild)).await.unwrap();
    let back = v1::UpdateSubscriptions { remove_guilds: vec![guild.id.get()], ..Default::default() };
    session.call(Command::UpdateSubscriptions(back)).await.unwrap().unwrap();
    send(&ann, guild.channel, "unheard").await;
    let channel = new_channel(&ann, guild.id, "unheard").await;
    send(&ann, channel, "unheard").await;
    session.event(guild.id).await.unwrap();
    let frames = session.frames_for(std::time::Duration::from_millis(300)).await.unwrap();
    assert_eq!(frames, []);
}

#[tokio::test]
async fn the_sdk_hears_guilds_that_are_joined_later_and_goes_on_after_a_restart() {
    let (mut deployment, ann, bob, guild) = scene().await;
    let mut events = bob.client.events().await.unwrap();
    events.gateway().ready().await.unwrap();
    send(&ann, guild.channel, "one").await;
    assert_eq!(next_content(&mut events).await, "one");
    let later = deployment.guild(&ann, &[&bob]).await;
    joined(&mut events).await;
    send(&ann, later.channel, "two").await;
    assert_eq!(next_content(&mut events).await, "two");
    deployment.kill9();
    deployment.restart().await;
    let channel = new_channel(&ann, later.id, "after-the-restart").await;
    send(&ann, channel, "three").await;
    assert_eq!(next_content(&mut events).await, "three");
    let third = deployment.guild(&ann, &[&bob]).await;
    joined(&mut events).await;
    send(&ann, third.channel, "four").await;
    assert_eq!(next_content(&mut events).await, "four");
}

/// Waits until the gateway has subscribed to a guild that was just joined: what it asked for before is done when a
/// further request of it is answered.
async fn joined(events: &mut Events) {
    let next = async { while !matches!(events.next().await.expect("the events go on"), Event::GuildJoined(_)) {} };
    soon("the guild is joined", next).await;
    events.gateway().unsubscribe(ChannelId(1)).await.unwrap();
}

#[tokio::test]
async fn a_bot_with_a_cursor_file_goes_on_where_it_was() {
    let (deployment, ann, bob, guild) = scene().await;
    let file = deployment.scratch().join("cursors");
    let mut shown = Vec::new();
    for run in 0..3 {
        let cursors = guildhall::FileCursors::open(&file).unwrap();
        let gateway = bob.client.gateway().subscribe_guild(guild.id).cursors(cursors);
        let (gateway, mut events) = gateway.connect().await.unwrap();
        gateway.ready().await.unwrap();
        if run > 0 {
            shown.push(next_content(&mut events).await);
            shown.push(next_content(&mut events).await);
        }
        send(&ann, guild.channel, &format!("live {run}")).await;
        shown.push(next_content(&mut events).await);
        events.ack();
        gateway.close().await;
        send(&ann, guild.channel, &format!("away {run}")).await;
        let channel = new_channel(&ann, guild.id, "meanwhile").await;
        send(&ann, channel, &format!("away {run}")).await;
    }
    assert_eq!(shown, ["live 0", "away 0", "away 0", "live 1", "away 1", "away 1", "live 2"]);
}

async fn next_content(events: &mut Events) -> String {
    let next = async {
        loop {
            if let Event::MessageCreated(message) = events.next().await.expect("the events go on") {
                return message.content.clone();
            }
        }
    };
    soon("a message", next).await
}
