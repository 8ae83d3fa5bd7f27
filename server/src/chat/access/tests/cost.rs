//! What one decision costs in the largest guild: printed, with `--nocapture` and in a release build. Nothing depends on the
//! figure; what is asserted is that the questions were worth asking.

use std::time::Instant;

use guildhall_proto::{
    ids::{ChannelId, RoleId, UserId},
    v1::{self, Permission},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    chat::{
        access::{Permissions, Who, channel_permissions},
        views::{
            View,
            testing::{GUILD, OWNER, SEQ, channel, role},
        },
    },
    store::{ChannelRow, GuildRow, GuildSnapshot, MemberRow, OverwriteRow, Position, Target},
};

const MEMBERS: u64 = 10_000;
const ROLES: u64 = 250;
const CHANNELS: u64 = 500;
const ROLES_EACH: usize = 10;
const OVERWRITES_EACH: usize = 20;
const CHECKS: usize = 100_000;

#[test]
fn of_one_check_in_a_large_guild() {
    let mut random = StdRng::seed_from_u64(1);
    let view = large(&mut random);
    let questions: Vec<_> =
        (0..CHECKS).map(|_| (UserId(random.random_range(0..MEMBERS) + 20_000), any_channel(&mut random))).collect();
    let start = Instant::now();
    let seen = questions.iter().filter(|(user, channel)| sees(&view, *user, *channel)).count();
    let each = start.elapsed() / u32::try_from(CHECKS).expect("few");
    println!("{MEMBERS} members, {ROLES} roles, {CHANNELS} channels: {each:?} a check, {seen} of {CHECKS} see");
    assert!(seen > 0 && seen < CHECKS);
}

fn sees(view: &View, user: UserId, channel: ChannelId) -> bool {
    channel_permissions(view, Who::looking(user), channel).is_some()
}

fn any_channel(random: &mut StdRng) -> ChannelId {
    ChannelId(random.random_range(0..CHANNELS) + 40_000)
}

fn any_role(random: &mut StdRng) -> RoleId {
    RoleId(random.random_range(1..ROLES) + 1_000)
}

fn large(random: &mut StdRng) -> View {
    let view_bit = Permissions::of(&[Permission::ViewChannel]).bits();
    let members = (0..MEMBERS).map(|number| {
        let mut roles: Vec<_> = (0..ROLES_EACH).map(|_| any_role(random)).collect();
        roles.sort_unstable();
        roles.dedup();
        MemberRow { roles, ..MemberRow::new(GUILD, UserId(20_000 + number), 2) }
    });
    let members = members.collect();
    let channels = (0..CHANNELS).map(|number| {
        let mut overwrites: Vec<_> = (0..OVERWRITES_EACH)
            .map(|place| {
                let (allow, deny) = if place % 2 == 0 { (view_bit, 0) } else { (0, view_bit) };
                OverwriteRow { target: Target::Role(any_role(random)), allow, deny }
            })
            .collect();
        overwrites.sort_unstable_by_key(|row| row.target);
        overwrites.dedup_by_key(|row| row.target);
        let row = channel(ChannelId(40_000 + number), v1::ChannelKind::Text, number as u32, None);
        ChannelRow { overwrites, ..row }
    });
    let channels = channels.collect();
    let roles = (1..ROLES).map(|number| role(1_000 + number, Permissions::MEMBER, number as u32));
    View::new(GuildSnapshot {
        guild: GuildRow { id: GUILD, name: "large".into(), icon_url: String::new(), owner: OWNER, create_ms: 1 },
        position: Position { epoch: 77, seq: SEQ },
        members,
        channels,
        roles: std::iter::once(role(GUILD.get(), Permissions::MEMBER, 0)).chain(roles).collect(),
    })
}
