//! Rows about how a session is used.

use std::time::{Duration, Instant};

use guildhall_proto::v1::{self, client_frame::Command, ephemeral::Payload};
use guildhall_tests::wire::Frame;

use super::scene::{Person, Scene, message};
use super::table::{Row, row};
use super::tale::{Say, identify, tale};
use super::words;

/// Sessions that a person may have.
const SESSIONS_MAX: usize = 20;

pub(super) fn rows() -> Vec<Row> {
    let before = "FAILED_PRECONDITION NOT_IDENTIFIED, Goodbye NOT_IDENTIFIED, IDENTIFY";
    let twice = "Ready, FAILED_PRECONDITION ALREADY_IDENTIFIED, Goodbye ALREADY_IDENTIFIED, RESUME";
    let send = |scene: &Scene| Say::Ask(Command::SendMessage(message(scene.watched, "too early")));
    vec![
        row("a message before Identify", before, async move |scene| tale(&scene, &scene.ann, vec![send(&scene)]).await),
        row("a heartbeat before Identify", "Goodbye NOT_IDENTIFIED, IDENTIFY", async |scene| {
            let heartbeat = Say::Tell(Command::Heartbeat(v1::Heartbeat::default()));
            tale(&scene, &scene.ann, vec![heartbeat]).await
        }),
        row("Identify twice", twice, async |scene| tale(&scene, &scene.ann, vec![identify(), identify()]).await),
        row("Resume after Identify", twice, async |scene| {
            let resume = Say::Ask(Command::Resume(v1::Resume::default()));
            tale(&scene, &scene.ann, vec![identify(), resume]).await
        }),
        row("a message after Close", "Ready, goes on", async move |scene| {
            // Close ends it; what comes behind is not heard.
            let close = Say::Ask(Command::Close(v1::Close {}));
            tale(&scene, &scene.ann, vec![identify(), close, send(&scene)]).await
        }),
        row("one session too many", "Goodbye TOO_MANY_SESSIONS, STOP; the others go on", too_many),
        row("100 typing starts a second", "100 done, shown once in 3 s at most", typing),
    ]
}

/// "Identify after 11 s": after ten, the server has ended the session; one second later nobody hears Identify.
pub(super) fn late() -> Row {
    row("Identify after 11 s", "Goodbye IDENTIFY_TIMEOUT, IDENTIFY in 10 to 13 s, then nothing", async |scene| {
        let start = Instant::now();
        let mut session = scene.ann.wire.session().await.unwrap();
        let goodbye = session.goodbye().await.unwrap();
        let span = words::span(start.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let then = match session.identify(v1::UpdateSubscriptions::default()).await {
            Ok(_) => "Ready",
            Err(_) => "nothing",
        };
        format!("{} {span}, then {then}", words::of_goodbye(&goodbye))
    })
}

async fn too_many(scene: std::sync::Arc<Scene>) -> String {
    let person: Person = scene.stranger().await;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS_MAX {
        sessions.push(person.wire.watching(&[]).await.unwrap());
    }
    let refused = tale(&scene, &person, vec![identify()]).await;
    for session in &mut sessions {
        session.heartbeat(Vec::new()).await.unwrap();
    }
    format!("{refused}; the others go on")
}

async fn typing(scene: std::sync::Arc<Scene>) -> String {
    let mut watcher = scene.bob.wire.watching(&[scene.side]).await.unwrap();
    let mut typist = scene.ann.wire.watching(&[]).await.unwrap();
    let start = Instant::now();
    let typing = || Command::StartTyping(v1::StartTyping { channel_id: scene.side.get() });
    let outcomes = typist.pipeline((0..100).map(|_| typing()).collect()).await.unwrap();
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    // What was shown has come before the message that was sent after it.
    scene.message(scene.side).await;
    let most = 1 + start.elapsed().as_secs() / 3;
    let mut shown = 0;
    loop {
        match watcher.frame().await.unwrap() {
            Frame::Ephemeral(v1::Ephemeral { payload: Some(Payload::TypingStarted(_)) }) => shown += 1,
            Frame::Event(_) if (1..=most).contains(&shown) => {
                return format!("{done} done, shown once in 3 s at most");
            }
            Frame::Event(_) => return format!("{done} done, {shown} shown"),
            _ => {}
        }
    }
}
