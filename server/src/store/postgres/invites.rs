//! Invites.

use guildhall_proto::ids::GuildId;
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use crate::store::{InviteRow, Taken};

macro_rules! columns {
    () => {
        "code, guild_id, creator_id, max_uses, uses, expire_ms, create_ms"
    };
}

fn read(columns: &mut Columns<'_>) -> sqlx::Result<InviteRow> {
    Ok(InviteRow {
        code: columns.text()?,
        guild: columns.id()?,
        creator: columns.id()?,
        max_uses: columns.number()?,
        uses: columns.number()?,
        expire_ms: columns.id_or_none()?,
        create_ms: columns.id()?,
    })
}

pub(super) async fn by_code(on: &Link, code: &str) -> sqlx::Result<Option<InviteRow>> {
    let select = concat!("SELECT ", columns!(), " FROM invites WHERE code = $1");
    let code = codec::text(code);
    let row = on.row(|| sqlx::query(select).bind(&*code)).await?;
    row.map(|row| read(&mut Columns::of(&row))).transpose()
}

/// Newest first.
pub(super) async fn of_guild(on: &Link, guild: GuildId) -> sqlx::Result<Vec<InviteRow>> {
    let select = concat!("SELECT ", columns!(), " FROM invites WHERE guild_id = $1 ORDER BY create_ms DESC, code");
    let rows = on.rows(|| sqlx::query(select).bind(codec::id(guild))).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

pub(super) async fn insert(on: &mut PgConnection, invite: &InviteRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO invites (code, guild_id, creator_id, max_uses, uses, expire_ms, create_ms)
                  VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::text(&invite.code))
        .bind(codec::id(invite.guild))
        .bind(codec::id(invite.creator))
        .bind(i64::from(invite.max_uses))
        .bind(i64::from(invite.uses))
        .bind(invite.expire_ms.map(codec::bound))
        .bind(codec::bound(invite.create_ms))
        .execute(on)
        .await?;
    Ok((inserted.rows_affected() == 0).then_some(Taken::Id))
}

/// One use, if there is one left and the time has not come.
pub(super) async fn take(on: &mut PgConnection, code: &str, now_ms: u64) -> sqlx::Result<Option<Taken>> {
    let update = "UPDATE invites SET uses = uses + 1
                  WHERE code = $1 AND (max_uses = 0 OR uses < max_uses) AND (expire_ms IS NULL OR expire_ms > $2)";
    let updated = sqlx::query(update).bind(codec::text(code)).bind(codec::bound(now_ms)).execute(on).await?;
    Ok((updated.rows_affected() == 0).then_some(Taken::Invite))
}

pub(super) async fn delete(on: &mut PgConnection, code: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM invites WHERE code = $1").bind(codec::text(code)).execute(on).await.map(drop)
}
