//! Programs that are killed and started again: what their files keep.

use std::path::Path;
use std::time::Duration;

use guildhall::{ChannelId, Client, Event, Events, FileCursors, Gateway, Kind};
use guildhall_server::testing::TestServer;

use crate::people::Person;
use crate::support::{contents, next, soon};

/// A program that goes on where it was.
async fn program(client: &Client, channel: ChannelId, cursors: &Path) -> (Gateway, Events) {
    let cursors = FileCursors::open(cursors).unwrap().write_interval(Duration::ZERO);
    let builder = client.gateway().subscribe(channel).cursors(cursors);
    builder.connect().await.unwrap()
}

/// Ends a program without its last event being called handled.
async fn end((gateway, events): (Gateway, Events)) {
    soon("the end", gateway.close()).await;
    drop(events);
}

#[tokio::test]
async fn a_program_goes_on_with_the_event_in_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursors");
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    let mut running = program(&ada.client, channel, &path).await;
    soon("ready", running.0.ready()).await.unwrap();
    for text in ["one", "two", "three"] {
        ada.client.channel(channel).send(text).await.unwrap();
    }
    assert_eq!(contents(&mut running.1, 2).await, ["one", "two"]);
    end(running).await;

    ada.client.channel(channel).send("four").await.unwrap();
    server.restart().await;
    let mut running = program(&ada.client, channel, &path).await;
    assert_eq!(contents(&mut running.1, 3).await, ["two", "three", "four"]);
    running.1.ack();
    end(running).await;

    let mut running = program(&ada.client, channel, &path).await;
    ada.client.channel(channel).send("five").await.unwrap();
    assert_eq!(contents(&mut running.1, 1).await, ["five"]);
    end(running).await;
}

#[tokio::test]
async fn a_program_that_heard_nothing_yet_misses_nothing_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursors");
    let server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    ada.client.channel(channel).send("before").await.unwrap();
    let running = program(&ada.client, channel, &path).await;
    soon("ready", running.0.ready()).await.unwrap();
    end(running).await;
    ada.client.channel(channel).send("meanwhile").await.unwrap();
    let mut running = program(&ada.client, channel, &path).await;
    assert_eq!(contents(&mut running.1, 1).await, ["meanwhile"]);
}

#[tokio::test]
async fn two_programs_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let client = Client::builder("http://127.0.0.1:9").build().unwrap();
    let (_gateway, _events) = client.gateway().offline_file(&path).connect().await.unwrap();
    let error = client.gateway().offline_file(&path).connect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
}

#[tokio::test]
async fn unsettled_sends_survive_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let mut server = TestServer::start().await;
    let ada = Person::register(&server, "ada").await;
    let channel = ada.hall().await;
    server.stop().await;
    let (gateway, _events) = ada.client.gateway().offline_file(&path).connect().await.unwrap();
    let receipts = ["one", "two", "three"].map(|text| gateway.send(channel, text).enqueue());
    let refused = gateway.send(ChannelId(5), "nowhere").enqueue();
    // Whatever was queued is in the file before the gateway has ended.
    soon("the end", gateway.close()).await;
    for receipt in receipts {
        let error = receipt.await.unwrap_err();
        assert_eq!((error.kind(), error.outcome_unknown()), (Kind::Closed, true));
    }
    drop(refused);

    server.resume().await;
    let builder = ada.client.gateway().subscribe(channel).offline_file(&path);
    let (gateway, mut events) = builder.connect().await.unwrap();
    gateway.send(channel, "four").await.unwrap();
    let mut settled = Vec::new();
    while settled.len() < 4 {
        if let Event::SendSettled(it) = next(&mut events).await {
            settled.push((it.channel_id, it.outcome.is_ok()));
        }
    }
    settled.sort_unstable();
    assert_eq!(settled[0], (ChannelId(5), false));
    assert!(settled[1..].iter().all(|it| *it == (channel, true)));
    let page = ada.client.channel(channel).history().await.unwrap();
    let said = page.messages.into_iter().map(|message| message.content);
    assert_eq!(said.collect::<Vec<_>>(), ["one", "two", "three", "four"]);
    soon("the end", gateway.close()).await;

    let (gateway, _events) = ada.client.gateway().offline_file(&path).connect().await.unwrap();
    assert_eq!(gateway.unsettled(), 0);
}
