//! Rows about nonces: what makes a send safe to repeat.

use guildhall_proto::v1::{self, client_frame::Command, command_result::Outcome};
use guildhall_tests::wire::{nonce, send_command};

use super::scene::{Scene, message};
use super::table::{Row, row};
use super::words;

const NO_UUID: &str = "INVALID_ARGUMENT VALIDATION_FAILED nonce/string.uuid";
const CONFLICT: &str = "ALREADY_EXISTS NONCE_CONFLICT";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = malformed();
    rows.extend(reused());
    rows.push(
        row("a nonce at once from two sessions, the same content", "one stored, one duplicate of it", |scene| {
            at_once(scene, ["the same", "the same"])
        })
        .leaves(1),
    );
    rows.push(
        row("a nonce at once from two sessions, other content", format!("one stored, {CONFLICT}"), |scene| {
            at_once(scene, ["one", "other"])
        })
        .leaves(1),
    );
    rows
}

fn malformed() -> Vec<Row> {
    let nonces = [
        ("no nonce", String::new(), "INVALID_ARGUMENT VALIDATION_FAILED nonce/string.uuid_empty"),
        ("a nonce that is no UUID", "no uuid".to_owned(), NO_UUID),
        ("a nonce of 35 characters", nonce()[..35].to_owned(), NO_UUID),
        ("a nonce without dashes", nonce().replace('-', ""), NO_UUID),
        ("a nonce in braces", format!("{{{}}}", nonce()), NO_UUID),
        ("a nonce of 60,000 characters", "a".repeat(60_000), NO_UUID),
    ];
    let row = |(input, nonce, outcome)| {
        row(input, outcome, async move |scene| {
            let request = v1::SendMessageRequest { nonce, ..message(scene.watched, "x") };
            scene.ann.send(request).await
        })
    };
    nonces.into_iter().map(row).collect()
}

fn reused() -> Vec<Row> {
    vec![
        again("a nonce with the same content", "stored, duplicate", |_, _| ()).leaves(1),
        again("a nonce in capitals", "stored, duplicate", |_, again| again.nonce.make_ascii_uppercase()).leaves(1),
        again("a nonce with other content", format!("stored, {CONFLICT}"), |_, again| again.content.push('!'))
            .leaves(1),
        again("a nonce as a reply", format!("stored, {CONFLICT}"), |_, again| again.reply_to = 1).leaves(1),
        again("a nonce in another channel", "stored, stored", |scene, again| again.channel_id = scene.side.get())
            .leaves(1),
        row("a nonce of somebody else's", "stored, stored", async |scene| {
            let request = message(scene.watched, "the same");
            let first = scene.ann.send(request.clone()).await;
            format!("{first}, {}", scene.bob.send(request).await)
        })
        .leaves(2),
        row("a nonce of a message that was deleted", "stored, deleted, duplicate of it", after_deletion).leaves(2),
    ]
}

/// Sends a message, and then again what `change` made of it.
fn again(input: &str, outcome: impl Into<String>, change: fn(&Scene, &mut v1::SendMessageRequest)) -> Row {
    row(input, outcome, async move |scene| {
        let request = message(scene.watched, "the same");
        let mut second = request.clone();
        change(&scene, &mut second);
        let first = scene.ann.send(request).await;
        format!("{first}, {}", scene.ann.send(second).await)
    })
}

async fn after_deletion(scene: std::sync::Arc<Scene>) -> String {
    let request = message(scene.watched, "gone soon");
    let mut messages = scene.ann.wire.messages();
    let first = messages.send_message(request.clone()).await.unwrap().into_inner();
    let deleted = scene.ann.delete(scene.watched, first.message_id).await;
    let again = messages.send_message(request).await;
    let again = words::of_call(again, |again| match again.duplicate && again.message_id == first.message_id {
        true => "duplicate of it".to_owned(),
        false => "stored again".to_owned(),
    });
    format!("stored, {deleted}, {again}")
}

async fn at_once(scene: std::sync::Arc<Scene>, contents: [&'static str; 2]) -> String {
    let mut first = scene.ann.wire.watching(&[]).await.unwrap();
    let mut second = scene.deployment.wire(&scene.ann.user).await.watching(&[]).await.unwrap();
    let nonce = nonce();
    let [one, other] = contents.map(|content| send_command(scene.watched, content, &nonce));
    let (first, second) = tokio::join!(call(&mut first, one), call(&mut second, other));
    match (first, second) {
        (Ok(a), Ok(b)) if a.message_id == b.message_id && a.duplicate != b.duplicate => {
            "one stored, one duplicate of it".to_owned()
        }
        (Ok(stored), Err(refused)) | (Err(refused), Ok(stored)) if !stored.duplicate => {
            format!("one stored, {refused}")
        }
        other => format!("{other:?}"),
    }
}

async fn call(
    session: &mut guildhall_tests::wire::Session,
    command: Command,
) -> Result<v1::SendMessageResponse, String> {
    match session.call(command).await.unwrap() {
        Ok(Outcome::SendMessage(sent)) => Ok(sent),
        Ok(other) => Err(format!("{other:?}")),
        Err(failure) => Err(words::of_failure(&failure)),
    }
}
