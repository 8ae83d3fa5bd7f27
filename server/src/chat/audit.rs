//! The audit log: who did what to a guild, and why. Each entry is written in the transaction of the act; those of deleted
//! messages right after it.

use std::fmt::Display;

use guildhall_proto::{
    ids::{GuildId, UserId},
    v1,
};
use prost::Message as _;

use super::{
    Caller, Chat,
    access::{Action, Permit, authorize},
    commit::Batch,
    error::Result,
    events, pages, validate,
};
use crate::store::{AuditQuery, AuditRow, Write};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

/// What is written down of an act.
pub(super) struct Act<'a> {
    /// What was done.
    pub(super) action: v1::AuditAction,
    /// To what; 0 = the guild.
    pub(super) target: u64,
    /// Why; empty = not said.
    pub(super) reason: &'a str,
    /// What changed.
    pub(super) changes: Vec<v1::AuditChange>,
}

impl<'a> Act<'a> {
    /// An act of which nothing but the target needs to be told.
    pub(super) fn new(action: v1::AuditAction, target: impl Into<u64>, reason: &'a str) -> Self {
        Self { action, target: target.into(), reason, changes: Vec::new() }
    }

    /// With a field before and after; nothing if they are the same.
    pub(super) fn changed(mut self, field: &str, before: impl Display, after: impl Display) -> Self {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            self.changes.push(v1::AuditChange { field: field.into(), before, after });
        }
        self
    }
}

impl Chat {
    /// What writes an act down, in the transaction of the act.
    pub(super) fn audit(&self, permit: &Permit, actor: UserId, act: Act<'_>) -> Write {
        Write::InsertAudit(self.audit_row(permit.guild(), actor, act))
    }

    /// Writes an act down after it was done: deletions of messages are in the channel's log, which no transaction spans
    /// together with this. They are done whatever becomes of it.
    pub(super) async fn write_down(&self, guild: GuildId, actor: UserId, act: Act<'_>) {
        let row = self.audit_row(guild, actor, act);
        let batch = || {
            let row = AuditRow { id: self.new_id(), ..row.clone() };
            (Batch { writes: vec![Write::InsertAudit(row)], ..Batch::default() }, ())
        };
        if let Err(error) = self.create(batch, || {}).await {
            tracing::error!(%guild, %error, "an act could not be written into the audit log");
        }
    }

    fn audit_row(&self, guild: GuildId, actor: UserId, act: Act<'_>) -> AuditRow {
        let changes = v1::AuditEntry { changes: act.changes, ..v1::AuditEntry::default() };
        AuditRow {
            id: self.new_id(),
            guild,
            actor,
            action: act.action.into(),
            target: act.target,
            reason: act.reason.into(),
            changes: changes.encode_to_vec(),
            create_ms: self.clock.now_ms(),
        }
    }

    /// The acts in a guild, the newest first, a page at a time.
    pub async fn list_audit_log(
        &self,
        caller: &Caller,
        request: v1::ListAuditLogRequest,
    ) -> Result<v1::ListAuditLogResponse> {
        validate(&request)?;
        let handle = self.my_guild(caller, request.guild_id).await?;
        let may = |view: &super::View| Ok(authorize(view, self.who(caller), Action::ViewAuditLog).map(drop)?);
        self.decide(&handle, may).await?;
        let set = |id: u64| (id != 0).then_some(id);
        let query = AuditQuery {
            actor: set(request.actor_id).map(UserId),
            action: (request.action != 0).then_some(request.action),
            target: set(request.target_id),
            before: pages::before(pages::List::Audit, handle.id(), &request.page_token)?,
        };
        let limit = pages::size(request.page_size, PAGE_DEFAULT, PAGE_MAX);
        let mut rows = self.metadata().audit(handle.id(), query, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more).map(|row| row.id);
        Ok(v1::ListAuditLogResponse {
            entries: rows.iter().map(entry).collect::<Result<_>>()?,
            next_page_token: last.map_or_else(String::new, |last| pages::token(pages::List::Audit, handle.id(), last)),
        })
    }
}

fn entry(row: &AuditRow) -> Result<v1::AuditEntry> {
    let unreadable = |error| crate::store::Error::Corrupt(format!("audit entry {}: {error}", row.id));
    let changes = v1::AuditEntry::decode(row.changes.as_slice()).map_err(unreadable)?.changes;
    Ok(v1::AuditEntry {
        id: row.id,
        guild_id: row.guild.get(),
        actor_id: row.actor.get(),
        action: row.action,
        target_id: row.target,
        reason: row.reason.clone(),
        changes,
        create_time: Some(events::timestamp(row.create_ms)),
    })
}
