//! Guilds.

use std::collections::HashMap;

use guildhall_proto::ids::{ChannelId, GuildId, RoleId, StreamKey, StreamKind, UserId};
use sqlx::postgres::PgConnection;

use super::codec::{self, Columns};
use super::link::Link;
use super::streams;
use crate::store::{ChannelRow, GuildRow, GuildSnapshot, MemberRow, OverwriteRow, Position, RoleRow, Taken, Target};

/// One statement, so one snapshot: a row is the guild, a member, a channel, a role, a role of a member, or an overwrite.
pub(super) const SNAPSHOT: &str = "
SELECT 0 AS part, g.id, g.owner_id AS other, g.create_ms, s.epoch, s.head, g.name, g.icon_url AS text,
       NULL::bigint AS parent_id, NULL::integer AS kind, FALSE AS one, FALSE AS two
FROM guilds AS g JOIN streams AS s ON s.kind = 2 AND s.id = g.id WHERE g.id = $1
UNION ALL
SELECT 1, m.user_id, NULL, m.join_ms, m.time_out_ms, NULL, m.nickname, NULL, NULL, NULL, NULL, NULL
FROM members AS m WHERE m.guild_id = $1
UNION ALL
SELECT 2, c.id, c.position, c.create_ms, c.slow_mode_seconds, NULL, c.name, c.topic, c.parent_id, c.kind, c.in_step, NULL
FROM channels AS c WHERE c.guild_id = $1
UNION ALL
SELECT 3, r.id, r.position, r.create_ms, r.permissions, r.color, r.name, NULL, r.bot_id, NULL, r.hoist, r.mentionable
FROM roles AS r WHERE r.guild_id = $1
UNION ALL
SELECT 4, b.user_id, b.role_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM member_roles AS b WHERE b.guild_id = $1
UNION ALL
SELECT 5, o.channel_id, o.target_id, NULL, o.allow, o.deny, NULL, NULL, NULL, o.kind, NULL, NULL
FROM overwrites AS o WHERE o.guild_id = $1";

/// A guild with its members, by id, its channels and roles, by position.
pub(super) async fn snapshot(on: &Link, id: GuildId) -> sqlx::Result<Option<GuildSnapshot>> {
    let rows = on.rows(|| sqlx::query(SNAPSHOT).bind(codec::id(id))).await?;
    let mut parts = Parts::default();
    for row in &rows {
        parts.read(id, &mut Columns::of(row))?;
    }
    Ok(parts.whole())
}

/// What a snapshot is put together from; its rows come in any order.
#[derive(Default)]
struct Parts {
    guild: Option<(GuildRow, Position)>,
    members: Vec<MemberRow>,
    channels: Vec<ChannelRow>,
    roles: Vec<RoleRow>,
    borne: HashMap<UserId, Vec<RoleId>>,
    overwrites: HashMap<ChannelId, Vec<OverwriteRow>>,
}

impl Parts {
    fn read(&mut self, id: GuildId, columns: &mut Columns<'_>) -> sqlx::Result<()> {
        match columns.get::<i32>()? {
            0 => self.guild = Some(guild(columns)?),
            1 => self.members.push(member(id, columns)?),
            2 => self.channels.push(channel(id, columns)?),
            3 => self.roles.push(role(id, columns)?),
            4 => self.borne.entry(columns.id()?).or_default().push(columns.id()?),
            _ => self.overwrites.entry(columns.id()?).or_default().push(overwrite(columns)?),
        }
        Ok(())
    }

    fn whole(mut self) -> Option<GuildSnapshot> {
        let (guild, position) = self.guild?;
        for member in &mut self.members {
            member.roles = self.borne.remove(&member.user).unwrap_or_default();
            member.roles.sort_unstable();
        }
        for channel in &mut self.channels {
            channel.overwrites = self.overwrites.remove(&channel.id).unwrap_or_default();
            channel.overwrites.sort_unstable_by_key(|row| row.target);
        }
        self.members.sort_unstable_by_key(|member| codec::id(member.user));
        self.channels.sort_unstable_by_key(|channel| (channel.position, codec::id(channel.id)));
        self.roles.sort_unstable_by_key(|role| (role.position, codec::id(role.id)));
        let Self { members, channels, roles, .. } = self;
        Some(GuildSnapshot { guild, position, members, channels, roles })
    }
}

