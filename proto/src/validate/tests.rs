//! Tests of the limits: exact fields, rules and texts, as protovalidate gives them in other languages.

use super::*;
use crate::v1;

const NONCE: &str = "7f0a3f0c-9d2c-4a51-8f0e-2f6a2f8f0b11";

fn send(content: &str) -> v1::SendMessageRequest {
    v1::SendMessageRequest { channel_id: 1, content: content.to_owned(), nonce: NONCE.to_owned(), reply_to: 0 }
}

fn found(message: &impl Validate) -> Vec<(String, String, String)> {
    let violations = message.validate().err().map(Violations::into_vec);
    let violations = violations.unwrap_or_default().into_iter();
    violations.map(|violation| (violation.field, violation.rule, violation.message)).collect()
}

#[track_caller]
fn assert_found(message: &impl Validate, expected: &[(&str, &str, &str)]) {
    let found = found(message);
    let found: Vec<_> =
        found.iter().map(|(field, rule, text)| (field.as_str(), rule.as_str(), text.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn lengths_count_characters() {
    for char in ["a", "é", "漢", "🎲"] {
        assert_found(&send(&char.repeat(2_000)), &[]);
        let too_long = ("content", "string.max_len", "must be at most 2000 characters");
        assert_found(&send(&char.repeat(2_001)), &[too_long]);
    }
}

#[test]
fn an_empty_message_breaks_two_rules() {
    let pattern = r"does not match regex pattern `^[^\x00]*[^\s\p{Z}\x00][^\x00]*$`";
    let short = ("content", "string.min_len", "must be at least 1 characters");
    assert_found(&send(""), &[short, ("content", "string.pattern", pattern)]);
    for blank in [" ", "\n\t ", "\u{a0}\u{3000}", "a\0b"] {
        assert_found(&send(blank), &[("content", "string.pattern", pattern)]);
    }
    assert_found(&send("\n a \n"), &[]);
}

#[test]
fn a_nonce_is_a_uuid() {
    let mut request = send("hi");
    request.nonce = "7f0a3f0c".to_owned();
    assert_found(&request, &[("nonce", "string.uuid", "must be a valid UUID")]);
    request.nonce = String::new();
    let empty = "value is empty, which is not a valid UUID";
    assert_found(&request, &[("nonce", "string.uuid_empty", empty)]);
    request.nonce = NONCE.to_uppercase();
    assert_found(&request, &[]);
}

#[test]
fn an_id_is_not_zero() {
    let mut request = send("hi");
    request.channel_id = 0;
    assert_found(&request, &[("channel_id", "fixed64.gt", "must be greater than 0")]);
}

#[test]
fn a_page_is_not_negative() {
    let mut request = v1::ListMessagesRequest { channel_id: 1, page_size: -1, ..Default::default() };
    let negative = "must be greater than or equal to 0";
    assert_found(&request, &[("page_size", "int32.gte", negative)]);
    request.page_size = i32::MAX;
    assert_found(&request, &[]);
}

#[test]
fn what_is_not_set_is_not_checked() {
    let mut request = v1::UpdateMeRequest::default();
    assert_found(&request, &[]);
    request.avatar_url = Some(String::new());
    assert_found(&request, &[]);
    request.avatar_url = Some("ftp://example.com".to_owned());
    let pattern = "does not match regex pattern `^(https?://.+)?$`";
    assert_found(&request, &[("avatar_url", "string.pattern", pattern)]);
}

#[test]
fn enums_are_defined_and_allowed() {
    let frame = |status| v1::UpdatePresence { status, custom_status: None };
    assert_found(&frame(1), &[]);
    assert_found(&frame(5), &[("status", "enum.not_in", "must not be in list [0, 5]")]);
    let undefined = "value must be one of the defined enum values";
    assert_found(&frame(99), &[("status", "enum.defined_only", undefined)]);
}

#[test]
fn a_stream_is_required_in_a_cursor() {
    let mut request = v1::ListChangesRequest::default();
    assert_found(&request, &[("cursor", "required", "value is required")]);
    request.cursor = Some(v1::Cursor::default());
    assert_found(&request, &[("cursor.stream", "required", "value is required")]);
    request.cursor = Some(v1::Cursor { stream: Some(v1::Stream { kind: 0, id: 0 }), ..Default::default() });
    assert_found(
        &request,
        &[
            ("cursor.stream.kind", "enum.not_in", "must not be in list [0]"),
            ("cursor.stream.id", "fixed64.gt", "must be greater than 0"),
        ],
    );
}

#[test]
fn lists_are_bounded_and_unique() {
    let request = |channel_ids| v1::ReorderChannelsRequest { guild_id: 1, channel_ids };
    assert_found(&request(vec![1, 2]), &[]);
    let few = ("channel_ids", "repeated.min_items", "must contain at least 1 item(s)");
    assert_found(&request(vec![]), &[few]);
    let many = "must contain no more than 1000 item(s)";
    let many = ("channel_ids", "repeated.max_items", many);
    assert_found(&request((0..1_001).collect()), &[many]);
    let twice = "repeated value must contain unique items";
    assert_found(&request(vec![7, 7]), &[("channel_ids", "repeated.unique", twice)]);
}

#[test]
fn paths_lead_through_lists_and_oneofs() {
    let frame = |request_id, command| v1::ClientFrame { request_id, command: Some(command) };
    let good = frame(1, v1::client_frame::Command::SendMessage(send("hi")));
    let bad = frame(2, v1::client_frame::Command::SendMessage(send(&"x".repeat(2_001))));
    let empty = v1::ClientFrame::default();
    let request = v1::PushRequest { session_id: "s".to_owned(), frames: vec![good, bad, empty] };
    let too_long = "must be at most 2000 characters";
    assert_found(&request, &[("frames[1].send_message.content", "string.max_len", too_long)]);
    assert_eq!(
        request.validate().unwrap_err().to_string(),
        "frames[1].send_message.content: must be at most 2000 characters"
    );
}

#[test]
fn violations_are_counted_out() {
    let request = v1::Heartbeat { cursors: vec![v1::Cursor::default(); 500] };
    let found = found(&request);
    assert_eq!(found.len(), VIOLATIONS_MAX);
    assert_eq!(found[19].0, "cursors[19].stream");
}

#[test]
fn secrets_do_not_show() {
    let request =
        v1::LoginRequest { username: "ann".to_owned(), password: "correct horse".to_owned(), device: String::new() };
    let shown = format!("{request:?}");
    assert!(shown.contains("ann") && shown.contains("<redacted>"), "{shown}");
    assert!(!shown.contains("horse"), "{shown}");
}
