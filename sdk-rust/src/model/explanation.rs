//! Why somebody may or may not do something, step by step.

use guildhall_proto::ids::{ChannelId, RoleId};
use guildhall_proto::v1::{self, Permission, PermissionEffect, PermissionRemedyKind, PermissionStepKind};

use crate::model::{Permissions, Timestamp, optional};

/// Whether a user may do something, and every step that leads there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Whether the user may.
    pub granted: bool,
    /// All that the user holds there.
    pub permissions: Permissions,
    /// Every step, in the order in which they count.
    pub steps: Vec<ExplainedStep>,
    /// The place in `steps` of the one that decided; `None` = nothing gave it.
    pub decisive_step: Option<u32>,
    /// What would have to change, the simplest first; empty if granted.
    pub remedies: Vec<Remedy>,
}

impl Explanation {
    /// The step that decided; `None` = nothing gave it.
    #[must_use]
    pub fn decisive(&self) -> Option<&ExplainedStep> {
        self.steps.get(usize::try_from(self.decisive_step?).ok()?)
    }
}

/// One step of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedStep {
    /// What it is. `Unspecified` if it is newer than this version.
    pub kind: PermissionStepKind,
    /// The role, if it is about one.
    pub role_id: Option<RoleId>,
    /// The category, if the channel is in step with one.
    pub channel_id: Option<ChannelId>,
    /// What it gives.
    pub gives: Permissions,
    /// What it takes.
    pub takes: Permissions,
    /// When a time-out ends.
    pub until: Option<Timestamp>,
    /// What it does to the permission that the question is about.
    pub effect: PermissionEffect,
}

/// Something that can be done about a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remedy {
    /// What. `Unspecified` if it is newer than this version.
    pub kind: PermissionRemedyKind,
    /// The role, if it is about one.
    pub role_id: Option<RoleId>,
    /// The channel or category where an overwrite stands or would stand.
    pub channel_id: Option<ChannelId>,
    /// The permission that is lacking.
    pub permission: Permission,
}

impl From<v1::ExplainPermissionResponse> for Explanation {
    fn from(response: v1::ExplainPermissionResponse) -> Self {
        Self {
            granted: response.granted,
            permissions: Permissions(response.permissions),
            steps: response.steps.into_iter().map(Into::into).collect(),
            decisive_step: response.decisive_step,
            remedies: response.remedies.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Explanation> for v1::ExplainPermissionResponse {
    fn from(explanation: Explanation) -> Self {
        Self {
            granted: explanation.granted,
            permissions: explanation.permissions.0,
            steps: explanation.steps.into_iter().map(Into::into).collect(),
            decisive_step: explanation.decisive_step,
            remedies: explanation.remedies.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<v1::PermissionStep> for ExplainedStep {
    fn from(step: v1::PermissionStep) -> Self {
        Self {
            kind: step.kind(),
            role_id: optional(step.role_id),
            channel_id: optional(step.channel_id),
            gives: Permissions(step.gives),
            takes: Permissions(step.takes),
            until: step.until_time.map(Timestamp::from),
            effect: step.effect(),
        }
    }
}

impl From<ExplainedStep> for v1::PermissionStep {
    fn from(step: ExplainedStep) -> Self {
        Self {
            kind: step.kind.into(),
            role_id: step.role_id.unwrap_or_default().0,
            channel_id: step.channel_id.unwrap_or_default().0,
            gives: step.gives.0,
            takes: step.takes.0,
            until_time: step.until.map(Into::into),
            effect: step.effect.into(),
        }
    }
}

impl From<v1::PermissionRemedy> for Remedy {
    fn from(remedy: v1::PermissionRemedy) -> Self {
        Self {
            kind: remedy.kind(),
            role_id: optional(remedy.role_id),
            channel_id: optional(remedy.channel_id),
            permission: remedy.permission(),
        }
    }
}

impl From<Remedy> for v1::PermissionRemedy {
    fn from(remedy: Remedy) -> Self {
        Self {
            kind: remedy.kind.into(),
            role_id: remedy.role_id.unwrap_or_default().0,
            channel_id: remedy.channel_id.unwrap_or_default().0,
            permission: remedy.permission.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_go_to_the_wire_and_back() {
        let step = v1::PermissionStep {
            kind: PermissionStepKind::RoleOverwrite.into(),
            role_id: 1,
            channel_id: 2,
            gives: 4,
            takes: 8,
            until_time: Some(prost_types::Timestamp { seconds: 1, nanos: 2 }),
            effect: PermissionEffect::Takes.into(),
        };
        let remedy = v1::PermissionRemedy {
            kind: PermissionRemedyKind::GiveToRole.into(),
            role_id: 1,
            channel_id: 2,
            permission: Permission::SendMessages.into(),
        };
        let response = v1::ExplainPermissionResponse {
            granted: false,
            permissions: 6,
            steps: vec![step],
            decisive_step: Some(0),
            remedies: vec![remedy],
        };
        let explanation = Explanation::from(response.clone());
        assert_eq!(explanation.decisive().map(|step| step.effect), Some(PermissionEffect::Takes));
        assert_eq!(v1::ExplainPermissionResponse::from(explanation), response);
    }
}
