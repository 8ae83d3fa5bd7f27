//! Roles: made, changed, ordered, deleted, given and taken.

use std::collections::HashSet;

use guildhall_proto::{
    ids::{RoleId, UserId},
    v1::{self, AuditAction, event::Payload},
};

use super::{
    Caller, Chat,
    access::{self, Action, Permissions, Who, authorize},
    audit::Act,
    commit::{Decision, Plan},
    error::{Error, Missing, Result},
    events, validate,
    views::View,
};
use crate::store::{RoleRow, Write};

/// Roles of one guild, everyone's included.
const ROLES_MAX: usize = 500;

impl Chat {
    /// Makes a role, right above everyone's.
    pub async fn create_role(&self, caller: &Caller, request: v1::CreateRoleRequest) -> Result<v1::CreateRoleResponse> {
        validate(&request)?;
        let permissions = known(request.permissions)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let who = self.who(caller);
            let permit = authorize(view, who, Action::ManageRoles)?;
            access::holds(view, who, permissions)?;
            if view.roles().len() >= ROLES_MAX {
                return Err(Error::Limit { subject: "guild.roles", max: ROLES_MAX });
            }
            let row = RoleRow {
                id: RoleId(self.new_id()),
                guild: permit.guild(),
                name: request.name.clone(),
                permissions: permissions.bits(),
                color: request.color,
                hoist: request.hoist,
                mentionable: request.mentionable,
                position: 1,
                bot: None,
                create_ms: self.clock.now_ms(),
            };
            let act = Act::new(AuditAction::RoleCreate, row.id, &request.reason)
                .changed("name", "", &row.name)
                .changed("permissions", 0, row.permissions);
            Ok(Decision::Write(self.new_role(view, Plan::new(permit, events::role(&row)), caller.user, row, act)))
        };
        let role = self.change(&handle, decide).await?;
        Ok(v1::CreateRoleResponse { role: Some(role) })
    }

    /// What it takes that a role comes to its position.
    pub(super) fn new_role<T>(&self, view: &View, plan: Plan<T>, actor: UserId, row: RoleRow, act: Act<'_>) -> Plan<T> {
        let above = view.roles().into_iter().filter(|role| role.position >= row.position);
        let moved = above.map(|role| (role.id, role.position + 1)).collect();
        let payload = Payload::RoleCreated(v1::RoleCreated { role: Some(events::role(&row)) });
        let written = self.audit(plan.permit(), actor, act);
        plan.write(Write::SetRolePositions(moved))
            .write(Write::InsertRole(row))
            .write(written)
            .event(self.guild_event(view, actor, payload))
    }

    /// The roles of a guild, everyone's first, by position.
    pub async fn list_roles(&self, caller: &Caller, request: v1::ListRolesRequest) -> Result<v1::ListRolesResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        Ok(v1::ListRolesResponse { roles: handle.look(all) })
    }

    /// Changes a role. Of everyone's only the permissions change.
    pub async fn update_role(&self, caller: &Caller, request: v1::UpdateRoleRequest) -> Result<v1::UpdateRoleResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let who = self.who(caller);
            let permit = authorize(view, who, Action::ManageRoles)?;
            let old = role_below(view, who, request.role_id)?;
            let row = patched(old, &request)?;
            if row == *old {
                return Ok(Decision::Nothing(events::role(&row)));
            }
            let everyone = old.id == view.everyone();
            if everyone && (RoleRow { permissions: old.permissions, ..row.clone() }) != *old {
                return Err(Error::RoleFixed);
            }
            // What is neither given nor taken may be what the caller lacks.
            access::holds(view, who, Permissions::from_bits(old.permissions ^ row.permissions))?;
            let act = Act::new(AuditAction::RoleUpdate, row.id, &request.reason)
                .changed("name", &old.name, &row.name)
                .changed("permissions", old.permissions, row.permissions)
                .changed("color", old.color, row.color)
                .changed("hoist", old.hoist, row.hoist)
                .changed("mentionable", old.mentionable, row.mentionable);
            let shown = events::role(&row);
            let payload = Payload::RoleUpdated(v1::RoleUpdated { role: Some(shown.clone()) });
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, shown)
                .write(Write::UpdateRole(row))
                .write(written)
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        let role = self.change(&handle, decide).await?;
        Ok(v1::UpdateRoleResponse { role: Some(role) })
    }

    /// Deletes a role: its bearers and all channels lose it.
    pub async fn delete_role(&self, caller: &Caller, request: v1::DeleteRoleRequest) -> Result<v1::DeleteRoleResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let who = self.who(caller);
            let permit = authorize(view, who, Action::ManageRoles)?;
            let role = role_below(view, who, request.role_id)?;
            // What is left of a bot that is gone may go.
            if role.id == view.everyone() || role.bot.is_some_and(|bot| view.is_member(bot)) {
                return Err(Error::RoleFixed);
            }
            let act = Act::new(AuditAction::RoleDelete, role.id, &request.reason).changed("name", &role.name, "");
            let written = self.audit(&permit, caller.user, act);
            Ok(Decision::Write(self.without_role(view, Plan::new(permit, ()), caller.user, role).write(written)))
        };
        self.change(&handle, decide).await?;
        Ok(v1::DeleteRoleResponse {})
    }

    /// What it takes that a role goes.
    pub(super) fn without_role<T>(&self, view: &View, plan: Plan<T>, actor: UserId, role: &RoleRow) -> Plan<T> {
        let above = view.roles().into_iter().filter(|other| other.position > role.position);
        let moved = above.map(|other| (other.id, other.position - 1)).collect();
        let payload = Payload::RoleDeleted(v1::RoleDeleted { role_id: role.id.get() });
        plan.write(Write::DeleteRole(role.guild, role.id))
            .write(Write::SetRolePositions(moved))
            .event(self.guild_event(view, actor, payload))
    }

    /// Gives all roles but everyone's a new order. Those that are not below the caller's highest keep their places.
    pub async fn reorder_roles(
        &self,
        caller: &Caller,
        request: v1::ReorderRolesRequest,
    ) -> Result<v1::ReorderRolesResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let decide = |view: &View| {
            let permit = authorize(view, self.who(caller), Action::ManageRoles)?;
            let old: Vec<_> = view.roles().into_iter().filter(|role| role.id != view.everyone()).collect();
            let wanted: HashSet<_> = request.role_ids.iter().copied().map(RoleId).collect();
            // The list was checked for repetitions, so equal sets are equal lists.
            if wanted != old.iter().map(|role| role.id).collect() {
                return Err(Error::field("role_ids", "reorder.all", "must name every role but everyone's once"));
            }
            let places: Vec<_> = request.role_ids.iter().copied().map(RoleId).zip(1..).collect();
            for (id, position) in &places {
                let stays = view.role(*id).is_some_and(|role| role.position == *position);
                if !stays {
                    access::above_role_of(view, caller.user, *id)?;
                }
            }
            if old.iter().zip(&places).all(|(role, (id, _))| role.id == *id) {
                return Ok(Decision::Nothing(()));
            }
            let payload = Payload::RolesReordered(v1::RolesReordered { role_ids: request.role_ids.clone() });
            let act = Act::new(AuditAction::RoleReorder, 0_u64, &request.reason);
            let written = self.audit(&permit, caller.user, act);
            Plan::new(permit, ())
                .write(Write::SetRolePositions(places))
                .write(written)
                .event(self.guild_event(view, caller.user, payload))
                .decided()
        };
        self.change(&handle, decide).await?;
        Ok(v1::ReorderRolesResponse { roles: handle.look(all) })
    }

    /// Gives a member a role.
    pub async fn add_member_role(
        &self,
        caller: &Caller,
        request: v1::AddMemberRoleRequest,
    ) -> Result<v1::AddMemberRoleResponse> {
        validate(&request)?;
        let change = RoleChange {
            guild: request.guild_id,
            member: UserId(request.user_id),
            role: request.role_id,
            reason: &request.reason,
            give: true,
        };
        Ok(v1::AddMemberRoleResponse { role_ids: self.change_roles(caller, change).await? })
    }

    /// Takes a role from a member.
    pub async fn remove_member_role(
        &self,
        caller: &Caller,
        request: v1::RemoveMemberRoleRequest,
    ) -> Result<v1::RemoveMemberRoleResponse> {
        validate(&request)?;
        let change = RoleChange {
            guild: request.guild_id,
            member: UserId(request.user_id),
            role: request.role_id,
            reason: &request.reason,
            give: false,
        };
        Ok(v1::RemoveMemberRoleResponse { role_ids: self.change_roles(caller, change).await? })
    }

    async fn change_roles(&self, caller: &Caller, change: RoleChange<'_>) -> Result<Vec<u64>> {
        let handle = self.my_guild(caller, change.guild).await?;
        let decide = |view: &View| {
            let who = self.who(caller);
            let permit = authorize(view, who, Action::ManageRoles)?;
            let role = role_below(view, who, change.role)?;
            if role.id == view.everyone() || role.bot.is_some() {
                return Err(Error::RoleFixed);
            }
            let member = view.member(change.member).ok_or(Error::NotFound(Missing::Member))?;
            if change.give {
                // Whoever bears a role holds what it gives: nobody is made mightier than oneself.
                access::holds(view, who, Permissions::from_bits(role.permissions))?;
            }
            let mut roles = member.roles.clone();
            match roles.binary_search(&role.id) {
                Err(place) if change.give => roles.insert(place, role.id),
                Ok(place) if !change.give => drop(roles.remove(place)),
                _ => return Ok(Decision::Nothing(ids(&roles))),
            }
            let (before, after) = if change.give { ("", &*role.name) } else { (&*role.name, "") };
            let act = Act::new(AuditAction::MemberRoles, change.member, change.reason).changed("role", before, after);
            let written = self.audit(&permit, caller.user, act);
            let payload = v1::MemberRolesUpdated { user_id: change.member.get(), role_ids: ids(&roles) };
            Plan::new(permit, ids(&roles))
                .write(Write::SetMemberRoles(view.guild().id, change.member, roles))
                .write(written)
                .event(self.guild_event(view, caller.user, Payload::MemberRolesUpdated(payload)))
                .decided()
        };
        self.change(&handle, decide).await
    }
}

