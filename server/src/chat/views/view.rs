//! A guild as it is at one position of its stream: all that rights depend on. Pure: events go in, the picture changes.

use std::collections::HashMap;

use guildhall_proto::{
    ids::{ChannelId, RoleId, UserId},
    v1::event::Payload,
};

use crate::{
    chat::events,
    store::{ChannelRow, GuildRow, GuildSnapshot, MemberRow, OverwriteRow, Position, RoleRow, Target},
};

/// The picture.
#[derive(Clone, Debug)]
pub struct View {
    guild: GuildRow,
    position: Position,
    members: HashMap<UserId, MemberRow>,
    channels: HashMap<ChannelId, ChannelRow>,
    roles: HashMap<RoleId, RoleRow>,
    deleted: bool,
}

impl View {
    /// The picture that the store has.
    pub fn new(snapshot: GuildSnapshot) -> Self {
        Self {
            guild: snapshot.guild,
            position: snapshot.position,
            members: snapshot.members.into_iter().map(|member| (member.user, member)).collect(),
            channels: snapshot.channels.into_iter().map(|channel| (channel.id, channel)).collect(),
            roles: snapshot.roles.into_iter().map(|role| (role.id, role)).collect(),
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

    /// A member, with roles, nickname and time-out.
    pub fn member(&self, user: UserId) -> Option<&MemberRow> {
        self.members.get(&user)
    }

    /// The id of everyone's role.
    pub fn everyone(&self) -> RoleId {
        RoleId(self.guild.id.get())
    }

    /// A role.
    pub fn role(&self, id: RoleId) -> Option<&RoleRow> {
        self.roles.get(&id)
    }

    /// All roles, everyone's first, by position.
    pub fn roles(&self) -> Vec<&RoleRow> {
        let mut roles: Vec<_> = self.roles.values().collect();
        roles.sort_unstable_by_key(|role| (role.position, role.id));
        roles
    }

    /// The overwrites that count in a channel, by target: its own or, in step, its category's.
    pub fn overwrites<'a>(&'a self, channel: &'a ChannelRow) -> &'a [OverwriteRow] {
        let category = channel.parent.filter(|_| channel.in_step).and_then(|id| self.channels.get(&id));
        &category.unwrap_or(channel).overwrites
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
                self.roles.clear();
            }
            Some(Payload::OwnerChanged(change)) => self.guild.owner = UserId(change.owner_id),
            Some(other) => {
                self.apply_members(other);
                self.apply_roles(other);
                self.apply_channels(other);
            }
            None => {}
        }
    }

    fn apply_members(&mut self, payload: &Payload) {
        match payload {
            Payload::MemberJoined(change) => {
                if let Some(member) = change.member.as_ref().and_then(events::member_row) {
                    self.members.insert(member.user, member);
                }
            }
            Payload::MemberRemoved(change) => {
                let user = UserId(change.user_id);
                self.members.remove(&user);
                self.forget(Target::Member(user));
            }
            Payload::MemberRolesUpdated(change) => {
                if let Some(member) = self.members.get_mut(&UserId(change.user_id)) {
                    member.roles = change.role_ids.iter().copied().map(RoleId).collect();
                    member.roles.sort_unstable();
                }
            }
            Payload::MemberNicknameUpdated(change) => {
                if let Some(member) = self.members.get_mut(&UserId(change.user_id)) {
                    member.nickname.clone_from(&change.nickname);
                }
            }
            Payload::MemberTimedOut(change) => {
                if let Some(member) = self.members.get_mut(&UserId(change.user_id)) {
                    member.time_out_ms = change.until_time.map(events::unix_ms);
                }
            }
            _ => {}
        }
    }

    fn apply_roles(&mut self, payload: &Payload) {
        match payload {
            Payload::RoleCreated(change) => {
                if let Some(role) = change.role.as_ref().map(events::role_row) {
                    let above = self.roles.values_mut().filter(|other| other.position >= role.position);
                    above.for_each(|other| other.position += 1);
                    self.roles.insert(role.id, role);
                }
            }
            Payload::RoleUpdated(change) => {
                if let Some(role) = change.role.as_ref().map(events::role_row) {
                    self.roles.insert(role.id, role);
                }
            }
            Payload::RoleDeleted(change) => self.delete_role(RoleId(change.role_id)),
            Payload::RolesReordered(change) => {
                for (position, id) in (1..).zip(&change.role_ids) {
                    if let Some(role) = self.roles.get_mut(&RoleId(*id)) {
                        role.position = position;
                    }
                }
            }
            _ => {}
        }
    }

    /// With its overwrites, and from all members.
    fn delete_role(&mut self, id: RoleId) {
        let Some(gone) = self.roles.remove(&id) else { return };
        let above = self.roles.values_mut().filter(|other| other.position > gone.position);
        above.for_each(|other| other.position -= 1);
        self.members.values_mut().for_each(|member| member.roles.retain(|role| *role != id));
        self.forget(Target::Role(id));
    }

    /// No channel knows the target any more.
    fn forget(&mut self, target: Target) {
        self.channels.values_mut().for_each(|channel| channel.overwrites.retain(|row| row.target != target));
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
