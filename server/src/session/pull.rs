//! Refilling the outbox from the log: what was missed before the session, what a slow reader could not take, and what
//! rights have done to the subscriptions.

use std::{collections::HashSet, sync::Arc, time::Duration};

use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey, StreamKind},
    v1::{self, ResyncReason, server_frame::Payload},
};
use tokio::time::Instant;

use super::{
    STREAMS_MAX,
    actor::{Actor, Flow},
    frame,
    outbox::{Replayed, Work},
    subscribe::Wanted,
};
use crate::{chat::Result, fanout::Topic};

/// Events that are read at once: a fraction of the outbox, so that streams take turns.
const PAGE: usize = 64;
/// A reader that is this far behind is better off with the newest page.
const LAG_MAX: u64 = 10_000;
/// How soon the log is asked again after it did not answer.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A resume under way.
#[derive(Default)]
pub(super) struct Resuming {
    pub(super) waiting: HashSet<StreamKey>,
    replayed: u32,
}

impl Actor {
    pub(super) async fn catch_up(&mut self, work: Work) -> Flow {
        for stream in &work.lost {
            self.drop_stream(*stream);
            self.resync(*stream, ResyncReason::AccessLost, None);
        }
        if let Err(error) = self.follow_rights(work.user_moved, work.guild_moved).await {
            self.outbox.give_back(&work);
            self.try_again(&error);
        }
        // One page a round: frames and controls have their turn in between.
        if let Some(stream) = work.behind {
            self.last_pulled = Some(stream);
            match self.pull(stream).await {
                Ok(()) => self.outbox.nudge_if_behind(),
                Err(error) => self.try_again(&error),
            }
        }
        self.tell_resumed();
        Flow::Continue(())
    }

    fn try_again(&mut self, error: &crate::chat::Error) {
        tracing::warn!(%error, "a session could not be caught up; trying again");
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
    }

    /// Reads a page of one stream that is behind.
    async fn pull(&mut self, stream: StreamKey) -> Result<()> {
        let Some(next) = self.outbox.next_behind(stream) else { return Ok(()) };
        if self.outbox.head(stream).is_some_and(|head| head.saturating_sub(next) > LAG_MAX) {
            return self.skip(stream, ResyncReason::TooFarBehind).await;
        }
        let events = self.shared.chat.read_stream(stream, next - 1, PAGE).await?;
        if events.is_empty() && self.outbox.head(stream).is_some_and(|head| head >= next) {
            return self.skip(stream, ResyncReason::CursorAhead).await;
        }
        self.follow_guild(stream, &events).await?;
        let at_end = events.len() < PAGE;
        let replayed = events.into_iter().map(|event| {
            let of_guild = (stream.kind == StreamKind::Guild).then(|| Arc::new(event.clone()));
            Replayed { seq: event.seq, frame: frame::encode(Payload::Event(event)), of_guild }
        });
        let (count, live) = self.outbox.replay(stream, replayed.collect(), at_end);
        if let Some(resuming) = &mut self.resuming {
            resuming.replayed += count;
            if live {
                resuming.waiting.remove(&stream);
            }
        }
        Ok(())
    }

    /// Events that were allowed at a version of the rights which this node has not seen wait until it has; so do those
    /// that make such a version.
    async fn follow_guild(&mut self, stream: StreamKey, events: &[v1::Event]) -> Result<()> {
        let (guild, newest) = match stream.kind {
            StreamKind::Channel => {
                let guild = self.shared.chat.guild_of(ChannelId::from(stream.id)).await?;
                (guild, events.iter().map(|event| event.guild_seq).max())
            }
            StreamKind::Guild => {
                let guild = self.guilds.get(&GuildId::from(stream.id)).cloned();
                (guild, events.last().map(|event| event.seq))
            }
            StreamKind::User => return Ok(()),
        };
        let newest = newest.unwrap_or_default();
        match guild.filter(|guild| guild.position().seq < newest) {
            Some(guild) => self.shared.chat.follow(&guild).await,
            None => Ok(()),
        }
    }

