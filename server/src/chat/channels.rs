//! Channels: made, shown, changed, ordered, deleted.

use std::{collections::HashSet, sync::Arc};

use guildhall_proto::{
    ids::{ChannelId, UserId},
    v1::{self, AuditAction, ChannelKind, Permission, event::Payload},
};

use super::{
    Caller, Chat,
    access::{self, Action, Who, authorize},
    audit::Act,
    commit::{Decision, Plan},
    error::{Error, Missing, Result},
    events, validate,
    views::{GuildHandle, View},
};
use crate::{
    limits,
    store::{ChannelRow, NewEvent, Write},
};

/// Channels of one guild.
const CHANNELS_MAX: usize = 500;

impl Chat {
    /// The guild of a channel that exists; whether the caller may see it is decided on the guild's picture.
    pub(super) async fn channel_guild(&self, id: u64) -> Result<Arc<GuildHandle>> {
        let handle = self.guilds.of_channel(ChannelId(id)).await?;
        handle.ok_or(Error::NotFound(Missing::Channel))
    }

    /// Makes a channel. Those at its place and behind move on.
    pub async fn create_channel(
        &self,
        caller: &Caller,
        request: v1::CreateChannelRequest,
    ) -> Result<v1::CreateChannelResponse> {
        validate(&request)?;
        self.count(caller, limits::CHANNEL).await?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ManageChannels)?;
            let row = self.new_channel(view, caller.user, &request)?;
            let channel = events::channel(&row);
            let mut order: Vec<_> = view.channels().into_iter().map(|channel| channel.id).collect();
            order.insert(row.position as usize, row.id);
            let payload = Payload::ChannelCreated(v1::ChannelCreated { channel: Some(channel.clone()) });
            let act = Act::new(AuditAction::ChannelCreate, row.id, "").changed("name", "", &row.name);
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, channel)
                .write(written)
                .write(Write::InsertChannel(row))
                .write(positions(order))
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        let channel = self.change(&handle, decide).await?;
        Ok(v1::CreateChannelResponse { channel: Some(channel) })
    }

    fn new_channel(&self, view: &View, caller: UserId, request: &v1::CreateChannelRequest) -> Result<ChannelRow> {
        let count = view.channel_ids().len();
        if count >= CHANNELS_MAX {
            return Err(Error::Limit { subject: "guild.channels", max: CHANNELS_MAX });
        }
        let last = u32::try_from(count).unwrap_or(u32::MAX);
        let parent = parent(view, caller, request.kind, request.parent_id)?;
        Ok(ChannelRow {
            id: ChannelId(self.new_id()),
            guild: view.guild().id,
            name: request.name.clone(),
            kind: request.kind,
            position: request.position.unwrap_or(last).min(last),
            parent,
            topic: request.topic.clone(),
            create_ms: self.clock.now_ms(),
            overwrites: Vec::new(),
            in_step: parent.is_some(),
            slow_mode_seconds: 0,
        })
    }

    /// One channel.
    pub async fn get_channel(&self, caller: &Caller, request: v1::GetChannelRequest) -> Result<v1::GetChannelResponse> {
        validate(&request)?;
        let handle = self.channel_guild(request.channel_id).await?;
        self.refresh(&handle).await;
        let channel = handle.look(|view| visible(view, caller.user, ChannelId(request.channel_id)))?;
        Ok(v1::GetChannelResponse { channel: Some(channel) })
    }

    /// The channels of a guild that the caller may see, by position.
    pub async fn list_channels(
        &self,
        caller: &Caller,
        request: v1::ListChannelsRequest,
    ) -> Result<v1::ListChannelsResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        Ok(v1::ListChannelsResponse { channels: handle.look(|view| visible_channels(view, caller.user)) })
    }

    /// Changes name, topic or category.
    pub async fn update_channel(
        &self,
        caller: &Caller,
        request: v1::UpdateChannelRequest,
    ) -> Result<v1::UpdateChannelResponse> {
        validate(&request)?;
        let handle = self.channel_guild(request.channel_id).await?;
        let id = ChannelId(request.channel_id);
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ManageChannel(id))?;
            let old = view.channel(id).ok_or(Error::NotFound(Missing::Channel))?;
            let row = patched(view, caller.user, old, &request, permit.also(Permission::ManageRoles))?;
            let channel = events::channel(&row);
            if row == *old {
                return Ok(Decision::Nothing(channel));
            }
            let event = self.channel_updated(view, caller.user, &row);
            let above = |row: &ChannelRow| row.parent.map_or_else(String::new, |parent| parent.to_string());
            let act = Act::new(AuditAction::ChannelUpdate, id, "")
                .changed("name", &old.name, &row.name)
                .changed("topic", &old.topic, &row.topic)
                .changed("parent_id", above(old), above(&row))
                .changed("slow_mode_seconds", old.slow_mode_seconds, row.slow_mode_seconds);
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, channel).write(Write::UpdateChannel(row)).write(written).event(event).decided()
        };
        let channel = self.change(&handle, decide).await?;
        Ok(v1::UpdateChannelResponse { channel: Some(channel) })
    }

    /// Deletes a channel with its messages. Channels of a deleted category lose it; those behind move up.
    pub async fn delete_channel(
        &self,
        caller: &Caller,
        request: v1::DeleteChannelRequest,
    ) -> Result<v1::DeleteChannelResponse> {
        validate(&request)?;
        let handle = self.channel_guild(request.channel_id).await?;
        let id = ChannelId(request.channel_id);
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ManageChannel(id))?;
            let rest: Vec<_> = view.channels().into_iter().filter(|channel| channel.id != id).collect();
            let children = rest.iter().filter(|channel| channel.parent == Some(id));
            let orphans: Vec<_> = children.map(|child| moved(view, child, None, true)).collect();
            let deleted = Payload::ChannelDeleted(v1::ChannelDeleted { channel_id: id.get() });
            let name = view.channel(id).map_or("", |channel| &*channel.name);
            let act = Act::new(AuditAction::ChannelDelete, id, "").changed("name", name, "");
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, ())
                .write(written)
                .events(orphans.iter().map(|orphan| self.channel_updated(view, caller.user, orphan)))
                .event(self.guild_event(view, caller.user, deleted))
                .writes(orphans.iter().cloned().map(Write::UpdateChannel))
                .write(Write::DeleteChannel(id))
                .write(positions(rest.iter().map(|channel| channel.id)))
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::DeleteChannelResponse {})
    }

    fn channel_updated(&self, view: &View, actor: UserId, row: &ChannelRow) -> NewEvent {
        let payload = Payload::ChannelUpdated(v1::ChannelUpdated { channel: Some(events::channel(row)) });
        self.guild_event(view, actor, payload)
    }

    /// Gives all channels of a guild a new order.
    pub async fn reorder_channels(
        &self,
        caller: &Caller,
        request: v1::ReorderChannelsRequest,
    ) -> Result<v1::ReorderChannelsResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ManageChannels)?;
            let order = reordered(view, caller.user, &request.channel_ids)?;
            let channel_ids = order.iter().map(|id| id.get()).collect();
            let payload = Payload::ChannelsReordered(v1::ChannelsReordered { channel_ids });
            let written = self.audit(&permit, caller.user, Act::new(AuditAction::ChannelReorder, 0_u64, ""));
            Plan::new(permit, ())
                .write(written)
                .write(positions(order))
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::ReorderChannelsResponse { channels: handle.look(|view| visible_channels(view, caller.user)) })
    }
}

