//! Removals: in force when they are acknowledged, whoever goes away meanwhile, and never overtaken.

use std::sync::Arc;

use guildhall_proto::{
    ids::StreamKey,
    v1::{self, event::Payload},
};

use super::{Bench, assert_error};
use crate::{
    chat::{Error, error::Missing},
    fanout::{Delivery, Published, Subscriber, Topic},
};

/// Notes whether the one who is removed is still a member when the removal is told.
struct Watch {
    guild: Arc<crate::chat::GuildHandle>,
    user: guildhall_proto::ids::UserId,
    was_member: parking_lot::Mutex<Vec<bool>>,
}

impl Subscriber for Watch {
    fn events(&self, events: &[Published]) {
        events.iter().for_each(|_| self.was_member.lock().push(self.guild.is_member(self.user)));
    }

    fn deliver(&self, _: &Delivery) {}
}

#[tokio::test]
async fn a_removal_is_in_force_before_it_is_told() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let watch = Arc::new(Watch { guild: Arc::clone(&guild), user: bob.user, was_member: Default::default() });
    for topic in [StreamKey::guild(guild.id()), StreamKey::user(bob.user)] {
        bench.hub.subscribe(Topic::Stream(topic), 1, Arc::<Watch>::clone(&watch));
    }
    let request =
        v1::RemoveMemberRequest { guild_id: guild.id().get(), user_id: bob.user.get(), reason: String::new() };
    bench.chat.remove_member(&ann, request).await.expect("removed");
    assert_eq!(*watch.was_member.lock(), [false, false]);
    assert!(!guild.may_read(bob.user, channel));
    let read = v1::ListMessagesRequest { channel_id: channel.get(), ..Default::default() };
    assert_error!(bench.chat.list_messages(&bob, read).await, Error::NotFound(Missing::Channel));
    assert_error!(bench.chat.may_follow(&bob, channel.into()).await, Error::NotFound(Missing::Channel));
    let typing = bench.chat.typing_in(&bob, channel).await;
    assert_error!(typing, Error::NotFound(Missing::Channel));
}

#[tokio::test]
async fn a_removal_is_finished_though_nobody_waits() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let bob = bench.member("bob", &ann, guild.id()).await;
    let heard = bench.listen(bob.user);
    let request =
        v1::RemoveMemberRequest { guild_id: guild.id().get(), user_id: bob.user.get(), reason: String::new() };
    let removal = bench.chat.remove_member(&ann, request);
    // Polled until the commit is on its way, then dropped, as when a client goes away.
    tokio::select! {
        biased;
        done = removal => drop(done.expect("removed")),
        () = async { for _ in 0..3 { tokio::task::yield_now().await } } => {}
    }
    // Whoever takes the next turn finds it done or not begun; here it was begun.
    drop(guild.turn().await);
    assert!(!guild.is_member(bob.user));
    assert!(matches!(heard.take().as_slice(), [Payload::GuildLeft(_)]));
}

#[tokio::test]
async fn another_writer_is_caught_up_with() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, _) = bench.guild(&ann).await;
    let heard = bench.listen(guild.id());
    // Another node's change: in the log, and not in this node's picture.
    let payload = Payload::InviteCreated(v1::InviteCreated { creator_id: ann.user.get() });
    let foreign = crate::chat::events::new_event(guild.id(), ann.user, super::NOW_MS, payload);
    bench.chat.store.metadata.commit(None, Vec::new(), vec![foreign]).await.expect("written");
    let request = v1::UpdateGuildRequest { guild_id: guild.id().get(), name: Some("new".into()), icon_url: None };
    bench.chat.update_guild(&ann, request).await.expect("changed");
    assert!(matches!(heard.take().as_slice(), [Payload::InviteCreated(_), Payload::GuildUpdated(_)]));
    let head = bench.chat.position(guild.id().into()).await.expect("read").expect("there");
    assert_eq!(guild.position(), head);
}

#[tokio::test]
async fn what_was_allowed_carries_the_version_of_rights() {
    let bench = Bench::open().await;
    let ann = bench.person("ann").await;
    let (guild, channel) = bench.guild(&ann).await;
    let before = guild.position().seq;
    bench.member("bob", &ann, guild.id()).await;
    let nonce = uuid::Uuid::new_v4().to_string();
    let request = v1::SendMessageRequest { channel_id: channel.get(), content: "x".into(), nonce, reply_to: 0 };
    bench.chat.send_message(&ann, request).await.expect("sent");
    let events = bench.chat.read_stream(channel.into(), 0, 10).await.expect("read");
    assert_eq!(events.iter().map(|event| event.guild_seq).collect::<Vec<_>>(), [before + 2]);
}
