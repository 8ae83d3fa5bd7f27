//! Promise 2: a nonce is stored once, however often, from wherever and after whatever it is sent again.

use guildhall::{ErrorReason, Nonce};
use guildhall_proto::v1::command_result::Outcome;
use guildhall_tests::wire::{self, Session, send_command};
use guildhall_tests::{Deployment, recorder};

#[tokio::test]
async fn the_second_send_is_answered_like_the_first() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let nonce = Nonce::random();
    let send = || ann.client.messages().send(guild.channel, "hello").nonce(nonce);
    let first = send().await.unwrap();
    let second = send().await.unwrap();
    assert!(!first.duplicate);
    assert!(second.duplicate);
    assert_eq!((first.message_id, first.create_time), (second.message_id, second.create_time));
    assert_eq!(recorder::log(&ann.client, guild.channel).await.len(), 1);
}

#[tokio::test]
async fn other_content_is_a_conflict() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let nonce = Nonce::random();
    ann.client.messages().send(guild.channel, "hello").nonce(nonce).await.unwrap();
    let error = ann.client.messages().send(guild.channel, "hello!").nonce(nonce).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::NonceConflict));
    assert_eq!(error.code(), Some(tonic::Code::AlreadyExists));
    let mut session = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    let command = send_command(guild.channel, "hello?", &nonce.to_string());
    let failure = session.call(command).await.unwrap().unwrap_err();
    assert_eq!(failure.reason, ErrorReason::NonceConflict);
    // The session goes on, and the first message is what it was.
    let command = send_command(guild.channel, "hello", &nonce.to_string());
    session.call(command).await.unwrap().unwrap();
    let log = recorder::log(&ann.client, guild.channel).await;
    assert_eq!(log.iter().map(|logged| logged.content.as_str()).collect::<Vec<_>>(), ["hello"]);
}

#[tokio::test]
async fn an_edit_does_not_make_a_repeated_send_another_one() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let nonce = Nonce::random();
    let send = || ann.client.messages().send(guild.channel, "hello").nonce(nonce);
    let first = send().await.unwrap();
    ann.client.messages().edit(guild.channel, first.message_id, "good bye").await.unwrap();
    let second = send().await.unwrap();
    assert!(second.duplicate);
    assert_eq!(second.message_id, first.message_id);
}

#[tokio::test]
async fn a_nonce_belongs_to_an_author_and_a_channel() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let other = ann.client.channels().create(guild.id, "other", guildhall::ChannelKind::Text).await.unwrap().id;
    let nonce = Nonce::random();
    for (user, channel) in [(&ann, guild.channel), (&bob, guild.channel), (&ann, other), (&bob, other)] {
        let sent = user.client.messages().send(channel, user.name.as_str()).nonce(nonce).await.unwrap();
        assert!(!sent.duplicate, "{} in {channel}", user.name);
    }
}

#[tokio::test]
async fn two_sessions_at_once_store_one_message() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut sessions = [open(&deployment, &ann).await, open(&deployment, &ann).await];
    for round in 1..=100 {
        let nonce = wire::nonce();
        let [one, two] = &mut sessions;
        let command = || send_command(guild.channel, "at once", &nonce);
        let (one, two) = tokio::join!(one.call(command()), two.call(command()));
        let (one, two) = (answer(one), answer(two));
        assert_eq!(one.0, round, "one message each round");
        assert_eq!(one.0, two.0);
        assert_ne!(one.1, two.1, "exactly one of the two is the duplicate");
    }
}

#[tokio::test]
async fn two_sessions_at_once_with_different_content_store_one_message() {
    let deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let mut sessions = [open(&deployment, &ann).await, open(&deployment, &ann).await];
    for _ in 0..30 {
        let nonce = wire::nonce();
        let [one, two] = &mut sessions;
        let one = one.call(send_command(guild.channel, "one", &nonce));
        let two = two.call(send_command(guild.channel, "two", &nonce));
        let (one, two) = tokio::join!(one, two);
        let refused = one.unwrap().err().into_iter().chain(two.unwrap().err()).map(|failure| failure.reason);
        assert_eq!(refused.collect::<Vec<_>>(), [ErrorReason::NonceConflict]);
    }
    assert_eq!(recorder::log(&ann.client, guild.channel).await.len(), 30);
}

#[tokio::test]
async fn a_nonce_is_known_after_a_restart_and_behind_thousands_of_others() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let nonce = Nonce::random();
    let send = |content: &str| ann.client.messages().send(guild.channel, content).nonce(nonce);
    let first = send("hello").await.unwrap();
    let mut session = open(&deployment, &ann).await;
    let others = (0..3_000).map(|number| send_command(guild.channel, &number.to_string(), &wire::nonce()));
    session.pipeline(others.collect()).await.unwrap();
    assert_eq!(send("hello").await.unwrap().message_id, first.message_id);
    deployment.kill9();
    deployment.restart().await;
    let again = send("hello").await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.message_id, first.message_id);
    assert_eq!(send("other").await.unwrap_err().reason(), Some(ErrorReason::NonceConflict));
}

#[tokio::test]
async fn sends_of_unknown_outcome_are_stored_once_when_they_are_repeated() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let nonces: Vec<_> = (0..200).map(|_| wire::nonce()).collect();
    let mut session = open(&deployment, &ann).await;
    let mut first = 0;
    for nonce in &nonces {
        let request = session.send(send_command(guild.channel, nonce, nonce)).await.unwrap();
        first = if first == 0 { request } else { first };
    }
    // Some are stored, some are not, and nobody knows which.
    session.outcome(first).await.unwrap().unwrap();
    deployment.kill9();
    deployment.restart().await;
    let mut session = open(&deployment, &ann).await;
    let mut stored_before = 0;
    for nonce in &nonces {
        let (_, duplicate) = answer(session.call(send_command(guild.channel, nonce, nonce)).await);
        stored_before += usize::from(duplicate);
    }
    println!("{stored_before} of {} were stored before the kill", nonces.len());
    assert!(stored_before >= 1);
    let log = recorder::log(&ann.client, guild.channel).await;
    let logged: Vec<_> = log.iter().map(|logged| logged.nonce.clone()).collect();
    assert_eq!(logged, nonces);
}

async fn open(deployment: &Deployment, user: &guildhall_tests::User) -> Session {
    deployment.wire(user).await.watching(&[]).await.unwrap()
}

/// The id and whether it was a duplicate.
fn answer(outcome: anyhow::Result<guildhall_tests::wire::Outcome>) -> (u64, bool) {
    match outcome.unwrap().unwrap() {
        Outcome::SendMessage(sent) => (sent.message_id, sent.duplicate),
        other => panic!("not the outcome of a send: {other:?}"),
    }
}
