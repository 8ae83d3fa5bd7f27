//! Rows about cursors: of others, from the future, of another epoch, too many.

use guildhall::StreamKey;
use guildhall_proto::v1::{self, client_frame::Command};
use guildhall_tests::wire::channel_cursor;

use super::scene::Scene;
use super::table::{Row, row};
use super::tale::{Say, identify, tale};
use super::words;

const TOO_MANY: &str = "INVALID_ARGUMENT VALIDATION_FAILED cursors/repeated.max_items";
const UNKNOWN_KIND: &str = "INVALID_ARGUMENT VALIDATION_FAILED";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = changes();
    rows.extend(resumes());
    rows.extend(many());
    rows
}

type Pick = fn(&Scene) -> v1::Cursor;

fn stream(key: impl Into<StreamKey>, seq: u64) -> v1::Cursor {
    v1::Cursor { stream: Some(key.into().into()), epoch: 0, seq }
}

fn unknown_kind(_: &Scene) -> v1::Cursor {
    v1::Cursor { stream: Some(v1::Stream { kind: 99, id: 1 }), epoch: 0, seq: 0 }
}

fn changes() -> Vec<Row> {
    let ahead = "OUT_OF_RANGE CURSOR_OUT_OF_RANGE";
    let kind = format!("{UNKNOWN_KIND} cursor.stream.kind/enum.defined_only");
    let cursors: [(&str, Pick, &str); 7] = [
        ("changes of a channel of others", |scene| stream(scene.elsewhere.channel, 0), "NOT_FOUND CHANNEL_NOT_FOUND"),
        ("changes of a guild of others", |scene| stream(scene.elsewhere.id, 0), "NOT_FOUND GUILD_NOT_FOUND"),
        ("changes of another user", |scene| stream(scene.bob.user.id, 0), "NOT_FOUND USER_NOT_FOUND"),
        ("changes beyond the head", |scene| stream(scene.long, 121), ahead),
        ("changes after max", |scene| stream(scene.long, u64::MAX), ahead),
        ("changes of another epoch", |scene| channel_cursor(scene.long, 1, 0), ahead),
        ("changes of an unknown kind of stream", unknown_kind, &kind),
    ];
    let row = |(input, pick, outcome): (&str, Pick, &str)| {
        row(input, outcome, async move |scene| {
            let request = v1::ListChangesRequest { cursor: Some(pick(&scene)), page_size: 0 };
            let answer = scene.ann.wire.history().list_changes(request).await;
            words::of_call(answer, |answer| format!("{} events", answer.events.len()))
        })
    };
    cursors.into_iter().map(row).collect()
}

/// The other stream of each is replayed all the same, up to its end.
fn resumes() -> Vec<Row> {
    let lost = "Ready, Resync ACCESS_LOST, nowhere, goes on";
    let kind = format!("{UNKNOWN_KIND} cursors[0].stream.kind/enum.defined_only, Ready, goes on");
    let cursors: [(&str, Pick, &str); 7] = [
        ("a resume of a channel of others", |scene| stream(scene.elsewhere.channel, 0), lost),
        ("a resume of a guild of others", |scene| stream(scene.elsewhere.id, 0), lost),
        ("a resume of another user", |scene| stream(scene.bob.user.id, 0), lost),
        ("a resume of channel max", |_| stream(guildhall::ChannelId(u64::MAX), 0), lost),
        ("a resume beyond the head", |scene| stream(scene.long, 121), "Ready, Resync CURSOR_AHEAD, goes on"),
        ("a resume of another epoch", |scene| channel_cursor(scene.long, 1, 0), "Ready, Resync EPOCH_CHANGED, goes on"),
        ("a resume of an unknown kind of stream", unknown_kind, &kind),
    ];
    let row = |(input, pick, outcome): (&str, Pick, &str)| {
        // A session that was refused may begin in a better way.
        let refused = outcome.starts_with("INVALID");
        row(input, outcome, async move |scene| {
            let cursors = vec![pick(&scene)];
            let mut says = vec![Say::Ask(Command::Resume(v1::Resume { cursors, ..Default::default() }))];
            says.extend(refused.then(identify));
            tale(&scene, &scene.ann, says).await
        })
    };
    cursors.into_iter().map(row).collect()
}

fn many() -> Vec<Row> {
    let cursors = |count: u64| (1..=count).map(|id| stream(guildhall::ChannelId(id), 0)).collect::<Vec<_>>();
    let resume = move |count| Say::Ask(Command::Resume(v1::Resume { cursors: cursors(count), ..Default::default() }));
    vec![
        row("a resume of 1,001 cursors", format!("{TOO_MANY}, Ready, goes on"), async move |scene| {
            tale(&scene, &scene.ann, vec![resume(1_001), identify()]).await
        }),
        row("a resume of 10,000 cursors", "Goodbye PROTOCOL_ERROR, RESUME", async move |scene| {
            // They are more than a frame may hold.
            tale(&scene, &scene.ann, vec![resume(10_000)]).await
        }),
        row("a heartbeat of 1,001 cursors", format!("Ready, {TOO_MANY}, goes on"), async move |scene| {
            let heartbeat = v1::Heartbeat { cursors: cursors(1_001) };
            tale(&scene, &scene.ann, vec![identify(), Say::Ask(Command::Heartbeat(heartbeat))]).await
        }),
        row(
            "a subscription to 501 channels",
            "Ready, INVALID_ARGUMENT VALIDATION_FAILED add_channels/repeated.max_items, goes on",
            async |scene| {
                let add = |channel_id| v1::ChannelSubscription { channel_id, cursor: None };
                let update =
                    v1::UpdateSubscriptions { add_channels: (1..=501).map(add).collect(), ..Default::default() };
                tale(&scene, &scene.ann, vec![identify(), Say::Ask(Command::UpdateSubscriptions(update))]).await
            },
        ),
    ]
}
