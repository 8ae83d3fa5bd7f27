//! Crash: writers at full speed, `kill -9` at a random moment, restart; again and again. Every acknowledged message is
//! there once, in one order, at every reader, and the database is sound after each crash.

use std::time::Duration;

use guildhall::{ChannelId, ChannelKind};
use guildhall_tests::recorder::{self, Ledger, Reading};
use guildhall_tests::{Deployment, User};
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Rounds, unless the variable says otherwise.
const ROUNDS: usize = 20;
const ROUNDS_VARIABLE: &str = "GUILDHALL_CRASH_ROUNDS";
/// Each writes to both channels, by the SDK to the first and by raw frames to the second, and the other way round.
const WRITERS: usize = 3;
const READERS: usize = 3;
/// The server lives at most so long in a round, once it serves.
const LIFE_MS_MAX: u64 = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_repeated() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let seed = rand::random::<u64>();
    println!("{rounds} rounds, seed {seed}");
    let mut deployment = Deployment::start().await;
    let people = deployment.users("user", WRITERS).await;
    let guild = deployment.guild(&people[0], &people[1..].iter().collect::<Vec<_>>()).await;
    let second = people[0].client.channels().create(guild.id, "second", ChannelKind::Text).await.unwrap().id;
    let channels = [guild.channel, second];
    let ledgers = channels.map(|_| Ledger::default());
    let mut readings = Vec::new();
    for (number, user) in (0..READERS).zip(people.iter().cycle()) {
        for channel in channels {
            readings.push((channel, read(user, number, channel).await));
        }
    }
    let (stop, stopped) = watch::channel(false);
    let writers = start_writers(&deployment.urls(), &people, channels, &ledgers, &stopped);
    crash_again_and_again(&mut deployment, rounds, seed).await;
    stop.send_replace(true);
    for writer in writers {
        writer.await.unwrap();
    }
    let mut acknowledged = 0;
    for (channel, ledger) in channels.iter().zip(&ledgers) {
        let log = recorder::log(&people[0].client, *channel).await;
        let head = log.last().unwrap().message_id;
        let mut readers = Vec::new();
        for (_, reading) in readings.extract_if(.., |(of, _)| of == channel) {
            readers.push(reading.until(head).await);
        }
        let history = ledger.history(log, readers);
        println!("after {rounds} crashes: {}", history.counts());
        history.assert_sound();
        assert_eq!(history.sends.len(), history.log.len(), "every send was settled");
        acknowledged += history.counts().acknowledged;
    }
    assert!(acknowledged > rounds * 50, "{acknowledged} acknowledgements are no load");
}

async fn crash_again_and_again(deployment: &mut Deployment, rounds: usize, seed: u64) {
    let mut moments = rand::rngs::SmallRng::seed_from_u64(seed);
    for round in 1..=rounds {
        let life = Duration::from_millis(moments.random_range(0..LIFE_MS_MAX));
        tokio::time::sleep(life).await;
        deployment.kill9();
        deployment.assert_sound(&format!("round {round}"));
        deployment.restart().await;
    }
}

async fn read(user: &User, number: usize, channel: ChannelId) -> Reading {
    let (_, events) = user.client.gateway().subscribe(channel).connect().await.unwrap();
    events.gateway().ready().await.unwrap();
    Reading::begin(format!("reader {number}"), events, channel, 0)
}

fn start_writers(
    urls: &[String],
    people: &[User],
    channels: [ChannelId; 2],
    ledgers: &[Ledger; 2],
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let mut writers = Vec::new();
    for (number, user) in people.iter().enumerate() {
        let (by_sdk, by_frames) = (number % 2, (number + 1) % 2);
        let (ledger, user) = (ledgers[by_sdk].clone(), user.clone());
        let texts = texts(&user, stopped.clone());
        writers.push(tokio::spawn(write(user.clone(), channels[by_sdk], ledger, texts)));
        let (ledger, channel) = (ledgers[by_frames].clone(), channels[by_frames]);
        let url = urls[number % urls.len()].clone();
        let texts = self::texts(&user, stopped.clone());
        writers.push(tokio::spawn(async move { ledger.write_raw(&url, &user.token, channel, texts).await }));
    }
    writers
}

/// Texts until told to stop; what is under way then is waited for.
fn texts(user: &User, stopped: watch::Receiver<bool>) -> impl Iterator<Item = String> + Send + 'static {
    let name = user.name.clone();
    (0..).map(move |number| format!("{name} {number}")).take_while(move |_| !*stopped.borrow())
}

async fn write(user: User, channel: ChannelId, ledger: Ledger, texts: impl Iterator<Item = String>) {
    let (gateway, _events) = user.client.gateway().connect().await.unwrap();
    ledger.write(&gateway, channel, texts).await;
    gateway.close().await;
}
