//! What is passing: typing, activity, presence.

use std::{sync::Arc, time::Duration};

use guildhall_proto::{
    ids::GuildId,
    v1::{self, PresenceStatus, ephemeral, server_frame::Payload},
};

use super::{
    super::redis,
    Ear, Node, RedisServer, Shared, eventually,
    loose::{Loose, Memory},
    stream, within,
};
use crate::fanout::{Delivery, SessionPresence, Topic, hub};

const GUILD: GuildId = GuildId(77);

fn presence(status: PresenceStatus) -> SessionPresence {
    SessionPresence { status, custom_status: String::new() }
}

/// The statuses that were told, in order.
fn statuses(ear: &Ear) -> Vec<PresenceStatus> {
    let told = ear.frames().into_iter().filter_map(|frame| match frame {
        Payload::Ephemeral(v1::Ephemeral { payload: Some(ephemeral::Payload::Presence(presence)) }) => {
            Some(presence.status())
        }
        _ => None,
    });
    told.collect()
}

fn last(ear: &Ear) -> Option<PresenceStatus> {
    statuses(ear).last().copied()
}

struct Three {
    nodes: [Node; 3],
    records: Arc<Memory>,
}

async fn three(shared: &Shared) -> Three {
    let (bus, records) = (Loose::default(), Arc::new(Memory::default()));
    let node = || Node::start(&shared.store, Box::new(bus.clone()), Arc::<Memory>::clone(&records));
    let nodes = [node(), node(), node()];
    for node in &nodes {
        node.up().await;
    }
    Three { nodes, records }
}

#[tokio::test]
async fn typing_and_activity_reach_the_other_node() {
    let shared = Shared::new().await;
    let Three { nodes: [a, b, _], .. } = three(&shared).await;
    let owner = a.person("owner").await;
    let (guild, channel) = a.guild(&owner).await;
    let (typing, activity) = (b.listen(Topic::Stream(stream(channel))).await, b.listen(Topic::Activity(guild)).await);
    let started = v1::TypingStarted { channel_id: channel.get(), user_id: owner.user.get() };
    let payload = Payload::Ephemeral(v1::Ephemeral { payload: Some(ephemeral::Payload::TypingStarted(started)) });
    let frame = hub::frame(payload.clone());
    let guild_seq = a.chat.guild(guild).await.expect("read").expect("there").position().seq;
    let delivery = Delivery::Typing { stream: stream(channel), guild_seq, user: owner.user, frame };
    b.hears_all().await;
    a.hub.deliver(Topic::Stream(stream(channel)), &delivery);
    eventually("typing is told", || typing.frames() == [payload.clone()]).await;
    a.say(&owner, channel, "hello").await;
    a.hub.tell_activity();
    let moved = v1::ChannelActivity { channel_id: channel.get(), seq: 1 };
    let told = Payload::Activity(v1::Activity { guild_id: guild.get(), channels: vec![moved] });
    let heard = || {
        // It comes with the round of the node that hears it.
        b.hub.tell_activity();
        activity.frames() == [told.clone()]
    };
    eventually("activity is told", heard).await;
}

#[tokio::test]
async fn a_user_is_shown_as_the_best_of_all_nodes() {
    let shared = Shared::new().await;
    let Three { nodes: [a, b, c], records } = three(&shared).await;
    let user = a.person("somebody").await.user;
    a.presences.set(user, 1, presence(PresenceStatus::Idle), vec![GUILD]);
    let (guild, person) = (c.listen(Topic::GuildPresence(GUILD)).await, c.listen(Topic::UserPresence(user)).await);
    // Who was there before is in the records.
    eventually("the record is written", || !records.all().is_empty()).await;
    eventually("the snapshot", || !statuses(&guild).is_empty()).await;
    assert_eq!(c.presences.in_guild(GUILD).await.len(), 1);
    assert_eq!(c.presences.get(user).await.status(), PresenceStatus::Idle);
    b.presences.set(user, 1, presence(PresenceStatus::Online), vec![GUILD]);
    eventually("better", || last(&guild) == Some(PresenceStatus::Online)).await;
    a.presences.remove(user, 1);
    eventually("one record is left", || records.all().len() == 1).await;
    assert_eq!(c.presences.get(user).await.status(), PresenceStatus::Online);
    b.presences.remove(user, 1);
    eventually("gone", || last(&guild) == Some(PresenceStatus::Offline)).await;
    eventually("gone by name", || last(&person) == Some(PresenceStatus::Offline)).await;
    assert!(c.presences.in_guild(GUILD).await.is_empty());
    let expected = [PresenceStatus::Idle, PresenceStatus::Online, PresenceStatus::Offline];
    assert_eq!(statuses(&guild), expected, "told once each");
}

#[tokio::test]
async fn a_node_that_dies_takes_its_users_with_it() {
    let shared = Shared::new().await;
    let Three { nodes: [a, b, _], records } = three(&shared).await;
    let user = guildhall_proto::ids::UserId(5);
    let guild = b.listen(Topic::GuildPresence(GUILD)).await;
    b.hears_all().await;
    a.presences.set(user, 1, presence(PresenceStatus::Online), vec![GUILD]);
    within("there", Duration::from_secs(5), &mut || last(&guild) == Some(PresenceStatus::Online)).await;
    // It says nothing any more, and its records expire.
    let id = a.id;
    a.die();
    // From here on nothing waits for a database.
    tokio::time::pause();
    records.bury(id);
    let took = within("gone", Duration::from_secs(60), &mut || last(&guild) == Some(PresenceStatus::Offline)).await;
    println!("gone after {took:?} of paused time");
}

#[tokio::test]
async fn records_are_kept_in_redis() {
    let (shared, server) = (Shared::new().await, RedisServer::start());
    let node = || {
        let (bus, records) = redis::open(&server.url()).expect("an address");
        Node::start(&shared.store, Box::new(bus), Arc::new(records))
    };
    let (a, b) = (node(), node());
    a.up().await;
    b.up().await;
    let user = a.person("somebody").await.user;
    a.presences.set(user, 1, presence(PresenceStatus::Dnd), vec![GUILD, GuildId(78)]);
    eventually("written", || server.cli(&["hlen", "gh:records:guild:77"]).trim() == "1").await;
    let guild = b.listen(Topic::GuildPresence(GUILD)).await;
    assert_eq!(b.presences.in_guild(GUILD).await[0].status(), PresenceStatus::Dnd);
    assert_eq!(b.presences.get(user).await.status(), PresenceStatus::Dnd);
    // All is forgotten; whoever lives writes it again.
    server.cli(&["flushall"]);
    within("written again", Duration::from_secs(12), &mut || {
        std::thread::sleep(Duration::from_millis(50));
        server.cli(&["hlen", "gh:records:guild:77"]).trim() == "1"
    })
    .await;
    // The guild is left, and then the node.
    a.presences.set(user, 1, presence(PresenceStatus::Dnd), vec![GuildId(78)]);
    eventually("left", || server.cli(&["hlen", "gh:records:guild:77"]).trim() == "0").await;
    a.presences.set(user, 1, presence(PresenceStatus::Online), vec![GUILD, GuildId(78)]);
    eventually("back", || last(&guild) == Some(PresenceStatus::Online)).await;
    a.close().await;
    let c = node();
    c.up().await;
    assert!(c.presences.in_guild(GUILD).await.is_empty(), "its records count for nothing");
    assert_eq!(server.cli(&["hlen", "gh:records:guild:77"]).trim(), "0", "and are cleaned up");
}
