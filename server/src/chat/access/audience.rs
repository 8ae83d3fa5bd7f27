//! What a member is shown of a guild's stream. All members follow one stream, and it tells of channels that not all of
//! them may see: such an event keeps its position and loses its content.
//!
//! One function decides for all ways by which the stream is told: live, replayed, listed. It goes by the rights of now,
//! not of when the event happened: whoever may not see a channel any more is told nothing of it, however old.

use guildhall_proto::{
    ids::ChannelId,
    v1::{self, Permission, event::Payload},
};

use super::{Who, channel_permissions, permissions};
use crate::chat::views::View;

/// What is left of an event for one user.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// All of it.
    Same,
    /// That there was one.
    Nothing,
    /// This instead.
    Changed(Box<Payload>),
}

/// Whether an event is told differently to different members at all. The others need no look at any rights.
pub fn is_told_apart(payload: &Payload) -> bool {
    matches!(payload, Payload::ChannelCreated(_) | Payload::ChannelUpdated(_) | Payload::ChannelsReordered(_))
}

/// What a member may know of an event of the guild's stream.
///
/// That a channel is gone is told to all, by its id alone: whoever knew it must hear of it, and who knew it before it
/// was deleted cannot be told from the picture any more.
pub fn shown(view: &View, who: Who, payload: &Payload) -> Shown {
    match payload {
        Payload::ChannelCreated(v1::ChannelCreated { channel })
        | Payload::ChannelUpdated(v1::ChannelUpdated { channel }) => {
            let id = channel.as_ref().map_or(0, |channel| channel.id);
            if may_know(view, who, ChannelId(id)) { Shown::Same } else { Shown::Nothing }
        }
        Payload::ChannelsReordered(order) => {
            let known = order.channel_ids.iter().copied().filter(|id| may_know(view, who, ChannelId(*id)));
            let channel_ids: Vec<_> = known.collect();
            match channel_ids.len() {
                0 => Shown::Nothing,
                all if all == order.channel_ids.len() => Shown::Same,
                _ => Shown::Changed(Box::new(Payload::ChannelsReordered(v1::ChannelsReordered { channel_ids }))),
            }
        }
        _ => Shown::Same,
    }
}

/// Of a channel that is gone only those are told to whom nothing was ever hidden.
fn may_know(view: &View, who: Who, channel: ChannelId) -> bool {
    if view.channel(channel).is_some() {
        return channel_permissions(view, who, channel).is_some();
    }
    permissions(view, who).is_some_and(|held| held.has(Permission::Administrator))
}
