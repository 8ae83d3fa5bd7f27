//! Channels of guilds. What is written in them is in `log.rs`.

use guildhall_proto::ids::{ChannelId, GuildId, StreamKey, StreamKind};
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use super::{overwrites, streams};
use crate::store::{ChannelRow, Taken};

pub(super) async fn guild_of(on: &Link, channel: ChannelId) -> sqlx::Result<Option<GuildId>> {
    let select = "SELECT guild_id FROM channels WHERE id = $1";
    let row = on.row(|| sqlx::query(select).bind(codec::id(channel))).await?;
    row.map(|row| Columns::of(&row).id()).transpose()
}

/// With a log.
pub(super) async fn insert(on: &mut PgConnection, channel: &ChannelRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO channels
                  (id, guild_id, name, kind, position, parent_id, topic, create_ms, in_step, slow_mode_seconds)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(channel.id))
        .bind(codec::id(channel.guild))
        .bind(codec::text(&channel.name))
        .bind(channel.kind)
        .bind(i64::from(channel.position))
        .bind(channel.parent.map(codec::id))
        .bind(codec::text(&channel.topic))
        .bind(codec::bound(channel.create_ms))
        .bind(channel.in_step)
        .bind(i64::from(channel.slow_mode_seconds))
        .execute(&mut *on)
        .await?;
    overwrites::replace(on, channel).await?;
    // A log that is still being erased keeps its id from coming back.
    let stream = StreamKey { kind: StreamKind::Channel, id: channel.id.into() };
    let fresh = inserted.rows_affected() == 1 && streams::insert(on, stream).await?;
    Ok((!fresh).then_some(Taken::Id))
}

/// Name, topic, parent, slow mode and overwrites.
pub(super) async fn update(on: &mut PgConnection, channel: &ChannelRow) -> sqlx::Result<()> {
    let update = "UPDATE channels SET name = $2, topic = $3, parent_id = $4, in_step = $5, slow_mode_seconds = $6
                  WHERE id = $1";
    sqlx::query(update)
        .bind(codec::id(channel.id))
        .bind(codec::text(&channel.name))
        .bind(codec::text(&channel.topic))
        .bind(channel.parent.map(codec::id))
        .bind(channel.in_step)
        .bind(i64::from(channel.slow_mode_seconds))
        .execute(&mut *on)
        .await?;
    overwrites::replace(on, channel).await
}

/// Closes its log, too. What was under it, as under a category, is under nothing then.
pub(super) async fn delete(on: &mut PgConnection, channel: ChannelId) -> sqlx::Result<()> {
    for statement in [
        "UPDATE streams SET closed = TRUE WHERE kind = 1 AND id = $1",
        "UPDATE channels SET parent_id = NULL WHERE parent_id = $1",
        "DELETE FROM channels WHERE id = $1",
        "DELETE FROM overwrites WHERE channel_id = $1",
    ] {
        sqlx::query(statement).bind(codec::id(channel)).execute(&mut *on).await?;
    }
    Ok(())
}

/// The place of each.
pub(super) async fn place(on: &mut PgConnection, places: &[(ChannelId, u32)]) -> sqlx::Result<()> {
    let (ids, places): (Vec<i64>, Vec<i64>) =
        places.iter().map(|(channel, position)| (codec::id(*channel), i64::from(*position))).unzip();
    let update = "UPDATE channels AS c SET position = p.position
                  FROM unnest($1::bigint[], $2::bigint[]) AS p (id, position) WHERE c.id = p.id";
    sqlx::query(update).bind(ids).bind(places).execute(on).await.map(drop)
}
