//! Promise 5: after an acknowledgement every way of reading shows what was written.

use guildhall::{Cursor, ErrorReason, Event, MessageId};
use guildhall_tests::wire::{message_id, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User};

#[tokio::test]
async fn every_read_shows_an_acknowledged_send() {
    let deployment = Deployment::start().await;
    let people = deployment.users("user", 3).await;
    let guild = deployment.guild(&people[0], &[&people[1], &people[2]]).await;
    // All at once, so that a read of one meets the commits of the others.
    let work = people.iter().map(|user| send_and_read(user, guild));
    futures_util::future::join_all(work).await;
}

async fn send_and_read(user: &User, guild: Guild) {
    for number in 0..60 {
        let content = format!("{} {number}", user.name);
        let sent = user.client.messages().send(guild.channel, &content).await.unwrap();
        let id = sent.message_id;
        let message = user.client.history().message(guild.channel, id).await.unwrap();
        assert_eq!((message.id, message.content.as_str()), (id, content.as_str()));
        assert_eq!(message.create_time, sent.create_time);
        let newest = user.client.history().messages(guild.channel).page_size(100).await.unwrap();
        assert!(newest.messages.iter().any(|message| message.id == id), "not on the newest page");
        assert!(newest.cursor.unwrap().seq >= id.get());
        let around = user.client.history().messages(guild.channel).around(id).page_size(3).await.unwrap();
        assert!(around.messages.iter().any(|message| message.content == content), "not around itself");
        let before = Cursor::new(guild.channel.into(), 0, id.get() - 1);
        let changes = user.client.history().changes(before).page_size(1).await.unwrap();
        let Event::MessageCreated(created) = &changes.events[0] else { panic!("{:?}", changes.events) };
        assert_eq!(created.content, content);
        assert!(changes.head >= id.get());
    }
}

#[tokio::test]
async fn a_send_by_frame_is_shown_by_calls_of_another_connection() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut session = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    for number in 0..100 {
        let content = format!("number {number}");
        let outcome = session.call(send_command(guild.channel, &content, &nonce())).await.unwrap();
        let id = MessageId(message_id(&outcome));
        let message = bob.client.history().message(guild.channel, id).await.unwrap();
        assert_eq!(message.content, content);
    }
}

#[tokio::test]
async fn edits_and_deletions_show_at_once() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let (write, read) = (ann.client.channel(guild.channel), bob.client.channel(guild.channel));
    for number in 0..30 {
        let id = write.send("before").await.unwrap().message_id;
        let content = format!("after {number}");
        let edited = write.message(id).edit(&content).await.unwrap();
        assert_eq!(read.message(id).get().await.unwrap(), edited);
        assert_eq!(edited.content, content);
        write.message(id).delete().await.unwrap();
        let error = read.message(id).get().await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::MessageNotFound));
        let page = read.history().after(MessageId(id.get() - 1)).await.unwrap();
        assert!(page.messages.is_empty(), "{:?}", page.messages);
        let changes = bob.client.history().changes(Cursor::new(guild.channel.into(), 0, id.get() - 1)).await.unwrap();
        let Event::MessageCreated(created) = &changes.events[0] else { panic!("{:?}", changes.events) };
        assert_eq!(created.content, "", "the text is erased, its place stays");
        assert!(matches!(&changes.events[2], Event::MessageDeleted(deleted) if deleted.message_id == id));
    }
}

#[tokio::test]
async fn what_was_done_to_a_guild_shows_at_once() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    for number in 0..20 {
        let name = format!("channel-{number}");
        let kind = guildhall::ChannelKind::Text;
        let channel = ann.client.channels().create(guild.id, &name, kind).await.unwrap();
        assert_eq!(bob.client.channels().get(channel.id).await.unwrap(), channel);
        bob.client.messages().send(channel.id, "in at once").await.unwrap();
        let renamed = ann.client.channels().update(channel.id).name("renamed").await.unwrap();
        assert_eq!(bob.client.channels().get(channel.id).await.unwrap(), renamed);
        ann.client.channels().delete(channel.id).await.unwrap();
        let error = bob.client.messages().send(channel.id, "too late").await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::ChannelNotFound));
    }
}
