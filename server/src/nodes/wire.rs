//! How commands and their outcomes look between nodes. What one node says, the other reads exactly.

use std::sync::Arc;

use guildhall_proto::ids::{ChannelId, GuildId, MessageId, UserId};
use uuid::Uuid;

use super::generated::{self as wire, RefusalReason, outcome};
use crate::sequencer::{Action, Answer, BATCH_MAX, Command, Outcome, Refusal, StorageFault};

/// Why a request or an answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(&'static str);

/// What a request asks for.
pub(super) struct Asked {
    pub(super) channel: ChannelId,
    pub(super) time_ms: u64,
    pub(super) commands: Vec<Command>,
}

/// The request for these sends; `None` if one of them is no send.
pub(super) fn request(channel: ChannelId, time_ms: u64, sends: &[&Command]) -> Option<wire::CommitRequest> {
    let sends = sends.iter().map(|command| message(command)).collect::<Option<_>>()?;
    Some(wire::CommitRequest { channel_id: channel.get(), time_ms, sends })
}

fn message(command: &Command) -> Option<wire::NewMessage> {
    let Action::Send { nonce, content, reply_to } = &command.action else { return None };
    Some(wire::NewMessage {
        actor_id: command.actor.get(),
        author: Some((*command.author).clone()),
        guild_id: command.guild.get(),
        guild_seq: command.guild_seq,
        nonce: nonce.as_bytes().to_vec(),
        content: content.clone(),
        reply_to: reply_to.map_or(0, MessageId::get),
    })
}

/// Reads a request.
pub(super) fn asked(request: wire::CommitRequest) -> Result<Asked, Unreadable> {
    if request.sends.is_empty() || request.sends.len() > BATCH_MAX {
        return Err(Unreadable("not 1 to 256 sends"));
    }
    let commands = request.sends.into_iter().map(command).collect::<Result<_, _>>()?;
    Ok(Asked { channel: ChannelId(request.channel_id), time_ms: request.time_ms, commands })
}

fn command(message: wire::NewMessage) -> Result<Command, Unreadable> {
    let nonce = Uuid::from_slice(&message.nonce).map_err(|_| Unreadable("a nonce is not 16 bytes"))?;
    let reply_to = (message.reply_to != 0).then_some(MessageId(message.reply_to));
    Ok(Command {
        actor: UserId(message.actor_id),
        author: Arc::new(message.author.ok_or(Unreadable("a send has no author"))?),
        guild: GuildId(message.guild_id),
        guild_seq: message.guild_seq,
        action: Action::Send { nonce, content: message.content, reply_to },
    })
}

/// What became of a send, for whoever asked.
pub(super) fn outcome(answer: Answer) -> wire::Outcome {
    let outcome = match answer {
        Ok(Outcome::Sent { message, create_ms, duplicate }) => {
            outcome::Outcome::Sent(wire::Sent { message_id: message.get(), create_ms, duplicate })
        }
        // Only sends are asked for. Whoever gets this looks for itself.
        Ok(Outcome::Edited(_) | Outcome::Deleted { .. }) => return wire::Outcome { outcome: None },
        Err(refusal) => outcome::Outcome::Refusal(refused(&refusal)),
    };
    wire::Outcome { outcome: Some(outcome) }
}

/// Reads what became of a send.
pub(super) fn answer(outcome: wire::Outcome) -> Result<Answer, Unreadable> {
    match outcome.outcome.ok_or(Unreadable("an outcome is missing"))? {
        outcome::Outcome::Sent(sent) => {
            let message = MessageId(sent.message_id);
            Ok(Ok(Outcome::Sent { message, create_ms: sent.create_ms, duplicate: sent.duplicate }))
        }
        outcome::Outcome::Refusal(refusal) => refusal_of(refusal).map(Err),
    }
}

