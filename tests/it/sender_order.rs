//! Promise 4: what one session sends to one channel is stored in the order in which it was sent.

use guildhall::{ChannelKind, Nonce};
use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_tests::wire::{Frame, message_id, nonce, send_command, subscribe};
use guildhall_tests::{Deployment, recorder};

#[tokio::test]
async fn frames_of_one_session_commit_in_their_order() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let other = ann.client.channels().create(guild.id, "other", ChannelKind::Text).await.unwrap().id;
    let (mut one, mut two) = tokio::join!(async { deployment.wire(&ann).await.watching(&[]).await.unwrap() }, async {
        deployment.wire(&bob).await.watching(&[]).await.unwrap()
    },);
    let commands = |who: &str| -> Vec<Command> {
        let send = |number: usize| {
            let channel = if number.is_multiple_of(3) { other } else { guild.channel };
            send_command(channel, &format!("{who} {number:03}"), &nonce())
        };
        (0..600).map(send).collect()
    };
    let (first, second) = tokio::join!(one.pipeline(commands("ann")), two.pipeline(commands("bob")));
    for outcomes in [first.unwrap(), second.unwrap()] {
        let (in_other, in_first): (Vec<_>, Vec<_>) =
            outcomes.iter().map(message_id).enumerate().partition(|(number, _)| number.is_multiple_of(3));
        for ids in [in_other, in_first] {
            assert!(ids.is_sorted_by(|(_, id), (_, next)| id < next), "{ids:?}");
        }
    }
    for channel in [guild.channel, other] {
        let log = recorder::log(&ann.client, channel).await;
        for who in ["ann", "bob"] {
            let own: Vec<_> = log.iter().map(|logged| &logged.content).filter(|text| text.starts_with(who)).collect();
            assert!(own.is_sorted(), "{own:?}");
        }
    }
}

#[tokio::test]
async fn an_edit_and_a_deletion_keep_their_place_behind_the_sends_before_them() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut session = deployment.wire(&ann).await.watching(&[guild.channel]).await.unwrap();
    // The ids are known beforehand: nobody else writes, and a refused command would show.
    let (channel_id, mut seq) = (guild.channel.get(), 0);
    let mut commands = Vec::new();
    for _ in 0..50 {
        let message_id = seq + 1;
        commands.push(send_command(guild.channel, "before", &nonce()));
        let content = "after".to_owned();
        commands.push(Command::EditMessage(v1::EditMessageRequest { channel_id, message_id, content }));
        commands.push(Command::DeleteMessage(v1::DeleteMessageRequest { channel_id, message_id }));
        seq += 3;
    }
    for (number, outcome) in session.pipeline(commands).await.unwrap().iter().enumerate() {
        assert!(outcome.is_ok(), "command {number}: {outcome:?}");
    }
}

#[tokio::test]
async fn frames_of_a_push_commit_in_their_order() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut gateway = deployment.wire(&ann).await.gateway();
    let identify = v1::Identify { subscriptions: Some(subscribe(&[guild.channel])), ..Default::default() };
    let start = Some(v1::listen_request::Start::Identify(identify));
    let mut frames = gateway.listen(v1::ListenRequest { start }).await.unwrap().into_inner();
    let first = frames.message().await.unwrap().and_then(|response| response.frame?.payload);
    let Some(Frame::Hello(hello)) = first else { panic!("not Hello: {first:?}") };
    let mut request_id = 0;
    for round in 0..5 {
        let mut push = v1::PushRequest { session_id: hello.session_id.clone(), frames: Vec::new() };
        for number in 0..32 {
            request_id += 1;
            let command = Some(send_command(guild.channel, &format!("{:03}", round * 32 + number), &nonce()));
            push.frames.push(v1::ClientFrame { request_id, command });
        }
        let response = gateway.push(push).await.unwrap().into_inner();
        assert_eq!(response.results.len(), 32);
    }
    let log = recorder::log(&ann.client, guild.channel).await;
    assert_eq!(log.len(), 160);
    assert!(log.is_sorted_by(|a, b| a.content < b.content));
}

#[tokio::test]
async fn what_was_sent_while_offline_commits_in_its_order() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let (gateway, _events) = ann.client.gateway().connect().await.unwrap();
    let mut receipts = Vec::new();
    for number in 0..300 {
        if number == 100 {
            deployment.kill9();
        }
        let nonce = Nonce::random();
        receipts.push(gateway.send(guild.channel, format!("{number:03}")).nonce(nonce).enqueue_when_free().await);
    }
    deployment.restart().await;
    for receipt in receipts {
        receipt.await.unwrap();
    }
    let log = recorder::log(&ann.client, guild.channel).await;
    let contents: Vec<_> = log.iter().map(|logged| logged.content.clone()).collect();
    assert_eq!(contents, (0..300).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}
