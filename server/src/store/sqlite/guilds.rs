//! Guilds.

use guildhall_proto::ids::{GuildId, StreamKey, StreamKind, UserId};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use super::{channels, members, roles, streams};
use crate::store::{GuildRow, GuildSnapshot, Taken};

/// A guild with its members, channels and roles, all read from one snapshot.
pub(super) async fn snapshot(on: &mut SqliteConnection, id: GuildId) -> sqlx::Result<Option<GuildSnapshot>> {
    let mut transaction = on.begin().await?;
    let select = "SELECT g.id, g.name, g.icon_url, g.owner_id, g.create_ms, s.epoch, s.head
                  FROM guilds AS g JOIN streams AS s ON s.kind = 2 AND s.id = g.id WHERE g.id = ?1";
    let row = sqlx::query(select).bind(codec::id(id)).fetch_optional(&mut *transaction).await?;
    let Some(row) = row else { return Ok(None) };
    let mut columns = Columns::of(&row);
    let guild = GuildRow {
        id: columns.id()?,
        name: columns.get()?,
        icon_url: columns.get()?,
        owner: columns.id()?,
        create_ms: columns.id()?,
    };
    let position = streams::read_position(&mut columns)?;
    let members = members::all(&mut transaction, id).await?;
    let channels = channels::all(&mut transaction, id).await?;
    let roles = roles::all(&mut transaction, id).await?;
    Ok(Some(GuildSnapshot { guild, position, members, channels, roles }))
}

/// Oldest membership first.
pub(super) async fn of_user(on: &mut SqliteConnection, user: UserId) -> sqlx::Result<Vec<GuildId>> {
    let select = "SELECT guild_id FROM members WHERE user_id = ?1 ORDER BY join_ms, guild_id";
    let rows = sqlx::query(select).bind(codec::id(user)).fetch_all(on).await?;
    rows.iter().map(|row| Columns::of(row).id()).collect()
}

/// With a stream.
pub(super) async fn insert(on: &mut SqliteConnection, guild: &GuildRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO guilds (id, name, icon_url, owner_id, create_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                  ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(guild.id))
        .bind(&guild.name)
        .bind(&guild.icon_url)
        .bind(codec::id(guild.owner))
        .bind(codec::bound(guild.create_ms))
        .execute(&mut *on)
        .await?;
    // The stream of a deleted guild is still there, and keeps its id from coming back.
    let stream = StreamKey { kind: StreamKind::Guild, id: guild.id.into() };
    let fresh = inserted.rows_affected() == 1 && streams::insert(on, stream).await?;
    Ok((!fresh).then_some(Taken::Id))
}

/// Name and icon.
pub(super) async fn update(on: &mut SqliteConnection, guild: &GuildRow) -> sqlx::Result<()> {
    let update = sqlx::query("UPDATE guilds SET name = ?2, icon_url = ?3 WHERE id = ?1");
    update.bind(codec::id(guild.id)).bind(&guild.name).bind(&guild.icon_url).execute(on).await.map(drop)
}

pub(super) async fn set_owner(on: &mut SqliteConnection, guild: GuildId, owner: UserId) -> sqlx::Result<()> {
    let update = sqlx::query("UPDATE guilds SET owner_id = ?2 WHERE id = ?1");
    update.bind(codec::id(guild)).bind(codec::id(owner)).execute(on).await.map(drop)
}

/// With all that is in it. The stream stays.
pub(super) async fn delete(on: &mut SqliteConnection, guild: GuildId) -> sqlx::Result<()> {
    for statement in [
        "UPDATE streams SET closed = 1 WHERE kind = 1 AND id IN (SELECT id FROM channels WHERE guild_id = ?1)",
        "DELETE FROM channels WHERE guild_id = ?1",
        "DELETE FROM members WHERE guild_id = ?1",
        "DELETE FROM member_roles WHERE guild_id = ?1",
        "DELETE FROM roles WHERE guild_id = ?1",
        "DELETE FROM overwrites WHERE guild_id = ?1",
        "DELETE FROM bans WHERE guild_id = ?1",
        "DELETE FROM audit WHERE guild_id = ?1",
        "DELETE FROM invites WHERE guild_id = ?1",
        "DELETE FROM guilds WHERE id = ?1",
    ] {
        sqlx::query(statement).bind(codec::id(guild)).execute(&mut *on).await?;
    }
    Ok(())
}