struct RoleChange<'a> {
    guild: u64,
    member: UserId,
    role: u64,
    reason: &'a str,
    give: bool,
}

/// A role that the user may touch.
fn role_below(view: &View, who: Who, id: u64) -> Result<&RoleRow> {
    let role = view.role(RoleId(id)).ok_or(Error::NotFound(Missing::Role))?;
    // Below everyone's there is nothing: whoever may manage roles may change it.
    if role.id != view.everyone() {
        access::above_role(view, who.user, role)?;
    }
    Ok(role)
}

/// A set of permissions out of a request.
pub(super) fn known(bits: u64) -> Result<Permissions> {
    let known = Permissions::from_bits(bits);
    let unknown = || Error::field("permissions", "permissions.known", "must not have bits that mean nothing");
    if known.bits() == bits { Ok(known) } else { Err(unknown()) }
}

fn patched(old: &RoleRow, request: &v1::UpdateRoleRequest) -> Result<RoleRow> {
    let permissions = match request.permissions {
        Some(bits) => known(bits)?.bits(),
        None => old.permissions,
    };
    Ok(RoleRow {
        name: request.name.as_ref().unwrap_or(&old.name).clone(),
        permissions,
        color: request.color.unwrap_or(old.color),
        hoist: request.hoist.unwrap_or(old.hoist),
        mentionable: request.mentionable.unwrap_or(old.mentionable),
        ..old.clone()
    })
}

fn all(view: &View) -> Vec<v1::Role> {
    view.roles().into_iter().map(events::role).collect()
}

fn ids(roles: &[RoleId]) -> Vec<u64> {
    roles.iter().map(|role| role.get()).collect()
}
