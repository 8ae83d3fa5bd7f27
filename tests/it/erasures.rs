//! What a deleted account wrote, erased if it was asked for: everywhere it ever wrote, and after a crash too.

use futures_util::TryStreamExt;
use guildhall::{Message, MessageId};
use guildhall_proto::v1::event::Payload;
use guildhall_tests::deployment::PASSWORD;
use guildhall_tests::wire::{nonce, send_command};
use guildhall_tests::{Deployment, Guild, User, eventually};

/// More than one step of the erasure.
const MESSAGES: usize = 230;

async fn messages(reader: &User, guild: Guild) -> Vec<Message> {
    let messages = reader.client.history().messages(guild.channel).after(MessageId(0)).stream();
    messages.try_collect().await.unwrap()
}

/// Waits until nothing of the author is left, and nothing else is gone.
async fn erased(reader: &User, guild: Guild, author: &User, others: usize) {
    eventually("the messages are erased", async || {
        let left = messages(reader, guild).await;
        assert_eq!(left.iter().filter(|message| message.author.id != author.id).count(), others);
        (left.len() == others).then_some(())
    })
    .await;
}

/// Both write in turn.
async fn converse(deployment: &Deployment, guild: Guild, ann: &User, bob: &User) {
    let mut sessions = Vec::new();
    for user in [ann, bob] {
        sessions.push(deployment.wire(user).await.watching(&[]).await.unwrap());
    }
    for _ in 0..MESSAGES / 10 {
        for session in &mut sessions {
            let sends = (0..10).map(|number| send_command(guild.channel, &format!("text {number}"), &nonce()));
            assert!(session.pipeline(sends.collect()).await.unwrap().iter().all(Result::is_ok));
        }
    }
}

#[tokio::test]
async fn all_that_was_written_goes_and_listeners_are_told() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let left_long_ago = deployment.guild(&ann, &[&bob]).await;
    bob.client.messages().send(left_long_ago.channel, "I was here").await.unwrap();
    bob.client.guilds().leave(left_long_ago.id).await.unwrap();
    converse(&deployment, guild, &ann, &bob).await;
    let mut watcher = deployment.wire(&ann).await.watching(&[left_long_ago.channel]).await.unwrap();

    bob.client.auth().delete_account(PASSWORD).delete_messages(true).await.unwrap();
    let event = watcher.event(left_long_ago.channel).await.unwrap();
    let Some(Payload::MessageDeleted(deleted)) = event.payload else { panic!("{event:?}") };
    assert_eq!((deleted.message_id, event.actor_id), (1, bob.id.get()));
    erased(&ann, left_long_ago, &bob, 0).await;
    erased(&ann, guild, &bob, MESSAGES).await;
}

#[tokio::test]
async fn an_erasure_goes_on_after_a_crash() {
    let mut deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    converse(&deployment, guild, &ann, &bob).await;
    bob.client.auth().delete_account(PASSWORD).delete_messages(true).await.unwrap();
    deployment.kill9();
    deployment.restart().await;
    erased(&ann, guild, &bob, MESSAGES).await;
    let bob = deployment.client(Some(&bob.token)).users().me().await.unwrap_err();
    assert_eq!(bob.reason(), Some(guildhall::ErrorReason::TokenExpired));
}