    /// Gives up on what the client misses of a stream; it goes on from the head.
    async fn skip(&mut self, stream: StreamKey, reason: ResyncReason) -> Result<()> {
        match self.shared.chat.position(stream).await? {
            Some(position) => {
                self.resync(stream, reason, Some(position));
                self.outbox.start(stream, position.seq);
            }
            None => {
                self.drop_stream(stream);
                self.resync(stream, ResyncReason::AccessLost, None);
            }
        }
        if let Some(resuming) = &mut self.resuming {
            resuming.waiting.remove(&stream);
        }
        Ok(())
    }

    /// Tells the end of a resume, once.
    pub(super) fn tell_resumed(&mut self) {
        if let Some(resuming) = self.resuming.take_if(|resuming| resuming.waiting.is_empty()) {
            self.outbox.push(frame::encode(Payload::Resumed(v1::Resumed { replayed: resuming.replayed })));
        }
    }

    async fn follow_rights(&mut self, user_moved: bool, guild_moved: bool) -> Result<()> {
        if !self.identified() {
            return Ok(());
        }
        if user_moved {
            self.follow_guilds().await?;
        } else if guild_moved {
            // A channel may be gone: it is dropped, and told as lost, though none of its events ever comes again.
            self.outbox.recheck();
        }
        if (user_moved || guild_moved) && !self.whole_guilds.is_empty() {
            self.follow_channels().await?;
        }
        Ok(())
    }

    /// The user may have joined or left guilds.
    pub(super) async fn follow_guilds(&mut self) -> Result<()> {
        let now = self.shared.chat.guilds_of(self.caller.user).await?;
        let left: Vec<GuildId> =
            self.guilds.keys().filter(|id| !now.iter().any(|guild| guild.id() == **id)).copied().collect();
        for guild in left {
            self.guilds.remove(&guild);
            self.whole_guilds.remove(&guild);
            self.drop_stream(StreamKey::guild(guild));
            self.ignore(Topic::Activity(guild));
            self.ignore(Topic::GuildPresence(guild));
            self.outbox.unwatch_presence(guild);
        }
        for guild in now {
            let stream = StreamKey::guild(guild.id());
            // Not `guilds`: who left and came back in between has lost the stream and not the guild.
            if !self.outbox.watches(stream) {
                let position = guild.position();
                self.join(guild);
                // From its beginning: what the client learns of the guild by other ways may be older than now.
                let beginning = super::identify::cursor(stream, crate::store::Position { epoch: 0, seq: 0 });
                self.start_stream(stream, position, Some(&beginning));
            }
        }
        self.outbox.recheck();
        self.follow_profile().await?;
        self.show_presence();
        Ok(())
    }

    /// The user may have got another custom status by another way.
    async fn follow_profile(&mut self) -> Result<()> {
        let told = self.shared.chat.me(&self.caller).await?.custom_status;
        if told != self.profile_status {
            self.custom_status.clone_from(&told);
            self.profile_status = told;
        }
        Ok(())
    }

    /// Channels of guilds that are watched as a whole may have come.
    async fn follow_channels(&mut self) -> Result<()> {
        let guilds: Vec<u64> = self.whole_guilds.iter().map(|guild| u64::from(*guild)).collect();
        let mut wanted = Wanted::default();
        let mut outcome = v1::SubscriptionsUpdated::default();
        self.watch_guilds(&guilds, &mut wanted, true, &mut outcome);
        let surplus = wanted.shrink_to(STREAMS_MAX.saturating_sub(self.outbox.stream_count()));
        if surplus > 0 {
            tracing::warn!(surplus, "a session watches as many streams as it may; new channels are left out");
        }
        let (accepted, _) = self.hold_channels(wanted, &[], &mut outcome).await?;
        for (stream, position, from) in accepted {
            self.start_stream(stream, position, from.as_ref());
        }
        Ok(())
    }
}
