//! Roles of guilds, and who bears them.

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use sqlx::postgres::PgConnection;

use super::codec;
use crate::store::{RoleRow, Taken};

pub(super) async fn insert(on: &mut PgConnection, role: &RoleRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO roles
                  (id, guild_id, name, permissions, color, hoist, mentionable, position, bot_id, create_ms)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(role.id))
        .bind(codec::id(role.guild))
        .bind(codec::text(&role.name))
        .bind(codec::id(role.permissions))
        .bind(i64::from(role.color))
        .bind(role.hoist)
        .bind(role.mentionable)
        .bind(i64::from(role.position))
        .bind(role.bot.map(codec::id))
        .bind(codec::bound(role.create_ms))
        .execute(on)
        .await?;
    Ok((inserted.rows_affected() == 0).then_some(Taken::Id))
}

/// All but its rank.
pub(super) async fn update(on: &mut PgConnection, role: &RoleRow) -> sqlx::Result<()> {
    let update = "UPDATE roles SET name = $2, permissions = $3, color = $4, hoist = $5, mentionable = $6 WHERE id = $1";
    sqlx::query(update)
        .bind(codec::id(role.id))
        .bind(codec::text(&role.name))
        .bind(codec::id(role.permissions))
        .bind(i64::from(role.color))
        .bind(role.hoist)
        .bind(role.mentionable)
        .execute(on)
        .await
        .map(drop)
}

/// With its overwrites, and from all members.
pub(super) async fn delete(on: &mut PgConnection, guild: GuildId, role: RoleId) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM member_roles WHERE role_id = $2 AND guild_id = $1",
        "DELETE FROM overwrites WHERE guild_id = $1 AND kind = 1 AND target_id = $2",
        "DELETE FROM roles WHERE id = $2 AND guild_id = $1",
    ] {
        sqlx::query(statement).bind(codec::id(guild)).bind(codec::id(role)).execute(&mut *on).await?;
    }
    Ok(())
}

/// The rank of each.
pub(super) async fn place(on: &mut PgConnection, places: &[(RoleId, u32)]) -> sqlx::Result<()> {
    let (ids, places): (Vec<i64>, Vec<i64>) =
        places.iter().map(|(role, position)| (codec::id(*role), i64::from(*position))).unzip();
    let update = "UPDATE roles AS r SET position = p.position
                  FROM unnest($1::bigint[], $2::bigint[]) AS p (id, position) WHERE r.id = p.id";
    sqlx::query(update).bind(ids).bind(places).execute(on).await.map(drop)
}

/// All roles of a member.
pub(super) async fn give(on: &mut PgConnection, guild: GuildId, user: UserId, roles: &[RoleId]) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM member_roles WHERE guild_id = $1 AND user_id = $2");
    delete.bind(codec::id(guild)).bind(codec::id(user)).execute(&mut *on).await?;
    let insert = "INSERT INTO member_roles (guild_id, user_id, role_id) SELECT $1, $2, unnest($3::bigint[])";
    let list = codec::ids(roles);
    sqlx::query(insert).bind(codec::id(guild)).bind(codec::id(user)).bind(list).execute(on).await.map(drop)
}
