//! Guilds.

use guildhall_proto::ids::{GuildId, StreamKey, StreamKind, UserId};
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use super::streams;
use crate::store::{ChannelRow, GuildRow, GuildSnapshot, MemberRow, Position, Taken};

/// One statement, so one snapshot: the guild, or a member, or a channel in each row.
pub(super) const SNAPSHOT: &str = "
SELECT 0 AS part, g.id, g.owner_id AS other, g.create_ms, s.epoch, s.head, g.name, g.icon_url AS text,
       NULL::bigint AS parent_id, NULL::integer AS kind
FROM guilds AS g JOIN streams AS s ON s.kind = 2 AND s.id = g.id WHERE g.id = $1
UNION ALL
SELECT 1, m.user_id, NULL, m.join_ms, NULL, NULL, NULL, NULL, NULL, NULL FROM members AS m WHERE m.guild_id = $1
UNION ALL
SELECT 2, c.id, c.position, c.create_ms, NULL, NULL, c.name, c.topic, c.parent_id, c.kind
FROM channels AS c WHERE c.guild_id = $1";
/// A guild with its members, by id, and its channels, by position.
pub(super) async fn snapshot(on: &Link, id: GuildId) -> sqlx::Result<Option<GuildSnapshot>> {
    let rows = on.rows(|| sqlx::query(SNAPSHOT).bind(codec::id(id))).await?;
    let (mut found, mut members, mut channels) = (None, Vec::new(), Vec::new());
    for row in &rows {
        let mut columns = Columns::of(row);
        match columns.get::<i32>()? {
            0 => found = Some(guild(&mut columns)?),
            1 => members.push(member(id, &mut columns)?),
            _ => channels.push(channel(id, &mut columns)?),
        }
    }
    let Some((guild, position)) = found else { return Ok(None) };
    members.sort_unstable_by_key(|member| codec::id(member.user));
    channels.sort_unstable_by_key(|channel| (channel.position, codec::id(channel.id)));
    Ok(Some(GuildSnapshot { guild, position, members, channels }))
}

fn guild(columns: &mut Columns<'_>) -> sqlx::Result<(GuildRow, Position)> {
    let (id, owner, create_ms) = (columns.id()?, columns.id()?, columns.id()?);
    let position = streams::read_position(columns)?;
    Ok((GuildRow { id, name: columns.text()?, icon_url: columns.text()?, owner, create_ms }, position))
}

fn member(guild: GuildId, columns: &mut Columns<'_>) -> sqlx::Result<MemberRow> {
    let user = columns.id()?;
    columns.skip(1);
    Ok(MemberRow { guild, user, join_ms: columns.id()? })
}

fn channel(guild: GuildId, columns: &mut Columns<'_>) -> sqlx::Result<ChannelRow> {
    let (id, position, create_ms) = (columns.id()?, columns.number()?, columns.id()?);
    columns.skip(2);
    Ok(ChannelRow {
        id,
        guild,
        name: columns.text()?,
        topic: columns.text()?,
        parent: columns.id_or_none()?,
        kind: columns.number()?,
        position,
        create_ms,
    })
}

/// Oldest membership first.
pub(super) async fn of_user(on: &Link, user: UserId) -> sqlx::Result<Vec<GuildId>> {
    let select = "SELECT guild_id FROM members WHERE user_id = $1 ORDER BY join_ms, guild_id";
    let rows = on.rows(|| sqlx::query(select).bind(codec::id(user))).await?;
    rows.iter().map(|row| Columns::of(row).id()).collect()
}

/// With a stream.
pub(super) async fn insert(on: &mut PgConnection, guild: &GuildRow) -> sqlx::Result<Option<Taken>> {
    let insert = "INSERT INTO guilds (id, name, icon_url, owner_id, create_ms) VALUES ($1, $2, $3, $4, $5)
                  ON CONFLICT DO NOTHING";
    let inserted = sqlx::query(insert)
        .bind(codec::id(guild.id))
        .bind(codec::text(&guild.name))
        .bind(codec::text(&guild.icon_url))
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
pub(super) async fn update(on: &mut PgConnection, guild: &GuildRow) -> sqlx::Result<()> {
    let update = sqlx::query("UPDATE guilds SET name = $2, icon_url = $3 WHERE id = $1");
    update
        .bind(codec::id(guild.id))
        .bind(codec::text(&guild.name))
        .bind(codec::text(&guild.icon_url))
        .execute(on)
        .await
        .map(drop)
}

/// With all that is in it. The stream stays.
pub(super) async fn delete(on: &mut PgConnection, guild: GuildId) -> sqlx::Result<()> {
    for statement in [
        "UPDATE streams SET closed = TRUE WHERE kind = 1 AND id IN (SELECT id FROM channels WHERE guild_id = $1)",
        "DELETE FROM channels WHERE guild_id = $1",
        "DELETE FROM members WHERE guild_id = $1",
        "DELETE FROM invites WHERE guild_id = $1",
        "DELETE FROM guilds WHERE id = $1",
    ] {
        sqlx::query(statement).bind(codec::id(guild)).execute(&mut *on).await?;
    }
    Ok(())
}
