//! Ten thousand random guilds a run, against rules that are written down a second time and another way: permission by
//! permission, the most specific word first.

use guildhall_proto::{
    ids::{RoleId, UserId},
    v1::{self, Permission},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    chat::{
        access::{Permissions, Who, channel_permissions, permissions},
        views::{
            View,
            testing::{CATEGORY, CHANNEL, GUILD, OWNER, SEQ, channel, role},
        },
    },
    store::{ChannelRow, GuildRow, GuildSnapshot, MemberRow, OverwriteRow, Position, RoleRow, Target},
};

const CASES: usize = 10_000;
const NOW_MS: u64 = 1_000;
const USER: UserId = UserId(50);
const OTHER: UserId = UserId(51);

/// A guild, and somebody in question.
struct Case {
    user: UserId,
    member: Option<MemberRow>,
    roles: Vec<RoleRow>,
    category: ChannelRow,
    channel: ChannelRow,
}

#[test]
fn decisions_are_those_of_the_rules_written_down_twice() {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut given, mut refused) = (0_usize, 0_usize);
    for number in 0..CASES {
        let case = Case::any(&mut random);
        let view = case.view();
        let who = Who { user: case.user, now_ms: NOW_MS };
        let wide = permissions(&view, who).unwrap_or_default();
        let here = channel_permissions(&view, who, CHANNEL).unwrap_or_default();
        for permission in Permissions::ALL.each() {
            let wanted = (case.wide(permission), case.here(permission));
            let decided = (wide.has(permission), here.has(permission));
            assert_eq!(decided, wanted, "seed {seed}, case {number}: {permission:?} of {:?}", case.member);
            given += usize::from(decided.1);
            refused += usize::from(!decided.1);
        }
    }
    assert!(given > CASES && refused > CASES, "both happen: {given} given, {refused} refused");
}

impl Case {
    fn any(random: &mut StdRng) -> Self {
        let user = if random.random_bool(0.05) { OWNER } else { USER };
        let roles: Vec<_> = (0..=random.random_range(0..6))
            .map(|place| role(if place == 0 { GUILD.get() } else { 60 + place }, bits(random), place as u32))
            .collect();
        let mut member = MemberRow::new(GUILD, user, 2);
        let bearable = roles.iter().skip(1).map(|role| role.id);
        member.roles = bearable.filter(|_| random.random_bool(0.5)).collect();
        member.time_out_ms = random.random_bool(0.2).then(|| random.random_range(NOW_MS - 2..NOW_MS + 3));
        let member = (user == OWNER || random.random_bool(0.95)).then_some(member);
        let category = with_overwrites(random, channel(CATEGORY, v1::ChannelKind::Category, 0, None));
        let parent = random.random_bool(0.7).then_some(CATEGORY);
        let channel = with_overwrites(random, channel(CHANNEL, v1::ChannelKind::Text, 1, parent));
        let channel = ChannelRow { in_step: random.random_bool(0.5), ..channel };
        Self { user, member, roles, category, channel }
    }

    fn view(&self) -> View {
        let owner = (self.user != OWNER).then(|| MemberRow::new(GUILD, OWNER, 2));
        View::new(GuildSnapshot {
            guild: GuildRow { id: GUILD, name: "guild".into(), icon_url: String::new(), owner: OWNER, create_ms: 1 },
            position: Position { epoch: 77, seq: SEQ },
            members: owner.into_iter().chain(self.member.clone()).collect(),
            channels: vec![self.category.clone(), self.channel.clone()],
            roles: self.roles.clone(),
        })
    }

    /// The rule for the guild as a whole.
    fn wide(&self, permission: Permission) -> bool {
        let Some(member) = &self.member else { return false };
        self.is_mighty(member) || (self.by_roles(member, permission) && !quiet(member, permission))
    }

    /// The rule for the channel.
    fn here(&self, permission: Permission) -> bool {
        let Some(member) = &self.member else { return false };
        if self.is_mighty(member) {
            return true;
        }
        let sees = self.last_word(member, Permission::ViewChannel);
        sees && self.last_word(member, permission) && !quiet(member, permission)
    }

    fn is_mighty(&self, member: &MemberRow) -> bool {
        self.user == OWNER || self.by_roles(member, Permission::Administrator)
    }

    fn by_roles(&self, member: &MemberRow, permission: Permission) -> bool {
        let borne = |role: &&RoleRow| role.id.get() == GUILD.get() || member.roles.contains(&role.id);
        self.roles.iter().filter(borne).any(|role| in_bits(role.permissions, permission))
    }

    fn last_word(&self, member: &MemberRow, permission: Permission) -> bool {
        let follows = self.channel.in_step && self.channel.parent.is_some();
        let rows = if follows { &self.category.overwrites } else { &self.channel.overwrites };
        let says = |target: &dyn Fn(Target) -> bool| {
            let of_target = || rows.iter().filter(|row| target(row.target));
            let gives = of_target().any(|row| in_bits(row.allow, permission));
            let takes = of_target().any(|row| in_bits(row.deny, permission));
            (gives || takes).then_some(gives)
        };
        let borne = |target| matches!(target, Target::Role(role) if member.roles.contains(&role));
        says(&|target| target == Target::Member(self.user))
            .or_else(|| says(&borne))
            .or_else(|| says(&|target| target == Target::Role(RoleId(GUILD.get()))))
            .unwrap_or_else(|| self.by_roles(member, permission))
    }
}

/// Whether a time-out takes it.
fn quiet(member: &MemberRow, permission: Permission) -> bool {
    let looks_on = matches!(permission, Permission::ViewChannel | Permission::ReadHistory);
    !looks_on && member.time_out_ms.is_some_and(|until_ms| until_ms > NOW_MS)
}

fn in_bits(bits: u64, permission: Permission) -> bool {
    bits >> permission as u32 & 1 == 1
}

/// Any permissions, but seldom all.
fn bits(random: &mut StdRng) -> Permissions {
    let any = Permissions::from_bits(random.random());
    let administrator = Permissions::of(&[Permission::Administrator]);
    if random.random_bool(0.9) { any.without(administrator) } else { any }
}

fn with_overwrites(random: &mut StdRng, channel: ChannelRow) -> ChannelRow {
    let roles = [GUILD.get(), 61, 62, 63, 64, 65].map(|id| Target::Role(RoleId(id)));
    let members = [OWNER, USER, OTHER].map(Target::Member);
    let targets = roles.into_iter().chain(members).filter(|_| random.random_bool(0.4)).collect::<Vec<_>>();
    let mut overwrites: Vec<_> = targets
        .into_iter()
        .map(|target| {
            let (deny, allow) = (random.random::<u64>(), random.random::<u64>() & random.random::<u64>());
            OverwriteRow { target, allow, deny: deny & random.random::<u64>() & !allow }
        })
        .collect();
    overwrites.sort_unstable_by_key(|row| row.target);
    ChannelRow { overwrites, ..channel }
}
