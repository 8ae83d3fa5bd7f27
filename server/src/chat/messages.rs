//! Messages: sent, edited, deleted.
//!
//! Each in two steps: `submit_*` checks, decides and takes a place in the channel's queue; what it returns is waited
//! for. Whoever submits one after the other (a session) keeps the order without waiting for the disk in between.

use std::{sync::Arc, time::Duration};

use guildhall_proto::{
    ids::{ChannelId, MessageId, UserId},
    v1::{self, AuditAction, ChannelKind, Permission},
};
use uuid::Uuid;

use super::{
    Caller, Chat,
    access::{Action as Right, Permit, authorize},
    audit::Act,
    error::{Error, Missing, Result, permission_name},
    events::{self, Place},
    validate,
    views::{GuildHandle, View},
};
use crate::{
    sequencer::{Action, Command, Outcome, Refusal, Ticket},
    store::ChannelRow,
};

/// A message on its way to the disk.
#[derive(Debug)]
pub struct PendingSend(Ticket);

/// An edit on its way to the disk.
#[derive(Debug)]
pub struct PendingEdit {
    ticket: Ticket,
    place: Place,
    author: Arc<v1::Author>,
}

/// A deletion on its way to the disk.
#[derive(Debug)]
pub struct PendingDelete {
    ticket: Ticket,
    place: Place,
    message: MessageId,
    actor: UserId,
}

impl PendingSend {
    /// Waits until the message is on disk. Dropping this does not take the message back.
    pub async fn wait(self) -> Result<v1::SendMessageResponse> {
        match self.0.wait().await? {
            Outcome::Sent { message, create_ms, duplicate } => Ok(v1::SendMessageResponse {
                message_id: message.get(),
                create_time: Some(events::timestamp(create_ms)),
                duplicate,
            }),
            other => Err(unexpected(&other)),
        }
    }
}

