//! Rows about pages: their sizes, their anchors, their tokens.

use guildhall_proto::v1::{self, list_messages_request::Anchor};
use prost::Message;

use super::scene::Scene;
use super::table::{Row, row};
use super::words;

const NEGATIVE: &str = "INVALID_ARGUMENT VALIDATION_FAILED page_size/int32.gte";
const NO_PAGE: &str = "INVALID_ARGUMENT PAGE_TOKEN_INVALID";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = sizes();
    rows.extend(anchors());
    rows.extend(members());
    rows
}

async fn page(scene: &Scene, anchor: Option<Anchor>, page_size: i32) -> String {
    let request = v1::ListMessagesRequest { channel_id: scene.long.get(), anchor, page_size };
    let answer = scene.ann.wire.history().list_messages(request).await;
    words::of_call(answer, |page| format!("{} messages", page.messages.len()))
}

fn sizes() -> Vec<Row> {
    let sizes = [
        ("page size -1", -1, NEGATIVE),
        ("page size of the least number", i32::MIN, NEGATIVE),
        ("page size 0", 0, "50 messages"),
        ("page size 10^6", 1_000_000, "100 messages"),
        ("page size of the greatest number", i32::MAX, "100 messages"),
    ];
    let rows =
        sizes.map(|(input, size, outcome)| row(input, outcome, async move |scene| page(&scene, None, size).await));
    let mut rows = Vec::from(rows);
    for (input, page_size, outcome) in
        [("page size -1 of changes", -1, NEGATIVE), ("page size 10^6 of changes", 1_000_000, "120 of 120 events")]
    {
        rows.push(row(input, outcome, async move |scene| {
            let stream = Some(v1::Stream { kind: v1::StreamKind::Channel.into(), id: scene.long.get() });
            let cursor = Some(v1::Cursor { stream, epoch: 0, seq: 0 });
            let answer = scene.ann.wire.history().list_changes(v1::ListChangesRequest { cursor, page_size }).await;
            words::of_call(answer, |page| format!("{} of {} events", page.events.len(), page.head))
        }));
    }
    rows
}

fn anchors() -> Vec<Row> {
    let anchors = [
        ("before 0", Anchor::Before(0), "0 messages"),
        ("before max", Anchor::Before(u64::MAX), "10 messages"),
        ("after max", Anchor::After(u64::MAX), "0 messages"),
        ("around max", Anchor::Around(u64::MAX), "5 messages"),
    ];
    let rows = anchors
        .map(|(input, anchor, outcome)| row(input, outcome, async move |scene| page(&scene, Some(anchor), 10).await));
    let mut rows = Vec::from(rows);
    // A oneof cannot hold two: what comes last on the wire is what holds, as protobuf has it.
    rows.push(row("both `before` and `after`", "after the first, 10 messages", async |scene| {
        let before =
            v1::ListMessagesRequest { channel_id: scene.long.get(), anchor: Some(Anchor::Before(2)), page_size: 10 };
        let mut bytes = before.encode_to_vec();
        let after = v1::ListMessagesRequest { anchor: Some(Anchor::After(0)), ..Default::default() };
        bytes.extend(after.encode_to_vec());
        let mut raw = scene.raw(&scene.ann).await;
        raw.call("HistoryService/ListMessages", bytes, |answer| {
            let page = v1::ListMessagesResponse::decode(answer).unwrap();
            let first = if page.has_more_before { "in the middle" } else { "after the first" };
            format!("{first}, {} messages", page.messages.len())
        })
        .await
    }));
    rows
}

fn members() -> Vec<Row> {
    let long = "A".repeat(257);
    let tokens = [
        ("page size -1 of members", -1, String::new(), NEGATIVE),
        ("page size 10^6 of members", 1_000_000, String::new(), "members"),
        ("a page token of nobody's making", 0, "AAAA".to_owned(), NO_PAGE),
        ("a page token that is no base64", 0, "%\u{202E}%".to_owned(), NO_PAGE),
        ("a page token of 257 characters", 0, long, "INVALID_ARGUMENT VALIDATION_FAILED page_token/string.max_len"),
    ];
    let list = async |scene: &Scene, guild_id, page_size, page_token| {
        let request = v1::ListMembersRequest { guild_id, page_size, page_token };
        scene.ann.wire.guilds().list_members(request).await
    };
    let rows = tokens.map(|(input, page_size, token, outcome)| {
        row(input, outcome, async move |scene| {
            let answer = list(&scene, scene.guild_id(), page_size, token).await;
            words::of_call(answer, |_| "members".to_owned())
        })
    });
    let mut rows = Vec::from(rows);
    rows.push(row("a page token of another guild", NO_PAGE, async move |scene| {
        let page = list(&scene, scene.guild_id(), 1, String::new()).await.unwrap().into_inner();
        let other = scene.deployment.guild(&scene.ann.user, &[]).await;
        let answer = list(&scene, other.id.get(), 1, page.next_page_token).await;
        words::of_call(answer, |_| "members".to_owned())
    }));
    rows
}
