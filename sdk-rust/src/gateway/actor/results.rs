//! Results of commands, each under its request id.

use guildhall_proto::Failure;
use guildhall_proto::ids::{ChannelId, GuildId, StreamKey};
use guildhall_proto::v1::command_result::Outcome;
use guildhall_proto::v1::{self, ResyncReason, SendMessageResponse, SubscriptionsUpdated, client_frame};

use super::core::Update;
use super::end::{End, Next};
use super::session::{Pending, Session, Stage};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::event::{Event, Gap};
use crate::gateway::state::CloseReason;
use crate::gateway::subscribe::Subscribed;

impl Session<'_> {
    pub(super) fn on_result(&mut self, result: v1::CommandResult) -> Option<End> {
        let outcome = match result.outcome {
            Some(Outcome::Error(status)) => Err(Failure::from_rpc_status(&status)),
            Some(outcome) => Ok(outcome),
            None => Err(Failure::new(v1::ErrorReason::Unspecified, "a result without an outcome")),
        };
        let Some(pending) = self.pending.remove(&result.request_id) else {
            self.on_sent(result.request_id, outcome);
            return None;
        };
        match (pending, outcome) {
            (Pending::Start, Err(failure)) => return Some(self.refused_start(failure)),
            (Pending::Initial(_), Err(failure)) => return Some(refused(Error::from_failure(failure))),
            (Pending::Initial(update), Ok(outcome)) => {
                self.on_subscribed(&update, outcome, true);
                self.live_if_subscribed();
            }
            (Pending::Asked((update, reply)), outcome) => {
                let outcome = outcome.map_err(Error::from_failure);
                let answer = outcome.map(|outcome| self.on_subscribed(&update, outcome, false));
                // Whoever does not wait any more has given the answer up.
                let _ = reply.send(answer);
            }
            (Pending::Presence(reply), outcome) => {
                let outcome = outcome.map(drop).map_err(Error::from_failure);
                // Whoever does not wait any more has given the answer up.
                let _ = reply.map(|reply| reply.send(outcome));
            }
            (Pending::Start, Ok(_)) => {}
        }
        None
    }

    fn on_sent(&mut self, request_id: u64, outcome: Result<Outcome, Failure>) {
        let outcome: Result<SendMessageResponse, Failure> = match outcome {
            Ok(Outcome::SendMessage(response)) => Ok(response),
            Ok(_) => Err(Failure::new(v1::ErrorReason::Internal, "another command's result")),
            Err(failure) => Err(failure),
        };
        let known = self.core.shared.queue(|queue| queue.answer(request_id, outcome));
        if !known {
            tracing::debug!(request_id, "result of nothing that is waited for");
        }
    }

    /// A Resume that is refused for good is followed by Identify; what was missed is then read from the log.
    fn refused_start(&self, failure: Failure) -> End {
        let resumed = self.stage == Stage::Resuming;
        let end = refused(Error::from_failure(failure));
        match end.next {
            Next::Stop(CloseReason::Refused(ref error))
                if resumed && error.code() != Some(tonic::Code::Unauthenticated) =>
            {
                End { next: Next::Identify, ..end }
            }
            _ => end,
        }
    }

    /// Puts an update on its way that somebody waits for.
    pub(super) fn update(&mut self, (mut update, reply): Update) {
        for channel in &mut update.add_channels {
            let cursor = channel.cursor.as_ref().and_then(Cursor::from_wire);
            if let Some(cursor) = cursor {
                self.core.positions.load(cursor);
            }
            // Of no epoch: read from the log instead.
            channel.cursor = channel.cursor.filter(|cursor| cursor.epoch != 0);
        }
        let command = client_frame::Command::UpdateSubscriptions(update.clone());
        self.command(command, Pending::Asked((update, reply)));
    }

    fn on_subscribed(&mut self, update: &v1::UpdateSubscriptions, outcome: Outcome, initial: bool) -> Subscribed {
        let updated = match outcome {
            Outcome::SubscriptionsUpdated(updated) => updated,
            _ => SubscriptionsUpdated::default(),
        };
        let refused = |channel: &u64| updated.refused_channels.contains(channel);
        let from_cursor = update.add_channels.iter().filter(|channel| channel.cursor.is_some());
        for channel in from_cursor.map(|channel| channel.channel_id).filter(|id| !refused(id)) {
            self.core.positions.attach(StreamKey::channel(ChannelId(channel)));
        }
        if !initial {
            self.core.interest.apply(update);
        }
        self.core.interest.withdraw(&updated);
        for channel in &updated.refused_channels {
            self.on_refused(StreamKey::channel(ChannelId(*channel)), initial);
        }
        for guild in updated.refused_guilds.iter().filter(|guild| update.add_guilds.contains(guild)) {
            self.on_refused(StreamKey::guild(GuildId(*guild)), initial);
        }
        for cursor in updated.cursors.iter().filter_map(Cursor::from_wire) {
            self.begin_stream(cursor);
        }
        self.on_removed(update);
        Subscribed::from(&updated)
    }

    /// What is not watched any more is not followed any more.
    fn on_removed(&mut self, update: &v1::UpdateSubscriptions) {
        let mut gone = update.remove_channels.iter().copied().map(ChannelId).collect::<Vec<_>>();
        let of_guilds = self.core.guild_of.iter();
        let of_guilds = of_guilds.filter(|(_, guild)| update.remove_guilds.contains(&guild.0));
        let (named, unnamed): (Vec<ChannelId>, Vec<ChannelId>) =
            of_guilds.map(|(channel, _)| *channel).partition(|channel| self.core.interest.channels.contains(channel));
        gone.extend(unnamed);
        for stream in gone.into_iter().map(StreamKey::channel) {
            self.core.positions.remove(stream);
            self.core.store.remove(stream);
        }
        if !named.is_empty() {
            // The server takes a guild's channels away even if they were asked for by name.
            let add_channels = named.into_iter().map(|channel| self.subscription(StreamKey::channel(channel)));
            let update = v1::UpdateSubscriptions { add_channels: add_channels.collect(), ..Default::default() };
            self.subscribe_initially(update);
        }
    }

    /// The program asked for it before the session, so it is told by an event; else by the answer to its call.
    fn on_refused(&mut self, stream: StreamKey, initial: bool) {
        self.forget(stream);
        if initial {
            let gap = Gap::new(stream, ResyncReason::AccessLost, None);
            self.core.feed.push(Event::Gap(gap));
        }
    }
}

/// What the session cannot do without was refused.
fn refused(error: Error) -> End {
    let at_least = error.retry_after();
    let next = if error.is_retryable() { Next::Resume } else { Next::Stop(CloseReason::Refused(error.clone())) };
    End { next, at_least, cause: error }
}
