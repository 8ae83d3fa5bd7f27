//! The gateway against the real server: told once, in order, over its death and its drains.

use std::collections::BTreeSet;

use guildhall::{
    ChannelId, ChannelKind, ConnectionState, ErrorReason, Event, Gateway, Kind, Presence, PresenceStatus, Replied,
};
use guildhall_server::testing::TestServer;

use crate::people::Person;
use crate::support::{contents, next, soon, state};

/// Sends numbered messages one after the other.
async fn say(gateway: &Gateway, channel: ChannelId, numbers: std::ops::Range<usize>) {
    for number in numbers {
        soon("an answer", gateway.send(channel, number.to_string()).into_future()).await.unwrap();
    }
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn what_one_says_the_other_hears() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let bob = Person::register(&server, "bob").await;
    let channel = ada.hall().await;
    ada.invite(channel, &bob).await;
    let (hers, _events) = ada.client.gateway().connect().await.unwrap();
    let (his, mut events) = bob.client.gateway().subscribe(channel).connect().await.unwrap();
    soon("ready", his.ready()).await.unwrap();
    say(&hers, channel, 0..50).await;
    assert_eq!(contents(&mut events, 50).await, numbers(0..50));
    let last = bob.client.channel(channel).history().page_size(1).await.unwrap();
    let id = last.messages[0].id;
    hers.edit(channel, id, "edited").await.unwrap();
    hers.delete(channel, id).await.unwrap();
    let Event::MessageUpdated(updated) = next(&mut events).await else {
        panic!("not an edit");
    };
    assert_eq!((updated.content.as_str(), updated.actor_id), ("edited", ada.id));
    let Event::MessageDeleted(deleted) = next(&mut events).await else {
        panic!("not a deletion");
    };
    assert_eq!(deleted.message_id, id);
}

#[tokio::test]
async fn a_server_that_dies_loses_and_repeats_nothing() {
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    let (listening, mut events) = ada.client.gateway().subscribe(channel).connect().await.unwrap();
    soon("ready", listening.ready()).await.unwrap();
    let (sending, _events) = ada.client.gateway().connect().await.unwrap();
    let saying = tokio::spawn(async move { say(&sending, channel, 0..300).await });
    assert_eq!(contents(&mut events, 50).await, numbers(0..50));
    server.kill().await;
    server.resume().await;
    assert_eq!(contents(&mut events, 100).await, numbers(50..150));
    server.restart().await;
    assert_eq!(contents(&mut events, 150).await, numbers(150..300));
    soon("all sends", saying).await.unwrap();
}

#[tokio::test]
async fn what_was_sent_offline_arrives_once_and_in_order() {
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    let (gateway, mut events) = ada.client.gateway().subscribe(channel).connect().await.unwrap();
    soon("ready", gateway.ready()).await.unwrap();
    server.stop().await;
    state(&gateway, "waiting", |state| matches!(state, ConnectionState::Waiting { .. })).await;
    let receipts = numbers(0..100).into_iter().map(|text| gateway.send(channel, text).enqueue());
    let receipts = receipts.collect::<Vec<_>>();
    assert_eq!(gateway.unsettled(), 100);
    server.resume().await;
    for receipt in receipts {
        soon("an answer", receipt).await.unwrap();
    }
    assert_eq!(contents(&mut events, 100).await, numbers(0..100));
    let page = ada.client.channel(channel).history().page_size(100).await.unwrap();
    assert_eq!(page.messages.len(), 100);
    assert!(!page.has_more_before);
}

#[tokio::test]
async fn a_refused_send_says_why() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let (gateway, _events) = ada.client.gateway().connect().await.unwrap();
    let error = soon("an answer", gateway.send(ChannelId(5), "x").into_future()).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::ChannelNotFound));
}

#[tokio::test]
async fn a_guild_is_heard_with_its_new_channels() {
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    let guild = ada.client.channel(channel).get().await.unwrap().guild_id;
    let (gateway, mut events) = ada.client.gateway().subscribe_all().connect().await.unwrap();
    soon("ready", gateway.ready()).await.unwrap();
    let make = |name: &'static str| ada.client.guild(guild).create_channel(name, ChannelKind::Text);
    let live = make("live").await.unwrap();
    say(&gateway, live.id, 0..3).await;
    assert!(matches!(next(&mut events).await, Event::ChannelCreated(_)));
    assert_eq!(contents(&mut events, 3).await, numbers(0..3));

    // Made and written to by somebody else between the end of one session and the next.
    let bob = Person::register(&server, "bob").await;
    ada.invite(channel, &bob).await;
    while !matches!(next(&mut events).await, Event::MemberJoined(_)) {}
    server.stop().await;
    state(&gateway, "waiting", |state| matches!(state, ConnectionState::Waiting { .. })).await;
    server.resume().await;
    let meanwhile = make("meanwhile").await.unwrap();
    bob.client.channel(meanwhile.id).send("3").await.unwrap();
    bob.client.channel(meanwhile.id).send("4").await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        if let Event::MessageCreated(message) = next(&mut events).await {
            heard.push(message.content.clone());
        }
    }
    assert_eq!(heard, numbers(3..5));
}

#[tokio::test]
async fn far_behind_is_read_from_the_log() {
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    let page = ada.client.channel(channel).history().await.unwrap();
    let builder = ada.client.gateway().subscribe_from(page.cursor.unwrap()).events_max(10_000);
    let sends = (0..1_500).map(|number| ada.client.channel(channel).send(number.to_string()));
    for send in sends {
        send.await.unwrap();
    }
    server.restart().await;
    let (_gateway, mut events) = builder.connect().await.unwrap();
    assert_eq!(contents(&mut events, 1_500).await, numbers(0..1_500));
}

