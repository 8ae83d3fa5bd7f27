//! Rows about what messages are said of messages: replies, edits, deletions.

use guildhall::{ChannelId, ChannelKind};
use guildhall_proto::v1;

use super::scene::{Person, message};
use super::table::{Row, row};

const NO_MESSAGE: &str = "NOT_FOUND MESSAGE_NOT_FOUND";
const NO_CHANNEL: &str = "NOT_FOUND CHANNEL_NOT_FOUND";
const NO_TEXT: &str = "FAILED_PRECONDITION CHANNEL_KIND_MISMATCH";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = replies();
    rows.extend(edits());
    rows.extend(deletions());
    rows.extend(places());
    rows
}

async fn reply(person: &Person, channel: ChannelId, reply_to: u64) -> String {
    person.send(v1::SendMessageRequest { reply_to, ..message(channel, "a reply") }).await
}

async fn edit(person: &Person, channel: ChannelId, message_id: u64) -> String {
    let (channel_id, content) = (channel.get(), "edited".to_owned());
    person.edit(v1::EditMessageRequest { channel_id, message_id, content }).await
}

fn replies() -> Vec<Row> {
    vec![
        row("a reply to a message of another channel", NO_MESSAGE, async |scene| {
            let empty = scene.channel("empty", ChannelKind::Text).await;
            // Ids are numbers within a channel: this one exists over there only.
            reply(&scene.ann, empty, scene.message(scene.side).await).await
        }),
        row("a reply to a deleted message", NO_MESSAGE, async |scene| {
            reply(&scene.ann, scene.side, scene.deleted(scene.side).await).await
        }),
        row("a reply to itself", NO_MESSAGE, async |scene| {
            reply(&scene.ann, scene.side, scene.head(scene.side).await + 1).await
        }),
        row("a reply to the deletion of a message", NO_MESSAGE, async |scene| {
            reply(&scene.ann, scene.side, scene.deleted(scene.side).await + 1).await
        }),
        row("a reply to message max", NO_MESSAGE, async |scene| reply(&scene.ann, scene.side, u64::MAX).await),
    ]
}

fn edits() -> Vec<Row> {
    vec![
        row("an edit by another member", "PERMISSION_DENIED MISSING_PERMISSION AUTHOR", async |scene| {
            edit(&scene.bob, scene.side, scene.message(scene.side).await).await
        }),
        row("an edit by a stranger", NO_CHANNEL, async |scene| {
            edit(&scene.cleo, scene.side, scene.message(scene.side).await).await
        }),
        row("an edit by the owner of the guild", "PERMISSION_DENIED MISSING_PERMISSION AUTHOR", async |scene| {
            let sent = scene.bob.user.client.messages().send(scene.side, "bob's own").await.unwrap();
            edit(&scene.ann, scene.side, sent.message_id.get()).await
        }),
        row("an edit twice", "edited, edited", async |scene| {
            let id = scene.message(scene.side).await;
            format!("{}, {}", edit(&scene.ann, scene.side, id).await, edit(&scene.ann, scene.side, id).await)
        }),
        row("an edit after the deletion", NO_MESSAGE, async |scene| {
            edit(&scene.ann, scene.side, scene.deleted(scene.side).await).await
        }),
        row("an edit of the place of another edit", format!("edited, {NO_MESSAGE}"), async |scene| {
            let first = edit(&scene.ann, scene.side, scene.message(scene.side).await).await;
            format!("{first}, {}", edit(&scene.ann, scene.side, scene.head(scene.side).await).await)
        }),
    ]
}

fn deletions() -> Vec<Row> {
    vec![
        row("a deletion by another member", "PERMISSION_DENIED MISSING_PERMISSION MANAGE_MESSAGES", async |scene| {
            scene.bob.delete(scene.side, scene.message(scene.side).await).await
        }),
        row("a deletion by a stranger", NO_CHANNEL, async |scene| {
            scene.cleo.delete(scene.side, scene.message(scene.side).await).await
        }),
        row("a deletion twice", format!("deleted, {NO_MESSAGE}"), async |scene| {
            let id = scene.message(scene.side).await;
            format!("{}, {}", scene.ann.delete(scene.side, id).await, scene.ann.delete(scene.side, id).await)
        }),
        row("a deletion by the wrong channel", NO_MESSAGE, async |scene| {
            let empty = scene.channel("bare", ChannelKind::Text).await;
            scene.ann.delete(empty, scene.message(scene.side).await).await
        }),
    ]
}

fn places() -> Vec<Row> {
    vec![
        row("a message into a voice channel", NO_TEXT, async |scene| {
            let voice = scene.channel("voice", ChannelKind::Voice).await;
            scene.ann.send(message(voice, "hello?")).await
        }),
        row("a message into a category", NO_TEXT, async |scene| {
            let category = scene.channel("category", ChannelKind::Category).await;
            scene.ann.send(message(category, "hello?")).await
        }),
        row("a message by a stranger", NO_CHANNEL, async |scene| {
            scene.cleo.send(message(scene.watched, "let me in")).await
        }),
    ]
}
