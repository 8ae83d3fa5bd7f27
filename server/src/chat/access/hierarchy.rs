//! Who stands above whom. One gives only what one holds, and touches only what is below one's highest role; the owner is
//! above all.

use guildhall_proto::ids::{RoleId, UserId};

use super::{Denied, Permissions, Who, permissions};
use crate::{chat::views::View, store::RoleRow};

/// How high somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// By the position of the highest role; 0 with none but everyone's.
    Role(u32),
    /// Above all roles.
    Owner,
}

/// How high a user stands; who is not a member stands lowest.
pub fn rank(view: &View, user: UserId) -> Rank {
    if view.guild().owner == user {
        return Rank::Owner;
    }
    let roles = view.member(user).map_or(&[][..], |member| &member.roles);
    let highest = roles.iter().filter_map(|id| view.role(*id)).map(|role| role.position).max();
    Rank::Role(highest.unwrap_or_default())
}

/// Whether the actor may do something to another user: kick, ban, time out, rename.
///
/// # Errors
/// `Denied::NotBelow`.
pub fn above_user(view: &View, actor: UserId, other: UserId) -> Result<(), Denied> {
    if rank(view, actor) > rank(view, other) { Ok(()) } else { Err(Denied::NotBelow) }
}

/// Whether the actor may change a role, give or take it.
///
/// # Errors
/// `Denied::NotBelow`.
pub fn above_role(view: &View, actor: UserId, role: &RoleRow) -> Result<(), Denied> {
    if rank(view, actor) > Rank::Role(role.position) { Ok(()) } else { Err(Denied::NotBelow) }
}

/// As `above_role`, for a role by its id.
///
/// # Errors
/// `Denied::NotBelow`, also where there is no such role.
pub fn above_role_of(view: &View, actor: UserId, role: RoleId) -> Result<(), Denied> {
    view.role(role).map_or(Err(Denied::NotBelow), |role| above_role(view, actor, role))
}

/// Whether the actor holds all that is to be given or taken.
///
/// # Errors
/// `Denied::Missing`, with the first that is lacking.
pub fn holds(view: &View, actor: Who, wanted: Permissions) -> Result<(), Denied> {
    let held = permissions(view, actor).unwrap_or_default();
    match wanted.without(held).each().next() {
        Some(lacking) => Err(Denied::Missing(lacking)),
        None => Ok(()),
    }
}