fn guild(columns: &mut Columns<'_>) -> sqlx::Result<(GuildRow, Position)> {
    let (id, owner, create_ms) = (columns.id()?, columns.id()?, columns.id()?);
    let position = streams::read_position(columns)?;
    Ok((GuildRow { id, name: columns.text()?, icon_url: columns.text()?, owner, create_ms }, position))
}

fn member(guild: GuildId, columns: &mut Columns<'_>) -> sqlx::Result<MemberRow> {
    let user = columns.id()?;
    columns.skip(1);
    let (join_ms, time_out_ms) = (columns.id()?, columns.id_or_none()?);
    columns.skip(1);
    Ok(MemberRow { nickname: columns.text()?, time_out_ms, ..MemberRow::new(guild, user, join_ms) })
}

fn channel(guild: GuildId, columns: &mut Columns<'_>) -> sqlx::Result<ChannelRow> {
    let (id, position, create_ms, slow_mode_seconds) =
        (columns.id()?, columns.number()?, columns.id()?, columns.number()?);
    columns.skip(1);
    Ok(ChannelRow {
        id,
        guild,
        name: columns.text()?,
        topic: columns.text()?,
        parent: columns.id_or_none()?,
        kind: columns.number()?,
        in_step: columns.get()?,
        position,
        create_ms,
        slow_mode_seconds,
        overwrites: Vec::new(),
    })
}

fn role(guild: GuildId, columns: &mut Columns<'_>) -> sqlx::Result<RoleRow> {
    let (id, position, create_ms) = (columns.id()?, columns.number()?, columns.id()?);
    let (permissions, color, name) = (columns.id()?, columns.number()?, columns.text()?);
    columns.skip(1);
    let bot = columns.id_or_none()?;
    columns.skip(1);
    let (hoist, mentionable) = (columns.get()?, columns.get()?);
    Ok(RoleRow { id, guild, name, permissions, color, hoist, mentionable, position, bot, create_ms })
}

fn overwrite(columns: &mut Columns<'_>) -> sqlx::Result<OverwriteRow> {
    let target = columns.id()?;
    columns.skip(1);
    let (allow, deny) = (columns.id()?, columns.id()?);
    columns.skip(3);
    let target = match columns.get::<i32>()? {
        1 => Target::Role(RoleId(target)),
        2 => Target::Member(UserId(target)),
        _ => return Err(columns.wrong("unknown kind of overwrite")),
    };
    Ok(OverwriteRow { target, allow, deny })
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

pub(super) async fn set_owner(on: &mut PgConnection, guild: GuildId, owner: UserId) -> sqlx::Result<()> {
    let update = sqlx::query("UPDATE guilds SET owner_id = $2 WHERE id = $1");
    update.bind(codec::id(guild)).bind(codec::id(owner)).execute(on).await.map(drop)
}

/// With all that is in it. The stream stays.
pub(super) async fn delete(on: &mut PgConnection, guild: GuildId) -> sqlx::Result<()> {
    for statement in [
        "UPDATE streams SET closed = TRUE WHERE kind = 1 AND id IN (SELECT id FROM channels WHERE guild_id = $1)",
        "DELETE FROM channels WHERE guild_id = $1",
        "DELETE FROM members WHERE guild_id = $1",
        "DELETE FROM member_roles WHERE guild_id = $1",
        "DELETE FROM roles WHERE guild_id = $1",
        "DELETE FROM overwrites WHERE guild_id = $1",
        "DELETE FROM bans WHERE guild_id = $1",
        "DELETE FROM audit WHERE guild_id = $1",
        "DELETE FROM invites WHERE guild_id = $1",
        "DELETE FROM guilds WHERE id = $1",
    ] {
        sqlx::query(statement).bind(codec::id(guild)).execute(&mut *on).await?;
    }
    Ok(())
}