#[tokio::test]
async fn an_answer_is_given_once() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    let (gateway, mut events) = ada.client.gateway().subscribe(channel).connect().await.unwrap();
    soon("ready", gateway.ready()).await.unwrap();
    let question = ada.client.channel(channel).send("ping").await.unwrap();
    let Event::MessageCreated(message) = next(&mut events).await else {
        panic!("not a message");
    };
    let Replied::Sent(first) = message.reply(&gateway, "pong").await.unwrap() else {
        panic!("not sent");
    };
    let Replied::Sent(second) = message.reply(&gateway, "pong").await.unwrap() else {
        panic!("not sent");
    };
    assert_eq!((second.message_id, second.duplicate), (first.message_id, true));
    assert_eq!(message.reply(&gateway, "another").await.unwrap(), Replied::Earlier);
    let answer = ada.client.channel(channel).message(first.message_id).get().await.unwrap();
    assert_eq!(answer.reply_to, Some(question.message_id));
    ada.client.channel(channel).message(question.message_id).delete().await.unwrap();
    assert_eq!(message.reply(&gateway, "late").nth(1).await.unwrap(), Replied::Withdrawn);
}

/// Answers go out beside the gateway as long as its events wait for the program: at full speed, not at a crawl.
#[tokio::test]
async fn a_program_that_is_behind_answers_fast() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    let start = ada.client.channel(channel).history().await.unwrap().cursor.unwrap();
    for number in 0..200 {
        ada.client.channel(channel).send(number.to_string()).await.unwrap();
    }
    let builder = ada.client.gateway().subscribe_from(start).events_max(4);
    let (gateway, mut events) = builder.connect().await.unwrap();
    let answering = async {
        let mut answered = 0;
        while answered < 200 {
            if let Event::MessageCreated(message) = next(&mut events).await
                && message.reply_to.is_none()
            {
                message.reply(&gateway, "an answer").await.unwrap();
                answered += 1;
            }
        }
    };
    soon("all answers", answering).await;
}

#[tokio::test]
async fn a_removed_member_is_told_and_hears_no_more() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let bob = Person::register(&server, "bob").await;
    let channel = ada.hall().await;
    ada.invite(channel, &bob).await;
    let (gateway, mut events) = bob.client.gateway().subscribe_all().connect().await.unwrap();
    soon("ready", gateway.ready()).await.unwrap();
    let guild = ada.client.channel(channel).get().await.unwrap().guild_id;
    ada.client.guild(guild).remove_member(bob.id).await.unwrap();
    ada.client.channel(channel).send("a secret").await.unwrap();
    let mut names = BTreeSet::new();
    let refused = soon("an answer", gateway.send(channel, "still here").into_future()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::ChannelNotFound));
    while !names.contains("guild_left") {
        names.insert(next(&mut events).await.name());
    }
    assert!(!names.contains("message_created"), "{names:?}");
}

#[tokio::test]
async fn a_revoked_token_ends_the_gateway() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let (gateway, mut events) = ada.client.gateway().connect().await.unwrap();
    soon("ready", gateway.ready()).await.unwrap();
    ada.client.auth().logout().await.unwrap();
    let closed = state(&gateway, "closed", |state| state.closed().is_some()).await;
    assert!(closed.to_string().contains("auth expired"), "{closed}");
    while soon("the end", events.next()).await.is_some() {}
}

#[tokio::test]
async fn a_guild_that_is_joined_is_heard_from_then_on() {
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let bob = Person::register(&server, "bob").await;
    let channel = ada.hall().await;
    ada.client.channel(channel).send("old").await.unwrap();
    let (gateway, mut events) = bob.client.gateway().subscribe_all().connect().await.unwrap();
    soon("ready", gateway.ready()).await.unwrap();
    ada.invite(channel, &bob).await;
    while !matches!(next(&mut events).await, Event::GuildJoined(_)) {}
    // His own answer comes after whatever joining brings.
    soon("an answer", gateway.send(channel, "new").into_future()).await.unwrap();
    let heard = loop {
        if let Event::MessageCreated(message) = next(&mut events).await {
            break message;
        }
    };
    assert_eq!(heard.content, "new");
}

#[tokio::test]
async fn passing_things_reach_those_who_look() {
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let bob = Person::register(&server, "bob").await;
    let channel = ada.hall().await;
    ada.invite(channel, &bob).await;
    let builder = ada.client.gateway().subscribe(channel).watch_presence_user(bob.id);
    let (hers, mut events) = builder.connect().await.unwrap();
    let (his, _events) = bob.client.gateway().connect().await.unwrap();
    soon("ready", async { tokio::try_join!(hers.ready(), his.ready()) }).await.unwrap();
    his.set_presence(PresenceStatus::Dnd, Some("busy")).await.unwrap();
    let busy = |presence: &Presence| presence.status == PresenceStatus::Dnd && presence.custom_status == "busy";
    while !matches!(next(&mut events).await, Event::Presence(presence) if busy(&presence)) {}
    his.start_typing(channel);
    while !matches!(next(&mut events).await, Event::TypingStarted(typing) if typing.user_id == bob.id) {}
    his.stop_typing(channel);
    while !matches!(next(&mut events).await, Event::TypingStopped(_)) {}

    // What was set is shown after a restart too.
    server.restart().await;
    while !matches!(next(&mut events).await, Event::Presence(presence) if busy(&presence)) {}
    let error = his.set_presence(PresenceStatus::Offline, None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Validation);
}
