//! The picture after each kind of event.

use guildhall_proto::{
    ids::{ChannelId, UserId},
    v1::{self, event::Payload},
};

use super::{
    View,
    testing::{CATEGORY, CHANNEL, GUILD, MEMBER, OWNER, SEQ, STRANGER, channel, view},
};
use crate::{
    chat::events,
    store::{MemberRow, UserRow},
};

fn apply(view: &mut View, payload: Payload) {
    let seq = view.position().seq + 1;
    view.apply(seq, Some(&payload));
}

fn order(view: &View) -> Vec<ChannelId> {
    let channels = view.channels();
    let positions: Vec<_> = channels.iter().map(|channel| channel.position as usize).collect();
    assert_eq!(positions, (0..channels.len()).collect::<Vec<_>>(), "positions have no holes");
    channels.iter().map(|channel| channel.id).collect()
}

fn created(id: u64, position: u32) -> Payload {
    let row = channel(ChannelId(id), v1::ChannelKind::Text, position, None);
    Payload::ChannelCreated(v1::ChannelCreated { channel: Some(events::channel(&row)) })
}

#[test]
fn members_come_and_go() {
    let mut view = view();
    let profile = UserRow {
        id: STRANGER,
        username: "s".into(),
        display_name: "s".into(),
        avatar_url: String::new(),
        custom_status: String::new(),
        password_hash: None,
        bot_owner: None,
        admin: false,
        create_ms: 1,
        delete_ms: None,
    };
    let member = events::member(&MemberRow::new(GUILD, STRANGER, 9_001), &profile);
    apply(&mut view, Payload::MemberJoined(v1::MemberJoined { member: Some(member) }));
    assert_eq!(view.member(STRANGER).map(|member| member.join_ms), Some(9_001));
    let reason = v1::LeaveReason::Removed.into();
    apply(&mut view, Payload::MemberRemoved(v1::MemberRemoved { user_id: MEMBER.get(), reason }));
    assert!(!view.is_member(MEMBER) && view.is_member(OWNER));
    assert_eq!((view.members().len(), view.position().seq, view.position().epoch), (2, SEQ + 2, 77));
}

#[test]
fn a_new_channel_moves_those_behind_it() {
    let mut view = view();
    apply(&mut view, created(200, 1));
    assert_eq!(order(&view), [CATEGORY, ChannelId(200), CHANNEL]);
    apply(&mut view, created(201, 3));
    assert_eq!(order(&view), [CATEGORY, ChannelId(200), CHANNEL, ChannelId(201)]);
}

#[test]
fn a_deleted_channel_leaves_no_hole() {
    let mut view = view();
    apply(&mut view, created(200, 1));
    apply(&mut view, Payload::ChannelDeleted(v1::ChannelDeleted { channel_id: 200 }));
    assert_eq!(order(&view), [CATEGORY, CHANNEL]);
    apply(&mut view, Payload::ChannelDeleted(v1::ChannelDeleted { channel_id: 200 }));
    assert_eq!(order(&view), [CATEGORY, CHANNEL]);
}

#[test]
fn channels_change_and_get_a_new_order() {
    let mut view = view();
    let channel_ids = vec![CHANNEL.get(), CATEGORY.get()];
    apply(&mut view, Payload::ChannelsReordered(v1::ChannelsReordered { channel_ids }));
    assert_eq!(order(&view), [CHANNEL, CATEGORY]);
    let mut row = view.channel(CHANNEL).expect("there").clone();
    row.parent = None;
    row.topic = "about".into();
    apply(&mut view, Payload::ChannelUpdated(v1::ChannelUpdated { channel: Some(events::channel(&row)) }));
    assert_eq!(view.channel(CHANNEL), Some(&row));
}

#[test]
fn a_guild_changes_and_goes() {
    let mut view = view();
    let guild = v1::Guild { name: "new".into(), owner_id: 999, ..events::guild_of(&view) };
    apply(&mut view, Payload::GuildUpdated(v1::GuildUpdated { guild: Some(guild) }));
    assert_eq!((view.guild().name.as_str(), view.guild().owner), ("new", OWNER), "an update hands over nothing");
    apply(&mut view, Payload::GuildDeleted(v1::GuildDeleted {}));
    assert!(view.deleted() && !view.is_member(OWNER) && view.channels().is_empty());
}

#[test]
fn what_is_unknown_moves_the_position_only() {
    let mut view = view();
    view.apply(SEQ + 1, None);
    apply(&mut view, Payload::InviteCreated(v1::InviteCreated { creator_id: UserId(1).get() }));
    assert_eq!((view.position().seq, view.members().len()), (SEQ + 2, 2));
}
