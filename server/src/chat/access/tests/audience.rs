//! What of a guild's stream is told to whom.

use guildhall_proto::{
    ids::{ChannelId, UserId},
    v1::{self, Permission, event::Payload},
};

use crate::{
    chat::{
        access::{Permissions, Shown, Who, is_told_apart, shown},
        events,
        views::{
            View,
            testing::{CATEGORY, CHANNEL, MEMBER, OWNER, SEQ, STRANGER, channel, view},
        },
    },
    store::{ChannelRow, OverwriteRow, Target},
};

/// The small guild, in which the text channel is hidden from all but the owner.
fn hiding() -> View {
    let mut view = view();
    view.apply(SEQ + 1, Some(&updated(&hidden_row(&view))));
    view
}

fn hidden_row(view: &View) -> ChannelRow {
    let deny = Permissions::of(&[Permission::ViewChannel]).bits();
    let row = OverwriteRow { target: Target::Role(view.everyone()), allow: 0, deny };
    ChannelRow { overwrites: vec![row], ..channel(CHANNEL, v1::ChannelKind::Text, 1, Some(CATEGORY)) }
}

fn updated(row: &ChannelRow) -> Payload {
    Payload::ChannelUpdated(v1::ChannelUpdated { channel: Some(events::channel(row)) })
}

fn created(id: ChannelId) -> Payload {
    let row = channel(id, v1::ChannelKind::Text, 1, None);
    Payload::ChannelCreated(v1::ChannelCreated { channel: Some(events::channel(&row)) })
}

fn reordered(channels: &[ChannelId]) -> Payload {
    let channel_ids = channels.iter().map(|id| id.get()).collect();
    Payload::ChannelsReordered(v1::ChannelsReordered { channel_ids })
}

fn to(user: UserId, payload: &Payload) -> Shown {
    shown(&hiding(), Who::looking(user), payload)
}

#[test]
fn a_hidden_channel_is_told_to_those_who_see_it() {
    for payload in [created(CHANNEL), updated(&hidden_row(&view()))] {
        let told = [OWNER, MEMBER, STRANGER].map(|user| to(user, &payload));
        assert_eq!(told, [Shown::Same, Shown::Nothing, Shown::Nothing]);
    }
    assert_eq!(to(MEMBER, &created(CATEGORY)), Shown::Same);
}

#[test]
fn an_order_names_what_its_reader_sees() {
    let order = reordered(&[CHANNEL, CATEGORY]);
    assert_eq!(to(OWNER, &order), Shown::Same);
    assert_eq!(to(MEMBER, &order), Shown::Changed(Box::new(reordered(&[CATEGORY]))));
    assert_eq!(to(MEMBER, &reordered(&[CHANNEL])), Shown::Nothing);
}

#[test]
fn what_is_gone_is_told_to_those_who_see_everything_and_its_end_to_all() {
    let gone = ChannelId(999);
    assert_eq!(to(OWNER, &created(gone)), Shown::Same);
    assert_eq!(to(MEMBER, &created(gone)), Shown::Nothing);
    let deleted = Payload::ChannelDeleted(v1::ChannelDeleted { channel_id: gone.get() });
    assert_eq!(to(MEMBER, &deleted), Shown::Same);
}

#[test]
fn only_what_names_channels_needs_a_look() {
    assert!(is_told_apart(&created(CHANNEL)) && is_told_apart(&reordered(&[])));
    assert!(!is_told_apart(&Payload::GuildUpdated(v1::GuildUpdated::default())));
}
