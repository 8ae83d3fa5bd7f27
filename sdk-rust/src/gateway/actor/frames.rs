//! What comes in: each frame and what it means.

use std::collections::HashMap;

use guildhall_proto::ids::{ChannelId, StreamKey, StreamKind};
use guildhall_proto::v1::server_frame::Payload;
use guildhall_proto::v1::{self, SessionResponse};
use tonic::Status;

use super::end::End;
use super::link;
use super::session::{Session, Stage};
use crate::cursor::Cursor;
use crate::event::{Event, Gap};
use crate::gateway::positions::Verdict;

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
            Verdict::Hole(fetch) => {
                tracing::debug!(event = %cursor, held = %fetch.after, "hole in a stream");
                self.fetch(fetch, 0);
            }
        }
    }

    /// Hands an event to the program and acts on what it says about streams.
    pub(super) fn deliver(&mut self, event: Event) {
        match &event {
            Event::ChannelCreated(channel) => {
                self.core.guild_of.insert(channel.id, channel.guild_id);
                if self.core.interest.covers(channel.guild_id) {
                    // Watched from its first event on, however late we hear of it.
                    let stream = StreamKey::channel(channel.id);
                    if self.core.positions.get(stream).is_none() {
                        let cursor = Cursor::beginning(stream);
                        self.core.positions.load(cursor);
                        self.core.store.save(&cursor);
                    }
                }
            }
            Event::ChannelDeleted(deleted) => self.forget(StreamKey::channel(deleted.channel_id)),
            Event::GuildJoined(guild) if self.core.interest.covers(guild.id) => {
                // Before Live it is among the guilds that are subscribed to anyway, or was subscribed to before.
                if matches!(self.stage, Stage::Subscribing | Stage::Live) {
                    self.subscribe_initially(v1::UpdateSubscriptions {
                        add_guilds: vec![guild.id.0],
                        ..Default::default()
                    });
                }
            }
            Event::GuildLeft(left) => self.forget(StreamKey::guild(left.guild_id)),
            _ => {}
        }
        self.core.feed.push(event);
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
                tracing::debug!(held = %at, head = %head, "stream stands still");
                let fetch = self.core.positions.fetch(head);
                self.fetch(fetch, 0);
            } else {
                suspects.insert(head.stream, head.seq);
            }
        }
        self.suspects = suspects;
    }
}
