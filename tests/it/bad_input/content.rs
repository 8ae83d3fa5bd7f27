//! Rows about the text of a message.

use guildhall::MessageId;
use guildhall_proto::v1;
use prost::Message;

use super::scene::{Scene, message};
use super::table::{Row, row};
use super::tale::{Say, field, identify, request_with, tale};

const EMPTY: &str = "INVALID_ARGUMENT VALIDATION_FAILED content/string.min_len content/string.pattern";
const BLANK: &str = "INVALID_ARGUMENT VALIDATION_FAILED content/string.pattern";
const LONG: &str = "INVALID_ARGUMENT VALIDATION_FAILED content/string.max_len";
const UNREADABLE: &str = "INVALID_ARGUMENT VALIDATION_FAILED";
const BROKEN: &str = "Ready, Goodbye PROTOCOL_ERROR, RESUME";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = refused();
    rows.extend(stored());
    rows.extend(edits());
    rows.extend(unreadable());
    rows
}

fn refused() -> Vec<Row> {
    let long = "ü".repeat(2_001);
    let marks = format!("a{}", "\u{301}".repeat(10_000));
    let texts = [
        ("empty", String::new(), EMPTY),
        ("blank", " \t\r\n".to_owned(), BLANK),
        ("blank in Unicode: em space, ideographic space", "\u{2003}\u{3000}".to_owned(), BLANK),
        ("2,001 characters of two bytes", long, LONG),
        ("2,001 characters, the last one blank", format!("{} ", "a".repeat(2_000)), LONG),
        ("NUL alone", "\0".to_owned(), BLANK),
        ("NUL within", "a\0b".to_owned(), BLANK),
        ("10,000 combining marks", marks, LONG),
    ];
    let row = |(input, text, outcome)| {
        row(input, outcome, async move |scene| scene.ann.send(message(scene.watched, text)).await)
    };
    texts.into_iter().map(row).collect()
}

/// What is odd and allowed is stored as it is: how it is shown is up to those who show it.
fn stored() -> Vec<Row> {
    let texts = [
        ("2,000 characters of two bytes", "ü".repeat(2_000)),
        ("2,000 characters of four bytes", "🦀".repeat(2_000)),
        ("1,999 combining marks", format!("a{}", "\u{301}".repeat(1_999))),
        ("bidi controls", "user \u{202E}txt.exe\u{202C} \u{2066}abc\u{2069} \u{200F}".to_owned()),
        ("a terminal's escape sequence", "\u{1b}[2J\u{1b}]0;title\u{7}".to_owned()),
        ("zero-width characters alone", "\u{200B}\u{200D}\u{FEFF}".to_owned()),
        ("a lone high noncharacter", "\u{FFFF}\u{10FFFF}".to_owned()),
        ("white space around", "\u{3000} kept \n".to_owned()),
    ];
    let row =
        |(input, text)| row(input, "stored unchanged", async move |scene| stored_as(&scene, text).await).leaves(1);
    texts.into_iter().map(row).collect()
}

async fn stored_as(scene: &Scene, text: String) -> String {
    let request = message(scene.watched, text.clone());
    let sent = match scene.ann.wire.messages().send_message(request).await {
        Ok(sent) => sent.into_inner(),
        Err(status) => return super::words::of_status(&status),
    };
    let read = scene.bob.user.client.history().message(scene.watched, MessageId(sent.message_id)).await.unwrap();
    if read.content == text { "stored unchanged".to_owned() } else { format!("stored as {:?}", read.content) }
}

fn edits() -> Vec<Row> {
    let texts = [
        ("edited to nothing", String::new(), EMPTY),
        ("edited to 2,001 characters", "ü".repeat(2_001), LONG),
        ("edited to NUL", "\0".to_owned(), BLANK),
    ];
    let row = |(input, content, outcome)| {
        row(input, outcome, async move |scene| {
            let (channel_id, message_id) = (scene.side.get(), scene.message(scene.side).await);
            scene.ann.edit(v1::EditMessageRequest { channel_id, message_id, content }).await
        })
    };
    texts.into_iter().map(row).collect()
}

/// What is no text at all cannot be told which field it is: it is not even a message.
fn unreadable() -> Vec<Row> {
    let texts: [(&str, &[u8]); 3] = [
        ("invalid UTF-8", b"a\xFFb"),
        ("an unpaired surrogate", b"\xED\xA0\x80"),
        ("UTF-8 that is cut off", "🦀".as_bytes().split_at(3).0),
    ];
    let both = |(input, text): (&str, &'static [u8])| {
        let by_call = row(format!("{input} by call"), UNREADABLE, async move |scene| {
            let mut raw = scene.raw(&scene.ann).await;
            let bytes = with_content(&scene, text);
            raw.call("MessageService/SendMessage", bytes, |_| "stored".to_owned()).await
        });
        let by_frame = row(format!("{input} by frame"), BROKEN, async move |scene| {
            let send = request_with(2, field(16, with_content(&scene, text)));
            tale(&scene, &scene.ann, vec![identify(), Say::Bytes(send)]).await
        });
        [by_call, by_frame]
    };
    texts.into_iter().flat_map(both).collect()
}

/// A message whose text is these bytes.
fn with_content(scene: &Scene, content: &[u8]) -> Vec<u8> {
    let mut bytes = message(scene.watched, "").encode_to_vec();
    bytes.extend(field(2, content));
    bytes
}
