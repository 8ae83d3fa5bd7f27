//! Members of guilds.

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use super::{bans, roles, users};
use crate::store::{MemberRow, Taken, UserRow};

fn read(columns: &mut Columns<'_>) -> sqlx::Result<MemberRow> {
    Ok(MemberRow {
        guild: columns.id()?,
        user: columns.id()?,
        join_ms: columns.id()?,
        nickname: columns.text()?,
        time_out_ms: columns.id_or_none()?,
        roles: borne(columns)?,
    })
}

fn borne(columns: &mut Columns<'_>) -> sqlx::Result<Vec<RoleId>> {
    let ids: Vec<i64> = columns.get()?;
    let mut roles: Vec<_> = ids.into_iter().map(|id| RoleId(id.cast_unsigned())).collect();
    roles.sort_unstable();
    Ok(roles)
}

/// Up to `limit` with ids above `after`, by id.
pub(super) async fn page(
    on: &Link,
    guild: GuildId,
    after: UserId,
    limit: usize,
) -> sqlx::Result<Vec<(MemberRow, UserRow)>> {
    let select = concat!(
        "SELECT m.guild_id, m.user_id, m.join_ms, m.nickname, m.time_out_ms,
                ARRAY(SELECT r.role_id FROM member_roles AS r
                      WHERE r.guild_id = m.guild_id AND r.user_id = m.user_id), ",
        users::columns!(),
        " FROM members AS m JOIN users AS u ON u.id = m.user_id",
        " WHERE m.guild_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3"
    );
    let (guild, after, limit) = (codec::id(guild), codec::bound(after), codec::limit(limit));
    let rows = on.rows(|| sqlx::query(select).bind(guild).bind(after).bind(limit)).await?;
    let member = |row| {
        let mut columns = Columns::of(row);
        Ok((read(&mut columns)?, users::read(&mut columns)?))
    };
    rows.iter().map(member).collect()
}

/// Unless the user is banned.
pub(super) async fn insert(on: &mut PgConnection, member: &MemberRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO members (guild_id, user_id, join_ms, nickname, time_out_ms)
                  SELECT $1::bigint, $2::bigint, $3::bigint, $4::text, $5::bigint
                  WHERE NOT EXISTS (SELECT 1 FROM bans WHERE guild_id = $1 AND user_id = $2) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(member.guild))
        .bind(codec::id(member.user))
        .bind(codec::bound(member.join_ms))
        .bind(codec::text(&member.nickname))
        .bind(member.time_out_ms.map(codec::bound))
        .execute(&mut *on)
        .await?;
    if inserted.rows_affected() == 0 {
        let banned = bans::is_there(on, member.guild, member.user).await?;
        return Ok(Some(if banned { Taken::Banned } else { Taken::Member }));
    }
    roles::give(on, member.guild, member.user, &member.roles).await?;
    Ok(None)
}

/// Nickname and time-out.
pub(super) async fn update(on: &mut PgConnection, member: &MemberRow) -> sqlx::Result<()> {
    let update = "UPDATE members SET nickname = $3, time_out_ms = $4 WHERE guild_id = $1 AND user_id = $2";
    sqlx::query(update)
        .bind(codec::id(member.guild))
        .bind(codec::id(member.user))
        .bind(codec::text(&member.nickname))
        .bind(member.time_out_ms.map(codec::bound))
        .execute(on)
        .await
        .map(drop)
}

/// With the member's roles and overwrites: whoever comes back begins anew.
pub(super) async fn delete(on: &mut PgConnection, guild: GuildId, user: UserId) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM members WHERE guild_id = $1 AND user_id = $2",
        "DELETE FROM member_roles WHERE guild_id = $1 AND user_id = $2",
        "DELETE FROM overwrites WHERE guild_id = $1 AND kind = 2 AND target_id = $2",
    ] {
        sqlx::query(statement).bind(codec::id(guild)).bind(codec::id(user)).execute(&mut *on).await?;
    }
    Ok(())
}
