//! What a session watches: channels, whole guilds, presences.

use std::{collections::HashMap, sync::Arc};

use guildhall_proto::{
    ids::{ChannelId, GuildId, StreamKey, UserId},
    v1::{self, ResyncReason, command_result::Outcome, server_frame::Payload},
};

use super::{
    RESUME_EVENTS_MAX, STREAMS_MAX,
    actor::{Actor, Flow},
    frame,
    identify::cursor,
};
use crate::{
    chat::{Error, Result},
    fanout::{Topic, presence::presence_frame},
    store::Position,
};

/// Channels to be watched, each from a cursor or from now on.
#[derive(Default)]
pub(super) struct Wanted(HashMap<ChannelId, Option<v1::Cursor>>);

/// A channel that is held, how far it is, and where the client wants it from.
pub(super) type Accepted = (StreamKey, Position, Option<v1::Cursor>);

/// How far channels are; those that do not exist (any more) are left out.
pub(super) type Heads = HashMap<ChannelId, Position>;

impl Wanted {
    pub(super) fn of_cursors(cursors: &[v1::Cursor]) -> Self {
        let channels = cursors.iter().filter_map(|cursor| {
            let stream = StreamKey::try_from(cursor.stream?).ok().filter(|stream| stream.is_channel())?;
            Some((ChannelId::from(stream.id), Some(*cursor)))
        });
        Self(channels.collect())
    }

    /// Leaves out what is too much; returns how many that were.
    pub(super) fn shrink_to(&mut self, max: usize) -> usize {
        let surplus: Vec<ChannelId> = self.0.keys().skip(max).copied().collect();
        surplus.iter().for_each(|channel| {
            self.0.remove(channel);
        });
        surplus.len()
    }

    pub(super) fn add(&mut self, subscriptions: &[v1::ChannelSubscription]) {
        for subscription in subscriptions {
            self.0.insert(ChannelId::from(subscription.channel_id), subscription.cursor);
        }
    }
}

impl Actor {
    pub(super) async fn update_subscriptions(&mut self, request_id: u64, update: v1::UpdateSubscriptions) -> Flow {
        if self.valid(request_id, &update)
            && let Err(error) = self.subscribe(request_id, update).await
        {
            self.tell(request_id, Err(error));
        }
        Flow::Continue(())
    }

    async fn subscribe(&mut self, request_id: u64, update: v1::UpdateSubscriptions) -> Result<()> {
        let mut guilds = update.add_guilds.iter().chain(&update.add_presence_guilds);
        if guilds.any(|guild| !self.guilds.contains_key(&GuildId::from(*guild))) {
            self.follow_guilds().await?;
        }
        self.unsubscribe(&update);
        let mut outcome = v1::SubscriptionsUpdated::default();
        let mut wanted = Wanted::default();
        for channel in update.add_channels.iter().map(|subscription| ChannelId::from(subscription.channel_id)) {
            self.excluded.remove(&channel);
            self.named.insert(channel);
        }
        wanted.add(&update.add_channels);
        let whole_before = self.whole_guilds.clone();
        self.watch_guilds(&update.add_guilds, &mut wanted, false, &mut outcome);
        if let Err(error) = self.check_room(&wanted) {
            self.whole_guilds = whole_before;
            return Err(error);
        }
        let (accepted, _) = self.hold_channels(wanted, &[], &mut outcome).await?;
        self.watch_presences(&update, &mut outcome).await;
        // The result comes before the first event that it brings.
        self.tell(request_id, Ok(Outcome::SubscriptionsUpdated(outcome)));
        for (stream, position, from) in accepted {
            self.start_stream(stream, position, from.as_ref());
        }
        Ok(())
    }

