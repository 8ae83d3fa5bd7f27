//! The life of channels: names, kinds, categories, their order.

use guildhall::{Channel, ChannelId, ChannelKind, ErrorReason};
use guildhall_proto::v1::event::Payload;
use guildhall_tests::{Deployment, Guild, User};

async fn scene() -> (Deployment, User, User, Guild) {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    (deployment, ann, bob, guild)
}

async fn make(user: &User, guild: Guild, name: &str, kind: ChannelKind) -> Channel {
    user.client.channels().create(guild.id, name, kind).await.unwrap()
}

/// The names in their order; positions count from 0 without a hole.
async fn order(user: &User, guild: Guild) -> Vec<String> {
    let channels = user.client.channels().list(guild.id).await.unwrap();
    let positions: Vec<u32> = channels.iter().map(|channel| channel.position).collect();
    assert_eq!(positions, (0..).take(channels.len()).collect::<Vec<_>>());
    channels.into_iter().map(|channel| channel.name).collect()
}

#[tokio::test]
async fn they_come_change_and_go_and_everybody_hears_it() {
    let (deployment, ann, bob, guild) = scene().await;
    let mut session = deployment.wire(&bob).await.watching(&[]).await.unwrap();
    let channel = ann.client.channels().create(guild.id, "plans", ChannelKind::Text).topic("what next").await.unwrap();
    let event = session.event(guild.id).await.unwrap();
    let Some(Payload::ChannelCreated(created)) = event.payload else { panic!("{event:?}") };
    assert_eq!(Channel::from(created.channel.unwrap()), channel);
    assert_eq!((channel.name.as_str(), channel.topic.as_str(), channel.position), ("plans", "what next", 1));

    let changed = ann.client.channels().update(channel.id).name("deeds").topic("").await.unwrap();
    let event = session.event(guild.id).await.unwrap();
    let Some(Payload::ChannelUpdated(updated)) = event.payload else { panic!("{event:?}") };
    assert_eq!(Channel::from(updated.channel.unwrap()), changed);
    assert_eq!((changed.name.as_str(), changed.topic.as_str()), ("deeds", ""));

    ann.client.channels().delete(channel.id).await.unwrap();
    let event = session.event(guild.id).await.unwrap();
    let Some(Payload::ChannelDeleted(deleted)) = event.payload else { panic!("{event:?}") };
    assert_eq!(ChannelId(deleted.channel_id), channel.id);
    let gone = [
        bob.client.channels().get(channel.id).await.err(),
        bob.client.history().messages(channel.id).await.err(),
        bob.client.messages().send(channel.id, "too late").await.err(),
        ann.client.channels().update(channel.id).name("again").await.err(),
        ann.client.channels().delete(channel.id).await.err(),
    ];
    for (number, error) in gone.into_iter().enumerate() {
        assert_eq!(error.unwrap().reason(), Some(ErrorReason::ChannelNotFound), "call {number}");
    }
}

#[tokio::test]
async fn they_have_an_order() {
    let (deployment, ann, bob, guild) = scene().await;
    let one = make(&ann, guild, "one", ChannelKind::Text).await;
    let two = make(&ann, guild, "two", ChannelKind::Text).await;
    assert_eq!(order(&bob, guild).await, ["general", "one", "two"]);
    let front = ann.client.channels().create(guild.id, "front", ChannelKind::Text).position(0).await.unwrap();
    assert_eq!(order(&bob, guild).await, ["front", "general", "one", "two"]);
    let far = ann.client.channels().create(guild.id, "far", ChannelKind::Text).position(1_000).await.unwrap();
    assert_eq!(order(&bob, guild).await, ["front", "general", "one", "two", "far"]);

    let mut session = deployment.wire(&bob).await.watching(&[]).await.unwrap();
    let wanted = [far.id, two.id, one.id, guild.channel, front.id];
    let answered = ann.client.channels().reorder(guild.id, wanted).await.unwrap();
    assert_eq!(answered.iter().map(|channel| channel.id).collect::<Vec<_>>(), wanted);
    let event = session.event(guild.id).await.unwrap();
    let Some(Payload::ChannelsReordered(reordered)) = event.payload else { panic!("{event:?}") };
    assert_eq!(reordered.channel_ids, wanted.map(ChannelId::get));
    assert_eq!(order(&bob, guild).await, ["far", "two", "one", "general", "front"]);
    ann.client.channels().delete(one.id).await.unwrap();
    assert_eq!(order(&bob, guild).await, ["far", "two", "general", "front"]);
}

