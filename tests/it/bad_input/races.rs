//! Rows about what is deleted while others write: each write is acknowledged or refused, what was acknowledged was heard,
//! and nobody's session is harmed.

use std::collections::HashSet;
use std::sync::Arc;

use guildhall::ChannelId;
use guildhall_proto::v1::event::Payload;
use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_tests::Guild;
use guildhall_tests::wire::{Frame, Outcome, Session, message_id, nonce, send_command, subscribe};

use super::scene::{Person, Scene};
use super::table::{Row, row};
use super::words;

const WRITERS: usize = 3;
/// Acknowledged messages before which nothing is deleted.
const BEFORE: usize = 20;
/// Writes that each writer goes on with when the first was refused.
const AFTER: usize = 10;

const OUTCOME: &str = "refused with NOT_FOUND CHANNEL_NOT_FOUND; heard whole and in order; sessions go on";

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("the last channel deleted while others write", OUTCOME, async |scene| {
            while_others_write(&scene, async |owner, guild| {
                owner.user.client.channels().delete(guild.channel).await.unwrap();
            })
            .await
        }),
        row("a guild deleted while others write", OUTCOME, async |scene| {
            while_others_write(&scene, async |owner, guild| {
                owner.user.client.guilds().delete(guild.id).await.unwrap();
            })
            .await
        }),
    ]
}

/// What a writer has seen when it stops.
#[derive(Default)]
struct Written {
    acknowledged: Vec<u64>,
    refusals: HashSet<String>,
}

async fn while_others_write(scene: &Arc<Scene>, delete: impl AsyncFnOnce(&Person, Guild)) -> String {
    let (owner, guild) = scene.other_guild().await;
    let mut writers = Vec::new();
    let (tell, mut count) = tokio::sync::watch::channel(0);
    for _ in 0..WRITERS {
        let person = scene.stranger().await;
        scene.deployment.join(guild, &owner.user, &person.user).await;
        let session = person.wire.watching(&[]).await.unwrap();
        writers.push(tokio::spawn(write(session, guild.channel, tell.clone())));
    }
    let mut reader = owner.wire.session().await.unwrap();
    let cursor = guildhall_tests::wire::channel_cursor(guild.channel, 0, 0);
    let add = v1::ChannelSubscription { channel_id: guild.channel.get(), cursor: Some(cursor) };
    reader.identify(v1::UpdateSubscriptions { add_channels: vec![add], ..subscribe(&[]) }).await.unwrap();
    count.wait_for(|count| *count >= BEFORE).await.unwrap();
    delete(&owner, guild).await;
    let mut all = Written::default();
    for writer in writers {
        let written = writer.await.unwrap();
        all.acknowledged.extend(written.acknowledged);
        all.refusals.extend(written.refusals);
    }
    let heard = heard(&mut reader, guild).await;
    verdict(all, heard)
}

/// Writes until it is refused, and some more; then the session has to be there still.
async fn write(mut session: Session, channel: ChannelId, tell: tokio::sync::watch::Sender<usize>) -> Written {
    let mut written = Written::default();
    let mut after = 0;
    while after < AFTER {
        let outcome: Outcome = session.call(send_command(channel, "a message", &nonce())).await.unwrap();
        match &outcome {
            Ok(_) => {
                written.acknowledged.push(message_id(&outcome));
                tell.send_modify(|count| *count += 1);
            }
            Err(failure) => {
                written.refusals.insert(words::of_failure(failure));
                after += 1;
            }
        }
    }
    session.heartbeat(Vec::new()).await.unwrap();
    written
}

/// The messages that a reader heard before it was told of the deletion, and not one after it.
async fn heard(reader: &mut Session, guild: Guild) -> Result<Vec<u64>, String> {
    let mut seqs = Vec::new();
    loop {
        let Frame::Event(event) = reader.frame().await.unwrap() else { continue };
        match event.payload {
            Some(Payload::MessageCreated(_)) => seqs.push(event.seq),
            // A guild that is gone is told as one that the user is no member of any more.
            Some(Payload::ChannelDeleted(_) | Payload::GuildLeft(_)) => break,
            _ => {}
        }
    }
    reader.heartbeat(Vec::new()).await.unwrap();
    let typing = Command::StartTyping(v1::StartTyping { channel_id: guild.channel.get() });
    let late = reader.call(typing).await.unwrap().map_err(|failure| words::of_failure(&failure));
    if late.is_ok() {
        return Err("the channel can be typed in".to_owned());
    }
    let behind = reader.frames_for(std::time::Duration::from_millis(50)).await.unwrap();
    let message = |frame: &Frame| matches!(frame, Frame::Event(event) if matches!(event.payload, Some(Payload::MessageCreated(_))));
    if behind.iter().any(message) {
        return Err("a message came after the deletion".to_owned());
    }
    Ok(seqs)
}

fn verdict(all: Written, heard: Result<Vec<u64>, String>) -> String {
    let heard = match heard {
        Ok(heard) => heard,
        Err(wrong) => return wrong,
    };
    let in_order = heard.iter().copied().eq(1..=heard.len() as u64);
    // Messages that were stored just before the deletion may be heard no more: the channel is gone for the reader too.
    let unknown = heard.iter().filter(|seq| !all.acknowledged.contains(seq)).count();
    let ids: HashSet<_> = all.acknowledged.iter().collect();
    if !in_order || ids.len() != all.acknowledged.len() || unknown > 0 {
        return format!("heard {heard:?}, acknowledged {:?}", all.acknowledged);
    }
    let refusals: Vec<_> = all.refusals.into_iter().collect();
    format!("refused with {}; heard whole and in order; sessions go on", refusals.join(" or "))
}
