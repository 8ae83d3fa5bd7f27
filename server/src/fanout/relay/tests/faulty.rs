//! What is durable is told once and in order, whatever the bus does.

use std::{sync::Arc, time::Duration};

use guildhall_proto::{ids::StreamKey, v1};

use super::{
    Node, Shared,
    loose::{Faults, Loose, Memory},
    stream, within,
};
use crate::fanout::Topic;

fn pair(shared: &Shared) -> (Loose, Node, Node) {
    let (bus, records) = (Loose::default(), Arc::new(Memory::default()));
    let node = || Node::start(&shared.store, Box::new(bus.clone()), Arc::<Memory>::clone(&records));
    let (a, b) = (node(), node());
    (bus, a, b)
}

#[tokio::test]
async fn what_one_node_commits_is_told_on_the_other() {
    let shared = Shared::new().await;
    let (_bus, a, b) = pair(&shared);
    let owner = a.person("owner").await;
    let (_, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    let (here, there) =
        (a.listen(Topic::Stream(stream(channel))).await, b.listen(Topic::Stream(stream(channel))).await);
    for index in 0..20 {
        a.say(&owner, channel, &format!("a{index}")).await;
        b.say(&owner, channel, &format!("b{index}")).await;
    }
    here.hears_up_to(40).await;
    there.hears_up_to(40).await;
}

#[tokio::test]
async fn a_bus_that_carries_nothing_is_made_up_for() {
    let shared = Shared::new().await;
    let (bus, a, b) = pair(&shared);
    let owner = a.person("owner").await;
    let (_, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    let there = b.listen(Topic::Stream(stream(channel))).await;
    b.up().await;
    // All but the beats, without which the bus would count as down: the last publish of a quiet channel is lost.
    a.say(&owner, channel, "heard").await;
    there.hears_up_to(1).await;
    bus.set(Faults { lost: 1.0, ..Faults::default() });
    a.say(&owner, channel, "lost").await;
    let took = within("the sweep finds it", Duration::from_secs(3), &mut || there.seqs() == [1, 2]).await;
    println!("a lost publish was told after {took:?}");
}

#[tokio::test]
async fn a_bus_that_loses_repeats_and_swaps_does_no_harm() {
    let shared = Shared::new().await;
    let (bus, a, b) = pair(&shared);
    let owner = a.person("owner").await;
    let (_, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    bus.set(Faults { lost: 0.3, twice: 0.3, late: Duration::from_millis(60) });
    let ears = [a.listen(Topic::Stream(stream(channel))).await, b.listen(Topic::Stream(stream(channel))).await];
    for index in 0..60 {
        let node = if index % 3 == 0 { &b } else { &a };
        node.say(&owner, channel, &format!("m{index}")).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for ear in &ears {
        ear.hears_up_to(60).await;
    }
}

#[tokio::test]
async fn many_who_listen_cost_one_read() {
    let shared = Shared::new().await;
    let (bus, a, b) = pair(&shared);
    let owner = a.person("owner").await;
    let (_, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    let mut ears = Vec::new();
    for _ in 0..200 {
        ears.push(b.listen(Topic::Stream(stream(channel))).await);
    }
    b.up().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = b.health().reads;
    bus.set(Faults { lost: 1.0, ..Faults::default() });
    for index in 0..10 {
        a.say(&owner, channel, &format!("m{index}")).await;
    }
    bus.set(Faults::default());
    a.say(&owner, channel, "the gap is seen").await;
    for ear in &ears {
        ear.hears_up_to(11).await;
    }
    // The sweep may have come in between.
    let reads = b.health().reads - before;
    assert!(reads <= 3, "{reads} reads");
}

#[tokio::test]
async fn a_guild_changes_on_the_other_node() {
    let shared = Shared::new().await;
    let (_bus, a, b) = pair(&shared);
    let (owner, guest) = (a.person("owner").await, b.person("guest").await);
    let (guild, channel) = a.guild(&owner).await;
    a.join(&owner, guild, &guest).await;
    let there = b.chat.guild(guild).await.expect("read").expect("there");
    assert!(there.may_read(guest.user, channel));
    b.up().await;
    let events = b.listen(Topic::Stream(StreamKey::guild(guild))).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let request = v1::RemoveMemberRequest { guild_id: guild.get(), user_id: guest.user.get(), reason: String::new() };
    a.chat.remove_member(&owner, request).await.expect("kicked");
    let seq = a.chat.guild(guild).await.expect("read").expect("there").position().seq;
    events.hears_up_to(seq).await;
    assert!(!there.may_read(guest.user, channel));
}

#[tokio::test]
async fn nothing_is_told_before_the_rights_under_which_it_was_said() {
    let shared = Shared::new().await;
    let (bus, a, b) = pair(&shared);
    let (owner, guest) = (a.person("owner").await, b.person("guest").await);
    let (guild, channel) = a.guild(&owner).await;
    a.join(&owner, guild, &guest).await;
    let there = b.chat.guild(guild).await.expect("read").expect("there");
    let ear = b.listen(Topic::Stream(stream(channel))).await;
    b.up().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The guild's hint is lost, the channel's event is not.
    bus.set(Faults { lost: 1.0, ..Faults::default() });
    let request = v1::RemoveMemberRequest { guild_id: guild.get(), user_id: guest.user.get(), reason: String::new() };
    a.chat.remove_member(&owner, request).await.expect("kicked");
    bus.set(Faults::default());
    a.say(&owner, channel, "he is gone").await;
    ear.hears_up_to(1).await;
    assert!(!there.may_read(guest.user, channel), "the removal came first");
    assert!(ear.0.lock().stamps.iter().all(|stamp| *stamp <= there.position().seq));
}

#[tokio::test]
async fn a_channel_that_another_node_made_is_there_at_once() {
    let shared = Shared::new().await;
    let (bus, a, b) = pair(&shared);
    let owner = a.person("owner").await;
    let (guild, _) = a.guild(&owner).await;
    b.chat.guild(guild).await.expect("read").expect("there");
    bus.set(Faults { lost: 1.0, ..Faults::default() });
    let request = v1::CreateChannelRequest {
        guild_id: guild.get(),
        name: "new".into(),
        kind: v1::ChannelKind::Text.into(),
        ..Default::default()
    };
    let channel = a.chat.create_channel(&owner, request).await.expect("made").channel.expect("a channel");
    assert!(b.chat.guild_of(channel.id.into()).await.expect("read").is_some());
}
