//! Rows about frames that are none, or hold what this server does not know.

use guildhall_proto::v1::{self, client_frame::Command};
use prost::Message;

use super::raw::prefixed;
use super::scene::{Scene, message};
use super::table::{Row, row};
use super::tale::{Say, field, identify, request_with, tale};

const BROKEN: &str = "Ready, Goodbye PROTOCOL_ERROR, RESUME";
const NO_SESSION: &str = "NOT_FOUND GATEWAY_SESSION_NOT_FOUND";
const UNKNOWN: &str = "Ready, INVALID_ARGUMENT UNKNOWN_COMMAND, goes on";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = unknown();
    rows.extend(broken());
    rows.extend(enums());
    rows.extend(pushes());
    rows.extend(odd_pushes());
    rows
}

/// A session that says Identify and then this.
fn said(input: &str, outcome: &str, say: impl FnOnce(&Scene) -> Say + 'static) -> Row {
    row(input, outcome, async move |scene| {
        let say = say(&scene);
        tale(&scene, &scene.ann, vec![identify(), say]).await
    })
}

fn frame(command: Command) -> Say {
    Say::Ask(command)
}

fn unknown() -> Vec<Row> {
    let typing = v1::StopTyping { channel_id: 1 };
    let repeated = v1::ClientFrame { request_id: 1, command: Some(Command::StopTyping(typing)) };
    vec![
        said("an empty oneof", UNKNOWN, |_| Say::Frame(v1::ClientFrame { request_id: 2, command: None })),
        said("an unknown oneof", UNKNOWN, |_| Say::Bytes(request_with(2, field(100, b"from the future")))),
        said("no frame at all", "Ready, goes on", |_| Say::Bytes(Vec::new())),
        said("a command with fields of the future", "Ready, goes on", |_| {
            let mut stop = v1::StopTyping { channel_id: 1 }.encode_to_vec();
            stop.extend(field(99, b"from the future"));
            Say::Bytes(request_with(2, field(8, stop)))
        }),
        said(
            "a request id that does not rise",
            "Ready, INVALID_ARGUMENT VALIDATION_FAILED request_id/request_id.rising, goes on",
            |_| Say::Frame(repeated),
        ),
    ]
}

fn broken() -> Vec<Row> {
    // A group within a group and so on, as protobuf's old form has it.
    let nested = vec![0x0B; 200];
    vec![
        said("bytes that are no message", BROKEN, |_| Say::Bytes(vec![0xFF; 64])),
        said("a message that is cut off", BROKEN, |scene| {
            let mut bytes = request_with(2, field(16, message(scene.watched, "x").encode_to_vec()));
            bytes.truncate(bytes.len() - 5);
            Say::Bytes(bytes)
        }),
        said("groups in groups, 200 deep", BROKEN, |_| Say::Bytes(request_with(2, nested))),
        said("a frame of 65 KiB", BROKEN, |scene| {
            let send = message(scene.watched, "a".repeat(65 << 10));
            frame(Command::SendMessage(send))
        }),
        said(
            "a frame just below 64 KiB",
            "Ready, INVALID_ARGUMENT VALIDATION_FAILED content/string.max_len, goes on",
            |scene| frame(Command::SendMessage(message(scene.watched, "a".repeat(65_400)))),
        ),
        said("a length of 4 GiB", BROKEN, |_| Say::Framed(prefixed(0, u32::MAX, b"just this"))),
        said("a frame that says it is compressed", BROKEN, |_| Say::Framed(prefixed(1, 3, b"gz?"))),
        said("a frame with an unknown flag", BROKEN, |_| Say::Framed(prefixed(7, 3, b"abc"))),
    ]
}

fn enums() -> Vec<Row> {
    let status = |status| Say::Ask(Command::Identify(v1::Identify { status, subscriptions: None }));
    let refused = |rule| format!("INVALID_ARGUMENT VALIDATION_FAILED status/{rule}, Ready, goes on");
    let presence = |status| Command::UpdatePresence(v1::UpdatePresence { status, custom_status: None });
    let kind = |kind| {
        async move |scene: std::sync::Arc<Scene>| {
            let guild_id = scene.guild_id();
            let request = v1::CreateChannelRequest { guild_id, name: "kind".to_owned(), kind, ..Default::default() };
            let answer = scene.ann.wire.channels().create_channel(request).await;
            super::words::of_call(answer, |answer| format!("{answer:?}"))
        }
    };
    vec![
        row("an unknown kind of channel", "INVALID_ARGUMENT VALIDATION_FAILED kind/enum.defined_only", kind(99)),
        row("a negative kind of channel", "INVALID_ARGUMENT VALIDATION_FAILED kind/enum.defined_only", kind(-1)),
        row("no kind of channel", "INVALID_ARGUMENT VALIDATION_FAILED kind/enum.not_in", kind(0)),
        row("an unknown status at Identify", refused("enum.defined_only"), async move |scene| {
            tale(&scene, &scene.ann, vec![status(99), identify()]).await
        }),
        row("offline at Identify", refused("enum.not_in"), async move |scene| {
            tale(&scene, &scene.ann, vec![status(5), identify()]).await
        }),
        said(
            "an unknown status",
            "Ready, INVALID_ARGUMENT VALIDATION_FAILED status/enum.defined_only, goes on",
            move |_| frame(presence(i32::MAX)),
        ),
    ]
}

fn pushes() -> Vec<Row> {
    let frames = |count| (1..=count).map(|request_id| v1::ClientFrame { request_id, command: None }).collect();
    let of = |input: &str, outcome: &str, session_id: String, frames: Vec<v1::ClientFrame>| {
        row(input, outcome, async move |scene| {
            let answer = scene.ann.wire.gateway().push(v1::PushRequest { session_id, frames }).await;
            super::words::of_call(answer, |answer| format!("{} results", answer.results.len()))
        })
    };
    let unknown = || "0".repeat(32);
    vec![
        of("a push to no session", NO_SESSION, unknown(), frames(1)),
        of(
            "a push without frames",
            "INVALID_ARGUMENT VALIDATION_FAILED frames/repeated.min_items",
            unknown(),
            Vec::new(),
        ),
        of(
            "a push of 33 frames",
            "INVALID_ARGUMENT VALIDATION_FAILED frames/repeated.max_items",
            unknown(),
            frames(33),
        ),
        of(
            "a push without a session's id",
            "INVALID_ARGUMENT VALIDATION_FAILED session_id/string.min_len",
            String::new(),
            frames(1),
        ),
    ]
}

fn odd_pushes() -> Vec<Row> {
    vec![
        row("a push to somebody else's session", NO_SESSION, async |scene| {
            let session = scene.bob.wire.watching(&[]).await.unwrap();
            let frames = vec![v1::ClientFrame { request_id: 1, command: None }];
            let push = v1::PushRequest { session_id: session.hello.session_id.clone(), frames };
            super::words::of_call(scene.ann.wire.gateway().push(push).await, |_| "pushed".to_owned())
        }),
        row("a push of 65 KiB", "INVALID_ARGUMENT VALIDATION_FAILED", async |scene| {
            let mut raw = scene.raw(&scene.ann).await;
            raw.call("GatewayService/Push", field(1, vec![b'a'; 65 << 10]), |_| "pushed".to_owned()).await
        }),
    ]
}
