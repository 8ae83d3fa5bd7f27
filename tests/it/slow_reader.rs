//! Promise 7: who reads slowly is served from the log at that pace, in order and without a hole. Its neighbours do not
//! notice, and the server's memory does not grow with it.

use std::time::Duration;

use guildhall_proto::v1::{self, client_frame::Command, ephemeral::Payload};
use guildhall_tests::deployment::Kind;
use guildhall_tests::recorder::Reading;
use guildhall_tests::wire::{Frame, Session, nonce, send_command};
use guildhall_tests::{Deployment, Guild, User};

/// Long messages in characters of three bytes, so that few of them fill every buffer on the way.
const LETTER: char = '文';
const LETTERS: usize = 1_800;
/// Messages of one round, some 20 MiB: more than all buffers of one connection together, and fewer than the lag at which
/// a reader is told to reload.
const MESSAGES: usize = 4_000;
const STALLED: usize = 16;

/// On several nodes the load takes longer than a heartbeat may be late, and who writes it in one go does not beat meanwhile.
async fn start() -> Deployment {
    match Kind::tested() {
        Kind::Embedded => Deployment::start().await,
        Kind::Postgres | Kind::Cluster => Deployment::builder().set("heartbeat_seconds", 300).start().await,
    }
}

#[tokio::test]
async fn a_reader_that_stops_misses_nothing_and_disturbs_nobody() {
    let deployment = start().await;
    let scene = Scene::new(&deployment).await;
    let mut slow = deployment.wire(&scene.bob).await.watching(&[scene.guild.channel]).await.unwrap();
    let (gateway, events) = scene.carol.client.gateway().subscribe(scene.guild.channel).connect().await.unwrap();
    gateway.ready().await.unwrap();
    let neighbour = Reading::begin("carol", events, scene.guild.channel, 0);

    scene.write(&deployment).await;
    // Passing events are the first to be dropped: this one came while nobody read.
    let mut typist = deployment.wire(&scene.ann).await.watching(&[]).await.unwrap();
    let channel_id = scene.guild.channel.get();
    typist.call(Command::StartTyping(v1::StartTyping { channel_id })).await.unwrap().unwrap();
    let neighbour = neighbour.until(MESSAGES as u64).await;
    assert_eq!(neighbour.seen.len(), MESSAGES, "the neighbour has everything before the slow one reads");

    let (seqs, typing) = read(&mut slow, MESSAGES).await;
    assert_eq!(seqs, (1..=MESSAGES as u64).collect::<Vec<_>>());
    assert_eq!(typing, 0, "typing waits for nobody");
    // Caught up, it is live again.
    scene.ann.client.messages().send(scene.guild.channel, "live").await.unwrap();
    assert_eq!(slow.event(scene.guild.channel).await.unwrap().seq, MESSAGES as u64 + 1);
}

