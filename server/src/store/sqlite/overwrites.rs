//! What roles and members have more or less in single channels.

use std::collections::HashMap;

use guildhall_proto::ids::{ChannelId, GuildId};
use sqlx::sqlite::SqliteConnection;

use super::codec::{self, Columns};
use crate::store::{ChannelRow, OverwriteRow, Target};

/// By channel, kind and id of the target.
pub(super) async fn all(
    on: &mut SqliteConnection,
    guild: GuildId,
) -> sqlx::Result<HashMap<ChannelId, Vec<OverwriteRow>>> {
    let select = "SELECT channel_id, kind, target_id, allow, deny FROM overwrites WHERE guild_id = ?1";
    let rows = sqlx::query(select).bind(codec::id(guild)).fetch_all(on).await?;
    let mut all: HashMap<ChannelId, Vec<OverwriteRow>> = HashMap::new();
    for row in &rows {
        let mut columns = Columns::of(row);
        all.entry(columns.id()?).or_default().push(read(&mut columns)?);
    }
    all.values_mut().for_each(|rows| rows.sort_unstable_by_key(|row| row.target));
    Ok(all)
}

fn read(columns: &mut Columns<'_>) -> sqlx::Result<OverwriteRow> {
    let target = match columns.get::<i64>()? {
        1 => Target::Role(columns.id()?),
        2 => Target::Member(columns.id()?),
        _ => return Err(columns.wrong("unknown kind of overwrite")),
    };
    Ok(OverwriteRow { target, allow: columns.id()?, deny: columns.id()? })
}

/// Those of a channel, in place of all that it had.
pub(super) async fn replace(on: &mut SqliteConnection, channel: &ChannelRow) -> sqlx::Result<()> {
    let delete = sqlx::query("DELETE FROM overwrites WHERE channel_id = ?1");
    delete.bind(codec::id(channel.id)).execute(&mut *on).await?;
    for row in &channel.overwrites {
        let (kind, target) = match row.target {
            Target::Role(role) => (1, codec::id(role)),
            Target::Member(user) => (2, codec::id(user)),
        };
        let insert = "INSERT INTO overwrites (channel_id, kind, target_id, guild_id, allow, deny)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        sqlx::query(insert)
            .bind(codec::id(channel.id))
            .bind(kind)
            .bind(target)
            .bind(codec::id(channel.guild))
            .bind(codec::id(row.allow))
            .bind(codec::id(row.deny))
            .execute(&mut *on)
            .await?;
    }
    Ok(())
}
