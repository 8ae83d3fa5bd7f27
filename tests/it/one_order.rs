//! Promise 3: every session is shown a stream's events one by one in the same order, which is that of the history.

use std::time::Duration;

use guildhall::{ChannelId, ChannelKind, Cursor, Event, StreamKey};
use guildhall_tests::checker::Reader;
use guildhall_tests::recorder::{self, Ledger, Reading};
use guildhall_tests::{Deployment, Guild, User};

const WRITERS: usize = 4;
const READERS: usize = 4;
const EACH: usize = 150;

#[tokio::test]
async fn all_readers_see_what_the_history_shows() {
    let deployment = Deployment::start().await;
    let people = deployment.users("user", WRITERS).await;
    let guild = deployment.guild(&people[0], &people.iter().skip(1).collect::<Vec<_>>()).await;
    let second = people[0].client.channels().create(guild.id, "second", ChannelKind::Text).await.unwrap().id;
    let channels = [guild.channel, second];
    let mut readings = Vec::new();
    for (number, user) in (0..READERS).zip(people.iter().cycle()) {
        for channel in channels {
            readings.push((channel, reading(user, number, channel).await));
        }
    }
    let ledgers = channels.map(|_| Ledger::default());
    let writers = people.iter().map(|user| write(user, channels, &ledgers));
    futures_util::future::join_all(writers).await;

    for (channel, ledger) in channels.iter().zip(&ledgers) {
        let log = recorder::log(&people[0].client, *channel).await;
        assert_eq!(log.len(), WRITERS * EACH);
        let head = log.last().unwrap().message_id;
        let mut readers: Vec<Reader> = Vec::new();
        for (_, reading) in readings.extract_if(.., |(of, _)| of == channel) {
            readers.push(reading.until(head).await);
        }
        let history = ledger.history(log, readers);
        history.assert_sound();
        println!("channel {channel}: {}", history.counts());
    }
}

#[tokio::test]
async fn edits_and_deletions_have_their_place_in_the_order() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let events = [watch(&ann, guild.channel).await, watch(&bob, guild.channel).await];
    let work = [&ann, &bob].map(|user| change(user, guild));
    futures_util::future::join_all(work).await;

    let logged = changes(&ann, guild.channel).await;
    assert_eq!(logged.len(), 2 * 3 * 20);
    for mut events in events {
        let mut shown = Vec::new();
        while shown.len() < logged.len() {
            let event = tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap();
            let cursor = event.cursor().filter(|cursor| cursor.stream == StreamKey::channel(guild.channel));
            shown.extend(cursor.map(|cursor| (cursor.seq, event.name())));
        }
        assert_eq!(shown, logged);
    }
}

/// Sends, edits and deletes.
async fn change(user: &User, guild: Guild) {
    let channel = user.client.channel(guild.channel);
    for _ in 0..20 {
        let id = channel.send("to be changed").await.unwrap().message_id;
        channel.message(id).edit("changed").await.unwrap();
        channel.message(id).delete().await.unwrap();
    }
}

/// Everything that the log has of a channel: where, and what.
async fn changes(user: &User, channel: ChannelId) -> Vec<(u64, &'static str)> {
    let page = user.client.history().changes(Cursor::beginning(channel)).page_size(1_000).await.unwrap();
    let seqs: Vec<u64> = page.events.iter().filter_map(|event| Some(event.cursor()?.seq)).collect();
    assert_eq!(seqs, (1..=page.head).collect::<Vec<_>>(), "the log has no hole");
    seqs.into_iter().zip(page.events.iter().map(Event::name)).collect()
}

async fn write(user: &User, channels: [ChannelId; 2], ledgers: &[Ledger; 2]) {
    let (gateway, _events) = user.client.gateway().connect().await.unwrap();
    let texts = |channel: usize| (0..EACH).map(move |number| format!("{number} in channel {channel}"));
    let [one, two] = ledgers;
    tokio::join!(one.write(&gateway, channels[0], texts(0)), two.write(&gateway, channels[1], texts(1)));
    gateway.close().await;
}

async fn watch(user: &User, channel: ChannelId) -> guildhall::Events {
    let (gateway, events) = user.client.gateway().subscribe(channel).connect().await.unwrap();
    gateway.ready().await.unwrap();
    events
}

async fn reading(user: &User, number: usize, channel: ChannelId) -> Reading {
    let events = watch(user, channel).await;
    Reading::begin(format!("{} {number}", user.name), events, channel, 0)
}
