//! Roles of guilds, and who bears them.

use std::collections::HashMap;

use guildhall_proto::ids::{GuildId, RoleId, UserId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use crate::store::{RoleRow, Taken};

/// Everyone's first, by position.
pub(super) async fn all(on: &mut SqliteConnection, guild: GuildId) -> sqlx::Result<Vec<RoleRow>> {
    let select = "SELECT id, guild_id, name, permissions, color, hoist, mentionable, position, bot_id, create_ms
                  FROM roles WHERE guild_id = ?1 ORDER BY position, id";
    let rows = sqlx::query(select).bind(codec::id(guild)).fetch_all(on).await?;
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

fn read(columns: &mut Columns<'_>) -> sqlx::Result<RoleRow> {
    Ok(RoleRow {
        id: columns.id()?,
        guild: columns.id()?,
        name: columns.get()?,
        permissions: columns.id()?,
        color: columns.number()?,
        hoist: columns.get()?,
        mentionable: columns.get()?,
        position: columns.number()?,
        bot: columns.id_or_none()?,
        create_ms: columns.id()?,
    })
}

pub(super) async fn insert(on: &mut SqliteConnection, role: &RoleRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO roles
                  (id, guild_id, name, permissions, color, hoist, mentionable, position, bot_id, create_ms)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(role.id))
        .bind(codec::id(role.guild))
        .bind(&role.name)
        .bind(codec::id(role.permissions))
        .bind(role.color)
        .bind(role.hoist)
        .bind(role.mentionable)
        .bind(role.position)
        .bind(role.bot.map(codec::id))
        .bind(codec::bound(role.create_ms))
        .execute(on)
        .await?;
    Ok((inserted.rows_affected() == 0).then_some(Taken::Id))
}

/// All but its rank.
pub(super) async fn update(on: &mut SqliteConnection, role: &RoleRow) -> sqlx::Result<()> {
    let update = "UPDATE roles SET name = ?2, permissions = ?3, color = ?4, hoist = ?5, mentionable = ?6 WHERE id = ?1";
    sqlx::query(update)
        .bind(codec::id(role.id))
        .bind(&role.name)
        .bind(codec::id(role.permissions))
        .bind(role.color)
        .bind(role.hoist)
        .bind(role.mentionable)
        .execute(on)
        .await
        .map(drop)
}

/// With its overwrites, and from all members.
pub(super) async fn delete(on: &mut SqliteConnection, guild: GuildId, role: RoleId) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM member_roles WHERE role_id = ?2 AND guild_id = ?1",
        "DELETE FROM overwrites WHERE guild_id = ?1 AND kind = 1 AND target_id = ?2",
        "DELETE FROM roles WHERE id = ?2 AND guild_id = ?1",
    ] {
        sqlx::query(statement).bind(codec::id(guild)).bind(codec::id(role)).execute(&mut *on).await?;
    }
    Ok(())
}

/// The rank of each.
pub(super) async fn place(on: &mut SqliteConnection, places: &[(RoleId, u32)]) -> sqlx::Result<()> {
    for (role, position) in places {
        let update = sqlx::query("UPDATE roles SET position = ?2 WHERE id = ?1");
        update.bind(codec::id(*role)).bind(position).execute(&mut *on).await?;
    }
    Ok(())
}

/// Who bears which, by id.
pub(super) async fn borne(on: &mut SqliteConnection, guild: GuildId) -> sqlx::Result<HashMap<UserId, Vec<RoleId>>> {
    let select = "SELECT user_id, role_id FROM member_roles WHERE guild_id = ?1";
    let rows = sqlx::query(select).bind(codec::id(guild)).fetch_all(on).await?;
    let mut borne: HashMap<UserId, Vec<RoleId>> = HashMap::new();
    for row in &rows {
        let mut columns = Columns::of(row);
        borne.entry(columns.id()?).or_default().push(columns.id()?);
    }
    borne.values_mut().for_each(|roles| roles.sort_unstable());
    Ok(borne)
}

/// All roles of a member.
pub(super) async fn give(
    on: &mut SqliteConnection,
    guild: GuildId,
    user: UserId,
    roles: &[RoleId],
) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM member_roles WHERE guild_id = ?1 AND user_id = ?2");
    delete.bind(codec::id(guild)).bind(codec::id(user)).execute(&mut *on).await?;
    let insert = "INSERT INTO member_roles (guild_id, user_id, role_id) SELECT ?1, ?2, value FROM json_each(?3)";
    let list = codec::list(roles.iter().map(|role| codec::id(*role)));
    sqlx::query(insert).bind(codec::id(guild)).bind(codec::id(user)).bind(list).execute(on).await.map(drop)
}
