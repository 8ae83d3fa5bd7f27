//! Going down: everybody is told, nobody loses anything, the process ends in time, and its clients come back.

use std::time::Duration;

use guildhall::{Event, Events};
use guildhall_proto::v1::{GoodbyeReason, NextAction};
use guildhall_tests::checker::Reader;
use guildhall_tests::recorder::{self, Ledger, Reading};
use guildhall_tests::{Deployment, Guild, User, eventually};
use rustix::process::Signal;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const STREAMS: usize = 200;
/// The promise.
const EXIT_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn two_hundred_streams_end_in_time_and_come_back_by_themselves() {
    let mut deployment = Deployment::start().await;
    let people = deployment.users("user", STREAMS / 20).await;
    let guild = deployment.guild(&people[0], &people[1..].iter().collect::<Vec<_>>()).await;
    let mut readings = Vec::new();
    for (number, user) in (0..STREAMS).zip(people.iter().cycle()) {
        // A connection each, as so many programs would have.
        let client = deployment.client(Some(&user.token));
        let (gateway, events) = client.gateway().subscribe(guild.channel).connect().await.unwrap();
        gateway.ready().await.unwrap();
        readings.push(Reading::begin(format!("stream {number}"), events, guild.channel, 0));
    }
    let before = send(&people[0], guild, "before").await;
    let exit = deployment.terminate().await;
    println!("{STREAMS} streams open: exit after {:?}", exit.took);
    assert!(exit.status.success(), "{exit:?}");
    assert!(exit.took < EXIT_WITHIN, "{exit:?}");
    deployment.restart().await;
    let after = send(&people[0], guild, "after").await;
    let mut readers: Vec<Reader> = Vec::new();
    for reading in readings {
        readers.push(reading.until(after).await);
    }
    let log = recorder::log(&people[0].client, guild.channel).await;
    assert_eq!(log.iter().map(|logged| logged.message_id).collect::<Vec<_>>(), [before, after]);
    let sends = log.iter().map(|logged| (logged.nonce.clone(), logged.content.clone())).collect();
    guildhall_tests::checker::History { sends, acks: Vec::new(), log, readers }.assert_sound();
}

async fn send(user: &User, guild: Guild, content: &str) -> u64 {
    user.client.messages().send(guild.channel, content).await.unwrap().message_id.get()
}

#[tokio::test]
async fn sessions_are_told_when_to_come_back() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let mut session = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    let mut unidentified = deployment.wire(&ann).await.session().await.unwrap();
    let (exit, goodbye, other) = tokio::join!(deployment.terminate(), session.goodbye(), unidentified.goodbye());
    assert!(exit.status.success() && exit.took < EXIT_WITHIN, "{exit:?}");
    for goodbye in [goodbye.unwrap(), other.unwrap()] {
        assert_eq!((goodbye.reason(), goodbye.next()), (GoodbyeReason::Draining, NextAction::Resume));
        let after = Duration::try_from(goodbye.retry_after.unwrap()).unwrap();
        assert!(after > Duration::ZERO && after <= Duration::from_secs(10), "{after:?}");
    }
}

#[tokio::test]
async fn a_drain_under_load_loses_and_repeats_nothing() {
    let mut deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let (gateway, events) = bob.client.gateway().subscribe(guild.channel).connect().await.unwrap();
    gateway.ready().await.unwrap();
    let reading = Reading::begin("bob", events, guild.channel, 0);
    let ledger = Ledger::default();
    let (writer, _events) = ann.client.gateway().connect().await.unwrap();
    let texts = (0..1_500).map(|number| format!("number {number}"));
    let restarts = async {
        for round in 1..=3 {
            eventually("some are acknowledged", async || (ledger.acknowledged() > round * 200).then_some(())).await;
            let exit = deployment.terminate().await;
            assert!(exit.status.success() && exit.took < EXIT_WITHIN, "{exit:?}");
            deployment.restart().await;
        }
    };
    tokio::join!(ledger.write(&writer, guild.channel, texts), restarts);
    let log = recorder::log(&ann.client, guild.channel).await;
    let reader = reading.until(log.last().unwrap().message_id).await;
    let history = ledger.history(log, vec![reader]);
    history.assert_sound();
    assert_eq!(history.counts().logged, 1_500);
}

#[tokio::test]
async fn health_says_first_that_it_is_not_ready() {
    let mut deployment = Deployment::start().await;
    let channel = tonic::transport::Endpoint::from_shared(deployment.url(0)).unwrap().connect().await.unwrap();
    let watch = HealthClient::new(channel).watch(HealthCheckRequest { service: String::new() }).await;
    let mut watch = watch.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1, "SERVING");
    let (exit, next) = tokio::join!(deployment.terminate(), watch.message());
    assert_eq!(next.unwrap().unwrap().status, 2, "NOT_SERVING");
    assert!(exit.status.success() && exit.took < EXIT_WITHIN, "{exit:?}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut deployment = Deployment::builder().set("drain_seconds", 60).start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    // Somebody who does not read what is on the way to him: he is waited for.
    let stalled = deployment.wire(&ann).await.watching(&[guild.channel]).await.unwrap();
    let mut writer = deployment.wire(&ann).await.watching(&[]).await.unwrap();
    let content = "文".repeat(2_000);
    let sends =
        (0..400).map(|_| guildhall_tests::wire::send_command(guild.channel, &content, &guildhall_tests::wire::nonce()));
    writer.pipeline(sends.collect()).await.unwrap();
    deployment.signal(Signal::TERM);
    writer.goodbye().await.unwrap();
    // It is going down, and not yet gone.
    tokio::time::sleep(Duration::from_millis(300)).await;
    deployment.signal(Signal::TERM);
    let exit = deployment.exit(Duration::from_secs(5)).await;
    assert!(exit.took < Duration::from_secs(1), "{exit:?}");
    drop(stalled);
    deployment.restart().await;
    assert_eq!(recorder::log(&ann.client, guild.channel).await.len(), 400);
}

#[tokio::test]
async fn a_signal_while_it_starts_ends_it() {
    for delay_ms in [0, 5, 20, 60, 120] {
        let mut deployment = Deployment::builder().prepare().await;
        deployment.launch();
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        let exit = deployment.terminate().await;
        assert!(exit.took < EXIT_WITHIN, "{delay_ms} ms after its start: {exit:?}");
        // What it left behind is sound.
        deployment.restart().await;
    }
}

#[tokio::test]
async fn a_client_that_was_started_before_its_server_connects_when_it_is_there() {
    let mut deployment = Deployment::start().await;
    let ann = deployment.user("ann").await;
    let guild = deployment.guild(&ann, &[]).await;
    deployment.kill9();
    let client = deployment.client(Some(&ann.token));
    let (gateway, mut events) = client.gateway().subscribe(guild.channel).connect().await.unwrap();
    let receipt = gateway.send(guild.channel, "sent before the server was there").enqueue();
    deployment.restart().await;
    receipt.await.unwrap();
    assert_eq!(next_message(&mut events).await, "sent before the server was there");
}

async fn next_message(events: &mut Events) -> String {
    loop {
        if let Event::MessageCreated(message) = events.next().await.expect("the events go on") {
            return message.content.clone();
        }
    }
}
