//! Promise 1: what is acknowledged is on disk. The server is killed the moment the last acknowledgement is there.

use guildhall_tests::wire::{nonce, send_command};
use guildhall_tests::{Deployment, recorder};

#[tokio::test]
async fn an_acknowledged_message_survives_kill_9() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        for number in 0..10 {
            let content = format!("round {round}, number {number}");
            let sent = ann.client.messages().send(guild.channel, &content).await.unwrap();
            acknowledged.push((sent.message_id.get(), content));
        }
        deployment.kill9();
        deployment.restart().await;
    }
    let log = recorder::log(&ann.client, guild.channel).await;
    let log: Vec<_> = log.into_iter().map(|logged| (logged.message_id, logged.content)).collect();
    assert_eq!(log, acknowledged);
}

#[tokio::test]
async fn an_acknowledged_frame_survives_kill_9() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut session = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    let send = |content: &str| send_command(guild.channel, content, &nonce());
    let commands = (0..100).map(|number| send(&format!("number {number}"))).collect();
    // One more is under way when the others are acknowledged: it may be there or not.
    let outcomes = session.pipeline(commands).await.unwrap();
    session.send(send("the last")).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    deployment.kill9();
    deployment.restart().await;
    let log = recorder::log(&ann.client, guild.channel).await;
    let contents: Vec<_> = log.iter().map(|logged| logged.content.as_str()).collect();
    let expected: Vec<_> = (0..100).map(|number| format!("number {number}")).collect();
    assert_eq!(contents[..100], expected);
    assert!(contents[100..].iter().all(|content| *content == "the last"), "{:?}", &contents[100..]);
    assert!(contents.len() <= 101);
}

#[tokio::test]
async fn what_was_done_to_guilds_survives_kill_9() {
    let mut deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let kind = guildhall::ChannelKind::Text;
    let channel = ann.client.channels().create(guild.id, "second", kind).topic("a topic").await.unwrap();
    deployment.kill9();
    deployment.restart().await;
    let channels = bob.client.channels().list(guild.id).await.unwrap();
    assert!(channels.contains(&channel), "{channels:?}");
    ann.client.guilds().remove_member(guild.id, bob.id).await.unwrap();
    deployment.kill9();
    deployment.restart().await;
    let error = bob.client.channels().list(guild.id).await.unwrap_err();
    assert_eq!(error.reason(), Some(guildhall::ErrorReason::GuildNotFound));
    let members = ann.client.guilds().members(guild.id).await.unwrap().members;
    assert_eq!(members.iter().map(|member| member.user.id).collect::<Vec<_>>(), [ann.id]);
}

#[tokio::test]
async fn edits_and_deletions_survive_kill_9() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let channel = ann.client.channel(guild.channel);
    let edited = channel.send("before").await.unwrap().message_id;
    let deleted = channel.send("to be deleted").await.unwrap().message_id;
    channel.message(edited).edit("after").await.unwrap();
    channel.message(deleted).delete().await.unwrap();
    deployment.kill9();
    deployment.restart().await;
    let message = channel.message(edited).get().await.unwrap();
    assert_eq!(message.content, "after");
    assert!(message.edit_time.is_some());
    let error = channel.message(deleted).get().await.unwrap_err();
    assert_eq!(error.reason(), Some(guildhall::ErrorReason::MessageNotFound));
}