#[tokio::test]
async fn memory_does_not_grow_with_readers_that_stop() {
    let deployment = start().await;
    let scene = Scene::new(&deployment).await;
    // Once without, so that what the load itself takes is there already.
    scene.write(&deployment).await;
    let before = deployment.rss_bytes();
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(deployment.wire(&scene.bob).await.watching(&[scene.guild.channel]).await.unwrap());
    }
    scene.write(&deployment).await;
    let grown_mib = deployment.rss_bytes().saturating_sub(before) >> 20;
    println!("{STALLED} stalled readers, each behind by 20 MiB: {} MiB before, {grown_mib} MiB more", before >> 20);
    assert!(grown_mib < 40, "grown by {grown_mib} MiB");
    for mut slow in stalled {
        let (seqs, _) = read(&mut slow, MESSAGES).await;
        assert!(seqs.is_sorted_by(|seq, next| *next == seq + 1), "a hole");
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_a_client_that_asks_and_never_reads() {
    let deployment = start().await;
    let scene = Scene::new(&deployment).await;
    let before = deployment.rss_bytes();
    let mut session = deployment.wire(&scene.bob).await.watching(&[]).await.unwrap();
    // Half a million answers; sooner or later the server must stop listening to somebody who does not.
    let flood = async {
        for _ in 0..500_000 {
            let heartbeat = v1::Heartbeat { cursors: Vec::new() };
            session.send(Command::Heartbeat(heartbeat)).await.unwrap();
        }
    };
    let stopped = tokio::time::timeout(Duration::from_secs(6), flood).await.is_err();
    let grown_mib = deployment.rss_bytes().saturating_sub(before) >> 20;
    println!("the server stopped listening: {stopped}; {grown_mib} MiB more");
    assert!(grown_mib < 16, "grown by {grown_mib} MiB");
    // Others are served.
    scene.ann.client.messages().send(scene.guild.channel, "still here").await.unwrap();
}

#[tokio::test]
async fn who_is_ten_thousand_events_behind_is_told_to_reload_that_stream_and_goes_on() {
    let deployment = start().await;
    let scene = Scene::new(&deployment).await;
    let kind = guildhall::ChannelKind::Text;
    let other = scene.ann.client.channels().create(scene.guild.id, "other", kind).await.unwrap().id;
    let mut slow = deployment.wire(&scene.bob).await.watching(&[scene.guild.channel, other]).await.unwrap();
    let mut writer = deployment.wire(&scene.ann).await.watching(&[]).await.unwrap();
    scene.ann.client.messages().send(other, "the other one is not far behind").await.unwrap();
    let count = 13_000;
    let commands = (0..count).map(|number| send_command(scene.guild.channel, &number.to_string(), &nonce())).collect();
    writer.pipeline(commands).await.unwrap();
    let (mut next, mut resync) = (1, None);
    while next <= count {
        match slow.frame().await.unwrap() {
            Frame::Event(event) if event.stream.is_some_and(|stream| stream.id == scene.guild.channel.get()) => {
                assert_eq!(event.seq, next);
                next += 1;
            }
            Frame::Event(event) if event.stream.is_some_and(|stream| stream.id == other.get()) => {
                assert_eq!(event.seq, 1)
            }
            Frame::Resync(told) => {
                assert_eq!(told.stream.unwrap().id, scene.guild.channel.get());
                assert_eq!(told.reason(), v1::ResyncReason::TooFarBehind);
                next = told.cursor.unwrap().seq + 1;
                resync = Some(told);
            }
            Frame::Goodbye(goodbye) => panic!("cut off: {goodbye:?}"),
            _ => {}
        }
    }
    assert!(resync.is_some(), "it was read from the log after all: the buffers on the way hold too much for this test");
    scene.ann.client.messages().send(scene.guild.channel, "live").await.unwrap();
    assert_eq!(slow.event(scene.guild.channel).await.unwrap().seq, count + 1);
}

struct Scene {
    ann: User,
    bob: User,
    carol: User,
    guild: Guild,
}

impl Scene {
    async fn new(deployment: &Deployment) -> Self {
        let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
        let carol = deployment.user("carol").await;
        let guild = deployment.guild(&ann, &[&bob, &carol]).await;
        Self { ann, bob, carol, guild }
    }

    /// Ann sends as fast as she can.
    async fn write(&self, deployment: &Deployment) {
        let wire = deployment.wire(&self.ann).await;
        let mut writer = wire.watching(&[]).await.unwrap();
        let content = LETTER.to_string().repeat(LETTERS);
        let commands = (0..MESSAGES).map(|_| send_command(self.guild.channel, &content, &nonce())).collect();
        let outcomes = writer.pipeline(commands).await.unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
    }
}

/// Reads so many events of channels; also how many typings came in between.
async fn read(session: &mut Session, count: usize) -> (Vec<u64>, usize) {
    let mut seqs = Vec::with_capacity(count);
    let mut typing = 0;
    while seqs.len() < count {
        match session.frame().await.unwrap() {
            Frame::Event(event) if is_channel(&event) => seqs.push(event.seq),
            Frame::Ephemeral(v1::Ephemeral { payload: Some(Payload::TypingStarted(_)) }) => typing += 1,
            Frame::Resync(resync) => panic!("told to reload: {resync:?}"),
            Frame::Goodbye(goodbye) => panic!("cut off: {goodbye:?}"),
            _ => {}
        }
    }
    (seqs, typing)
}

fn is_channel(event: &v1::Event) -> bool {
    event.stream.is_some_and(|stream| stream.kind() == v1::StreamKind::Channel)
}
