//! Nodes that share nothing but Postgres, which carries the hints, too.

use std::{sync::Arc, time::Duration};

use guildhall_proto::{
    ids::{GuildId, StreamKey},
    v1::{self, PresenceStatus},
};
use sqlx::AssertSqlSafe;

use super::{
    super::postgres::{PostgresBus, PostgresRecords},
    Node, eventually, stream, within,
};
use crate::{
    chat::{Caller, Error},
    fanout::{SessionPresence, Topic},
    store::{
        Store,
        postgres::{self, Postgres},
        testing_postgres,
    },
};

/// A node as it is: with connections of its own.
pub(super) struct PgNode {
    pub(super) node: Node,
    engine: Postgres,
}

impl PgNode {
    pub(super) async fn start(url: &str) -> Self {
        let options = postgres::Options { url: url.to_owned(), max_connections: 8 };
        let (store, engine): (Store, Postgres) = postgres::open(options).await.expect("a store");
        let bus = Box::new(PostgresBus::new(engine.notify()));
        let records = Arc::new(PostgresRecords::new(engine.presences()));
        Self { node: Node::start(&store, bus, records), engine }
    }
}

async fn pair() -> (String, PgNode, PgNode) {
    let url = testing_postgres::database().await;
    let (a, b) = (PgNode::start(&url).await, PgNode::start(&url).await);
    a.node.up().await;
    b.node.up().await;
    (url, a, b)
}

async fn authenticates(node: &Node, token: &str) -> Result<Caller, Error> {
    node.chat.authenticate(token).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_from_node_to_node() {
    let (_url, a, b) = pair().await;
    let (a, b) = (&a.node, &b.node);
    let owner = a.person("owner").await;
    let (guild, channel) = a.guild(&owner).await;
    b.chat.guild_of(channel).await.expect("read").expect("there");
    let ear = b.listen(Topic::Stream(stream(channel))).await;
    let events = b.listen(Topic::Stream(StreamKey::guild(guild))).await;
    for index in 1..=20 {
        if index % 4 == 0 {
            b.say(&owner, channel, "hello").await;
        } else {
            a.say(&owner, channel, "hello").await;
        }
    }
    ear.hears_up_to(20).await;
    let request = v1::UpdateGuildRequest { guild_id: guild.get(), name: Some("new".into()), ..Default::default() };
    a.chat.update_guild(&owner, request).await.expect("changed");
    let seq = a.chat.guild(guild).await.expect("read").expect("there").position().seq;
    events.hears_up_to(seq).await;
    assert_eq!(b.chat.guild(guild).await.expect("read").expect("there").guild_message().name, "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing() {
    let (url, a, b) = pair().await;
    let owner = a.node.person("owner").await;
    let (_, channel) = a.node.guild(&owner).await;
    b.node.chat.guild_of(channel).await.expect("read").expect("there");
    let ear = b.node.listen(Topic::Stream(stream(channel))).await;
    let mut admin = testing_postgres::connect(&url).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%LISTEN%'";
    for seq in 1..=30 {
        if seq % 10 == 0 {
            sqlx::raw_sql(AssertSqlSafe(cut)).execute(&mut admin).await.expect("cut");
        }
        a.node.say(&owner, channel, "hello").await;
        within("told", Duration::from_secs(3), &mut || ear.seqs().last() == Some(&seq)).await;
    }
    ear.hears_up_to(30).await;
    let (a, b) = (&a.node, &b.node);
    eventually("both hear again", || a.health().up && b.health().up).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ends_on_one_node_is_void_on_the_other() {
    let (_url, a, b) = pair().await;
    let (a, b) = (&a.node, &b.node);
    let request = v1::RegisterRequest {
        username: "somebody".into(),
        password: "correct horse".into(),
        display_name: "Before".into(),
        ..Default::default()
    };
    let token = a.chat.register(None, request).await.expect("registered").token;
    let here = authenticates(a, &token).await.expect("good");
    let there = authenticates(b, &token).await.expect("good");
    let ended = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let told = Arc::clone(&ended);
    b.chat.on_revoked(Box::new(move |revoked| told.lock().push(*revoked)));
    let request = v1::UpdateMeRequest { display_name: Some("After".into()), ..Default::default() };
    a.chat.update_me(&here, request).await.expect("changed");
    let mut shown = String::new();
    for _ in 0..100 {
        shown = authenticates(b, &token).await.expect("good").author.display_name.clone();
        if shown == "After" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(shown, "After", "within a second");
    a.chat.logout(&here, v1::LogoutRequest {}).await.expect("ended");
    let took = within("its sessions are told", Duration::from_secs(1), &mut || !ended.lock().is_empty()).await;
    println!("void after {took:?}");
    assert!(authenticates(b, &token).await.is_err());
    assert!(b.chat.revalidate(&there).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presences_go_by_the_tables() {
    let (_url, a, b) = pair().await;
    let guild = GuildId(u64::MAX - 5);
    let user = a.node.person("somebody").await.user;
    let online = SessionPresence { status: PresenceStatus::Online, custom_status: "here".into() };
    a.node.presences.set(user, 1, online, vec![guild, GuildId(2)]);
    let ear = b.node.listen(Topic::GuildPresence(guild)).await;
    eventually("told", || !ear.frames().is_empty()).await;
    assert_eq!(b.node.presences.in_guild(guild).await[0].custom_status, "here");
    let rows = b.engine.presences();
    for _ in 0..100 {
        if rows.in_guild(guild).await.expect("read").len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rows.of_user(user).await.expect("read").len(), 1);
    assert!(rows.in_guild(GuildId(3)).await.expect("read").is_empty());
    // A node that nobody has heard of is told to write everything again.
    assert!(!rows.beat(9, 30).await.expect("written"));
    assert!(rows.beat(9, 0).await.expect("written"));
    assert!(!rows.beat(9, 30).await.expect("written"), "it had expired");
    a.node.close().await;
    assert!(rows.in_guild(guild).await.expect("read").is_empty());
}
