//! The messages of deleted accounts, erased in the background: channel by channel, a page at a time, each as an ordinary
//! deletion, so that whoever listens sees it. How far it is stands in the store: after a crash, or on another node, it goes
//! on from there. Two that do the same do no harm.

use std::{sync::Arc, time::Duration};

use guildhall_proto::{
    ids::{ChannelId, GuildId, MessageId, StreamKey, UserId},
    v1::event::Payload,
};
use tokio::time::{sleep, timeout};

use super::{
    Chat,
    error::{Error, Result},
    events,
    views::GuildHandle,
};
use crate::{
    sequencer::{Action, Command, Refusal},
    store::{Anchor, Commit, ErasureRow, MessageRow, Write},
};

/// How often it is looked for erasures that nobody works on.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Erasures that are looked at in one go.
const LOOK_MAX: usize = 16;
/// How long nobody else goes on with an erasure after its row was written.
const HELD_MS: u64 = 10_000;
/// How often its row is written while it goes on.
const SAVE_EVERY_MS: u64 = 2_000;
/// Messages that are read, and at most deleted, in one step.
const PAGE: usize = 100;
/// How long it pauses between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(10);
/// Events of a user's stream that are read at once.
const EVENTS_PAGE: usize = 500;
/// How long after the deletion the second and last round begins: it finds what was on its way when the account went.
const LAST_ROUND_AFTER_MS: u64 = 60_000;

impl Chat {
    /// Erases what is to be erased, for ever. To be run once in each process.
    pub async fn erase_messages(&self) {
        loop {
            if let Err(error) = self.erase_due().await {
                tracing::warn!(%error, "messages of a deleted account cannot be erased now; it is tried again");
            }
            // Told or not: it is looked.
            let _ = timeout(LOOK_EVERY, self.erasures_due.notified()).await;
        }
    }

    async fn erase_due(&self) -> Result<()> {
        for found in self.metadata().erasures(self.clock.now_ms(), LOOK_MAX).await? {
            if let Some(held) = self.hold(found).await? {
                self.erase(held).await?;
            }
        }
        Ok(())
    }

    /// Writes down how far an erasure is, and that it goes on here. `None`: it goes on elsewhere.
    async fn hold(&self, row: ErasureRow) -> Result<Option<ErasureRow>> {
        self.put_down(ErasureRow { not_before_ms: self.clock.now_ms() + HELD_MS, ..row }).await
    }

    async fn put_down(&self, row: ErasureRow) -> Result<Option<ErasureRow>> {
        let moved = self.metadata().commit(None, vec![Write::MoveErasure(row)], Vec::new()).await?;
        Ok(matches!(moved, Commit::Done(_)).then_some(ErasureRow { version: row.version + 1, ..row }))
    }

    /// One round over all channels.
    async fn erase(&self, mut row: ErasureRow) -> Result<()> {
        for (channel, guild) in self.channels_ever(row.user).await? {
            if channel > row.channel {
                (row.channel, row.message) = (channel, MessageId(0));
            }
            while channel == row.channel {
                let Some(last) = self.erase_page(&guild, &row).await? else { break };
                row.message = last;
                if self.clock.now_ms() + HELD_MS > row.not_before_ms + SAVE_EVERY_MS {
                    let Some(held) = self.hold(row).await? else { return Ok(()) };
                    row = held;
                }
                sleep(STEP_PAUSE).await;
            }
        }
        self.end_round(row).await
    }

    async fn end_round(&self, row: ErasureRow) -> Result<()> {
        if row.round > 0 {
            self.metadata().commit(None, vec![Write::DeleteErasure(row.user)], Vec::new()).await?;
            tracing::info!(user = %row.user, "the messages of a deleted account are erased");
            return Ok(());
        }
        let not_before_ms = row.begin_ms + LAST_ROUND_AFTER_MS;
        let next = ErasureRow { round: 1, channel: ChannelId(0), message: MessageId(0), not_before_ms, ..row };
        self.put_down(next).await.map(drop)
    }

    /// Erases the user's messages of the next page; how far that page goes. `None`: it was the last one.
    async fn erase_page(&self, guild: &Arc<GuildHandle>, row: &ErasureRow) -> Result<Option<MessageId>> {
        let page = self.store.log.page(row.channel, Anchor::After(row.message), PAGE).await?;
        let Some(page) = page else { return Ok(None) };
        let theirs = page.messages.iter().filter(|message| message.author == row.user);
        match self.erase_each(guild, row, theirs).await {
            Ok(()) => {}
            Err(Error::Overloaded { retry_after }) => {
                sleep(retry_after).await;
                return Ok(Some(row.message));
            }
            Err(error) => return Err(error),
        }
        Ok(page.messages.last().filter(|_| page.more_after).map(|message| message.id))
    }

    async fn erase_each(
        &self,
        guild: &Arc<GuildHandle>,
        row: &ErasureRow,
        messages: impl Iterator<Item = &MessageRow>,
    ) -> Result<()> {
        let author = self.people.author(row.user).await?;
        let mut tickets = Vec::new();
        for message in messages {
            let command = Command {
                actor: row.user,
                author: Arc::clone(&author),
                guild: guild.id(),
                // Nobody's right is asked: an author's own deletion shows nothing to anybody.
                guild_seq: guild.position().seq,
                action: Action::Delete { message: message.id, any: false },
            };
            tickets.push(self.sequencer.submit(row.channel, command)?);
        }
        for ticket in tickets {
            match ticket.wait().await {
                // Gone by another way.
                Ok(_) | Err(Refusal::MessageNotFound | Refusal::ChannelNotFound) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(())
    }

    /// The channels, by id, of all guilds that a user ever was in and that are still there.
    async fn channels_ever(&self, user: UserId) -> Result<Vec<(ChannelId, Arc<GuildHandle>)>> {
        let mut channels = Vec::new();
        for id in self.guilds_ever(user).await? {
            let Some(guild) = self.guilds.get(id).await? else { continue };
            self.refresh(&guild).await;
            let ids: Vec<_> = guild.look(|view| view.channel_ids().collect());
            channels.extend(ids.into_iter().map(|channel| (channel, Arc::clone(&guild))));
        }
        channels.sort_unstable_by_key(|(channel, _)| *channel);
        Ok(channels)
    }

    /// The user's stream tells of every guild that the user joined.
    async fn guilds_ever(&self, user: UserId) -> Result<Vec<GuildId>> {
        let (stream, mut after, mut guilds) = (StreamKey::user(user), 0, Vec::new());
        loop {
            let rows = self.metadata().stream_events(stream, after, EVENTS_PAGE).await?;
            let at_end = rows.len() < EVENTS_PAGE;
            after = rows.last().map_or(after, |row| row.seq);
            for row in rows {
                if let Some(Payload::GuildJoined(joined)) = events::stream_event(stream, 0, row).payload {
                    guilds.extend(joined.guild.map(|guild| GuildId(guild.id)));
                }
            }
            if at_end {
                guilds.sort_unstable();
                guilds.dedup();
                return Ok(guilds);
            }
        }
    }
}