    fn unsubscribe(&mut self, update: &v1::UpdateSubscriptions) {
        for channel in update.remove_channels.iter().map(|channel| ChannelId::from(*channel)) {
            self.named.remove(&channel);
            if !self.whole_guilds.is_empty() {
                self.excluded.insert(channel);
            }
            self.drop_stream(StreamKey::channel(channel));
        }
        for guild in update.remove_guilds.iter().map(|guild| GuildId::from(*guild)) {
            if self.whole_guilds.remove(&guild)
                && let Some(handle) = self.guilds.get(&guild)
            {
                let channels = handle.readable_channels(self.caller.user);
                for channel in channels.into_iter().filter(|channel| !self.named.contains(channel)).collect::<Vec<_>>()
                {
                    self.drop_stream(StreamKey::channel(channel));
                }
            }
        }
        for guild in update.remove_presence_guilds.iter().map(|guild| GuildId::from(*guild)) {
            self.ignore(Topic::GuildPresence(guild));
            self.outbox.unwatch_presence(guild);
        }
        for user in update.remove_presence_users.iter().map(|user| UserId::from(*user)) {
            self.ignore(Topic::UserPresence(user));
        }
    }

    /// Adds the channels of whole guilds to those that are wanted. `from_beginning`: those that no cursor names are new.
    pub(super) fn watch_guilds(
        &mut self,
        guilds: &[u64],
        wanted: &mut Wanted,
        from_beginning: bool,
        outcome: &mut v1::SubscriptionsUpdated,
    ) {
        for guild in guilds.iter().map(|guild| GuildId::from(*guild)) {
            let handle = self.guilds.get(&guild).filter(|handle| handle.is_member(self.caller.user));
            let Some(handle) = handle else {
                outcome.refused_guilds.push(guild.into());
                continue;
            };
            self.whole_guilds.insert(guild);
            for channel in handle.readable_channels(self.caller.user) {
                let stream = StreamKey::channel(channel);
                if !self.outbox.watches(stream) && !self.excluded.contains(&channel) {
                    let beginning = from_beginning.then(|| cursor(stream, Position { epoch: 0, seq: 0 }));
                    wanted.0.entry(channel).or_insert(beginning);
                }
            }
        }
    }

    /// Begins to hear channels, which are held; then looks how far they and the channels of `also` are, in one go. Fills in
    /// what the client is told.
    pub(super) async fn hold_channels(
        &mut self,
        wanted: Wanted,
        also: &[ChannelId],
        outcome: &mut v1::SubscriptionsUpdated,
    ) -> Result<(Vec<Accepted>, Heads)> {
        self.check_room(&wanted)?;
        let mut fresh = Vec::new();
        let accepted = self.try_hold(wanted, also, outcome, &mut fresh).await;
        if accepted.is_err() {
            // What is held and never started would be silent for ever.
            fresh.into_iter().for_each(|stream| self.drop_stream(stream));
        }
        accepted
    }

    /// Channels that are watched already take no more room.
    fn check_room(&self, wanted: &Wanted) -> Result<()> {
        let more = wanted.0.keys().filter(|channel| !self.outbox.watches(StreamKey::channel(**channel))).count();
        if self.outbox.stream_count() + more > STREAMS_MAX {
            return Err(Error::Limit { subject: "watched streams", max: STREAMS_MAX });
        }
        Ok(())
    }

    async fn try_hold(
        &mut self,
        wanted: Wanted,
        also: &[ChannelId],
        outcome: &mut v1::SubscriptionsUpdated,
        fresh: &mut Vec<StreamKey>,
    ) -> Result<(Vec<Accepted>, Heads)> {
        let mut held = Vec::with_capacity(wanted.0.len());
        for (channel, from) in wanted.0 {
            let handle = self.shared.chat.guild_of(channel).await?;
            let allowed = match &handle {
                Some(handle) => self.shared.chat.may_read(handle, self.caller.user, channel).await,
                None => false,
            };
            let Some(handle) = handle.filter(|_| allowed) else {
                outcome.refused_channels.push(channel.into());
                continue;
            };
            let stream = StreamKey::channel(channel);
            let watched = self.outbox.watches(stream);
            if watched && from.is_none() {
                continue;
            }
            if !watched {
                fresh.push(stream);
            }
            self.outbox.hold(stream, Some(handle));
            self.listen(Topic::Stream(stream));
            held.push((channel, from));
        }
        let heads = self.heads(also.iter().chain(held.iter().map(|(channel, _)| channel))).await?;
        let mut accepted = Vec::with_capacity(held.len());
        for (channel, from) in held {
            let stream = StreamKey::channel(channel);
            match heads.get(&channel).copied() {
                Some(position) => {
                    outcome.cursors.push(from.unwrap_or_else(|| cursor(stream, position)));
                    accepted.push((stream, position, from));
                }
                None => {
                    self.drop_stream(stream);
                    outcome.refused_channels.push(channel.into());
                }
            }
        }
        Ok((accepted, heads))
    }