impl PendingEdit {
    /// Waits until the edit is on disk.
    pub async fn wait(self) -> Result<v1::EditMessageResponse> {
        match self.ticket.wait().await? {
            Outcome::Edited(row) => {
                Ok(v1::EditMessageResponse { message: Some(events::message(self.place, &row, &self.author)) })
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl PendingDelete {
    /// Waits until the deletion is on disk; that of somebody else's message is written down.
    pub async fn wait(self, chat: &Chat) -> Result<v1::DeleteMessageResponse> {
        match self.ticket.wait().await {
            Ok(Outcome::Deleted { author }) => {
                if author != self.actor {
                    let act = Act::new(AuditAction::MessageDelete, author, "")
                        .changed("channel_id", "", self.place.channel)
                        .changed("message_id", "", self.message);
                    chat.write_down(self.place.guild, self.actor, act).await;
                }
                Ok(v1::DeleteMessageResponse {})
            }
            Ok(other) => Err(unexpected(&other)),
            Err(Refusal::NotAuthor) => Err(Error::Permission(permission_name(Permission::ManageMessages))),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

/// Says what kind of answer it is and nothing of what is in it: a text does not belong in a log.
fn unexpected(outcome: &Outcome) -> Error {
    let kind = match outcome {
        Outcome::Sent { .. } => "send",
        Outcome::Edited(_) => "edit",
        Outcome::Deleted { .. } => "delete",
    };
    Error::Internal(format!("the sequencer answered a different command: {kind}"))
}

impl Chat {
    /// Sends a message and waits until it is on disk.
    pub async fn send_message(
        &self,
        caller: &Caller,
        request: v1::SendMessageRequest,
    ) -> Result<v1::SendMessageResponse> {
        self.submit_send(caller, request).await?.wait().await
    }

    /// Replaces the content of the caller's own message.
    pub async fn edit_message(
        &self,
        caller: &Caller,
        request: v1::EditMessageRequest,
    ) -> Result<v1::EditMessageResponse> {
        self.submit_edit(caller, request).await?.wait().await
    }

    /// Deletes the caller's own message, or any with the permission to manage messages.
    pub async fn delete_message(
        &self,
        caller: &Caller,
        request: v1::DeleteMessageRequest,
    ) -> Result<v1::DeleteMessageResponse> {
        self.submit_delete(caller, request).await?.wait(self).await
    }

    /// Queues a message.
    pub async fn submit_send(&self, caller: &Caller, request: v1::SendMessageRequest) -> Result<PendingSend> {
        validate(&request)?;
        let nonce = Uuid::parse_str(&request.nonce)
            .map_err(|_| Error::field("nonce", "string.uuid", "must be a valid UUID"))?;
        let reply_to = (request.reply_to != 0).then_some(MessageId(request.reply_to));
        self.count_send(caller, ChannelId(request.channel_id), nonce).await?;
        let desk = self.desk(caller, request.channel_id, Right::Send).await?;
        self.count_slow_mode(caller, &desk, nonce).await?;
        let action = Action::Send { nonce, content: request.content, reply_to };
        Ok(PendingSend(self.submit(caller, desk, action)?))
    }

    /// Queues an edit.
    pub async fn submit_edit(&self, caller: &Caller, request: v1::EditMessageRequest) -> Result<PendingEdit> {
        validate(&request)?;
        self.count_change(caller).await?;
        let desk = self.desk(caller, request.channel_id, Right::Send).await?;
        let (place, author) = (desk.place, Arc::clone(&desk.author));
        let action = Action::Edit { message: MessageId(request.message_id), content: request.content };
        Ok(PendingEdit { ticket: self.submit(caller, desk, action)?, place, author })
    }

    /// Queues a deletion.
    pub async fn submit_delete(&self, caller: &Caller, request: v1::DeleteMessageRequest) -> Result<PendingDelete> {
        validate(&request)?;
        self.count_change(caller).await?;
        let desk = self.desk(caller, request.channel_id, Right::ViewChannel).await?;
        let any = desk.permit.also(Permission::ManageMessages);
        let (place, message) = (desk.place, MessageId(request.message_id));
        let ticket = self.submit(caller, desk, Action::Delete { message, any })?;
        Ok(PendingDelete { ticket, place, message, actor: caller.user })
    }

    /// The guild of a channel in which the caller may type.
    pub async fn typing_in(&self, caller: &Caller, channel: ChannelId) -> Result<Arc<GuildHandle>> {
        let handle = self.channel_guild(channel.get()).await?;
        let question = |view: &View| {
            authorize(view, self.who(caller), Right::Send(channel)).map(drop)?;
            holds_messages(view, channel).map(drop)
        };
        self.decide(&handle, question).await?;
        Ok(handle)
    }

    /// Decides whether the caller may do this in a channel that holds messages.
    async fn desk(&self, caller: &Caller, channel: u64, right: fn(ChannelId) -> Right) -> Result<Desk> {
        let handle = self.channel_guild(channel).await?;
        // The profile of now, not that of when the caller logged in: a session lives long.
        let author = self.people.author(caller.user).await?;
        let channel = ChannelId(channel);
        let question = |view: &View| {
            let permit = authorize(view, self.who(caller), right(channel))?;
            let row = holds_messages(view, channel)?;
            Ok((permit, row.slow_mode_seconds))
        };
        let (permit, slow_mode_seconds) = self.decide(&handle, question).await?;
        Ok(Desk { place: Place { guild: handle.id(), channel }, permit, author, slow_mode_seconds })
    }

    /// Waits for nothing: a message that comes too soon after the last one in a slow channel is refused.
    async fn count_slow_mode(&self, caller: &Caller, desk: &Desk, nonce: Uuid) -> Result<()> {
        let spared = [Permission::BypassSlowMode, Permission::ManageMessages, Permission::ManageChannels];
        if desk.slow_mode_seconds == 0 || spared.into_iter().any(|permission| desk.permit.also(permission)) {
            return Ok(());
        }
        let interval = Duration::from_secs(desk.slow_mode_seconds.into());
        self.count_in_slow_channel(caller, desk.place.channel, interval, nonce).await
    }

    fn submit(&self, caller: &Caller, desk: Desk, action: Action) -> Result<Ticket> {
        let Desk { place, permit, author, slow_mode_seconds: _ } = desk;
        let (guild, guild_seq) = (permit.guild(), permit.guild_seq());
        let command = Command { actor: caller.user, author, guild, guild_seq, action };
        Ok(self.sequencer.submit(place.channel, command)?)
    }
}

/// Where somebody may write, and as whom.
struct Desk {
    place: Place,
    permit: Permit,
    author: Arc<v1::Author>,
    slow_mode_seconds: u32,
}

/// A channel that holds messages.
pub(super) fn holds_messages(view: &View, channel: ChannelId) -> Result<&ChannelRow> {
    let channel = view.channel(channel).ok_or(Error::NotFound(Missing::Channel))?;
    if channel.kind == i32::from(ChannelKind::Text) { Ok(channel) } else { Err(Error::ChannelKind) }
}
