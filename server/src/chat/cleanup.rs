//! Messages that are deleted many at a time, by those who manage messages. Each one that goes is an ordinary deletion, so
//! that every listener and every replay sees it.

use std::sync::Arc;

use guildhall_proto::{
    ids::{ChannelId, MessageId, UserId},
    v1::{self, AuditAction, ChannelKind},
};

use super::{
    Caller, Chat,
    access::{Action as Right, authorize},
    audit::Act,
    error::Result,
    validate,
    views::{GuildHandle, View},
};
use crate::{
    sequencer::{Action, Command, Outcome, Refusal},
    store::{Anchor, MessageRow},
};

/// Messages that are read, and at most deleted, in one step.
const PAGE: usize = 100;

impl Chat {
    /// Deletes messages of anybody. Ids of none, or of deleted ones, do no harm.
    pub async fn bulk_delete_messages(
        &self,
        caller: &Caller,
        request: v1::BulkDeleteMessagesRequest,
    ) -> Result<v1::BulkDeleteMessagesResponse> {
        validate(&request)?;
        let handle = self.channel_guild(request.channel_id).await?;
        let channel = ChannelId(request.channel_id);
        let question = |view: &View| {
            authorize(view, self.who(caller), Right::ManageMessages(channel)).map(drop)?;
            super::messages::holds_messages(view, channel).map(drop)
        };
        self.decide(&handle, question).await?;
        let ids = request.message_ids.iter().copied().map(MessageId);
        let deleted = self.delete_each(&handle, caller, channel, ids).await?;
        if deleted > 0 {
            let act =
                Act::new(AuditAction::MessageBulkDelete, channel, &request.reason).changed("messages", 0, deleted);
            self.write_down(handle.id(), caller.user, act).await;
        }
        Ok(v1::BulkDeleteMessagesResponse { deleted })
    }

    /// Deletes what a user sent to any channel of a guild since a moment; how many messages that were.
    pub(super) async fn delete_recent(
        &self,
        handle: &Arc<GuildHandle>,
        caller: &Caller,
        user: UserId,
        since_ms: u64,
    ) -> Result<u32> {
        let text = i32::from(ChannelKind::Text);
        let channels: Vec<ChannelId> = handle.look(|view| {
            view.channels().into_iter().filter(|channel| channel.kind == text).map(|channel| channel.id).collect()
        });
        let mut deleted = 0;
        for channel in channels {
            let mut anchor = Anchor::Newest;
            while let Some(page) = self.store.log.page(channel, anchor, PAGE).await? {
                let recent = |message: &&MessageRow| message.author == user && message.create_ms >= since_ms;
                let ids: Vec<_> = page.messages.iter().filter(recent).map(|message| message.id).collect();
                deleted += self.delete_each(handle, caller, channel, ids.into_iter()).await?;
                match page.messages.first().filter(|first| page.more_before && first.create_ms >= since_ms) {
                    Some(first) => anchor = Anchor::Before(first.id),
                    None => break,
                }
            }
        }
        Ok(deleted)
    }

    async fn delete_each(
        &self,
        handle: &Arc<GuildHandle>,
        caller: &Caller,
        channel: ChannelId,
        messages: impl Iterator<Item = MessageId>,
    ) -> Result<u32> {
        let author = self.people.author(caller.user).await?;
        let guild_seq = handle.position().seq;
        let mut tickets = Vec::new();
        for message in messages {
            let command = Command {
                actor: caller.user,
                author: Arc::clone(&author),
                guild: handle.id(),
                guild_seq,
                action: Action::Delete { message, any: true },
            };
            tickets.push(self.sequencer.submit(channel, command)?);
        }
        let mut deleted = 0;
        for ticket in tickets {
            match ticket.wait().await {
                Ok(Outcome::Deleted { .. }) => deleted += 1,
                Ok(_) | Err(Refusal::MessageNotFound | Refusal::ChannelNotFound) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(deleted)
    }
}
