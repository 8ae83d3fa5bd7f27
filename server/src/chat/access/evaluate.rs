//! What a member holds, step by step. The one place where it is worked out: decisions take the result, explanations the
//! steps, so that they cannot differ.

use guildhall_proto::{
    ids::{ChannelId, RoleId, UserId},
    v1::Permission,
};

use super::Permissions;
use crate::{
    chat::views::View,
    store::{ChannelRow, OverwriteRow, Target},
};

/// Whom the question is about, and when: time-outs end by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user.
    pub user: UserId,
    /// Unix milliseconds.
    pub now_ms: u64,
}

impl Who {
    /// For questions of looking on alone, which no time-out takes away.
    pub fn looking(user: UserId) -> Self {
        Self { user, now_ms: u64::MAX }
    }
}

/// One thing that gave or took permissions, in the order in which they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The user is not a member: nothing.
    Stranger,
    /// The user owns the guild: everything, and nothing can take it.
    Owner,
    /// Everyone's role gives these.
    Everyone(Permissions),
    /// A role of the member gives these.
    Role(RoleId, Permissions),
    /// One of the roles makes an administrator: everything, and nothing can take it.
    Administrator(RoleId),
    /// There is no such channel.
    NoChannel,
    /// The channel has the overwrites of this category.
    InStep(ChannelId),
    /// The channel's overwrite of everyone's role: taken first, then given.
    EveryoneHere(OverwriteRow),
    /// An overwrite of a role of the member. All of them together take first, then give.
    RoleHere(RoleId, OverwriteRow),
    /// The channel's overwrite of the member alone: the last word.
    MemberHere(OverwriteRow),
    /// The member may not see the channel: nothing else counts.
    Hidden,
    /// The member has a time-out until this moment: only to look on is left.
    TimedOut(u64),
}

/// Whoever wants to know the steps.
pub trait Trace {
    /// The next one.
    fn step(&mut self, step: Step);
}

/// Nobody does.
impl Trace for () {
    fn step(&mut self, _: Step) {}
}

impl Trace for Vec<Step> {
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}

/// What the user holds in the guild or, with `channel`, in that channel.
pub fn evaluate(view: &View, who: Who, channel: Option<ChannelId>, trace: &mut impl Trace) -> Permissions {
    let Some(member) = view.member(who.user) else {
        trace.step(Step::Stranger);
        return Permissions::NONE;
    };
    let channel = match channel.map(|id| view.channel(id)) {
        Some(None) => {
            trace.step(Step::NoChannel);
            return Permissions::NONE;
        }
        found => found.flatten(),
    };
    if view.guild().owner == who.user {
        trace.step(Step::Owner);
        return Permissions::ALL;
    }
    let roles = &member.roles;
    let Some(mut held) = of_roles(view, roles, trace) else { return Permissions::ALL };
    if let Some(channel) = channel {
        held = here(view, who.user, roles, channel, held, trace);
        if !held.has(Permission::ViewChannel) {
            trace.step(Step::Hidden);
            return Permissions::NONE;
        }
    }
    match member.time_out_ms.filter(|until_ms| *until_ms > who.now_ms) {
        Some(until_ms) => {
            trace.step(Step::TimedOut(until_ms));
            held.only(Permissions::TIMED_OUT)
        }
        None => held,
    }
}

/// What everyone's role and these give together; `None`: everything.
fn of_roles(view: &View, roles: &[RoleId], trace: &mut impl Trace) -> Option<Permissions> {
    let everyone = view.everyone();
    let mut held = view.role(everyone).map_or(Permissions::NONE, |role| Permissions::from_bits(role.permissions));
    trace.step(Step::Everyone(held));
    let mut administrator = held.has(Permission::Administrator).then_some(everyone);
    for role in roles.iter().filter_map(|id| view.role(*id)) {
        let given = Permissions::from_bits(role.permissions);
        trace.step(Step::Role(role.id, given));
        if given.has(Permission::Administrator) {
            administrator = administrator.or(Some(role.id));
        }
        held = held.and(given);
    }
    match administrator {
        Some(role) => {
            trace.step(Step::Administrator(role));
            None
        }
        None => Some(held),
    }
}

/// What the channel's overwrites make of it.
fn here(
    view: &View,
    user: UserId,
    roles: &[RoleId],
    channel: &ChannelRow,
    mut held: Permissions,
    trace: &mut impl Trace,
) -> Permissions {
    let overwrites = view.overwrites(channel);
    if channel.in_step
        && let Some(category) = channel.parent
    {
        trace.step(Step::InStep(category));
    }
    let everyone = view.everyone();
    if let Some(row) = find(overwrites, Target::Role(everyone)) {
        trace.step(Step::EveryoneHere(*row));
        held = applied(held, row.allow, row.deny);
    }
    let (mut allow, mut deny) = (0, 0);
    for row in of_bearer(overwrites, roles) {
        if let Target::Role(role) = row.target {
            trace.step(Step::RoleHere(role, *row));
        }
        allow |= row.allow;
        deny |= row.deny;
    }
    held = applied(held, allow, deny);
    if let Some(row) = find(overwrites, Target::Member(user)) {
        trace.step(Step::MemberHere(*row));
        held = applied(held, row.allow, row.deny);
    }
    held
}

fn applied(held: Permissions, allow: u64, deny: u64) -> Permissions {
    held.without(Permissions::from_bits(deny)).and(Permissions::from_bits(allow))
}

/// They are sorted by target.
fn find(overwrites: &[OverwriteRow], target: Target) -> Option<&OverwriteRow> {
    let place = overwrites.binary_search_by_key(&target, |row| row.target).ok()?;
    overwrites.get(place)
}

/// The overwrites of these roles. Both lists are sorted, so one walk finds them.
fn of_bearer<'a>(overwrites: &'a [OverwriteRow], roles: &'a [RoleId]) -> impl Iterator<Item = &'a OverwriteRow> {
    let mut roles = roles.iter().peekable();
    overwrites.iter().filter(move |row| {
        let Target::Role(target) = row.target else { return false };
        while roles.next_if(|role| **role < target).is_some() {}
        roles.next_if(|role| **role == target).is_some()
    })
}