fn refused(refusal: &Refusal) -> wire::Refusal {
    let reason = match refusal {
        Refusal::NonceConflict => RefusalReason::NonceConflict,
        Refusal::MessageNotFound => RefusalReason::MessageNotFound,
        Refusal::ReplyNotFound => RefusalReason::ReplyNotFound,
        Refusal::NotAuthor => RefusalReason::NotAuthor,
        Refusal::ChannelNotFound => RefusalReason::ChannelNotFound,
        Refusal::Overloaded { .. } => RefusalReason::Overloaded,
        Refusal::Storage(StorageFault::Unavailable) => RefusalReason::StorageUnavailable,
        Refusal::Storage(StorageFault::Full) => RefusalReason::StorageFull,
        Refusal::Storage(StorageFault::Corrupt) => RefusalReason::StorageCorrupt,
    };
    let retry_after = match refusal {
        Refusal::Overloaded { retry_after } => prost_types::Duration::try_from(*retry_after).ok(),
        _ => None,
    };
    wire::Refusal { reason: reason.into(), retry_after }
}

fn refusal_of(refusal: wire::Refusal) -> Result<Refusal, Unreadable> {
    Ok(match refusal.reason() {
        RefusalReason::Unspecified => return Err(Unreadable("a refusal has no known reason")),
        RefusalReason::NonceConflict => Refusal::NonceConflict,
        RefusalReason::MessageNotFound => Refusal::MessageNotFound,
        RefusalReason::ReplyNotFound => Refusal::ReplyNotFound,
        RefusalReason::NotAuthor => Refusal::NotAuthor,
        RefusalReason::ChannelNotFound => Refusal::ChannelNotFound,
        RefusalReason::Overloaded => {
            let retry_after = refusal.retry_after.unwrap_or_default();
            Refusal::Overloaded { retry_after: retry_after.try_into().unwrap_or_default() }
        }
        RefusalReason::StorageUnavailable => Refusal::Storage(StorageFault::Unavailable),
        RefusalReason::StorageFull => Refusal::Storage(StorageFault::Full),
        RefusalReason::StorageCorrupt => Refusal::Storage(StorageFault::Corrupt),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use guildhall_proto::v1;

    use super::*;

    #[test]
    fn answers_arrive_as_they_were() {
        let sent = Outcome::Sent { message: MessageId(7), create_ms: 9, duplicate: true };
        let refusals = [
            Refusal::NonceConflict,
            Refusal::MessageNotFound,
            Refusal::ReplyNotFound,
            Refusal::NotAuthor,
            Refusal::ChannelNotFound,
            Refusal::Overloaded { retry_after: Duration::new(1, 250_000_001) },
            Refusal::Storage(StorageFault::Unavailable),
            Refusal::Storage(StorageFault::Full),
            Refusal::Storage(StorageFault::Corrupt),
        ];
        for first in refusals.into_iter().map(Err).chain([Ok(sent)]) {
            assert_eq!(answer(outcome(first.clone())), Ok(first));
        }
        assert!(answer(wire::Outcome { outcome: None }).is_err());
        let unknown = wire::Refusal { reason: 99, retry_after: None };
        assert!(answer(wire::Outcome { outcome: Some(outcome::Outcome::Refusal(unknown)) }).is_err());
    }

    #[test]
    fn sends_arrive_as_they_were_and_others_are_not_asked_for() {
        let author = Arc::new(v1::Author { id: 4, username: "ann".into(), ..v1::Author::default() });
        let action = Action::Send { nonce: Uuid::from_u128(5), content: "x".into(), reply_to: Some(MessageId(2)) };
        let mut first = Command { actor: UserId(4), author, guild: GuildId(3), guild_seq: 8, action };
        let request_of = |command: &Command| request(ChannelId(1), 6, &[command]);
        let Ok(read) = asked(request_of(&first).expect("a request")) else { panic!("unreadable") };
        assert_eq!((read.channel, read.time_ms), (ChannelId(1), 6));
        assert_eq!(format!("{:?}", read.commands), format!("{:?}", [&first]));
        let none = wire::CommitRequest { channel_id: 1, time_ms: 6, sends: Vec::new() };
        assert!(asked(none).is_err());
        let mut short = request_of(&first).expect("a request");
        short.sends[0].nonce.pop();
        assert!(asked(short).is_err());
        let many =
            wire::CommitRequest { sends: vec![message(&first).expect("a send"); BATCH_MAX + 1], ..Default::default() };
        assert!(asked(many).is_err());
        first.action = Action::Delete { message: MessageId(1), any: true };
        assert!(request_of(&first).is_none());
    }
}