    async fn heads(&mut self, channels: impl Iterator<Item = &ChannelId>) -> Result<Heads> {
        let mut channels: Vec<ChannelId> = channels.copied().collect();
        channels.sort_unstable();
        channels.dedup();
        let positions = self.shared.chat.positions(&channels).await?;
        Ok(channels.into_iter().zip(positions).filter_map(|(channel, at)| Some((channel, at?))).collect())
    }

    /// A held stream goes on: from the client's cursor if that can be, else from its head.
    pub(super) fn start_stream(&mut self, stream: StreamKey, position: Position, from: Option<&v1::Cursor>) {
        let Some(from) = from else {
            self.outbox.start(stream, position.seq);
            return;
        };
        let reason = if from.epoch != 0 && from.epoch != position.epoch {
            Some(ResyncReason::EpochChanged)
        } else if from.seq > position.seq {
            Some(ResyncReason::CursorAhead)
        } else if position.seq - from.seq > RESUME_EVENTS_MAX {
            Some(ResyncReason::TooFarBehind)
        } else {
            None
        };
        if let Some(reason) = reason {
            self.resync(stream, reason, Some(position));
            self.outbox.start(stream, position.seq);
            return;
        }
        if from.seq == position.seq {
            self.outbox.start(stream, position.seq);
            return;
        }
        if let Some(resuming) = &mut self.resuming {
            resuming.waiting.insert(stream);
        }
        self.outbox.start_behind(stream, from.seq);
    }

    /// Tells that a stream cannot go on from where the client is.
    pub(super) fn resync(&self, stream: StreamKey, reason: ResyncReason, position: Option<Position>) {
        let cursor = position.map(|position| cursor(stream, position));
        let resync = v1::Resync { stream: Some(stream.into()), reason: reason.into(), cursor };
        self.outbox.push(frame::encode(Payload::Resync(resync)));
    }

    pub(super) async fn watch_presences(
        &mut self,
        update: &v1::UpdateSubscriptions,
        outcome: &mut v1::SubscriptionsUpdated,
    ) {
        for guild in update.add_presence_guilds.iter().map(|guild| GuildId::from(*guild)) {
            let handle = self.guilds.get(&guild).cloned().filter(|handle| handle.is_member(self.caller.user));
            let Some(handle) = handle else {
                outcome.refused_guilds.push(guild.into());
                continue;
            };
            self.outbox.watch_presence(guild, Arc::clone(&handle));
            self.listen(Topic::GuildPresence(guild));
            for presence in self.shared.presences.in_guild(guild).await {
                let user = UserId::from(presence.user_id);
                if handle.is_member(user) && !self.hiding.has(user) {
                    self.outbox.presence(user, presence_frame(presence));
                }
            }
        }
        for user in update.add_presence_users.iter().map(|user| UserId::from(*user)) {
            if !self.guilds.values().any(|guild| guild.is_member(user)) {
                outcome.refused_users.push(user.into());
                continue;
            }
            self.listen(Topic::UserPresence(user));
            let presence = self.shared.presences.get(user).await;
            self.outbox.presence(user, presence_frame(self.visible(user, presence)));
        }
    }
}
