//! Parts of frames that many tests need.

use guildhall::ChannelId;
use guildhall_proto::ids::StreamKey;
use guildhall_proto::v1::{self, client_frame::Command, command_result};

use super::Outcome;

/// The id of a stored message.
///
/// # Panics
/// If that is not what came of the command.
pub fn message_id(outcome: &Outcome) -> u64 {
    match outcome {
        Ok(command_result::Outcome::SendMessage(sent)) => sent.message_id,
        other => panic!("not an acknowledgement: {other:?}"),
    }
}

/// A new nonce.
pub fn nonce() -> String {
    guildhall::Nonce::random().to_string()
}

/// Subscriptions to these channels, from now on.
pub fn subscribe(channels: &[ChannelId]) -> v1::UpdateSubscriptions {
    let add = |channel: &ChannelId| v1::ChannelSubscription { channel_id: channel.get(), cursor: None };
    v1::UpdateSubscriptions { add_channels: channels.iter().map(add).collect(), ..Default::default() }
}

/// A position in a channel; an epoch of 0 means whichever it is.
pub fn channel_cursor(channel: ChannelId, epoch: u64, seq: u64) -> v1::Cursor {
    v1::Cursor { stream: Some(StreamKey::channel(channel).into()), epoch, seq }
}

/// A command that sends a message.
pub fn send_command(channel: ChannelId, content: &str, nonce: &str) -> Command {
    Command::SendMessage(v1::SendMessageRequest {
        channel_id: channel.get(),
        content: content.to_owned(),
        nonce: nonce.to_owned(),
        reply_to: 0,
    })
}
