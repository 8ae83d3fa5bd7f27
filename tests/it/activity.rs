//! Activity: sessions that do not watch a channel of their guild hear at most once a second how far it is.

use std::time::{Duration, Instant};

use guildhall::{ChannelId, ChannelKind};
use guildhall_proto::v1;
use guildhall_tests::wire::{Frame, Session, nonce, send_command};
use guildhall_tests::{Deployment, eventually};

/// How long it is written.
const WRITING: Duration = Duration::from_secs(3);

#[tokio::test]
async fn at_most_one_a_second_and_the_last_one_is_right() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let (carol, eve) = (deployment.user("carol").await, deployment.user("eve").await);
    let guild = deployment.guild(&ann, &[&bob, &carol]).await;
    let second = ann.client.channels().create(guild.id, "second", ChannelKind::Text).await.unwrap().id;
    let mut unsubscribed = deployment.wire(&bob).await.watching(&[]).await.unwrap();
    let mut subscribed = deployment.wire(&carol).await.watching(&[guild.channel, second]).await.unwrap();
    let mut stranger = deployment.wire(&eve).await.watching(&[]).await.unwrap();
    let mut writer = deployment.wire(&ann).await.watching(&[]).await.unwrap();

    let (heads, heard) = tokio::join!(
        write(&mut writer, [guild.channel, second]),
        hear(&mut unsubscribed, WRITING + Duration::from_millis(2_500))
    );
    println!("{heads:?} messages in {WRITING:?}, {} activities", heard.len());
    assert!((3..=6).contains(&heard.len()), "{heard:?}");
    assert!(heard.is_sorted_by(|a, b| b.at - a.at > Duration::from_millis(700)), "{heard:?}");
    for (channel, head) in [guild.channel, second].into_iter().zip(heads) {
        let seqs: Vec<u64> = heard.iter().filter_map(|heard| heard.seq(channel)).collect();
        assert!(seqs.is_sorted(), "{seqs:?}");
        assert_eq!(seqs.last(), Some(&head));
    }
    assert!(heard.iter().all(|heard| heard.activity.guild_id == guild.id.get()));
    assert_eq!(hear(&mut subscribed, Duration::from_millis(200)).await.len(), 0, "who watches hears the events");
    assert_eq!(hear(&mut stranger, Duration::from_millis(200)).await.len(), 0, "it is nothing to strangers");
}

#[tokio::test]
async fn edits_and_deletions_are_activity_and_silence_is_none() {
    let deployment = Deployment::start().await;
    let (ann, bob) = (deployment.user("ann").await, deployment.user("bob").await);
    let guild = deployment.guild(&ann, &[&bob]).await;
    let mut session = deployment.wire(&bob).await.watching(&[]).await.unwrap();
    let message = ann.client.messages().send(guild.channel, "one").await.unwrap().message_id;
    ann.client.messages().edit(guild.channel, message, "two").await.unwrap();
    ann.client.messages().delete(guild.channel, message).await.unwrap();
    let told = eventually("the head is told", async || {
        let heard = hear(&mut session, Duration::from_millis(300)).await;
        heard.iter().any(|heard| heard.seq(guild.channel) == Some(3)).then_some(heard)
    });
    assert!(told.await.len() <= 2);
    assert_eq!(hear(&mut session, Duration::from_millis(1_500)).await.len(), 0);
}

#[derive(Debug)]
struct Heard {
    at: Instant,
    activity: v1::Activity,
}

impl Heard {
    fn seq(&self, channel: ChannelId) -> Option<u64> {
        let of_channel = self.activity.channels.iter().find(|of| of.channel_id == channel.get());
        of_channel.map(|of| of.seq)
    }
}

async fn hear(session: &mut Session, time: Duration) -> Vec<Heard> {
    let end = tokio::time::Instant::now() + time;
    let mut heard = Vec::new();
    while let Ok(frame) = tokio::time::timeout_at(end, session.frame()).await {
        if let Frame::Activity(activity) = frame.unwrap() {
            heard.push(Heard { at: Instant::now(), activity });
        }
    }
    heard
}

/// Writes to both channels as fast as it goes; returns where they end.
async fn write(writer: &mut Session, channels: [ChannelId; 2]) -> [u64; 2] {
    let start = Instant::now();
    let mut heads = [0, 0];
    while start.elapsed() < WRITING {
        let commands = channels.map(|channel| send_command(channel, "text", &nonce()));
        let outcomes = writer.pipeline(commands.to_vec()).await.unwrap();
        heads = [0, 1].map(|number| guildhall_tests::wire::message_id(&outcomes[number]));
        writer.forget();
    }
    heads
}
