//! Bans, and the log of who changed what.

use guildhall_proto::ids::{GuildId, UserId};
use guildhall_proto::v1::{self, AuditAction};

use crate::model::{Timestamp, User};

/// A user who may not come (back) in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ban {
    /// The guild.
    pub guild_id: GuildId,
    /// Who. Only the id is set if no such user is known.
    pub user: User,
    /// Why; empty = not said.
    pub reason: String,
    /// Who banned.
    pub actor_id: UserId,
    /// When.
    pub create_time: Timestamp,
}

impl From<v1::Ban> for Ban {
    fn from(ban: v1::Ban) -> Self {
        Self {
            guild_id: GuildId(ban.guild_id),
            user: ban.user.unwrap_or_default().into(),
            reason: ban.reason,
            actor_id: UserId(ban.actor_id),
            create_time: Timestamp::or_epoch(ban.create_time),
        }
    }
}

impl From<Ban> for v1::Ban {
    fn from(ban: Ban) -> Self {
        Self {
            guild_id: ban.guild_id.0,
            user: Some(ban.user.into()),
            reason: ban.reason,
            actor_id: ban.actor_id.0,
            create_time: Some(ban.create_time.into()),
        }
    }
}

/// One field before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditChange {
    /// The field's name.
    pub field: String,
    /// As text; empty = there was none.
    pub before: String,
    /// As text; empty = there is none.
    pub after: String,
}

/// One act on a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// The id; rises with time.
    pub id: u64,
    /// The guild.
    pub guild_id: GuildId,
    /// Who did it.
    pub actor_id: UserId,
    /// What was done. `Unspecified` if it is newer than this version.
    pub action: AuditAction,
    /// The id of the channel, role or user that it was done to; `None` = the guild.
    pub target_id: Option<u64>,
    /// Why, as the actor says; empty = not said.
    pub reason: String,
    /// What changed.
    pub changes: Vec<AuditChange>,
    /// When.
    pub create_time: Timestamp,
}

impl From<v1::AuditEntry> for AuditEntry {
    fn from(entry: v1::AuditEntry) -> Self {
        let change = |it: v1::AuditChange| AuditChange { field: it.field, before: it.before, after: it.after };
        Self {
            id: entry.id,
            guild_id: GuildId(entry.guild_id),
            actor_id: UserId(entry.actor_id),
            action: entry.action(),
            target_id: Some(entry.target_id).filter(|id| *id != 0),
            reason: entry.reason,
            changes: entry.changes.into_iter().map(change).collect(),
            create_time: Timestamp::or_epoch(entry.create_time),
        }
    }
}

impl From<AuditEntry> for v1::AuditEntry {
    fn from(entry: AuditEntry) -> Self {
        let change = |it: AuditChange| v1::AuditChange { field: it.field, before: it.before, after: it.after };
        Self {
            id: entry.id,
            guild_id: entry.guild_id.0,
            actor_id: entry.actor_id.0,
            action: entry.action.into(),
            target_id: entry.target_id.unwrap_or_default(),
            reason: entry.reason,
            changes: entry.changes.into_iter().map(change).collect(),
            create_time: Some(entry.create_time.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_and_acts_go_to_the_wire_and_back() {
        let create_time = Some(prost_types::Timestamp { seconds: 1, nanos: 2 });
        let user = Some(v1::User { id: 2, username: "bob".into(), create_time, ..v1::User::default() });
        let ban = v1::Ban { guild_id: 1, user, reason: "noise".into(), actor_id: 3, create_time };
        assert_eq!(v1::Ban::from(Ban::from(ban.clone())), ban);

        let change = v1::AuditChange { field: "name".into(), before: "a".into(), after: "b".into() };
        let entry = v1::AuditEntry {
            id: 1,
            guild_id: 2,
            actor_id: 3,
            action: AuditAction::RoleUpdate.into(),
            target_id: 4,
            reason: "why".into(),
            changes: vec![change],
            create_time,
        };
        assert_eq!(v1::AuditEntry::from(AuditEntry::from(entry.clone())), entry);
    }
}
