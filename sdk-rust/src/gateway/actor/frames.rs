//! What comes in: each frame and what it means.

use std::collections::HashMap;

use guildhall_proto::ids::{ChannelId, StreamKey, StreamKind};
use guildhall_proto::v1::server_frame::Payload;
use guildhall_proto::v1::{self, ResyncReason, SessionResponse};
use tonic::Status;

use super::end::End;
use super::link;
use super::session::{Session, Stage};
use crate::cursor::Cursor;
use crate::event::{Durable, Event, Gap};
use crate::gateway::positions::Verdict;
use crate::model::{Channel, Guild};

impl Session<'_> {
    pub(super) fn frame(&mut self, frame: Result<Option<SessionResponse>, Status>) -> Option<End> {
        let response = match frame {
            Ok(Some(response)) => response,
            Ok(None) => return Some(End::lost("the stream ended")),
            Err(status) => return Some(link::failed(status)),
        };
        match response.frame.and_then(|frame| frame.payload)? {
            Payload::Ready(ready) => self.on_ready(ready),
            Payload::Resumed(resumed) => self.on_resumed(resumed),
            Payload::HeartbeatAck(ack) => self.on_heads(&ack.heads),
            Payload::CommandResult(result) => return self.on_result(result),
            Payload::Resync(resync) => self.on_resync(&resync),
            Payload::Goodbye(goodbye) => return Some(End::goodbye(&goodbye)),
            Payload::Event(event) => self.on_event(event),
            Payload::Ephemeral(ephemeral) => {
                if let Some(event) = Event::from_ephemeral(ephemeral) {
                    self.core.feed.offer(event);
                }
            }
            Payload::Activity(activity) => self.core.feed.offer(Event::Activity(activity.into())),
            // It came already.
            Payload::Hello(_) => {}
        }
        None
    }

    fn on_event(&mut self, event: v1::Event) {
        let Some(event) = Event::from_wire(event) else {
            return;
        };
        let Some(cursor) = event.cursor() else { return };
        match self.core.positions.admit(cursor) {
            Verdict::Deliver => self.deliver(event),
            Verdict::Repeated | Verdict::Awaited => {}
            Verdict::Hole(fetch) => self.catch_up(fetch),
        }
    }

    /// Hands an event to the program and acts on what it says about streams.
    pub(super) fn deliver(&mut self, event: Event) {
        match &event {
            Event::ChannelCreated(channel) => self.on_channel(channel),
            Event::ChannelDeleted(deleted) => self.forget(StreamKey::channel(deleted.channel_id)),
            Event::GuildJoined(guild) => self.on_joined(guild),
            Event::GuildLeft(left) => {
                self.core.joined_at.remove(&left.guild_id);
                self.forget(StreamKey::guild(left.guild_id));
            }
            _ => {}
        }
        self.core.feed.push(event);
    }

    /// A channel of a watched guild is watched from its first event on, however late we hear of it.
    fn on_channel(&mut self, channel: &Durable<Channel>) {
        let guild = channel.guild_id;
        self.core.guild_of.insert(channel.id, guild);
        let joined = self.core.joined_at.get(&guild);
        let old = joined.is_some_and(|joined| channel.create_time < *joined);
        let stream = StreamKey::channel(channel.id);
        if old || !self.core.interest.covers(guild) || self.core.positions.get(stream).is_some() {
            return;
        }
        let cursor = Cursor::beginning(stream);
        self.core.positions.load(cursor);
        self.core.store.save(&cursor);
    }

    fn on_joined(&mut self, guild: &Durable<Guild>) {
        self.core.joined_at.insert(guild.id, guild.create_time);
        // Before that it is among the guilds that are subscribed to anyway.
        let subscribed = matches!(self.stage, Stage::Subscribing | Stage::Live);
        if subscribed && self.core.interest.covers(guild.id) {
            self.subscribe_initially(v1::UpdateSubscriptions { add_guilds: vec![guild.id.0], ..Default::default() });
        }
    }

    /// A stream is not followed any more.
    pub(super) fn forget(&mut self, stream: StreamKey) {
        self.core.positions.remove(stream);
        if stream.kind == StreamKind::Channel {
            let channel = ChannelId(stream.id);
            self.core.interest.channels.remove(&channel);
            self.core.guild_of.remove(&channel);
        }
    }

    fn on_resync(&mut self, resync: &v1::Resync) {
        let stream = resync.stream.and_then(|stream| StreamKey::try_from(stream).ok());
        let Some(stream) = stream else { return };
        let cursor = resync.cursor.as_ref().and_then(Cursor::from_wire);
        if resync.reason() == ResyncReason::TooFarBehind
            && let Some(cursor) = cursor
            && self.core.positions.get(stream).is_some()
        {
            // Too far for a replay; the log itself has no such limit.
            let fetch = self.core.positions.fetch(cursor);
            return self.catch_up(fetch);
        }
        match cursor {
            Some(cursor) => self.core.positions.reset(cursor),
            None => self.forget(stream),
        }
        let gap = Gap::new(stream, resync.reason(), cursor);
        self.core.feed.push(Event::Gap(gap));
    }

    /// Streams that the server has more of. What is on its way needs no help; but a stream that has not reached the
    /// head of the last heartbeat by now has lost its last events.
    fn on_heads(&mut self, heads: &[v1::Cursor]) {
        let heads = heads.iter().filter_map(Cursor::from_wire).collect::<Vec<_>>();
        let mut suspects = HashMap::new();
        for head in heads {
            let Some(at) = self.core.positions.get(head.stream).filter(|at| at.seq < head.seq) else {
                continue;
            };
            let suspected = self.suspects.get(&head.stream);
            if suspected.is_some_and(|seq| at.seq < *seq) && self.stage == Stage::Live {
                let fetch = self.core.positions.fetch(head);
                self.catch_up(fetch);
            } else {
                suspects.insert(head.stream, head.seq);
            }
        }
        self.suspects = suspects;
    }
}
