//! A guild as it is at one position of its stream: all that rights depend on. Pure: events go in, the picture changes.

use std::collections::HashMap;

use guildhall_proto::{
    ids::{ChannelId, UserId},
    v1::event::Payload,
};

use crate::{
    chat::events,
    store::{ChannelRow, GuildRow, GuildSnapshot, Position},
};

/// The picture.
#[derive(Clone, Debug)]
pub struct View {
    guild: GuildRow,
    position: Position,
    /// With the moments of joining, in Unix milliseconds.
    members: HashMap<UserId, u64>,
    channels: HashMap<ChannelId, ChannelRow>,
    deleted: bool,
}

impl View {
    /// The picture that the store has.
    pub fn new(snapshot: GuildSnapshot) -> Self {
        Self {
            guild: snapshot.guild,
            position: snapshot.position,
            members: snapshot.members.into_iter().map(|member| (member.user, member.join_ms)).collect(),
            channels: snapshot.channels.into_iter().map(|channel| (channel.id, channel)).collect(),
            deleted: false,
        }
    }

    /// The guild itself.
    pub fn guild(&self) -> &GuildRow {
        &self.guild
    }

    /// The event that this is the picture after.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether the guild is gone; then it has no members and no channels.
    pub fn deleted(&self) -> bool {
        self.deleted
    }

    /// Whether the user is a member.
    pub fn is_member(&self, user: UserId) -> bool {
        self.members.contains_key(&user)
    }

    /// When the user joined, in Unix milliseconds; `None`: not a member.
    pub fn joined_ms(&self, user: UserId) -> Option<u64> {
        self.members.get(&user).copied()
    }

    /// All members, in no order.
    pub fn members(&self) -> impl ExactSizeIterator<Item = UserId> {
        self.members.keys().copied()
    }

    /// A channel.
    pub fn channel(&self, id: ChannelId) -> Option<&ChannelRow> {
        self.channels.get(&id)
    }

    /// All channels, in no order.
    pub fn channel_ids(&self) -> impl ExactSizeIterator<Item = ChannelId> {
        self.channels.keys().copied()
    }

    /// All channels, by position.
    pub fn channels(&self) -> Vec<&ChannelRow> {
        let mut channels: Vec<_> = self.channels.values().collect();
        channels.sort_unstable_by_key(|channel| (channel.position, channel.id));
        channels
    }

    /// Takes the next event of the guild's stream; `None` is one of a kind that this server does not know. What it
    /// changes follows from the event alone, so that every node comes to the same picture.
    pub fn apply(&mut self, seq: u64, payload: Option<&Payload>) {
        self.position.seq = seq;
        match payload {
            Some(Payload::GuildUpdated(change)) => {
                if let Some(guild) = &change.guild {
                    self.guild.name.clone_from(&guild.name);
                    self.guild.icon_url.clone_from(&guild.icon_url);
                }
            }
            Some(Payload::GuildDeleted(_)) => {
                self.deleted = true;
                self.members.clear();
                self.channels.clear();
            }
            Some(Payload::MemberJoined(change)) => {
                if let Some((user, join_ms)) = change.member.as_ref().and_then(events::membership) {
                    self.members.insert(user, join_ms);
                }
            }
            Some(Payload::MemberRemoved(change)) => {
                self.members.remove(&UserId::from(change.user_id));
            }
            Some(other) => self.apply_channels(other),
            None => {}
        }
    }

    fn apply_channels(&mut self, payload: &Payload) {
        match payload {
            Payload::ChannelCreated(change) => {
                if let Some(channel) = change.channel.as_ref().map(events::channel_row) {
                    self.make_room(channel.position);
                    self.channels.insert(channel.id, channel);
                }
            }
            Payload::ChannelUpdated(change) => {
                if let Some(channel) = change.channel.as_ref().map(events::channel_row) {
                    self.channels.insert(channel.id, channel);
                }
            }
            Payload::ChannelDeleted(change) => {
                if let Some(gone) = self.channels.remove(&ChannelId::from(change.channel_id)) {
                    self.close_gap(gone.position);
                }
            }
            Payload::ChannelsReordered(change) => {
                for (position, id) in (0..).zip(&change.channel_ids) {
                    if let Some(channel) = self.channels.get_mut(&ChannelId::from(*id)) {
                        channel.position = position;
                    }
                }
            }
            _ => {}
        }
    }

    /// A new channel comes to this place: those there and behind move on.
    fn make_room(&mut self, position: u32) {
        self.channels.values_mut().filter(|channel| channel.position >= position).for_each(|channel| {
            channel.position += 1;
        });
    }

    /// The channel of this place is gone: those behind move up.
    fn close_gap(&mut self, position: u32) {
        self.channels.values_mut().filter(|channel| channel.position > position).for_each(|channel| {
            channel.position -= 1;
        });
    }
}
