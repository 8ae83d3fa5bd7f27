//! How a node shows what it does and what it lacks: numbers that move, readiness that says no for faults of this node alone,
//! and sessions that are sent to a node that is better off, if there is one.

use std::time::Duration;

use guildhall::{Client, ErrorReason};
use guildhall_proto::Failure;
use guildhall_proto::v1::{ChannelKind, CreateChannelRequest, GoodbyeReason, NextAction, SendMessageRequest};
use guildhall_tests::deployment::Kind;
use guildhall_tests::proxy::Proxy;
use guildhall_tests::recorder::{self, Ledger, Reading};
use guildhall_tests::wire::nonce;
use guildhall_tests::{Deployment, Guild, eventually};
use tokio::time::Instant;

/// A node that hears nothing from the database for 10 s is cut off. What must not happen then is waited for this long.
const CUT_OFF: Duration = Duration::from_secs(14);

#[tokio::test]
async fn numbers_move_with_what_happens() {
    let deployment = Deployment::builder().with_metrics().start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut reader = deployment.wire(&bob).await.watching(&[guild.channel]).await.unwrap();
    let before = deployment.metrics().await;
    let engine = match deployment.kind() {
        Kind::Embedded => "sqlite",
        Kind::Postgres => "postgres",
        Kind::Cluster => "cassandra",
    };
    let appends = format!("guildhall_append_seconds_count{{engine=\"{engine}\"}}");
    let rpcs = "guildhall_rpcs_total{method=\"guildhall.v1.MessageService/SendMessage\",code=\"ok\"}";
    let expected = [
        ("guildhall_sends_total{outcome=\"stored\"}", 3.0),
        ("guildhall_sends_total{outcome=\"duplicate\"}", 1.0),
        ("guildhall_deliveries_total", 3.0),
        (rpcs, 4.0),
        (appends.as_str(), 3.0),
        ("guildhall_append_entries_sum", 3.0),
    ];
    let wire = deployment.wire(&ann).await;
    for number in 0..3 {
        let request = send(guild.channel.get(), &format!("number {number}"));
        wire.messages().send_message(request.clone()).await.unwrap();
        reader.event(guild.channel).await.unwrap();
        if number == 0 {
            assert!(wire.messages().send_message(request).await.unwrap().into_inner().duplicate);
        }
    }
    let after = deployment.metrics().await;
    for (series, least) in expected {
        let moved =
            after.sum(series) - if before.names().any(|name| name == series) { before.sum(series) } else { 0.0 };
        assert!(moved >= least, "{series} moved by {moved}");
    }
    assert!(after.sum("guildhall_sessions") >= 1.0);
    assert!(after.sum("guildhall_watched_streams") >= 1.0);
    drop(reader);
    eventually("the session is not counted any more", async || {
        (deployment.metrics().await.sum("guildhall_sessions") == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn numbers_name_nobody_and_are_not_shown_to_clients() {
    let deployment = Deployment::builder().with_metrics().start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    ann.client.messages().send(guild.channel, "hello").await.unwrap();
    // Whatever strangers call, it is one method more.
    let channel = tonic::transport::Endpoint::from_shared(deployment.url(0)).unwrap().connect().await.unwrap();
    let _ = tonic_health::pb::health_client::HealthClient::new(channel)
        .check(tonic_health::pb::HealthCheckRequest { service: "ann".to_owned() })
        .await;
    let numbers = deployment.metrics().await;
    let secrets = [guild.channel.get().to_string(), guild.id.get().to_string(), ann.id.get().to_string()];
    for name in numbers.names() {
        assert!(!secrets.iter().any(|secret| name.contains(secret)) && !name.contains("\"ann\""), "{name}");
    }
    assert_eq!(deployment.page(0, "/metrics").await.unwrap().0, 404, "on the port of clients");
    assert_eq!(deployment.page(0, "/healthz").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_from_the_database_sends_its_sessions_on() {
    if Kind::tested() == Kind::Embedded {
        return;
    }
    let mut deployment = Deployment::builder().with_network().with_metrics().start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let nodes = deployment.urls().len();
    eventually("all nodes know all others", async || {
        let known = deployment.metrics().await.sum("guildhall_peers{state=\"well\"}");
        (known == (nodes * (nodes - 1)) as f64).then_some(())
    })
    .await;
    // A load balancer, which leads to the first node as long as that one says that it is ready.
    let mut balancer = Proxy::start(address(&deployment, 0)).await;
    let client = Client::builder(format!("http://{}", balancer.address())).token(bob.token.as_str()).build().unwrap();
    let (gateway, events) = client.gateway().subscribe(guild.channel).connect().await.unwrap();
    gateway.ready().await.unwrap();
    let reading = Reading::begin("bob", events, guild.channel, 0);
    let mut raw = wire(&deployment, 0, &bob.token).await.watching(&[guild.channel]).await.unwrap();
    let well = Client::builder(deployment.url(1)).token(ann.token.as_str()).build().unwrap();
    let (writer, _events) = well.gateway().connect().await.unwrap();
    let ledger = Ledger::default();
    ledger.write(&writer, guild.channel, (0..10).map(|number| format!("before {number}"))).await;
    let began = Instant::now();
    deployment.networks()[0].postgres.pause();
    let goodbye = raw.goodbye().await.unwrap();
    println!("goodbye {:.1} s after the cut", began.elapsed().as_secs_f64());
    assert!(began.elapsed() >= Duration::from_secs(10), "a short cut throws nobody out");
    assert_eq!((goodbye.reason(), goodbye.next()), (GoodbyeReason::Unavailable, NextAction::Resume));
    assert!(goodbye.retry_after.is_some());
    let unready = eventually("the node says that it is not ready", async || {
        deployment.page(0, "/readyz").await.filter(|(status, _)| *status == 503)
    });
    assert!(unready.await.1.contains("cut off"), "it says why");
    eventually("so does the protocol of health checks", async || (!deployment.serves(0, "").await?).then_some(()))
        .await;
    assert_eq!(deployment.page(1, "/readyz").await.unwrap().0, 200);
    balancer.lead_to(address(&deployment, 1)).await;
    ledger.write(&writer, guild.channel, (0..10).map(|number| format!("after {number}"))).await;
    ledger.write(&gateway, guild.channel, (0..10).map(|number| format!("of bob {number}"))).await;
    let log = recorder::log(&well, guild.channel).await;
    let reader = reading.until(log.last().unwrap().message_id).await;
    let history = ledger.history(log, vec![reader]);
    history.assert_sound();
    assert_eq!(history.counts().logged, 30);
    deployment.networks()[0].postgres.heal();
    eventually("the node is ready again", async || {
        deployment.page(0, "/readyz").await.filter(|(status, _)| *status == 200)
    })
    .await;
    wire(&deployment, 0, &bob.token).await.watching(&[guild.channel]).await.expect("it takes sessions again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_all_nodes_miss_throws_nobody_out() {
    if Kind::tested() == Kind::Embedded {
        return;
    }
    let mut deployment = Deployment::builder().with_network().with_metrics().start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    let nodes = deployment.urls().len();
    let mut sessions = Vec::new();
    for number in 0..nodes {
        let wire = wire(&deployment, number, &ann.token).await;
        wire.messages().send_message(send(guild.channel.get(), &format!("warm {number}"))).await.unwrap();
        let session = wire.watching(&[guild.channel]).await.unwrap();
        sessions.push((wire, session));
    }
    let began = Instant::now();
    for network in deployment.networks() {
        network.postgres.refuse().await;
    }
    eventually("all nodes say that the database is gone, and refuse at once", async || {
        let numbers = deployment.metrics().await;
        let open = numbers.sum("guildhall_breaker_open{dependency=\"database\"}");
        (open == nodes as f64 && deployment.serves(0, "database").await == Some(false)).then_some(())
    })
    .await;
    println!("the breakers of all nodes are open {:.1} s after the database went", began.elapsed().as_secs_f64());
    while began.elapsed() < CUT_OFF {
        for (number, (_, session)) in sessions.iter_mut().enumerate() {
            // A Goodbye would be in the place of the answer.
            session.heartbeat(Vec::new()).await.expect("the session lives");
            let (status, why) = deployment.page(number, "/readyz").await.expect("an answer");
            assert_eq!(status, 200, "{why}");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut refused_in = Vec::new();
    for (wire, _) in &sessions {
        let asked = Instant::now();
        let refused = wire.channels().create_channel(text_channel(&guild)).await.unwrap_err();
        refused_in.push(asked.elapsed());
        assert_refused(&refused);
        match wire.messages().send_message(send(guild.channel.get(), "meanwhile")).await {
            Err(status) => assert_refused(&status),
            // Channels lie elsewhere there, and those who are known already are served for half a minute.
            Ok(_) => assert_eq!(deployment.kind(), Kind::Cluster, "a send without a database"),
        }
    }
    println!("changes were refused in {refused_in:?}");
    for network in deployment.networks() {
        network.postgres.accept().await;
    }
    for (wire, session) in &mut sessions {
        let request = send(guild.channel.get(), "after");
        let stored = eventually("a send is stored", async || {
            wire.messages().send_message(request.clone()).await.ok().map(tonic::Response::into_inner)
        })
        .await;
        loop {
            let event = session.event(guild.channel).await.expect("the same session is told");
            if event.seq >= stored.message_id {
                break;
            }
        }
    }
    eventually("the breakers of all nodes are closed", async || {
        let open = deployment.metrics().await.sum("guildhall_breaker_open{dependency=\"database\"}");
        (open == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_everything_works_and_health_says_so() {
    if Kind::tested() != Kind::Cluster {
        return;
    }
    let mut deployment = Deployment::builder().with_network().start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut reader = wire(&deployment, 1, &bob.token).await.watching(&[guild.channel]).await.unwrap();
    let sender = wire(&deployment, 2, &ann.token).await;
    eventually("the relay carries", async || (deployment.serves(1, "relay").await?).then_some(())).await;
    for network in deployment.networks() {
        network.redis.as_mut().unwrap().refuse().await;
    }
    eventually("health says that it does not", async || (!deployment.serves(1, "relay").await?).then_some(())).await;
    for number in 0..5 {
        sender.messages().send_message(send(guild.channel.get(), &number.to_string())).await.unwrap();
        reader.event(guild.channel).await.unwrap();
    }
    for number in 0..deployment.urls().len() {
        assert_eq!(deployment.page(number, "/readyz").await.unwrap().0, 200);
        assert_eq!(deployment.serves(number, "").await, Some(true));
        assert_eq!(deployment.serves(number, "database").await, Some(true));
    }
    for network in deployment.networks() {
        network.redis.as_mut().unwrap().accept().await;
    }
    eventually("the relay carries again", async || (deployment.serves(1, "relay").await?).then_some(())).await;
}

fn text_channel(guild: &Guild) -> CreateChannelRequest {
    let kind = ChannelKind::Text.into();
    CreateChannelRequest { guild_id: guild.id.get(), name: "refused".to_owned(), kind, ..Default::default() }
}

fn assert_refused(status: &tonic::Status) {
    let failure = Failure::from_status(status);
    assert_eq!((failure.code, failure.reason), (tonic::Code::Unavailable, ErrorReason::StorageUnavailable), "{status}");
    assert!(failure.retry_after.is_some());
}

fn send(channel_id: u64, content: &str) -> SendMessageRequest {
    SendMessageRequest { channel_id, content: content.to_owned(), nonce: nonce(), ..Default::default() }
}

async fn wire(deployment: &Deployment, number: usize, token: &str) -> guildhall_tests::wire::Wire {
    guildhall_tests::wire::Wire::connect(&deployment.url(number), token).await.unwrap()
}

fn address(deployment: &Deployment, number: usize) -> String {
    deployment.url(number).trim_start_matches("http://").to_owned()
}
