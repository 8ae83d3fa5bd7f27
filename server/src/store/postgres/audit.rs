//! Who did what to a guild.

use guildhall_proto::ids::GuildId;
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use crate::store::{AuditQuery, AuditRow, Taken};

fn read(columns: &mut Columns<'_>) -> sqlx::Result<AuditRow> {
    Ok(AuditRow {
        guild: columns.id()?,
        id: columns.id()?,
        actor: columns.id()?,
        action: columns.number()?,
        target: columns.id()?,
        reason: columns.text()?,
        changes: columns.get()?,
        create_ms: columns.id()?,
    })
}

/// Up to `limit`, the newest first.
pub(super) async fn page(on: &Link, guild: GuildId, query: AuditQuery, limit: usize) -> sqlx::Result<Vec<AuditRow>> {
    let select = "SELECT guild_id, id, actor_id, action, target_id, reason, changes, create_ms FROM audit
                  WHERE guild_id = $1 AND id < $2 AND ($3::bigint IS NULL OR actor_id = $3)
                        AND ($4::integer IS NULL OR action = $4) AND ($5::bigint IS NULL OR target_id = $5)
                  ORDER BY id DESC LIMIT $6";
    let ask = || {
        sqlx::query(select)
            .bind(codec::id(guild))
            .bind(query.before.map_or(i64::MAX, codec::bound))
            .bind(query.actor.map(codec::id))
            .bind(query.action)
            .bind(query.target.map(codec::id))
            .bind(codec::limit(limit))
    };
    let rows = on.rows(ask).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

pub(super) async fn insert(on: &mut PgConnection, act: &AuditRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO audit (guild_id, id, actor_id, action, target_id, reason, changes, create_ms)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(act.guild))
        .bind(codec::bound(act.id))
        .bind(codec::id(act.actor))
        .bind(act.action)
        .bind(codec::id(act.target))
        .bind(codec::text(&act.reason))
        .bind(&act.changes)
        .bind(codec::bound(act.create_ms))
        .execute(on)
        .await?;
    Ok((inserted.rows_affected() == 0).then_some(Taken::Id))
}
