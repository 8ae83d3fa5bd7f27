//! Channels of guilds. What is written in them is in `log.rs`.

use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, StreamKind};
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use super::{overwrites, streams};
use crate::store::{ChannelRow, Taken};

/// By position.
pub(super) async fn all(on: &mut SqliteConnection, guild: GuildId) -> sqlx::Result<Vec<ChannelRow>> {
    let select = "SELECT id, guild_id, name, kind, position, parent_id, topic, create_ms, in_step, slow_mode_seconds
                  FROM channels WHERE guild_id = ?1 ORDER BY position, id";
    let rows = sqlx::query(select).bind(codec::id(guild)).fetch_all(&mut *on).await?;
    let mut overwrites = overwrites::all(on, guild).await?;
    let channel = |row| {
        let mut channel = read(&mut Columns::of(row))?;
        channel.overwrites = overwrites.remove(&channel.id).unwrap_or_default();
        Ok(channel)
    };
    rows.iter().map(channel).collect()
}

/// The overwrites are elsewhere.
fn read(columns: &mut Columns<'_>) -> sqlx::Result<ChannelRow> {
    Ok(ChannelRow {
        id: columns.id()?,
        guild: columns.id()?,
        name: columns.get()?,
        kind: columns.number()?,
        position: columns.number()?,
        parent: columns.id_or_none()?,
        topic: columns.get()?,
        create_ms: columns.id()?,
        in_step: columns.get()?,
        slow_mode_seconds: columns.number()?,
        overwrites: Vec::new(),
    })
}

pub(super) async fn guild_of(on: &mut SqliteConnection, channel: ChannelId) -> sqlx::Result<Option<GuildId>> {
    let select = sqlx::query("SELECT guild_id FROM channels WHERE id = ?1");
    let row = select.bind(codec::id(channel)).fetch_optional(on).await?;
    row.map(|row| Columns::of(&row).id()).transpose()
}

/// With a log.
pub(super) async fn insert(on: &mut SqliteConnection, channel: &ChannelRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO channels
                  (id, guild_id, name, kind, position, parent_id, topic, create_ms, in_step, slow_mode_seconds)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(channel.id))
        .bind(codec::id(channel.guild))
        .bind(&channel.name)
        .bind(channel.kind)
        .bind(channel.position)
        .bind(channel.parent.map(codec::id))
        .bind(&channel.topic)
        .bind(codec::bound(channel.create_ms))
        .bind(channel.in_step)
        .bind(channel.slow_mode_seconds)
        .execute(&mut *on)
        .await?;
    overwrites::replace(on, channel).await?;
    // A log that is still being erased keeps its id from coming back.
    let stream = StreamKey { kind: StreamKind::Channel, id: channel.id.into() };
    let fresh = inserted.rows_affected() == 1 && streams::insert(on, stream).await?;
    Ok((!fresh).then_some(Taken::Id))
}

/// Name, topic, parent, slow mode and overwrites.
pub(super) async fn update(on: &mut SqliteConnection, channel: &ChannelRow) -> sqlx::Result<()> {
    let update = "UPDATE channels SET name = ?2, topic = ?3, parent_id = ?4, in_step = ?5, slow_mode_seconds = ?6
                  WHERE id = ?1";
    sqlx::query(update)
        .bind(codec::id(channel.id))
        .bind(&channel.name)
        .bind(&channel.topic)
        .bind(channel.parent.map(codec::id))
        .bind(channel.in_step)
        .bind(channel.slow_mode_seconds)
        .execute(&mut *on)
        .await?;
    overwrites::replace(on, channel).await
}

/// Closes its log, too. What was under it, as under a category, is under nothing then.
pub(super) async fn delete(on: &mut SqliteConnection, channel: ChannelId) -> sqlx::Result<()> {
    for statement in [
        "UPDATE streams SET closed = 1 WHERE kind = 1 AND id = ?1",
        "UPDATE channels SET parent_id = NULL WHERE parent_id = ?1",
        "DELETE FROM channels WHERE id = ?1",
        "DELETE FROM overwrites WHERE channel_id = ?1",
    ] {
        sqlx::query(statement).bind(codec::id(channel)).execute(&mut *on).await?;
    }
    Ok(())
}

/// The place of each.
pub(super) async fn place(on: &mut SqliteConnection, places: &[(ChannelId, u32)]) -> sqlx::Result<()> {
    for (channel, position) in places {
        let update = sqlx::query("UPDATE channels SET position = ?2 WHERE id = ?1");
        update.bind(codec::id(*channel)).bind(position).execute(&mut *on).await?;
    }
    Ok(())
}
