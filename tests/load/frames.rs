//! The gateway's frames as the load generator writes and reads them: written by the generated types, read by a glance at
//! their first bytes.

use anyhow::{Context as _, Result, bail};
use guildhall_proto::v1::{self, client_frame::Command, command_result::Outcome, server_frame::Payload};
use prost::Message as _;

/// Characters of a benchmark's message.
pub(crate) const CONTENT_CHARS: usize = 200;

/// What a frame of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first one.
    Hello,
    /// The session is identified.
    Ready,
    /// A resume has ended.
    Resumed,
    /// The outcome of a command.
    Result,
    /// A durable event.
    Event,
    /// The session ends.
    Goodbye,
    /// Anything else.
    Other,
}

/// What a `SessionResponse` carries: its frame's only field, by its tag.
pub(crate) fn kind(message: &[u8]) -> Kind {
    let Some(mut frame) = message.get(1..) else { return Kind::Other };
    let Ok(_) = prost::encoding::decode_varint(&mut frame) else { return Kind::Other };
    match prost::encoding::decode_varint(&mut frame).map(|key| key >> 3) {
        Ok(2) => Kind::Hello,
        Ok(3) => Kind::Ready,
        Ok(4) => Kind::Resumed,
        Ok(6) => Kind::Result,
        Ok(8) => Kind::Goodbye,
        Ok(16) => Kind::Event,
        _ => Kind::Other,
    }
}

/// What a `SessionResponse` carries, decoded.
pub(crate) fn payload(message: &[u8]) -> Result<Payload> {
    let response = v1::SessionResponse::decode(message)?;
    response.frame.and_then(|frame| frame.payload).context("an empty frame")
}

/// What a send was answered: an error if it was refused.
pub(crate) fn sent(message: &[u8]) -> Result<v1::SendMessageResponse> {
    match payload(message)? {
        Payload::CommandResult(v1::CommandResult { outcome: Some(Outcome::SendMessage(sent)), .. }) => Ok(sent),
        other => bail!("a send was answered by {other:?}"),
    }
}

/// A frame of the client.
pub(crate) fn frame(request_id: u64, command: Command) -> Vec<u8> {
    let frame = v1::ClientFrame { request_id, command: Some(command) };
    v1::SessionRequest { frame: Some(frame) }.encode_to_vec()
}

/// The first frame of a server, for a baseline that has none to copy.
pub(crate) fn hello() -> Vec<u8> {
    let hello = v1::Hello {
        session_id: "0".repeat(32),
        max_frame_bytes: 65_536,
        max_sends_in_flight: 16,
        server_version: "0.1.0".to_owned(),
        ..v1::Hello::default()
    };
    let frame = v1::ServerFrame { payload: Some(Payload::Hello(hello)) };
    v1::SessionResponse { frame: Some(frame) }.encode_to_vec()
}

/// Begins a session, without a result.
pub(crate) fn identify() -> Vec<u8> {
    frame(0, Command::Identify(v1::Identify::default()))
}

/// Begins a session where another one ended, without a result.
pub(crate) fn resume(cursors: Vec<v1::Cursor>) -> Vec<u8> {
    frame(0, Command::Resume(v1::Resume { cursors, ..v1::Resume::default() }))
}

/// Watches a channel; its result says that the channel is watched.
pub(crate) fn subscribe(request_id: u64, channel: u64) -> Vec<u8> {
    let add_channels = vec![v1::ChannelSubscription { channel_id: channel, cursor: None }];
    let update = v1::UpdateSubscriptions { add_channels, ..v1::UpdateSubscriptions::default() };
    frame(request_id, Command::UpdateSubscriptions(update))
}

/// Sends a message, each time another one.
pub(crate) fn send(request_id: u64, channel: u64) -> Vec<u8> {
    let request = v1::SendMessageRequest {
        channel_id: channel,
        content: content(request_id),
        // As the SDK makes them.
        nonce: uuid::Uuid::now_v7().to_string(),
        reply_to: 0,
    };
    frame(request_id, Command::SendMessage(request))
}

/// A text of the benchmark's length.
pub(crate) fn content(number: u64) -> String {
    const WORDS: &str = "the quick brown fox jumps over the lazy dog and then some more text about nothing at all ";
    let mut text = format!("{number} ");
    while text.len() < CONTENT_CHARS {
        text.push_str(WORDS);
    }
    text.truncate(CONTENT_CHARS);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_tells_what_decoding_tells() {
        let payloads = [
            (Payload::Hello(v1::Hello::default()), Kind::Hello),
            (Payload::Event(v1::Event { seq: 7, ..v1::Event::default() }), Kind::Event),
            (Payload::CommandResult(v1::CommandResult::default()), Kind::Result),
            (Payload::Activity(v1::Activity::default()), Kind::Other),
        ];
        for (payload, expected) in payloads {
            let frame = Some(v1::ServerFrame { payload: Some(payload) });
            assert_eq!(kind(&v1::SessionResponse { frame }.encode_to_vec()), expected);
        }
    }
}
