//! Who may not come into a guild.

use guildhall_proto::ids::{GuildId, UserId};
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use super::users;
use crate::store::{BanRow, UserRow};

fn read(columns: &mut Columns<'_>) -> sqlx::Result<BanRow> {
    Ok(BanRow {
        guild: columns.id()?,
        user: columns.id()?,
        actor: columns.id()?,
        reason: columns.text()?,
        create_ms: columns.id()?,
    })
}

const OF_USER: &str = "SELECT guild_id, user_id, actor_id, reason, create_ms FROM bans
                       WHERE guild_id = $1 AND user_id = $2";

pub(super) async fn of_user(on: &Link, guild: GuildId, user: UserId) -> sqlx::Result<Option<BanRow>> {
    let row = on.row(|| sqlx::query(OF_USER).bind(codec::id(guild)).bind(codec::id(user))).await?;
    row.map(|row| read(&mut Columns::of(&row))).transpose()
}

/// Whether there is one, as a transaction sees it.
pub(super) async fn is_there(on: &mut PgConnection, guild: GuildId, user: UserId) -> sqlx::Result<bool> {
    let row = sqlx::query(OF_USER).bind(codec::id(guild)).bind(codec::id(user)).fetch_optional(on).await?;
    Ok(row.is_some())
}

/// Up to `limit` of users with ids above `after`, by id.
pub(super) async fn page(
    on: &Link,
    guild: GuildId,
    after: UserId,
    limit: usize,
) -> sqlx::Result<Vec<(BanRow, Option<UserRow>)>> {
    let select = concat!(
        "SELECT b.guild_id, b.user_id, b.actor_id, b.reason, b.create_ms, ",
        users::columns!(),
        " FROM bans AS b LEFT JOIN users AS u ON u.id = b.user_id",
        " WHERE b.guild_id = $1 AND b.user_id > $2 ORDER BY b.user_id LIMIT $3"
    );
    let (guild, after, limit) = (codec::id(guild), codec::bound(after), codec::limit(limit));
    let rows = on.rows(|| sqlx::query(select).bind(guild).bind(after).bind(limit)).await?;
    let ban = |row| {
        let mut columns = Columns::of(row);
        let ban = read(&mut columns)?;
        let user = if columns.is_null()? { None } else { Some(users::read(&mut columns)?) };
        Ok((ban, user))
    };
    rows.iter().map(ban).collect()
}

pub(super) async fn insert(on: &mut PgConnection, ban: &BanRow) -> sqlx::Result<()> {
    let insert = "INSERT INTO bans (guild_id, user_id, actor_id, reason, create_ms) VALUES ($1, $2, $3, $4, $5)
                  ON CONFLICT (guild_id, user_id) DO UPDATE
                  SET actor_id = EXCLUDED.actor_id, reason = EXCLUDED.reason, create_ms = EXCLUDED.create_ms";
    sqlx::query(insert)
        .bind(codec::id(ban.guild))
        .bind(codec::id(ban.user))
        .bind(codec::id(ban.actor))
        .bind(codec::text(&ban.reason))
        .bind(codec::bound(ban.create_ms))
        .execute(on)
        .await
        .map(drop)
}

pub(super) async fn delete(on: &mut PgConnection, guild: GuildId, user: UserId) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM bans WHERE guild_id = $1 AND user_id = $2");
    delete.bind(codec::id(guild)).bind(codec::id(user)).execute(on).await.map(drop)
}
