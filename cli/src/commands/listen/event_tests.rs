//! Tests of the forms of an event.

use super::*;

fn created(content: &str, deleted: bool) -> Happening {
    let time = prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 };
    let message = v1::Message {
        channel_id: 5,
        id: 42,
        guild_id: 3,
        author: Some(v1::Author { id: 9, username: "ada".to_owned(), ..v1::Author::default() }),
        content: content.to_owned(),
        create_time: Some(time),
        delete_time: deleted.then_some(time),
        ..v1::Message::default()
    };
    let event = v1::Event {
        stream: Some(v1::Stream { kind: v1::StreamKind::Channel.into(), id: 5 }),
        seq: 42,
        epoch: u64::MAX,
        create_time: Some(time),
        actor_id: 9,
        guild_seq: 2,
        payload: Some(Payload::MessageCreated(v1::MessageCreated { message: Some(message) })),
    };
    Happening::new(Event::from_wire(event).unwrap())
}

fn variable(happening: &Happening, name: &str) -> Option<String> {
    let variables = happening.variables();
    variables.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[test]
fn json_is_the_event_with_its_kind_and_its_token() {
    let line = created("hi\n✋", false).json().unwrap();
    assert!(!line.contains('\n'));
    assert!(line.starts_with(r#"{"event":"message_created","#), "{line}");
    let json: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["resume_token"], "channel:5:18446744073709551615:42");
    assert_eq!(json["seq"], "42");
    assert_eq!(json["stream"], json!({"kind": "STREAM_KIND_CHANNEL", "id": "5"}));
    assert_eq!(json["message_created"]["message"]["content"], "hi\n✋");
    assert_eq!(json["message_created"]["message"]["author"]["username"], "ada");
}

#[test]
fn content_is_that_of_messages_that_are_there() {
    let line = |happening: Happening| happening.line(Format::Content).unwrap();
    assert_eq!(line(created("hi \t", false)).as_deref(), Some("hi \t"));
    assert_eq!(line(created("", true)), None);
    assert_eq!(line(Happening { name: "guild_updated", ..Happening::default() }), None);
}

#[test]
fn a_program_finds_all_it_needs_to_answer() {
    let happening = created("hi", false);
    assert_eq!(variable(&happening, "GUILDHALL_EVENT").unwrap(), "message_created");
    assert_eq!(variable(&happening, "GUILDHALL_GUILD_ID").unwrap(), "3");
    assert_eq!(variable(&happening, "GUILDHALL_CHANNEL_ID").unwrap(), "5");
    assert_eq!(variable(&happening, "GUILDHALL_MESSAGE_ID").unwrap(), "42");
    assert_eq!(variable(&happening, "GUILDHALL_AUTHOR").unwrap(), "ada");
    assert_eq!(variable(&happening, "GUILDHALL_CONTENT").unwrap(), "hi");
    let nonce = variable(&happening, "GUILDHALL_REPLY_NONCE").unwrap();
    assert_eq!(nonce, variable(&created("changed", false), "GUILDHALL_REPLY_NONCE").unwrap());
    for (name, _) in happening.variables() {
        assert!(VARIABLES.contains(&name), "{name}");
    }
}

#[test]
fn a_passing_event_has_no_token() {
    let happening = Happening { name: "typing_started", passing: json!({"user_id": "1"}), ..Happening::default() };
    assert_eq!(happening.json().unwrap(), r#"{"event":"typing_started","typing_started":{"user_id":"1"}}"#);
}