#[tokio::test]
async fn an_order_that_is_not_of_all_channels_is_refused() {
    let (deployment, ann, _, guild) = scene().await;
    let one = make(&ann, guild, "one", ChannelKind::Text).await.id;
    let foreign = deployment.guild(&ann, &[]).await.channel;
    for wanted in [vec![one], vec![one, guild.channel, foreign], vec![foreign, one]] {
        let error = ann.client.channels().reorder(guild.id, wanted.clone()).await.unwrap_err();
        assert_eq!(error.code(), Some(tonic::Code::InvalidArgument), "{wanted:?}: {error:?}");
        assert_eq!(error.violations()[0].field, "channel_ids");
    }
    assert_eq!(order(&ann, guild).await, ["general", "one"]);
}

#[tokio::test]
async fn categories_hold_channels_and_leave_them_when_they_go() {
    let (_deployment, ann, bob, guild) = scene().await;
    let category = make(&ann, guild, "rooms", ChannelKind::Category).await.id;
    let within = ann.client.channels().create(guild.id, "within", ChannelKind::Text).parent(category).await.unwrap();
    assert_eq!(within.parent_id, Some(category));
    let moved = ann.client.channels().update(guild.channel).parent(Some(category)).await.unwrap();
    assert_eq!(moved.parent_id, Some(category));
    let moved = ann.client.channels().update(guild.channel).parent(None).await.unwrap();
    assert_eq!(moved.parent_id, None);
    let refused = [
        ann.client.channels().create(guild.id, "x", ChannelKind::Category).parent(category).await.err(),
        ann.client.channels().create(guild.id, "x", ChannelKind::Text).parent(within.id).await.err(),
        ann.client.channels().create(guild.id, "x", ChannelKind::Text).parent(ChannelId(1)).await.err(),
    ];
    for (number, error) in refused.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("row {number} was done"));
        assert!(!error.is_retryable(), "row {number}: {error:?}");
        assert_ne!(error.reason(), Some(ErrorReason::Internal), "row {number}");
    }
    ann.client.channels().delete(category).await.unwrap();
    assert_eq!(bob.client.channels().get(within.id).await.unwrap().parent_id, None);
    bob.client.messages().send(within.id, "still here").await.unwrap();
}

#[tokio::test]
async fn only_text_channels_hold_messages() {
    let (deployment, ann, _, guild) = scene().await;
    for kind in [ChannelKind::Voice, ChannelKind::Category] {
        let channel = make(&ann, guild, "no-text", kind).await.id;
        let error = ann.client.messages().send(channel, "text").await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::ChannelKindMismatch), "{kind:?}");
    }
    let mut session = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    session.heartbeat(Vec::new()).await.unwrap();
}

#[tokio::test]
async fn members_cannot_manage_them() {
    let (_deployment, ann, bob, guild) = scene().await;
    let refused = [
        bob.client.channels().create(guild.id, "mine", ChannelKind::Text).await.err(),
        bob.client.channels().update(guild.channel).name("mine").await.err(),
        bob.client.channels().delete(guild.channel).await.err(),
        bob.client.channels().reorder(guild.id, [guild.channel]).await.err(),
    ];
    for (number, error) in refused.into_iter().enumerate() {
        let error = error.unwrap();
        assert_eq!(error.reason(), Some(ErrorReason::MissingPermission), "row {number}");
        assert_eq!(error.metadata().get("permission").map(String::as_str), Some("MANAGE_CHANNELS"), "row {number}");
    }
    assert_eq!(order(&ann, guild).await, ["general"]);
}
