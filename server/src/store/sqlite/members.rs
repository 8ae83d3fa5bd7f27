//! Members of guilds.

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use super::{bans, roles, users};
use crate::store::{MemberRow, Taken, UserRow};

/// The columns that `read` reads, of a table called `m`.
macro_rules! columns {
    () => {
        "m.guild_id, m.user_id, m.join_ms, m.nickname, m.time_out_ms"
    };
}

/// The roles are elsewhere.
fn read(columns: &mut Columns<'_>) -> sqlx::Result<MemberRow> {
    Ok(MemberRow {
        guild: columns.id()?,
        user: columns.id()?,
        join_ms: columns.id()?,
        nickname: columns.get()?,
        time_out_ms: columns.id_or_none()?,
        roles: Vec::new(),
    })
}

/// By id of the user.
pub(super) async fn all(on: &mut SqliteConnection, guild: GuildId) -> sqlx::Result<Vec<MemberRow>> {
    let select = concat!("SELECT ", columns!(), " FROM members AS m WHERE m.guild_id = ?1 ORDER BY m.user_id");
    let rows = sqlx::query(select).bind(codec::id(guild)).fetch_all(&mut *on).await?;
    let mut borne = roles::borne(on, guild).await?;
    let member = |row| {
        let mut member = read(&mut Columns::of(row))?;
        member.roles = borne.remove(&member.user).unwrap_or_default();
        Ok(member)
    };
    rows.iter().map(member).collect()
}

/// Up to `limit` with ids above `after`, by id.
pub(super) async fn page(
    on: &mut SqliteConnection,
    guild: GuildId,
    after: UserId,
    limit: usize,
) -> sqlx::Result<Vec<(MemberRow, UserRow)>> {
    let select = concat!(
        "SELECT (SELECT group_concat(r.role_id) FROM member_roles AS r
                 WHERE r.guild_id = m.guild_id AND r.user_id = m.user_id), ",
        columns!(),
        ", ",
        users::columns!(),
        " FROM members AS m CROSS JOIN users AS u ON u.id = m.user_id",
        " WHERE m.guild_id = ?1 AND m.user_id > ?2 ORDER BY m.user_id LIMIT ?3"
    );
    let rows = sqlx::query(select)
        .bind(codec::id(guild))
        .bind(codec::bound(after))
        .bind(codec::limit(limit))
        .fetch_all(on)
        .await?;
    let member = |row| {
        let mut columns = Columns::of(row);
        let roles = listed(&mut columns)?;
        Ok((MemberRow { roles, ..read(&mut columns)? }, users::read(&mut columns)?))
    };
    rows.iter().map(member).collect()
}

/// Ids of roles, separated by commas, by id.
fn listed(columns: &mut Columns<'_>) -> sqlx::Result<Vec<RoleId>> {
    let Some(list) = columns.get::<Option<String>>()? else { return Ok(Vec::new()) };
    let ids = list.split(',').map(|id| Ok(RoleId(id.parse::<i64>()?.cast_unsigned())));
    let mut ids =
        ids.collect::<Result<Vec<_>, std::num::ParseIntError>>().map_err(|_| columns.wrong("ids of roles"))?;
    ids.sort_unstable();
    Ok(ids)
}

/// Unless the user is banned.
pub(super) async fn insert(on: &mut SqliteConnection, member: &MemberRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO members (guild_id, user_id, join_ms, nickname, time_out_ms)
                  SELECT ?1, ?2, ?3, ?4, ?5
                  WHERE NOT EXISTS (SELECT 1 FROM bans WHERE guild_id = ?1 AND user_id = ?2) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(member.guild))
        .bind(codec::id(member.user))
        .bind(codec::bound(member.join_ms))
        .bind(&member.nickname)
        .bind(member.time_out_ms.map(codec::bound))
        .execute(&mut *on)
        .await?;
    if inserted.rows_affected() == 0 {
        let banned = bans::of_user(on, member.guild, member.user).await?.is_some();
        return Ok(Some(if banned { Taken::Banned } else { Taken::Member }));
    }
    roles::give(on, member.guild, member.user, &member.roles).await?;
    Ok(None)
}

/// Nickname and time-out.
pub(super) async fn update(on: &mut SqliteConnection, member: &MemberRow) -> sqlx::Result<()> {
    let update = "UPDATE members SET nickname = ?3, time_out_ms = ?4 WHERE guild_id = ?1 AND user_id = ?2";
    sqlx::query(update)
        .bind(codec::id(member.guild))
        .bind(codec::id(member.user))
        .bind(&member.nickname)
        .bind(member.time_out_ms.map(codec::bound))
        .execute(on)
        .await
        .map(drop)
}

/// With the member's roles and overwrites: whoever comes back begins anew.
pub(super) async fn delete(on: &mut SqliteConnection, guild: GuildId, user: UserId) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM members WHERE guild_id = ?1 AND user_id = ?2",
        "DELETE FROM member_roles WHERE guild_id = ?1 AND user_id = ?2",
        "DELETE FROM overwrites WHERE guild_id = ?1 AND kind = 2 AND target_id = ?2",
    ] {
        sqlx::query(statement).bind(codec::id(guild)).bind(codec::id(user)).execute(&mut *on).await?;
    }
    Ok(())
}
