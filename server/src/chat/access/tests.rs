//! The table of decisions, by hand.

mod audience;
mod cost;
mod matrix;

use guildhall_proto::ids::UserId;

use super::*;
use crate::chat::views::testing::{CHANNEL, MEMBER, OWNER, STRANGER, view};

fn at(user: UserId) -> Who {
    Who { user, now_ms: 1_000 }
}

const ACTIONS: [Action; 12] = [
    Action::ViewGuild,
    Action::ViewChannel(CHANNEL),
    Action::ReadHistory(CHANNEL),
    Action::Send(CHANNEL),
    Action::CreateInvite,
    Action::ManageInvites,
    Action::Kick,
    Action::Leave,
    Action::ManageChannels,
    Action::ManageChannel(CHANNEL),
    Action::ManageGuild,
    Action::DeleteGuild,
];

#[test]
fn the_owner_may_everything() {
    let view = view();
    for action in ACTIONS {
        let permit = authorize(&view, at(OWNER), action).expect("allowed");
        assert_eq!((permit.guild(), permit.guild_seq()), (view.guild().id, view.position().seq));
        assert!(permit.also(Permission::ManageMessages));
    }
}

#[test]
fn a_member_may_what_members_may() {
    let view = view();
    let denied = |permission| Some(Denied::Missing(permission));
    let expected = [
        None,
        None,
        None,
        None,
        None,
        denied(Permission::ManageChannels),
        denied(Permission::KickMembers),
        None,
        denied(Permission::ManageChannels),
        denied(Permission::ManageChannels),
        denied(Permission::ManageGuild),
        Some(Denied::OwnerOnly),
    ];
    for (action, expected) in ACTIONS.into_iter().zip(expected) {
        assert_eq!(authorize(&view, at(MEMBER), action).err(), expected, "{action:?}");
    }
    assert!(!permissions(&view, at(MEMBER)).expect("member").has(Permission::ManageMessages));
}

#[test]
fn to_a_stranger_everything_is_hidden() {
    let view = view();
    for action in ACTIONS {
        let hidden = if action.channel().is_some() { Denied::ChannelHidden } else { Denied::GuildHidden };
        assert_eq!(authorize(&view, at(STRANGER), action).err(), Some(hidden), "{action:?}");
    }
    assert_eq!(permissions(&view, at(STRANGER)), None);
}

#[test]
fn an_unknown_channel_is_hidden_from_the_owner_too() {
    let unknown = ChannelId::from(999);
    assert_eq!(authorize(&view(), at(OWNER), Action::Send(unknown)), Err(Denied::ChannelHidden));
}

#[test]
fn a_deleted_guild_admits_nobody() {
    let mut view = view();
    assert!(admit(&view).is_some());
    let seq = view.position().seq + 1;
    view.apply(seq, Some(&guildhall_proto::v1::event::Payload::GuildDeleted(Default::default())));
    assert_eq!(admit(&view), None);
    assert_eq!(authorize(&view, at(OWNER), Action::ViewGuild), Err(Denied::GuildHidden));
}