/// Fields that are not set stay.
fn patched(
    view: &View,
    caller: UserId,
    old: &ChannelRow,
    request: &v1::UpdateChannelRequest,
    may_change_rights: bool,
) -> Result<ChannelRow> {
    let parent = match request.parent_id {
        Some(id) => parent(view, caller, old.kind, id)?,
        None => old.parent,
    };
    Ok(ChannelRow {
        name: request.name.as_ref().unwrap_or(&old.name).clone(),
        topic: request.topic.as_ref().unwrap_or(&old.topic).clone(),
        slow_mode_seconds: request.slow_mode_seconds.unwrap_or(old.slow_mode_seconds),
        ..moved(view, old, parent, may_change_rights)
    })
}

/// Below another category, or none. Whoever may not change rights moves a channel without changing who sees it; and what
/// was in step with a category that it is not below any more keeps what it had from there.
fn moved(view: &View, old: &ChannelRow, parent: Option<ChannelId>, may_change_rights: bool) -> ChannelRow {
    let stays_in_step = old.in_step && (parent == old.parent || (parent.is_some() && may_change_rights));
    let overwrites = if stays_in_step { Vec::new() } else { view.overwrites(old).to_vec() };
    ChannelRow { parent, overwrites, in_step: stays_in_step, ..old.clone() }
}

/// The category above a channel of this kind; 0 = none. One that the caller may not see is none of the guild's.
fn parent(view: &View, caller: UserId, kind: i32, id: u64) -> Result<Option<ChannelId>> {
    if id == 0 {
        return Ok(None);
    }
    if kind == i32::from(ChannelKind::Category) {
        return Err(Error::field("parent_id", "channel.parent_of_category", "must be 0 for a category"));
    }
    let seen = access::channel_permissions(view, Who::looking(caller), ChannelId(id)).is_some();
    let category = view.channel(ChannelId(id)).filter(|_| seen);
    let category = category.filter(|above| above.kind == i32::from(ChannelKind::Category));
    let unfit = || Error::field("parent_id", "channel.parent", "must be a category of the same guild");
    category.map(|above| Some(above.id)).ok_or_else(unfit)
}

/// The new order of all channels. Those that the user may not see stay where they are, and are not to be named.
fn reordered(view: &View, user: UserId, asked: &[u64]) -> Result<Vec<ChannelId>> {
    let seen = |id| access::channel_permissions(view, Who::looking(user), id).is_some();
    let old = view.channels().into_iter().map(|channel| (channel.id, seen(channel.id)));
    let old: Vec<_> = old.collect();
    let visible: HashSet<_> = old.iter().filter(|(_, seen)| *seen).map(|(id, _)| *id).collect();
    let wanted: HashSet<_> = asked.iter().copied().map(ChannelId).collect();
    // The list was checked for repetitions, so equal sets are equal lists.
    if wanted != visible {
        return Err(Error::field("channel_ids", "reorder.all", "must name every channel of the guild once"));
    }
    let mut asked = asked.iter().copied().map(ChannelId);
    Ok(old.into_iter().filter_map(|(id, seen)| if seen { asked.next() } else { Some(id) }).collect())
}

fn positions(order: impl IntoIterator<Item = ChannelId>) -> Write {
    Write::SetPositions(order.into_iter().zip(0..).collect())
}

fn visible(view: &View, user: UserId, id: ChannelId) -> Result<v1::Channel> {
    authorize(view, Who::looking(user), Action::ViewChannel(id)).map(drop)?;
    view.channel(id).map(events::channel).ok_or(Error::NotFound(Missing::Channel))
}

fn visible_channels(view: &View, user: UserId) -> Vec<v1::Channel> {
    view.channels().into_iter().filter_map(|channel| visible(view, user, channel.id).ok()).collect()
}
