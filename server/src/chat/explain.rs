//! Why somebody may or may not do something: the very steps of the decision, and what could be done about it.

use guildhall_proto::{
    ids::{ChannelId, RoleId, UserId},
    v1::{self, Permission, PermissionEffect as Effect, PermissionRemedyKind as Remedy, PermissionStepKind as Kind},
};

use super::{
    Caller, Chat,
    access::{self, Action, Permissions, Step, Who, authorize, evaluate},
    error::{Error, Missing, Result},
    events, validate,
    views::View,
};
use crate::store::OverwriteRow;

impl Chat {
    /// Explains a decision about oneself or, for those who manage roles, about somebody else.
    pub async fn explain_permission(
        &self,
        caller: &Caller,
        request: v1::ExplainPermissionRequest,
    ) -> Result<v1::ExplainPermissionResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let user = if request.user_id == 0 { caller.user } else { UserId(request.user_id) };
        let channel = (request.channel_id != 0).then_some(ChannelId(request.channel_id));
        let permission = Permission::try_from(request.permission).unwrap_or_default();
        self.decide(&handle, |view| {
            let who = self.who(caller);
            let wanted = if user == caller.user { Action::ViewGuild } else { Action::ManageRoles };
            authorize(view, who, wanted).map(drop)?;
            if let Some(channel) = channel {
                // What the caller cannot see is not explained either.
                access::channel_permissions(view, who, channel).ok_or(Error::NotFound(Missing::Channel))?;
            }
            Ok(explain(view, Who { user, ..who }, channel, permission))
        })
        .await
    }
}

fn explain(view: &View, who: Who, channel: Option<ChannelId>, asked: Permission) -> v1::ExplainPermissionResponse {
    let mut steps = Vec::new();
    let held = evaluate(view, who, channel, &mut steps);
    let granted = held.has(asked);
    let shown: Vec<_> = steps.iter().map(|step| shown(view, *step, asked)).collect();
    let decisive = shown.iter().rposition(|step| {
        let wanted = if granted { Effect::Gives } else { Effect::Takes };
        step.effect() == wanted
    });
    v1::ExplainPermissionResponse {
        granted,
        permissions: held.bits(),
        steps: shown,
        decisive_step: decisive.and_then(|place| u32::try_from(place).ok()),
        remedies: if granted { Vec::new() } else { remedies(view, who, channel, asked, &steps) },
    }
}

fn shown(view: &View, step: Step, asked: Permission) -> v1::PermissionStep {
    let blank = |kind: Kind| v1::PermissionStep { kind: kind.into(), ..v1::PermissionStep::default() };
    let all = Permissions::ALL;
    let mut shown = match step {
        Step::Stranger => v1::PermissionStep { takes: all.bits(), ..blank(Kind::Stranger) },
        Step::Owner => v1::PermissionStep { gives: all.bits(), ..blank(Kind::Owner) },
        Step::Everyone(held) => {
            v1::PermissionStep { gives: held.bits(), role_id: view.everyone().get(), ..blank(Kind::Everyone) }
        }
        Step::Role(role, held) => v1::PermissionStep { gives: held.bits(), role_id: role.get(), ..blank(Kind::Role) },
        Step::Administrator(role) => {
            v1::PermissionStep { gives: all.bits(), role_id: role.get(), ..blank(Kind::Administrator) }
        }
        Step::NoChannel => v1::PermissionStep { takes: all.bits(), ..blank(Kind::NoChannel) },
        Step::InStep(category) => v1::PermissionStep { channel_id: category.get(), ..blank(Kind::InStep) },
        Step::EveryoneHere(row) => overwrite(row, view.everyone(), blank(Kind::EveryoneOverwrite)),
        Step::RoleHere(role, row) => overwrite(row, role, blank(Kind::RoleOverwrite)),
        Step::MemberHere(row) => overwrite(row, RoleId(0), blank(Kind::MemberOverwrite)),
        Step::Hidden => v1::PermissionStep { takes: all.bits(), ..blank(Kind::Hidden) },
        Step::TimedOut(until_ms) => v1::PermissionStep {
            takes: all.without(Permissions::TIMED_OUT).bits(),
            until_time: Some(events::timestamp(until_ms)),
            ..blank(Kind::TimedOut)
        },
    };
    let does = |bits| Permissions::from_bits(bits).has(asked);
    // What an overwrite both takes and gives, it gives.
    let effect = match (does(shown.gives), does(shown.takes)) {
        (true, _) => Effect::Gives,
        (false, true) => Effect::Takes,
        (false, false) => Effect::None,
    };
    shown.set_effect(effect);
    shown
}

fn overwrite(row: OverwriteRow, role: RoleId, blank: v1::PermissionStep) -> v1::PermissionStep {
    let (gives, takes) = (Permissions::from_bits(row.allow).bits(), Permissions::from_bits(row.deny).bits());
    v1::PermissionStep { gives, takes, role_id: role.get(), ..blank }
}

/// What can be done, the simplest first. What hides a channel comes before what would be lacking in it.
fn remedies(
    view: &View,
    who: Who,
    channel: Option<ChannelId>,
    asked: Permission,
    steps: &[Step],
) -> Vec<v1::PermissionRemedy> {
    let hidden = steps.contains(&Step::Hidden);
    let lacking = if hidden { Permission::ViewChannel } else { asked };
    let row = channel.and_then(|id| view.channel(id));
    let place = row.map_or(0, |row| row.parent.filter(|_| row.in_step).unwrap_or(row.id).get());
    let remedy = |kind: Remedy, role: RoleId, channel_id: u64| v1::PermissionRemedy {
        kind: kind.into(),
        role_id: role.get(),
        channel_id,
        permission: lacking.into(),
    };
    let takes = |row: &OverwriteRow| Permissions::from_bits(row.deny).has(lacking);
    let mut remedies = Vec::new();
    for step in steps {
        match step {
            Step::Stranger => return vec![remedy(Remedy::Join, RoleId(0), 0)],
            Step::NoChannel => return Vec::new(),
            Step::MemberHere(row) if takes(row) => {
                return vec![remedy(Remedy::ChangeMemberOverwrite, RoleId(0), place)];
            }
            Step::EveryoneHere(row) if takes(row) => {
                remedies.push(remedy(Remedy::ChangeRoleOverwrite, view.everyone(), place));
            }
            Step::RoleHere(role, row) if takes(row) => {
                remedies.push(remedy(Remedy::ChangeRoleOverwrite, *role, place));
            }
            _ => {}
        }
    }
    let timed_out = steps.iter().any(|step| matches!(step, Step::TimedOut(_)));
    if timed_out && evaluate(view, Who { now_ms: u64::MAX, ..who }, channel, &mut ()).has(asked) {
        return vec![remedy(Remedy::EndTimeOut, RoleId(0), 0)];
    }
    if remedies.is_empty() {
        let role = view.member(who.user).and_then(|member| member.roles.first().copied());
        remedies.push(remedy(Remedy::GiveToRole, role.unwrap_or_else(|| view.everyone()), 0));
    }
    if place != 0 && lacking != Permission::Administrator {
        remedies.push(remedy(Remedy::AddMemberOverwrite, RoleId(0), place));
    }
    remedies
}
